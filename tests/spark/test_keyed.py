import datetime
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyspark.sql import functions as F

import fastrcf
from fastrcf_spark import _keys
from fastrcf_spark.keyed import detect_per_key, fit_per_key, score_per_key
from tests.spark.needs import needs_spark_4

INPUTS = ["amount", "speed", "items"]
FIT = {"alert_rate": 0.02, "n_trees": 10, "sample_size": 32, "seed": 5}


@pytest.fixture(scope="module")
def keyed() -> pa.Table:
    """Rows of keys of two columns: a large, a middling, a tiny and a null one."""
    rng = np.random.default_rng(21)
    n = 2_000
    sim = rng.choice(["large", "other", None, "tiny"], n, p=[0.7, 0.2, 0.09, 0.01])
    return pa.table(
        {
            "id": np.arange(n),
            "sim": pa.array(sim, pa.string()),
            "day": pa.array(
                [datetime.date(2026, 1, 1 + i) if i < 2 else None for i in rng.integers(0, 3, n)]
            ),
            "amount": rng.lognormal(3, 1, n),
            "speed": rng.normal(size=n).astype(np.float32),
            "items": rng.poisson(3, n),
        }
    )


def by_key(table, names):
    """The rows of each key."""
    keys = list(zip(*[table[name].to_pylist() for name in names], strict=True))
    groups = {key: [i for i, other in enumerate(keys) if other == key] for key in set(keys)}
    return {key: table.take(places) for key, places in groups.items()}


def models_of(df, keys):
    rows = df.toArrow().to_pylist()
    return {tuple(row[name] for name in keys): row for row in rows}


@pytest.fixture(scope="module")
def by_hand(keyed):
    """A detector for each sim, and the scores of all rows by it."""
    detectors = {}
    for (sim,), rows in by_key(keyed, ["sim"]).items():
        if len(rows) >= 32:
            detectors[sim] = fastrcf.Detector(
                INPUTS, alert_rate=0.02, n_trees=10, sample_size=32, random_state=5
            ).fit(rows)
    return detectors


@pytest.fixture(scope="module")
def models(by_hand) -> pa.Table:
    return pa.table(
        {
            "sim": pa.array([*by_hand, "tiny"], pa.string()),
            "model": pa.array([*(bytes(d) for d in by_hand.values()), None], pa.binary()),
        }
    )


@pytest.mark.smoke
@needs_spark_4
def test_fit_is_that_of_the_rows_in_the_order_of_their_hash_however_they_lie(spark, keyed):
    keys, keyed = ["sim", "day"], keyed.slice(0, 700)
    df = spark.createDataFrame(keyed)
    found = [models_of(fit_per_key(df.repartition(n), keys, INPUTS, **FIT), keys) for n in (1, 4)]
    assert found[0] == found[1]
    in_order = df.orderBy(F.xxhash64(F.lit(5), *INPUTS)).toArrow()
    groups = by_key(in_order, keys)
    assert set(found[0]) == set(groups)
    for key, rows in groups.items():
        model = found[0][key]
        assert model["n_rows"] == len(rows)
        if len(rows) < 32:
            assert (model["model"], model["n_fitted"]) == (None, 0)
            continue
        detector = fastrcf.Detector(
            INPUTS, alert_rate=0.02, n_trees=10, sample_size=32, random_state=5
        ).fit(rows)
        assert (model["model"], model["n_fitted"]) == (bytes(detector), len(rows))
    assert any(model["model"] is None for model in found[0].values())


def test_large_keys_are_fitted_to_a_uniform_sample(spark, keyed):
    n_large = len(by_key(keyed, ["sim"])[("large",)])
    # Half of the rows of the large key are alike: of them, too, a share is drawn.
    df = spark.createDataFrame(keyed).withColumn(
        "amount", F.when(F.col("id") % 2 == 0, F.lit(1.0)).otherwise(F.col("amount"))
    )
    df = df.withColumn("speed", F.when(F.col("id") % 2 == 0, F.lit(0.5)).otherwise(F.lit(2.0)))
    df = df.withColumn("speed", F.col("speed").cast("float"))
    found = [
        models_of(fit_per_key(df.repartition(n), "sim", ["speed"], max_rows=400, **FIT), ["sim"])
        for n in (1, 5)
    ]
    assert found[0] == found[1]
    large = found[0][("large",)]
    assert (large["n_rows"], large["n_fitted"]) == (n_large, 400)
    assert fastrcf.loads(large["model"]).n_fitted == 400
    other = models_of(
        fit_per_key(df, "sim", ["speed"], max_rows=400, **(FIT | {"seed": 6})), ["sim"]
    )
    assert other[("large",)]["model"] != large["model"]


