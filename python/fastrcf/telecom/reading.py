"""Files of records as frames: text stays text, nested objects become columns."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from fastrcf.errors import InvalidInputError
from fastrcf.files import guess_format, open_source
from fastrcf.files.sources import open_bytes
from fastrcf.telecom.aliases import ULTIROAM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastrcf.files import Options

_PIECE: Final = 16 << 20
_ULTIROAM_LINE: Final = re.compile(rb"\d\d-\d\d-\d{4};\d\d:\d\d:\d\d;")


@dataclass(frozen=True)
class Piece:
    """Some rows of a file.

    Attributes
    ----------
    frame : DataFrame
        The rows.
    file : str
        The file's name.
    rows : Series of Int64
        Their zero-based numbers in it.
    malformed : list of int
        Numbers of what is no record.
    """

    frame: pl.DataFrame
    file: str
    rows: pl.Series
    malformed: list[int]


def flatten(frame: pl.DataFrame) -> pl.DataFrame:
    """Make columns of the fields of objects, named ``outer.inner``."""
    while True:
        nested = [n for n, dtype in frame.schema.items() if isinstance(dtype, pl.Struct)]
        if not nested:
            return frame
        for name in nested:
            inner = frame[name].struct.unnest()
            inner = inner.rename({part: f"{name}.{part}" for part in inner.columns})
            frame = pl.concat([frame.drop(name), inner], how="horizontal")


def pieces(path: str, options: Options) -> Iterator[Piece]:
    """Read a file piece by piece.

    Raises
    ------
    InvalidInputError
        If it is damaged or of no known format.
    """
    if (options.format or guess_format(path)) == "jsonl":
        yield from _json(path)
        return
    if (options.format or guess_format(path)) == "csv" and not options.names:
        options = _without_names(path, options)
    try:
        source = open_source(path, options)
    except InvalidInputError as error:
        # Its message shows a value of the first line, which may be an identifier.
        if "should name the columns" not in str(error):
            raise
        source = None
    if source is None:
        raise InvalidInputError(f"{path}: the first line holds numbers and names no columns")
    for batch in source.batches():
        frame = pl.DataFrame(batch.table)
        rows = pl.Series("row", batch.rows, dtype=pl.Int64)
        yield Piece(flatten(frame), path, rows, [bad.row for bad in batch.malformed])


def _without_names(path: str, options: Options) -> Options:
    """See whether a CSV file is a log of Ultiroam, which has no line of names."""
    if path == "-":
        return options
    _, stream = open_bytes(path)
    with stream:
        start = stream.read(64)
    if _ULTIROAM_LINE.match(start):
        return replace(options, header=False, names=ULTIROAM.positions, delimiter=";")
    return options


def _json(path: str) -> Iterator[Piece]:
    _, stream = open_bytes(path)
    done = 0
    rest = b""
    first = True
    while True:
        read = stream.read(_PIECE)
        text = rest + read
        if first and text.lstrip()[:1] == b"[" and not _is_lines(text):
            yield from _array(path, text + stream.read())
            return
        first = False
        if read:
            text, _, rest = text.rpartition(b"\n")
        else:
            rest = b""
        lines = [line for line in text.split(b"\n") if line.strip()]
        if lines:
            yield _piece(path, lines, done)
            done += len(lines)
        if not read:
            break
    if not done:
        raise InvalidInputError(f"{path}: the file is empty")


def _is_lines(text: bytes) -> bool:
    """Tell whether the first line is JSON by itself."""
    try:
        json.loads(text.partition(b"\n")[0])
    except ValueError:
        return False
    return b"\n" in text.strip()


def _array(path: str, text: bytes) -> Iterator[Piece]:
    try:
        objects = json.loads(text)
    except ValueError as error:
        raise InvalidInputError(
            f"{path}: it is no JSON (line {getattr(error, 'lineno', 1)})"
        ) from None
    yield _objects(path, [(i, row) for i, row in enumerate(objects)])


def _piece(path: str, lines: list[bytes], done: int) -> Piece:
    try:
        frame = pl.read_ndjson(io.BytesIO(b"\n".join(lines)), infer_schema_length=None)
    except pl.exceptions.PolarsError:
        frame = pl.DataFrame()
    if frame.height == len(lines):
        rows = pl.Series("row", np.arange(done, done + len(lines)), dtype=pl.Int64)
        return Piece(flatten(frame), path, rows, [])
    found: list[tuple[int, Any]] = []
    for i, line in enumerate(lines):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        found.extend((done + i, part) for part in (row if isinstance(row, list) else [row]))
    return _objects(path, found)


def _objects(path: str, found: list[tuple[int, Any]]) -> Piece:
    good = [(i, row) for i, row in found if isinstance(row, dict)]
    malformed = [i for i, row in found if not isinstance(row, dict)]
    flat = [_flat(row) for _, row in good]
    names = dict.fromkeys(name for row in flat for name in row)
    frame = pl.DataFrame(
        {name: [row.get(name) for row in flat] for name in names},
        schema=dict.fromkeys(names, pl.String()),
    )
    return Piece(frame, path, pl.Series("row", [i for i, _ in good], dtype=pl.Int64), malformed)


def _flat(row: dict[str, Any], before: str = "") -> dict[str, str | None]:
    made: dict[str, str | None] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            made |= _flat(value, f"{before}{name}.")
        elif value is None or isinstance(value, str):
            made[before + name] = value
        else:
            made[before + name] = json.dumps(value)
    return made
