"""What happened in each alert, and what is usual: numbers first, then a few plain sentences.

Of what a SIM did, nothing after the alert's last session is looked at; of what is usual for it,
the seven days before the alert; of what is usual for its family, the time before any judged
session. Only sessions of SIMs that have an alert are read, beside one sum over the training time.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from fastrcf.telecom import tell
from fastrcf.telecom.schema import ABNORMAL
from fastrcf.telecom.sequence_features import LEAST_TRAVEL_MS, UNCERTAIN_KM
from fastrcf.telecom.story import Case, FamilyUsual, Happened, Range, Silence, Some, Story, Usual

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastrcf.telecom.findings import Findings

#: Time before an alert that says what is usual for its SIM.
WEEK: Final = timedelta(days=7)
#: Names that are kept of each kind (networks, cells, ...).
MOST_NAMES: Final = 5
_DAY_S: Final = 86_400.0
_EARTH_KM: Final = 6371.0088
_NEEDED: Final = (
    "session_id",
    "sim_id",
    "device_id",
    "start_ts",
    "end_ts",
    "bytes_up",
    "bytes_down",
    "sms_mo",
    "sms_mt",
    "visited_plmn",
    "cell",
    "cell_lat",
    "cell_lon",
    "end_cause",
    "cost",
)


def read_sessions(sessions: pl.DataFrame | pl.LazyFrame | str | Path) -> pl.LazyFrame:
    """Give sessions lazily: of a frame, a Parquet file or a folder of generated sessions."""
    if isinstance(sessions, pl.LazyFrame):
        return sessions
    if isinstance(sessions, pl.DataFrame):
        return sessions.lazy()
    path = Path(sessions)
    if (path / "sessions").is_dir():
        path = path / "sessions"
    if path.is_dir():
        return pl.scan_parquet(path / "**" / "*.parquet", hive_partitioning=False)
    return pl.scan_parquet(path)


def stories(
    findings: Findings,
    sessions: pl.DataFrame | pl.LazyFrame | str | Path,
    *,
    training_until: datetime | None = None,
    alerts: Iterable[int] | None = None,
) -> list[Story]:
    """Tell each alert.

    Parameters
    ----------
    findings : Findings
        What a detector of sessions found.
    sessions : DataFrame, LazyFrame or path
        The judged sessions, with those of some days before; a path of a Parquet file, or of a
        folder that holds ``sessions/date=*/part-*.parquet``.
    training_until : datetime, optional
        Sessions before it say what is usual for families; default: the first judged session.
    alerts : iterable of int, optional
        Of these alerts alone; default: all.

    Returns
    -------
    list of Story
        In the order of ``findings.alerts``.
    """
    told = findings.alerts
    if alerts is not None:
        told = told.filter(pl.col("alert").is_in(list(alerts)))
    if told.is_empty():
        return []
    frame = read_sessions(sessions)
    until = training_until
    if until is None and len(findings.scored):
        until = findings.scored["start_ts"].min()  # type: ignore[assignment]
    wanted = [n for n in told["family"].unique() if n is not None] if "family" in told else []
    families = usual_families(frame, until, wanted) if until is not None else {}
    own = _own(frame, told)
    happened, usual = _windows(own, told)
    out = []
    for row in told.iter_rows(named=True):
        number, is_silent = row["alert"], row["score"] is None
        before = _usual(usual[number]) if number in usual else None
        story = Story(
            alert=number,
            case=row["case"],
            sim_id=row["sim_id"],
            kind=row["kind"],
            customer=row.get("customer"),
            family=row.get("family"),
            cell=row.get("cell"),
            opened=row["opened"],
            last=row["last"],
            sessions=row["sessions"],
            score=row["score"],
            happened=None
            if is_silent or number not in happened
            else _happened(happened[number], before),
            usual=before,
            family_usual=families.get(row.get("family")),
            silence=_silence(row) if is_silent else None,
        )
        out.append(tell.told(story))
    return out


def usual_families(
    sessions: pl.LazyFrame, until: datetime, families: list[str]
) -> dict[str | None, FamilyUsual]:
    """Sum up the SIM-days of families before a moment."""
    names = sessions.collect_schema().names()
    if "family" not in names or not families:
        return {}
    sent = pl.col("sms_mo").fill_null(0).sum() if "sms_mo" in names else pl.lit(0)
    days = (
        sessions.filter(pl.col("start_ts") < until)
        .with_columns(pl.col("family").cast(pl.String))
        .filter(pl.col("family").is_in(families))
        .group_by("family", "sim_id", day=pl.col("start_ts").dt.date())
        .agg(
            sessions=pl.len(),
            bytes=(pl.col("bytes_up") + pl.col("bytes_down")).sum(),
            bytes_up=pl.col("bytes_up").sum(),
            bytes_down=pl.col("bytes_down").sum(),
            sms_sent=sent,
        )
    )
    measures = ("sessions", "bytes", "bytes_up", "bytes_down", "sms_sent")
    rows = (
        days.group_by("family")
        .agg(
            pl.col("sim_id").n_unique().alias("sims"),
            pl.len().alias("sim_days"),
            *(
                pl.col(m).quantile(q, "linear").alias(f"{m} {q}")
                for m in measures
                for q in (0.05, 0.5, 0.95)
            ),
        )
        .collect()
    )
    return {
        row["family"]: FamilyUsual(
            row["family"],
            row["sims"],
            row["sim_days"],
            *(Range(*(float(row[f"{m} {q}"]) for q in (0.05, 0.5, 0.95))) for m in measures),
        )
        for row in rows.iter_rows(named=True)
    }


def _own(sessions: pl.LazyFrame, alerts: pl.DataFrame) -> pl.DataFrame:
    """Read the sessions of the alerts' SIMs, from a week before the first alert to the last."""
    there = sessions.collect_schema()
    types: dict[str, Any] = {"cost": pl.Float64, "cell_lat": pl.Float64, "cell_lon": pl.Float64}
    names = ("device_id", "visited_plmn", "cell", "end_cause")
    first, last = alerts["opened"].min(), alerts["last"].max()
    sims = alerts.select("sim_id").unique().lazy()
    own = (
        sessions.filter(
            pl.col("start_ts").is_between(pl.lit(first) - WEEK, pl.lit(last)),
        )
        .join(sims, on="sim_id", how="semi")
        .select(
            *(pl.col(n) for n in _NEEDED if n in there),
            *(
                pl.lit(None, types.get(n, pl.String if n in names else pl.Int32)).alias(n)
                for n in _NEEDED
                if n not in there
            ),
        )
        .with_columns(pl.col(*names).cast(pl.String))
        .collect()
        .sort("sim_id", "start_ts", "end_ts", "session_id")
    )
    before = {name: pl.col(name).shift().over("sim_id") for name in ("cell_lat", "cell_lon")}
    previous_start = pl.col("start_ts").shift().over("sim_id")
    previous_end = pl.col("end_ts").shift().over("sim_id")
    left = pl.when(previous_end <= pl.col("start_ts")).then(previous_end).otherwise(previous_start)
    latest = pl.col("end_ts").cum_max().shift().over("sim_id")
    took = (pl.col("start_ts") - left).dt.total_milliseconds().clip(lower_bound=LEAST_TRAVEL_MS)
    km = _distance(pl.col("cell_lat"), pl.col("cell_lon"), before["cell_lat"], before["cell_lon"])
    overlap = (latest - pl.col("start_ts")).dt.total_milliseconds() / 1000
    return own.with_columns(km=km.fill_null(0.0)).with_columns(
        kmh=((pl.col("km") - UNCERTAIN_KM).clip(lower_bound=0) * 3_600_000 / took).fill_null(0.0),
        overlap=overlap.clip(lower_bound=0).fill_null(0.0),
    )


