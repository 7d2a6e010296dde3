"""What a detector says about rows, as arrays and as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrcf._tables import Table
    from fastrcf._typing import Floats


@dataclass(frozen=True)
class Reason:
    """The part of a column, or of a relation between columns, in a score.

    Attributes
    ----------
    column : str
        The column's name; of a relation its sum, as ``"max - min - width"``.
    share : float
        Its share of the score, in (0, 1].
    direction : {"high", "low", "rare", "common"}
        Which way the value is unusual; the latter two for categories.
    value : float or None
        The value, in the table's unit; None for a category, the sum for a relation.
    usual_low, usual_high : float or None
        Between what values usually lie: the 5 % and 95 % quantiles of the rows that
        the detector was fitted to; for a relation three times its usual variation
        about its usual sum. None for a category, and where it is not known.
    near_low, near_high : float or None
        The least and the greatest value among the nearest usual rows: of the sampled
        rows that the trees reach, the ten nearest that are no anomalies themselves (fewer
        if there are fewer), by the sum of distances between scaled columns. None for a
        category, a relation, a series, and where it is not known.
    text : str
        The same in words.
    """

    column: str
    share: float
    direction: Literal["high", "low", "rare", "common"]
    value: float | None
    usual_low: float | None
    usual_high: float | None
    near_low: float | None
    near_high: float | None
    text: str


@dataclass(frozen=True)
class Relation:
    """A weighted sum of columns that is nearly the same in nearly all rows.

    Attributes
    ----------
    text : str
        The sum in words, as ``"max - min - width"``.
    weights : dict of str to float
        Of each column, in the table's units.
    usual : float
        What the sum usually is.
    variation : float
        Its standard deviation among usual rows, above 0.
    """

    text: str
    weights: dict[str, float]
    usual: float
    variation: float


# What a reason is in a table.
_FIELDS: tuple[tuple[str, type], ...] = (
    ("column", str),
    ("share", float),
    ("direction", str),
    ("value", float),
    ("usual_low", float),
    ("usual_high", float),
    ("near_low", float),
    ("near_high", float),
    ("text", str),
)


@dataclass(frozen=True)
class Detection:
    """Scores, grades, alerts and reasons of rows, as arrays.

    Attributes
    ----------
    score : numpy.ndarray of float64, shape (n,)
        Higher is more unusual.
    grade : numpy.ndarray of float64, shape (n,)
        0 for usual rows, 0.5 at the threshold, up to 1.
    is_anomaly : numpy.ndarray of bool, shape (n,)
        Whether the score is above the threshold.
    reasons : list of n lists of Reason
        Why, the largest part first: at most three, and but for the first none with a share
        below 0.08, so that shares need not sum to 1; empty for rows that are no anomaly.
    """

    score: Floats
    grade: Floats
    is_anomaly: NDArray[np.bool_]
    reasons: list[list[Reason]]

    def __len__(self) -> int:
        return len(self.score)


def to_native(found: Detection, table: Table) -> Any:
    """Give a detection in the kind of the table it is about."""
    frame = table.frame
    if frame is None:
        return found
    columns = {"score": found.score, "grade": found.grade, "is_anomaly": found.is_anomaly}
    implementation = frame.implementation
    if implementation.is_pandas():
        import pandas as pd

        reasons = np.empty(len(found), dtype=object)
        reasons[:] = [[vars(r) for r in row] for row in found.reasons]
        return pd.DataFrame({**columns, "reasons": reasons}, index=table.native.index)
    records = [[vars(r) for r in row] for row in found.reasons]
    if implementation.is_polars():
        import polars as pl

        types = {str: pl.String, float: pl.Float64}
        kind = pl.List(pl.Struct({name: types[holds] for name, holds in _FIELDS}))
        return pl.DataFrame({**columns, "reasons": pl.Series(records, dtype=kind)})
    return arrow_table(columns, records)


def arrow_table(columns: dict[str, Any], reasons: list[list[dict[str, Any]]]) -> Any:
    """Give columns and reasons as an Arrow table."""
    import pyarrow as pa

    types = {str: pa.string(), float: pa.float64()}
    struct = pa.struct([(name, types[holds]) for name, holds in _FIELDS])
    return pa.table({**columns, "reasons": pa.array(reasons, type=pa.list_(struct))})