def test_samples_of_rows_that_are_alike_are_uniform(spark):
    n, shares = 6_000, set()
    df = spark.range(n).select(
        F.lit(1).alias("k"), F.when(F.col("id") % 3 == 0, "one").otherwise("zero").alias("x")
    )
    for seed in range(2):
        fitted = fit_per_key(df, "k", ["x"], max_rows=900, seed=seed, n_trees=1)
        detector = fastrcf.loads(fitted.toArrow()["model"][0].as_py())
        assert detector.n_fitted == 900
        text = detector.explain({"x": ["one"]})[0][0].text
        shares.add(float(re.search(r"category of ([\d.]+) %", text)[1]))
    # A third of them are ones, give or take three deviations; not all or none.
    assert len(shares) == 2
    assert all(29 < share < 38 for share in shares)


def test_models_go_through_parquet_and_know_their_columns(spark, keyed, tmp_path):
    df = spark.createDataFrame(keyed).repartition(3)
    fit_per_key(df, "sim", INPUTS, **FIT).write.parquet(str(tmp_path / "models"))
    table = spark.read.parquet(str(tmp_path / "models"))
    found = score_per_key(df, table, "sim", keep=["id", "sim"]).toArrow().sort_by("id")
    models = models_of(table, ["sim"])
    scores = found["score"].to_pylist()
    for (sim,), rows in by_key(keyed, ["sim"]).items():
        data = models[(sim,)]["model"]
        expected = [None] * len(rows) if data is None else fastrcf.loads(data).score(rows).tolist()
        assert [scores[i] for i in rows["id"].to_pylist()] == expected


@pytest.mark.parametrize("rows_per_task", [None, 150])
def test_scores_are_those_of_the_key_s_model(spark, keyed, models, by_hand, rows_per_task):
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 170)
    try:
        for n, fallback in ((1, None), (4, by_hand["other"])):
            found = score_per_key(
                spark.createDataFrame(keyed).repartition(n),
                spark.createDataFrame(models),
                "sim",
                columns=INPUTS,
                fallback=fallback,
                rows_per_task=rows_per_task,
            )
            found = found.toArrow().sort_by("id")
            assert found.select(keyed.column_names) == keyed
            expected = np.full(len(keyed), np.nan)
            used = ["none" if fallback is None else "fallback"] * len(keyed)
            for (sim,), rows in by_key(keyed, ["sim"]).items():
                model = by_hand.get(sim, fallback)
                places = rows["id"].to_numpy()
                if model is not None:
                    expected[places] = model.score(rows)
                if sim in by_hand:
                    for i in places:
                        used[i] = "key"
            assert found["model_used"].to_pylist() == used
            assert found["score"].null_count == np.isnan(expected).sum()
            scores = found["score"].to_numpy()
            assert ((scores == expected) | np.isnan(expected)).all()
    finally:
        spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")


def test_large_keys_are_shared_out_among_tasks(spark, keyed, models):
    found = score_per_key(
        spark.createDataFrame(keyed).where("sim = 'large'"),
        spark.createDataFrame(models),
        "sim",
        columns=INPUTS,
        rows_per_task=100,
    )
    tasks = spark.conf.get("spark.sql.shuffle.partitions")
    spark.conf.set("spark.sql.adaptive.enabled", "false")
    spark.conf.set("spark.sql.shuffle.partitions", "3")
    try:
        shares = found.groupBy(F.spark_partition_id()).count().toArrow()["count"].to_pylist()
    finally:
        spark.conf.unset("spark.sql.adaptive.enabled")
        spark.conf.set("spark.sql.shuffle.partitions", tasks)
    assert len(shares) == 3
    assert max(shares) < 0.75 * sum(shares)


