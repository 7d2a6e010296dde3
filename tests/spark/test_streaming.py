import datetime
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import functions as F

import fastrcf
from fastrcf_spark import score
from fastrcf_spark.keyed import fit_per_key
from fastrcf_spark.streaming import PROVIDER, _processor, process_stream
from tests.spark.needs import SPARK, needs_spark_4
from tests.spark.streams import FOREST, INPUTS, by_hand, equal, events_of_keys, plan_of, written


@pytest.fixture
def spark(spark):
    """A session whose streams have state, which those of Connect have from 4.1 on."""
    if SPARK < (4, 1) and type(spark).__module__.startswith("pyspark.sql.connect"):
        pytest.skip("Spark Connect has streams with state from 4.1 on")
    return spark


@pytest.fixture(scope="module")
def events() -> pa.Table:
    return events_of_keys()


def stream_of(spark, folder, like):
    schema = spark.createDataFrame(like.slice(0, 1)).schema
    return spark.readStream.schema(schema).option("maxFilesPerTrigger", 1).parquet(str(folder))


def run(stream, out, mode="append", **trigger):
    query = (
        stream.writeStream.format("parquet")
        .option("path", str(out / "rows"))
        .option("checkpointLocation", str(out / "checkpoint"))
        .outputMode(mode)
        .trigger(**(trigger or {"availableNow": True}))
        .start()
    )
    assert query.awaitTermination(120)
    return query


def read(spark, out):
    return spark.read.parquet(str(out / "rows")).toArrow().sort_by("id")


def test_scores_are_those_of_a_forest_for_each_key(spark, events, tmp_path):
    stream = stream_of(spark, written(events, tmp_path / "in"), events)
    run(process_stream(stream, "sim", INPUTS, time_column="time", **FOREST), tmp_path)
    found = read(spark, tmp_path)
    assert found.column_names == [*events.column_names, "score", "is_late"]
    assert found.select(["id", "sim", *INPUTS]) == events.select(["id", "sim", *INPUTS])
    assert equal(found, by_hand(events))
    assert not any(found["is_late"].to_pylist())


@pytest.mark.smoke
@needs_spark_4
def test_a_query_that_died_goes_on_as_if_it_had_not(spark, events, tmp_path):
    stream = stream_of(spark, written(events, tmp_path / "in", 2), events)
    processed = process_stream(stream, ["sim"], INPUTS, time_column="time", **FOREST)
    # The second micro-batch fails after its forests have learnt.
    died = F.when(F.col("id") == 500, F.raise_error(F.lit("died")).cast("bigint"))
    with pytest.raises(Exception, match="died"):
        run(processed.withColumn("id", F.coalesce(died, "id")), tmp_path)
    assert len(read(spark, tmp_path)) == 400
    run(processed, tmp_path)
    found = read(spark, tmp_path)
    assert found["id"].to_pylist() == list(range(len(events)))
    assert equal(found, by_hand(events))


@pytest.mark.parametrize(
    "nested", [pytest.param(False, marks=[pytest.mark.smoke, needs_spark_4]), True]
)
def test_kept_columns_are_as_they_were(spark, events, tmp_path, nested):
    stream = stream_of(spark, written(events, tmp_path / "in", 1), events)
    rare = F.col("id") % 3 == 0
    kept = {
        "byte": (F.col("id") % 100).cast("tinyint"),
        "flag": rare,
        "date": F.to_date("time"),
        "text": F.concat(F.lit("ü"), F.col("id").cast("string")),
        "binary": F.col("id").cast("string").cast("binary"),
        "single": F.col("amount").cast("float"),
        "past": F.timestamp_micros(F.col("id") * 7_919_000_001 - F.lit(10**14)),
    }
    if nested:
        kept |= {
            "decimal": F.col("amount").cast("decimal(20,3)"),
            "list": F.array(F.col("time"), F.lit(None)),
            "struct": F.struct("time", "id"),
        }
    holed = {name: F.when(~rare, column) for name, column in kept.items()}
    whole = {f"{name}_too": column for name, column in kept.items()}
    source = stream.withColumns(holed | whole)
    names = ["id", "time", *holed, *whole]
    run(process_stream(source, "sim", INPUTS, time_column="time", keep=names, **FOREST), tmp_path)
    found = spark.read.parquet(str(tmp_path / "rows"))
    assert equal(found.select("id", "score").toArrow().sort_by("id"), by_hand(events))
    # As Spark has them without a stream.
    files = spark.read.parquet(str(tmp_path / "in")).withColumns(holed | whole).select(names)
    assert found.select(names).schema == files.schema
    assert found.select(names).toArrow().sort_by("id") == files.toArrow().sort_by("id")


