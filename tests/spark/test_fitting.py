import datetime

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import functions as F
from scipy import stats

import fastrcf
from fastrcf_spark import _draw, _learnable, _sampling, detect, score
from fastrcf_spark.fitting import fit
from tests.spark.frames import by_id, frame

INPUTS = ["amount", "speed", "items"]
SMALL = {"n_trees": 10, "sample_size": 32, "relations": "off"}


@pytest.fixture
def df(spark, table):
    return frame(spark, table)


def drawn(df, n_rows, seed=1, columns=None, **options):
    """The sample's rows, and whether copies were counted."""
    options = {"names": None, "key": None, "weight": None, "time": None} | options
    found = _learnable.inputs(df, columns, (), **options)
    known = _sampling.facts(df, found, None, seed)
    return _sampling.sample(df, found, known, n_rows, seed)


def test_all_rows_are_learnt_where_there_are_few(df, table):
    detector = fit(df, INPUTS, seed=7, key="id", alert_rate=0.01, **SMALL)
    assert (detector.columns, detector.n_fitted) == (INPUTS, len(table))
    assert detector.alert_rate == 0.01
    assert dict(detector.notes) == {
        "rows": "3000",
        "sample_rows": "3000",
        "seed": "7",
        "rows_told_apart_by": "key id",
        "rows_dropped": "0",
    }
    expected = fastrcf.Detector(INPUTS, random_state=7, alert_rate=0.01, **SMALL).fit(table)
    assert detector.threshold == pytest.approx(expected.threshold, rel=0.2)
    assert fastrcf.loads(bytes(detector)).notes == detector.notes
    assert score(df, detector, keep=[]).count() == len(table)


@pytest.mark.parametrize(
    ("key", "weight"), [pytest.param(None, None, marks=pytest.mark.smoke), ("id", "amount")]
)
def test_bytes_do_not_depend_on_the_partitioning(_spark, monkeypatch, table, key, weight):  # noqa: PT019
    models = []
    for kind, n in (("classic", 1), ("classic", 7), (list(_spark)[-1], 3)):
        monkeypatch.setenv("SPARK_CONNECT_MODE_ENABLED", "1") if kind == "connect" else None
        df = frame(_spark[kind], table).repartition(n, "items")
        models.append(bytes(fit(df, INPUTS, seed=3, key=key, weight=weight, n_rows=200, **SMALL)))
    assert models[0] == models[1] == models[2]
    other = fit(df, INPUTS, seed=4, key=key, weight=weight, n_rows=200, **SMALL)
    assert bytes(other) != models[0]
    assert (other.n_fitted, other.notes["rows"]) == (200, "3000")


@pytest.mark.smoke
def test_every_version_of_spark_draws_the_same_rows(spark):
    # What the hashes of Spark 4.3 choose: a model that is fitted anew must not change with Spark.
    df = spark.range(2_000).select("id", (F.col("id") % 50 * 0.5).alias("x")).repartition(3)
    rows, _ = drawn(df, 100, 7, ["id"])
    numbers = rows["c0"].to_numpy().astype(int)
    assert numbers[:6].tolist() == [964, 206, 1404, 1222, 497, 624]
    assert sum(i * n for i, n in enumerate(numbers.tolist())) == 4_654_875
    rows, counted = drawn(df.select("x"), 100, 7, ["x"])
    assert counted
    assert rows["c0"].to_pylist()[:6] == [9.5, 10.5, 9.5, 17.5, 15.5, 12.0]
    model = fit(df, ["id"], seed=7, n_rows=100, **SMALL)
    by_hand = fastrcf.Detector(["id"], random_state=7, **SMALL).fit(
        pa.table({"id": numbers.astype(float)})
    )
    by_hand.notes = model.notes
    assert bytes(model) == bytes(by_hand)


