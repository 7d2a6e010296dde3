import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F

import fastrcf
from fastrcf_spark import Watch, _features, detect, fit, score
from fastrcf_spark._features import SIZE_CHECK
from fastrcf_spark._names import CASE
from tests.spark.frames import WRONG, arrow, by_id, frame, spoilt
from tests.spark.needs import SPARK

INPUTS = ["amount", "speed", "items"]
NO_CHECK = str((1 << 31) - 1)


@pytest.fixture
def df(spark, table):
    return frame(spark, table).repartition(2)


@pytest.mark.parametrize("size", [pytest.param("64MB", marks=pytest.mark.smoke), NO_CHECK])
def test_scores_are_those_of_the_model_whatever_the_partitioning(spark, table, detector, size):
    spark.conf.set(SIZE_CHECK, size)
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 700)
    try:
        expected = detector.score(table)
        for n in (1, 4):
            found = by_id(score(frame(spark, table).repartition(n), detector))
            assert found.column_names == [*table.column_names, "score"]
            assert found.drop_columns("score") == table
            assert (found["score"].to_numpy() == expected).all()
    finally:
        spark.conf.unset(SIZE_CHECK)
        spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")


@pytest.mark.skipif(SPARK < (4, 0), reason="Spark 3.5 measures nothing")
def test_numbers_are_packed_where_nothing_is_set_and_how_to_stop_it_is_told_once(
    spark, df, detector, monkeypatch, caplog
):
    monkeypatch.setattr(_features, "_told", False)
    features = _features.find(df, detector, None)
    with caplog.at_level("INFO", "fastrcf_spark"):
        for _ in range(2):
            assert _features.sent(df, features, [])[1]["packed"]
    (said,) = caplog.messages
    assert f"spark.conf.set('{SIZE_CHECK}', {NO_CHECK}) stops it" in said
    for size, packed in [("1g", True), (NO_CHECK, False)]:
        spark.conf.set(SIZE_CHECK, size)
        try:
            assert bool(_features.sent(df, features, [])[1]["packed"]) == packed
        finally:
            spark.conf.unset(SIZE_CHECK)


@pytest.mark.parametrize("size", ["64MB", NO_CHECK])
def test_kept_columns_are_those_asked_for(spark, df, table, detector, size):
    spark.conf.set(SIZE_CHECK, size)
    try:
        found = by_id(score(df, detector, keep=["id"], output="how_odd"))
        assert found.column_names == ["id", "how_odd"]
        assert (found["how_odd"].to_numpy() == detector.score(table)).all()
        alone = arrow(score(df, detector, keep=[]))
        assert alone.column_names == ["score"]
        assert sorted(alone["score"].to_pylist()) == sorted(detector.score(table).tolist())
    finally:
        spark.conf.unset(SIZE_CHECK)


@pytest.mark.parametrize(
    "kind", [pytest.param("array<double>", marks=pytest.mark.smoke), "array<float>"]
)
def test_inputs_in_one_array(df, table, kind):
    x = np.column_stack([table[name].to_numpy() for name in INPUTS]).astype(np.float32)
    forest = fastrcf.RandomCutForest(20, 64, random_state=1)
    forest.insert(x[:1000])
    packed = F.array(*[F.col(name).cast("float") for name in INPUTS]).cast(kind)
    found = by_id(score(df.select("id", packed.alias("x")), forest, "x"))
    assert (found["score"].to_numpy() == forest.score(x)).all()


@pytest.mark.smoke
def test_inputs_in_a_vector_are_kept_as_one(df, table, detector):
    from pyspark.ml.feature import VectorAssembler

    assembled = VectorAssembler(inputCols=INPUTS, outputCol="x").transform(df)
    found = score(assembled.select("id", "x"), detector, "x")
    assert type(found.schema["x"].dataType).__name__ == "VectorUDT"
    assert (by_id(found.drop("x"))["score"].to_numpy() == detector.score(table)).all()


