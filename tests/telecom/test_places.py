"""Hours of cells and operators against plain loops over sessions; nothing looks ahead."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from fastrcf.errors import InvalidInputError, InvalidParameterError, NotFittedError
from fastrcf.telecom import place_hours
from fastrcf.telecom.peers import PeerTable
from fastrcf.telecom.place_hours import COLUMNS, LEAST_A_DAY, LEAST_HOURS, LEVELS, hours
from fastrcf.telecom.places import PlaceDetector
from tests.telecom.timelines import START, build, ordinary

HOUR = 3_600_000_000
BAD = {"lost_carrier", "lost_service", "error", "rejected"}


def busy(days=8, seed=1, out=None, slow=None):
    """Sessions of four cells, busy by day; of one all fail for some hours, or little goes through.

    ``out`` and ``slow`` are (cell, first hour, hours).
    """
    rng = np.random.default_rng(seed)
    rows = {name: [] for name in ("start", "cell", "end_cause", "lasting", "bytes_up", "plmn")}
    for cell in range(4):
        for hour in range(24 * days):
            n = rng.poisson((10 + 6 * math.sin(hour / 24 * 2 * math.pi)) * (1 + cell))
            gone = out is not None and out[0] == cell and out[1] <= hour < out[1] + out[2]
            weak = slow is not None and slow[0] == cell and slow[1] <= hour < slow[1] + slow[2]
            rows["start"].append(START + hour * HOUR + rng.integers(0, HOUR, n))
            rows["cell"] += [f"c{cell}"] * n
            rows["plmn"] += [f"262-0{cell % 2 + 1}"] * n
            chance = 0.9 if gone else 0.03
            rows["end_cause"] += np.where(rng.random(n) < chance, "error", "normal").tolist()
            rows["lasting"].append((rng.exponential(200, n) * 1e6).astype(int))
            rows["bytes_up"].append((rng.lognormal(9, 0.5, n) * (0.02 if weak else 1)).astype(int))
    n = len(rows["cell"])
    return build(
        sim_id=[f"s{i % 50}" for i in range(n)],
        start=np.concatenate(rows["start"]),
        lasting=np.concatenate(rows["lasting"]),
        bytes_up=np.concatenate(rows["bytes_up"]),
        cell=rows["cell"],
        visited_plmn=rows["plmn"],
        rat=["LTE"] * n,
        end_cause=rows["end_cause"],
    )


def naive(sessions, level):
    """Hours of places by plain loops."""
    counts = {}
    for row in sessions.iter_rows(named=True):
        place = row["cell"]
        if level == "operator":
            plmn, rat = row["visited_plmn"], row["rat"]
            place = None if plmn is None else f"{plmn} {rat or ''}".strip()
        if place is None:
            continue
        when = (row["start_ts"] - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(hours=1)
        one = counts.setdefault(place, {}).setdefault(when, [0, 0, 0, 0])
        lasting = (row["end_ts"] - row["start_ts"]) // timedelta(milliseconds=1)
        more = (1, row["end_cause"] in BAD, row["bytes_up"] + row["bytes_down"], max(lasting, 0))
        counts[place][when] = [a + b for a, b in zip(one, more, strict=True)]
    end = max(max(of) for of in counts.values()) + 1
    begin = min(min(of) for of in counts.values())

    def before(place, hour):
        own, first = counts[place], min(counts[place])
        since = max(hour - 168, begin)
        known = min(max(hour - first, 0), 168)
        sums = [sum(own.get(h, [0] * 4)[i] for h in range(since, hour)) for i in range(4)]
        return known, sums

    out = {}
    for hour in range(begin, end):
        now, mean = 0, 0.0
        for place in counts:
            known, sums = before(place, hour)
            if known > 0:
                now += counts[place].get(hour, [0])[0]
                mean += sums[0] / known
        shape = now / mean if mean > 0 else 1.0
        for place, own in counts.items():
            known, sums = before(place, hour)
            if known < LEAST_HOURS or sums[0] * 24 < LEAST_A_DAY * known:
                continue
            same = [own.get(hour - b, [0])[0] for b in range(24, 169, 24) if known >= b]
            usual = (sum(same) + 2 * shape * sums[0] / known) / (len(same) + 2)
            n, failed, volume, busy_ms = own.get(hour, [0, 0, 0, 0])
            share, a, b = sums[1] / sums[0], sums[2] / sums[0], sums[3] / sums[0]
            rate = 1000 * sums[2] / max(sums[3], 1)
            held = 1000 * (volume + 5 * a) / max(busy_ms + 5 * b, 1)
            out[place, hour] = {
                "sessions": n,
                "failed": failed,
                "usual_sessions": usual,
                "usual_failed_share": share,
                "usual_throughput": rate,
                "x_sessions": 2 * (math.sqrt(n + 0.375) - math.sqrt(usual + 0.375)),
                "x_failures": max(
                    2 * (math.sqrt(failed + 0.375) - math.sqrt(share * n + 0.375)), 0
                ),
                "x_throughput": min(math.log(held + 1) - math.log(rate + 1), 0),
            }
    return out


@pytest.mark.parametrize("level", LEVELS)
def test_hours_are_those_of_plain_loops(level, monkeypatch):
    sessions = ordinary(n=4_000, seed=8)
    expected = naive(sessions, level)
    for block in (1, 1 << 20):
        monkeypatch.setattr(place_hours, "_BLOCK", block)
        found = hours(PeerTable.fit(sessions), level)
        assert len(found) == len(expected) > 100
        since = datetime(1970, 1, 1, tzinfo=UTC)
        wanted = pl.DataFrame(
            [
                expected[place, (hour - since) // timedelta(hours=1)]
                for place, hour in found.select("place", "hour").iter_rows()
            ]
        )
        for name in wanted.columns:
            np.testing.assert_allclose(found[name], wanted[name], rtol=1e-9, atol=1e-9)


def test_later_sessions_change_nothing_and_hours_before_are_left_out():
    sessions = busy()
    moment = sessions["start_ts"].min().replace(minute=0, second=0, microsecond=0)
    moment += timedelta(days=5)
    early = sessions.filter(pl.col("start_ts") < moment)
    for level in LEVELS:
        whole = hours(PeerTable.fit(sessions), level)
        # The last hour of a table of the early ones is whole, too.
        assert hours(PeerTable.fit(early), level).equals(whole.filter(pl.col("hour") < moment))
        some = hours(PeerTable.fit(sessions), level, moment)
        kept = whole.filter(pl.col("hour") >= moment)
        assert some.select("place", "hour").equals(kept.select("place", "hour"))
        for name in (f"x_{name}" for name in COLUMNS):
            np.testing.assert_allclose(some[name], kept[name], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("wrong", "feature"),
    [({"out": (2, 150, 3)}, "failures"), ({"slow": (1, 151, 2)}, "throughput")],
)
def test_an_hour_that_goes_wrong_is_told_first_and_why(wrong, feature):
    sessions = busy(**wrong)
    ((cell, first, n),) = wrong.values()
    peers = PeerTable.fit(sessions)
    begin = datetime.fromtimestamp(START / 1e6, UTC)
    moment = begin + timedelta(days=5)
    detector = PlaceDetector("cell").fit(peers, moment)
    found = detector.detect(peers, moment)
    event = found.events.row(0, named=True)
    assert (event["level"], event["place"]) == ("cell", f"c{cell}")
    assert event["first"] == begin + timedelta(hours=first)
    assert event["hours"] == n
    assert event["last"] == event["first"] + timedelta(hours=n - 1)
    assert found.reasons[0][0].column == feature
    assert len(found.reasons) == len(found.events)
    if "out" in wrong:
        inside = sessions.filter(
            (pl.col("cell") == f"c{cell}")
            & pl.col("start_ts").is_between(
                event["first"], event["first"] + timedelta(hours=n), closed="left"
            )
        )
        assert event["sessions"] == len(inside)
        failed = inside["end_cause"].is_in(list(BAD)).mean()
        assert event["failed_share"] == pytest.approx(failed)
        assert event["usual_failed_share"] < 0.1
    # Little else stands out.
    assert len(found.events) < 8
    assert found.judged == 4 * 3 * 24


def test_the_same_events_of_tables_that_were_added_up():
    sessions = busy(out=(2, 150, 3))
    moment = datetime.fromtimestamp(START / 1e6, UTC) + timedelta(days=5)
    whole = PeerTable.fit(sessions)
    parts = [sessions.filter((pl.col("sim_id") < "s3") == half) for half in (True, False)]
    added = PeerTable.fit(parts[0]).merge(PeerTable.fit(parts[1]))
    one, other = (PlaceDetector().fit(t, moment).detect(t, moment) for t in (whole, added))
    assert one.events.equals(other.events)


def test_what_cannot_be():
    peers = PeerTable.fit(busy(days=3))
    moment = datetime.fromtimestamp(START / 1e6, UTC)
    with pytest.raises(InvalidParameterError, match="none of cell, operator"):
        PlaceDetector("country")
    with pytest.raises(InvalidParameterError, match="none of cell, operator"):
        hours(peers, "burst")
    with pytest.raises(NotFittedError):
        PlaceDetector().score(peers)
    with pytest.raises(InvalidInputError, match="nothing to learn from"):
        PlaceDetector().fit(peers, moment)
    for wrong in (None, "2026-03-06", moment.date(), moment.replace(tzinfo=None)):
        with pytest.raises(InvalidParameterError, match="until: expected a datetime with a time"):
            PlaceDetector().fit(peers, wrong)
    bare = PeerTable.fit(busy(days=3).drop("cell"))
    assert hours(bare, "cell").is_empty()
    fitted = PlaceDetector().fit(peers, moment + timedelta(days=2))
    assert fitted.detect(bare, moment).events.is_empty()
    with pytest.raises(InvalidParameterError, match="since: expected a datetime with a time"):
        fitted.detect(peers, "2026-03-06")
