"""Facts of records from their own SIM: what row, sequence and rolling features are made of.

A window of W holds the SIM's records up to a record, from the first that began less than W
before it on. Where windows begin is found once for each W; every count and sum is then a
difference of two running sums of integers, which is exact in whatever order records come, and
modulo 2^64 also where running sums are larger than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from fastrcf._fastrcf import slot_facts, usual_gaps
from fastrcf.telecom import slot_logs
from fastrcf.telecom.distinct import recurrences
from fastrcf.telecom.feature import (
    DAY_MS,
    LOG_STEPS,
    NIGHT_ENDS,
    SHORT_MS,
    SLOTS,
    WEEKEND_FROM,
    WINDOWS,
    expression,
    log1p,
)
from fastrcf.telecom.gaps import LONGEST_MS
from fastrcf.telecom.places_apart import haversine_km
from fastrcf.telecom.schema import ABNORMAL
from fastrcf.telecom.timeline import local_offset

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

    from fastrcf.telecom.timeline import Chunk

_SLOTS: Final = frozenset(["slot_logs_7d", "same_slot_7d"])
_MOVED: Final = frozenset(["distance_km", "move_ms"])
_DAY_US: Final = DAY_MS * 1000
#: 1970 began on a Thursday.
_THURSDAY: Final = 3

#: What is summed in which windows. Sums of flags are counts.
SUMS: Final = {
    "bytes": ("1h", "24h", "7d"),
    "bytes_up": ("24h", "7d"),
    "sms_mo": ("1h", "24h", "7d"),
    "sms_mt": ("24h",),
    "short": ("24h",),
    "failed": ("24h",),
    "empty": ("24h",),
    "roaming": ("7d",),
    "night": ("7d",),
    "night_up": ("24h", "7d"),
    "duration_ms": ("24h",),
    "gaps": ("7d",),
    "gap_ms": ("7d",),
    "gap_squares": ("7d",),
    "filled": ("7d",),
    "steps_up": ("7d",),
    "steps_down": ("7d",),
    "steps_ms": ("7d",),
}
#: Whose distinct values in 24 h are counted, by the name of the count.
DISTINCT: Final = {
    "cells": "cell",
    "plmns": "visited_plmn",
    "apns": "apn",
    "devices": "device_id",
}
#: Whose change against the record before is told, by the name of the fact.
CHANGED: Final = {
    "device": "device_id",
    "plmn": "visited_plmn",
    "rat": "rat",
    "apn": "apn",
    "cell": "cell",
    "firmware": "firmware",
}
#: Whose first time in 7 d is told.
NEW: Final = {"device": "device_id", "plmn": "visited_plmn", "apn": "apn"}
#: Logarithms of data sessions with bytes, in whole steps, and what of.
STEPS: Final = {"steps_up": "bytes_up", "steps_down": "bytes_down", "steps_ms": "duration_ms"}


def row_facts(timezone: str, records: pl.DataFrame, wanted: Set[str] | None = None) -> pl.DataFrame:
    """Give the facts of records alone, one row a record.

    Parameters
    ----------
    timezone : str
        IANA name: local days, hours and weekdays are of it.
    records : polars.DataFrame
        Of canonical types, in any order.
    wanted : set of str, optional
        Facts that are needed; default: all.
    """
    start = records["start_ts"]
    abroad: pl.Series | pl.Expr = pl.lit(None, pl.Boolean)
    if wanted is None or "abroad" in wanted:
        here, home = countries(records["visited_plmn"], records["home_plmn"])
        abroad = pl.Series((here != home) & (here > 0) & (home > 0), dtype=pl.Boolean)
    facts = records.lazy().select(
        local=start.to_physical() + local_offset(timezone, start),
        bytes_up=pl.col("bytes_up").fill_null(0).clip(0),
        bytes_down=pl.col("bytes_down").fill_null(0).clip(0),
        duration_ms=(
            (pl.col("end_ts").to_physical() - pl.col("start_ts").to_physical()) // 1000
        ).clip(0),
        is_sms=(pl.col("service") == "sms").fill_null(False),
        is_voice=(pl.col("service") == "voice").fill_null(False),
        sms_mo=pl.col("sms_mo").fill_null(0).clip(0).cast(pl.Int64),
        sms_mt=pl.col("sms_mt").fill_null(0).clip(0).cast(pl.Int64),
        failed=pl.any_horizontal(pl.col("end_cause") == str(end) for end in ABNORMAL).fill_null(
            False
        ),
        roaming=(pl.col("visited_plmn") != pl.col("home_plmn")).fill_null(False),
        abroad=abroad,
        cost=pl.col("cost").fill_null(0.0).fill_nan(0.0).clip(0.0),
    )
    local = pl.col("local")
    hour = pl.col("day_ms") // 3_600_000
    is_data = ~pl.col("is_sms") & ~pl.col("is_voice")
    found = (
        facts.with_columns(day=(local // _DAY_US).cast(pl.Int32), day_ms=local % _DAY_US // 1000)
        .with_columns(
            bytes=pl.col("bytes_up") + pl.col("bytes_down"),
            weekday=(pl.col("day") + _THURSDAY) % 7,
            slot=(hour // (24 // SLOTS)).cast(pl.Int32),
            night=hour < NIGHT_ENDS,
            is_data=is_data,
            short=is_data & (pl.col("duration_ms") < SHORT_MS),
        )
        .with_columns(
            weekend=pl.col("weekday") >= WEEKEND_FROM,
            empty=is_data & (pl.col("bytes") == 0),
            night_up=pl.when("night").then("bytes_up").otherwise(0),
            filled=is_data & (pl.col("bytes") > 0),
        )
        .with_columns(
            pl.when("filled").then(steps(of)).otherwise(0).alias(name) for name, of in STEPS.items()
        )
        .drop("local")
    )
    if wanted is not None:
        names = _alone(wanted)
        found = found.select(pl.selectors.by_name(*sorted(names), require_all=False))
    return found.collect()


def _alone(wanted: Set[str]) -> set[str]:
    """Name the facts of records alone that facts are made of, and some that are none."""
    # What is looked up of peers goes by the day.
    names = {"day", *wanted}
    names.update(name for name, windows in SUMS.items() if _asked(wanted, name, windows))
    if _slots(wanted):
        names.add("slot")
    if "overlap_ms" in wanted:
        names.add("is_data")
    return names


def _asked(wanted: Set[str] | None, name: str, windows: Iterable[str]) -> list[str]:
    """Name the windows that a sum is wanted over."""
    return [window for window in windows if wanted is None or f"{name}_{window}" in wanted]


def _slots(wanted: Set[str] | None) -> bool:
    """Tell whether records are counted by their hours of the day."""
    return wanted is None or not _SLOTS.isdisjoint(wanted)


def countries(*networks: pl.Series) -> list[Any]:
    """Give numbers for the country codes of networks, their first three letters; 0 for null."""
    # Texts of a category are those of all columns, cells too: only what is here is looked into.
    known = pl.concat([column.unique() for column in networks]).unique().drop_nulls()
    places = known.to_physical().to_numpy()
    numbers = np.zeros(int(places.max()) + 2 if len(places) else 1, np.int64)
    codes = known.cast(pl.String).str.slice(0, 3).rank("dense")
    # The last of them is that of null.
    numbers[places] = codes.to_numpy()
    return [
        numbers[column.to_physical().fill_null(len(numbers) - 1).to_numpy()] for column in networks
    ]


def steps(name: str) -> pl.Expr:
    """Give ln(1 + value) in whole steps, of which there are :data:`LOG_STEPS` in one."""
    return (log1p(pl.col(name)) * LOG_STEPS).floor().cast(pl.Int64)


def sim_facts(chunk: Chunk, row: pl.DataFrame, wanted: Set[str] | None = None) -> pl.DataFrame:
    """Give all facts of records from their own SIM.

    Parameters
    ----------
    chunk : Chunk
        Whole SIMs in order.
    row : polars.DataFrame
        :func:`row_facts` of its records.
    wanted : set of str, optional
        Facts that are needed; default: all.

    Returns
    -------
    polars.DataFrame
        One row a record; no value is null.
    """
    columns, sums = _sequence(chunk, row, wanted)
    places = {window: chunk.first_of_window(length) for window, length in WINDOWS.items()}
    n = len(chunk.sim)
    columns["seen_ms"] = (chunk.start - chunk.start[places["7d"]]) // 1000
    here = np.arange(1, n + 1)
    for window, first in places.items():
        columns[f"sessions_{window}"] = here - first
    _values(chunk, places, columns, sums, wanted)
    columns |= _summed(row, {**columns, **sums}, places, wanted)
    return row.with_columns(pl.Series(name, values) for name, values in columns.items())


def _sequence(
    chunk: Chunk, row: pl.DataFrame, wanted: Set[str] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Compare records with those before them; returns facts, and what is summed later."""
    start, is_head = chunk.start, chunk.is_head
    latest = chunk.latest_end()
    gap_ms = np.where(latest < 0, 0, np.clip((start - latest) // 1000, 0, LONGEST_MS))
    facts: dict[str, Any] = {"gap_ms": gap_ms}
    if wanted is None or "overlap_ms" in wanted:
        facts["overlap_ms"] = _overlap(chunk, row["is_data"].to_numpy())
    if wanted is None or "usual_gap_ms" in wanted:
        facts["usual_gap_ms"] = usual_gaps(chunk.sim, gap_ms)
    if wanted is None or not _MOVED.isdisjoint(wanted):
        facts |= _moved(chunk)
    for name, column in CHANGED.items():
        if wanted is None or f"{name}_changed" in wanted:
            facts[f"{name}_changed"] = _differs(chunk.records[column].to_physical(), is_head)
    if wanted is None or "country_changed" in wanted:
        (country,) = countries(chunk.records["visited_plmn"])
        before = np.roll(country, 1)
        changed = (country != before) & (country > 0) & (before > 0)
        facts["country_changed"] = changed & ~is_head
    return facts, {"gaps": gap_ms > 0, "gap_squares": gap_ms * gap_ms}


def _overlap(chunk: Chunk, is_data: Any) -> Any:
    """Tell how long data sessions ran beside earlier ones, in milliseconds."""
    latest = chunk.latest_end(np.where(is_data, chunk.end, -1))
    beside = np.minimum(chunk.end, latest) - chunk.start
    return np.where(is_data & (latest >= 0), np.maximum(beside, 0) // 1000, 0)


def _differs(values: pl.Series, is_head: Any) -> Any:
    changed = (values != values.shift(1)).fill_null(False).to_numpy()
    return changed & ~is_head


def _moved(chunk: Chunk) -> dict[str, Any]:
    """Tell how far it was from where the record before was, and how long the way had."""
    lat, lon = (chunk.records[name].fill_nan(None) for name in ("cell_lat", "cell_lon"))
    before = pl.DataFrame({"lat": lat, "lon": lon, "head": chunk.is_head}).with_columns(
        previous_lat=pl.col("lat").shift(1), previous_lon=pl.col("lon").shift(1)
    )
    # Of two places that are not known none is another.
    moved = before.with_row_index("row").filter(
        ~pl.col("head"),
        (pl.col("lat") != pl.col("previous_lat")) | (pl.col("lon") != pl.col("previous_lon")),
        pl.all_horizontal(
            pl.col(name).is_not_null() for name in ("lat", "lon", "previous_lat", "previous_lon")
        ),
    )
    distance_km = np.zeros(len(before))
    distance_km[moved["row"].to_numpy()] = moved.select(expression(haversine_km)).to_series()
    start = chunk.start
    ended, began = np.roll(chunk.end, 1), np.roll(start, 1)
    left = np.where(ended <= start, ended, began)
    move_ms = np.where(chunk.is_head, 0, (start - left) // 1000)
    return {"distance_km": distance_km, "move_ms": move_ms}


def _values(
    chunk: Chunk,
    places: dict[str, Any],
    facts: dict[str, Any],
    sums: dict[str, Any],
    wanted: Set[str] | None,
) -> None:
    """Count distinct values and tell new ones."""
    day, week = WINDOWS["24h"] * 1000, WINDOWS["7d"] * 1000
    has_past = places["7d"] < np.arange(len(chunk.sim))
    for counted, column in DISTINCT.items():
        new = [name for name, of in NEW.items() if of == column]
        if wanted is not None and wanted.isdisjoint(
            [f"{counted}_24h", *(f"{name}_new" for name in new)]
        ):
            continue
        code = chunk.records[column].to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
        since, until = recurrences(chunk.sim, code, chunk.start)
        known = code >= 0
        sums[f"fresh_{counted}"] = known & (since >= day)
        sums[f"lapsing_{counted}"] = known & (until >= day)
        for name in new:
            facts[f"{name}_new"] = known & (since >= week) & has_past


def _summed(
    row: pl.DataFrame,
    amounts: dict[str, Any],
    places: dict[str, Any],
    wanted: Set[str] | None,
) -> dict[str, Any]:
    """Sum over windows: what has run up to a record, less what had run before its first."""
    facts: dict[str, Any] = {}
    for name, all_windows in SUMS.items():
        windows = _asked(wanted, name, all_windows)
        if not windows:
            continue
        running = _running(amounts[name] if name in amounts else row[name].to_numpy())
        for window in windows:
            facts[f"{name}_{window}"] = running[1:] - running[places[window]]
    for counted in DISTINCT:
        if not _asked(wanted, counted, ("24h",)):
            continue
        fresh, lapsing = (_running(amounts[f"{kind}_{counted}"]) for kind in ("fresh", "lapsing"))
        facts[f"{counted}_24h"] = fresh[1:] - lapsing[places["24h"]]
    if not _slots(wanted):
        return facts
    slot, first = row["slot"].to_numpy(), places["7d"]
    longest = int((np.arange(1, len(slot) + 1) - first).max(initial=0))
    logs, same = slot_facts(slot, first, slot_logs.table(longest))
    facts["slot_logs_7d"], facts["same_slot_7d"] = logs, same
    return facts


def _running(amounts: Any) -> Any:
    """Give what had run before each record, and at last in all."""
    running = np.zeros(len(amounts) + 1, np.int64)
    np.cumsum(amounts, out=running[1:])
    return running
