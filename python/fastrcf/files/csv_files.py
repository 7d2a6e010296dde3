"""CSV: all values are text until it is known what they are for."""

from __future__ import annotations

import codecs
import csv
import io
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from fastrcf.errors import InvalidInputError
from fastrcf.files.bad_rows import BadRow
from fastrcf.files.formats import STANDARD
from fastrcf.files.sources import Batch, Source, open_bytes, share_read
from fastrcf.files.values import is_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastrcf._typing import Integers
    from fastrcf.files.sources import Kind, Options

_BLOCK = 4 << 20
# No value that the reader takes is as long.
_ENDLESS = 16 * _BLOCK
_START = 1 << 16
_DELIMITERS = ",;\t|"


class CsvSource(Source):
    """A CSV file or stream.

    Values may hold line breaks if they are quoted; empty lines are no rows.
    Lines with too few or too many fields are bad rows.
    """

    def __init__(self, path: str, options: Options) -> None:
        self.file = path
        self._options = options
        self._raw, stream = open_bytes(path)
        start = _read_start(stream)
        # Of other encodings bytes tell neither quotes nor lines.
        is_kept = path == STANDARD and '"\n'.encode(options.encoding) == b'"\n'
        self._stream = Rejoined(start, stream, keep=is_kept)
        text = _decoded(path, start, options.encoding)
        self._delimiter = options.delimiter or max(_DELIMITERS, key=text.partition("\n")[0].count)
        lines = csv.reader(io.StringIO(text), delimiter=self._delimiter)
        try:
            sample = [line for line in lines if line]
        except csv.Error as error:
            raise InvalidInputError(
                f"{path}, line {lines.line_num}: it is not read as CSV: {error}; if it is "
                "something else, say what with --input-format"
            ) from None
        if not sample:
            raise InvalidInputError(f"{path}: the file is empty")
        if len(start) >= _START and len(sample) > 2:
            # The last line may be cut off.
            sample.pop()
        self.names = self._header(sample[0])
        rows = sample[int(options.header) :][:1000]
        self.kinds = {name: _guess(rows, j) for j, name in enumerate(self.names)}

    def _header(self, line: list[str]) -> list[str]:
        given = list(self._options.names)
        if not self._options.header:
            if given and len(given) != len(line):
                raise InvalidInputError(f"{self.file}: {len(given)} names for {len(line)} columns")
            return given or [f"x{j}" for j in range(len(line))]
        numbers = [name for name in line if is_number(name)]
        if numbers:
            raise InvalidInputError(
                f"{self.file}: the first line should name the columns but holds the number "
                f"{numbers[0]}; if the file has no header, say so with --no-header"
            )
        if len(set(line)) != len(line):
            twice = next(name for name in line if line.count(name) > 1)
            raise InvalidInputError(f"{self.file}: two columns are named {twice!r}")
        return line

    def read(self, columns: Sequence[str]) -> Iterator[Batch]:
        """Yield the rows."""
        try:
            yield from self._batches(columns)
        except pa.ArrowInvalid as error:
            if "straddling" not in str(error):
                raise
            self._refuse_open_quote()
            raise InvalidInputError(
                f"{self.file}: a row is longer than {_BLOCK >> 20} MB"
            ) from None
        # Where quotes come in pairs none is open; else one may be a sign of inches.
        if self._stream.quotes % 2:
            self._refuse_open_quote()

    def _batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        skipped: list[int] = []
        found: list[BadRow] = []

        def note(row: Any) -> str:
            # The reader counts from 1, and a header as a row.
            number = row.number - 1 - int(self._options.header)
            reason = f"{row.actual_columns} fields instead of {row.expected_columns}"
            found.append(BadRow(self.file, number, None, reason, row.text))
            skipped.append(number)
            return "skip"

        reader = pacsv.open_csv(
            self._stream,
            read_options=pacsv.ReadOptions(
                use_threads=False,
                block_size=_BLOCK,
                encoding=self._options.encoding,
                column_names=None if self._options.header else self.names,
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=self._delimiter,
                newlines_in_values=True,
                invalid_row_handler=note,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types={name: pa.string() for name in self.names},
                include_columns=list(columns),
                strings_can_be_null=False,
            ),
        )
        done = 0
        with reader:
            batches = iter(reader)
            while True:
                batch = next(batches, None)
                if batch is None:
                    break
                whole = pa.Table.from_batches([batch])
                for first in range(0, whole.num_rows, self._options.batch_rows):
                    table = whole.slice(first, self._options.batch_rows)
                    malformed, found[:] = tuple(found), ()
                    rows = _numbers(done, table.num_rows, skipped)
                    yield Batch(table, self.file, rows, malformed)
                    done += table.num_rows
            if found:
                nothing = pa.table({name: pa.array([], pa.string()) for name in columns})
                yield Batch(nothing, self.file, _numbers(done, 0, skipped), tuple(found))

    def _refuse_open_quote(self) -> None:
        """See that no quote is open at the end, which would have taken all rows after it in.

        The reader passes over it, so the file is read again; of standard input, which cannot
        be, the rows from where quotes last came in pairs.
        """
        if self.file == STANDARD:
            if self._stream.rest is None:
                return
            stream: IO[bytes] = io.BytesIO(self._stream.rest)
            done = self._stream.lines
        else:
            stream, done = open_bytes(self.file)[1], 0
        longest = csv.field_size_limit(_ENDLESS)
        try:
            with stream, io.TextIOWrapper(stream, self._options.encoding, newline="") as text:
                lines, before = csv.reader(text, delimiter=self._delimiter, strict=True), done
                for _ in lines:
                    before = done + lines.line_num
        except csv.Error as error:
            # Text behind a closing quote is an error here, and none of the reader's.
            if any(said in str(error) for said in ("end of data", "field limit")):
                raise InvalidInputError(
                    f"{self.file}, line {before + 1}: a quote is opened that is closed nowhere, "
                    "so all that follows is one value and its rows are lost; close it, or double it"
                ) from None
        finally:
            csv.field_size_limit(longest)

    def progress(self) -> float:
        """Share of the file that has been read."""
        return share_read(self.file, self._raw)


