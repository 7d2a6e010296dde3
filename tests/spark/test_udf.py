import decimal

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import functions as F

import fastrcf
from fastrcf_spark import _numbers, _shipping, _vectors, score
from fastrcf_spark.udf import score_udf
from tests.spark.frames import WRONG, arrow, by_id, frame, spoilt

INPUTS = ["amount", "speed", "items"]


@pytest.fixture
def df(spark, table):
    return frame(spark, table).repartition(2)


@pytest.fixture
def kind(request):
    """Either kind of function, each on one kind of session; some tests take all four."""
    classic = request.node.callspec.params.get("spark") == "classic"
    return "arrow" if classic and "arrow" in KINDS else "pandas"


KINDS = ["arrow", "pandas"] if hasattr(F, "arrow_udf") else ["pandas"]
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def forest(table):
    x = np.column_stack([table[name].to_numpy() for name in INPUTS])
    forest = fastrcf.RandomCutForest(20, 64, random_state=1)
    forest.insert(x[:1000])
    return forest


@pytest.mark.smoke
@every_kind
def test_columns_give_the_scores_of_the_model(spark, df, table, detector, kind):
    rcf = score_udf(detector, kind=kind, spark=spark)
    found = by_id(df.withColumn("score", rcf(*INPUTS)))
    assert found.column_names == [*table.column_names, "score"]
    assert (found["score"].to_numpy() == detector.score(table)).all()
    assert found.drop_columns("score") == table


@pytest.mark.smoke
def test_a_registered_function_scores_in_sql(spark, df, table, detector, kind):
    spark.udf.register("rcf", score_udf(detector, kind=kind, spark=spark))
    df.createOrReplaceTempView("payments")
    found = spark.sql("SELECT id, rcf(amount, speed, items) AS score FROM payments")
    assert (by_id(found)["score"].to_numpy() == detector.score(table)).all()
    limit = float(np.quantile(detector.score(table), 0.9))
    alerts = spark.sql(f"SELECT id FROM payments WHERE rcf(amount, speed, items) > {limit}D")
    assert alerts.count() == (detector.score(table) > limit).sum()
    packed = spark.sql("SELECT id, rcf(struct(items, speed, amount)) AS score FROM payments")
    assert (by_id(packed)["score"].to_numpy() == detector.score(table)).all()
    with pytest.raises(Exception, match=r"takes 3 columns \('amount', 'speed', 'items'\)"):
        arrow(spark.sql("SELECT rcf(amount, speed) FROM payments"))


@pytest.mark.parametrize("inner", ["float", "double", "int", "decimal(20,4)"])
def test_inputs_in_one_array(spark, df, table, forest, kind, inner):
    packed = F.array(*[F.col(name).cast(inner) for name in INPUTS])
    arrays = df.select("id", packed.alias("x"))
    found = by_id(arrays.withColumn("score", score_udf(forest, kind=kind, spark=spark)("x")))
    x = np.array([[float(value) for value in row] for row in found["x"].to_pylist()])
    assert (found["score"].to_numpy() == forest.score(x)).all()


@pytest.mark.smoke
def test_structs_have_their_fields_by_name_or_in_order(spark, df, table, detector, forest, kind):
    mixed = df.select("id", F.struct("items", "id", "speed", "amount").alias("x"))
    found = by_id(mixed.select("id", score_udf(detector, kind=kind, spark=spark)("x").alias("s")))
    assert (found["s"].to_numpy() == detector.score(table)).all()
    ordered = df.select("id", F.struct(*INPUTS).alias("x"))
    found = by_id(ordered.select("id", score_udf(forest, kind=kind, spark=spark)("x").alias("s")))
    x = np.column_stack([table[name].to_numpy() for name in INPUTS])
    assert (found["s"].to_numpy() == forest.score(x)).all()
    less = df.select(score_udf(detector, kind=kind, spark=spark)(F.struct("amount", "speed")))
    with pytest.raises(Exception, match="no field 'items'; it has 'amount', 'speed'"):
        arrow(less)


@every_kind
def test_vectors_dense_and_sparse(spark, df, table, detector, kind):
    from pyspark.ml.feature import VectorAssembler

    # Rows with two zeros become sparse.
    zeros = df.withColumns(
        {name: F.when(F.col("id") % 3 > 0, F.col(name)).otherwise(0) for name in INPUTS[:2]}
    )
    assembled = VectorAssembler(inputCols=INPUTS, outputCol="x").transform(zeros)
    rcf = score_udf(detector, kind=kind, spark=spark)
    found = by_id(assembled.select(*["id", *INPUTS], rcf("x").alias("score")))
    assert (found["score"].to_numpy() == detector.score(found.select(INPUTS))).all()


def test_vectors_of_other_sizes_are_refused(spark, kind, forest):
    from pyspark.ml.functions import array_to_vector

    rcf = score_udf(forest, kind=kind, spark=spark, missing="null")
    lengths = spark.range(4, numPartitions=1).select(
        "id", array_to_vector(F.array_repeat(F.lit(1.5), F.col("id").cast("int") + 1)).alias("x")
    )
    found = by_id(lengths.select("id", rcf("x").alias("score")))["score"].to_pylist()
    assert [i for i, value in enumerate(found) if value is not None] == [2]


