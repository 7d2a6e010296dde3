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
    """One column's part in a score.

    Attributes
    ----------
    column : str
        The column's name.
    share : float
        Its share of the score, in (0, 1].
    direction : {"high", "low", "rare", "common"}
        Which way the value is unusual; the latter two for categories.
    value : float or None
        The value, in the table's unit; None for a category.
    text : str
        The same in words.
    """

    column: str
    share: float
    direction: Literal["high", "low", "rare", "common"]
    value: float | None
    text: str


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
        Why, the largest part first; empty for rows that are no anomaly.
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

        kind = pl.List(
            pl.Struct(
                {
                    "column": pl.String,
                    "share": pl.Float64,
                    "direction": pl.String,
                    "value": pl.Float64,
                    "text": pl.String,
                }
            )
        )
        return pl.DataFrame({**columns, "reasons": pl.Series(records, dtype=kind)})
    return arrow_table(columns, records)


def arrow_table(columns: dict[str, Any], reasons: list[list[dict[str, Any]]]) -> Any:
    """Give columns and reasons as an Arrow table."""
    import pyarrow as pa

    struct = pa.struct(
        [
            ("column", pa.string()),
            ("share", pa.float64()),
            ("direction", pa.string()),
            ("value", pa.float64()),
            ("text", pa.string()),
        ]
    )
    return pa.table({**columns, "reasons": pa.array(reasons, type=pa.list_(struct))})
