"""Files as batches of Arrow tables, one file at a time."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from fastrcf.errors import InvalidInputError
from fastrcf.files.bad_rows import Refuse
from fastrcf.files.formats import COMPRESSION, STANDARD, guess_format

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastrcf._typing import Integers
    from fastrcf.files.bad_rows import BadRow, BadRows
    from fastrcf.files.formats import Format

# Of a column that is empty as far as it was looked at, none of the others is known.
Kind = Literal["number", "text", "time", "other", "empty"]


@dataclass(frozen=True)
class Options:
    """How files are read.

    Attributes
    ----------
    format : Format or None
        None goes by the name's ending.
    header : bool
        Whether the first line of a CSV file names the columns.
    names : tuple of str
        Names of the columns of a CSV file without a header; ``x0``, ``x1`` and
        so on where there are none.
    delimiter : str or None
        Between the fields of CSV; None goes by the first line.
    encoding : str
        Of CSV.
    batch_rows : int
        Most rows of a batch.
    bad : BadRows
        What becomes of rows that cannot be used.
    """

    format: Format | None = None
    header: bool = True
    names: tuple[str, ...] = ()
    delimiter: str | None = None
    encoding: str = "utf-8"
    batch_rows: int = 1 << 16
    bad: BadRows = field(default_factory=Refuse)


@dataclass(frozen=True)
class Batch:
    """Some rows of a file.

    Attributes
    ----------
    table : pyarrow.Table
        The rows.
    file : str
        The file's name.
    rows : numpy.ndarray of int64, shape (n,)
        Their zero-based numbers in the file.
    malformed : tuple of BadRow
        What came with them and is no row.
    """

    table: pa.Table
    file: str
    rows: Integers
    malformed: tuple[BadRow, ...] = ()


class Source(ABC):
    """One file.

    Attributes
    ----------
    file : str
        Its name.
    names : list of str
        Its columns.
    kinds : dict of str to Kind
        What each column holds; in formats without types, by the first rows.
    """

    file: str
    names: list[str]
    kinds: dict[str, Kind]

    @abstractmethod
    def read(self, columns: Sequence[str]) -> Iterator[Batch]:
        """Yield the rows, with these columns in this order."""

    def progress(self) -> float:
        """Share of the file that has been read, in [0, 1]; 0 where none can say."""
        return 0.0

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Batch]:
        """Yield the file's rows, once.

        Parameters
        ----------
        columns : sequence of str, optional
            Which columns; default: all.

        Raises
        ------
        InvalidInputError
            If a column is missing or the file is damaged.
        """
        columns = self.names if columns is None else list(dict.fromkeys(columns))
        for name in columns:
            if name not in self.names:
                raise InvalidInputError(
                    f"{self.file}: there is no column {name!r}; it has {_list(self.names)}"
                )
        with _damaged(self.file):
            yield from self.read(columns)


def open_source(path: str, options: Options) -> Source:
    """Open one file.

    Raises
    ------
    InvalidInputError
        If its format is not known, or it is not of that format.
    OSError
        If it cannot be read.
    """
    from fastrcf.files.arrow_files import ArrowSource, ParquetSource
    from fastrcf.files.csv_files import CsvSource
    from fastrcf.files.json_lines import JsonLinesSource

    kinds: dict[Format, type[Any]] = {
        "csv": CsvSource,
        "jsonl": JsonLinesSource,
        "arrow": ArrowSource,
        "parquet": ParquetSource,
    }
    kind = kinds[options.format or guess_format(path)]
    with _damaged(path):
        source: Source = kind(path, options)
    return source


@contextmanager
def _damaged(path: str) -> Iterator[None]:
    """Name the file where its content is not what it should be."""
    try:
        yield
    except OSError as error:
        # Those of the system name the file themselves; those of a codec do not.
        if error.errno is not None:
            raise
        raise InvalidInputError(f"{path}: {error}") from None
    except (pa.ArrowException, UnicodeError) as error:
        raise InvalidInputError(f"{path}: {error}") from None


def open_bytes(path: str) -> tuple[IO[bytes], IO[bytes]]:
    """Open a file for reading; a compressed one as what it holds.

    Returns
    -------
    raw, stream : file objects
        The same one twice where nothing is compressed. Where the raw one stands
        tells how far reading has got.
    """
    if path == STANDARD:
        return sys.stdin.buffer, sys.stdin.buffer
    raw = pa.OSFile(path)
    codec = COMPRESSION.get(Path(path).suffix.lower())
    return raw, pa.CompressedInputStream(raw, codec) if codec else raw


def share_read(path: str, raw: Any) -> float:
    """Say which share of a file has been read."""
    if path == STANDARD or raw.closed:
        return 0.0
    return float(raw.tell() / max(1, Path(path).stat().st_size))


def kind_of(dtype: pa.DataType) -> Kind:
    """Tell what a column of an Arrow type holds."""
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    is_number = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_boolean,
        pa.types.is_decimal,
    )
    if any(check(dtype) for check in is_number):
        return "number"
    if pa.types.is_null(dtype):
        return "empty"
    if pa.types.is_string(dtype) or pa.types.is_large_string(dtype):
        return "text"
    if pa.types.is_timestamp(dtype) or pa.types.is_date(dtype):
        return "time"
    return "other"


def numbered(first: int, table: pa.Table) -> Integers:
    """Give the numbers of a table's rows from ``first`` on."""
    return np.arange(first, first + table.num_rows, dtype=np.int64)


def _list(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:12])
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")
