"""The page of a week of sessions: facts against counts, any names, any lack, seen in Chromium."""

import math
import re
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from fastrcf import InvalidInputError
from fastrcf.detection import Reason
from fastrcf.telecom import week
from fastrcf.telecom.evaluation import evaluate_alerts
from fastrcf.telecom.findings import Findings
from fastrcf.telecom.places import PlaceEvents
from fastrcf.telecom.report import Made, build, render
from tests import browser
from tests.page import checked
from tests.telecom.test_stories import SPLIT, found
from tests.telecom.timelines import START, ordinary
from tests.telecom.timelines import build as records

HOSTILE = "<script>alert(1)</script>\u202e&\"'"


@pytest.fixture(scope="module")
def sessions():
    return ordinary(seed=4)


@pytest.fixture(scope="module")
def report(sessions):
    findings = labelled(found(sessions))
    incidents = pl.DataFrame(
        {
            "incident": [1],
            "label": ["stolen_sim"],
            "onset": [SPLIT],
            "end": [SPLIT + timedelta(days=9)],
            "sim_ids": [["sim1"]],
        },
        schema_overrides={"incident": pl.Int32},
    )
    silent = findings.alerts.clear()
    evaluation = evaluate_alerts(
        findings.scored, findings.alerting, silent, incidents, n_bootstrap=5
    )
    return build(
        findings,
        sessions,
        evaluation=evaluation,
        baselines=[("a rule <b>", evaluation)],
        incidents=incidents,
        put_aside={"negative duration": 7},
        made=Made(
            "made <up>", 4, {"alerts": 1.0}, {"fit": 1.25}, {**week.versions(), "spark": "4.9.9"}
        ),
    )


def labelled(findings):
    """The sessions that alert first are of an incident."""
    known = findings.alerting["session_id"].head(3).to_list()

    def mark(frame):
        some = pl.col("session_id").is_in(known)
        return frame.with_columns(
            label=pl.when(some).then(pl.lit("stolen_sim")),
            incident=pl.when(some).then(pl.lit(1, pl.Int32)),
        )

    reason = Reason("log_bytes_up", 0.7, "high", 12.0, 3.0, 9.0, None, None, "high")
    return Findings(
        mark(findings.scored),
        mark(findings.alerting),
        findings.alerts,
        {alert: [reason] for alert in findings.alerts["alert"]},
        findings.threshold,
    )


def test_facts_are_counts(report, sessions):
    facts, week = report.facts, report.facts.week
    assert week.sessions == len(sessions)
    assert week.sims == sessions["sim_id"].n_unique()
    assert week.bytes == int((sessions["bytes_up"] + sessions["bytes_down"]).sum())
    assert week.counts.sum() == len(sessions)
    at = sessions["start_ts"].dt.replace_time_zone(None).to_numpy().astype("datetime64[h]")
    for i in (0, 7, len(week.hours) - 1):
        assert week.counts[i] == np.sum(at == week.hours[i])
    assert sum(family.sessions for family in week.families) == len(sessions)
    for family in week.families:
        part = sessions.filter(pl.col("family") == family.name)
        assert (family.sessions, family.sims) == (len(part), part["sim_id"].n_unique())
    n = sum(n for _, n in facts.kinds)
    assert n == sum(day.alerts for day in facts.days) == sum(len(c.stories) for c in facts.cases)
    assert facts.scores.above == facts.scores.alerting.sum()
    assert facts.scores.usual.sum() + facts.scores.above == facts.scores.sessions
    assert sum(sum(row) for _, row in facts.confusion) == n
    nulls = dict(facts.quality.nulls)
    assert nulls["cell"] == sessions["cell"].null_count()
    for place in facts.fleets:
        part = sessions.filter(pl.col("customer") == place.name)
        assert place.sims == part["sim_id"].n_unique()
        assert place.sims_alerting <= place.alerts


def test_curve_is_precision_by_recall(report):
    curve = report.facts.curve
    assert curve.recall[-1] == 1.0
    assert (np.diff(curve.recall) >= 0).all()
    assert curve.at[0] == 1.0


def test_page_is_whole_and_leads_nowhere(report):
    page = checked(report.html)
    assert "What to look at first" in page.text
    assert "negative duration" in page.text
    assert "made <up>" in page.text
    assert "a rule <b>" in page.text
    assert "1.2 s" in page.text or "1.3 s" in page.text
    assert "4.9.9" in page.text
    for name in ("fastrcf", "Polars", "Python"):
        assert len(re.findall(f"<dt>{name}</dt>", report.html, re.IGNORECASE)) == 1


def test_hostile_names_are_text(sessions):
    renamed = sessions.with_columns(
        pl.lit(HOSTILE * 9).alias("sim_id"),
        *(pl.lit(HOSTILE).cast(pl.Categorical).alias(n) for n in ("customer", "family", "cell")),
        visited_plmn=pl.lit(HOSTILE).cast(pl.Categorical),
    )
    report = build(found(renamed, kind=HOSTILE), renamed, put_aside={HOSTILE: 1})
    page = checked(report.html)
    assert "<script" not in report.html
    assert "\u202e" not in page.text


def test_without_labels_nothing_is_said_of_them(sessions):
    report = build(found(sessions), sessions)
    assert report.facts.curve is None
    assert report.facts.confusion == ()
    assert "Against what is known" not in checked(report.html).text
    bare = found(sessions)
    drop = ("label", "incident")
    bare = Findings(bare.scored.drop(drop), bare.alerting.drop(drop), bare.alerts, {})
    assert checked(build(bare, sessions).html)


