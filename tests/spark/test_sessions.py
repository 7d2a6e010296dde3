"""Features of sessions on Spark, held to those of one machine."""

import numpy as np
import pyarrow as pa
import pytest

# Environments of older versions of Spark go without it.
pl = pytest.importorskip("polars")

import fastrcf  # noqa: E402
from fastrcf.telecom import features as embedded  # noqa: E402
from fastrcf.telecom.catalogue import NAMES  # noqa: E402
from fastrcf.telecom.peers import PeerTable  # noqa: E402
from fastrcf.telecom.timeline import KEYS  # noqa: E402
from fastrcf_spark import fit_peers, session_features  # noqa: E402
from tests.spark.frames import arrow, frame  # noqa: E402
from tests.telecom.timelines import ordinary  # noqa: E402

IDS = ["session_id"]


def table(records: pl.DataFrame) -> pa.Table:
    """Give records as tables of Spark are made of: plain strings."""
    texts = pl.selectors.by_dtype(pl.Categorical())
    found = records.with_columns(texts.cast(pl.String)).to_arrow(
        compat_level=pl.CompatLevel.oldest()
    )
    return found.cast(
        pa.schema(
            [
                f.with_type(pa.string()) if pa.types.is_large_string(f.type) else f
                for f in found.schema
            ]
        )
    )


@pytest.fixture(scope="module")
def records() -> pl.DataFrame:
    return ordinary(n_sims=30, n=2_000, seed=8)


@pytest.fixture
def df(spark, records):
    return frame(spark, table(records)).repartition(2)


def polars(df) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(arrow(df))).sort(IDS)


def same(found: pl.DataFrame, expected: pl.DataFrame, names=NAMES) -> None:
    expected = expected.sort(IDS)
    assert found["session_id"].equals(expected["session_id"])
    for name in names:
        assert found[name].dtype == pl.Float32
        assert (found[name].to_numpy() == expected[name].to_numpy()).all(), name


@pytest.mark.smoke
@pytest.mark.parametrize("timezone", ["UTC", "America/New_York"])
def test_features_are_those_of_one_machine(spark, df, records, timezone):
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 170)
    try:
        found = session_features(df, timezone=timezone)
        assert found.columns == [*[k for k in KEYS if k in records.columns], *NAMES]
        got = polars(found)
        same(got, embedded.session_features(records, timezone=timezone))
        kept = records.sort(IDS)
        assert got["sim_id"].equals(kept["sim_id"])
        micros = got["start_ts"].dt.convert_time_zone("UTC").to_physical()
        assert micros.equals(kept["start_ts"].to_physical())
    finally:
        spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")


def test_peers_are_those_of_one_machine(spark, df, records):
    for timezone, group in (("UTC", ("customer", "family")), ("Asia/Tokyo", ("tariff",))):
        found = fit_peers(df, timezone=timezone, group=group)
        assert found.counts.equals(PeerTable.fit(records, timezone=timezone, group=group).counts)
        assert (found.timezone, found.group) == (timezone, group)


def test_what_workers_write_is_what_they_give(spark, df, records, tmp_path, monkeypatch):
    place = tmp_path / "made" / "features"
    found = session_features(df, timezone="Asia/Tokyo", output=place)
    lazily = session_features(df, timezone="Asia/Tokyo")
    assert [(f.name, f.dataType) for f in found.schema] == [
        (f.name, f.dataType) for f in lazily.schema
    ]
    expected = polars(lazily)
    assert polars(found).equals(expected)
    same(expected, embedded.session_features(records, timezone="Asia/Tokyo"))
    names = sorted(file.name for file in place.iterdir() if not file.name.startswith("."))
    assert names[0] == "_SUCCESS"
    assert len(names) > 1
    assert all(name.startswith("part-") for name in names[1:])
    # Others read the files, too.
    read = pl.read_parquet(place / "part-*.parquet").sort(IDS)
    assert read.select(NAMES).equals(expected.select(NAMES))
    given = PeerTable.fit(records, timezone="Asia/Tokyo")
    again = session_features(
        df, timezone="Asia/Tokyo", peers=given, output=f"file://{tmp_path}/again"
    )
    assert polars(again).equals(expected)
    # Spark was started elsewhere.
    monkeypatch.chdir(tmp_path)
    near = session_features(df, peers=None, features=["gap_s"], output="some more")
    assert polars(near)["gap_s"].equals(expected["gap_s"])
    assert (tmp_path / "some more" / "_SUCCESS").exists()
    with pytest.raises(fastrcf.InvalidParameterError, match="is there already"):
        session_features(df, output=place)


