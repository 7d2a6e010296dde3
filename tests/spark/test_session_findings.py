"""Alerts, cases, reasons and silent SIMs on Spark, held to those of one machine."""

import pytest

# Environments of older versions of Spark go without it.
pl = pytest.importorskip("polars")

from datetime import UTC, datetime, timedelta  # noqa: E402

import fastrcf  # noqa: E402
from fastrcf.telecom import silence  # noqa: E402
from fastrcf.telecom.detection import SessionDetector  # noqa: E402
from fastrcf.telecom.features import session_features as embedded_features  # noqa: E402
from fastrcf_spark import detect_sessions, quiet_times, score_sessions  # noqa: E402
from tests.spark.frames import frame  # noqa: E402
from tests.spark.test_sessions import table  # noqa: E402
from tests.telecom.timelines import START, ordinary  # noqa: E402

FROM = datetime.fromtimestamp(START / 1e6, UTC) + timedelta(days=7)
# One threshold for all days of Spark is that of one machine for one day.
UNTIL = FROM + timedelta(days=1)


@pytest.fixture(scope="module")
def records():
    found = ordinary(n_sims=40, n=4_000, seed=6).filter(pl.col("start_ts") < UNTIL)
    # Some fall silent, and some of those come back.
    falls = (
        FROM
        + timedelta(hours=2)
        - pl.col("sim_id").str.slice(3).cast(pl.Int64) * timedelta(hours=1)
    )
    quiet = pl.col("sim_id").str.ends_with("7") & (pl.col("start_ts") > falls)
    back = pl.col("start_ts") > FROM + timedelta(hours=20)
    return found.filter(~quiet | (back & (pl.col("sim_id") == "sim17")))


@pytest.fixture(scope="module")
def features(records):
    return embedded_features(records)


@pytest.fixture(scope="module")
def detector(features, records):
    before = pl.col("start_ts") < FROM
    return SessionDetector(
        n_trees=40,
        sample_size=128,
        random_state=2,
        alerts_per_thousand=40,
        silence_share=0.5,
        warm_up=timedelta(hours=6),
    ).fit(features.filter(before), records.filter(before))


def plain(found: pl.DataFrame, order: list[str]) -> pl.DataFrame:
    texts = pl.selectors.by_dtype(pl.Categorical()).cast(pl.String)
    return found.with_columns(texts).select(sorted(found.columns)).sort(order)


def test_alerts_cases_and_reasons_are_those_of_one_machine(spark, records, features, detector):
    expected = detector.detect(features, records, since=FROM)
    assert expected.alerts["score"].is_null().any()
    assert expected.alerts["case"].n_unique() < len(expected.alerts)
    seen = frame(spark, table(features)).repartition(3)
    scored = score_sessions(seen, detector)
    zone = spark.conf.get("spark.sql.session.timeZone")
    spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    try:
        quiet = quiet_times(frame(spark, table(records)).repartition(3))
        found = detect_sessions(scored, seen, detector, quiet=quiet, since=FROM)
    finally:
        spark.conf.set("spark.sql.session.timeZone", zone)
    for name, order in (("alerts", ["alert"]), ("alerting", ["session_id"])):
        one, other = (plain(getattr(of, name), order) for of in (found, expected))
        assert one.equals(other), name
    assert found.reasons == expected.reasons
    assert found.threshold == expected.threshold == detector.threshold


def test_without_silences_and_without_alerts(classic, features, detector):
    seen = frame(classic, table(features))
    found = detect_sessions(score_sessions(seen, detector), seen, detector)
    assert len(found.alerts) > 5
    assert found.alerts["score"].null_count() == 0
    # More than on the last day: all days are told.
    assert found.alerts["opened"].min() < FROM
    nothing = score_sessions(seen, detector, threshold=1e9)
    found = detect_sessions(nothing, seen, detector)
    assert (len(found.alerts), len(found.alerting), found.reasons) == (0, 0, {})


def test_quiet_times_are_those_of_one_machine(spark, records):
    df = frame(spark, table(records)).repartition(3)
    for until, rule in (
        (None, silence.SilenceRule()),
        (UNTIL + timedelta(days=2), silence.SilenceRule(peers=(), least=timedelta(hours=1))),
        (UNTIL, silence.SilenceRule(peers=("tariff",), least_gaps=5)),
    ):
        found = quiet_times(df, until, rule=rule)
        expected = silence.quiet_times(records, until or records["start_ts"].max(), rule)
        assert len(expected) > 20
        order = ["sim_id", "start_ts", "session_id"]
        assert plain(found, order).equals(plain(expected.select(found.columns), order))
    none = quiet_times(df.where("false"))
    assert (len(none), none.columns[-1]) == (0, "fleet_sims")


def test_what_cannot_be_used_is_refused_before_anything_runs(classic, features, detector):
    seen = frame(classic, table(features))
    scored = score_sessions(seen, detector)
    with pytest.raises(fastrcf.InvalidInputError, match="scored sessions have no column 'kind'"):
        detect_sessions(scored.drop("kind"), seen, detector)
    with pytest.raises(fastrcf.InvalidInputError, match="no column family, bytes_z"):
        detect_sessions(scored, seen.drop("bytes_z", "family"), detector)
    with pytest.raises(fastrcf.NotFittedError):
        detect_sessions(scored, seen, SessionDetector())
    with pytest.raises(fastrcf.InvalidInputError, match="no column 'end_ts'"):
        quiet_times(seen)
    ends = seen.withColumn("end_ts", seen["start_ts"])
    with pytest.raises(fastrcf.InvalidParameterError, match="has no time zone"):
        quiet_times(ends, datetime(2026, 4, 1))
