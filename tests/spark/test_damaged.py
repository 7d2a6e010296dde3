"""Models whose bytes have changed: what the user reads names the model, the way and the place."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F

import fastrcf
from fastrcf_spark import (
    _shipping,
    fit_per_key,
    score,
    score_parquet,
    score_per_key,
    score_udf,
)
from tests.spark.frames import arrow, frame
from tests.spark.needs import needs_spark_4

INPUTS = ["amount", "speed", "items"]
# What the workers' Python raised, as Spark shows it to who runs the query.
SAID = "ModelFileError: "


def changed(data: bytes) -> bytes:
    """Give a model of which one bit in the middle has changed."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.fixture
def fresh(detector, tmp_path) -> fastrcf.Detector:
    """A detector that no worker has read yet: those that have one whole go on with it."""
    model = fastrcf.loads(bytes(detector))
    model.notes = {"of": str(tmp_path)}
    return model


@pytest.fixture
def damaging(monkeypatch):
    """Models that are sent with the query change on their way, whatever sends them."""
    ship = _shipping.ship

    def damaged(spark, model):
        reference = ship(spark, model)
        return reference | {"data": changed(reference["data"])}

    for module in ("tables", "udf", "parquet", "keyed"):
        monkeypatch.setattr(f"fastrcf_spark.{module}.ship", damaged)


def by_score(spark, df, detector, folder):
    return score(df, detector)


def by_udf(spark, df, detector, folder):
    return df.select(score_udf(detector, spark=spark)(*INPUTS).alias("score"))


def by_parquet(spark, df, detector, folder):
    return score_parquet(spark, folder, detector)


def by_key(spark, df, detector, folder):
    models = df.select("id", F.lit(None).cast("binary").alias("model"))
    return score_per_key(df, models, "id", fallback=detector, rows_per_task=None)


WAYS = [
    pytest.param(by_score, marks=pytest.mark.smoke),
    by_udf,
    by_parquet,
    pytest.param(by_key, marks=needs_spark_4),
]


@pytest.mark.parametrize("way", WAYS)
def test_a_model_that_changed_in_the_query_is_told(spark, table, fresh, tmp_path, damaging, way):
    rows = table.slice(0, 20)
    pq.write_table(rows, tmp_path / "rows.parquet")
    query = way(spark, frame(spark, rows), fresh, str(tmp_path))
    digest = _shipping.ship(None, fresh)["digest"]
    with pytest.raises(Exception, match=SAID) as failure:
        arrow(query)
    said = str(failure.value)
    assert re.search(
        rf"the model with SHA-256 {digest} came with the query and reached this worker "
        rf"\(host \S+, partition \d+\) damaged: its {len(bytes(fresh))} bytes have SHA-256 ",
        said,
    ), said[-2000:]


@needs_spark_4
def test_a_model_that_changed_in_a_workers_file_is_told(spark, table, fresh, monkeypatch):
    ship = _shipping.ship
    monkeypatch.setattr("fastrcf_spark.tables.ship", lambda spark, model: ship(spark, model, 0))
    name = ship(spark, fresh, 0)["file"]

    def damage(batches):
        from pyspark import SparkFiles

        for _ in batches:
            path = Path(SparkFiles.get(name))
            data = path.read_bytes()
            path.write_bytes(data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])
            yield pa.record_batch({"path": [str(path)]})

    (path,) = arrow(spark.range(0, 1, 1, 1).mapInArrow(damage, "path string"))["path"].to_pylist()
    df = frame(spark, table.slice(0, 20))
    try:
        with pytest.raises(Exception, match=SAID) as failure:
            arrow(score(df, fresh))
    finally:
        # Spark compares the files of a session with those of each that it makes of it.
        Path(path).write_bytes(bytes(fresh))
    said = str(failure.value)
    assert f"came as the file {path} and reached this worker (host " in said, said[-2000:]
    assert f"damaged: its {len(bytes(fresh))} bytes have SHA-256 " in said


@needs_spark_4
def test_a_changed_model_of_a_key_is_told_with_its_key(spark, table):
    keyed = table.slice(0, 400).append_column("sim", pa.array(["a", "b"] * 200))
    df = frame(spark, keyed)
    models = arrow(fit_per_key(df, "sim", INPUTS, n_trees=5, sample_size=32)).to_pylist()
    for row in models:
        if row["sim"] == "b":
            row["model"] = changed(row["model"])
    damaged = frame(spark, pa.Table.from_pylist(models))
    with pytest.raises(Exception, match=SAID) as failure:
        arrow(score_per_key(df, damaged, "sim", columns=INPUTS))
    assert "the model of the key ('b'): " in str(failure.value)
    # The other key's is whole.
    whole = score_per_key(df.where("sim = 'a'"), damaged, "sim", columns=INPUTS)
    assert np.isfinite(arrow(whole)["score"].to_numpy()).all()


def test_a_changed_file_is_told_by_its_path_before_anything_runs(
    classic, table, detector, tmp_path
):
    path = tmp_path / "model.rcf"
    path.write_bytes(changed(bytes(detector)))
    with pytest.raises(fastrcf.ModelFileError, match=re.escape(str(path))):
        score(frame(classic, table.slice(0, 20)), path)