def _distance(lat: pl.Expr, lon: pl.Expr, lat_before: pl.Expr, lon_before: pl.Expr) -> pl.Expr:
    """Haversine, km."""
    half_lat = ((lat - lat_before).radians() / 2).sin()
    half_lon = ((lon - lon_before).radians() / 2).sin()
    square = half_lat**2 + lat.radians().cos() * lat_before.radians().cos() * half_lon**2
    return 2 * _EARTH_KM * square.clip(0, 1).sqrt().arcsin()


def _windows(
    own: pl.DataFrame, alerts: pl.DataFrame
) -> tuple[dict[int, dict[str, Any]], dict[int, dict[str, Any]]]:
    """Sum up each alert's sessions, and those of the seven days before."""
    of = alerts.select("alert", "sim_id", "opened", "last")
    start = pl.col("start_ts")
    found = own.join(of, on="sim_id", maintain_order="left").filter(
        start.is_between(pl.col("opened") - WEEK, pl.col("last"))
    )
    during = found.filter(start >= pl.col("opened"))
    before = found.filter(start < pl.col("opened"))
    sums = _sums()
    return (
        {
            row["alert"]: _ranked(row)
            for row in during.group_by("alert").agg(sums).iter_rows(named=True)
        },
        {
            row["alert"]: _ranked(row)
            for row in before.group_by("alert").agg(sums).iter_rows(named=True)
        },
    )