def test_forests_of_both_kinds_by_columns_and_by_bytes(df, table, tmp_path):
    x = np.column_stack([table[name].to_numpy() for name in INPUTS])
    forest = fastrcf.RandomCutForest(20, 64, random_state=1)
    forest.insert(x[:1000])
    forest.save(tmp_path / "m.rcf")
    expected = forest.score(x)
    for model in (forest, forest.freeze(), bytes(forest), tmp_path / "m.rcf"):
        found = by_id(score(df, model, INPUTS, keep=["id"]))
        assert (found["score"].to_numpy() == expected).all()


@pytest.mark.smoke
def test_detect_says_what_the_detector_says(df, table, detector):
    expected = detector.detect(table)
    found = by_id(detect(df, detector, keep=["id"], prefix="rcf_"))
    assert found.column_names == [
        "id",
        "rcf_score",
        "rcf_grade",
        "rcf_is_anomaly",
        "rcf_reasons",
    ]
    for name in expected.column_names:
        assert found[f"rcf_{name}"].to_pylist() == expected[name].to_pylist()
    assert sum(expected["is_anomaly"].to_pylist()) > 10
    bare = detect(df, detector, keep=["id"], reasons=False)
    assert bare.columns == ["id", "score", "grade", "is_anomaly"]


def test_categories_travel_as_text(spark, table):
    rng = np.random.default_rng(2)
    kinds = pa.array(rng.choice(["meter", "tracker", "camera"], len(table), p=[0.7, 0.29, 0.01]))
    table = table.append_column("kind", kinds)
    detector = fastrcf.Detector(["amount", "kind", "speed"], random_state=7, n_trees=20).fit(table)
    df = frame(spark, table).repartition(2)
    for keep in (["id"], "all"):
        found = by_id(score(df, detector, keep=keep))
        assert (found["score"].to_numpy() == detector.score(table)).all()


@pytest.mark.smoke
def test_bad_rows_are_named_or_left_without_a_score(df, table, detector):
    for row in WRONG:
        said = rf"partition \d, id={row}, column 'amount': .*missing='null'"
        with pytest.raises(Exception, match=said):
            arrow(score(spoilt(df, [row]), detector, keep=["speed"], key=["id"]))
    bad, rows = spoilt(df), list(WRONG)
    expected = np.delete(detector.score(table), rows)
    watch = Watch()
    with watch:
        found = by_id(score(bad, detector, missing="null", watch=watch))
    assert found["score"].null_count == len(rows)
    assert (np.delete(found["score"].to_numpy(), rows) == expected).all()
    assert (watch.rows, watch.bad_rows) == (len(table), len(rows))
    assert watch.alerts == (expected > detector.threshold).sum()
    assert f"{len(table):,} rows" in str(watch)
    judged = by_id(detect(bad, detector, missing="null"))
    assert judged["is_anomaly"].take(rows).null_count == len(rows)
    assert judged["reasons"].null_count == len(rows)


def test_bad_arrays_are_named_or_left_without_a_score(df, detector):
    from pyspark.ml.functions import array_to_vector

    packed = F.array(*[F.col(name).cast("double") for name in INPUTS])
    short = F.when(F.col("id") == 5, F.array(F.lit(1.0)))
    none = F.when(F.col("id") == 6, F.lit(None).cast("array<double>"))
    hole = F.when(F.col("id") == 7, F.array(F.lit(1.0), F.lit(None), F.lit(2.0)))
    wrong = F.coalesce(short, hole, F.when(F.col("id") != 6, packed), none)
    arrays = df.select("id", wrong.alias("x"))
    found = by_id(score(arrays, detector, "x", missing="null"))
    scores = found["score"].to_pylist()
    assert [i for i, value in enumerate(scores) if value is None] == [5, 6, 7]
    with pytest.raises(Exception, match="the array has 1 elements, the model 3 columns"):
        arrow(score(arrays.where("id = 5"), detector, "x"))
    vectors = arrays.where("id > 7").select("id", array_to_vector("x").alias("x"))
    vectors = vectors.withColumn("x", F.when(F.col("id") != 9, F.col("x")))
    found = by_id(score(vectors, detector, "x", keep=["id"], missing="null"))
    assert found["score"].to_pylist() == [*scores[8:9], None, *scores[10:]]
    with pytest.raises(Exception, match="id=9: the array is missing"):
        arrow(score(vectors, detector, "x", key="id"))