def test_vectors_as_lists():
    def vector(kind, size, indices, values):
        return {"type": kind, "size": size, "indices": indices, "values": values}

    column = pa.array(
        [
            vector(0, 3, [0, 2], [1.0, 2.0]),
            vector(1, None, None, [4.0, 5.0, 6.0]),
            None,
            vector(0, 3, [], []),
            vector(0, 1 << 30, [0, 7], [1.0, 2.0]),
            vector(0, 2, [1], [9.0]),
            vector(1, None, None, [4.0]),
        ],
        pa.struct(
            [
                ("type", pa.int8()),
                ("size", pa.int32()),
                ("indices", pa.list_(pa.int32())),
                ("values", pa.list_(pa.float64())),
            ]
        ),
    )
    assert _vectors.is_vector(column.type)
    expected = [[1, 0, 2], [4, 5, 6], None, [0, 0, 0], [1, 0, 0, 0], [0, 9], [4]]
    assert _vectors.as_lists(column, 3).to_pylist() == expected
    # A part of a column, as batches may be.
    assert _vectors.as_lists(column[2:6], 3).to_pylist() == expected[2:6]


def test_numbers_of_every_type(spark, table, kind):
    whole = pa.table({"id": table["id"], "n": table["items"]})
    df = spark.createDataFrame(whole).select(
        "id",
        F.col("n").cast("tinyint").alias("a"),
        (F.col("n") > 3).alias("b"),
        (F.col("n") / 7).cast("decimal(12,5)").alias("c"),
        (F.col("id") / 7).cast("decimal(38,18)").alias("d"),
        (F.col("n") / 3).cast("float").alias("e"),
        (F.col("id") + (1 << 60)).alias("f"),
    )
    rows = by_id(df).drop_columns("id")
    model = fastrcf.Detector(random_state=3, n_trees=20, sample_size=64).fit(rows)
    rcf = score_udf(model, kind=kind, spark=spark)
    found = by_id(df.select("id", rcf(*model.columns).alias("score")))
    assert (found["score"].to_numpy() == model.score(rows)).all()
    # Kept columns come as they are, and give the same.
    found = by_id(score(df, model))
    assert (found["score"].to_numpy() == model.score(rows)).all()


def test_decimals_become_the_nearest_double():
    rng = np.random.default_rng(5)
    for precision, scale in [(12, 2), (15, 5), (15, 15), (18, 4), (38, 10), (5, 0)]:
        digits = rng.integers(-(10 ** min(precision, 18)) + 1, 10 ** min(precision, 18), 500)
        values = [decimal.Decimal(int(value)).scaleb(-scale) for value in digits]
        values[3] = None
        column = pa.array(values, pa.decimal128(precision, scale))
        expected = [None if value is None else float(value) for value in values]
        assert _numbers.floats(column).to_pylist() == expected
        assert _numbers.floats(column[2:9]).to_pylist() == expected[2:9]
        assert _numbers.floats(column[:0]).to_pylist() == []


def test_categories_travel_as_text(spark, table, kind):
    rng = np.random.default_rng(2)
    kinds = pa.array(rng.choice(["meter", "tracker", "camera"], len(table), p=[0.7, 0.29, 0.01]))
    table = table.append_column("kind", kinds)
    model = fastrcf.Detector(
        ["amount", "kind", "items"], categorical=["items"], random_state=7, n_trees=20
    ).fit(table)
    df = frame(spark, table).repartition(2)
    rcf = score_udf(model, kind=kind, spark=spark)
    for given in (model.columns, [F.struct(*model.columns)]):
        found = by_id(df.select("id", rcf(*given).alias("score")))
        assert (found["score"].to_numpy() == model.score(table)).all()
    with pytest.raises(Exception, match=r"'amount' holds [a-z_]*string, not numbers"):
        df.select(rcf("kind", "kind", "items")).toArrow()
    with pytest.raises(Exception, match="'kind' is a category"):
        df.select(rcf(F.array("amount", "amount", "items"))).toArrow()


@pytest.mark.smoke
def test_bad_rows_are_named_or_left_without_a_score(spark, table, detector, kind):
    df = frame(spark, table).coalesce(1)
    for row in WRONG:
        rcf = score_udf(detector, kind=kind, spark=spark)
        with pytest.raises(Exception, match=rf"row {row} of partition 0, column 'amount': "):
            arrow(spoilt(df, [row]).select(rcf(*INPUTS)))
    rcf = score_udf(detector, kind=kind, spark=spark, missing="null")
    found = by_id(spoilt(df).select("id", rcf(*INPUTS).alias("score")))["score"]
    rows = list(WRONG)
    assert found.null_count == found.take(rows).null_count == len(rows)
    expected = np.delete(detector.score(table), rows)
    assert (np.delete(found.to_numpy(), rows) == expected).all()


