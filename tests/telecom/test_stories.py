"""Stories of alerts: numbers against loops, nothing from later, bounded reading."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from fastrcf.telecom.alerts import AlertRule, into_cases, open_alerts
from fastrcf.telecom.findings import Findings
from fastrcf.telecom.schema import ABNORMAL
from fastrcf.telecom.stories import WEEK, cases, read_sessions, stories
from tests.telecom.timelines import START, build, ordinary

SPLIT = datetime.fromtimestamp(START / 1e6, tz=UTC) + timedelta(days=5)


def found(sessions, *, since=SPLIT, share=0.004, kind="stolen_sim"):
    """Findings without a forest: the largest sessions of the judged days alert."""
    judged = sessions.filter(pl.col("start_ts") >= since)
    names = ("session_id", "sim_id", "start_ts", "family", "customer", "cell")
    scored = judged.select(*names, score=(pl.col("bytes_up") + pl.col("bytes_down") + 1).log())
    scored = scored.with_columns(label=pl.lit(None, pl.String), incident=pl.lit(None, pl.Int32))
    threshold = float(scored["score"].quantile(1 - share) or 0.0)
    alerting = open_alerts(scored, threshold, AlertRule())
    alerts = (
        alerting.sort("start_ts", "session_id")
        .group_by("alert", maintain_order=True)
        .agg(
            pl.col("sim_id", "customer", "family", "cell").first().cast(pl.String),
            opened=pl.col("start_ts").first(),
            last=pl.col("start_ts").last(),
            sessions=pl.len().cast(pl.Int64),
            score=pl.col("score").max(),
        )
        .with_columns(kind=pl.lit(kind))
    )
    alerts = into_cases(alerts, AlertRule())
    alerting = alerting.join(alerts.select("alert", "case"), on="alert", how="left")
    return Findings(scored, alerting, alerts, {}, threshold)


@pytest.fixture(scope="module")
def sessions():
    return ordinary(seed=4)


def test_numbers_are_those_of_loops(sessions):
    findings = found(sessions)
    told = stories(findings, sessions)
    assert len(told) == len(findings.alerts) > 3
    rows = sessions.to_dicts()
    for story in told:
        own = [r for r in rows if r["sim_id"] == story.sim_id]
        during = [r for r in own if story.opened <= r["start_ts"] <= story.last]
        before = [r for r in own if story.opened - WEEK <= r["start_ts"] < story.opened]
        did, usual = story.happened, story.usual
        assert did.sessions == len(during)
        assert did.bytes_up == sum(r["bytes_up"] for r in during)
        assert did.bytes_down == sum(r["bytes_down"] for r in during)
        assert did.sms_sent == sum(r["sms_mo"] or 0 for r in during)
        assert did.failed == sum(r["end_cause"] in [str(c) for c in ABNORMAL] for r in during)
        assert did.zero_bytes == sum(r["bytes_up"] + r["bytes_down"] == 0 for r in during)
        assert did.until == max(r["end_ts"] for r in during)
        for some, name in ((did.networks, "visited_plmn"), (did.cells, "cell")):
            values = {r[name] for r in during} - {None}
            assert some.n == len(values)
            assert set(some.names) <= values
        assert did.countries.n == len({(r["visited_plmn"] or "")[:3] for r in during} - {""})
        ends = [r["end_ts"] for r in sorted(before, key=lambda r: r["start_ts"])]
        assert did.overlap_s >= max(0.0, (max(ends) - story.opened).total_seconds()) - 1e-3
        days = max(1.0, (story.opened - min(r["start_ts"] for r in before)) / timedelta(days=1))
        assert usual.sessions == pytest.approx(len(before) / days)
        total = sum(r["bytes_up"] + r["bytes_down"] for r in before)
        assert usual.bytes == pytest.approx(total / days)
        last_day = [r for r in before if r["start_ts"] >= story.opened - timedelta(days=1)]
        assert usual.sms_last_day == sum(r["sms_mo"] or 0 for r in last_day)
        assert usual.hours == tuple(sorted({r["start_ts"].hour for r in before}))


def test_family_is_told_by_days_before_the_judged_ones(sessions):
    findings = found(sessions)
    story = stories(findings, sessions)[0]
    days = {}
    for r in sessions.filter(pl.col("start_ts") < findings.scored["start_ts"].min()).to_dicts():
        if r["family"] == story.family:
            key = (r["sim_id"], r["start_ts"].date())
            days[key] = days.get(key, 0) + r["bytes_up"] + r["bytes_down"]
    usual = story.family_usual
    assert usual.sim_days == len(days)
    assert usual.sims == len({sim for sim, _ in days})
    low, middle, high = np.quantile(list(days.values()), [0.05, 0.5, 0.95])
    assert (usual.bytes.low, usual.bytes.middle, usual.bytes.high) == pytest.approx(
        (low, middle, high)
    )


def test_nothing_from_after_the_last_session_is_told(sessions):
    findings = found(sessions)
    for story in stories(findings, sessions)[:5]:
        until = sessions.filter(pl.col("start_ts") <= story.last)
        assert stories(findings, until, alerts=[story.alert], training_until=SPLIT) == stories(
            findings, sessions, alerts=[story.alert], training_until=SPLIT
        )


def test_a_folder_is_read_as_a_frame(sessions, tmp_path):
    findings = found(sessions)
    day = pl.col("start_ts").dt.date()
    for (date,), part in sessions.group_by(day):
        folder = tmp_path / "sessions" / f"date={date}"
        folder.mkdir(parents=True)
        part.write_parquet(folder / "part-00000.parquet")
    assert stories(findings, tmp_path) == stories(findings, sessions)
    assert len(read_sessions(tmp_path).collect()) == len(sessions)


def test_a_stolen_sim_and_an_impossible_journey_are_said_in_words():
    hour, day = 3_600_000_000, 86_400_000_000
    usual = [START + d * day + h * hour for d in range(7) for h in (8, 12, 16)]
    at = [*usual, START + 7 * day, START + 7 * day + hour]
    n = len(usual)
    sessions = build(
        sim_id=["s"] * (n + 2),
        start=at,
        lasting=[60_000_000] * (n + 2),
        bytes_up=[3_000] * n + [1_000, 1_000],
        bytes_down=[1_000] * n + [40_000_000, 1_000_000],
        device_id=["a"] * n + ["b", "b"],
        cell_lat=[50.0] * n + [50.0, 40.0],
        cell_lon=[8.0] * (n + 2),
        family=["meter"] * (n + 2),
        customer=["k"] * (n + 2),
        visited_plmn=["262-01"] * (n + 2),
    )
    split = datetime.fromtimestamp((START + 7 * day) / 1e6, tz=UTC)
    findings = found(sessions, since=split, share=0.9)
    [story] = stories(findings, sessions)
    assert story.headline.startswith("Probably a stolen SIM: 4")
    assert "received in" in story.headline
    assert "this SIM usually receives 3" in story.headline
    assert story.usual.bytes == pytest.approx(21 * 4_000 / (7 - 8 / 24))
    assert story.happened.new_devices == 1
    if story.happened.sessions == 2:
        assert story.happened.distance_km == pytest.approx(1111.95, rel=1e-3)
        assert story.happened.speed_kmh == pytest.approx((1111.95 - 50) / (59 / 60), rel=1e-3)
    [clone] = stories(found(sessions, since=split, share=0.9, kind="clone"), sessions)
    assert clone.headline.startswith("Probably a cloned SIM")


def test_a_silent_sim_has_no_sessions_but_a_story(sessions):
    findings = found(sessions)
    row = findings.alerts.head(1).with_columns(
        score=pl.lit(None, pl.Float64),
        sessions=pl.lit(0, pl.Int64),
        kind=pl.lit("silent_device"),
        quiet_from=pl.col("opened") - timedelta(hours=30),
        usual_gap=pl.lit(timedelta(hours=6)),
        ratio=pl.lit(5.0),
        fleet_sims=pl.lit(120),
        peers_quiet=pl.lit(3),
    )
    silent = Findings(findings.scored, findings.alerting.clear(), row, {})
    [story] = stories(silent, sessions)
    assert story.happened is None
    assert story.silence.ratio == 5.0
    assert story.headline.startswith("Silent device: no session for ")
    assert "6 hours" in story.headline
    assert any("120 SIMs" in said and "2 more" in said for said in story.sentences)


def test_a_case_is_one_sentence_and_the_most_important_comes_first(sessions):
    told = stories(found(sessions, share=0.01), sessions)
    of = cases(told)
    assert sorted(s.alert for case in of for s in case.stories) == sorted(s.alert for s in told)
    assert [c.importance for c in of] == sorted((c.importance for c in of), reverse=True)
    for case in of:
        assert case.sims == len({s.sim_id for s in case.stories})
        assert case.sentence.endswith(".")
        if len(case.stories) == 1:
            assert case.sentence == case.stories[0].headline


def test_a_sim_with_fifty_thousand_sessions_is_told():
    n = 50_000
    sessions = build(
        sim_id=["s"] * n,
        start=START + np.arange(n) * 10_000_000,
        bytes_up=np.arange(n),
        family=["meter"] * n,
        customer=["k"] * n,
    )
    findings = found(sessions)
    told = stories(findings, sessions)
    assert len(told) == 1
    assert told[0].happened.sessions == findings.alerts["sessions"][0]


def test_without_alerts_there_is_nothing_to_tell(sessions):
    findings = found(sessions)
    none = Findings(findings.scored, findings.alerting.clear(), findings.alerts.clear(), {})
    assert stories(none, sessions) == []
    assert cases([]) == []
