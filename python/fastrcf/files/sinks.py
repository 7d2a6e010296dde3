"""Tables into files, batch by batch, whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
from abc import ABC, abstractmethod
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from fastrcf._writing import is_stream
from fastrcf.files.formats import COMPRESSION, STANDARD, guess_format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastrcf.files.formats import Format


class Sink(ABC):
    """Takes tables of one schema."""

    @abstractmethod
    def write(self, table: pa.Table) -> None:
        """Add rows."""

    @abstractmethod
    def close(self) -> None:
        """End the file."""


class _Binary(Sink):
    """Parquet or Arrow IPC; the writer is made once the schema is known."""

    def __init__(self, make: Callable[[pa.Schema], Any]) -> None:
        self._make = make
        self._writer: Any = None

    def write(self, table: pa.Table) -> None:
        if self._writer is None:
            self._writer = self._make(table.schema)
        self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class _Csv(Sink):
    def __init__(self, file: Any) -> None:
        self._file = file
        self._begun = False

    def write(self, table: pa.Table) -> None:
        # Imported where needed: other formats, and streams, start without it.
        import polars as pl

        pl.DataFrame(_flat(table)).write_csv(self._file, include_header=not self._begun)
        self._begun = True

    def close(self) -> None:
        pass


class _JsonLines(Sink):
    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, table: pa.Table) -> None:
        import polars as pl

        pl.DataFrame(table).write_ndjson(self._file)

    def close(self) -> None:
        pass


def _flat(table: pa.Table) -> pa.Table:
    """CSV has no lists: reasons become their words."""
    for i, column in enumerate(table.schema):
        if pa.types.is_list(column.type):
            rows = table[i].to_pylist()
            words = ["; ".join(part["text"] for part in row) or None for row in rows]
            table = table.set_column(i, column.name, pa.array(words, pa.string()))
    return table


def _sink(format: Format, file: Any) -> Sink:
    if format == "csv":
        return _Csv(file)
    if format == "jsonl":
        return _JsonLines(file)
    if format == "parquet":
        return _Binary(lambda schema: pq.ParquetWriter(file, schema, compression="zstd"))
    return _Binary(lambda schema: pa.ipc.new_file(file, schema))


def check_place(path: Path) -> None:
    """See that a file can come to be here, before any work is done for it.

    Raises
    ------
    OSError
        Names what is in the way.
    """
    if is_stream(path):
        return
    path = Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path.parent))


@contextmanager
def open_sink(path: str, format: Format | None = None) -> Iterator[Sink]:
    """Open a file to write tables into.

    As :func:`open_whole` does it: all of it gets there, or nothing.

    Parameters
    ----------
    path : str
        A file's name, or ``"-"``.
    format : Format, optional
        Default: by the name's ending; CSV for standard output.

    Raises
    ------
    InvalidInputError
        If the ending says no format.
    OSError
        If it cannot be written.
    """
    chosen = format or guess_format(path)
    with open_whole(path) as file, _compressed(path, file) as out:
        sink = _sink(chosen, out)
        yield sink
        sink.close()


@contextmanager
def _compressed(path: str, file: Any) -> Iterator[Any]:
    """Compress what is written, if the name's ending says so."""
    codec = COMPRESSION.get(Path(path).suffix.lower()) if path != STANDARD else None
    if codec is None:
        yield file
        return
    # A stream closes what it writes to, which is still to be brought to the disk.
    with (
        os.fdopen(os.dup(file.fileno()), "wb") as raw,
        pa.CompressedOutputStream(raw, codec) as out,
    ):
        yield out


@contextmanager
def open_whole(path: str) -> Iterator[Any]:
    """Open a file to write bytes into: all of them get there, or none.

    It is written beside its place and renamed once the ``with`` block has ended
    well; otherwise what was there before stays. Through a link the file that it
    names is replaced, and what replaces a file has its permissions. Standard
    output, a device or a pipe, too, gets all or nothing.

    Parameters
    ----------
    path : str
        A file's name, or ``"-"``.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    if path == STANDARD or is_stream(path):
        with tempfile.TemporaryFile() as file:
            yield file
            file.seek(0)
            # At its end: it may be a file that others write to.
            with nullcontext(sys.stdout.buffer) if path == STANDARD else open(path, "ab") as out:
                shutil.copyfileobj(file, out, 1 << 20)
                out.flush()
        return
    place = Path(os.path.realpath(path))
    check_place(place)
    unfinished = place.with_name(f".{place.name}.{os.getpid()}.unfinished")
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if place.exists():
            shutil.copymode(place, unfinished)
        unfinished.replace(place)
    except BaseException:
        with suppress(FileNotFoundError):
            unfinished.unlink()
        raise