@pytest.mark.smoke
@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("keep", ["all", [], ["id"]])
def test_what_is_missing_is_called_so_in_columns_and_in_arrays(spark, table, detector, rows, keep):
    # The engine sees NaN in an array, and has advice for fits where a column has no value.
    bad = frame(spark, table.slice(4, rows)).coalesce(1)
    bad = bad.withColumn("speed", F.lit(None).cast("float"))
    said = r"row 0 of partition 0, id=4, column 'speed': the value is missing\. missing='null'"
    with pytest.raises(Exception, match=said):
        arrow(score(bad, detector, keep=keep, key=["id"]))
    with pytest.raises(Exception, match="partition 0, column 'speed': the value is missing"):
        arrow(detect(bad, detector, keep=keep))
    nan = bad.withColumn("speed", F.lit(float("nan")))
    with pytest.raises(Exception, match="partition 0, column 'speed': NaN is not finite"):
        arrow(score(nan, detector, keep=keep))


@pytest.mark.parametrize("wanted", [[], "all"])
def test_what_is_missing_beside_text_and_in_one_array_is_called_so(spark, table, wanted):
    rng = np.random.default_rng(2)
    kinds = pa.array(rng.choice(["meter", "tracker"], len(table)))
    table = table.append_column("kind", kinds)
    names = ["amount", "kind", "speed", "items"]
    detector = fastrcf.Detector(names, random_state=7, n_trees=5).fit(table)
    df = frame(spark, table.slice(0, 2)).coalesce(1)
    for name in names:
        kind = df.schema[name].dataType
        bad = df.withColumn(name, F.when(F.col("id") == 0, F.col(name)).cast(kind))
        said = f"row 1 of partition 0, column {name!r}: the value is missing"
        with pytest.raises(Exception, match=said):
            arrow(score(bad, detector, keep=wanted))
    forest = fastrcf.RandomCutForest(20, 64, random_state=1)
    forest.insert(rng.normal(size=(100, 3)))
    hole = F.array(F.col("amount"), F.col("amount"), F.lit(None).cast("double"))
    packed = df.select("id", hole.alias("x"))
    with pytest.raises(Exception, match="column 'element 2': the value is missing"):
        arrow(score(packed, forest, "x", keep=wanted))


def test_forests_fill_in_what_is_missing(df, table):
    x = np.column_stack([table[name].to_numpy() for name in INPUTS])
    forest = fastrcf.RandomCutForest(20, 64, random_state=1)
    forest.insert(x[:1000])
    x[77, 0] = np.nan
    bad = df.withColumn("amount", F.when(F.col("id") != 77, F.col("amount")))
    found = by_id(score(bad, forest, INPUTS, missing="impute"))
    assert (found["score"].to_numpy() == forest.score(forest.impute(x).values)).all()
    with pytest.raises(fastrcf.InvalidParameterError, match="detectors fill nothing in"):
        score(bad, fastrcf.Detector(random_state=1).fit(table), missing="impute")


@pytest.mark.smoke
def test_only_bad_rows_no_rows_and_one_row(spark, table, detector):
    df = frame(spark, table)
    none = arrow(score(df.where("id < 0"), detector))
    assert (len(none), none.column_names[-1]) == (0, "score")
    one = arrow(score(df.where("id = 3").repartition(4), detector))
    assert one["score"].to_pylist() == detector.score(table.slice(3, 1)).tolist()
    bad = score(
        df.where("id < 9").withColumn("amount", F.lit(None).cast("double")),
        detector,
        missing="null",
    )
    assert arrow(bad)["score"].null_count == 9


