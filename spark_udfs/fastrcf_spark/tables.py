"""Whole data frames: each row with its score, or with what the detector says of it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DoubleType,
    StringType,
    StructField,
    StructType,
)

import fastrcf
from fastrcf_spark import _features, _limit, _names
from fastrcf_spark._shipping import deferred, loaded, ship

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import DataType

    from fastrcf_spark._shipping import Model
    from fastrcf_spark.watch import Watch

    Missing = Literal["error", "null", "impute"]

MISSING = ("error", "null", "impute")
# As fastrcf.Reason has them.
REASON = StructType(
    [
        StructField(field.name, DoubleType() if "float" in str(field.type) else StringType())
        for field in dataclasses.fields(fastrcf.Reason)
    ]
)


def score(
    df: DataFrame,
    model: Model | bytes | str | PathLike[str],
    columns: str | Sequence[str] | None = None,
    *,
    keep: Literal["all"] | Sequence[str] = "all",
    output: str = "score",
    missing: Missing = "error",
    key: str | Sequence[str] = (),
    watch: Watch | None = None,
) -> DataFrame:
    """Score every row of a data frame, batch or stream: higher is more unusual.

    A row's score is that of ``fastrcf.load(model).score`` on it, bit for bit, however the rows
    lie in partitions and batches.

    Parameters
    ----------
    df : DataFrame
        Of classic Spark or of Spark Connect.
    model : Detector, RandomCutForest or FrozenForest, or its bytes or its file
    columns : str or sequence of str, optional
        The model's inputs: columns of numbers (of text for categories), or one column that
        holds an array or a vector of all. Default: the detector's own columns, by name.
    keep : "all" or sequence of str, default "all"
        Which columns the result has beside the score. What is kept travels to the workers and
        back: few are faster.
    output : str, default "score"
        What the column of scores is called; a double.
    missing : {"error", "null", "impute"}, default "error"
        What happens to rows with a value that is null, NaN, infinite or beyond 1e30: the query
        fails and names the row; the score is null; or, forests only, what is null or NaN is
        filled as the forest expects it (:meth:`RandomCutForest.impute`).
    key : str or sequence of str
        Columns that an error names a row by; default: its place in its partition.
    watch : Watch, optional
        Counts rows, alerts and bad rows; those of a stream as its micro-batches are done.

    Returns
    -------
    DataFrame
        Lazy: nothing runs before an action asks for it.

    Raises
    ------
    fastrcf.InvalidInputError
        If columns are missing or of a wrong type, or a name is taken.
    """
    model = loaded(model)
    check_missing(missing, model)
    features, kept = _features.find(df, model, columns), _kept(df, keep)
    _free(df.sparkSession, [output], kept)
    result = _mapped(
        df,
        model,
        features,
        kept,
        {"missing": missing, "key": _names.listed(key)},
        [StructField(output, DoubleType())],
        "score_batches",
    )
    return result if watch is None else watch.over_scores(result, output, model)


def detect(
    df: DataFrame,
    model: fastrcf.Detector | bytes | str | PathLike[str],
    columns: str | Sequence[str] | None = None,
    *,
    keep: Literal["all"] | Sequence[str] = "all",
    reasons: bool = True,
    prefix: str = "",
    missing: Literal["error", "null"] = "error",
    key: str | Sequence[str] = (),
    watch: Watch | None = None,
    per_day: int | None = None,
    entity: str | None = None,
    time_column: str | None = None,
) -> DataFrame:
    """Score every row, tell which are anomalies, and say why.

    Parameters
    ----------
    df, columns, keep, missing, key, watch
        As :func:`score` takes them.
    model : Detector, or its bytes or its file
    reasons : bool, default True
        Whether alerts come with their reasons.
    prefix : str, default ""
        Stands before the names of the new columns.
    per_day : int, optional
        Alerts that an entity has in a day at most: those of highest score, of equal ones the
        earliest, of these by ``key``. Other rows keep score and grade, are no alerts and have
        no reasons; alerts whose entity or time is null are left as they are. It is what
        :meth:`fastrcf.AlertLimit.keep_best` does, and takes a shuffle; tables only.
    entity, time_column : str, optional
        Columns that say whose alerts are counted, and when: timestamps (days in UTC), dates,
        or numbers in seconds.

    Returns
    -------
    DataFrame
        Kept columns, ``score`` and ``grade`` (double), ``is_anomaly`` (boolean), and
        ``reasons``: an array of structs with the fields of :class:`fastrcf.Reason`, empty for
        usual rows. See :meth:`fastrcf.Detector.detect`.

    Raises
    ------
    fastrcf.InvalidInputError
        As :func:`score`, if the model is no detector, or with ``per_day`` of a stream.
    fastrcf.InvalidParameterError
        If ``per_day``, ``entity`` and ``time_column`` are not given together.
    """
    detector = loaded(model)
    if not isinstance(detector, fastrcf.Detector):
        raise fastrcf.InvalidInputError(
            f"detect needs a Detector: a {type(detector).__name__} has no threshold; use score"
        )
    check_missing(missing, detector)
    features, kept = _features.find(df, detector, columns), _kept(df, keep)
    key = _names.listed(key)
    limit = _limit.checked(df, per_day, entity, time_column)
    added = [
        StructField(f"{prefix}score", DoubleType()),
        StructField(f"{prefix}grade", DoubleType()),
        StructField(f"{prefix}is_anomaly", BooleanType()),
    ]
    if reasons:
        added.append(StructField(f"{prefix}reasons", ArrayType(REASON)))
    outputs = [field.name for field in added]
    sent = kept if limit is None else list(dict.fromkeys([*kept, limit.entity, limit.time, *key]))
    _free(df.sparkSession, outputs, sent)
    plan = {"reasons": reasons, "missing": missing, "key": key}
    result = _mapped(df, detector, features, sent, plan, added, "detect_batches")
    if limit is not None:
        result = _limit.best(result, limit, prefix, key)
        result = result.select(*[_features.column(name) for name in [*kept, *outputs]])
    return result if watch is None else watch.over_alerts(result, f"{prefix}is_anomaly")


def check_missing(missing: str, model: Model) -> None:
    """Refuse what cannot be done with missing values."""
    if missing not in MISSING:
        raise fastrcf.InvalidParameterError(f"missing: {missing!r} is none of {', '.join(MISSING)}")
    if missing == "impute" and isinstance(model, fastrcf.Detector):
        raise fastrcf.InvalidParameterError(
            "missing='impute': detectors fill nothing in; use 'null', or fill values before"
        )


def _mapped(
    df: DataFrame,
    model: Model,
    features: _features.Features,
    kept: list[str],
    plan: dict[str, Any],
    added: list[StructField],
    function: str,
) -> DataFrame:
    names = [field.name for field in df.schema.fields]
    for name in plan["key"]:
        if name not in names:
            raise fastrcf.InvalidInputError(f"key: the data frame has no column {name!r}")
    given = _features.carried(df, features, kept)
    apart = [name for name in kept if name not in given]
    selected, found = _features.sent(df, features, list(dict.fromkeys([*apart, *plan["key"]])))
    # mapInArrow cannot resolve names with dots in them: columns travel by number.
    sent = {name: f"c{i}" for i, name in enumerate(selected)}
    back = [*apart, *([_features.PACKED] if given else [])]
    plan |= {
        "model": ship(df.sparkSession, model),
        "names": found["names"],
        "columns": [sent.get(name) for name in found["columns"]],
        "text": [sent[name] for name in found["text"]],
        "packed": found["packed"] and sent[found["packed"]],
        "kept": [sent[name] for name in back],
        "key": [(name, sent[name]) for name in plan["key"]],
    }
    chosen = df.select(*[expression.alias(sent[name]) for name, expression in selected.items()])
    fields = [df.schema[name] for name in apart]
    if given:
        kind = chosen.schema[sent[_features.PACKED]].dataType
        fields.append(StructField(_features.PACKED, kind))
    fields += added
    schema = StructType(
        [StructField(f"r{i}", f.dataType, f.nullable, f.metadata) for i, f in enumerate(fields)]
    )
    scored = chosen.mapInArrow(deferred(function, plan), schema)
    scored = scored.toDF(*[field.name for field in fields])
    if not given:
        return scored
    names = [*kept, *(field.name for field in added)]
    return scored.select(
        *[given[name] if name in given else _features.column(name) for name in names]
    )


def _kept(df: DataFrame, keep: Literal["all"] | Sequence[str]) -> list[str]:
    types = _names.types(df)
    if isinstance(keep, str) and keep != "all":
        raise fastrcf.InvalidParameterError(f"keep: 'all' or a list of names, found {keep!r}")
    kept = list(types if isinstance(keep, str) else dict.fromkeys(_names.listed(keep)))
    for name in kept:
        if name not in types:
            raise fastrcf.InvalidInputError(f"keep: the data frame has no column {name!r}")
        if _UNSENT & _kinds(types[name]):
            raise fastrcf.InvalidInputError(
                f"keep: column {name!r} holds {types[name].simpleString()}, which Spark takes from "
                "no Python worker: cast it to string, or name the columns to keep"
            )
    return kept


# Types of Spark that have no counterpart in Arrow there.
_UNSENT = {"CalendarIntervalType", "YearMonthIntervalType"}


def _kinds(kind: DataType) -> set[str]:
    """Name a type and those within it."""
    inner = [getattr(kind, name, None) for name in ("elementType", "keyType", "valueType")]
    inner += [field.dataType for field in getattr(kind, "fields", ())]
    return {type(kind).__name__}.union(*(_kinds(each) for each in inner if each is not None))


def _free(spark: SparkSession, outputs: list[str], kept: list[str]) -> None:
    for place, name in enumerate(outputs):
        other = _names.namesake(spark, name, kept)
        if other is not None:
            raise fastrcf.InvalidInputError(
                f"the data frame has a column {other!r} already{_names.same(name, other)}: choose "
                "another name, or do not keep it"
            )
        other = _names.namesake(spark, name, outputs[:place])
        if other is not None:
            raise fastrcf.InvalidInputError(
                f"two columns of the result are called {other!r}{_names.same(name, other)}: choose "
                "another name"
            )
