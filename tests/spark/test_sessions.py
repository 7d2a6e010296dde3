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
    return frame(spark, table(records)).repartition(4)


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


def test_sims_are_whole_whatever_the_chunks(spark, records):
    from fastrcf_spark import _session_worker as worker

    rows = table(records.sort("sim_id"))
    batches = rows.to_batches(max_chunksize=37)
    usual = embedded.CHUNK
    embedded.CHUNK = 100
    try:
        cut = list(worker._sims(iter(batches), "sim_id"))
    finally:
        embedded.CHUNK = usual
    assert pa.concat_tables(cut).equals(pa.Table.from_batches(batches))
    sims = [set(part["sim_id"].to_pylist()) for part in cut]
    assert len(sims) > 5
    assert sum(map(len, sims)) == len(set.union(*sims))
    assert list(worker._sims(iter([batches[0].slice(0, 0)]), "sim_id")) == []


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
