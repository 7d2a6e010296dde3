"""Scores of sessions on Spark, held to those of one machine."""

import pytest

# Environments of older versions of Spark go without it.
pl = pytest.importorskip("polars")

from datetime import timedelta  # noqa: E402

import fastrcf  # noqa: E402
from fastrcf.telecom.detection import SessionDetector  # noqa: E402
from fastrcf.telecom.features import session_features as embedded_features  # noqa: E402
from fastrcf.telecom.timeline import KEYS  # noqa: E402
from fastrcf_spark import score_sessions  # noqa: E402
from tests.spark.frames import arrow, frame  # noqa: E402
from tests.spark.test_sessions import table  # noqa: E402
from tests.telecom.timelines import ordinary  # noqa: E402


@pytest.fixture(scope="module")
def features():
    return embedded_features(ordinary(n_sims=30, n=2_500, seed=6))


@pytest.fixture(scope="module")
def detector(features):
    # Large enough to travel as a file.
    return SessionDetector(
        n_trees=60,
        sample_size=128,
        random_state=2,
        alerts_per_thousand=20,
        warm_up=timedelta(hours=6),
    ).fit(features)


@pytest.fixture
def df(spark, features):
    return frame(spark, table(features)).repartition(2)


def told(df):
    return pl.DataFrame(pl.from_arrow(arrow(df))).sort("session_id")


def test_scores_and_kinds_are_those_of_one_machine(spark, df, features, detector):
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 170)
    try:
        found = score_sessions(df, detector)
        assert found.columns == [*[k for k in KEYS if k in features.columns], "score", "kind"]
        got = told(found)
    finally:
        spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
    expected = detector.score(features).sort("session_id")
    assert got["session_id"].equals(expected["session_id"])
    assert got["score"].equals(expected["score"])
    above = expected.filter(pl.col("score") > detector.threshold)
    assert 5 < len(above) < len(expected)
    assert got.filter(pl.col("kind").is_not_null())["session_id"].equals(above["session_id"])
    rows = features.join(above.select("session_id"), on="session_id", how="semi")
    rows = rows.sort("session_id")
    names = detector.kinds(rows)
    assert got["kind"].drop_nulls().to_list() == names


def test_another_threshold_and_other_columns(df, features, detector):
    found = told(score_sessions(df, detector, threshold=1e9, keep=["session_id", "bytes_z"]))
    assert found.columns == ["session_id", "bytes_z", "score", "kind"]
    assert found["kind"].null_count() == len(found) == len(features)
    assert found["bytes_z"].equals(features.sort("session_id")["bytes_z"])
    assert arrow(score_sessions(df.where("false"), detector)).num_rows == 0


def test_what_cannot_be_used_is_refused_before_anything_runs(df, detector):
    with pytest.raises(fastrcf.InvalidInputError, match="no column bytes_z, family"):
        score_sessions(df.drop("bytes_z", "family"), detector)
    with pytest.raises(fastrcf.InvalidInputError, match="no column 'sim_id'"):
        score_sessions(df.drop("sim_id"), detector)
    with pytest.raises(fastrcf.InvalidInputError, match="keep: "):
        score_sessions(df, detector, keep=["nothing"])
    with pytest.raises(fastrcf.InvalidInputError, match="is called 'score' already"):
        score_sessions(df.withColumnRenamed("cell", "score"), detector, keep="all")
    with pytest.raises(fastrcf.InvalidInputError, match="is called 'Kind' already, to Spark"):
        score_sessions(df.withColumnRenamed("cell", "Kind"), detector, keep="all")
    with pytest.raises(fastrcf.NotFittedError):
        score_sessions(df, SessionDetector())
