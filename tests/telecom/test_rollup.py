"""Scores and alerts by SIM, fleet and cell, against plain loops."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrcf import InvalidInputError, InvalidParameterError
from fastrcf._parameters import wilson
from fastrcf.telecom import week
from fastrcf.telecom.findings import Findings

START = datetime(2026, 3, 6, tzinfo=UTC)
FLEETS = {"a": "north", "b": "north", "c": "south", "d": None}


def findings(rows, alerts):
    """Make findings of (sim, cell, score) and of (sim, cell, score or None)."""
    scored = pl.DataFrame(
        [
            (f"s{n}", sim, START + timedelta(minutes=n), FLEETS[sim], cell, score)
            for n, (sim, cell, score) in enumerate(rows)
        ],
        schema={
            "session_id": pl.String,
            "sim_id": pl.Categorical,
            "start_ts": pl.Datetime("us", "UTC"),
            "customer": pl.Categorical,
            "cell": pl.String,
            "score": pl.Float64,
        },
        orient="row",
    )
    of = pl.DataFrame(
        [
            (n, n // 2, sim, FLEETS[sim], cell, opened, opened + timedelta(hours=n), score)
            for n, (sim, cell, score) in enumerate(alerts)
            for opened in [START + timedelta(hours=n)]
        ],
        schema={
            "alert": pl.UInt32,
            "case": pl.UInt32,
            "sim_id": pl.String,
            "customer": pl.String,
            "cell": pl.String,
            "opened": pl.Datetime("us", "UTC"),
            "last": pl.Datetime("us", "UTC"),
            "score": pl.Float64,
        },
        orient="row",
    )
    return Findings(scored, scored.head(0), of, {})


sims, cells = st.sampled_from(sorted(FLEETS)), st.sampled_from(["x", "y", None])
numbers = st.integers(0, 20).map(float)


@given(
    st.lists(st.tuples(sims, cells, numbers), max_size=30),
    st.lists(st.tuples(sims, cells, st.none() | numbers), max_size=10),
    st.sampled_from(["sim", "fleet", "cell"]),
)
def test_rows_are_those_of_plain_loops(rows, alerts, level):
    def of(sim, cell):
        return {"sim": sim, "fleet": FLEETS[sim], "cell": cell}[level]

    found = findings(rows, alerts).by(level)
    column = {"sim": "sim_id", "fleet": "customer", "cell": "cell"}[level]
    names = {of(sim, cell) for sim, cell, _ in [*rows, *alerts]} - {None}
    assert sorted(found[column]) == sorted(names)
    for row in found.rows(named=True):
        own = [(s, score) for s, c, score in rows if of(s, c) == row[column]]
        mine = [(n, s, score) for n, (s, c, score) in enumerate(alerts) if of(s, c) == row[column]]
        assert row["score"] == max((score for _, score in own), default=None)
        assert row["sessions"] == len(own)
        assert row["alerts"] == len(mine)
        assert row["cases"] == len({n // 2 for n, _, _ in mine})
        assert row["silent"] == sum(score is None for _, _, score in mine)
        hours = [timedelta(hours=n) for n, _, _ in mine]
        assert row["first"] == (START + min(hours) if hours else None)
        assert row["last"] == (START + 2 * max(hours) if hours else None)
        if level != "sim":
            alerting = {s for _, s, _ in mine}
            there = alerting | {s for s, _ in own}
            assert (row["sims"], row["sims_alerting"]) == (len(there), len(alerting))
            share = len(alerting) / len(there)
            assert row["share"] == share
            assert row["share_low"] == pytest.approx(wilson(share, len(there))[0])


def test_a_small_fleet_is_not_first_by_chance():
    """Thirty of a hundred SIMs say more than one of one, whatever the highest score."""
    scored = pl.DataFrame(
        {
            "session_id": [f"s{n}" for n in range(101)],
            "sim_id": [f"m{n}" for n in range(101)],
            "customer": ["large"] * 100 + ["alone"],
            "score": [1.0] * 100 + [9.0],
        }
    )
    some = [*range(30), 100]
    alerts = scored[some].with_columns(
        alert=pl.int_range(pl.len(), dtype=pl.UInt32),
        case=pl.lit(0, pl.UInt32),
        opened=pl.lit(START),
        last=pl.lit(START),
    )
    found = Findings(scored, scored.head(0), alerts, {}).by("fleet")
    assert found["customer"].to_list() == ["large", "alone"]
    assert found["share"].to_list() == [0.3, 1.0]
    # Of SIMs the one with the highest score is first among those with as many alerts.
    assert Findings(scored, scored.head(0), alerts, {}).by("sim")["sim_id"][0] == "m100"


def test_wrong_levels_are_told():
    some = findings([("a", "x", 1.0)], [])
    assert some.by("sim_id").equals(some.by("sim"))
    assert some.by("customer").equals(some.by("fleet"))
    with pytest.raises(InvalidParameterError, match="'city' is none of sim, sim_id, fleet"):
        some.by("city")
    bare = Findings(some.scored.drop("cell"), some.alerting, some.alerts, {})
    with pytest.raises(InvalidInputError, match="no column cell"):
        bare.by("cell")
    assert bare.by("fleet")["sims_alerting"].to_list() == [0]


def test_they_are_written_beside_the_alerts(tmp_path):
    some = findings([("a", "x", 3.0), ("c", "y", 1.0)], [("a", "x", 3.0)])
    written = week.write_rolled_up(some, tmp_path)
    assert [one.name for one in written] == [
        "by_sim.parquet",
        "by_fleet.parquet",
        "by_cell.parquet",
    ]
    for one, level in zip(written, ("sim", "fleet", "cell"), strict=True):
        assert pl.read_parquet(one).equals(some.by(level))
    # Of an earlier run: these sessions do not say where they were.
    bare = Findings(some.scored.drop("cell"), some.alerting, some.alerts, {})
    week.write_rolled_up(bare, tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["by_fleet.parquet", "by_sim.parquet"]