@pytest.mark.smoke
def test_copies_are_counted_whatever_the_partitioning(spark, table):
    heavy = repeated(spark, 3_000)
    models = [
        fit(heavy.repartition(n), ["x", "y"], seed=3, n_rows=300, weight=weight, **SMALL)
        for weight in (None, "w")
        for n in (1, 5)
    ]
    assert all(model.notes["rows_told_apart_by"] == "copies counted" for model in models)
    assert bytes(models[0]) == bytes(models[1]) != bytes(models[2]) == bytes(models[3])


def repeated(spark, n):
    """Rows of which 60 in 100 are the same, 20 in 100 are pairs, and the others alone."""
    row = F.col("id")
    kind = row % 10
    x = F.when(kind < 6, -1.0).when(kind < 8, -2.0 - (row / 10).cast("long")).otherwise(row + 0.5)
    y = F.when(kind < 6, F.lit(1)).otherwise(F.lit(2))
    return spark.range(n).select(x.alias("x"), y.alias("y"), F.lit(2.0).alias("w"))


def test_a_sample_is_uniform_over_rows(classic):
    # Each decile of the rows falls into the sample as often: chi-squared over 4 seeds.
    df = classic.range(0, 8_000, 1, 2).withColumn("x", F.col("id") * 1.0).cache()
    counts = np.zeros(10)
    for seed in range(4):
        rows, counted = drawn(df, 800, seed, ["x"])
        x = rows["c0"].to_numpy()
        assert not counted
        assert len(set(x)) == 800
        counts += np.bincount((x / 800).astype(int), minlength=10)
    assert stats.chisquare(counts).pvalue > 1e-4


def test_a_sample_is_uniform_over_rows_that_are_the_same(classic):
    df = repeated(classic, 4_000).select("x", "y").cache()
    seeds, k = 8, 400
    same, pairs, alone, whole = [], [], [], 0
    for seed in range(seeds):
        rows, counted = drawn(df, k, seed, ["x", "y"])
        assert counted
        x = rows["c0"].to_numpy()
        assert len(x) == k
        same.append((x == -1).sum())
        n = np.unique(x[x < -1], return_counts=True)[1]
        assert n.max() <= 2
        pairs.append(n.sum())
        whole += (n == 2).sum()
        alone.append((x > 0).sum())
    # Each count is hypergeometric: error rates of 1e-4 and below, for sums over the seeds.
    for counts, share in ((same, 0.6), (pairs, 0.2), (alone, 0.2)):
        sd = np.sqrt(seeds * k * share * (1 - share) * (1 - k / 4_000))
        assert abs(sum(counts) - seeds * k * share) < 4 * sd
    spread = np.var(same, ddof=1) / (k * 0.6 * 0.4 * 0.9)
    assert stats.chi2.ppf(5e-5, seeds - 1) < spread * (seeds - 1) < stats.chi2.isf(5e-5, seeds - 1)
    # Both of a pair, in one of a hundred pairs: copies do not share a fate.
    expected = seeds * 400 * (k / 4_000) ** 2
    assert abs(whole - expected) < 4 * np.sqrt(expected)


def test_copies_ring_as_rows_of_their_own():
    # The number of rings of m copies is binomial, their times uniform: 4,000 rows of 50 copies.
    rng = np.random.default_rng(5)
    hashes, seeds = rng.integers(-(2**63), 2**63, (2, 4_000), dtype=np.int64)
    copies, weights = np.full(4_000, 50), np.full(4_000, 2.0)
    until = 0.01
    row, times = _draw.rings(hashes, seeds, copies, weights, until)
    counts = np.bincount(row, minlength=4_000)
    share = 1 - np.exp(-2 * until)
    expected = stats.binom.pmf(np.arange(6), 50, share) * 4_000
    found = np.bincount(np.minimum(counts, 5), minlength=6)
    expected[5] = 4_000 - expected[:5].sum()
    assert stats.chisquare(found, expected).pvalue > 1e-4
    assert stats.kstest(-np.expm1(-2 * times) / share, "uniform").pvalue > 1e-4
    few = _draw.rings(hashes, seeds, np.full(4_000, 3), weights, np.inf)[0]
    assert (np.bincount(few) == 3).all()


