"""Alerts for an entity and day in Spark: those that fastrcf.AlertLimit keeps."""

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import functions as F

import fastrcf
from fastrcf_spark import Watch, detect
from tests.spark.frames import arrow, by_id, frame

ASKED = {"per_day": 1, "entity": "card no.", "time_column": "at"}


@pytest.fixture(scope="module")
def cards(table):
    """Rows of five cards in three days; times are seconds, some before 1970."""
    rng = np.random.default_rng(3)
    n = len(table)
    cards = pa.array(rng.choice(["a", "b", "c", "d", "e"], n))
    seconds = pa.array(rng.uniform(-86_400, 2 * 86_400, n).round(3))
    return table.append_column("card no.", cards).append_column("at", seconds)


@pytest.fixture(scope="module")
def kept(cards, detector):
    found = detector.detect(cards)
    kept = fastrcf.AlertLimit(1).keep_best(
        found["score"], found["is_anomaly"], cards["card no."], cards["at"]
    )
    assert 5 < kept.sum() < sum(found["is_anomaly"].to_pylist())
    return kept


@pytest.mark.parametrize(
    "kind", [pytest.param("seconds", marks=pytest.mark.smoke), "timestamp", "timestamp_ntz"]
)
def test_the_best_of_a_day_are_those_of_one_machine(spark, cards, detector, kept, kind):
    df = frame(spark, cards).repartition(3)
    if kind != "seconds":
        # The clock of UTC, in which the session's zone has no say.
        moments = (cards["at"].to_numpy() * 1000).round().astype("datetime64[ms]")
        zone = "UTC" if kind == "timestamp" else None
        column = pa.array(moments.astype("datetime64[us]"), pa.timestamp("us", zone))
        df = frame(spark, cards.set_column(cards.column_names.index("at"), "at", column))
    expected = detector.detect(cards)
    watch = Watch()
    with watch:
        found = by_id(detect(df, detector, keep=["id"], prefix="x_", watch=watch, **ASKED))
    assert found.column_names == ["id", "x_score", "x_grade", "x_is_anomaly", "x_reasons"]
    assert found["x_is_anomaly"].to_pylist() == kept.tolist()
    assert watch.alerts == kept.sum()
    for name in ("score", "grade"):
        assert (found[f"x_{name}"].to_numpy() == expected[name].to_numpy()).all()
    reasons = expected["reasons"].to_pylist()
    assert found["x_reasons"].to_pylist() == [
        row if keep else [] for row, keep in zip(reasons, kept, strict=True)
    ]


def test_bad_rows_and_alerts_of_nobody_are_left_as_they_are(classic, cards, detector, kept):
    df = frame(classic, cards).withColumn(
        "card no.", F.when(~F.col("id").isin([3, 4]), F.col("`card no.`"))
    )
    high = F.when(F.col("id").isin([3, 4]), F.lit(1e6)).otherwise(F.col("amount"))
    bad = F.when(F.col("id") != 9, high)
    options = {"keep": ["id"], "missing": "null", "reasons": False}
    found = by_id(detect(df.withColumn("amount", bad), detector, **options, **ASKED))
    assert found.column_names == ["id", "score", "grade", "is_anomaly"]
    flags = found["is_anomaly"].to_pylist()
    assert flags[3]
    assert flags[4]
    assert flags[9] is None
    rest = [i for i in range(len(flags)) if i not in (3, 4, 9)]
    assert not any(kept[[3, 4, 9]])
    assert [flags[i] for i in rest] == kept[rest].tolist()


def test_of_equal_scores_the_earliest_stay(classic, detector):
    n = 6
    table = pa.table(
        {
            "id": np.arange(n),
            **{name: np.full(n, 1e5) for name in ("amount", "speed", "items")},
            "who": ["a"] * n,
            "at": np.array([5.0, 4.0, 3.0, 3.0, 9.0, 9.0]),
        }
    )
    df = frame(classic, table).repartition(3)
    asked = {"per_day": 2, "entity": "who", "time_column": "at", "key": ["id"]}
    found = by_id(detect(df, detector, keep=["id"], **asked))
    assert np.flatnonzero(found["is_anomaly"].to_numpy()).tolist() == [2, 3]
    asked["per_day"] = 1
    assert (
        arrow(detect(df, detector, keep=["id"], **asked).where("is_anomaly"))["id"][0].as_py() == 2
    )


def test_what_cannot_be_is_refused(classic, cards, detector, tmp_path):
    df = frame(classic, cards)
    with pytest.raises(fastrcf.InvalidParameterError, match="each needs the two others"):
        detect(df, detector, per_day=3)
    with pytest.raises(fastrcf.InvalidParameterError, match="each needs the two others"):
        detect(df, detector, entity="card no.", time_column="at")
    with pytest.raises(fastrcf.InvalidParameterError, match="per_day: 0"):
        detect(df, detector, **(ASKED | {"per_day": 0}))
    with pytest.raises(fastrcf.InvalidInputError, match="no column 'nobody'"):
        detect(df, detector, **(ASKED | {"entity": "nobody"}))
    with pytest.raises(fastrcf.InvalidInputError, match=r"'card no.' holds string: expected times"):
        detect(df, detector, **(ASKED | {"time_column": "card no."}))
    stream = classic.readStream.schema(df.schema).parquet(str(tmp_path))
    with pytest.raises(fastrcf.InvalidInputError, match="whole days of a table"):
        detect(stream, detector, **ASKED)
