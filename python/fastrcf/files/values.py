"""Columns of any Arrow type as numbers, categories, times and labels.

Each function gives the values and the rows that are bad, with reasons.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastrcf.errors import InvalidInputError
from fastrcf.files.sources import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

# The engine's largest magnitude.
_LARGEST = 1e30
# Reasons of rows in which there is nothing, in small letters.
_NO_VALUES = ("the value is missing", "the time is missing", "nan is not finite")


@dataclass
class Values:
    """A column made ready.

    Attributes
    ----------
    array : numpy.ndarray or pyarrow.Array
        One value a row; what it says in bad rows means nothing.
    bad : dict of int to str
        Why rows are bad.
    """

    array: Any
    bad: dict[int, str] = field(default_factory=dict)

    def has_value(self, n: int) -> bool:
        """Whether any of the ``n`` rows has a value, a good or a bad one."""
        return len(self.bad) < n or any(
            reason.lower() not in _NO_VALUES for reason in self.bad.values()
        )


def parse_number(text: str, *, truth: bool = True) -> float:
    """Read a number, or, if ``truth``, a truth value as 1 or 0: NaN if it is neither."""
    try:
        return math.nan if "_" in text else float(text)
    except ValueError:
        return _TRUTH.get(text.strip().lower(), math.nan) if truth else math.nan


_TRUTH = {"true": 1.0, "false": 0.0}


def is_number(text: str) -> bool:
    """Whether text is a finite number or a truth value."""
    return math.isfinite(parse_number(text))


def numbers(column: pa.ChunkedArray) -> Values:
    """Give a column as float64; missing, infinite and unreadable values are bad."""
    kind = kind_of(column.type)
    if kind == "text":
        return _numbers_of_text(_plain(column))
    if kind == "empty":
        column = pc.cast(column, pa.float64())
    elif kind != "number":
        raise InvalidInputError(f"holds {column.type}, not numbers")
    array = _to_floats(_plain(column))
    out = Values(array)
    for i in np.flatnonzero(~(np.abs(array) <= _LARGEST)):
        value = column[int(i)].as_py()
        out.bad[int(i)] = "the value is missing" if value is None else _what(float(value), value)
    return out


def _to_floats(column: Any) -> Any:
    if pa.types.is_decimal(column.type) or pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.float64())
    # NaN where null; large integers are rounded, as everywhere in the engine.
    return column.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)


def _numbers_of_text(column: Any) -> Values:
    array = _parsed(column)
    out = Values(array)
    for i in np.flatnonzero(~(np.abs(array) <= _LARGEST)):
        text = column[int(i)].as_py()
        missing = text is None or not text.strip()
        out.bad[int(i)] = "the value is missing" if missing else _what(array[i], text)
    return out


def _parsed(column: Any) -> Any:
    for way in ((pa.float64(),), (pa.bool_(), pa.float64())):
        numbers = column
        try:
            for dtype in way:
                numbers = pc.cast(numbers, dtype)
        except pa.ArrowInvalid:
            continue
        return numbers.to_numpy(zero_copy_only=False)
    # Some value is none, or has blanks around it: looked for one by one.
    texts = column.to_pylist()
    return np.array([math.nan if text is None else parse_number(text) for text in texts])


def _what(number: float, shown: Any) -> str:
    if math.isfinite(number):
        return f"{shown} is larger than {_LARGEST:g} in magnitude"
    if isinstance(shown, str) and shown.strip().lower().lstrip("+-")[:3] not in ("nan", "inf"):
        return f"{shown[:80]!r} is not a number"
    return f"{shown} is not finite"


def categories(column: pa.ChunkedArray) -> Values:
    """Give a column as text; missing values are bad."""
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    if pa.types.is_timestamp(column.type):
        # As tables of other kinds have them.
        texts = [None if moment is None else str(moment) for moment in column.to_pylist()]
        column = pa.chunked_array([pa.array(texts, pa.string())])
    try:
        text = pc.cast(_plain(column), pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise InvalidInputError(f"holds {column.type}, not categories") from None
    empty = pc.fill_null(pc.equal(text, ""), True).to_numpy(zero_copy_only=False)
    return Values(text, {int(i): "the value is missing" for i in np.flatnonzero(empty)})


def times(column: pa.ChunkedArray) -> Values:
    """Give a column as datetimes (microseconds), or as numbers where it holds numbers."""
    kind = kind_of(column.type)
    if kind == "number" and not pa.types.is_boolean(column.type):
        return numbers(column)
    plain = _plain(column)
    if kind == "text":
        as_numbers = _numbers_of_text(plain)
        if not as_numbers.bad:
            for i in np.flatnonzero(_are_truths(plain)):
                as_numbers.bad[int(i)] = f"{plain[int(i)].as_py()!r} is not a time"
            return as_numbers
        return _each(plain, lambda text: pc.cast(pa.scalar(text.strip()), _MOMENT), _MOMENT)
    if kind != "time":
        raise InvalidInputError(f"holds {column.type}, not times")
    plain = pc.cast(plain, _MOMENT, safe=False)
    missing = np.flatnonzero(plain.is_null().to_numpy(zero_copy_only=False))
    return Values(plain, {int(i): "the time is missing" for i in missing})


def _are_truths(column: Any) -> Any:
    words = pc.utf8_lower(pc.utf8_trim_whitespace(column))
    return pc.is_in(words, value_set=pa.array(list(_TRUTH), words.type)).to_numpy(False)


_MOMENT = pa.timestamp("us")


def _each(column: Any, parse: Callable[[str], Any], dtype: pa.DataType) -> Values:
    """Parse text at once if that can be done, else one by one."""
    try:
        return Values(pc.cast(column, dtype))
    except pa.ArrowInvalid:
        pass
    out = Values(None)
    values = []
    for i, text in enumerate(column.to_pylist()):
        try:
            values.append(None if text is None else parse(text).as_py())
        except pa.ArrowInvalid:
            values.append(None)
        if values[-1] is None:
            empty = text is None or not text.strip()
            out.bad[i] = "the time is missing" if empty else f"{text[:80]!r} is not a time"
    out.array = pa.array(values, dtype)
    return out


def _plain(column: Any) -> Any:
    """One contiguous array without a dictionary."""
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