def test_blocks_do_not_change_what_is_drawn(monkeypatch):
    rng = np.random.default_rng(6)
    hashes, seeds = rng.integers(-(2**63), 2**63, (2, 30), dtype=np.int64)
    copies, weights = rng.integers(1, 400, 30), rng.random(30) + 0.5
    drawn = []
    for block in (1, 64, 1 << 20):
        monkeypatch.setattr(_draw, "_BLOCK", block)
        row, times = _draw.rings(hashes, seeds, copies, weights, 0.5)
        order = np.lexsort((times, row))
        drawn.append((row[order].tolist(), times[order].tolist()))
    assert drawn[0] == drawn[1] == drawn[2]


def test_weights_are_chances(classic):
    # With few rows drawn, the shares are those of the weights: 1, 2 and 5 of 8.
    kind = F.col("id") % 3
    weight = F.when(kind == 0, 1.0).when(kind == 1, 2.0).otherwise(5.0)
    df = classic.range(12_000).select(
        (F.col("id") * 1.0).alias("x"), weight.cast("float").alias("w")
    )
    df = df.cache()
    counts = np.zeros(3)
    for seed in range(4):
        rows, _ = drawn(df, 120, seed, ["x"], weight="w")
        x = rows["c0"].to_numpy().astype(int)
        assert len(set(x)) == 120
        counts += np.bincount(x % 3, minlength=3)
    assert stats.chisquare(counts, 480 * np.array([1, 2, 5]) / 8).pvalue > 1e-4


def test_a_row_of_nearly_all_weight_is_drawn_once(spark):
    df = spark.range(2_000).select(
        (F.col("id") * 1.0).alias("x"), F.when(F.col("id") == 7, 1e9).otherwise(1.0).alias("w")
    )
    rows, _ = drawn(df, 500, 1, ["x"], weight="w")
    x = rows["c0"].to_pylist()
    assert x[0] == 7
    assert len(set(x)) == len(x) == 500


def test_rows_that_share_numbers_are_noticed():
    rng = np.random.default_rng(1)
    buckets = 1 << 12

    def effect(sizes):
        counts = np.zeros(buckets, dtype=np.int64)
        np.add.at(counts, rng.integers(0, buckets, len(sizes)), sizes)
        return _draw.design_effect(int(sizes.sum()), int((counts**2).sum()), buckets)

    assert effect(np.ones(200_000, dtype=int)) == pytest.approx(1, abs=0.1)
    assert effect(np.full(100_000, 2)) == pytest.approx(2, abs=0.2)
    some = np.concatenate([np.ones(199_000, dtype=int), [1_000]])
    assert effect(some) == pytest.approx(6, abs=0.6)
    assert _draw.design_effect(0, 0, buckets) == 1