def test_a_run_that_fails_leaves_nothing(df, tmp_path):
    from pyspark.sql import functions as F

    broken = df.withColumn("end_ts", F.when(F.col("session_id") != "s0000011", F.col("end_ts")))
    with pytest.raises(Exception, match="end_ts is null"):
        session_features(broken, peers=None, output=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    empty = session_features(df.where("false"), output=tmp_path / "out")
    assert (empty.count(), empty.columns[-len(NAMES) :]) == (0, list(NAMES))


def test_files_of_attempts_that_do_not_count_are_removed(tmp_path):
    from pyarrow import fs

    from fastrcf_spark import _part_files

    folder = _part_files.Folder(fs.LocalFileSystem(), str(tmp_path / "out"))
    some = pa.table({"x": [1.0, 2.0], "name": ["a", "b"]})
    with folder.making() as names:
        (first,), (second,) = (
            [batch.to_pylist()[0] for batch in _part_files.written(folder.plan, iter([some, some]))]
            for _ in range(2)
        )
        assert (first["rows"], second["rows"]) == (4, 4)
        assert list(_part_files.written(folder.plan, iter([]))) == []
        names.append(second["name"])
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["_SUCCESS", second["name"]]
    assert pl.read_parquet(tmp_path / "out" / second["name"]).height == 4


def test_given_peers_no_peers_and_chosen_columns(df, records):
    other = PeerTable.fit(ordinary(n_sims=50, n=3_000, seed=9))
    names = ["bytes_z", "log_bytes", "cell_failed_excess"]
    found = polars(session_features(df, peers=other, features=names, keep=["session_id", "cost"]))
    assert found.columns == ["session_id", "cost", "log_bytes", "bytes_z", "cell_failed_excess"]
    same(found, embedded.session_features(records, peers=other), names)
    assert found["cost"].equals(records.sort(IDS)["cost"])
    alone = session_features(df, peers=None, keep="all")
    assert alone.columns[: len(records.columns)] == records.columns
    expected = embedded.session_features(records, peers=None)
    same(polars(alone), expected, expected.columns[-5:])


@pytest.mark.parametrize("piece", [100, 1 << 15])
def test_blocks_come_together_whole(monkeypatch, records, piece):
    from fastrcf_spark import _buckets

    monkeypatch.setattr(_buckets, "PIECE", piece)
    rows = table(records)
    bucket = np.random.default_rng(3).integers(0, 50, len(rows)).astype(np.int32)
    cutter, cut = _buckets.Cutter(), []
    for at in (0, 700):
        part = slice(at, 700 + at * 10)
        cut += cutter.cut(rows[part], bucket[part])
    # In the order in which Spark gives them, in batches that end anywhere.
    pieces = pa.Table.from_batches(cut).sort_by([(n, "ascending") for n in cut[0].schema.names[:3]])
    batches = pieces.combine_chunks().to_batches(max_chunksize=3)
    found = list(_buckets.whole(iter(batches), 100, apart=20))
    assert [first for first, _ in found] == sorted({first for first, _ in found})
    assert len(found) > 5
    order = np.argsort(bucket, kind="stable")
    assert pa.concat_tables([part for _, part in found]).equals(rows.take(order))
    at = 0
    for first, part in found:
        here = set(bucket[order][at : at + len(part)].tolist())
        assert min(here) == first
        # A bucket is in one table alone, and no table goes beyond the border.
        at += len(part)
        assert here.isdisjoint(bucket[order][at:].tolist())
        assert max(here) < 20 or first >= 20
        assert len(part) < 200
    assert list(_buckets.whole(iter([batches[0].slice(0, 0)]), 100)) == []


def test_numbers_of_buckets_follow_the_tasks(spark):
    from fastrcf_spark import _buckets

    tasks = spark.conf.get("spark.sql.shuffle.partitions")
    try:
        for given, expected in (("1", 64), ("200", 800), ("100000", 8_192)):
            spark.conf.set("spark.sql.shuffle.partitions", given)
            assert _buckets.number(spark) == expected
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", tasks)


def test_what_cannot_be_used_is_refused_before_anything_runs(spark, df):
    with pytest.raises(fastrcf.InvalidInputError, match="no column 'sim_id'"):
        session_features(df.drop("sim_id"))
    with pytest.raises(fastrcf.InvalidInputError, match="start_ts holds"):
        session_features(df.withColumn("start_ts", df["start_ts"].cast("string")))
    with pytest.raises(fastrcf.InvalidInputError, match="keep: "):
        session_features(df, peers=None, keep=["nothing"])
    renamed = df.withColumnRenamed("cost", "log_bytes")
    with pytest.raises(fastrcf.InvalidInputError, match="is called 'log_bytes' already"):
        session_features(renamed, peers=None, keep="all")
    renamed = df.withColumnRenamed("cost", "Log_Bytes")
    with pytest.raises(fastrcf.InvalidInputError, match="is called 'Log_Bytes' already, to Spark"):
        session_features(renamed, peers=None, keep="all")
    with pytest.raises(fastrcf.InvalidParameterError, match="is no feature"):
        session_features(df, features=["nothing"])
    with pytest.raises(fastrcf.InvalidParameterError, match="neither a table"):
        session_features(df, peers="none")
    with pytest.raises(fastrcf.InvalidParameterError, match="has days of UTC"):
        session_features(df, peers=PeerTable.fit(ordinary(n=50)), timezone="Asia/Tokyo")


def test_an_empty_table_has_no_rows(df):
    found = session_features(df.where("false"))
    assert arrow(found).num_rows == 0
    assert found.columns[-len(NAMES) :] == list(NAMES)
    assert np.all([kind == "float" for _, kind in found.dtypes[-len(NAMES) :]])
