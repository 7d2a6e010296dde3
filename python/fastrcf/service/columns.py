"""A model's columns, and what can be wrong with a request's."""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf.serving.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

# What a cell of a column of categories may be.
_NAMES = (str, bool, int, float)
# What the engine takes, in single precision.
_LARGEST = 1e30


class Columns:
    """The columns that rows must have, in the model's order.

    Parameters
    ----------
    names : list of str
    categories : collection of str, default ()
        Those that hold categories; the others hold numbers.
    optional : bool, default False
        Whether numbers may be missing: NaN then.
    """

    def __init__(
        self, names: list[str], categories: Collection[str] = (), *, optional: bool = False
    ) -> None:
        self.names = names
        self.place = {name: j for j, name in enumerate(names)}
        self.categories = frozenset(categories)
        self.optional = optional
        # Every cell is a number that must be there: rows are a matrix of floats.
        self.plain = not self.categories and not optional

    def __len__(self) -> int:
        return len(self.names)

    def order(self, found: Sequence[str], *, extra: bool, row: int | None = None) -> list[int]:
        """Give the place of each column among those found.

        Parameters
        ----------
        found : sequence of str
            Names that a request has.
        extra : bool
            Whether others than the model's may be among them.
        row : int, optional
            Of which row they are.

        Raises
        ------
        Problem
            400 for a column that is missing, unknown or there twice.
        """
        places: dict[str, int] = {}
        for place, name in enumerate(found):
            if name in places:
                raise problem("repeated_column", f"column {name!r} is there twice", row)
            places[name] = place
            if name not in self.place and not extra:
                raise self.unknown(name, row)
        for name in self.names:
            if name not in places:
                raise self.missing(name, row)
        return [places[name] for name in self.names]

    def unknown(self, name: str, row: int | None) -> Problem:
        """Give the problem of a column that the model has not."""
        shown = reprlib.repr(name)
        return problem(
            "unknown_column",
            f"the model has no column {shown}; it has {self._some()}; "
            "extra=ignore in the query passes others over",
            row,
        )

    def missing(self, name: str, row: int | None) -> Problem:
        """Give the problem of a column that a request has not."""
        return problem(
            "missing_column", f"column {name!r} is not there", row, column=self.place[name]
        )

    def width(self, found: int, row: int) -> Problem:
        """Give the problem of a row with too few or too many values."""
        return problem(
            "wrong_width", f"{found} values, the model has {len(self)} columns: {self._some()}", row
        )

    def cell(self, value: Any, row: int, column: int) -> Any:
        """Check a value of JSON.

        Raises
        ------
        Problem
            400 with its place, if it is missing or of a wrong kind.
        """
        name = self.names[column]
        is_category = name in self.categories
        if value is None:
            if self.optional and not is_category:
                return np.nan
            raise self.lacking(row, column)
        if is_category:
            if isinstance(value, _NAMES):
                return value
            raise self._at("not_a_category", f"{_kind(value)} is no category", row, column)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            shown = reprlib.repr(value) if isinstance(value, str) else _kind(value)
            raise self._at("not_a_number", f"{shown} is not a number", row, column)
        try:
            return float(value)
        except OverflowError:
            raise self._at("not_a_number", "the number is too large", row, column) from None

    def text_cell(self, text: str, row: int, column: int) -> Any:
        """Check a value of CSV, as :meth:`cell` does one of JSON."""
        if not text.strip():
            return self.cell(None, row, column)
        if self.names[column] in self.categories:
            return text
        try:
            # Python would read 1_000 as a thousand.
            if "_" in text:
                raise ValueError
            return float(text)
        except ValueError:
            return self.cell(text, row, column)

    def lacking(self, row: int, column: int) -> Problem:
        """Give the problem of a value that is missing."""
        return self._at("missing_value", "the value is missing", row, column)

    def _at(self, kind: str, what: str, row: int, column: int) -> Problem:
        return problem(kind, f"column {self.names[column]!r}: {what}", row, column)

    def check_finite(self, rows: Any) -> None:
        """Refuse rows with numbers that no model takes, before one is asked.

        Raises
        ------
        Problem
            400 with the place of the first.
        """
        if not isinstance(rows, np.ndarray):
            rows = np.column_stack([column.to_numpy() for column in rows.columns])
        if not self.categories and self._good(rows.astype(np.float64, copy=False)).all():
            return
        for j, name in enumerate(self.names):
            if name in self.categories:
                continue
            column = rows[:, j].astype(np.float64)
            good = self._good(column)
            if not good.all():
                what = f"the number is not finite or larger than {_LARGEST:g}"
                raise self._at("invalid_input", what, int(np.argmin(good)), j)

    def _good(self, numbers: Any) -> Any:
        good = np.abs(numbers) <= _LARGEST
        return good | np.isnan(numbers) if self.optional else good

    def array(self, rows: list[Any]) -> Any:
        """Give rows of checked cells as the model takes them, shape (n, d)."""
        if not self.categories:
            return np.array(rows, np.float64)
        out = np.empty((len(rows), len(self)), object)
        out[:] = rows
        return out

    def _some(self) -> str:
        shown = ", ".join(map(repr, self.names[:12]))
        return shown + (f" and {len(self) - 12} more" if len(self) > 12 else "")


def problem(
    kind: str, message: str, row: int | None = None, column: int | None = None, status: int = 400
) -> Problem:
    """Give the problem of rows that cannot be scored, its row told in front."""
    place = "" if row is None else f"row {row}: " if column is None else f"row {row}, "
    return Problem(status, kind, place + message, row=row, column=column)


def no_rows() -> Problem:
    """Give the problem of a body without rows."""
    return problem("no_rows", "the body has no rows")


def too_many(limit: int) -> Problem:
    """Give the problem of a body with more rows than one may have."""
    return problem("too_many_rows", f"the body has more than {limit:,} rows", status=413)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "an object" if isinstance(value, dict) else "a list"
