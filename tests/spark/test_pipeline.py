import json

import numpy as np
import pyarrow as pa
import pytest
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.feature import VectorAssembler
from pyspark.sql import functions as F

import fastrcf
from fastrcf_spark import fitting
from fastrcf_spark.pipeline import RandomCutForestEstimator, RandomCutForestModel, vector_names
from tests.spark.frames import by_id, frame

INPUTS = ["amount", "speed", "items"]
SMALL = {"numTrees": 20, "sampleSize": 64, "alertRate": 0.01, "seed": 7}


@pytest.fixture
def df(spark, table):
    return frame(spark, table).repartition(2)


@pytest.fixture
def model(detector):
    return RandomCutForestModel(detector)


def test_an_estimator_fits_and_its_model_tells_anomalies(df, table):
    estimator = RandomCutForestEstimator(inputCols=INPUTS, keyCols=["id"], **SMALL)
    model = estimator.fit(df)
    expected = fitting.fit(
        df, INPUTS, alert_rate=0.01, seed=7, key="id", n_trees=20, sample_size=64
    )
    assert bytes(model.detector) == bytes(expected)
    found = by_id(model.transform(df))
    assert found.column_names == [*table.column_names, "score", "prediction"]
    judged = expected.detect(table)
    assert found["score"].to_pylist() == judged["score"].to_pylist()
    assert found["prediction"].to_pylist() == [float(b) for b in judged["is_anomaly"].to_pylist()]
    assert sum(found["prediction"].to_pylist()) > 10
    assert model.uid == estimator.uid


@pytest.mark.smoke
def test_a_pipeline_with_a_vector_assembler(spark, df, table, tmp_path):
    assembler = VectorAssembler(inputCols=INPUTS, outputCol="features")
    forest = RandomCutForestEstimator(gradeCol="grade", scoreCol="odd", keyCols=["id"], **SMALL)
    fitted = Pipeline(stages=[assembler, forest]).fit(df)
    detector = fitted.stages[1].detector
    assert detector.columns == INPUTS
    expected = detector.detect(table)
    found = by_id(fitted.transform(df).drop("features"))
    assert found.column_names == [*table.column_names, "odd", "prediction", "grade"]
    assert found["odd"].to_pylist() == expected["score"].to_pylist()
    assert found["grade"].to_pylist() == expected["grade"].to_pylist()
    plain = fitted.stages[1].copy({fitted.stages[1].gradeCol: ""})
    again = by_id(plain.transform(assembler.transform(df)).drop("features"))
    assert again["odd"].to_pylist() == expected["score"].to_pylist()
    assert again["prediction"].to_pylist() == found["prediction"].to_pylist()
    path = str(tmp_path / "pipeline")
    fitted.save(path)
    fitted.write().overwrite().save(path)
    loaded = PipelineModel.load(path)
    assert bytes(loaded.stages[1].detector) == bytes(detector)
    assert by_id(loaded.transform(df).drop("features")) == found


def test_an_unfitted_pipeline_is_saved_and_loaded(spark, tmp_path):
    forest = RandomCutForestEstimator(featuresCol="x", scaling={"x0": "rank"}, **SMALL)
    path = str(tmp_path / "pipeline")
    Pipeline(stages=[VectorAssembler(inputCols=INPUTS, outputCol="x"), forest]).save(path)
    loaded = Pipeline.load(path).getStages()[1]
    assert loaded.uid == forest.uid
    assert loaded.extractParamMap() == forest.extractParamMap()
    assert loaded.getScaling() == {"x0": "rank"}


def test_a_cross_validator_chooses(spark, table):
    from pyspark.ml.evaluation import BinaryClassificationEvaluator
    from pyspark.ml.tuning import CrossValidator, ParamGridBuilder

    labels = pa.array((np.arange(len(table)) % 50 == 0).astype(float))
    odd = np.where(labels.to_numpy() > 0, 50.0, 0.0) + table["speed"].to_numpy()
    rows = table.set_column(2, "speed", pa.array(odd)).append_column("label", labels)
    df = spark.createDataFrame(rows).coalesce(1)
    forest = RandomCutForestEstimator(inputCols=INPUTS, keyCols=["id"], **SMALL)
    grid = ParamGridBuilder().addGrid(forest.numTrees, [1, 20]).build()
    evaluator = BinaryClassificationEvaluator(rawPredictionCol="score", labelCol="label")
    chosen = CrossValidator(
        estimator=forest, estimatorParamMaps=grid, evaluator=evaluator, numFolds=2, seed=1
    ).fit(df)
    assert chosen.avgMetrics[1] > 0.98
    assert isinstance(chosen.bestModel, RandomCutForestModel)


