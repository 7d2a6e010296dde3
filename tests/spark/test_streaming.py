import datetime
import itertools
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import functions as F

import fastrcf
from fastrcf_spark import _stream_state, _stream_worker, score
from fastrcf_spark.keyed import fit_per_key
from fastrcf_spark.streaming import PROVIDER, _processor, process_stream
from tests.spark.needs import SPARK, needs_spark_4
from tests.spark.streams import FOREST, INPUTS, by_hand, equal, events_of_keys, written


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
    stream = stream_of(spark, written(events, tmp_path / "in"), events)
    processed = process_stream(stream, ["sim"], INPUTS, time_column="time", **FOREST)
    # The second micro-batch fails after its forests have learnt.
    died = F.when(F.col("id") == 500, F.raise_error(F.lit("died")).cast("bigint"))
    with pytest.raises(Exception, match="died"):
        run(processed.withColumn("id", F.coalesce(died, "id")), tmp_path)
    assert len(read(spark, tmp_path)) == 267
    run(processed, tmp_path)
    found = read(spark, tmp_path)
    assert found["id"].to_pylist() == list(range(len(events)))
    assert equal(found, by_hand(events))


def test_forests_that_get_no_rows_are_forgotten(spark, events, tmp_path):
    halves = [events.slice(0, 400), events.slice(400)]
    folder = tmp_path / "in"
    for i, half in enumerate(halves):
        written(half, folder, 1, first=i)
        stream = stream_of(spark, folder, events)
        ttl = datetime.timedelta(seconds=1)
        run(process_stream(stream, "sim", INPUTS, time_column="time", ttl=ttl, **FOREST), tmp_path)
        time.sleep(1.1)
    assert equal(read(spark, tmp_path), np.concatenate([by_hand(half) for half in halves]))


def test_another_number_of_buckets_is_refused(spark, events, tmp_path):
    stream = stream_of(spark, written(events, tmp_path / "in", 1), events)
    # A key that is alone in any number of buckets, whose own would not tell.
    run(process_stream(stream.where("sim = 'a'"), "sim", INPUTS, **FOREST), tmp_path)
    written(events, tmp_path / "in", 1, first=1)
    other = process_stream(stream.where("sim = 'b'"), "sim", INPUTS, n_buckets=7, **FOREST)
    with pytest.raises(Exception, match=r"n_buckets: 7; the checkpoint is one of 256 buckets"):
        run(other, tmp_path)


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


class States(dict):
    """State as the operator gives it, in a dictionary."""

    def containsKey(self, key):
        return key in self

    def getValue(self, key):
        return self.get(key)

    def updateValue(self, key, value):
        self[key] = value

    def removeKey(self, key):
        del self[key]

    def iterator(self):
        return iter(list(self.items()))


class Value:
    """A single value of the state."""

    def __init__(self):
        self.value = None

    def exists(self):
        return self.value is not None

    def get(self):
        return self.value

    def update(self, value):
        self.value = value


def plan_of(**other):
    return {
        "bucket": "bucket",
        "key": "key",
        "order": "order",
        "time": None,
        "late": "learn",
        "missing": "null",
        "ttl": None,
        "kind": "expected_inverse_depth",
        "forest": FOREST | {"random_state": 0},
        "n_buckets": 4,
        "names": ["x", "y"],
        "columns": ["x", "y"],
        "text": [],
        "packed": None,
        "kept": ["id"],
    } | other


def rows_of(x, key="1:a", **other):
    n = len(x)
    columns = {"id": np.arange(n), "key": [key] * n, "order": np.arange(n)}
    return pa.table(columns | {"x": x[:, 0], "y": x[:, 1]} | other)


def processed(plan, rows, *states):
    batch = rows.combine_chunks().to_batches()[0]
    packets = [_stream_worker._written(batch)]
    return _stream_worker._read(
        _stream_worker.process(plan, packets, Value(), *states)
    ).rename_columns(["id", "score", "is_late"][: 2 + (plan["time"] is not None)])


