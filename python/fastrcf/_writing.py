"""Files that come to be whole, and what is no file and must not be replaced by one."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from fastrcf import _fastrcf

if TYPE_CHECKING:
    from os import PathLike

# What these name is open already, whatever it is.
_OPEN = ("/dev/std", "/dev/fd/", "/proc/")


def is_stream(path: str | PathLike[str]) -> bool:
    """Whether a name is of a device, a pipe or an open file, which takes bytes as they come."""
    name = os.fspath(path)
    if os.path.abspath(name).startswith(_OPEN):
        return True
    try:
        mode = os.stat(name).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def write(path: str | PathLike[str], data: bytes) -> None:
    """Write a file whole or not at all; a device or a pipe stays what it is.

    Raises
    ------
    OSError
        If it cannot be written; a file that was there is as before.
    """
    if not is_stream(path):
        _fastrcf.write_atomically(path, data)
        return
    # At its end: it may be a file that others write to.
    with open(path, "ab") as file:
        file.write(data)