def _sums() -> list[pl.Expr]:
    failed = pl.col("end_cause").is_in([str(cause) for cause in ABNORMAL])
    country = pl.col("visited_plmn").str.split("-").list.first()
    return [
        pl.col("opened").first(),
        pl.col("sms_mo")
        .filter(pl.col("start_ts") >= pl.col("opened") - timedelta(days=1))
        .sum()
        .alias("sms_last_day"),
        pl.col("start_ts").min().alias("since"),
        pl.col("end_ts").max().alias("until"),
        pl.len().alias("sessions"),
        ((pl.col("bytes_up") + pl.col("bytes_down")) == 0).sum().alias("zero_bytes"),
        failed.sum().alias("failed"),
        pl.col("bytes_up", "bytes_down", "sms_mo", "sms_mt").sum(),
        (pl.col("end_ts") - pl.col("start_ts")).dt.total_milliseconds().sum().alias("ms"),
        (pl.col("end_ts") - pl.col("start_ts")).dt.total_milliseconds().max().alias("longest_ms"),
        pl.col("overlap", "km", "kmh").max(),
        pl.when(pl.col("cost").is_not_null().any()).then(pl.col("cost").sum()).alias("cost"),
        _some(pl.col("visited_plmn"), "networks"),
        _some(country, "countries"),
        _some(pl.col("device_id"), "devices"),
        _some(pl.col("cell"), "cells"),
        _some(pl.col("end_cause"), "end_causes"),
        pl.col("start_ts").dt.hour().unique().sort().alias("hours"),
    ]


def _some(column: pl.Expr, name: str) -> pl.Expr:
    """Count all different names."""
    return column.drop_nulls().value_counts(name="n").alias(name)


def _ranked(row: dict[str, Any]) -> dict[str, Any]:
    """Put names in order: the most frequent first, those as frequent by name."""
    for kind in ("networks", "countries", "devices", "cells", "end_causes"):
        counts = [(-one.pop("n"), *one.values()) for one in row[kind]]
        row[kind] = [name for _, name in sorted(counts)]
    return row


def _named(values: list[str]) -> Some:
    return Some(len(values), tuple(values[:MOST_NAMES]))


