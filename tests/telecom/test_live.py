"""Sessions judged as they come, held to what tables say of them; what a notebook asks of a week."""

import copy
import pickle
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from fastrcf import InvalidInputError, InvalidParameterError, NotFittedError
from fastrcf.telecom import baselines, generator, week
from fastrcf.telecom.alerts import open_alerts
from fastrcf.telecom.detection import SessionDetector
from fastrcf.telecom.evaluation import evaluate_alerts, evaluate_findings
from fastrcf.telecom.feature_files import features_folder
from fastrcf.telecom.live import SessionStream

SPLIT = datetime(2026, 3, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Five days of 250 SIMs, with many incidents."""
    place = tmp_path_factory.mktemp("live")
    generator.generate(place / "data", generator.Parameters(sims=250, days=5, seed=5, fraud=6.0))
    return place


@pytest.fixture(scope="module")
def made(folder):
    return features_folder(folder / "data", folder / "features")


@pytest.fixture(scope="module")
def sessions(folder):
    return week.read_sessions(folder / "data")


@pytest.fixture(scope="module")
def features(made):
    return week.read_features(made.folder)


@pytest.fixture(scope="module")
def detector(features, sessions):
    before = pl.col("start_ts") < SPLIT
    found = SessionDetector(random_state=1, n_trees=30, alerts_per_thousand=4)
    return found.fit(features.filter(before), sessions.filter(before))


@pytest.fixture(scope="module")
def findings(detector, features, sessions):
    return detector.detect(features, sessions, since=SPLIT)


@pytest.fixture(scope="module")
def records(findings, sessions):
    """Sessions of SIMs with and without alerts, in order."""
    loud = findings.alerting["sim_id"].unique().sort().head(12)
    calm = sessions.filter(~pl.col("sim_id").is_in(loud.implode()))["sim_id"].unique().sort()
    some = pl.concat([loud, calm.head(8)])
    return sessions.filter(pl.col("sim_id").is_in(some.implode())).sort(
        "start_ts", "end_ts", "session_id"
    )


def stream(detector, made, **options):
    return SessionStream(detector, peers=made.peers, learn=False, **options)


def scores(answers):
    return pl.DataFrame(
        {"session_id": [one.session_id for one in answers], "told": [one.score for one in answers]}
    )


@pytest.mark.parametrize("size", [1, 7, 500])
def test_scores_are_those_of_the_table(detector, made, features, records, size):
    # One at a time is slow.
    records = records.head({1: 70, 7: 420}.get(size, len(records)))
    live = stream(detector, made)
    answers = []
    for batch in records.iter_slices(size):
        rows = batch.iter_rows(named=True)
        answers += [live.push(row) for row in rows] if size == 1 else live.push_all(rows)
    assert [one.session_id for one in answers] == records["session_id"].to_list()
    table = detector.score(features.filter(pl.col("sim_id").is_in(records["sim_id"].implode())))
    both = scores(answers).join(table, on="session_id", how="inner")
    assert len(both) == len(records)
    # Of sessions of one instant a table shows each all of them.
    alone = both.filter(~pl.struct("sim_id", "start_ts").is_duplicated())
    assert len(alone) > 0.95 * len(both)
    assert (alone["told"] - alone["score"]).abs().max() < 1e-9
    assert live.n_records == len(records)


def test_alerts_open_as_those_of_the_table(detector, made, features, records):
    answers = stream(detector, made).push_all(records.iter_rows(named=True))
    table = detector.score(features.filter(pl.col("sim_id").is_in(records["sim_id"].implode())))
    above = open_alerts(table, detector.threshold, detector.alert_rule)
    assert above.height > 20
    assert {one.session_id for one in answers if one.alerting} == set(above["session_id"])
    opened = above.filter("opens")["session_id"]
    assert {one.session_id for one in answers if one.opens} == set(opened)
    loud = next(one for one in answers if one.opens)
    why = detector.explain(features.filter(pl.col("session_id") == loud.session_id))[0]
    assert loud.reasons == why
    assert loud.kind
    assert set(loud.features) == set(detector.features)
    calm = next(one for one in answers if not one.alerting)
    assert (calm.kind, calm.reasons, calm.opens) == ("", [], False)


def test_a_stream_goes_on_where_it_was(detector, made, records):
    whole = stream(detector, made)
    expected = whole.push_all(records.iter_rows(named=True))
    part = stream(detector, made)
    first = part.push_all(records.head(400).iter_rows(named=True))
    again = pickle.loads(pickle.dumps(part))
    rest = again.push_all(records[400:].iter_rows(named=True))
    assert [one.score for one in [*first, *rest]] == [one.score for one in expected]
    assert [one.opens for one in [*first, *rest]] == [one.opens for one in expected]


def test_a_refused_record_changes_nothing(detector, made, records):
    rows = list(records.head(60).iter_rows(named=True))
    bad = [{**rows[30], "sim_id": None}, {**rows[31], "start_ts": datetime(2026, 3, 2)}]
    answers = stream(detector, made).push_all([*rows[:30], *bad, *rows[30:]])
    assert [isinstance(one, InvalidInputError) for one in answers].count(True) == 2
    assert "no sim_id" in str(answers[30])
    assert "no time zone" in str(answers[31])
    expected = stream(detector, made).push_all(rows)
    assert answers[:30] + answers[32:] == expected
    with pytest.raises(InvalidInputError, match="no sim_id"):
        stream(detector, made).push(bad[0])
    assert stream(detector, made).push_all([]) == []


NO_RECORDS = [
    (None, "expected a record by name, found NoneType"),
    ({"start_ts": "2026-03-02"}, "start_ts: expected a datetime"),
    ({"end_ts": True}, "end_ts: expected a datetime"),
    ({"end_ts": 10**30}, "end_ts: expected a datetime"),
    ({"bytes_up": 2**80}, "bytes_up: expected a whole number"),
    ({"bytes_down": "12"}, "bytes_down: expected a whole number"),
    ({"sms_mo": float("inf")}, "sms_mo: expected a whole number"),
    ({"cost": "3"}, "cost: expected a number"),
    ({"cell_lat": float("inf")}, "cell_lat: expected a number"),
    ({"customer": ["a"]}, "customer: expected text"),
    ({"visited_plmn": {}}, "visited_plmn: expected text"),
]


def test_what_is_no_record_costs_none_of_the_others(detector, made, records):
    rows = list(records.head(60).iter_rows(named=True))
    bad = [None if of is None else {**rows[30], **of} for of, _ in NO_RECORDS]
    answers = stream(detector, made).push_all([*rows[:30], *bad, *rows[30:]])
    for answer, (_, said) in zip(answers[30 : 30 + len(bad)], NO_RECORDS, strict=True):
        assert isinstance(answer, InvalidInputError)
        assert said in str(answer)
    expected = stream(detector, made).push_all(rows)
    assert answers[:30] + answers[30 + len(bad) :] == expected


def test_what_is_nan_is_missing(detector, made, records):
    row = next(records.iter_rows(named=True))
    nan = {**row, "cost": float("nan"), "sms_mo": float("nan"), "customer": float("nan")}
    missing = {**row, "cost": None, "sms_mo": None, "customer": None}
    assert stream(detector, made).push(nan) == stream(detector, made).push(missing)


def test_records_that_cannot_be_read_to_their_end_change_nothing(detector, made, records):
    rows = list(records.head(30).iter_rows(named=True))

    def broken():
        yield from rows
        raise OSError("the queue is gone")

    live = stream(detector, made)
    with pytest.raises(OSError, match="the queue is gone"):
        live.push_all(broken())
    assert live.push_all(rows) == stream(detector, made).push_all(rows)


def test_late_records_see_what_was_before_them(detector, made, records):
    rows = list(records.head(400).iter_rows(named=True))
    in_time = {one.session_id: one.score for one in stream(detector, made).push_all(rows)}
    sim = rows[-1]["sim_id"]
    own = [row for row in rows if row["sim_id"] == sim]
    late = own[-2]
    live = stream(detector, made)
    live.push_all([row for row in rows if row is not late])
    assert live.push(late).score == pytest.approx(in_time[late["session_id"]], abs=1e-9)


def test_sims_that_are_gone_are_forgotten(detector, made, records):
    live = stream(detector, made)
    live.push_all(records.iter_rows(named=True))
    last = records.group_by("sim_id").agg(pl.col("start_ts").max())["start_ts"]
    limit = last.sort()[5]
    assert live.forget(limit) == (last < limit).sum() == 5
    assert live.forget(limit + timedelta(days=30)) == 15
    assert live.n_records == 0


def test_another_threshold(detector, made, records):
    rows = list(records.iter_rows(named=True))
    usual = stream(detector, made).push_all(rows)
    strict = stream(detector, made, threshold=detector.threshold + 3).push_all(rows)
    assert sum(one.alerting for one in strict) < sum(one.alerting for one in usual)
    assert all(one.score > detector.threshold + 3 for one in strict if one.alerting)
    with pytest.raises(InvalidParameterError, match="NaN"):
        stream(detector, made, threshold=float("nan"))
    with pytest.raises(NotFittedError):
        SessionStream(SessionDetector())
    with pytest.raises(NotFittedError):
        SessionDetector().explain(pl.DataFrame())
    with pytest.raises(InvalidParameterError, match="needs peers"):
        SessionStream(detector, peers=None)


def test_findings_are_judged_with_their_silent_sims(findings, folder):
    known = week.incidents(folder / "data")
    silent = findings.alerts.filter(pl.col("score").is_null())
    whole = evaluate_findings(findings, known, n_bootstrap=0)
    assert whole == evaluate_alerts(
        findings.scored, findings.alerting, silent, known, n_bootstrap=0
    )
    table = whole.table()
    assert table["kind"].to_list() == [kind.kind for kind in whole.kinds]
    assert table["found"].sum() / table["incidents"].sum() == whole.recall
    assert (table["low"] <= table["recall"]).all()
    bare = copy.copy(findings)
    object.__setattr__(bare, "scored", findings.scored.drop("incident"))
    with pytest.raises(InvalidInputError, match="no column incident"):
        evaluate_findings(bare, known)


def test_rules_are_judged_at_a_budget(sessions, folder, detector):
    known = week.incidents(folder / "data")
    found = baselines.rules(sessions, SPLIT)
    assert set(found) == {"volume", "rate", "change"}
    for scored in found.values():
        assert scored["start_ts"].min() >= SPLIT
        above = scored.filter(pl.col("score") > -float("inf"))
        assert 0 < len(above) < 0.2 * len(scored)
        few = baselines.judged(scored, known, detector.alert_rule, 5, n_bootstrap=0)
        many = baselines.judged(scored, known, detector.alert_rule, 10_000, n_bootstrap=0)
        assert few.cases <= 5
        # A rule gives no more alerts than its own limit lets it.
        assert many.alerts == open_alerts(above, -1, detector.alert_rule)["alert"].n_unique()
        assert few.recall <= many.recall


def test_a_week_is_read_by_name(made, folder, sessions, features):
    some = week.read_features(made.folder, ["bytes_z"])
    assert some.columns[-1] == "bytes_z"
    assert some["bytes_z"].equals(features["bytes_z"])
    assert set(some.columns) < set(features.columns)
    with pytest.raises(InvalidInputError, match="no features no_such_thing"):
        week.read_features(made.folder, ["no_such_thing"])
    few = week.read_sessions(folder / "data", ["sim_id", "nothing", "start_ts"])
    assert few.columns == ["sim_id", "start_ts"]
    assert len(few) == len(sessions) == len(features)
    assert week.split(features) == SPLIT
    with pytest.raises(InvalidInputError, match="three are needed"):
        week.split(features.filter(pl.col("start_ts") < datetime(2026, 3, 4, tzinfo=UTC)))