def test_categories_arrays_and_vectors(df, table):
    from pyspark.ml.feature import VectorAssembler

    kinds = df.withColumn("kind", F.concat(F.lit("k"), F.col("items")))
    detector = fit(kinds, ["amount", "kind"], categorical=["items"], seed=1, key="id", **SMALL)
    assert detector.scaling | {"amount": ""} == {
        "amount": "",
        "kind": "category",
        "items": "category",
    }
    assert score(kinds, detector, keep=["id"]).count() == len(table)
    plain = fit(df.select(*INPUTS, "id"), seed=1, key="id", n_rows=500, **SMALL)
    assert plain.columns == INPUTS
    doubles = [F.col(name).cast("double") for name in INPUTS]
    array = df.select("id", F.array(*doubles).alias("x"))
    named = fit(array, "x", names=INPUTS, seed=1, key="id", n_rows=500, **SMALL)
    assert bytes(named) == bytes(plain)
    floats = array.select("id", F.col("x").cast("array<float>").alias("x"))
    assert fit(floats, ["x"], seed=1, key="id", **SMALL).columns == ["x0", "x1", "x2"]
    vectors = VectorAssembler(inputCols=INPUTS, outputCol="x").transform(df).select("id", "x")
    found = fit(vectors, "x", names=INPUTS, seed=1, key="id", n_rows=500, **SMALL)
    assert bytes(found) == bytes(plain)
    missing = vectors.select("id", F.when(F.col("id") != 77, F.col("x")).alias("x"))
    with pytest.raises(fastrcf.InvalidInputError, match="id=77, column 'x': the vector is missing"):
        fit(missing, "x", key="id")
    # Without a key, the vector itself tells rows apart.
    assert fit(vectors.drop("id"), "x", seed=1, n_rows=500, **SMALL).n_fitted == 500


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param(None, "the value is missing", marks=pytest.mark.smoke),
        (float("nan"), "the value NaN cannot be used"),
        (float("inf"), "the value Infinity cannot be used"),
        (-1e35, "the value -1.0E35 cannot be used"),
    ],
)
def test_bad_rows_are_named_or_left_out(df, table, wrong, said):
    odd = F.when(F.col("id").isin(77, 500), F.lit(wrong)).otherwise(F.col("amount"))
    bad = df.withColumn("amount", odd)
    with pytest.raises(
        fastrcf.InvalidInputError,
        match=f"2 of 3,000 rows .* key: id=77, column 'amount': {said}.*missing='drop'",
    ) as refused:
        fit(bad, INPUTS, key="id", seed=1)
    assert refused.value.column == 0
    if wrong is not None and wrong == wrong:
        return
    with pytest.raises(fastrcf.InvalidInputError, match=r"its hash: id=(77|500), amount="):
        fit(bad, INPUTS, seed=1)
    left = fit(bad, INPUTS, key="id", seed=1, missing="drop", n_rows=100, **SMALL)
    assert (left.notes["rows"], left.notes["rows_dropped"]) == ("2998", "2")
    good = fit(df.where("id not in (77, 500)"), INPUTS, key="id", seed=1, n_rows=100, **SMALL)
    assert (left.score(table) == good.score(table)).all()


def test_bad_elements_weights_and_times_are_named(spark, table):
    df = spark.createDataFrame(table)
    doubles = [F.col(name).cast("double") for name in INPUTS]
    hole = F.array(doubles[0], F.lit(None).cast("double"), doubles[2])
    for wrong, said in (
        (hole, "'x', element 1: the value is missing"),
        (F.array(*doubles[:2], F.lit(float("nan"))), "'x', element 2: the value NaN"),
        (F.lit(None).cast("array<double>"), "'x': the array is missing"),
    ):
        x = F.when(F.col("id") == 77, wrong).otherwise(F.array(*doubles))
        with pytest.raises(fastrcf.InvalidInputError, match=f"id=77, column {said}"):
            fit(df.select("id", x.alias("x")), "x", key="id")
    uneven = F.when(F.col("id") == 77, F.array(doubles[0])).otherwise(F.array(*doubles))
    with pytest.raises(fastrcf.InvalidInputError, match="the shortest array has 1 elements"):
        fit(df.select("id", uneven.alias("x")), "x", missing="drop")
    wrong = F.when(F.col("id") == 77, 0.0).when(F.col("id") == 78, float("nan"))
    weighted = df.withColumn("w", wrong.when(F.col("id") != 79, 2.0))
    said = r"3 of 3,000 rows .*id=7[789], weight 'w': the value"
    with pytest.raises(fastrcf.InvalidInputError, match=said):
        fit(weighted, INPUTS, key="id", weight="w")
    left = fit(weighted, INPUTS, key="id", weight="w", missing="drop", seed=1, **SMALL)
    assert (left.notes["rows_dropped"], left.notes["weight"]) == ("3", "w")
    timed = df.withColumn("t", F.when(F.col("id") != 77, F.col("id")))
    with pytest.raises(fastrcf.InvalidInputError, match="id=77, time_column 't': the value is mis"):
        fit(timed, INPUTS, key="id", time_column="t", alerts_per_day=1)


