#!/usr/bin/env python
"""Sets the kernel that notebooks name, so that they open and run where that kernel is.

    python notebooks/tools/set_kernelspec.py --kernel python3 notebooks/*.ipynb
    python notebooks/tools/set_kernelspec.py --check notebooks/*.ipynb

A notebook that names it already is not written. ``--check`` writes none and ends with exit code 1
if one would be.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import nbformat

if TYPE_CHECKING:
    from nbformat import NotebookNode


# As Jupyter has them.
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def with_kernel(notebook: NotebookNode, name: str, display_name: str) -> bool:
    """Name a kernel; returns whether that changed anything."""
    wanted = {"name": name, "display_name": display_name, "language": "python"}
    if dict(notebook.metadata.get("kernelspec", {})) == wanted:
        return False
    notebook.metadata["kernelspec"] = wanted
    return True


def read(path: Path) -> NotebookNode:
    """Read a notebook and hold it to its format.

    Raises
    ------
    click.ClickException
        The file is no notebook.
    """
    try:
        notebook: NotebookNode = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    # Readers trip over what is no notebook in ways of their own.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise click.ClickException(f"{path} is no notebook: {reason}") from None
    return notebook


def write(notebook: NotebookNode, path: Path) -> None:
    """Replace a notebook as a whole; of a link what it leads to."""
    path = path.resolve()
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        nbformat.write(notebook, beside)
        shutil.copymode(path, beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument(
    "notebooks",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--kernel", default="python3", show_default=True, help="The kernel's name.")
@click.option("--display-name", help="What people see.  [default: Python 3 (ipykernel)]")
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if something would be.")
def main(notebooks: tuple[Path, ...], kernel: str, display_name: str | None, check: bool) -> None:
    """Set the kernel of NOTEBOOKS."""
    if not _NAME.fullmatch(kernel):
        raise click.UsageError(
            f"{kernel!r} is no name of a kernel: letters, digits, hyphens, points and underscores"
        )
    shown = display_name or ("Python 3 (ipykernel)" if kernel == "python3" else kernel)
    # All are read before one is written.
    read_in = [(path, read(path)) for path in notebooks]
    changed = [(path, made) for path, made in read_in if with_kernel(made, kernel, shown)]
    for path, notebook in changed:
        if check:
            click.echo(f"{path} names another kernel than {kernel}")
        else:
            write(notebook, path)
            click.echo(path)
    if check and changed:
        sys.exit(1)


if __name__ == "__main__":
    main()