@pytest.mark.smoke
@needs_spark_4
def test_detect_is_that_of_the_key_s_detector(spark, keyed, models, by_hand):
    found = detect_per_key(
        spark.createDataFrame(keyed),
        spark.createDataFrame(models),
        "sim",
        columns=INPUTS,
        keep=["id"],
        reasons=True,
        prefix="rcf_",
        rows_per_task=500,
    )
    found = found.toArrow().sort_by("id")
    assert found.column_names == [
        "id",
        *(f"rcf_{name}" for name in ("score", "grade", "is_anomaly", "reasons", "model_used")),
    ]
    n_alerts = 0
    for (sim,), rows in by_key(keyed, ["sim"]).items():
        part = found.take(rows["id"].to_numpy())
        if sim not in by_hand:
            assert part["rcf_is_anomaly"].null_count == len(part)
            assert part["rcf_reasons"].null_count == len(part)
            continue
        expected = by_hand[sim].detect(rows)
        n_alerts += sum(expected["is_anomaly"].to_pylist())
        for name in ("score", "grade", "is_anomaly", "reasons"):
            assert part[f"rcf_{name}"].to_pylist() == expected[name].to_pylist()
    assert n_alerts > 10


def test_bad_rows_are_named_dropped_or_left_without_a_score(spark, keyed, models, by_hand):
    bad = spark.createDataFrame(keyed).withColumn(
        "amount", F.when(F.col("id") != 77, F.col("amount"))
    )
    sim = keyed["sim"][77].as_py()
    with pytest.raises(Exception, match=f"key|sim={sim}, column 'amount'.*missing='drop'"):
        fit_per_key(bad, "sim", INPUTS, **FIT).toArrow()
    for max_rows in (10_000, 100):
        fitted = fit_per_key(bad, "sim", INPUTS, missing="drop", max_rows=max_rows, **FIT)
        model = models_of(fitted, ["sim"])[(sim,)]
        n = len(by_key(keyed, ["sim"])[(sim,)])
        assert (model["n_rows"], model["n_fitted"]) == (n, min(max_rows, n - 1))
    table = spark.createDataFrame(models)
    with pytest.raises(Exception, match=f"sim='{sim}', column 'amount'"):
        score_per_key(bad, table, "sim", columns=INPUTS, keep=["id"]).toArrow()
    found = score_per_key(bad, table, "sim", columns=INPUTS, missing="null").toArrow().sort_by("id")
    row = found.slice(77, 1).to_pylist()[0]
    assert (row["score"], row["model_used"]) == (None, "key")
    assert found.filter(pa.compute.equal(found["model_used"], "key"))["score"].null_count == 1


def test_keys_without_any_usable_row_have_no_model(spark):
    df = spark.range(100).select(
        (F.col("id") % 2).alias("k"),
        F.when(F.col("id") % 2 == 0, F.col("id").cast("double")).alias("x"),
    )
    rows = models_of(fit_per_key(df, "k", missing="drop", min_rows=2, **FIT), ["k"])
    assert (rows[(1,)]["model"], rows[(1,)]["n_rows"], rows[(1,)]["n_fitted"]) == (None, 50, 0)
    assert rows[(0,)]["n_fitted"] == 50


@pytest.mark.parametrize("kind", ["array", "vector"])
def test_inputs_in_one_column(spark, keyed, kind):
    df = spark.createDataFrame(keyed)
    if kind == "array":
        packed = F.array(*[F.col(name).cast("double") for name in INPUTS])
        df = df.select("id", "sim", packed.alias("x"))
    else:
        from pyspark.ml.feature import VectorAssembler

        df = VectorAssembler(inputCols=INPUTS, outputCol="x").transform(df).select("id", "sim", "x")
    models = spark.createDataFrame(fit_per_key(df, "sim", "x", **FIT).toArrow())
    found = score_per_key(df, models, "sim", columns="x", rows_per_task=300)
    found = found.drop("x").toArrow().sort_by("id")
    data = models_of(models, ["sim"])[("large",)]["model"]
    rows = by_key(keyed, ["sim"])[("large",)]
    x = np.column_stack([rows[name].to_numpy() for name in INPUTS])
    scores = found["score"].to_numpy()[rows["id"].to_numpy()]
    assert (scores == fastrcf.loads(data).score(x)).all()