def test_without_alerts_it_says_so(sessions):
    some = found(sessions)
    none = Findings(some.scored, some.alerting.clear(), some.alerts.clear(), {}, 99.0)
    assert "No alert" in checked(build(none, sessions).html).text


def test_one_day_and_few_columns():
    n = 300
    day = records(
        sim_id=[f"s{i % 9}" for i in range(n)],
        start=START + np.arange(n) * 60_000_000,
        bytes_up=np.arange(n) ** 2,
        family=["meter"] * n,
        customer=["k"] * n,
    )
    report = build(found(day, since=day["start_ts"].min(), share=0.02), day)
    assert report.facts.quality.empty_hours == ()
    assert all(s.family_usual is None for c in report.facts.cases for s in c.stories)
    checked(report.html)


def test_a_sim_with_very_many_sessions_has_a_short_line():
    n = 50_000
    many = records(
        sim_id=["s"] * n,
        start=START + np.arange(n) * 10_000_000,
        bytes_up=np.arange(n) % 5_000,
        family=["meter"] * n,
        customer=["k"] * n,
    )
    report = build(found(many, share=0.002), many)
    [line] = report.facts.lines.values()
    assert line.left_out > 10_000
    assert len(line.at) < 600
    assert line.stood_out.any()
    assert len(report.html) < 500_000


@pytest.mark.usefixtures("no_pictures")
def test_missing_hours_are_told(sessions):
    gone = sessions.filter(
        ~pl.col("start_ts").is_between(SPLIT, SPLIT + timedelta(hours=48), closed="left")
    )
    quality = build(found(gone), gone).facts.quality
    assert len(quality.empty_days) >= 1
    assert len(quality.empty_hours) >= 48


def test_no_sessions_are_refused(sessions):
    with pytest.raises(InvalidInputError, match="no sessions"):
        build(found(sessions), sessions.clear())


def test_in_chromium(report, tmp_path):
    report.save(tmp_path / "week.html")
    browser.check(tmp_path / "week.html", tmp_path)


@pytest.mark.usefixtures("no_pictures")
def test_sims_are_short_with_the_whole_as_title(sessions):
    renamed = sessions.with_columns(pl.lit("0123456789abcdef").alias("sim_id"))
    html = build(found(renamed), renamed).html
    assert '<code title="0123456789abcdef">01234567</code>' in html


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("sessions_ratio_1h", math.log(12), "12 \u00d7"),
        ("sessions_ratio_24h", math.log(0.5), "0.5 \u00d7"),
        ("zero_share_24h", 0.6, "60 %"),
        ("plmn_fleet_share", 0.004, "0.4 %"),
        ("device_new", 1.0, "yes"),
        ("log_bytes_1h", math.log1p(2_000_000), "2 MB"),
        ("log_overlap", math.log1p(7200), "2 hours"),
        ("sessions_z", 5.117, "5.117"),
        ("no_feature", 3.0, "3"),
    ],
)
def test_values_of_reasons_are_said_as_people_say_them(column, value, said):
    assert render._unlogged(value, column) == said


def test_the_unit_of_what_is_usual_is_said_once():
    def usually(column, low, high):
        return render._usually(Reason(column, 0.5, "high", 9.0, low, high, None, None, ""))

    assert usually("sessions_ratio_1h", 0.0, math.log(4)) == "1 to 4 \u00d7"
    assert usually("log_bytes", math.log1p(900), math.log1p(2e6)) == "900 B to 2 MB"
    assert usually("zero_share_24h", 0.0, 0.09) == "0 to 9 %"
    assert usually("device_new", 0.0, 0.0) == "no"
    assert usually("sessions_z", -1.0, 2.0) == "-1 to 2"
    assert usually("sessions_z", None, None) == ""


@pytest.mark.usefixtures("no_pictures")
def test_hours_of_places_are_told_where_alerts_opened(sessions):
    findings = labelled(found(sessions))
    first = findings.alerts.filter(pl.col("cell").is_not_null()).row(0, named=True)
    hour = first["opened"].replace(minute=0, second=0, microsecond=0)
    row = {
        "level": ["cell", "cell", "operator"],
        "place": [first["cell"], "another", HOSTILE],
        "first": [hour, hour, hour],
        "last": [hour, hour, hour],
        "hours": [1, 1, 1],
        "sessions": [40, 0, 7],
        "usual_sessions": [11.5, 30.0, 6.0],
        "failed_share": [0.75, 0.0, 0.01],
        "usual_failed_share": [0.021, 0.02, 0.02],
        "throughput": [120.0, None, 9e6],
        "usual_throughput": [4_000.0, 4_000.0, 100.0],
        "score": [9.0, 8.0, 7.0],
    }
    events = pl.DataFrame(row)
    places = [PlaceEvents(events[:2], (), 100), PlaceEvents(events[2:], (), 50)]
    report = build(findings, sessions, places=places)
    facts = report.facts
    there = facts.at_place[first["alert"]]
    assert (there.name, there.sessions) == (first["cell"], 40)
    opened = findings.alerts.filter(
        (pl.col("cell") == first["cell"]) & (pl.col("opened").dt.truncate("1h") == hour)
    )
    assert there.alerts == len(opened)
    assert [one.alerts for one in facts.network] == [len(opened), 0, 0]
    text = checked(report.html).text
    said = "40 sessions, usually 11.5; 75 % of them failed, usually 2.1 %; 120 B/s, usually 4 kB/s"
    assert said in text
    assert "Its cell stood out then" in text
    # What is as usual, or better, is not told.
    assert "0 sessions, usually 30<" in report.html
    assert "7 sessions, usually 6<" in report.html
    assert "<script" not in report.html
    assert "Network" not in checked(build(findings, sessions).html).text.split("Fleets")[0]
