"""A model for each key: one for every device family, card or SIM, kept as a table of bytes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from pyspark.sql import Window
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DoubleType,
    LongType,
    StringType,
    StructField,
    StructType,
)

import fastrcf
from fastrcf_spark import _features, _keys, _names
from fastrcf_spark._features import PREFIX, column
from fastrcf_spark._keys import KEY
from fastrcf_spark._shipping import deferred, loaded, ship
from fastrcf_spark.tables import REASON, _free, _kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from pyspark.sql import Column, DataFrame

    from fastrcf_spark._shipping import Model
    from fastrcf_spark.watch import Watch

    Given = Model | bytes | str | PathLike[str]

# Rows of one key that one task scores; larger keys are shared out.
SHARE = 1_000_000
MODEL_USED = "model_used"
# Under which the column of models remembers what the models look at.
_COLUMNS = "fastrcf_columns"
_ORDER, _ROWS, _GOOD = f"{PREFIX}order", f"{PREFIX}rows", f"{PREFIX}good"
_SALT, _SALTS, _HEAD = f"{PREFIX}salt", f"{PREFIX}salts", f"{PREFIX}head"


def fit_per_key(
    df: DataFrame,
    keys: str | Sequence[str],
    columns: str | Sequence[str] | None = None,
    *,
    seed: int = 0,
    min_rows: int | None = None,
    max_rows: int | None = 10_000,
    missing: Literal["error", "drop"] = "error",
    alert_rate: float = 0.001,
    n_trees: int = 30,
    sample_size: int = 64,
    categorical: Sequence[str] = (),
    scaling: str | Mapping[str, str] = "auto",
    score: str = "auto",
    relations: str = "auto",
    watch: Watch | None = None,
) -> DataFrame:
    """Fit a detector to the rows of each key.

    The same rows and seed give the same bytes, however the rows lie in partitions: the rows of
    a key are put in the order of a hash of their inputs and the seed, and a key of more than
    ``max_rows`` rows is fitted to the first of them, an exact uniform sample without
    replacement. It is drawn by Spark in many tasks: no worker holds more of a key.

    Parameters
    ----------
    df : DataFrame
        A table, no stream. It is read twice, and a third time where a key has more than
        ``max_rows`` rows: keep a costly one (``df.persist()``).
    keys : str or sequence of str
        Columns whose values together are a key: text, whole numbers, decimals, booleans,
        dates, times or bytes. Null is a value like any other.
    columns : str or sequence of str, optional
        What the detectors look at: columns of numbers, or of text for categories; or one
        column that holds an array or a vector of numbers. Default: all columns of numbers that
        are no keys.
    seed : int, default 0
        Of the sample and of every key's forest; between 0 and 2**63 - 1.
    min_rows : int, optional
        Keys with fewer usable rows get no model; at least 2, default ``sample_size``.
    max_rows : int or None, default 10,000
        Rows of a key that its detector is fitted to at most; None: all, which one worker must
        then hold.
    missing : {"error", "drop"}, default "error"
        What happens to rows with a value that is null, NaN, infinite or beyond 1e30: the query
        fails and names the key and the column; or they are left out.
    alert_rate, n_trees, sample_size, categorical, scaling, score, relations
        As :class:`fastrcf.Detector` takes them.
    watch : Watch, optional
        Counts keys, models and rows.

    Returns
    -------
    DataFrame
        The key columns, ``model`` (the bytes of a :class:`fastrcf.Detector`, null for keys of
        too few rows), ``n_rows`` (rows of the key) and ``n_fitted`` (rows fitted to). Lazy:
        write it as a table before it is used, or every use fits again.

    Raises
    ------
    fastrcf.InvalidInputError
        If columns are missing or of a wrong type, or a name is taken.
    fastrcf.InvalidParameterError
        If a parameter is out of its range.
    fastrcf.MissingExtraError
        On Spark 3.5.
    """
    _keys.check_table(df, "fit_per_key")
    names = _keys.checked(df, keys)
    features = _keys.chosen(df, columns, names, ())
    parameters: dict[str, Any] = {
        "categorical": categorical,
        "scaling": scaling if isinstance(scaling, str) else dict(scaling),
        "score": score,
        "relations": relations,
        "alert_rate": alert_rate,
        "n_trees": n_trees,
        "sample_size": sample_size,
        "random_state": seed,
    }
    # Wrong parameters are told now, not by a worker.
    fastrcf.Detector(list(features.names) or None, **parameters)
    least = sample_size if min_rows is None else min_rows
    _check_fit(features, parameters, seed, least, max_rows, missing)
    for name in ("model", "n_rows", "n_fitted"):
        other = _names.namesake(df.sparkSession, name, names)
        if other is not None:
            raise fastrcf.InvalidInputError(
                f"keys: the result has a column {name!r} of its own{_names.same(other, name)}"
            )

    selected, found = _features.sent(df, features, [])
    sent = {name: f"c{i}" for i, name in enumerate(selected)}
    key, wrong = _keys.text(df, names), _keys.fault(features)
    order = _keys.hashed(df, features, (), seed)
    rows = df
    if missing == "drop":
        rows = df.where(wrong.isNull())
    else:
        words = F.concat(F.lit("fit_per_key: "), _keys.named(df, names), F.lit(", "), wrong)
        advice = F.lit(". missing='drop' leaves such rows out")
        order = F.when(
            wrong.isNotNull(), F.raise_error(F.concat(words, advice)).cast("bigint")
        ).otherwise(order)
    rows = rows.select(
        key.alias(KEY),
        order.alias(_ORDER),
        *[expression.alias(sent[name]) for name, expression in selected.items()],
    )
    good = F.when(wrong.isNull(), 1) if missing == "drop" else F.lit(1)
    counts = (
        df.select(key.alias(KEY), *_numbered(names), good.alias(_GOOD))
        .groupBy(KEY)
        .agg(
            *[F.first(f"k{i}").alias(f"k{i}") for i in range(len(names))],
            F.count(F.lit(1)).alias(_ROWS),
            F.count(_GOOD).alias(_GOOD),
        )
    )
    if max_rows is not None:
        rows = _sampled(rows, counts, max_rows)
    plan = {
        "detector": parameters,
        "names": list(features.names),
        "columns": [sent.get(name) for name in found["columns"]],
        "text": [sent[name] for name in found["text"]],
        "packed": found["packed"] and sent[found["packed"]],
        "keys": names,
        "rows": _ROWS,
        "order": _ORDER,
        "min_rows": least,
        "max_rows": max_rows,
    }
    fields = [
        *(StructField(f"k{i}", df.schema[name].dataType) for i, name in enumerate(names)),
        StructField("model", BinaryType()),
        StructField("n_rows", LongType()),
        StructField("n_fitted", LongType()),
    ]
    groups = counts.groupBy(KEY).cogroup(rows.groupBy(KEY))
    if not hasattr(groups, "applyInArrow"):
        raise fastrcf.MissingExtraError(
            f"fit_per_key needs Spark 4.0 or newer; this is Spark {df.sparkSession.version}"
        )
    fitted = groups.applyInArrow(_of_two("fit_key", plan), StructType(fields))
    remembered = {_COLUMNS: list(features.names)} if features.names else {}
    models = fitted.select(
        *[F.col(f"k{i}").alias(name) for i, name in enumerate(names)],
        F.col("model").alias("model", metadata=remembered),
        "n_rows",
        "n_fitted",
    )
    return models if watch is None else watch.over_models(models)


def _check_fit(
    features: _features.Features,
    parameters: dict[str, Any],
    seed: int,
    min_rows: int,
    max_rows: int | None,
    missing: str,
) -> None:
    if not 0 <= seed < 2**63 or int(seed) != seed:
        raise fastrcf.InvalidParameterError(f"seed: {seed!r} is not between 0 and 2**63 - 1")
    for name, rows in (("min_rows", min_rows), ("max_rows", max_rows)):
        if rows is not None and (not isinstance(rows, int) or rows < 2):
            raise fastrcf.InvalidParameterError(f"{name}: {rows!r} is not an integer from 2")
    if max_rows is not None and max_rows < min_rows:
        raise fastrcf.InvalidParameterError(
            f"max_rows: {max_rows} is less than min_rows, {min_rows}: no key would get a model"
        )
    if missing not in ("error", "drop"):
        raise fastrcf.InvalidParameterError(f"missing: {missing!r} is none of error, drop")
    for name in parameters["categorical"]:
        if name not in features.names:
            raise fastrcf.InvalidInputError(f"categorical: {name!r} is not among the columns")


def _sampled(rows: DataFrame, counts: DataFrame, max_rows: int) -> DataFrame:
    """Leave of large keys little more than a sample of ``max_rows`` rows.

    A row's place in its key is a hash of its inputs and of how many rows with the same inputs
    come before it: rows that are alike would else be drawn all or none. The worker takes the
    first of what is left. That too few are left has a chance below 1e-13.
    """
    large = F.broadcast(counts.where(F.col(_GOOD) > max_rows).select(KEY, _GOOD))
    left = max_rows + 8 * math.sqrt(max_rows) + 32
    share = F.least(F.lit(1.0), F.lit(left) / F.col(_GOOD))
    alike = Window.partitionBy(KEY, _ORDER).orderBy(_ORDER)
    names = rows.columns
    drawn = (
        rows.join(large, KEY)
        .withColumn(f"{PREFIX}alike", F.row_number().over(alike))
        .withColumn(_ORDER, F.xxhash64(_ORDER, f"{PREFIX}alike"))
        .where((F.col(_ORDER).cast("double") * 2.0**-64 + 0.5) <= share)
        .select(*names)
    )
    return rows.join(large, KEY, "left_anti").select(*names).union(drawn)


def score_per_key(
    df: DataFrame,
    models: DataFrame,
    keys: str | Sequence[str],
    *,
    columns: str | Sequence[str] | None = None,
    fallback: Given | None = None,
    keep: Literal["all"] | Sequence[str] = "all",
    output: str = "score",
    missing: Literal["error", "null"] = "error",
    rows_per_task: int | None = SHARE,
    watch: Watch | None = None,
) -> DataFrame:
    """Score every row by the model of its key.

    A row's score is that of its key's model on it, bit for bit. Rows and models meet in tasks
    by key, rows one batch after the other: a worker holds one model and one batch. A key of
    more than ``rows_per_task`` rows is shared out among tasks.

    Scores of different models are on different scales: to compare keys use the grade of
    :func:`detect_per_key`.

    Parameters
    ----------
    df : DataFrame
        A table, no stream.
    models : DataFrame
        The key columns and ``model``: the bytes of a detector or forest, or null. One row a key.
    keys : str or sequence of str
        The columns of both that make a key, of the same types.
    columns : str or sequence of str, optional
        The models' inputs; default: what :func:`fit_per_key` has noted in the table of models,
        or the columns of ``fallback``.
    fallback : Detector or forest, or its bytes or its file, optional
        Scores the rows of keys without a model; default: their score is null.
    keep, output, missing
        As :func:`fastrcf_spark.score` takes them, less "impute".
    rows_per_task : int or None, default 1,000,000
        To count the rows of keys the data frame is read once more; None: do not, which is
        right where no key is large.
    watch : Watch, optional
        Counts rows and bad rows; alerts there are none of, since models have thresholds of
        their own.

    Returns
    -------
    DataFrame
        Kept columns; the score, a double; and ``model_used``: "key", "fallback" or "none".

    Raises
    ------
    fastrcf.InvalidInputError
        If columns are missing or of a wrong type, or a name is taken.
    """
    added = [StructField(output, DoubleType()), StructField(MODEL_USED, StringType())]
    plan = {"function": "score", "missing": missing}
    result = _joined(df, models, keys, columns, fallback, keep, rows_per_task, plan, added)
    return result if watch is None else watch.over_scores(result, output, None)


def detect_per_key(
    df: DataFrame,
    models: DataFrame,
    keys: str | Sequence[str],
    *,
    columns: str | Sequence[str] | None = None,
    fallback: fastrcf.Detector | bytes | str | PathLike[str] | None = None,
    keep: Literal["all"] | Sequence[str] = "all",
    reasons: bool = False,
    prefix: str = "",
    missing: Literal["error", "null"] = "error",
    rows_per_task: int | None = SHARE,
    watch: Watch | None = None,
) -> DataFrame:
    """Score every row by its key's detector, and tell which are anomalies.

    ``grade`` is comparable between keys, which scores are not: 0.5 is every detector's own
    threshold.

    Parameters
    ----------
    df, models, keys, columns, keep, missing, rows_per_task
        As :func:`score_per_key` takes them; all models must be detectors.
    watch : Watch, optional
        Counts rows, alerts and bad rows.
    fallback : Detector, or its bytes or its file, optional
        For keys without a model; default: null.
    reasons : bool, default False
        Whether alerts come with their reasons.
    prefix : str, default ""
        Stands before the names of the new columns.

    Returns
    -------
    DataFrame
        Kept columns; ``score``, ``grade`` and ``is_anomaly``, with ``reasons`` where asked for,
        as :func:`fastrcf_spark.detect` gives them; and ``model_used``.

    Raises
    ------
    fastrcf.InvalidInputError
        As :func:`score_per_key`, and if the fallback is no detector.
    """
    added = [
        StructField(f"{prefix}score", DoubleType()),
        StructField(f"{prefix}grade", DoubleType()),
        StructField(f"{prefix}is_anomaly", BooleanType()),
    ]
    if reasons:
        added.append(StructField(f"{prefix}reasons", ArrayType(REASON)))
    added.append(StructField(f"{prefix}{MODEL_USED}", StringType()))
    plan = {"function": "detect", "missing": missing, "reasons": reasons}
    result = _joined(df, models, keys, columns, fallback, keep, rows_per_task, plan, added)
    return result if watch is None else watch.over_alerts(result, f"{prefix}is_anomaly")


def _joined(
    df: DataFrame,
    models: DataFrame,
    keys: str | Sequence[str],
    columns: str | Sequence[str] | None,
    fallback: Given | None,
    keep: Literal["all"] | Sequence[str],
    rows_per_task: int | None,
    plan: dict[str, Any],
    added: list[StructField],
) -> DataFrame:
    """Bring rows to the models of their keys.

    Every share of a key is one run of rows in one partition, its model before them: it is
    sorted so, and read batch by batch. That takes no more memory for large keys, which a
    function over groups must hold whole.
    """
    _keys.check_table(df, f"{plan['function']}_per_key")
    if plan["missing"] not in ("error", "null"):
        raise fastrcf.InvalidParameterError(f"missing: {plan['missing']!r} is none of error, null")
    if rows_per_task is not None and rows_per_task < 1:
        raise fastrcf.InvalidParameterError(f"rows_per_task: {rows_per_task} is less than 1")
    names = _keys.checked(df, keys)
    _keys.check_alike(df, models, names)
    _is_of_models(models)
    other = None if fallback is None else loaded(fallback)
    if plan["function"] == "detect" and not isinstance(other, (fastrcf.Detector, type(None))):
        raise fastrcf.InvalidInputError(
            f"fallback: detect_per_key needs a Detector, found a {type(other).__name__}"
        )
    features = _keys.chosen(df, _looked_at(models, columns, other), names, ())
    if other is not None and features.kind == "columns":
        # It says what the fallback misses before anything runs.
        _features.find(df, other, features.columns)
    kept = _kept(df, keep)
    _free(df.sparkSession, [field.name for field in added], kept)

    selected, found = _features.sent(df, features, list(dict.fromkeys([*kept, *names])))
    sent = {name: f"c{i}" for i, name in enumerate(selected)}
    data = df.withColumns({KEY: _keys.text(df, names)})
    heads = models.select(_keys.text(models, names).alias(KEY), column("model").alias("model"))
    salt, salts = F.lit(0), F.lit(1)
    if rows_per_task is not None:
        counts = data.groupBy(KEY).agg(F.count(F.lit(1)).alias(_ROWS))
        large = F.broadcast(
            counts.where(F.col(_ROWS) > rows_per_task).select(
                KEY, F.ceil(F.col(_ROWS) / rows_per_task).cast("int").alias(_SALTS)
            )
        )
        data, heads = data.join(large, KEY, "left"), heads.join(large, KEY, "left")
        salts = F.coalesce(_SALTS, F.lit(1))
        salt = F.pmod(_keys.hashed(df, features, kept), salts).cast("int")
    data = data.select(
        KEY,
        salt.alias(_SALT),
        F.lit(0).alias(_HEAD),
        F.lit(None).cast("binary").alias("model"),
        *[expression.alias(sent[name]) for name, expression in selected.items()],
    )
    heads = heads.select(
        KEY,
        F.explode(F.sequence(F.lit(0), salts - 1)).alias(_SALT),
        F.lit(1).alias(_HEAD),
        "model",
        *[F.lit(None).cast(data.schema[name].dataType).alias(name) for name in sent.values()],
    )
    plan |= {
        "fallback": None if other is None else ship(df.sparkSession, other),
        "by_name": features.kind == "columns",
        "names": list(features.names),
        "columns": [sent.get(name) for name in found["columns"]],
        "text": [sent[name] for name in found["text"]],
        "packed": found["packed"] and sent[found["packed"]],
        "kept": [sent[name] for name in kept],
        "key": [(name, sent[name]) for name in names],
        "run": [KEY, _SALT, _HEAD, "model"],
    }
    fields = [*(df.schema[name] for name in kept), *added]
    schema = StructType(
        [StructField(f"r{i}", f.dataType, f.nullable, f.metadata) for i, f in enumerate(fields)]
    )
    runs = (
        data.union(heads)
        .repartition(KEY, _SALT)
        .sortWithinPartitions(KEY, _SALT, F.col(_HEAD).desc())
    )
    scored = runs.mapInArrow(deferred("score_runs", plan, "_keyed_worker"), schema)
    return scored.toDF(*[field.name for field in fields])


def _looked_at(
    models: DataFrame, columns: str | Sequence[str] | None, fallback: Model | None
) -> str | Sequence[str]:
    """Find out what the models look at."""
    if columns is not None:
        return columns
    noted = (models.schema["model"].metadata or {}).get(_COLUMNS)
    if noted:
        return [str(name) for name in noted]
    if isinstance(fallback, fastrcf.Detector):
        return fallback.columns
    raise fastrcf.InvalidInputError(
        "the table of models does not say which columns the models look at: name them"
    )


def _is_of_models(models: DataFrame) -> None:
    if ("model", "binary") not in models.dtypes:
        raise fastrcf.InvalidInputError(
            "the table of models needs a column 'model' of bytes, as fit_per_key makes it"
        )


def _numbered(keys: Sequence[str]) -> list[Column]:
    return [column(name).alias(f"k{i}") for i, name in enumerate(keys)]


def _of_two(function: str, plan: dict[str, Any]) -> Any:
    """Make a function of two tables; Spark looks at how many arguments it takes."""
    run = deferred(function, plan, "_keyed_worker")

    def of_two(left: Any, right: Any) -> Any:
        return run(left, right)

    # The annotations would be looked up where this package may be missing.
    of_two.__annotations__ = {}
    return of_two
