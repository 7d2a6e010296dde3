"""The Python door: tables of any kind in, a report out."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from fastrcf import _columns
from fastrcf._input import is_missing
from fastrcf._layout import dense
from fastrcf._parameters import count, names
from fastrcf._tables import Table, as_batches
from fastrcf.detector import Detector
from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.files import values
from fastrcf.files.sinks import open_whole
from fastrcf.report.gather import Chunk, Gatherer
from fastrcf.report.render import render

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence
    from os import PathLike

    from numpy.typing import NDArray

    from fastrcf.report.facts import Facts

_ROWS = 1 << 16


@dataclass(frozen=True)
class Report:
    """What a detector found in a table.

    Attributes
    ----------
    facts : Facts
        All of it, as plain typed values.
    """

    facts: Facts

    def html(self) -> str:
        """Give it as one HTML page that needs nothing else."""
        return render(self.facts)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the page, whole or not at all.

        Parameters
        ----------
        path : path
            A file's name, or ``"-"`` for standard output.

        Raises
        ------
        OSError
            If it cannot be written; what was there before stays.
        """
        page = self.html().encode("utf-8", errors="replace")
        with open_whole(str(path)) as file:
            file.write(page)


def build(
    detector: Detector,
    tables: Any,
    *,
    label: str | None = None,
    time: str | None = None,
    keep: Sequence[str] = (),
    top: int = 50,
    name: str = "a detector in memory",
) -> Report:
    """Report on a table: scores, alerts and reasons, columns, drift, and labels if there are any.

    Rows are looked at once; memory does not grow with their number, but for
    what is sampled: quantiles and small histograms rest on up to 65,536 rows,
    ranking by labels on about a million and a half.

    Parameters
    ----------
    detector : Detector
        A fitted one.
    tables : data frame, array, mapping of columns, or batches of any of them
        As :meth:`fastrcf.Detector.fit` takes them; arrays have the fitted columns.
    label : str, optional
        A column of booleans, or 0 and 1 with 1 for an anomaly.
    time : str, optional
        A column of datetimes, or of numbers in seconds.
    keep : sequence of str
        Columns whose values are shown for rows to look at.
    top : int, default 50
        Rows to look at, at most.
    name : str
        What the model is called in the report.

    Returns
    -------
    Report
        ``save(path)`` writes it, ``facts`` has the figures.

    Raises
    ------
    InvalidInputError
        If a row cannot be used, or there are none.
    InvalidParameterError
        If ``top`` is below 1, the model looks at the column of labels or times, or both are
        one.
    NotFittedError
        If the detector is not fitted.

    Examples
    --------
    >>> import numpy as np, fastrcf
    >>> rng = np.random.default_rng(0)
    >>> table = {"amount": rng.lognormal(3, 1, 5000), "items": rng.poisson(3, 5000)}
    >>> detector = fastrcf.Detector(random_state=7).fit(table)
    >>> report = fastrcf.report.build(detector, table)
    >>> report.facts.data.n_rows
    5000
    """
    if not isinstance(detector, Detector):
        raise InvalidParameterError(
            f"detector: expected a Detector, found {type(detector).__name__}"
        )
    columns = detector.columns
    top, keep = count("top", top, 1), names("keep", keep)
    if label is not None and label == time:
        raise InvalidParameterError(f"label and time: both are {label!r}")
    for what, column in (("label", label), ("time", time)):
        if column is not None and column in columns:
            raise InvalidParameterError(f"{what}: {column!r} is a column that the model looks at")
    gatherer = Gatherer(detector, name=name, keep=keep, label=label, time=time, top=top)
    categories = {name for name, kind in detector.scaling.items() if kind == "category"}
    asked = [name for name in (label, time) if name is not None]
    for batch in as_batches(tables):
        table = _arrow(batch, columns, categories, asked, keep)
        for first in range(0, max(1, table.num_rows), _ROWS):
            part = table.slice(first, _ROWS)
            with _counted_on(batch.first_row + first):
                gatherer.add(_chunk(part, columns, label, time, keep, batch.first_row + first))
    return Report(gatherer.facts())


def _arrow(
    batch: Table,
    columns: Sequence[str],
    categories: Container[str],
    asked: Sequence[str],
    keep: Sequence[str],
) -> Any:
    """Give the columns that are needed as Arrow, those of an array by the fitted names.

    The model's own come as it takes them, whatever they are; those to keep as text where
    Arrow has no type for them.
    """
    if batch.frame is None:
        if batch.array.shape[1] != len(columns):
            raise InvalidInputError(
                f"expected {len(columns)} columns in the fitted order, found "
                f"{batch.array.shape[1]}: arrays have no names"
            )
        batch = Table(list(columns), batch.n_rows, array=batch.array, first_row=batch.first_row)
    made = {}
    for name in dict.fromkeys([*columns, *asked, *keep]):
        column = batch.column(name)
        if name in categories:
            known, places = batch.texts(name)
            made[name] = pa.array(known, pa.string()).take(pa.array(places))
            continue
        try:
            made[name] = pa.array(column) if batch.frame is None else column.to_arrow()
        except (pa.ArrowException, TypeError, ValueError) as error:
            if name in columns:
                made[name] = pa.array(dense(batch.columns([name], set(), _no_category))[:, 0])
            elif name in asked:
                raise InvalidInputError(f"column {name!r}: {error}") from None
            else:
                made[name] = pa.array(
                    [None if is_missing(value) else str(value) for value in column.to_list()]
                )
    return pa.table(made)


def _no_category(place: int, names: list[str]) -> list[float]:
    raise AssertionError("numbers have no categories")


def _chunk(
    part: Any,
    columns: Sequence[str],
    label: str | None,
    time: str | None,
    keep: Sequence[str],
    first_row: int,
) -> Chunk:
    return Chunk(
        table=part.select(columns),
        origin=part.select(list(dict.fromkeys(keep))),
        file="",
        rows=np.arange(first_row, first_row + part.num_rows, dtype=np.int64),
        labels=None if label is None else _labels(part[label], label),
        times=None if time is None else times(part[time], time),
    )


def _labels(column: Any, name: str) -> NDArray[np.bool_]:
    try:
        return _columns.labels(column.to_numpy())
    except InvalidInputError as error:
        what = str(error).partition(": ")[2] or str(error)
        row = "" if error.row is None else f"row {error.row}, "
        raise InvalidInputError(f"{row}column {name!r}: {what}", row=error.row) from None


def times(column: Any, name: str) -> NDArray[Any]:
    """Give a column of times as datetimes or numbers."""
    try:
        made = values.times(column)
    except InvalidInputError as error:
        raise InvalidInputError(f"column {name!r} {error}") from None
    for row, reason in made.bad.items():
        raise InvalidInputError(f"row {row}, column {name!r}: {reason}", row=row)
    return as_times(made.array)


def as_times(array: Any) -> NDArray[Any]:
    """Give times as they are read from files as a NumPy array."""
    if not isinstance(array, np.ndarray):
        array = array.to_numpy(zero_copy_only=False)
    out: NDArray[Any] = array
    return out.astype("datetime64[us]") if out.dtype.kind == "M" else out


@contextmanager
def _counted_on(first_row: int) -> Iterator[None]:
    """Count rows over all that came before, where input is refused."""
    try:
        yield
    except InvalidInputError as error:
        if error.row is None or first_row == 0:
            raise
        text = str(error)
        before = f"row {error.row}"
        row = error.row + first_row
        if text.startswith(before):
            text = f"row {row}{text[len(before) :]}"
        raise InvalidInputError(text, row=row, column=error.column) from None