@pytest.mark.smoke
def test_refused_before_anything_runs(df, table, detector):
    named = fastrcf.InvalidInputError
    for judge in (score, detect):
        with pytest.raises(
            named, match=r"a data frame of Spark, found pyarrow\.Table; spark\.crea"
        ):
            judge(table, detector)
        with pytest.raises(named, match="by their names: expected text, found Column"):
            judge(df, detector, [F.col(name) for name in INPUTS])
        with pytest.raises(named, match="2 columns of the data frame have the same name, 'id'"):
            judge(df.select("*", "id"), detector)
    with pytest.raises(named, match="no column 'amount'"):
        score(df.drop("amount"), detector)
    with pytest.raises(named, match="'amount' holds string, not numbers"):
        score(df.withColumn("amount", F.lit("much")), detector)
    with pytest.raises(named, match="'amount' holds string, not numbers"):
        detect(df.withColumn("amount", F.lit("much")), detector)
    with pytest.raises(named, match="has a column 'score' already"):
        score(df.withColumn("score", F.lit(1)), detector)
    texts = df.select(F.array(F.lit("1"), F.lit("2"), F.lit("3")).alias("x"))
    for judge in (score, detect):
        with pytest.raises(named, match="'x' holds array<string>, not an array of numbers"):
            judge(texts, detector, "x")
    with pytest.raises(named, match="key: the data frame has no column 'nobody'"):
        score(df, detector, key="nobody")
    spans = df.selectExpr("*", "array(INTERVAL 2 MONTH) AS span")
    with pytest.raises(named, match="keep: column 'span' holds array<interval month>, which Spark"):
        score(spans, detector)
    assert score(spans, detector, keep=["id"]).columns == ["id", "score"]
    forest = fastrcf.RandomCutForest(10, 16, random_state=1)
    forest.insert(np.arange(60.0).reshape(20, 3))
    with pytest.raises(named, match="a forest knows no names"):
        score(df, forest)
    with pytest.raises(named, match="fitted to the columns"):
        score(df, detector, ["amount", "speed"])
    with pytest.raises(named, match="detect needs a Detector"):
        detect(df, forest, INPUTS)
    with pytest.raises(fastrcf.InvalidParameterError, match="'skip' is none of"):
        score(df, detector, missing="skip")
    with pytest.raises(fastrcf.ModelFileError):
        score(df, b"no model")
    with pytest.raises(fastrcf.NotReadyError):
        score(df, fastrcf.RandomCutForest(10, 16), INPUTS)


@pytest.mark.smoke
def test_names_are_taken_without_case_unless_the_session_minds_it(spark, df, detector):
    taken = df.withColumn("Score", F.lit(1)).withColumn("Rcf_GRADE", F.lit(1))
    said = "has a column 'Score' already, to Spark the same as 'score'"
    for judge in (score, detect):
        with pytest.raises(fastrcf.InvalidInputError, match=said):
            judge(taken, detector)
    with pytest.raises(fastrcf.InvalidInputError, match="has a column 'Rcf_GRADE' already"):
        detect(taken, detector, prefix="rcf_")
    assert score(taken, detector, keep=["id"]).select("SCORE").columns == ["SCORE"]
    spark.conf.set(CASE, "true")
    try:
        found = score(taken, detector).select("score", "Score")
        assert [field.dataType.simpleString() for field in found.schema] == ["double", "int"]
        with pytest.raises(fastrcf.InvalidInputError, match="has a column 'Score' already: "):
            score(taken, detector, output="Score")
    finally:
        spark.conf.unset(CASE)


def test_many_columns(spark):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(50, 10_000)).astype(np.float32)
    forest = fastrcf.RandomCutForest(4, 16, random_state=1)
    forest.insert(x)
    table = pa.table(
        {
            "id": np.arange(50),
            "x": pa.FixedSizeListArray.from_arrays(x.ravel(), 10_000).cast(pa.list_(pa.float32())),
        }
    )
    found = by_id(score(frame(spark, table), forest, "x", keep=["id"]))
    assert (found["score"].to_numpy() == forest.score(x)).all()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_many_columns_each_of_their_own(classic, tmp_path):
    # Most of the time is Spark's, which plans them one by one.
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 2_500)).astype(np.float32)
    forest = fastrcf.RandomCutForest(4, 16, random_state=1)
    forest.insert(x[:50])
    names = [f"c{j}" for j in range(x.shape[1])]
    table = pa.table({"id": np.arange(60)} | {name: x[:, j] for j, name in enumerate(names)})
    pq.write_table(table, tmp_path / "wide.parquet")
    df = classic.read.parquet(str(tmp_path))
    found = by_id(score(df, forest, names, keep=["id"]))
    assert (found["score"].to_numpy() == forest.score(x)).all()
    detector = fit(df, names, key="id", seed=1, n_trees=4, sample_size=16)
    assert (detector.columns, detector.n_fitted) == (names, 60)