def test_packets_hold_the_rows_of_a_bucket_each():
    rows = pa.table({"bucket": pa.array([2, 0, 2, 1, 0], pa.int32()), "v": list("abcde")})
    batches = [*rows.slice(0, 2).to_batches(), *rows.slice(2).to_batches()]
    [packed] = _stream_worker.pack(plan_of(), iter([batches[0].slice(0, 0), *batches]))
    assert packed["bucket"].to_pylist() == [0, 1, 2, _stream_worker.WATCHED]
    *packets, watched = packed["rows"].to_pylist()
    assert watched == b""
    found = [_stream_worker._read(packet)["v"].to_pylist() for packet in packets]
    assert found == [["b", "e"], ["d"], ["a", "c"]]
    assert list(_stream_worker.pack(plan_of(), iter([batches[0].slice(0, 0)]))) == []


def test_bad_rows_are_neither_scored_nor_learnt():
    x = np.random.default_rng(2).normal(size=(200, 2))
    bad = [3, 50, 51, 120, 199]
    wrong = x.copy()
    for row, value in zip(bad, [np.nan, np.inf, -1e31, np.nan, np.nan], strict=True):
        wrong[row, row % 2] = value
    found = processed(plan_of(), rows_of(wrong), states := States())
    expected = np.full(200, np.nan)
    good = np.setdiff1d(np.arange(200), bad)
    forest = fastrcf.RandomCutForest(**FOREST, random_state=0)
    expected[good] = forest.process(x[good])
    assert equal(found, expected)
    only_bad = processed(plan_of(), rows_of(wrong[bad], "1:b"), states)
    assert only_bad["score"].null_count == 5
    assert list(states) == [("1:a",)]
    with pytest.raises(fastrcf.InvalidInputError, match=r"the key \('a'\), column 'y'.*'null'"):
        processed(plan_of(missing="error"), rows_of(wrong), States())