def test_a_model_is_saved_loaded_and_overwritten(spark, model, detector, table, tmp_path):
    path = str(tmp_path / "model")
    model.setScoreCol("odd").setHandleInvalid("keep")
    model.write().session(spark).save(path)
    with pytest.raises(Exception, match=r"(?i)already exists"):
        model.write().session(spark).save(path)
    loaded = RandomCutForestModel.read().session(spark).load(path)
    assert loaded.uid == model.uid
    assert bytes(loaded.detector) == bytes(detector)
    assert loaded.extractParamMap() == model.extractParamMap()
    other = fastrcf.Detector(INPUTS, n_trees=5, sample_size=16, random_state=1).fit(table)
    RandomCutForestModel(other).write().overwrite().session(spark).save(path)
    loaded = RandomCutForestModel.read().session(spark).load(path)
    assert bytes(loaded.detector) == bytes(other)
    assert loaded.getScoreCol() == "score"


def test_what_is_damaged_is_not_loaded(spark, model, tmp_path, monkeypatch):
    monkeypatch.setattr("fastrcf_spark._persistence._PART", 20_000)
    path = tmp_path / "model"
    model.write().session(spark).save(str(path))
    read = RandomCutForestModel.read().session(spark)
    assert bytes(read.load(str(path)).detector) == bytes(model.detector)
    with pytest.raises(fastrcf.ModelFileError, match=r"holds a .*Model, no .*Estimator"):
        RandomCutForestEstimator.read().session(spark).load(str(path))
    rows = spark.read.parquet(f"{path}/model")
    assert rows.count() > 1
    short = spark.createDataFrame(rows.where("part > 0").collect(), rows.schema)
    short.write.mode("overwrite").parquet(f"{path}/model")
    with pytest.raises(fastrcf.ModelFileError, match="is not whole: the model has"):
        read.load(str(path))
    line = json.loads(spark.read.text(f"{path}/metadata").first()[0])
    for changed, match in [
        (line | {"paramMap": {"depth": 3}}, "has a parameter 'depth'"),
        ({"some": "thing"}, "no metadata of a stage"),
    ]:
        new = spark.createDataFrame([(json.dumps(changed),)], "value string")
        new.write.mode("overwrite").text(f"{path}/metadata")
        with pytest.raises(fastrcf.ModelFileError, match=match):
            read.load(str(path))


def test_invalid_rows_are_refused_kept_or_skipped(spark, df, table, model, detector):
    wrong = [None, float("nan"), float("inf"), 1e35]
    amount = F.col("amount")
    for i, value in enumerate(wrong):
        amount = F.when(F.col("id") == i, F.lit(value)).otherwise(amount)
    bad = df.withColumn("amount", amount)
    with pytest.raises(Exception, match="column 'amount'"):
        model.transform(bad).toArrow()
    for grade in ("", "grade"):
        chosen = model.copy({model.gradeCol: grade, model.handleInvalid: "keep"})
        kept = by_id(chosen.transform(bad))
        assert kept["score"].null_count == kept["prediction"].null_count == len(wrong)
        skipped = by_id(chosen.setHandleInvalid("skip").transform(bad))
        assert skipped["id"].to_pylist() == table["id"].to_pylist()[len(wrong) :]
        assert (skipped["score"].to_numpy() == detector.score(table)[len(wrong) :]).all()
    assembler = VectorAssembler(inputCols=INPUTS, outputCol="x", handleInvalid="keep")
    vectors = assembler.transform(bad).drop("amount")
    model.clear(model.inputCols)
    model.setFeaturesCol("x").setHandleInvalid("skip")
    vectors = vectors.withColumn("x", F.when(F.col("id") != 9, F.col("x")))
    assert model.transform(vectors).count() == len(table) - len(wrong) - 1
    skipping = RandomCutForestEstimator(
        inputCols=INPUTS, keyCols=["id"], handleInvalid="skip", **SMALL
    )
    assert skipping.fit(bad).detector.n_fitted == len(table) - len(wrong)
    with pytest.raises(fastrcf.InvalidInputError, match=r"handleInvalid='skip' in a pipeline"):
        skipping.copy({skipping.handleInvalid: "error"}).fit(bad)


def test_the_alert_rate_of_a_model_moves_its_threshold(df, table, model, detector):
    assert model.detector is detector
    assert model.getAlertRate() == 0.01
    often = model.copy({model.alertRate: 0.1})
    assert often.detector.threshold < detector.threshold == model.detector.threshold
    found = by_id(often.transform(df))["prediction"].to_numpy()
    assert found.sum() == (detector.score(table) > often.detector.threshold).sum()
    assert 200 < found.sum() < 400


