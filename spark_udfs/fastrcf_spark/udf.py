"""Scores as a function of columns, for data frames and for SQL."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType

import fastrcf
from fastrcf_spark._shipping import deferred, loaded, ship
from fastrcf_spark.tables import check_missing

if TYPE_CHECKING:
    from os import PathLike

    from pyspark.sql import Column, SparkSession

    from fastrcf_spark._shipping import Model
    from fastrcf_spark.tables import Missing

KINDS = ("auto", "pandas", "arrow")


def score_udf(
    model: Model | bytes | str | PathLike[str],
    *,
    kind: Literal["auto", "pandas", "arrow"] = "auto",
    missing: Missing = "error",
    spark: SparkSession | None = None,
) -> Callable[..., Column]:
    """Make a function that scores rows, for data frames and for SQL.

    It leaves the other columns of a table where they are, so that it suits wide tables of which
    the model sees few columns; :func:`fastrcf_spark.score` is faster at the others.

    Parameters
    ----------
    model : Detector, RandomCutForest or FrozenForest, or its bytes or its file
    kind : {"auto", "pandas", "arrow"}, default "auto"
        How Spark hands rows over: as Arrow arrays, which is faster and needs Spark 4.1, or as
        pandas series. The default is Arrow where there is it. Scores are the same.
    missing : {"error", "null", "impute"}, default "error"
        As :func:`fastrcf_spark.score` takes it. pandas does not tell NaN from null.
    spark : SparkSession, optional
        Whose workers will run it; default: the active session. A model of more than 4 MiB is
        sent to them at once, and to no other session's.

    Returns
    -------
    callable
        Takes the model's columns (numbers; text for categories) in the fitted order; or one
        column that holds an array or a vector of them, in that order, or a struct, whose fields
        are found by a detector's names and for a forest are in order. Gives a column of doubles,
        equal to ``fastrcf.load(model).score`` bit for bit. ``spark.udf.register`` takes it too.

    Raises
    ------
    fastrcf.InvalidParameterError
        If Spark has no such function, or ``missing`` cannot be done with the model.
    fastrcf.NotReadyError
        If no session is active and none is given, or the forest has seen too few rows.
    fastrcf.InvalidInputError
        By the function, if it is given a wrong number of columns; by the query, which names row
        and column, where values are missing or columns hold something else.

    Examples
    --------
    ``df.withColumn("score", score_udf(model)("amount", "bytes_up"))``; and, after
    ``spark.udf.register("rcf", score_udf(model))``, ``SELECT *, rcf(amount, bytes_up) FROM t``.
    """
    model = loaded(model)
    check_missing(missing, model)
    kind = _kind(kind)
    named = isinstance(model, fastrcf.Detector)
    names = model.columns if isinstance(model, fastrcf.Detector) else _places(model)
    plan = {
        "model": ship(_session(spark), model),
        "inputs": names,
        "named": named,
        "categories": categories(model),
        "missing": missing,
        "key": [],
    }
    udf = _arrow(plan) if kind == "arrow" else _pandas(plan)

    @functools.wraps(udf)
    def score(*columns: Column | str) -> Column:
        if len(columns) not in (1, len(names)):
            raise fastrcf.InvalidInputError(
                f"the model takes {len(names)} columns, or one array, struct or vector of them; "
                f"{len(columns)} are given"
            )
        scores: Column = udf(*columns)
        return scores

    score.__name__ = score.__qualname__ = "fastrcf_score"
    score.__doc__ = f"Score rows by the columns {', '.join(names[:12])}: higher is more unusual."
    return score


def categories(model: Model) -> list[str]:
    """Name the inputs of a model that are categories."""
    if not isinstance(model, fastrcf.Detector):
        return []
    return [name for name, scaling in model.scaling.items() if scaling == "category"]


def _places(model: Model) -> list[str]:
    assert not isinstance(model, fastrcf.Detector)
    return [f"column {j}" for j in range(int(model.n_features or 0))]


def _kind(kind: str) -> Literal["pandas", "arrow"]:
    if kind not in KINDS:
        raise fastrcf.InvalidParameterError(f"kind: {kind!r} is none of {', '.join(KINDS)}")
    if kind == "pandas":
        return "pandas"
    if hasattr(F, "arrow_udf"):
        return "arrow"
    if kind == "arrow":
        raise fastrcf.InvalidParameterError(
            "kind='arrow': Arrow functions need Spark 4.1; use 'pandas' or 'auto'"
        )
    return "pandas"


def _session(spark: SparkSession | None) -> SparkSession:
    from pyspark.sql import SparkSession

    if spark is not None:
        return spark
    try:
        return SparkSession.active()
    except Exception as error:
        raise fastrcf.NotReadyError(
            f"score_udf needs a Spark session, spark=...: {error}"
        ) from None


def _arrow(plan: dict[str, Any]) -> Any:
    import pyarrow as pa

    run = deferred("score_arrays", plan, "_udf_worker")
    # Spark tells the kind of a function by its annotations, as objects.
    run.__annotations__ = {
        "arguments": Iterator[tuple[pa.Array, ...]],
        "return": Iterator[pa.Array],
    }
    return F.arrow_udf(run, DoubleType())  # type: ignore[attr-defined]


def _pandas(plan: dict[str, Any]) -> Any:
    import pandas as pd

    run = deferred("score_series", plan, "_udf_worker")
    run.__annotations__ = {
        "arguments": Iterator[tuple[pd.Series, ...]],
        "return": Iterator[pd.Series],
    }
    return F.pandas_udf(run, DoubleType())  # type: ignore[attr-defined]