def test_rows_of_one_time_are_in_the_order_of_their_hash_and_those_without_are_bad():
    x = np.random.default_rng(2).normal(size=(300, 2))
    times = pa.array([i // 7 for i in range(299)] + [None])
    rows = rows_of(x, time=times)
    mixed = rows.take(np.random.default_rng(3).permutation(300))
    states = States()
    plan = plan_of(time="time")
    found = processed(plan, mixed, states).sort_by("id")
    forest = fastrcf.RandomCutForest(**FOREST, random_state=0)
    assert equal(found, np.append(forest.process(x[:299]), np.nan))
    assert found["is_late"].to_pylist() == [False] * 299 + [None]
    # What is as late as the latest is not late.
    again = processed(plan, rows_of(x[:2], time=[42, 41]), states).sort_by("id")
    assert again["is_late"].to_pylist() == [False, True]
    assert equal(again, forest.process(x[[1, 0]])[::-1])


def test_what_is_too_old_is_forgotten_and_removed(monkeypatch):
    now = 1_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    x = np.random.default_rng(2).normal(size=(60, 2))
    plan, state = plan_of(ttl=100_000), (States(), States(), Value())
    expected = fastrcf.RandomCutForest(**FOREST, random_state=0).process(x)

    def whole():
        return equal(processed(plan, rows_of(x), *state), expected)

    processed(plan, rows_of(x, "1:b"), *state)
    assert whole()
    now += 99
    assert not whole()
    now += 99
    assert not whole()
    assert set(state[0]) == set(state[1]) == {("1:a",)}
    now += 101
    assert whole()
    now += 3
    assert not whole()
    assert state[1][("1:a",)] == (1_299_000,)


@pytest.mark.parametrize(
    ("sampling", "whole", "largest"),
    [("window", False, 25_000), ("decay", True, 31_000), ("decay", False, 40_000)],
)
def test_state_stays_small(sampling, whole, largest):
    rng = np.random.default_rng(4)
    names = ["x", "y", "z", "u"]
    forest = {"n_trees": 30, "sample_size": 64, "sampling": sampling, "random_state": 0}
    plan = plan_of(names=names, columns=names, forest=forest, time="time")
    states = States()
    for batch in range(60):
        x = rng.poisson(5, (40, 4)).astype(float) if whole else rng.lognormal(size=(40, 4))
        # As columns of float have them, which most are.
        x = x.astype(np.float32).astype(float)
        rows = rows_of(x, z=x[:, 2], u=x[:, 3], time=batch + np.arange(40) / 40)
        processed(plan, rows, states)
        assert len(states[("1:a",)][0]) <= largest
    assert len(states[("1:a",)][0]) > largest / 2


@pytest.fixture
def keeper(monkeypatch):
    """A worker of our own."""
    kept = _stream_state.Kept()
    monkeypatch.setattr(_stream_state, "KEEPER", kept)
    return kept


@pytest.mark.parametrize("shingle_size", [1, 2])
@pytest.mark.parametrize("single", [True, False])
def test_what_a_worker_keeps_changes_nothing(keeper, monkeypatch, single, shingle_size):
    x = np.random.default_rng(2).lognormal(size=(600, 2))
    if single:
        x = x.astype(np.float32).astype(float)
    plan = plan_of(forest=FOREST | {"random_state": 0, "shingle_size": shingle_size})
    expected = fastrcf.RandomCutForest(**plan["forest"]).process(x)
    kept, moved = States(), States()
    learnt_since = 0
    # Of different sizes, so that forests are written anew now and then.
    bounds = [0, 5, 6, 40, 41, 43, 100, 101, 104, 110, 300, 303, 310, 600]
    for first, behind in itertools.pairwise(bounds):
        rows = rows_of(x[first:behind])
        assert equal(processed(plan, rows, kept), expected[first:behind])
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(_stream_state, "KEEPER", _stream_state.Kept())
            assert equal(processed(plan, rows, moved), expected[first:behind])
        # What is at rest is the same, and so are scores after any move.
        assert kept == moved
        data = kept[("1:a",)][0]
        *_, length = _stream_state._HEAD.unpack_from(data)
        learnt_since += len(data) > _stream_state._HEAD.size + length
    assert 3 < learnt_since < len(bounds) - 4


def test_a_task_that_is_tried_again_gets_the_forest_from_the_state(keeper):
    x = np.random.default_rng(2).normal(size=(90, 2))
    expected = fastrcf.RandomCutForest(**FOREST, random_state=0).process(x)
    states = States()
    processed(plan_of(), rows_of(x[:60]), states)
    before = States(states)
    # Of this nothing is committed.
    assert equal(processed(plan_of(), rows_of(x[60:70]), states), expected[60:70])
    assert equal(processed(plan_of(), rows_of(x[60:]), before), expected[60:])
    assert not equal(processed(plan_of(), rows_of(x[60:]), states), expected[60:])


def test_rows_that_are_only_scored_leave_the_forest_where_it_was(keeper):
    x = np.random.default_rng(2).normal(size=(90, 2))
    plan, states = plan_of(time="time", late="score"), States()
    processed(plan, rows_of(x[:60], time=np.arange(60) + 100), states)
    before = States(states)
    late = processed(plan, rows_of(x[60:], time=np.arange(30)), states)
    assert all(late["is_late"].to_pylist())
    assert states == before
    forest = fastrcf.RandomCutForest(**FOREST, random_state=0)
    forest.insert(x[:60])
    assert equal(late, forest.score(x[60:]))


def test_a_worker_keeps_the_forests_that_it_used_last():
    forest = fastrcf.RandomCutForest(**FOREST)
    forest.insert(np.ones((20, 2)))
    living = _stream_state.Living(forest)
    kept = _stream_state.Kept(int(2.5 * forest.memory_usage()))
    for key in ("a", "b", "a", "c"):
        kept.put(key, b"1", living)
    assert [key in kept for key in "abc"] == [True, False, True]
    assert kept.take("a", b"2") is None
    assert kept.take("c", b"1") is living
    assert [key in kept for key in "abc"] == [False] * 3
    assert kept._taken == 0


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
processor._state = [None, None]
next(processor.handleInputRows((0,), [{{"rows": []}}], None))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "this Spark worker cannot import fastrcf" in found.stderr


def test_state_of_another_version_is_refused():
    states = States()
    processed(plan_of(), rows_of(np.ones((30, 2))), states)
    states[("1:a",)] = (b"\x01" + states[("1:a",)][0][1:],)
    with pytest.raises(fastrcf.ModelFileError, match="of version 1, not 2"):
        processed(plan_of(), rows_of(np.ones((30, 2))), states)


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