def _decoded(path: str, start: bytes, encoding: str) -> str:
    """Read a file's first bytes, of which the last may be part of a character."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(start)
    except UnicodeError as error:
        raise InvalidInputError(
            f"{path}: it is not {encoding}: {error}; say what it is with --encoding"
        ) from None
    text = text.removeprefix("\ufeff")
    if "\r" in text and "\n" not in text:
        raise InvalidInputError(
            f"{path}: lines end in carriage returns alone, as on old Macs: convert them"
        )
    return text


def _guess(rows: list[list[str]], j: int) -> Kind:
    """Tell what a column holds: numbers if most of its first values are."""
    values = [row[j] for row in rows if j < len(row) and row[j].strip()]
    if rows and not values:
        return "empty"
    return "number" if 2 * sum(map(is_number, values)) > len(values) else "text"


def _numbers(done: int, n: int, skipped: list[int]) -> Integers:
    """Give the numbers of the ``n`` rows after the first ``done``, those skipped counted."""
    rows = np.arange(done, done + n, dtype=np.int64)
    if skipped:
        # A skipped row comes before the first row that has as many before it.
        before = np.array(skipped, dtype=np.int64) - np.arange(len(skipped))
        rows += np.searchsorted(before, rows, side="right")
    return rows


def _read_start(stream: Any) -> bytes:
    start: bytes = stream.read(_START)
    # With a row at least, by which columns are told.
    while start and start.count(b"\n") < 2:
        more = stream.read(_START)
        if not more:
            break
        start += more
    return start


class Rejoined(io.RawIOBase):
    """A stream whose start was read already.

    Attributes
    ----------
    quotes : int
        Those read so far.
    rest : bytes or None
        If it keeps them: the lines read since quotes last came in pairs at the end of one.
        None where they are more than a value may be long.
    lines : int
        Those before the rest.
    """

    def __init__(self, start: bytes, rest: Any, *, keep: bool = False) -> None:
        self._start = start
        self._rest = rest
        self.quotes = 0
        self.rest: bytes | None = b"" if keep else None
        self.lines = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read at most ``size`` bytes, all if negative, and count the quotes."""
        read = self._read(size)
        if self.rest is not None:
            self._keep(read)
        self.quotes += read.count(b'"')
        return read

    def _keep(self, read: bytes) -> None:
        # From behind, quote by quote: the last end of a line that is in no quotes.
        assert self.rest is not None
        is_open = (self.quotes + read.count(b'"')) % 2
        end, line = len(read), -1
        while end >= 0 and line < 0:
            quote = read.rfind(b'"', 0, end)
            if not is_open:
                line = read.rfind(b"\n", quote + 1, end)
            is_open, end = 1 - is_open, quote
        if line >= 0:
            self.lines += self.rest.count(b"\n") + read.count(b"\n", 0, line + 1)
            self.rest = read[line + 1 :]
        elif len(self.rest) < _ENDLESS:
            self.rest += read
        else:
            self.rest = None

    def _read(self, size: int) -> bytes:
        if not self._start:
            return self._rest.read() if size < 0 else self._rest.read(size)  # type: ignore[no-any-return]
        if size < 0:
            start, self._start = self._start, b""
            return start + self._rest.read()  # type: ignore[no-any-return]
        start, self._start = self._start[:size], self._start[size:]
        return start
