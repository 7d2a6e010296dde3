"""Fit a detector to a data frame of any size."""

from __future__ import annotations

import dataclasses
import logging
import secrets
from typing import TYPE_CHECKING, Any, Literal

import fastrcf
from fastrcf._alert_rate import rate_of
from fastrcf_spark import _learnable, _names, _sampling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from fastrcf_spark.watch import Watch

MISSING = ("error", "drop")
# Rows that a detector keeps to fit to: at most, and at least where columns are many.
_MOST, _LEAST, _MOST_VALUES = 1 << 16, 1 << 13, 1 << 25

log = logging.getLogger("fastrcf_spark")


def fit(
    df: DataFrame,
    columns: str | Sequence[str] | None = None,
    *,
    alert_rate: float = 0.001,
    seed: int | None = None,
    key: str | Sequence[str] | None = None,
    weight: str | None = None,
    n_rows: int | None = None,
    missing: Literal["error", "drop"] = "error",
    names: Sequence[str] | None = None,
    categorical: Sequence[str] = (),
    alerts_per_day: float | None = None,
    time_column: str | None = None,
    watch: Watch | None = None,
    **parameters: Any,
) -> fastrcf.Detector:
    """Fit a detector to a uniform sample of a data frame's rows.

    Spark reads the data twice: once to count and check rows, once to take the sample, which
    the driver then learns. The same rows and seed give the same model, byte for byte, however
    rows lie in partitions. A data frame that is dear to compute is best cached or stored first,
    and must give the same rows each time.

    Parameters
    ----------
    df : DataFrame
        Of classic Spark or of Spark Connect; not a stream.
    columns : str or sequence of str, optional
        Columns to learn: of numbers, or of text, which are taken as categories; or one column
        that holds an array or a vector of numbers. Default: every column of numbers but those
        of ``key``, ``weight`` and ``time_column``.
    alert_rate : float, default 0.001
        Share of rows that should be alerts, above 0 and at most 0.5. The threshold rests on
        the sample: :attr:`fastrcf.Detector.alert_rate_interval` tells its error.
    seed : int, optional
        0 to 2**64 - 1. Default: a fresh one, which the model's notes tell.
    key : str or sequence of str, optional
        Columns that tell rows apart, such as the number of a transaction; errors name rows by
        them. Default: all columns of the data frame, which have to be read for it. Rows that
        are not told apart are sampled as well as others, at the cost of counting them.
    weight : str, optional
        A column of weights, above 0 and at most 1e30: rows are drawn one after the other with
        chances by weight (Efraimidis and Spirakis 2006). Quantiles, threshold and alert rate
        are then those of the weighted rows.
    n_rows : int, optional
        Rows of the sample. Default: as many as a detector keeps, 65,536, or fewer beyond 512
        columns (33,554,432 values, at least 8,192 rows). More serve only to count categories
        and to see the least and largest values.
    missing : {"error", "drop"}, default "error"
        What happens to rows with a value that is null, NaN, infinite or beyond 1e30, or with a
        weight or a time that cannot be used: they are refused, or left out and counted in the
        notes.
    names : sequence of str, optional
        What the elements of an array or a vector are called; default: x0, x1 and so on.
    categorical : sequence of str, default ()
        Further columns to take as categories: text, or numbers that are names.
    alerts_per_day, time_column
        Alerts per day instead of ``alert_rate``: by the rows and by the first and last time of
        the data frame. Times are timestamps, dates, or numbers in seconds.
    watch : Watch, optional
        Tells how far Spark's part has come, and counts rows and those left out as bad.
    **parameters
        Further ones of :class:`fastrcf.Detector`: ``scaling``, ``score``, ``relations``,
        ``track_threshold``, ``time_decay``, ``n_trees``, ``sample_size``, ``n_threads``.

    Returns
    -------
    fastrcf.Detector
        Its ``notes`` tell the rows, the sample, the seed, how rows were told apart, and how
        many were left out. ``n_fitted`` counts the sample.

    Raises
    ------
    fastrcf.InvalidInputError
        If columns are missing or of a wrong type, or a row is bad, which is named.
    fastrcf.InvalidParameterError
        If a parameter is out of its range.
    fastrcf.NotReadyError
        With fewer than two rows.
    """
    _check(seed, missing, n_rows)
    if weight is not None and alerts_per_day is not None:
        raise fastrcf.InvalidParameterError(
            "alerts_per_day counts rows, which have no weight; give alert_rate"
        )
    _names.check_frame(df)
    if df.isStreaming:
        raise fastrcf.InvalidInputError("a stream has no end to sample to: fit to a table")
    if watch is not None:
        watch.begin(df.sparkSession)
    seed = secrets.randbits(64) if seed is None else seed
    given = {"categorical": categorical, "random_state": seed, **parameters}
    # Refuses parameters before anything runs.
    fastrcf.Detector(
        alert_rate=alert_rate, alerts_per_day=alerts_per_day, time_column=time_column, **given
    )
    found = _learnable.inputs(df, columns, categorical, names, key, weight, time_column)
    _check_scaling(parameters.get("scaling"), found)
    df, found = _learnable.gathered(df, found)
    good, known, dropped = _good(df, found, missing, seed)
    if known.rows < 2:
        raise fastrcf.NotReadyError(
            f"{known.rows} rows ({dropped:,} left out) are too few to fit to: at least 2 are needed"
        )
    found = _named(found, known)
    width = len(found.features.names)
    kept = min(max(_MOST_VALUES // width, _LEAST), _MOST)
    table, counted = _sampling.sample(good, found, known, n_rows or kept, seed)
    days = None
    if alerts_per_day is not None:
        # A table of one moment counts as a second.
        days = max(known.seconds, 1.0) / 86400.0
        alert_rate = rate_of(alerts_per_day, known.rows, days)
    detector = fastrcf.Detector(list(found.features.names), alert_rate=alert_rate, **given)
    detector.fit(table.rename_columns(list(found.features.names)))
    if days is not None:
        detector.rows_per_day = known.rows / days
    detector.notes = {
        "rows": str(known.rows),
        "sample_rows": str(table.num_rows),
        "seed": str(seed),
        "rows_told_apart_by": "copies counted" if counted else _told_apart(found),
        "rows_dropped": str(dropped),
        **({} if weight is None else {"weight": weight}),
    }
    if watch is not None:
        watch.end(rows=known.rows, bad_rows=dropped)
    log.info(
        "fitted to a sample of %s of %s rows, %s left out",
        f"{table.num_rows:,}",
        f"{known.rows:,}",
        f"{dropped:,}",
    )
    return detector


def _check(seed: int | None, missing: str, n_rows: int | None) -> None:
    if missing not in MISSING:
        raise fastrcf.InvalidParameterError(f"missing: {missing!r} is none of {', '.join(MISSING)}")
    if seed is not None and (not isinstance(seed, int) or not 0 <= seed < 1 << 64):
        raise fastrcf.InvalidParameterError(
            f"seed: {seed!r} is not an integer between 0 and 2**64 - 1"
        )
    if n_rows is not None and (not isinstance(n_rows, int) or n_rows < 2):
        raise fastrcf.InvalidParameterError(f"n_rows: {n_rows!r} is not an integer of at least 2")


def _check_scaling(scaling: Any, found: _learnable.Inputs) -> None:
    if scaling is None or isinstance(scaling, str) or not found.features.names:
        return
    for name in scaling:
        if name not in found.features.names:
            raise fastrcf.InvalidParameterError(f"scaling: {name!r} is not among the columns")


def _good(
    df: DataFrame, found: _learnable.Inputs, missing: str, seed: int
) -> tuple[DataFrame, _sampling.Facts, int]:
    """Give the rows that can be learnt from, what is known of them, and how many others."""
    suspect = _learnable.suspect(found)
    known = _sampling.facts(df, found, suspect, seed)
    if known.lengths is not None and known.lengths[0] != known.lengths[1]:
        raise _learnable.length_refused(found, *known.lengths)
    if not known.suspects:
        return df, known, 0
    n_bad = df.where(suspect).where(_learnable.first_bad(found).isNotNull()).count()
    if n_bad and missing == "error":
        raise _learnable.refusal(df, found, n_bad, known.rows)
    if n_bad == known.suspects:
        good = df.where(~suspect)
        return good, dataclasses.replace(known, rows=known.rows - n_bad, suspects=0), n_bad
    # Rare: rows near the largest values were suspected, and are sound.
    good = df.where(_learnable.first_bad(found).isNull())
    return good, _sampling.facts(good, found, None, seed), n_bad


def _named(found: _learnable.Inputs, known: _sampling.Facts) -> _learnable.Inputs:
    """Name the elements of arrays, once their length is known."""
    features = found.features
    if features.kind == "columns":
        return found
    width = known.lengths[0] if known.lengths is not None else 0
    names = features.names or tuple(f"x{j}" for j in range(width))
    if len(names) != width or len(set(names)) < width or not width:
        raise fastrcf.InvalidInputError(
            f"names: {len(set(names))} different names for {width} elements of "
            f"{features.columns[0]!r}"
        )
    return dataclasses.replace(found, features=dataclasses.replace(features, names=names))


def _told_apart(found: _learnable.Inputs) -> str:
    return "all columns" if not found.key else "key " + ", ".join(found.key)