def test_what_is_missing_is_called_so(spark, table, detector, kind):
    rows = frame(spark, table.slice(4, 2)).coalesce(1)
    bad = rows.withColumn("speed", F.lit(None).cast("float"))
    rcf = score_udf(detector, kind=kind, spark=spark)
    packed = F.array(*[F.col(name).cast("double") for name in INPUTS])
    for given in (INPUTS, [packed], [F.struct(*INPUTS)]):
        with pytest.raises(Exception, match="row 0 of partition 0, column 'speed': the value is m"):
            arrow(bad.select(rcf(*given)))


def test_forests_fill_in_what_is_missing(spark, df, table, forest, kind):
    x = np.column_stack([table[name].to_numpy() for name in INPUTS])
    x[77, 0] = np.nan
    bad = df.withColumn("amount", F.when(F.col("id") != 77, F.col("amount")))
    rcf = score_udf(forest, kind=kind, spark=spark, missing="impute")
    found = by_id(bad.select("id", rcf(*INPUTS).alias("score")))
    assert (found["score"].to_numpy() == forest.score(forest.impute(x).values)).all()


def test_no_rows_nothing_but_nulls_and_many_batches(spark, df, table, detector, kind):
    rcf = score_udf(detector, kind=kind, spark=spark, missing="null")
    assert df.where("id < 0").select(rcf(*INPUTS).alias("s")).toArrow().num_rows == 0
    nulls = [F.lit(None).cast("double")] * 3
    assert df.select(rcf(*nulls).alias("s")).toArrow()["s"].null_count == len(table)
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 100)
    try:
        found = by_id(df.select("id", rcf(*INPUTS).alias("s")))["s"].to_numpy()
    finally:
        spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
    assert (found == detector.score(table)).all()


def test_null_in_sql_is_a_missing_value_wherever_it_stands(spark, df, detector, kind):
    df.createOrReplaceTempView("nulls")
    ways = ["amount, speed, NULL", "NULL, NULL, NULL", "NULL", "array(NULL, NULL, NULL)"]
    ways += ["CAST(NULL AS array<double>)", "struct(amount, speed, NULL AS items)"]
    spark.udf.register("rcf", score_udf(detector, kind=kind, spark=spark, missing="null"))
    asked = ", ".join(f"rcf({way})" for way in ways)
    assert spark.sql(f"SELECT {asked} FROM nulls LIMIT 1").collect() == [(None,) * len(ways)]
    spark.udf.register("rcf", score_udf(detector, kind=kind, spark=spark))
    with pytest.raises(Exception, match="column 'items': the value is missing"):
        spark.sql("SELECT rcf(amount, speed, NULL) FROM nulls").collect()


def test_a_large_model_travels_as_a_file(spark, df, table, detector, monkeypatch, kind):
    small = _shipping.ship
    monkeypatch.setattr("fastrcf_spark.udf.ship", lambda spark, model: small(spark, model, 0))
    rcf = score_udf(bytes(detector), kind=kind, spark=spark)
    found = by_id(df.select("id", rcf(*INPUTS).alias("s")))["s"].to_numpy()
    assert (found == detector.score(table)).all()


@pytest.mark.smoke
def test_refused_before_anything_runs(spark, df, detector, forest, monkeypatch):
    rcf = score_udf(detector, spark=spark)
    for columns in (["amount", "speed"], [], [*INPUTS, "id"]):
        with pytest.raises(fastrcf.InvalidInputError, match="takes 3 columns"):
            rcf(*columns)
    with pytest.raises(fastrcf.InvalidParameterError, match="'scala' is none of auto, pandas"):
        score_udf(detector, kind="scala", spark=spark)
    with pytest.raises(fastrcf.InvalidParameterError, match="'skip' is none of"):
        score_udf(detector, missing="skip", spark=spark)
    with pytest.raises(fastrcf.InvalidParameterError, match="detectors fill nothing in"):
        score_udf(detector, missing="impute", spark=spark)
    monkeypatch.delattr(F, "arrow_udf", raising=False)
    with pytest.raises(fastrcf.InvalidParameterError, match=r"need Spark 4\.1"):
        score_udf(forest, kind="arrow", spark=spark)
    assert (
        score_udf(forest, spark=spark).evalType
        == score_udf(forest, kind="pandas", spark=spark).evalType
    )


def test_the_active_session_is_taken(classic, table, detector):
    rcf = score_udf(detector)
    found = by_id(classic.createDataFrame(table).select("id", rcf(*INPUTS).alias("s")))
    assert (found["s"].to_numpy() == detector.score(table)).all()


def test_a_stream_is_scored(classic, table, detector, tmp_path):
    classic.createDataFrame(table).write.parquet(str(tmp_path / "in"))
    stream = classic.readStream.schema(classic.read.parquet(str(tmp_path / "in")).schema)
    scored = stream.parquet(str(tmp_path / "in")).withColumn(
        "score", score_udf(detector, spark=classic)(*INPUTS)
    )
    query = (
        scored.writeStream.format("memory").queryName("scored").trigger(availableNow=True).start()
    )
    query.awaitTermination()
    found = by_id(classic.table("scored"))
    assert (found["score"].to_numpy() == detector.score(table)).all()
