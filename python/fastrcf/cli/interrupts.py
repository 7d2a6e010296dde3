"""Ctrl-C that is not lost, and a container's SIGTERM.

The exception that Python raises at Ctrl-C can be swallowed on its way: by an
extension module that clears errors (pyarrow does while it looks for pandas), or
by a finalizer. So it is also noted, and loops ask.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_asked = threading.Event()


@contextmanager
def noted() -> Iterator[None]:
    """Note Ctrl-C while the block runs, beside raising KeyboardInterrupt."""
    _asked.clear()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before, hook = signal.signal(signal.SIGINT, _note), sys.unraisablehook
    sys.unraisablehook = lambda lost: None if lost.exc_type is KeyboardInterrupt else hook(lost)
    try:
        yield
    finally:
        sys.unraisablehook = hook
        signal.signal(signal.SIGINT, before)


def _note(number: int, frame: Any) -> None:
    _asked.set()
    raise KeyboardInterrupt


def end_first_process() -> None:
    """Let SIGTERM end this process also where it is a container's first, without tini.

    The kernel keeps from that one each signal that it has no handler for: one that comes
    while a server still reads its model, or a command runs, would be lost.
    """
    if os.getpid() == 1 and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, frame: Any) -> None:
    raise SystemExit(128 + number)


def was_asked() -> bool:
    """Whether Ctrl-C came."""
    return _asked.is_set()


def no_more() -> None:
    """Let this process end in peace: pyarrow may raise the signal once more."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def forget_lost() -> None:
    """Let the exit code of ``python -m`` be ours.

    CPython notes an interrupt that leaves a string given to exec(), as an import
    of dataclasses runs many, and at its end kills itself by the signal although
    the exception was caught. Each exec() begins by clearing the note.
    """
    exec("")


def stop_if_asked() -> None:
    """Raise KeyboardInterrupt if one was lost."""
    if _asked.is_set():
        raise KeyboardInterrupt