def test_a_wrapped_detector_takes_its_columns_or_the_column_that_is_named(
    df, table, model, detector, tmp_path
):
    assembled = VectorAssembler(inputCols=INPUTS, outputCol="x").transform(df).select("id", "x")
    assert model.getInputCols() == INPUTS
    for given in (model, model.copy({model.featuresCol: "x"})):
        given.save(str(tmp_path / given.getFeaturesCol()))
        loaded = RandomCutForestModel.load(str(tmp_path / given.getFeaturesCol()))
        for each in (given, loaded):
            judged = each.transform(df if given is model else assembled).select("id", "score")
            assert by_id(judged)["score"].to_pylist() == detector.score(table).tolist()


def test_further_columns_are_categories_of_the_model_too(classic, table):
    df = classic.createDataFrame(table)
    some = RandomCutForestEstimator(inputCols=["amount"], categoricalCols=["items"], **SMALL)
    fitted = some.fit(df)
    assert fitted.getInputCols() == fitted.detector.columns == ["amount", "items"]
    assert fitted.transform(df).where("score IS NOT NULL").count() == len(table)


def test_names_of_vectors(spark, df):
    from pyspark.ml.functions import array_to_vector

    assembled = VectorAssembler(inputCols=INPUTS, outputCol="x").transform(df)
    assert vector_names(assembled, "x") == INPUTS
    nameless = df.select(array_to_vector(F.array("amount")).alias("x"))
    assert vector_names(nameless, "x") is None
    assert vector_names(df, "nobody") is None


def test_parameters_in_sparks_voice(classic):
    estimator = (
        RandomCutForestEstimator()
        .setInputCols(INPUTS)
        .setFeaturesCol("f")
        .setScoreCol("s")
        .setPredictionCol("p")
        .setGradeCol("g")
        .setAlertRate(0.02)
        .setNumTrees(9)
        .setSampleSize(32)
        .setScaling("rank")
        .setScoreKind("local_range")
        .setRelations("off")
        .setCategoricalCols(["items"])
        .setKeyCols(["id"])
        .setWeightCol("w")
        .setSeed(3)
        .setHandleInvalid("skip")
    )
    values = {param.name: value for param, value in estimator.extractParamMap().items()}
    assert values == {
        "inputCols": INPUTS,
        "featuresCol": "f",
        "scoreCol": "s",
        "predictionCol": "p",
        "gradeCol": "g",
        "alertRate": 0.02,
        "numTrees": 9,
        "sampleSize": 32,
        "scaling": "rank",
        "scoreKind": "local_range",
        "relations": "off",
        "categoricalCols": ["items"],
        "keyCols": ["id"],
        "weightCol": "w",
        "seed": 3,
        "handleInvalid": "skip",
    }
    for name, value in values.items():
        assert getattr(estimator, f"get{name[0].upper()}{name[1:]}")() == value
    assert "numTrees: trees" in estimator.explainParams()
    with pytest.raises(fastrcf.InvalidParameterError, match="'drop' is none of error, keep, skip"):
        estimator.setHandleInvalid("drop")


def test_refused_before_anything_runs(classic, table, model):
    df = classic.createDataFrame(table)
    with pytest.raises(fastrcf.InvalidInputError, match="'score' exists already"):
        model.transform(df.withColumn("score", F.lit(1.0)))
    with pytest.raises(fastrcf.InvalidInputError, match="'Score' exists already, to Spark"):
        model.transform(df.withColumn("Score", F.lit(1.0)))
    with pytest.raises(fastrcf.InvalidInputError, match="'score' exists already"):
        model.copy({model.predictionCol: "score"}).transform(df)
    with pytest.raises(fastrcf.InvalidInputError, match="no column 'amount'"):
        model.transform(df.drop("amount"))
    with pytest.raises(fastrcf.InvalidParameterError, match="scoreCol: '' is no name"):
        model.copy({model.scoreCol: ""}).transform(df)
    empty = RandomCutForestModel()
    for act in (lambda: empty.detector, empty.write, lambda: empty.transform(df)):
        with pytest.raises(fastrcf.NotFittedError, match="has no detector"):
            act()
    with pytest.raises(fastrcf.InvalidInputError, match="expected a Detector, found str"):
        RandomCutForestModel("m.rcf")
    with pytest.raises(fastrcf.InvalidParameterError, match="alert_rate"):
        RandomCutForestEstimator(inputCols=INPUTS, alertRate=0.9).fit(df)


def test_rows_are_scored_once(classic, table, model, capsys):
    df = classic.createDataFrame(table).repartition(2)
    for invalid in ("error", "keep", "skip"):
        model.copy({model.handleInvalid: invalid}).transform(df).explain()
        assert capsys.readouterr().out.count("ArrowEvalPython") == 1