def test_values_near_the_largest_are_learnt(df, table):
    large = df.withColumn("amount", F.lit(9e29)).withColumn("speed", F.lit(-9e29))
    assert fit(large, INPUTS, key="id", seed=1, **SMALL).n_fitted == len(table)
    mixed = large.withColumn("amount", F.when(F.col("id") != 7, F.col("amount")))
    left = fit(mixed, INPUTS, key="id", seed=1, missing="drop", n_rows=50, **SMALL)
    assert (left.notes["rows"], left.notes["rows_dropped"]) == ("2999", "1")


@pytest.mark.parametrize("kind", ["timestamp", "timestamp_ntz", "date", "double"])
def test_alerts_per_day(df, table, kind):
    # Ten days, from a winter to a summer time.
    day = F.date_add(F.lit(datetime.date(2024, 3, 25)), (F.col("id") % 11).cast("int"))
    time = (F.col("id") % 11) * 86400.0 if kind == "double" else day.cast(kind)
    detector = fit(
        df.withColumn("t", time), seed=1, time_column="t", alerts_per_day=6, key="id", **SMALL
    )
    assert detector.columns == INPUTS
    assert detector.alert_rate == pytest.approx(6 * 10 / len(table))


def test_spark_3_has_no_arrow_tables(classic, table, monkeypatch):
    df = classic.createDataFrame(table).withColumn("x", F.array("amount", "items"))
    expected = [
        bytes(fit(df, columns, key="id", seed=1, n_rows=300, **SMALL)) for columns in (INPUTS, "x")
    ]
    monkeypatch.setattr(
        _sampling,
        "hasattr",
        lambda of, name: name != "toArrow" and hasattr(of, name),
        raising=False,
    )
    found = [
        bytes(fit(df, columns, key="id", seed=1, n_rows=300, **SMALL)) for columns in (INPUTS, "x")
    ]
    assert found == expected


def test_refused_before_anything_runs(df):
    named, parameter = fastrcf.InvalidInputError, fastrcf.InvalidParameterError
    for given, said in (
        ({"columns": ["nobody"]}, "no column 'nobody'"),
        ({"columns": ["amount", "amount"]}, "a name occurs twice"),
        ({"columns": [F.col("amount")]}, "by their names: expected text, found Column"),
        ({"key": [F.col("id")]}, "by their names: expected text, found Column"),
        ({"key": "nobody"}, "key: the data frame has no column 'nobody'"),
        ({"weight": "nobody"}, "weight: the data frame has no column"),
        ({"names": ["a"]}, "names: they are for the elements"),
    ):
        with pytest.raises(named, match=said):
            fit(df, **given)
    text = df.withColumn("t", F.col("amount").cast("string"))
    with pytest.raises(named, match=r"'x' holds array<string>, neither numbers nor text"):
        fit(text.select(F.array("t").alias("x")), "x")
    with pytest.raises(named, match="weight: column 't' holds string, not numbers"):
        fit(text, INPUTS, weight="t")
    with pytest.raises(named, match="'d' holds date, neither numbers nor text"):
        fit(df.withColumn("d", F.current_date()), ["amount", "d"])
    with pytest.raises(named, match="'yes' holds booleans"):
        fit(df.withColumn("yes", F.col("id") > 3), categorical=["yes"])
    for given, said in (
        ({"missing": "skip"}, "'skip' is none of error, drop"),
        ({"seed": -1}, "seed: -1"),
        ({"n_rows": 1}, "n_rows: 1"),
        ({"alert_rate": 0.9}, "alert_rate: 0.9"),
        ({"n_trees": 0}, "n_trees"),
        ({"scaling": {"nobody": "log"}}, "'nobody' is not among the columns"),
        ({"categorical": "items"}, "categorical: expected a sequence of names, found one string"),
        ({"alerts_per_day": 3}, "one needs the other"),
        ({"alerts_per_day": float("inf"), "time_column": "id"}, "inf is not above 0"),
        ({"alerts_per_day": 3, "time_column": "id", "alert_rate": 0.01}, "give one of them"),
        ({"weight": "amount", "alerts_per_day": 3, "time_column": "id"}, "counts rows"),
    ):
        with pytest.raises(parameter, match=said):
            fit(df, **given)
    with pytest.raises(named, match="expected a data frame of Spark, found str; spark"):
        fit("sessions/")
    with pytest.raises(TypeError, match="n_tree"):
        fit(df, n_tree=3)
    stream = df.sparkSession.readStream.format("rate").load()
    with pytest.raises(named, match="a stream has no end"):
        fit(stream)