def test_forests_that_get_no_rows_are_forgotten(spark, events, tmp_path):
    halves = [events.slice(0, 400), events.slice(400)]
    folder = tmp_path / "in"
    for i, half in enumerate(halves):
        written(half, folder, 1, first=i)
        stream = stream_of(spark, folder, events)
        ttl = datetime.timedelta(seconds=0.1)
        run(process_stream(stream, "sim", INPUTS, time_column="time", ttl=ttl, **FOREST), tmp_path)
        time.sleep(0.1)
    assert equal(read(spark, tmp_path), np.concatenate([by_hand(half) for half in halves]))


def test_another_number_of_buckets_is_refused(spark, events, tmp_path):
    stream = stream_of(spark, written(events, tmp_path / "in", 1), events)
    # A key that is alone in any number of buckets, whose own would not tell.
    run(process_stream(stream.where("sim = 'a'"), "sim", INPUTS, **FOREST), tmp_path)
    written(events, tmp_path / "in", 1, first=1)
    other = process_stream(stream.where("sim = 'b'"), "sim", INPUTS, n_buckets=7, **FOREST)
    with pytest.raises(Exception, match=r"n_buckets: 7; the checkpoint is one of 256 buckets"):
        run(other, tmp_path)


def test_other_keys_columns_and_times_than_the_checkpoint_s_are_refused(classic, events, tmp_path):
    stream = stream_of(classic, written(events.slice(0, 400), tmp_path / "in", 1), events)

    def go_on(stream, keys="sim", columns=INPUTS):
        run(process_stream(stream, keys, columns, time_column="time", **FOREST), tmp_path)

    go_on(stream)
    written(events.slice(400), tmp_path / "in", 1, first=1)
    for other, said in [
        ((stream, "sim", INPUTS[::-1]), "columns: 'speed', 'amount'; .* with 'amount', 'speed'"),
        ((stream, ["sim", "id"]), "keys: 'sim', 'id'; the checkpoint was made with 'sim',"),
        (
            (stream.withColumn("time", F.unix_seconds("time")),),
            "time_column: whole numbers; the checkpoint was made with timestamp",
        ),
    ]:
        with pytest.raises(Exception, match=said):
            go_on(*other)
    # Nothing of these was learnt.
    go_on(stream)
    assert equal(read(classic, tmp_path), by_hand(events))


def test_late_rows_are_marked_and_scored(spark, events, tmp_path):
    early, later = events.slice(0, 300), events.slice(300, 300)
    written(later, tmp_path / "in", 1)
    written(early, tmp_path / "in", 1, first=1)
    stream = stream_of(spark, tmp_path / "in", events).where("sim = 'a'")
    stream = stream.withColumn("x", F.array(*[F.col(name).cast("double") for name in INPUTS]))
    late = {"time_column": "time", "late": "score"}
    run(process_stream(stream, None, "x", keep=["id"], **late, **FOREST), tmp_path)
    found = read(spark, tmp_path)
    assert found.column_names == ["id", "score", "is_late"]
    forest = fastrcf.RandomCutForest(**FOREST, random_state=0)
    expected = {}
    for rows, ask in ((later, forest.process), (early, forest.score)):
        rows = rows.filter(pa.compute.equal(rows["sim"], "a"))
        scores = ask(np.column_stack([rows[name].to_numpy().astype(float) for name in INPUTS]))
        expected |= dict(zip(rows["id"].to_pylist(), scores.tolist(), strict=True))
    assert found["id"].to_pylist() == sorted(expected)
    assert found["is_late"].to_pylist() == [i < 300 for i in sorted(expected)]
    assert equal(found, np.array([expected[i] for i in sorted(expected)]))