@pytest.mark.skipif(SPARK < (4, 0), reason="Spark 3.5 measures nothing")
def test_kept_inputs_come_back_from_the_array_as_they_were(spark):
    # Measured by Spark, nearly all columns are inputs and kept: one array brings them.
    rng = np.random.default_rng(4)
    n = 200
    holes = np.arange(n) % 7 == 0
    columns = {
        "id": np.arange(n) + (1 << 60),
        "wide": pa.array(rng.integers(1 << 55, 1 << 60, n)),
        "double": pa.array(rng.normal(size=n), mask=holes),
        "single": pa.array(rng.normal(size=n).astype(np.float32)),
        "int": pa.array(rng.integers(-(2**31), 2**31, n).astype(np.int32), mask=holes),
        "short": pa.array(rng.integers(-(2**15), 2**15, n).astype(np.int16)),
        "byte": pa.array(rng.integers(-128, 128, n).astype(np.int8)),
        "zero": np.where(np.arange(n) % 2, -0.0, 0.0),
        "odd `.name": rng.normal(size=n),
        "text": [f"x{i % 3}" for i in range(n)],
    }
    table = pa.table(columns)
    inputs = [name for name in columns if name != "id"]
    detector = fastrcf.Detector(
        inputs, categorical=["text"], n_trees=5, sample_size=32, random_state=1
    ).fit(table.filter(pa.array(~holes)))
    df = frame(spark, table).repartition(3)
    described = df.withMetadata("single", {"unit": "m"})
    solid = described.withColumn("short", F.coalesce("short", F.lit(0).cast("smallint")))
    assert not solid.schema["short"].nullable
    found = score(solid, detector, missing="null", key=["double"])
    plan = _features.carried(solid, _features.find(solid, detector, None), table.column_names)
    assert set(plan) == set(inputs) - {"wide", "text"}
    names = [*table.column_names, "score"]
    assert found.columns == names
    assert found.select(*[_features.column(name) for name in names[:-1]]).schema == solid.schema
    got = by_id(found)
    assert got.drop_columns("score") == table.cast(got.schema.remove(len(names) - 1))
    assert (np.signbit(got["zero"].to_numpy()) == np.signbit(columns["zero"])).all()
    whole = got.filter(pa.array(~holes))
    expected = detector.score(table.filter(pa.array(~holes)))
    assert (whole["score"].to_numpy() == expected).all()
    assert got["score"].null_count == holes.sum()
    # The same where Spark measures nothing, and all travel as they are.
    spark.conf.set(SIZE_CHECK, NO_CHECK)
    try:
        assert not _features.carried(solid, _features.find(solid, detector, None), names[:-1])
        assert by_id(score(solid, detector, missing="null")) == got
    finally:
        spark.conf.unset(SIZE_CHECK)


def test_truth_as_a_category_is_cast_by_the_user(spark, table):
    rare = pa.array(np.arange(len(table)) % 50 == 0)
    table = table.append_column("roams", rare)
    detector = fastrcf.Detector(["amount"], categorical=["roams"], random_state=1, n_trees=10)
    detector.fit(table)
    df = frame(spark, table)
    with pytest.raises(fastrcf.InvalidInputError, match="'roams' is a category and holds boolean"):
        score(df, detector)
    cast = df.withColumn("roams", F.col("roams").cast("string"))
    found = by_id(score(cast, detector, keep=["id"]))
    assert (found["score"].to_numpy() == detector.score(table)).all()


def test_columns_with_odd_names(spark, table):
    odd = table.rename_columns(["id", "a.b", "c `d`", "%"])
    detector = fastrcf.Detector(odd.column_names[1:], random_state=1, n_trees=10).fit(odd)
    found = by_id(score(frame(spark, odd), detector, keep=["id"]))
    assert (found["score"].to_numpy() == detector.score(odd)).all()