@pytest.mark.smoke
def test_no_rows_one_row_and_two_rows(df):
    for n in (0, 1):
        with pytest.raises(fastrcf.NotReadyError, match=rf"{n} rows \(0 left out\) are too few"):
            fit(df.where(f"id < {n}"), INPUTS)
    assert fit(df.where("id < 2"), INPUTS, seed=1, **SMALL).n_fitted == 2
    gone = df.withColumn("amount", F.lit(None).cast("double"))
    with pytest.raises(fastrcf.NotReadyError, match=r"0 rows \(3,000 left out\)"):
        fit(gone, INPUTS, missing="drop")


def test_columns_with_odd_names_and_many_columns(spark, table):
    odd = table.rename_columns(["the id", "a.b", "c `d`", "%"])
    df = spark.createDataFrame(odd)
    found = fit(df, ["a.b", "c `d`", "%"], key="the id", seed=1, n_rows=100, **SMALL)
    assert found.columns == ["a.b", "c `d`", "%"]
    rng = np.random.default_rng(1)
    wide = pa.table({f"x{j}": rng.normal(size=300) for j in range(150)})
    df = spark.createDataFrame(wide).repartition(2)
    assert len(fit(df, seed=1, n_rows=50, **SMALL).columns) == 150


@pytest.mark.parametrize("extra", [{}, {"weight": "w"}, {"categorical": ["items"]}])
def test_thousands_of_columns_are_planned_as_one_and_learnt_the_same(df, monkeypatch, extra):
    given = df.withColumn("w", F.col("id") + 1.0)
    asked = {"key": "id", "seed": 1, "n_rows": 500, **extra, **SMALL}
    apart = fit(given, INPUTS, **asked)
    monkeypatch.setattr(_learnable, "_MOST_APART", 2)
    assert bytes(fit(given, INPUTS, **asked)) == bytes(apart)
    # Without a key all columns tell rows apart, also those that are not learnt.
    one = fit(given, INPUTS, seed=1, n_rows=500, **SMALL)
    assert one.notes["rows_told_apart_by"] == "all columns"
    odd = F.when(F.col("id") != 77, F.col("speed"))
    with pytest.raises(
        fastrcf.InvalidInputError, match="id=77, column 'speed': the value is missing"
    ) as refused:
        fit(given.withColumn("speed", odd), INPUTS, key="id")
    assert refused.value.column == INPUTS.index("speed")


def test_empty_partitions_and_one_row(df, table):
    # Three rows in five partitions.
    few, plain = df.where("id < 3").repartition(5), df.where("id < 3").coalesce(1)
    detector = fit(few, INPUTS, key="id", seed=1, **SMALL)
    assert bytes(detector) == bytes(fit(plain, INPUTS, key="id", seed=1, **SMALL))
    expected = detector.detect(table.slice(0, 3))
    found = by_id(detect(few, detector, keep=["id"]))
    one = by_id(detect(few.where("id = 1"), detector, keep=["id"]))
    for name in ("score", "grade", "is_anomaly", "reasons"):
        assert found[name].to_pylist() == expected[name].to_pylist()
        assert one[name].to_pylist() == expected[name].to_pylist()[1:2]


def test_copies_of_many_columns(spark):
    # What Spark infers of a hash of renamed columns may grow beyond any memory.
    x = F.when(F.col("id") % 2 == 0, -1.0).otherwise(F.col("id") * 1.0)
    df = spark.range(600).select(*[(x * j).alias(f"x{j}") for j in range(1, 41)])
    for named in (df, df.toDF(*[f"y{j}" for j in range(40)])):
        rows, counted = drawn(named, 100)
        assert (rows.shape, counted) == ((100, 40), True)
