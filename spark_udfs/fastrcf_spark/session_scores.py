"""Scores of telecom sessions, the same on Spark as on one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, StringType, StructField, StructType

import fastrcf
from fastrcf_spark import _buckets, _names
from fastrcf_spark._features import column
from fastrcf_spark._shipping import deferred, ship
from fastrcf_spark.sessions import _WORKER, _bucket, _checked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from fastrcf.telecom.detection import SessionDetector

_ADDED = ("score", "kind")


def score_sessions(
    df: DataFrame,
    detector: SessionDetector,
    *,
    threshold: float | None = None,
    keep: Literal["keys", "all"] | Sequence[str] = "keys",
) -> DataFrame:
    """Score sessions by a fitted detector of sessions, and name those above the threshold.

    Records of a SIM meet in one task, since what came together on a SIM within hours counts too.
    Scores are those of ``SessionDetector.score`` on one machine. Lazy.

    Parameters
    ----------
    df : DataFrame
        Features of sessions, as :func:`~fastrcf_spark.session_features` gives them: session_id,
        sim_id, start_ts, family, and what the detector looks at. Of a SIM also the sessions of
        some hours before those that are wanted.
    detector : SessionDetector
        Fitted, or loaded.
    threshold : float, optional
        Sessions above it get a kind; default: the one that was fitted.
    keep : "keys", "all" or sequence of str, default "keys"
        Which columns the result has beside; "keys": session_id, sim_id, start_ts, family,
        customer, cell, label and incident, those that are there.

    Returns
    -------
    DataFrame
        Kept columns, ``score`` (double) and ``kind`` (text; null up to the threshold); in no order.

    Raises
    ------
    fastrcf.InvalidInputError
        If columns are missing or of a wrong type, or a name is taken.
    fastrcf.NotFittedError
        If the detector has not learnt anything.
    """
    from fastrcf.telecom.timeline import KEYS

    limit = detector.threshold if threshold is None else float(threshold)
    names = _checked(df, ("start_ts",))
    missing = [name for name in (*detector.features, "family") if name not in names]
    if missing:
        raise fastrcf.InvalidInputError(f"the data frame has no column {', '.join(missing)}")
    if keep == "keys":
        kept: list[str] = [name for name in KEYS if name in names]
    else:
        kept = names if keep == "all" else list(keep)
    for name in kept:
        if name not in names:
            raise fastrcf.InvalidInputError(f"keep: the data frame has no column {name!r}")
    for name in _ADDED:
        other = _names.namesake(df.sparkSession, name, kept)
        if other is not None:
            raise fastrcf.InvalidInputError(
                f"a kept column is called {other!r} already{_names.same(name, other)}"
            )
    reads = dict.fromkeys(["session_id", "sim_id", "start_ts", "family", *detector.features])
    read = {name: f"c{i}" for i, name in enumerate(reads)}
    selected = [
        # Microseconds are the same in whatever time zone the session is.
        (F.unix_micros(column(name)) if name == "start_ts" else column(name)).alias(sent)
        for name, sent in read.items()
    ]
    selected += [column(name).alias(f"k{i}") for i, name in enumerate(kept)]
    sent = df.select(*selected, _bucket(df))
    plan: dict[str, Any] = {
        "detector": ship(df.sparkSession, detector),  # type: ignore[arg-type]
        "threshold": limit,
        "columns": read,
        "kept": [f"k{i}" for i in range(len(kept))],
    }
    fields = [df.schema[name] for name in kept]
    schema = StructType(
        [
            *(StructField(f"r{i}", f.dataType, True, f.metadata) for i, f in enumerate(fields)),
            StructField(f"r{len(kept)}", DoubleType()),
            StructField(f"r{len(kept) + 1}", StringType()),
        ]
    )
    blocks = sent.mapInArrow(deferred("gather", {}, _WORKER), _buckets.FIELDS)
    made = _buckets.shuffled(blocks).mapInArrow(deferred("judge", plan, _WORKER), schema)
    return made.toDF(*kept, *_ADDED)