def _happened(row: dict[str, Any], before: Usual | None) -> Happened:
    return Happened(
        since=row["since"],
        until=row["until"],
        sessions=row["sessions"],
        zero_bytes=row["zero_bytes"],
        failed=row["failed"],
        bytes_up=row["bytes_up"],
        bytes_down=row["bytes_down"],
        duration_s=row["ms"] / 1000,
        longest_s=row["longest_ms"] / 1000,
        overlap_s=row["overlap"],
        sms_sent=row["sms_mo"],
        sms_received=row["sms_mt"],
        cost=row["cost"],
        distance_km=row["km"],
        speed_kmh=row["kmh"],
        networks=_named(row["networks"]),
        countries=_named(row["countries"]),
        devices=_named(row["devices"]),
        cells=_named(row["cells"]),
        end_causes=_named(row["end_causes"]),
        new_networks=0 if before is None else _new(row["networks"], before.networks),
        new_devices=0 if before is None else _new(row["devices"], before.devices),
        hours=tuple(row["hours"]),
    )


def _new(names: list[str], before: Some) -> int:
    """Count names that were not there before, as far as those are kept."""
    return len(set(names) - set(before.names)) if before.n <= len(before.names) else 0


def _usual(row: dict[str, Any]) -> Usual:
    days = max(1.0, (row["opened"] - row["since"]).total_seconds() / _DAY_S)
    total = row["bytes_up"] + row["bytes_down"]
    return Usual(
        days=days,
        sessions=row["sessions"] / days,
        bytes=total / days,
        bytes_up=row["bytes_up"] / days,
        sms_sent=row["sms_mo"] / days,
        sms_last_day=row["sms_last_day"],
        failed_share=row["failed"] / row["sessions"],
        up_share=row["bytes_up"] / total if total else None,
        networks=_named(row["networks"]),
        devices=_named(row["devices"]),
        hours=tuple(row["hours"]),
    )


def _silence(row: dict[str, Any]) -> Silence:
    return Silence(
        since=row["quiet_from"],
        until=row["last"],
        usual_gap_s=row["usual_gap"].total_seconds(),
        ratio=row["ratio"],
        fleet_sims=row.get("fleet_sims"),
        peers_quiet=row.get("peers_quiet"),
    )


def cases(told: list[Story]) -> list[Case]:
    """Gather stories by case, the most important first.

    Notes
    -----
    An alert counts as much as its highest session scores: scores are logarithms of how rare
    something is. A silent SIM counts as an alert of sessions that has the same place among its own
    sort, by the ratio. A case counts as the first of its alerts, and the logarithm of its SIMs.
    """
    place = _places(told)
    by_case: dict[int, list[Story]] = {}
    for story in sorted(told, key=lambda s: (-place[s.alert], s.opened, s.alert)):
        by_case.setdefault(story.case, []).append(story)
    out = []
    for number, of in by_case.items():
        sims = len({story.sim_id for story in of})
        families, customers = {s.family for s in of}, {s.customer for s in of}
        out.append(
            Case(
                case=number,
                kind=of[0].kind,
                customer=of[0].customer if len(customers) == 1 else None,
                family=of[0].family if len(families) == 1 else None,
                stories=tuple(of),
                sims=sims,
                opened=min(story.opened for story in of),
                last=max(story.last for story in of),
                importance=place[of[0].alert] + math.log(sims),
                sentence=tell.case(of, sims),
            )
        )
    return sorted(out, key=lambda case: (-case.importance, case.opened, case.case))


def _places(told: list[Story]) -> dict[int, float]:
    scores = sorted(story.score or 0.0 for story in told if story.silence is None)
    ratios = sorted(story.silence.ratio for story in told if story.silence is not None)
    place: dict[int, float] = {}
    for story in told:
        if story.silence is None:
            place[story.alert] = story.score or 0.0
        else:
            # The share of silent SIMs that were no longer so, and the score with that share.
            share = bisect_right(ratios, story.silence.ratio) / (len(ratios) + 1)
            place[story.alert] = scores[int(share * len(scores))] if scores else share
    return place
