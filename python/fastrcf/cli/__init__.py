"""The command line: ``fastrcf train``, ``score``, ``detect`` and their kin."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from fastrcf.cli import interrupts

if TYPE_CHECKING:
    from collections.abc import Sequence

DONE, FAILED, WRONG_USE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.

    Returns
    -------
    int
        0 done, 1 failed, 2 wrong use; further ones are a command's own.
    """
    if arguments is None:
        interrupts.end_first_process()
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    try:
        with interrupts.noted():
            return _run([word for word in given if word != "--debug"])
    except KeyboardInterrupt:
        return _interrupted(last=arguments is None)
    except BrokenPipeError:
        # Whoever read our output has left; nothing more can be told there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if interrupts.was_asked():
            return _interrupted(last=arguments is None)
        if debug or not _is_expected(error):
            raise
        print(f"fastrcf: {_message(error)}", file=sys.stderr)
        return FAILED


def _interrupted(last: bool) -> int:
    if last:
        interrupts.no_more()
        interrupts.forget_lost()
    print("interrupted", file=sys.stderr)
    return 128 + signal.SIGINT


def _run(arguments: list[str]) -> int:
    try:
        import click

        from fastrcf.cli.app import app
    except ImportError as error:
        from fastrcf.errors import MissingExtraError

        if error.name is None or error.name.startswith("fastrcf"):
            raise
        raise MissingExtraError(
            f"the command line needs {error.name}: pip install 'fastrcf[cli]'"
        ) from None
    try:
        code = app.main(args=arguments, prog_name="fastrcf", standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        error.show()
        return error.exit_code
    # A command that decides something says so by a code of its own.
    return code if isinstance(code, int) else DONE


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _is_expected(error: Exception) -> bool:
    """Whether a message says it all, so that nobody needs a traceback."""
    from fastrcf.errors import FastRCFError

    return isinstance(error, (FastRCFError, OSError))
