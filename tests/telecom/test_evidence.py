"""Evidence of views, and what comes together on a SIM, against loops."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrcf.detection import Reason
from fastrcf.telecom.catalogue import NAMES
from fastrcf.telecom.evidence import SLOW, VIEWS, Evidence, merged
from fastrcf.telecom.kinds import SIGNS
from fastrcf.telecom.looked_at import COLUMNS
from fastrcf.telecom.surprise import MOST_FAMILIES, Tails
from fastrcf.telecom.together import MOST, USUAL, come_together

START = datetime(2026, 3, 2, tzinfo=UTC)


def sessions(n=6000, seed=1):
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "family": rng.choice(["meter", "camera"], n),
            "a": rng.normal(size=n).astype(np.float32),
            "b": rng.normal(size=n).astype(np.float32),
        }
    )


def test_two_odd_values_of_one_session_are_more_than_either():
    evidence = Evidence.fit(sessions(), ["a", "b"])
    rows = pl.DataFrame(
        {"family": ["meter"] * 4, "a": [2.2, 2.2, 0.0, -9.0], "b": [2.2, 0.0, 0.0, -9.0]},
        schema_overrides={"a": pl.Float32, "b": pl.Float32},
    )
    both, one, none, low = evidence.surprise(rows)
    # One in 70 each: both at once one in some thousand, either one in 35.
    assert both > 6
    assert 2.5 < one < 4.5
    assert none < 0.1
    # Less than usual is no evidence.
    assert low == none


def test_reasons_are_the_parts_of_the_surprise():
    evidence = Evidence.fit(sessions(), ["a", "b"])
    rows = sessions(50, seed=2).with_columns(a=pl.lit(3.0, pl.Float32))
    parts = evidence.parts(rows)
    for why, part, b in zip(evidence.reasons(rows), parts, rows["b"], strict=True):
        told = {reason.column: reason for reason in why}
        assert told["a"].share == pytest.approx(part[0] / part.sum())
        assert told["a"].value == 3.0
        assert -1.8 < told["a"].usual_low < -1.5 < 1.5 < told["a"].usual_high < 1.8
        assert ("b" in told) == (b > 0 and part[1] / part.sum() >= 0.01)
        assert [r.share for r in why] == sorted((r.share for r in why), reverse=True)


def test_evidence_is_the_same_after_it_was_written():
    evidence = Evidence.fit(sessions(), ["a", "b"])
    again = Evidence.of_dict(json.loads(json.dumps(evidence.to_dict())))
    rows = sessions(500, seed=3)
    np.testing.assert_array_equal(again.surprise(rows), evidence.surprise(rows))
    assert again.reasons(rows) == evidence.reasons(rows)
    broken = evidence.to_dict() | {"columns": ["a"]}
    with pytest.raises(ValueError, match="not the same"):
        Evidence.of_dict(broken)


def test_no_more_families_than_a_file_can_hold():
    n = MOST_FAMILIES + 4
    families = pl.Series([f"f{i:02}" for i in range(n) for _ in range(1000 + i)])
    tails = Tails.fit(np.arange(float(len(families))), families).to_dict()
    assert set(tails) == {""} | {f"f{i:02}" for i in range(4, n)}
    # All views, and the four of the detector, are within the notes of a model file.
    each = len(json.dumps(tails))
    assert (sum(map(len, VIEWS.values())) + len(VIEWS) + 4) * each < 1 << 16


def test_one_sim_does_not_make_its_values_usual():
    # Forty sessions with 100 messages: of one SIM, or of forty.
    n, sims = 6000, 600
    sim = np.arange(n) % sims
    values = np.zeros(n)
    values[:40] = 100.0
    fraud = sim.copy()
    fraud[:40] = 0
    families = pl.Series(["meter"] * n)
    seen = np.array([100.0])
    one = pl.Series(["meter"])
    all_of_it = Tails.fit(values, families).surprise(seen, one)[0]
    capped = Tails.fit(values, families, fraud).surprise(seen, one)[0]
    habit = Tails.fit(values, families, sim).surprise(seen, one)[0]
    assert all_of_it == pytest.approx(np.log(n / 40), abs=0.25)
    assert capped == pytest.approx(np.log(n / 10), abs=0.25)
    assert habit == all_of_it


def test_views_are_of_the_catalogue_and_have_signs():
    assert SLOW in VIEWS
    signs = {sign.feature for of in SIGNS.values() for sign in of}
    for name in (name for of in VIEWS.values() for name in of):
        assert name in NAMES
        assert name in signs
    assert set(COLUMNS) <= set(NAMES)


def reason(column, share, direction="high"):
    return Reason(column, share, direction, 1.0, None, None, None, None, "")


def test_reasons_of_several_are_merged_by_weight():
    one = [reason("a", 0.6), reason("b", 0.4)]
    other = [reason("b", 0.9), reason("a", 0.1, "low")]
    found = merged([(0.25, one), (0.75, other)])
    assert [(r.column, r.direction) for r in found] == [("b", "high"), ("a", "high"), ("a", "low")]
    assert [r.share for r in found] == pytest.approx([0.775, 0.15, 0.075])


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5000), st.floats(0, 14)), max_size=40),
    st.booleans(),
)
def test_what_comes_together_is_a_sum_over_the_past(rows, adding):
    frame = pl.DataFrame(
        {
            "sim_id": [sim for sim, _, _ in rows],
            "start_ts": [START + timedelta(minutes=at) for _, at, _ in rows],
        },
        schema={"sim_id": pl.String, "start_ts": pl.Datetime("us", "UTC")},
    )
    surprise = np.array([one for _, _, one in rows], float)
    found = come_together(frame, surprise, timedelta(hours=36), adding=adding)
    beyond = [min(max(one - USUAL, 0), MOST) for one in surprise]
    for i, (sim, at, _) in enumerate(rows):
        expected = sum(
            beyond[j]
            for j, (other, then, _) in enumerate(rows)
            if other == sim and at - 36 * 60 < then <= at
        )
        if adding:
            # Only what adds itself, and not itself.
            expected = expected - beyond[i] if beyond[i] else 0
        assert found[i] == pytest.approx(expected, abs=2e-6)
