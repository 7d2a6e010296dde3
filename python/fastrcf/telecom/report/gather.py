"""From findings and sessions to facts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from fastrcf.errors import InvalidInputError
from fastrcf.telecom.report.facts import (
    Curve,
    DayFacts,
    FamilyFacts,
    Line,
    Place,
    PlaceHours,
    QualityFacts,
    ScoreFacts,
    WeekFacts,
)
from fastrcf.telecom.schema import NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastrcf.telecom.findings import Findings
    from fastrcf.telecom.places import PlaceEvents
    from fastrcf.telecom.story import Story

_BINS, _POINTS, _PLACES = 60, 300, 12
_MOST_FAMILIES: Final = 12
#: Of a time line: before an alert opens, and after its last session.
BEFORE, AFTER = timedelta(days=3), timedelta(days=1)
#: Points of a time line; of more, the largest sessions of stretches of time, and all that alert.
_MOST_POINTS: Final = 250


def week(frame: pl.LazyFrame, findings: Findings) -> WeekFacts:
    """Count sessions by the hour and the family."""
    there = frame.collect_schema().names()
    family = _text("family", there)
    hours = (
        frame.group_by(family, hour=pl.col("start_ts").dt.truncate("1h"))
        .agg(pl.len().alias("n"), (pl.col("bytes_up") + pl.col("bytes_down")).sum().alias("bytes"))
        .collect()
    )
    if hours.is_empty():
        raise InvalidInputError("there are no sessions to report")
    sums = frame.select(
        first=pl.col("start_ts").min(),
        last=pl.col("start_ts").max(),
        sims=pl.col("sim_id").n_unique(),
        fleets=pl.col("customer").n_unique() if "customer" in there else pl.lit(0),
    ).collect()
    sims = dict(frame.group_by(family).agg(pl.col("sim_id").n_unique()).collect().iter_rows())
    first = _hour(hours["hour"].min())
    n = int((_hour(hours["hour"].max()) - first).astype(int)) + 1
    axis = first + np.arange(n)
    alerts: dict[str | None, int] = {}
    if "family" in findings.alerts.columns:
        alerts = dict(findings.alerts.group_by("family").len().iter_rows())
    families = []
    for (name,), part in hours.group_by("family"):
        counts = _along(part["hour"], part["n"], first, n)
        families.append(
            FamilyFacts(
                str(name or ""),
                int(counts.sum()),
                sims.get(name, 0),
                alerts.get(name, 0),
                counts,
            )
        )
    families.sort(key=lambda one: (-one.sessions, one.name))
    above = findings.alerting.group_by(hour=pl.col("start_ts").dt.truncate("1h")).len()
    judged = findings.scored["start_ts"].min() if len(findings.scored) else None
    return WeekFacts(
        first=sums["first"][0],
        last=sums["last"][0],
        judged_from=judged,  # type: ignore[arg-type]
        sessions=int(hours["n"].sum()),
        judged=len(findings.scored),
        sims=int(sums["sims"][0]),
        fleets=int(sums["fleets"][0]),
        bytes=int(hours["bytes"].sum()),
        hours=axis,
        counts=_along(hours["hour"], hours["n"], first, n),
        alerting=_along(above["hour"], above["len"], first, n),
        families=tuple(families[:_MOST_FAMILIES]),
    )


def _text(name: str, there: list[str]) -> pl.Expr:
    column = pl.col(name).cast(pl.String) if name in there else pl.lit(None, pl.String)
    return column.alias(name)


def _hour(when: Any) -> np.datetime64:
    if not isinstance(when, datetime):
        raise InvalidInputError("there are no sessions to report")
    return np.datetime64(when.replace(tzinfo=None), "h")


def _along(hour: pl.Series, counts: pl.Series, first: np.datetime64, n: int) -> Any:
    out = np.zeros(n, np.int64)
    at = (hour.dt.replace_time_zone(None).to_numpy().astype("datetime64[h]") - first).astype(int)
    inside = (at >= 0) & (at < n)
    np.add.at(out, at[inside], counts.to_numpy()[inside].astype(np.int64))
    return out


def scores(findings: Findings) -> ScoreFacts | None:
    """Count scores in bins of equal width."""
    if findings.scored.is_empty():
        return None
    values = findings.scored["score"].to_numpy()
    above = findings.alerting["score"].to_numpy()
    threshold = findings.threshold
    known = bool(np.isfinite(threshold))
    if not known and len(above):
        threshold, known = float(above.min()), True
    low, high = float(values.min()), float(values.max())
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    everything = np.histogram(values, edges)[0]
    alerting = np.histogram(above, edges)[0]
    return ScoreFacts(
        threshold=threshold if known else None,
        sessions=len(values),
        above=len(above),
        highest=high,
        edges=edges,
        usual=everything - alerting,
        alerting=alerting,
    )


def lines(frame: pl.LazyFrame, findings: Findings, told: list[Story]) -> dict[int, Line]:
    """Read the sessions about some alerts."""
    if not told:
        return {}
    sims = pl.LazyFrame({"sim_id": sorted({story.sim_id for story in told})})
    since, until = min(s.opened for s in told) - BEFORE, max(s.last for s in told) + AFTER
    own = (
        frame.filter(pl.col("start_ts").is_between(since, until))
        .join(sims, on="sim_id", how="semi")
        .select(
            "session_id",
            "sim_id",
            pl.col("start_ts").dt.replace_time_zone(None),
            bytes=pl.col("bytes_up") + pl.col("bytes_down"),
        )
        .collect()
        .sort("sim_id", "start_ts", "session_id")
    )
    own = own.with_columns(
        stood=pl.col("session_id").is_in(findings.alerting["session_id"].implode())
    )
    by_sim = own.partition_by("sim_id", as_dict=True)
    out = {}
    for story in told:
        part = by_sim.get((story.sim_id,))
        if part is None:
            continue
        since, until = story.opened - BEFORE, story.last + AFTER
        if story.silence is not None:
            since = min(since, story.silence.since - BEFORE)
        inside = pl.col("start_ts").is_between(
            since.replace(tzinfo=None), until.replace(tzinfo=None)
        )
        part = part.filter(inside)
        n = len(part)
        if n > _MOST_POINTS:
            stretch = (until - since) / (_MOST_POINTS // 2)
            kept = part.group_by("stood", pl.col("start_ts").dt.truncate(stretch).alias("t")).agg(
                pl.all().exclude("stood").sort_by("bytes").last()
            )
            part = kept.sort("start_ts")
        out[story.alert] = Line(
            at=part["start_ts"].to_numpy(),
            bytes=part["bytes"].to_numpy(),
            stood_out=part["stood"].to_numpy(),
            opened=story.opened,
            last=story.last,
            left_out=n - len(part),
        )
    return out


def by_day(findings: Findings) -> tuple[tuple[tuple[str, int], ...], tuple[DayFacts, ...]]:
    """Count alerts by kind, and by the day on which they opened."""
    alerts = findings.alerts
    if alerts.is_empty():
        return (), ()
    counts = alerts["kind"].value_counts().sort(["count", "kind"], descending=[True, False])
    kinds = tuple((str(kind), int(n)) for kind, n in counts.iter_rows())
    first, last = (_day(alerts["opened"].min()), _day(alerts["opened"].max()))
    opened = {
        (str(day), kind): n
        for day, kind, n in alerts.group_by(pl.col("opened").dt.date().alias("d"), "kind")
        .len()
        .iter_rows()
    }
    out = []
    for back in range((last - first).days + 1):
        day = (first + timedelta(days=back)).strftime("%Y-%m-%d")
        each = tuple(opened.get((day, kind), 0) for kind, _ in kinds)
        out.append(DayFacts(day, sum(each), each))
    return kinds, tuple(out)


def _day(when: Any) -> datetime:
    if not isinstance(when, datetime):
        raise InvalidInputError("an alert has no time")
    return when.replace(hour=0, minute=0, second=0, microsecond=0)


def places(frame: pl.LazyFrame, findings: Findings, column: str) -> tuple[Place, ...]:
    """Roll alerts up to fleets or cells, those with most SIMs that alert first."""
    there = frame.collect_schema().names()
    if column not in findings.alerts.columns or column not in there or findings.alerts.is_empty():
        return ()
    alerts = findings.alerts.filter(pl.col(column).is_not_null())
    rolled = (
        alerts.group_by(column)
        .agg(
            alerts=pl.len(),
            some=pl.col("sim_id").n_unique(),
            kinds=pl.col("kind").value_counts(sort=True),
        )
        .sort(["some", "alerts", column], descending=[True, True, False])
        .head(_PLACES)
    )
    sims = dict(
        frame.select(pl.col(column).cast(pl.String), "sim_id")
        .filter(pl.col(column).is_in(rolled[column].implode()))
        .group_by(column)
        .agg(pl.col("sim_id").n_unique())
        .collect()
        .iter_rows()
    )
    usual = findings.alerts["sim_id"].n_unique() / max(
        1, frame.select(pl.col("sim_id").n_unique()).collect().item()
    )
    return tuple(
        Place(
            name=row[column],
            alerts=row["alerts"],
            sims_alerting=row["some"],
            sims=sims.get(row[column], row["some"]),
            kinds=tuple((one["kind"], one["count"]) for one in row["kinds"][:3]),
            stands_out=row["some"] >= 3
            and row["some"] / max(1, sims.get(row[column], 1)) >= 3 * usual,
        )
        for row in rolled.iter_rows(named=True)
    )


def network(
    findings: Findings, found: Sequence[PlaceEvents]
) -> tuple[tuple[PlaceHours, ...], dict[int, PlaceHours]]:
    """Give hours of places that stand out, and those that alerts opened in."""
    alerts = findings.alerts
    by_cell: dict[str, list[tuple[int, datetime]]] = {}
    if "cell" in alerts.columns:
        for alert, cell, opened in alerts.select("alert", "cell", "opened").iter_rows():
            by_cell.setdefault(cell, []).append((alert, opened))
    all_hours: list[PlaceHours] = []
    at_place: dict[int, PlaceHours] = {}
    for events in found:
        for row in events.events.iter_rows(named=True):
            until = row["last"] + timedelta(hours=1)
            there = by_cell.get(row["place"], []) if row["level"] == "cell" else []
            inside = [alert for alert, opened in there if row["first"] <= opened < until]
            row["name"] = row.pop("place")
            hours = PlaceHours(**row, alerts=len(inside))
            all_hours.append(hours)
            at_place |= dict.fromkeys(inside, hours)
    return tuple(all_hours), at_place


def curve(findings: Findings) -> Curve | None:
    """Rank sessions by score against what is known."""
    scored = findings.scored
    if "incident" not in scored.columns or scored["incident"].null_count() == len(scored):
        return None
    order = scored.select("score", bad=pl.col("incident").is_not_null()).sort(
        "score", descending=True
    )
    score, bad = order["score"].to_numpy(), order["bad"].to_numpy()
    ends = np.flatnonzero(np.r_[score[1:] != score[:-1], True])
    caught, total = np.cumsum(bad)[ends], int(bad.sum())
    recall, precision = caught / total, caught / (ends + 1)
    kept = np.unique(np.searchsorted(recall, np.linspace(0, 1, _POINTS)).clip(0, len(recall) - 1))
    above = len(findings.alerting)
    at = None
    if above:
        hits = int(findings.alerting["incident"].is_not_null().sum())
        at = (hits / total, hits / above)
    return Curve(recall[kept], precision[kept], at, total / len(score))


def labels(findings: Findings, incidents: pl.DataFrame | None) -> dict[int, str]:
    """Find of each alert the kind of incident that it is part of."""
    out: dict[int, str] = {}
    if "label" in findings.alerting.columns:
        known = findings.alerting.filter(pl.col("label").is_not_null())
        modes = known.group_by("alert").agg(pl.col("label").cast(pl.String).mode().sort().first())
        out = dict(modes.iter_rows())
    if incidents is not None and "sim_ids" in incidents.columns:
        silent = findings.alerts.filter(pl.col("score").is_null())
        gone = incidents.select(
            pl.col("label").cast(pl.String).alias("label"), "onset", "end", sim_id="sim_ids"
        ).filter(pl.col("label") == "silent_device")
        hits = silent.join(gone.explode("sim_id"), on="sim_id").filter(
            (pl.col("opened") >= pl.col("onset"))
            & (pl.col("opened") <= pl.col("end")).fill_null(True)
        )
        out |= dict.fromkeys(hits["alert"].to_list(), "silent_device")
    return out


def confusion(
    findings: Findings, known: Mapping[int, str], kinds: tuple[tuple[str, int], ...]
) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Count alerts by what they are part of and by what they are called."""
    counts: dict[tuple[str, str], int] = {}
    for alert, kind in findings.alerts.select("alert", "kind").iter_rows():
        key = (known.get(alert, ""), kind)
        counts[key] = counts.get(key, 0) + 1
    rows = sorted({label for label, _ in counts}, key=lambda label: (label == "", label))
    return tuple((row, tuple(counts.get((row, kind), 0) for kind, _ in kinds)) for row in rows)


def quality(
    frame: pl.LazyFrame, facts: WeekFacts, put_aside: Mapping[str, int] | None
) -> QualityFacts:
    """Count what the sessions lack."""
    there = frame.collect_schema().names()
    present = [name for name in NAMES if name in there]
    nulls = frame.select(pl.col(present).null_count()).collect().row(0)
    missing = [(name, int(n)) for name, n in zip(present, nulls, strict=True) if n]
    silent = facts.hours[facts.counts == 0]
    day = facts.hours.astype("datetime64[D]")
    days, at = np.unique(day, return_inverse=True)
    by_days = np.bincount(at, weights=facts.counts)
    return QualityFacts(
        nulls=tuple(sorted(missing, key=lambda one: (-one[1], one[0]))),
        complete=tuple(name for name, n in zip(present, nulls, strict=True) if not n),
        absent=tuple(name for name in NAMES if name not in there),
        put_aside=None
        if put_aside is None
        else tuple((str(why), int(n)) for why, n in put_aside.items()),
        empty_days=tuple(str(one) for one in days[by_days == 0]),
        empty_hours=tuple(str(one).replace("T", " ") + ":00" for one in silent),
    )
