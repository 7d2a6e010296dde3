"""Alerts and cases from scored sessions, against rules written as loops."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrcf import InvalidInputError, InvalidParameterError
from fastrcf.telecom.alerts import (
    AlertRule,
    cases_of,
    crowds,
    into_cases,
    open_alerts,
    threshold_for,
)
from fastrcf.telecom.kinds import CROWD

START = datetime(2026, 3, 2, tzinfo=UTC)
RULE = AlertRule(quiet=timedelta(hours=3), together=timedelta(hours=1))


def frame(rows):
    """Sessions from (sim, minutes, score)."""
    return pl.DataFrame(
        {
            "session_id": [f"{i:04}" for i in range(len(rows))],
            "sim_id": [sim for sim, _, _ in rows],
            "start_ts": [START + timedelta(minutes=minutes) for _, minutes, _ in rows],
            "score": [float(score) for _, _, score in rows],
        },
        schema_overrides={"start_ts": pl.Datetime("us", "UTC"), "sim_id": pl.String},
    )


def opened_by_loop(rows, threshold):
    """How many alerts open, session after session."""
    last, opened = {}, 0
    for sim, minutes, score in sorted(rows, key=lambda row: row[1]):
        if score > threshold:
            if sim not in last or minutes - last[sim] > 180:
                opened += 1
            last[sim] = minutes
    return opened


SESSIONS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 1500), st.integers(0, 9)), max_size=60
)


@given(SESSIONS, st.integers(-1, 9))
def test_alerts_open_as_session_after_session(rows, threshold):
    found = open_alerts(frame(rows), threshold, RULE)
    assert len(found) == sum(score > threshold for _, _, score in rows)
    assert found["opens"].sum() == opened_by_loop(rows, threshold)
    assert found["alert"].n_unique() == found["opens"].sum()
    for _, part in found.group_by("alert"):
        assert part["sim_id"].n_unique() == 1
        assert part["opens"].sum() == 1
        assert part.sort("start_ts", "session_id")["opens"][0]
    first = found.filter("opens").sort("alert")["start_ts"]
    assert first.is_sorted()


@given(SESSIONS, st.integers(0, 1500))
def test_later_sessions_change_no_alert(rows, minutes):
    early = [row for row in rows if row[1] <= minutes]
    whole = open_alerts(frame(sorted(rows, key=lambda row: row[1])), 4, RULE)
    part = open_alerts(frame(sorted(early, key=lambda row: row[1])), 4, RULE)
    assert whole.head(len(part)).equals(part)


def rows_of(seed, n):
    """Many sessions of few SIMs."""
    rng = np.random.default_rng(seed)
    columns = rng.integers(0, 3, n), rng.integers(0, 3000, n), rng.integers(0, 20, n)
    return [("abc"[sim], int(at), int(score)) for sim, at, score in zip(*columns, strict=True)]


@given(st.builds(rows_of, st.integers(0, 10**6), st.integers(0, 60)), st.integers(0, 12))
def test_the_threshold_keeps_the_budget_and_spends_it(rows, budget):
    threshold = threshold_for(frame(rows), budget, RULE)
    if threshold is None:
        assert opened_by_loop(rows, -1) <= budget
        return
    assert opened_by_loop(rows, threshold) <= budget
    # Of so few sessions the next lower score is too much.
    below = max((score for _, _, score in rows if score <= threshold), default=None)
    assert opened_by_loop(rows, below - 0.5) > budget


def test_a_budget_that_cannot_be_spent_lets_not_everything_in():
    # Ten sessions far apart, then one every ten minutes: all of them would be one alert.
    rows = [("a", 300 * i, 9) for i in range(10)] + [("a", 10 * i, 1) for i in range(300)]
    assert opened_by_loop(rows, 1) == 10
    assert opened_by_loop(rows, 0) == 1
    assert threshold_for(frame(rows), 50, RULE) is None
    threshold = threshold_for(frame(rows), 50, RULE, whole=True)
    assert opened_by_loop(rows, threshold) >= 8


def test_a_case_is_what_opens_together_in_one_fleet():
    def at(minutes):
        return START + timedelta(minutes=minutes)

    alerts = pl.DataFrame(
        {
            "alert": [0, 1, 2, 3, 4, 5, 6],
            "opened": [at(0), at(50), at(55), at(100), at(200), at(201), at(202)],
            "customer": ["x", "x", "y", "x", "x", None, None],
            "kind": ["a", "a", "a", "a", "a", "a", "a"],
        },
        schema_overrides={"opened": pl.Datetime("us", "UTC")},
    )
    cases = into_cases(alerts, RULE)
    assert cases["case"].to_list() == [0, 0, 1, 0, 2, 3, 4]
    other = alerts.with_columns(kind=pl.Series(["a", "b", "a", "a", "a", "a", "a"]))
    assert into_cases(other, RULE)["case"].to_list() == [0, 1, 2, 3, 4, 5, 6]


def sending(n, fleet, kind, minutes):
    """Alerts of ``n`` SIMs of a fleet, so many minutes apart."""
    return pl.DataFrame(
        {
            "sim_id": [f"{fleet}{kind}{i}" for i in range(n)],
            "customer": [fleet] * n,
            "kind": [kind] * n,
            "opened": [START + timedelta(minutes=minutes * i) for i in range(n)],
            "support": [0.8] * n,
            "attack": [0.4] * n,
        },
        schema_overrides={"opened": pl.Datetime("us", "UTC")},
    )


def test_many_sims_of_a_fleet_that_send_together_are_a_botnet():
    some = CROWD - 2
    alerts = pl.concat(
        [
            # Of two kinds that one SIM cannot tell apart, as many as are needed together.
            sending(some, "x", "exfiltration", 10),
            sending(2, "x", "tariff_abuse", 10),
            # Too few; one after the other; another kind.
            sending(CROWD - 1, "y", "exfiltration", 10),
            sending(2 * CROWD, "z", "exfiltration", 16),
            sending(2 * CROWD, "w", "sms_pumping", 10),
            # Nothing of an attack.
            sending(CROWD, "v", "exfiltration", 10).with_columns(attack=pl.lit(0.39)),
        ]
    ).with_row_index("alert")
    found = crowds(alerts, RULE)
    assert found["alert"].equals(alerts["alert"])
    botnet = found.filter(pl.col("kind") == "botnet")
    assert len(botnet) == CROWD
    assert set(botnet["customer"]) == {"x"}
    assert set(botnet["support"]) == {0.4}
    rest = pl.col("customer") != "x"
    assert found.filter(rest).equals(alerts.filter(rest))
    # Alerts of one SIM are no crowd, and without fleets nobody belongs together.
    one = alerts.with_columns(sim_id=pl.lit("a"))
    assert crowds(one, RULE).equals(one)
    bare = alerts.drop("customer")
    assert crowds(bare, RULE).equals(bare)
    assert crowds(alerts.filter(rest), RULE).equals(alerts.filter(rest))


def test_kinds_that_send_share_a_case():
    alerting = pl.concat(
        [sending(1, "x", kind, 0) for kind in ("botnet", "exfiltration", "clone")]
    ).with_columns(opens=True, start_ts="opened")
    found = cases_of(alerting.with_row_index("alert"), RULE)
    assert found.sort("alert")["case"].to_list() == [0, 0, 1]
    assert found.columns[-1] == "case"


def test_wrong_use_is_told():
    with pytest.raises(InvalidParameterError, match="quiet: 0:00:00 is not above 0"):
        AlertRule(quiet=timedelta(0))
    with pytest.raises(InvalidInputError, match="no column score"):
        open_alerts(frame([]).drop("score"), 0, RULE)