def test_a_fixed_model_scores_a_stream_without_state(spark, events, tmp_path):
    detector = fastrcf.Detector(INPUTS, random_state=1, **FOREST).fit(events)
    stream = stream_of(spark, written(events, tmp_path / "in", 2), events)
    run(score(stream, detector, keep=["id"]), tmp_path)
    assert (read(spark, tmp_path)["score"].to_numpy() == detector.score(events)).all()


def test_a_worker_without_the_package_says_so(tmp_path):
    from pyspark import cloudpickle

    data = cloudpickle.dumps(_processor(plan_of()))
    # Spark fails to send processors of more than 1 MB.
    assert len(data) < 20_000
    (tmp_path / "processor").write_bytes(data)
    code = f"""
import pickle, sys
sys.modules["fastrcf"] = sys.modules["fastrcf_spark"] = None
from pyspark import SparkFiles
SparkFiles._root_directory, SparkFiles._is_running_on_worker = "nowhere", True
processor = pickle.load(open({str(tmp_path / "processor")!r}, "rb"))
processor._state = [None, None, None, None]
next(processor.handleInputRows((0,), [{{"rows": []}}], None))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "this Spark worker cannot import fastrcf" in found.stderr


@pytest.mark.smoke
def test_an_older_spark_is_named(classic, monkeypatch):
    from pyspark.sql.group import GroupedData

    for each in GroupedData.__mro__:
        if "transformWithStateInPandas" in vars(each):
            monkeypatch.delattr(each, "transformWithStateInPandas")
    stream = classic.readStream.format("rate").load()
    with pytest.raises(fastrcf.MissingExtraError, match=r"needs Spark 4\.0 or newer.*this is"):
        process_stream(stream, None, ["value"])


def test_refused_before_anything_runs(spark, events, tmp_path):
    stream = stream_of(spark, written(events, tmp_path / "in", 1), events)
    refused, out = fastrcf.InvalidInputError, fastrcf.InvalidParameterError
    with pytest.raises(refused, match="takes a stream"):
        process_stream(spark.createDataFrame(events), "sim", INPUTS)
    with pytest.raises(refused, match="no column 'imsi'"):
        process_stream(stream, "imsi", INPUTS)
    with pytest.raises(refused, match="'sim' holds string, not numbers"):
        process_stream(stream, None, ["amount", "sim"])
    with pytest.raises(refused, match="time_column: 'sim' holds string"):
        process_stream(stream, None, INPUTS, time_column="sim")
    with pytest.raises(refused, match="has a column 'speed' already"):
        process_stream(stream, "sim", INPUTS, output="speed")
    with pytest.raises(refused, match="has a column 'speed' already, to Spark the same as 'Speed'"):
        process_stream(stream, "sim", INPUTS, output="Speed")
    with pytest.raises(refused, match="two columns of the result are called 'odd'"):
        process_stream(stream, "sim", INPUTS, time_column="id", output="odd", is_late="Odd")
    with pytest.raises(out, match="ttl: 0 is not"):
        process_stream(stream, "sim", INPUTS, ttl=0)
    with pytest.raises(out, match="late='score' needs a time_column"):
        process_stream(stream, "sim", INPUTS, late="score")
    with pytest.raises(out, match="feature_weights: 3 weights for 2 columns"):
        process_stream(stream, "sim", INPUTS, feature_weights=[1, 1, 1])
    with pytest.raises(out, match="sampling"):
        process_stream(stream, "sim", INPUTS, sampling="all")
    provider = spark.conf.get(PROVIDER)
    spark.conf.unset(PROVIDER)
    spark.conf.set(PROVIDER, provider.replace("RocksDB", "HDFSBacked"))
    try:
        with pytest.raises(out, match="needs RocksDB"):
            process_stream(stream, "sim", INPUTS)
    finally:
        spark.conf.set(PROVIDER, provider)
    with pytest.raises(fastrcf.InvalidInputError, match="takes tables"):
        fit_per_key(stream, "sim", INPUTS)
