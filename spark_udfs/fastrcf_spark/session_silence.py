"""SIMs that fall silent, found by the workers as one machine finds them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

import fastrcf
from fastrcf_spark import _buckets
from fastrcf_spark._features import column
from fastrcf_spark._sampling import collected
from fastrcf_spark._shipping import deferred
from fastrcf_spark.sessions import _TIMES, _WORKER, _bucket, _checked

if TYPE_CHECKING:
    import polars as pl
    from pyspark.sql import DataFrame

    from fastrcf.telecom.silence import SilenceRule

_PASSED = ("session_id", "sim_id", "start_ts", "end_ts", "customer", "family", "cell")


def quiet_times(
    df: DataFrame, until: datetime | None = None, *, rule: SilenceRule | None = None
) -> pl.DataFrame:
    """Find how long SIMs were quiet, as ``fastrcf.telecom.silence.quiet_times`` does; runs now.

    What comes to the driver are times that a SIM was quiet for longer than in the seven days
    before: about one for a hundred sessions. ``fastrcf.telecom.silence.silences`` makes alerts of
    them.

    Parameters
    ----------
    df : DataFrame
        Sessions: session_id, sim_id, start_ts and end_ts; customer, family and cell where they are
        there, and what the rule says that a fleet shares.
    until : datetime with a time zone, optional
        How far the sessions reach; default: the begin of the last, which is looked for.
    rule : SilenceRule, optional
        Which SIMs are known well enough; default: that of a detector of sessions.

    Returns
    -------
    polars.DataFrame
        As on one machine, ordered by SIM and time.

    Raises
    ------
    fastrcf.InvalidInputError
        If columns are missing or of a wrong type.
    fastrcf.InvalidParameterError
        If ``until`` has no time zone.
    """
    import polars as pl

    from fastrcf.telecom.durations import plain_rule
    from fastrcf.telecom.silence import SilenceRule, quiet_times

    rule = rule or SilenceRule()
    there = _checked(df)
    if until is None:
        last = df.agg(F.unix_micros(F.max("start_ts"))).first()
        moment = 0 if last is None else int(last[0] or 0)
    elif until.tzinfo is None:
        raise fastrcf.InvalidParameterError(f"until: {until} has no time zone")
    else:
        moment = int(pl.Series([until]).dt.epoch("us")[0])
    names = [name for name in dict.fromkeys((*_PASSED, *rule.peers)) if name in there]
    columns = {name: f"c{i}" for i, name in enumerate(names)}
    selected = [
        # Microseconds are the same in whatever time zone the session is.
        (F.unix_micros(column(name)) if name in _TIMES else column(name)).alias(sent)
        for name, sent in columns.items()
    ]
    sent = df.select(*selected, _bucket(df))
    plan: dict[str, Any] = {"columns": columns, "until": moment, "rule": plain_rule(rule)}
    blocks = _buckets.shuffled(sent.mapInArrow(deferred("gather", {}, _WORKER), _buckets.FIELDS))
    got = collected(blocks.mapInArrow(deferred("quiet", plan, _WORKER), _buckets.FIELDS))
    parts = [pl.DataFrame(table) for _, table in _buckets.blocks(got.to_batches())]
    if not parts:
        empty = {n: pl.Datetime("us", "UTC") if n in _TIMES else pl.String() for n in names}
        return quiet_times(pl.DataFrame(schema=empty), datetime.fromtimestamp(0, UTC), rule)
    fleet = [name for name in rule.peers if name in there]
    return _with_fleets(pl.concat(parts), df, fleet).sort("sim_id", "start_ts", "session_id")


def _with_fleets(quiet: pl.DataFrame, df: DataFrame, fleet: list[str]) -> pl.DataFrame:
    """Say how many SIMs there are in each one's fleet: of all sessions, quiet ones or not."""
    import polars as pl

    counted = F.countDistinct(column("sim_id")).alias("fleet_sims")
    names = [column(name).alias(name) for name in fleet]
    sizes = pl.DataFrame(collected(df.groupBy(*names).agg(counted)))
    sizes = sizes.with_columns(pl.col("fleet_sims").cast(pl.UInt32))
    if not fleet:
        return quiet.with_columns(fleet_sims=pl.lit(sizes["fleet_sims"][0], pl.UInt32))
    return quiet.join(sizes, on=fleet, how="left", nulls_equal=True)