def test_categories_and_odd_names(spark, keyed):
    rng = np.random.default_rng(3)
    kinds = pa.array(rng.choice(["a", "b"], len(keyed)))
    table = keyed.append_column("kind", kinds).rename_columns(
        ["id", "s.i m", "day", "a`b", "speed", "items", "kind"]
    )
    df = spark.createDataFrame(table)
    models = fit_per_key(df, ["s.i m"], ["a`b", "kind", "speed"], **FIT)
    found = score_per_key(df, models, ["s.i m"], keep=["id"]).toArrow().sort_by("id")
    data = models_of(models, ["s.i m"])[("large",)]["model"]
    detector = fastrcf.loads(data)
    assert detector.scaling["kind"] == "category"
    rows = by_key(table, ["s.i m"])[("large",)]
    scores = found["score"].to_numpy()[rows["id"].to_numpy()]
    assert (scores == detector.score(rows)).all()


def test_keys_that_run_together_are_told_apart(spark):
    rows = [("a", "bc"), ("ab", "c"), ("abc", ""), (None, "abc"), ("-", "abc"), ("", "abc")]
    df = spark.createDataFrame(
        [(*key, float(i * 10 + j)) for i, key in enumerate(rows) for j in range(40)],
        "p string, q string, x double",
    )
    found = models_of(fit_per_key(df, ["p", "q"], **FIT), ["p", "q"])
    assert {key: row["n_fitted"] for key, row in found.items()} == dict.fromkeys(rows, 40)


TYPES = {
    "moment": "timestamp_seconds(1764547200 + 3600 * (id % 2))",
    "time": "CAST(timestamp_seconds(id % 2) AS timestamp_ntz)",
    "day": "date_add(DATE'2026-01-01', CAST(id % 2 AS int))",
    "price": "CAST(id % 2 AS decimal(10, 2))",
    "bytes": "CAST(CAST(id % 2 AS string) AS binary)",
    "truth": "id % 2 = 0",
    "number": "CAST(id % 2 AS smallint)",
    "text": "CAST(id % 2 AS string)",
}


def test_keys_of_every_type_in_any_time_zone(spark, keyed):
    df = spark.createDataFrame(keyed).select("id", *INPUTS)
    df = df.withColumns({name: F.expr(text) for name, text in TYPES.items()})
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    try:
        models = fit_per_key(df, list(TYPES), INPUTS, **FIT)
        assert models.select(*TYPES).schema == df.select(*TYPES).schema
        found = spark.createDataFrame(models.toArrow(), models.schema)
        used = score_per_key(df, found, list(TYPES), columns=INPUTS).groupBy("model_used").count()
        assert used.collect() == [("key", len(keyed))]
    finally:
        spark.conf.unset("spark.sql.session.timeZone")


@pytest.mark.parametrize(
    ("name", "kind", "fits"),
    [
        ("price", "decimal(10,1)", False),
        ("price", "decimal(12,2)", True),
        ("price", "string", True),
        ("number", "decimal(5,0)", True),
        ("number", "decimal(5,1)", False),
        ("number", "bigint", True),
        ("text", "int", True),
        ("text", "binary", False),
        ("moment", "timestamp_ntz", False),
        ("moment", "string", False),
        ("day", "timestamp_ntz", False),
        ("day", "string", True),
    ],
)
def test_keys_that_are_written_differently_are_refused(classic, name, kind, fits):
    df = classic.range(4).withColumn(name, F.expr(TYPES[name]))
    other = df.select(F.col(name).cast(kind), F.lit(b"").alias("model"))
    if fits:
        assert _keys.check_alike(df, other, [name]) is None
        texts = [{row[0] for row in d.select(_keys.text(d, [name])).collect()} for d in (df, other)]
        assert texts[0] == texts[1]
    else:
        with pytest.raises(fastrcf.InvalidInputError, match=re.escape(f" and {kind} in the table")):
            _keys.check_alike(df, other, [name])


