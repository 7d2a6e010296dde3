"""Which files a name stands for, and what is in them."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Literal, get_args

from fastrcf.errors import InvalidInputError

Format = Literal["csv", "parquet", "arrow", "jsonl"]
FORMATS: tuple[Format, ...] = get_args(Format)

STANDARD = "-"
COMPRESSION = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}
_ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".data": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}


def guess_format(path: str) -> Format:
    """Tell a file's format by its name's ending; standard streams are CSV.

    Raises
    ------
    InvalidInputError
        Lists the endings that are known.
    """
    found: Format | None = "csv" if path == STANDARD else _format_of(Path(path))
    if found is not None:
        return found
    known = ", ".join(_ENDINGS)
    raise InvalidInputError(f"{path}: the ending says no format; known are {known} (or name it)")


def find_files(name: str) -> list[str]:
    """Give the files that a name stands for, in order of their names.

    Parameters
    ----------
    name : str
        A file, a folder (all files below it whose endings are known, hidden
        ones and those that begin with an underscore left out), a pattern with
        ``*``, ``?`` or ``[``, or ``"-"``.

    Raises
    ------
    InvalidInputError
        If there are none.
    """
    path = Path(name)
    if name == STANDARD or path.is_file() or _is_pipe(path):
        return [name]
    if path.is_dir():
        found = [str(file) for file in sorted(path.rglob("*")) if _is_data(file, path)]
        if not found:
            raise InvalidInputError(f"{name}: the folder holds no file of a known format")
        return found
    found = sorted(file for file in glob.glob(name, recursive=True) if Path(file).is_file())
    if not found:
        raise InvalidInputError(f"{name}: no such file")
    return found


def _is_pipe(path: Path) -> bool:
    return path.is_fifo() or path.is_char_device()


def _is_data(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)
    return not hidden and file.is_file() and _format_of(file) is not None


def _format_of(path: Path) -> Format | None:
    endings = [ending.lower() for ending in path.suffixes[-2:]]
    if endings and endings[-1] in COMPRESSION:
        endings.pop()
    return _ENDINGS.get(endings[-1]) if endings else None
