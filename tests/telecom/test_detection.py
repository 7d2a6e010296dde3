"""The detector of sessions, from generated records to alerts and their evaluation."""

import json
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

import fastrcf
from fastrcf import InvalidInputError, InvalidParameterError, ModelFileError, NotFittedError
from fastrcf.cli import main
from fastrcf.cli.app import app
from fastrcf.detection import Reason
from fastrcf.telecom import generator, kinds
from fastrcf.telecom.detection import SessionDetector
from fastrcf.telecom.evaluation import average_precision, evaluate_alerts
from fastrcf.telecom.features import session_features
from fastrcf.telecom.surprise import MOST, Tails

SPLIT = datetime(2026, 3, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def week(tmp_path_factory):
    """Five days of 600 SIMs, with many incidents."""
    folder = tmp_path_factory.mktemp("week")
    generator.generate(folder, generator.Parameters(sims=600, days=5, seed=3, fraud=4.0))
    sessions = pl.scan_parquet(
        folder / "sessions" / "**" / "*.parquet", hive_partitioning=False
    ).collect()
    return sessions, session_features(sessions), pl.read_parquet(folder / "incidents.parquet")


def fitted(week, **options):
    sessions, features, _ = week
    before = pl.col("start_ts") < SPLIT
    detector = SessionDetector(random_state=7, n_trees=50, alerts_per_thousand=3, **options)
    return detector.fit(features.filter(before), sessions.filter(before))


@pytest.fixture(scope="module")
def detector(week):
    return fitted(week)


@pytest.fixture(scope="module")
def findings(week, detector):
    return detector.detect(week[1], week[0], since=SPLIT)


def test_incidents_are_found_and_named(week, findings):
    silent = findings.alerts.filter(pl.col("score").is_null())
    found = evaluate_alerts(findings.scored, findings.alerting, silent, week[2], n_bootstrap=0)
    assert found.average_precision.value > 0.4
    assert found.recall > 0.8
    truth = (
        findings.alerting.filter(pl.col("label").is_not_null())
        .group_by("alert")
        .agg(pl.col("label").cast(pl.String).first())
    )
    named = findings.alerts.join(truth, on="alert")
    assert (named["label"] == named["kind"]).mean() > 0.5


def test_alerts_are_numbered_as_they_open_and_cases_hold_them(findings):
    alerts = findings.alerts
    assert alerts["opened"].is_sorted()
    assert sorted(alerts["alert"]) == list(range(len(alerts)))
    assert set(alerts["kind"]) <= {str(kind) for kind in kinds.Kind}
    assert set(findings.reasons) == set(alerts.filter(pl.col("score").is_not_null())["alert"])
    assert all(findings.reasons.values())
    for _, part in alerts.group_by("case"):
        # Kinds that a first session cannot tell apart share cases.
        assert part["customer"].n_unique() == 1
        assert part.select(kinds.alike("opened_as")).to_series().n_unique() == 1
    assert findings.alerting["case"].null_count() == 0
    assert (findings.alerting["score"] > findings.alerting["threshold"]).all()


def test_what_comes_later_changes_nothing(week, detector, findings):
    until = SPLIT + timedelta(days=1)
    early = pl.col("start_ts") < until
    part = detector.detect(week[1].filter(early), since=SPLIT)
    whole = findings.scored.filter(early)
    assert part.scored.equals(whole)
    assert part.alerting["session_id"].to_list() == (
        findings.alerting.filter(early)["session_id"].to_list()
    )


def test_labels_are_not_looked_at(week, detector, findings):
    bare = week[1].drop("label", "incident")
    found = detector.detect(bare, week[0].drop("label", "incident"), since=SPLIT)
    assert found.scored["score"].equals(findings.scored["score"])
    assert found.alerts.equals(findings.alerts)


def test_a_file_gives_the_detector_back(week, detector, findings, tmp_path):
    detector.save(tmp_path / "sessions.rcf")
    again = SessionDetector.load(tmp_path / "sessions.rcf")
    assert again.detect(week[1], week[0], since=SPLIT).alerts.equals(findings.alerts)
    assert again.alert_rule == detector.alert_rule
    assert again.silence_rule == detector.silence_rule
    assert bytes(again) == bytes(detector) == (tmp_path / "sessions.rcf").read_bytes()
    assert SessionDetector.loads(bytes(detector)).threshold == detector.threshold


def test_another_model_is_refused(tmp_path):
    other = fastrcf.Detector(["x"]).fit({"x": np.arange(300.0)})
    other.save(tmp_path / "other.rcf")
    with pytest.raises(ModelFileError, match="not a detector of sessions"):
        SessionDetector.load(tmp_path / "other.rcf")
    other.notes = {"telecom": json.dumps({"threshold": 1})}
    other.save(tmp_path / "other.rcf")
    with pytest.raises(ModelFileError, match="its rules for sessions cannot be read"):
        SessionDetector.load(tmp_path / "other.rcf")


def test_wrong_use_is_told(week):
    with pytest.raises(InvalidParameterError, match="alerts_per_thousand: 0"):
        SessionDetector(alerts_per_thousand=0)
    with pytest.raises(InvalidParameterError, match="silence_share: 1"):
        SessionDetector(silence_share=1)
    with pytest.raises(NotFittedError):
        SessionDetector().score(week[1])
    with pytest.raises(InvalidInputError, match="there are no features sms_mo_24h"):
        SessionDetector().fit(week[1].drop("sms_mo_24h"))
    with pytest.raises(InvalidInputError, match="nothing to learn from"):
        SessionDetector().fit(week[1].head(1))
    with pytest.raises(InvalidInputError, match="there are no sessions"):
        SessionDetector().fit(week[1].clear())
    for name, value in (("alerts_per_thousand", "x"), ("alerts_per_day", True)):
        with pytest.raises(InvalidParameterError, match=f"{name}: expected a number"):
            SessionDetector(**{name: value})
    with pytest.raises(InvalidParameterError, match="columns: expected a sequence of names"):
        SessionDetector("log_overlap")


def test_tables_of_others_and_moments_without_a_zone_are_refused_in_words(week, detector):
    features = week[1]
    for table, said in (
        (features.lazy(), "found polars's LazyFrame: call collect"),
        (features.to_pandas(), "found pandas's DataFrame: pl.from_pandas"),
    ):
        for call in (detector.fit, detector.score, detector.explain, detector.detect):
            with pytest.raises(InvalidInputError, match=said):
                call(table)
    with pytest.raises(InvalidInputError, match="sessions: expected a DataFrame of Polars"):
        session_features({"sim_id": ["a"]})
    for since in (datetime(2026, 3, 6), "2026-03-06", pl.datetime(2026, 3, 6)):
        with pytest.raises(InvalidParameterError, match="since: expected a datetime with a time"):
            detector.detect(features, since=since)


@given(st.integers(0, 10**6), st.integers(1, 3))
def test_surprise_is_the_share_that_is_as_high(seed, digits):
    rng = np.random.default_rng(seed)
    families = pl.Series(rng.choice(["a", "b"], 5000))
    values = rng.exponential(size=5000).round(digits) * np.where(families == "a", 1.0, 10.0)
    tails = Tails.fit(values, families)
    surprise = tails.surprise(values, families)
    for family in "ab":
        own, told = values[families == family], surprise[families == family]
        share = 1 - np.searchsorted(np.sort(own), own) / len(own)
        # Twelve steps for each factor of ten, and few rows at the end.
        known = share > 0.005
        assert np.abs(told + np.log(share))[known].max() < 0.25
        order = np.argsort(own, kind="stable")
        assert (np.diff(told[order]) >= -1e-12).all()
    assert surprise.min() >= 0
    again = Tails(json.loads(json.dumps(tails.to_dict())))
    np.testing.assert_array_equal(again.surprise(values, families), surprise)


def test_what_nobody_has_seen_is_bounded_and_keeps_its_order():
    rng = np.random.default_rng(2)
    # A family that never sends a message, one in which a few do, and one that sends as it likes.
    families = pl.Series(np.repeat(["never", "seldom", "often"], 3000))
    values = np.concatenate([np.zeros(3000), np.repeat([0.0, 3.0], 1500), rng.exponential(9, 3000)])
    tails = Tails.fit(values, families)
    sent = np.array([0.0, 1.0, 2.0, 10.0, 100.0, 1e6, 1e12])
    for family in ("never", "seldom", "often"):
        told = tails.surprise(sent, pl.Series([family] * len(sent)))
        assert (np.diff(told) >= 0).all()
        assert told[-1] <= MOST
    never = tails.surprise(sent, pl.Series(["never"] * len(sent)))
    assert (np.diff(never[:-1]) > 0).all()
    # One message is more than one in a thousand, and far from all that can be.
    assert math.log(1000) < never[1] < 9
    # As before within what was seen, and for as far again.
    often = np.sort(values[6000:])[-3] + np.arange(1.0, 5.0)
    grown = np.diff(tails.surprise(often, pl.Series(["often"] * 4)))
    assert grown == pytest.approx(np.full(3, grown[0]))
    assert grown[0] == pytest.approx(1 / 9, rel=0.5)


def test_few_rows_of_a_family_are_taken_with_all():
    values = np.arange(3000.0)
    families = pl.Series(["many"] * 2900 + [None] * 50 + ["few"] * 50)
    tails = Tails.fit(values, families)
    assert set(tails.to_dict()) == {"", "many"}
    one = tails.surprise(np.array([2000.0]), pl.Series(["few"]))
    assert one == tails.surprise(np.array([2000.0]), pl.Series(["unheard of"]))
    with pytest.raises(ValueError, match="no tails"):
        Tails({"": [math.nan] * 37})


def reason(column, direction, share):
    return Reason(column, share, direction, 1.0, None, None, None, None, "")


def test_an_alert_is_named_by_what_its_reasons_support():
    clone = [reason("log_speed", "high", 0.5), reason("log_overlap", "high", 0.2)]
    name, support = kinds.name([clone])
    assert name == "clone"
    assert support[kinds.Kind.CLONE] == pytest.approx(2 * 0.5 + 2 * 0.2)
    assert kinds.name([[reason("log_speed", "low", 0.9)]])[0] == "unknown"
    assert kinds.name([])[0] == "unknown"
    both, of = kinds.name([clone, [reason("sms_mo_24h", "high", 1.0)]])
    assert both == "sms_pumping"
    assert of[kinds.Kind.SMS_PUMPING] == pytest.approx(1.5)


def test_a_mark_counts_whatever_its_part_of_the_score():
    leak = [reason("session_way_ratio", "high", 0.5)]
    assert kinds.name([leak])[0] == "exfiltration"
    abroad = [{"plmn_fleet_share": 0.001, "log_speed": None}]
    name, support = kinds.name([leak], abroad)
    assert name == "exfiltration"
    assert support[kinds.Kind.ROAMING_MISUSE] == pytest.approx(0.5)
    assert kinds.name([[*leak, reason("is_abroad", "high", 0.2)]], abroad)[0] == "roaming_misuse"
    assert kinds.name([[]], [{"log_speed": 6.5}])[0] == "clone"
    assert kinds.name([[]], [{"log_speed": 5.5, "devices_24h": 1.0}])[0] == "unknown"
    # Of two sessions one has the mark: half of it counts.
    half = kinds.name([leak, leak], [{"devices_24h": 2.0}, {"devices_24h": 1.0}])[1]
    assert half[kinds.Kind.STOLEN_SIM] == pytest.approx(0.15)
    frame = pl.DataFrame({"devices_24h": [1.0, None], "bytes_z": [0.0, 9.0]})
    assert list(kinds.marked(frame)) == [{"devices_24h": 1.0}, {"devices_24h": None}]
    assert list(kinds.marked(frame.select("bytes_z"))) == [{}, {}]


def test_average_precision_is_scikit_learns():
    rng = np.random.default_rng(5)
    scores = rng.integers(0, 40, 2000).astype(float)
    bad = rng.random(2000) < 0.03
    frame = pl.DataFrame(
        {
            "sim_id": rng.integers(0, 50, 2000).astype(str),
            "score": scores,
            "incident": [1 if one else None for one in bad],
        }
    )
    found = average_precision(frame, 50, 0)
    assert found.value == pytest.approx(average_precision_score(bad, scores))
    assert found.low < found.value < found.high
    assert average_precision(frame.with_columns(incident=None), 50, 0).value is None


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.usefixtures("no_pictures")
def test_the_demo_tells_and_leaves_everything(tmp_path, capfd):
    out = tmp_path / "demo"
    asked = ["sessions", "demo", "-o", str(out), "--sims", "100", "--days", "4", "--json"]
    assert main(asked) == 0
    printed, shown = capfd.readouterr()
    # Where there is no terminal nothing is shown of what it does.
    assert shown == ""
    told = json.loads(printed)
    assert told["report"] == str(out / "report.html")
    assert told["sessions"] > told["judged"] > 0
    assert {step for step, _ in told["seconds"].items()} >= {"make up", "features", "report"}
    assert (out / "report.html").read_text().startswith("<!DOCTYPE html>")
    alerts = pl.read_parquet(out / "alerts.parquet")
    assert len(alerts) == told["alerts"]
    for level in ("sim", "fleet", "cell"):
        assert pl.read_parquet(out / f"by_{level}.parquet")["alerts"].sum() == told["alerts"]
    assert SessionDetector.load(out / "sessions.rcf").columns

    # The same data again by detect: the same alerts, in words.
    again = tmp_path / "again"
    asked = ["sessions", "detect", str(out / "data"), "-o", str(again), "--seed", "7"]
    shown = CliRunner().invoke(app, asked, catch_exceptions=False)
    assert "What matters most" in shown.stdout
    assert pl.read_parquet(again / "alerts.parquet").equals(alerts)


def test_too_few_days_are_told(tmp_path):
    generator.generate(tmp_path / "two", generator.Parameters(sims=50, days=2, seed=1))
    asked = ["sessions", "detect", str(tmp_path / "two"), "-o", str(tmp_path / "out")]
    found = CliRunner().invoke(app, asked)
    assert isinstance(found.exception, InvalidInputError)
    assert "the sessions are of 2 days: three are needed" in str(found.exception)
