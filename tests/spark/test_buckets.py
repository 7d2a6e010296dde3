"""Parquet files of a bucket, which Spark itself has no classes for; the bucket is moto's."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

import fastrcf
from fastrcf_spark import Watch, score_parquet
from tests.spark.frames import arrow
from tests.spark.needs import free_port


@pytest.fixture(scope="module")
def bucket(table):
    """A bucket with two files of payments below ``in``, and its file system."""
    pytest.importorskip("moto", reason="moto is not installed")
    from moto.server import ThreadedMotoServer

    port = free_port()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    try:
        system = fs.S3FileSystem(
            access_key="id",
            secret_key="secret",
            region="us-east-1",
            endpoint_override=f"127.0.0.1:{port}",
            scheme="http",
            allow_bucket_creation=True,
        )
        system.create_dir("payments")
        holed = table.slice(2_000)
        amount = pc.if_else(pc.equal(holed["id"], 2_100), None, holed["amount"])
        holed = holed.set_column(1, "amount", amount)
        for name, rows in {"a": table.slice(0, 2_000), "b": holed}.items():
            place = f"payments/in/day=1/{name}.parquet"
            pq.write_table(rows, place, filesystem=system, row_group_size=700)
        yield system
    finally:
        server.stop()


def files(system, folder):
    selector = fs.FileSelector(folder, recursive=True)
    found = [info for info in system.get_file_info(selector) if info.type == fs.FileType.File]
    return sorted(info.path.removeprefix(f"{folder}/") for info in found)


def test_a_bucket_is_scored_into_a_bucket(spark, table, detector, bucket):
    output = f"payments/out-{type(spark).__module__}"
    expected = detector.score(table)
    expected[2_100] = np.nan
    with Watch("score") as watch:
        scored = score_parquet(
            spark,
            "payments/in/",
            detector,
            keep=["id", "speed"],
            missing="null",
            partitions=3,
            output=output,
            filesystem=bucket,
            watch=watch,
        )
    assert (watch.rows, watch.bad_rows) == (len(table), 1)
    assert watch.alerts == (expected > detector.threshold).sum() > 0
    assert scored.columns == ["file_path", "row_index", "id", "speed", "score"]
    success, *parts = files(bucket, output)
    assert success == "_SUCCESS"
    assert len(parts) == 3
    for found in (arrow(scored), pq.read_table(output, filesystem=bucket)):
        found = found.sort_by("id")
        assert found.select(["id", "speed"]) == table.select(["id", "speed"])
        assert np.array_equal(found["score"].to_numpy(), expected, equal_nan=True)
        assert found["score"].null_count == 1
        assert found["file_path"].to_pylist()[1_999:2_001] == [
            "payments/in/day=1/a.parquet",
            "payments/in/day=1/b.parquet",
        ]
        assert found["row_index"].to_pylist() == [*range(2_000), *range(1_000)]
    with pytest.raises(fastrcf.InvalidParameterError, match="is there already"):
        score_parquet(spark, "payments/in", detector, output=output, filesystem=bucket)


def test_a_bucket_is_scored_into_a_data_frame(spark, table, detector, bucket):
    scored = score_parquet(
        spark, "payments/in/day=1/a.*", detector, row_id=None, keep=["id"], filesystem=bucket
    )
    found = arrow(scored).sort_by("id")
    assert (found["score"].to_numpy() == detector.score(table.slice(0, 2_000))).all()


def test_what_fails_leaves_nothing_in_the_bucket(spark, detector, bucket):
    with pytest.raises(Exception, match=r"b\.parquet, row 100, column 'amount': .*missing='null'"):
        score_parquet(spark, "payments/in", detector, output="payments/no", filesystem=bucket)
    assert bucket.get_file_info("payments/no").type == fs.FileType.NotFound
    assert files(bucket, "payments/in") == ["day=1/a.parquet", "day=1/b.parquet"]


def test_no_rows_give_a_file_of_columns(spark, table, detector, bucket):
    name = type(spark).__module__
    pq.write_table(table.slice(0, 0), f"payments/{name}-0.parquet", filesystem=bucket)
    given = {"output": f"payments/none-{name}", "keep": ["id"], "filesystem": bucket}
    scored = score_parquet(spark, f"payments/{name}-0.parquet", detector, **given)
    assert arrow(scored).num_rows == 0
    found = pq.read_table(given["output"], filesystem=bucket)
    assert found.schema.names == ["file_path", "row_index", "id", "score"]
    assert found.num_rows == 0


@pytest.mark.parametrize("scheme", ["s3", "s3a"])
def test_a_spark_without_classes_for_buckets_says_what_to_do(
    spark, table, detector, tmp_path, scheme
):
    pq.write_table(pa.table(table.slice(0, 9)), tmp_path / "x.parquet")
    with pytest.raises(fastrcf.InvalidInputError, match=r"lacks Hadoop's classes.*a filesystem"):
        score_parquet(spark, tmp_path, detector, output=f"{scheme}://payments/out")
