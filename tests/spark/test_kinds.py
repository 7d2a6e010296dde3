"""Every kind of score gives in Spark the bits that it gives on one machine."""

import numpy as np
import pytest
from pyspark.sql import functions as F

import fastrcf
from fastrcf_spark import detect, process_stream, score, score_udf
from tests.spark.frames import by_id, frame
from tests.spark.needs import needs_spark_4
from tests.spark.streams import FOREST, INPUTS, equal, events_of_keys, written

KINDS = ("auto", "expected_inverse_depth", "local_range", "displacement")
COLUMNS = ["amount", "speed", "items"]


def fitted(table, kind):
    options = {"alert_rate": 0.01, "n_trees": 20, "sample_size": 64, "random_state": 3}
    return fastrcf.Detector(COLUMNS, score=kind, **options).fit(table)


@pytest.mark.smoke
@pytest.mark.parametrize("kind", KINDS)
def test_a_detectors_own_kind_is_what_every_door_gives(classic, table, kind):
    detector = fitted(table, kind)
    assert detector.score_kind == kind
    rows = table.slice(0, 700)
    expected = detector.detect(rows)
    scores = expected["score"].to_numpy()
    assert (scores == detector.score(rows, kind=kind)).all()
    for other in KINDS:
        assert other == kind or (scores != detector.score(rows, kind=other)).any()
    df = frame(classic, rows).repartition(2)
    asked = score_udf(detector)(*COLUMNS)
    both = score(df, detector, keep=["id", *COLUMNS]).withColumn("by_udf", asked)
    found = by_id(both.select("id", "score", "by_udf"))
    assert (found["score"].to_numpy() == scores).all()
    assert (found["by_udf"].to_numpy() == scores).all()
    judged = by_id(detect(df, detector, keep=["id"]))
    for name in ("score", "grade", "is_anomaly", "reasons"):
        assert judged[name].to_pylist() == expected[name].to_pylist()
    assert sum(expected["is_anomaly"].to_pylist()) > 0


def streamed(spark, folder, like, make):
    schema = spark.createDataFrame(like.slice(0, 1)).schema
    stream = spark.readStream.schema(schema).parquet(str(written(like, folder / "in", 1)))
    query = (
        make(stream)
        .writeStream.format("parquet")
        .option("path", str(folder / "rows"))
        .option("checkpointLocation", str(folder / "checkpoint"))
        .trigger(availableNow=True)
        .start()
    )
    assert query.awaitTermination(120)
    return spark.read.parquet(str(folder / "rows")).toArrow().sort_by("id")


@needs_spark_4
def test_a_detector_on_a_stream_keeps_its_own_kind(classic, table, tmp_path):
    events = table.slice(0, 300)
    detector = fitted(table, "displacement")
    found = streamed(classic, tmp_path, events, lambda s: score(s, detector, keep=["id"]))
    assert (found["score"].to_numpy() == detector.score(events)).all()


@needs_spark_4
@pytest.mark.parametrize("kind", ["local_range", None])
def test_a_forest_for_each_key_scores_by_the_kind_asked_for(classic, tmp_path, kind):
    events = events_of_keys().slice(0, 200)
    asked = {} if kind is None else {"kind": kind}
    found = streamed(
        classic,
        tmp_path,
        events,
        lambda s: process_stream(
            s.where(F.col("sim") == "a"), "sim", INPUTS, time_column="time", **asked, **FOREST
        ),
    )
    here = np.array([key == "a" for key in events["sim"].to_pylist()])
    x = np.column_stack([events[name].to_numpy().astype(float)[here] for name in INPUTS])
    # The scale of the open-source forests, where nothing is asked for.
    expected = fastrcf.RandomCutForest(random_state=0, **FOREST).process(
        x, kind=kind or "expected_inverse_depth"
    )
    assert equal(found, expected)
