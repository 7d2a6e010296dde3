"""What a watch counts, of queries that end, of streams and of fits, on both kinds of session."""

import re
import sys
import time

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import functions as F

import fastrcf
from fastrcf_spark import (
    Watch,
    detect,
    detect_per_key,
    fit,
    fit_per_key,
    process_stream,
    score,
    score_per_key,
)
from tests.spark.frames import arrow, frame
from tests.spark.needs import SPARK, needs_spark_4
from tests.spark.streams import FOREST, INPUTS, by_hand, events_of_keys, written


@pytest.fixture(scope="module")
def events() -> pa.Table:
    return events_of_keys()


def stream_of(spark, folder):
    schema = spark.read.parquet(str(folder)).schema
    return spark.readStream.schema(schema).option("maxFilesPerTrigger", 1).parquet(str(folder))


def started(df, out, name):
    return (
        df.writeStream.format("parquet")
        .option("path", str(out / name))
        .option("checkpointLocation", str(out / f"{name}-checkpoint"))
        .trigger(availableNow=True)
        .start()
    )


@needs_spark_4
def test_a_stream_is_counted_batch_by_batch_and_goes_on(spark, events, tmp_path):
    folder = written(events, tmp_path / "in")
    detector = fastrcf.Detector(INPUTS, alert_rate=0.05, random_state=1, **FOREST).fit(events)
    holed = stream_of(spark, folder).withColumn("amount", F.expr("if(id = 3, null, amount)"))
    above = np.delete(detector.score(events), 3) > detector.threshold
    with Watch("stream") as watch:
        query = started(detect(holed, detector, missing="null", watch=watch), tmp_path, "out")
        # Another stream of the same session is none of its business.
        other = started(stream_of(spark, folder), tmp_path, "other")
        assert query.awaitTermination(60)
        assert other.awaitTermination(60)
    assert (watch.rows, watch.alerts, watch.bad_rows) == (len(events), above.sum(), 1)
    assert watch.batches == 3
    assert re.fullmatch(
        rf"stream: 800 rows, {above.sum()} alerts, 1 without a score, 3 batches, [\d.]+ s, "
        r"[\d,]+ rows/s",
        str(watch),
    )
    # Started again it counts what is new alone; no block is needed.
    written(events.slice(0, 50), folder, 1, first=7)
    fresh = Watch()
    query = started(detect(holed, detector, missing="null", watch=fresh), tmp_path, "out")
    assert query.awaitTermination(60)
    assert (fresh.rows, fresh.batches) == (50, 1)


@needs_spark_4
def test_forests_of_a_stream_are_counted(spark, events, tmp_path):
    if SPARK < (4, 1) and type(spark).__module__.startswith("pyspark.sql.connect"):
        pytest.skip("Spark Connect has streams with state from 4.1 on")
    stream = stream_of(spark, written(events, tmp_path / "in", 2))
    with Watch() as watch:
        scored = process_stream(stream, "sim", INPUTS, time_column="time", watch=watch, **FOREST)
        assert started(scored, tmp_path, "out").awaitTermination(120)
    unready = int(np.isnan(by_hand(events)).sum())
    assert (watch.rows, watch.alerts, watch.bad_rows) == (len(events), 0, unready)
    assert unready
    assert watch.batches == 2
    with pytest.raises(fastrcf.InvalidParameterError, match="counts one query"):
        process_stream(stream, "sim", INPUTS, watch=watch, **FOREST)


@needs_spark_4
def test_models_of_keys_and_their_scores_are_counted(spark, events):
    df = frame(spark, events)
    few = df.where("sim = 'a' OR id < 20")
    with Watch("fit") as watch:
        models = arrow(fit_per_key(few, "sim", INPUTS, watch=watch, **FOREST))
    counted = dict(zip(models["sim"].to_pylist(), models["n_rows"].to_pylist(), strict=True))
    assert watch.rows == sum(counted.values())
    assert (watch.keys, watch.models) == (len(counted), 1)
    assert f"fit: {watch.rows:,} rows, {watch.keys} keys, 1 with a model, " in str(watch)
    with pytest.raises(fastrcf.NotReadyError, match="counts rows, keys, models, no alerts"):
        _ = watch.alerts
    table = frame(spark, models)
    scoring, judging = Watch(), Watch()
    arrow(score_per_key(df, table, "sim", columns=INPUTS, watch=scoring))
    n_without = len(events) - counted["a"]
    assert (scoring.rows, scoring.bad_rows) == (len(events), n_without)
    judged = arrow(detect_per_key(df, table, "sim", columns=INPUTS, watch=judging))
    found = judged["is_anomaly"].to_pylist()
    assert (judging.rows, judging.bad_rows) == (len(events), n_without)
    assert judging.alerts == found.count(True)


@pytest.mark.smoke
def test_a_query_that_nobody_ran_is_not_waited_for(spark, table, detector, monkeypatch):
    monkeypatch.setattr("fastrcf_spark.watch.SECONDS", 0.3)
    with Watch(progress=False) as watch:
        scored = score(frame(spark, table), detector, watch=watch)
    for ask in (lambda: watch.rows, lambda: str(watch)):
        with pytest.raises(fastrcf.NotReadyError, match="no query has run that was watched"):
            ask()
    monkeypatch.undo()
    arrow(scored)
    assert watch.rows == len(table)


def test_a_fit_is_watched(spark, table):
    df = frame(spark, table).withColumn("amount", F.expr("if(id < 9, null, amount)"))
    watch = Watch("fit")
    with pytest.raises(fastrcf.NotReadyError, match="nothing is watched"):
        _ = watch.rows
    with watch:
        fit(df, ["amount"], seed=1, key="id", missing="drop", n_trees=5, watch=watch)
    assert (watch.rows, watch.bad_rows) == (len(table) - 9, 9)
    assert str(watch).startswith(f"fit: {len(table) - 9:,} rows, ")
    with pytest.raises(fastrcf.InvalidParameterError, match="counts one query"):
        fit(df, ["amount"], seed=1, key="id", missing="drop", n_trees=5, watch=watch)


@needs_spark_4
def test_a_line_tells_how_far_it_has_come(spark, table, events, detector, tmp_path, capsys):
    def slow(batches):
        for batch in batches:
            time.sleep(0.5)
            yield batch

    df = frame(spark, table.slice(0, 100)).repartition(6)
    df = df.mapInArrow(slow, df.schema)
    with Watch("table", progress=True) as watch:
        arrow(score(df, detector, watch=watch))
    assert re.search(r"\rtable: \d+ of \d+ tasks", capsys.readouterr().err)
    stream = stream_of(spark, written(events, tmp_path / "in"))
    fitted = fastrcf.Detector(INPUTS, random_state=1, **FOREST).fit(events)
    stream = stream.mapInArrow(slow, stream.schema)
    with Watch("stream", progress=True) as watch:
        assert started(score(stream, fitted, watch=watch), tmp_path, "out").awaitTermination(60)
    said = capsys.readouterr().err
    assert re.search(r"\rstream: [12] batches, [1-9]\d* rows", said), said
    assert said.endswith("\r\x1b[K")
    # Where nobody looks it says nothing.
    assert not sys.stderr.isatty()
    with Watch() as watch:
        arrow(score(df.limit(1), detector, watch=watch))
    assert capsys.readouterr().err == ""
