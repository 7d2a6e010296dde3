"""SIMs that have stopped, against a walk through their sessions."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrcf import InvalidParameterError
from fastrcf.telecom.silence import SilenceRule, quiet_times, ratio_for, silences

START = datetime(2026, 3, 2, tzinfo=UTC)
RULE = SilenceRule(
    least=timedelta(minutes=30), least_gaps=3, least_seen=timedelta(hours=6), most_peers=0.4
)
END = START + timedelta(days=12)


def sessions_of(seed, n, sims=4):
    """Sessions of some SIMs of one fleet, minutes long, some beside one another."""
    rng = np.random.default_rng(seed)
    start = np.sort(rng.integers(0, 11 * 24 * 60, n))
    return pl.DataFrame(
        {
            "session_id": [f"{i:05}" for i in range(n)],
            "sim_id": [f"s{k}" for k in rng.integers(0, sims, n)],
            "start_ts": [START + timedelta(minutes=int(m)) for m in start],
            "end_ts": [
                START + timedelta(minutes=int(m + d))
                for m, d in zip(start, rng.integers(0, 200, n), strict=True)
            ],
            "customer": "c",
            "family": "meter",
        },
        schema_overrides={
            "start_ts": pl.Datetime("us", "UTC"),
            "end_ts": pl.Datetime("us", "UTC"),
            "sim_id": pl.String,
        },
    )


def walked(sessions, until):
    """(session, from, usual gap, quiet) by a walk through each SIM's sessions."""
    found = []
    for _, part in sessions.sort("start_ts", "end_ts", "session_id").group_by("sim_id"):
        rows = list(part.iter_rows(named=True))
        gaps, latest = [], None
        for i, row in enumerate(rows):
            if latest is not None:
                gap = max(row["start_ts"] - latest, timedelta(0))
                gaps.append((row["start_ts"], gap))
            latest = row["end_ts"] if latest is None else max(latest, row["end_ts"])
            # Sessions of one moment see each other's gaps.
            if i + 1 < len(rows) and rows[i + 1]["start_ts"] == row["start_ts"]:
                continue
            week = [g for at, g in gaps if row["start_ts"] - at < timedelta(days=7)]
            first = min(
                r["start_ts"]
                for r in rows[: i + 1]
                if row["start_ts"] - r["start_ts"] < timedelta(days=7)
            )
            following = rows[i + 1]["start_ts"] if i + 1 < len(rows) else until
            if len(week) >= RULE.least_gaps and row["start_ts"] - first >= RULE.least_seen:
                usual, quiet = max(*week, RULE.least), following - latest
                if quiet > usual:
                    found.append((row["session_id"], latest, usual, quiet))
    return sorted(found)


@given(st.integers(0, 10**6), st.integers(1, 120))
def test_quiet_times_are_those_of_a_walk(seed, n):
    sessions = sessions_of(seed, n)
    quiet = quiet_times(sessions, END, RULE)
    columns = ["session_id", "quiet_from", "usual_gap", "quiet"]
    assert sorted(quiet.select(columns).iter_rows()) == walked(sessions, END)
    assert quiet["fleet_sims"].unique().to_list() in ([sessions["sim_id"].n_unique()], [])


@given(st.integers(0, 10**6), st.floats(1, 5))
def test_a_fleet_that_is_quiet_together_tells_no_sim(seed, ratio):
    quiet = quiet_times(sessions_of(seed, 100), END, RULE)
    told = silences(quiet, ratio, RULE)
    expected = []
    rows = list(quiet.iter_rows(named=True))
    for row in rows:
        opened = row["quiet_from"] + row["usual_gap"] * ratio
        if row["ratio"] <= ratio:
            continue
        together = sum(
            other["quiet_from"] + other["usual_gap"] <= opened
            and other["quiet_from"] + other["quiet"] > opened
            for other in rows
        )
        if together <= 1 or together <= 0.4 * row["fleet_sims"]:
            expected.append((row["session_id"], together))
    assert sorted(told.select("session_id", "peers_quiet").iter_rows()) == sorted(expected)


@given(st.integers(0, 10**6), st.integers(0, 8))
def test_the_ratio_keeps_the_budget(seed, budget):
    quiet = quiet_times(sessions_of(seed, 120), END, RULE)
    ratio = ratio_for(quiet, budget, RULE)
    assert ratio >= 1
    assert len(silences(quiet, ratio, RULE)) <= budget


@given(st.integers(0, 10**6), st.integers(1, 11))
def test_what_comes_later_changes_no_alert(seed, day):
    sessions = sessions_of(seed, 120)
    until = START + timedelta(days=day)
    early = sessions.filter(pl.col("start_ts") < until)
    columns = ["session_id", "opened"]
    # The fleet's size is known beforehand; sessions only tell it here.
    alone = SilenceRule(RULE.least, RULE.least_gaps, RULE.least_seen, most_peers=1.0)
    part = silences(quiet_times(early, until, alone), 2, alone).select(columns)
    whole = silences(quiet_times(sessions, END, alone), 2, alone)
    whole = whole.filter(pl.col("opened") < until).select(columns)
    assert sorted(part.iter_rows()) == sorted(whole.iter_rows())


def test_wrong_use_is_told():
    with pytest.raises(InvalidParameterError, match="least: 0:00:00 is not above 0"):
        SilenceRule(least=timedelta(0))
    with pytest.raises(InvalidParameterError, match="least_gaps: 0 is below 1"):
        SilenceRule(least_gaps=0)