@pytest.mark.parametrize("rows", [1, 2])
def test_what_is_missing_is_called_so_by_the_name_of_its_column(spark, keyed, models, rows):
    # Asked for in another order than that in which the detectors were fitted.
    some = keyed.filter(pc.equal(keyed["sim"], "large")).slice(0, rows)
    df = spark.createDataFrame(some).coalesce(1)
    table = spark.createDataFrame(models)
    for name in INPUTS:
        bad = df.withColumn(name, F.lit(None).cast(df.schema[name].dataType))
        for keep in ("all", []):
            with pytest.raises(Exception, match=f"column {name!r}: the value is missing"):
                score_per_key(bad, table, "sim", columns=INPUTS[::-1], keep=keep).toArrow()


def test_refused_before_anything_runs(spark, keyed, models, by_hand):
    df, table = spark.createDataFrame(keyed), spark.createDataFrame(models)
    refused, out = fastrcf.InvalidInputError, fastrcf.InvalidParameterError
    with pytest.raises(refused, match="keys: the data frame has no column 'imsi'"):
        fit_per_key(df, "imsi")
    with pytest.raises(refused, match="keys: column 'amount' holds double"):
        fit_per_key(df, "amount")
    with pytest.raises(refused, match="'day' holds date, not numbers"):
        fit_per_key(df, "sim", ["day"])
    with pytest.raises(refused, match="no column 'amuont'"):
        fit_per_key(df, "sim", ["amuont"])
    with pytest.raises(out, match="max_rows: 10 is less than min_rows, 64"):
        fit_per_key(df, "sim", max_rows=10)
    with pytest.raises(out, match="categorical: expected a sequence of names, found one string"):
        fit_per_key(df, "sim", categorical="items")
    with pytest.raises(out, match="alert_rate: 2"):
        fit_per_key(df, "sim", alert_rate=2)
    with pytest.raises(out, match=r"max_rows: 10000.0 is not an integer"):
        fit_per_key(df, "sim", max_rows=1e4)
    with pytest.raises(out, match="missing: 'null'"):
        fit_per_key(df, "sim", missing="null")
    with pytest.raises(refused, match="does not say which columns"):
        score_per_key(df, table, "sim")
    with pytest.raises(refused, match="models: expected a data frame of Spark, found str; spark"):
        score_per_key(df, "models/", "sim")
    with pytest.raises(refused, match="the table of models has no column 'day'"):
        score_per_key(df, table, "day", columns=INPUTS)
    with pytest.raises(refused, match="needs a column 'model' of bytes"):
        score_per_key(df, table.drop("model"), "sim", columns=INPUTS)
    with pytest.raises(refused, match="has a column 'score' already"):
        score_per_key(df.withColumn("score", F.lit(1)), table, "sim", columns=INPUTS)
    with pytest.raises(refused, match="has a column 'Model_Used' already, to Spark the same as"):
        detect_per_key(df.withColumn("Model_Used", F.lit(1)), table, "sim", columns=INPUTS)
    with pytest.raises(refused, match="has a column 'model' of its own, to Spark the same as"):
        fit_per_key(df.withColumnRenamed("sim", "Model"), "Model", INPUTS)
    forest = fastrcf.RandomCutForest(10, 16, random_state=1)
    forest.insert(np.arange(60.0).reshape(20, 3))
    with pytest.raises(refused, match="fallback: detect_per_key needs a Detector"):
        detect_per_key(df, table, "sim", columns=INPUTS, fallback=forest)
    with pytest.raises(refused, match="the detector was fitted to the columns"):
        score_per_key(df, table, "sim", columns=["amount"], fallback=by_hand["other"])
    twice = table.where("sim = 'large'").union(table)
    with pytest.raises(Exception, match=r"has the key \('large'\) twice"):
        score_per_key(df, twice, "sim", columns=INPUTS, keep=[]).toArrow()
    broken = table.withColumn("model", F.lit(b"nothing"))
    with pytest.raises(Exception, match=r"the model of the key \('large'\): "):
        score_per_key(df.where("sim = 'large'"), broken, "sim", columns=INPUTS).toArrow()


@pytest.mark.smoke
def test_an_older_spark_is_named(classic, monkeypatch):
    from pyspark.sql.pandas.group_ops import PandasCogroupedOps

    monkeypatch.delattr(PandasCogroupedOps, "applyInArrow", raising=False)
    df = classic.range(3).selectExpr("id", "double(id) AS x")
    with pytest.raises(fastrcf.MissingExtraError, match=r"needs Spark 4\.0 or newer; this is"):
        fit_per_key(df, ["id"], ["x"])
