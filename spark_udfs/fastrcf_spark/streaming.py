"""Streams whose keys each have a forest that learns: every row is scored, then taken in.

Rows travel in packets: the rows of a bucket of keys as one piece of Arrow data. Spark's
stateful operator hands rows over one by one, as pandas makes them of their types, and calls
Python once for each group, which costs more than a forest does; so its groups are buckets and
its rows packets.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from pyspark.sql import functions as F
from pyspark.sql.types import (
    BinaryType,
    BooleanType,
    DateType,
    DoubleType,
    IntegerType,
    IntegralType,
    LongType,
    NumericType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

import fastrcf
from fastrcf._parameters import check_kind
from fastrcf_spark import _features, _keys, _names
from fastrcf_spark import _stream_columns as _columns
from fastrcf_spark._keys import KEY
from fastrcf_spark._shipping import deferred
from fastrcf_spark.tables import _free, _kept

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyspark.sql import DataFrame, SparkSession

    from fastrcf_spark.watch import Watch

PROVIDER = "spark.sql.streaming.stateStore.providerClass"
ROCKSDB = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
BUCKETS = 256
_TIMES = (DateType, NumericType, TimestampNTZType, TimestampType)


def process_stream(
    df: DataFrame,
    keys: str | Sequence[str] | None = None,
    columns: str | Sequence[str] | None = None,
    *,
    time_column: str | None = None,
    late: Literal["learn", "score"] = "learn",
    missing: Literal["null", "error"] = "null",
    ttl: timedelta | float | None = None,
    keep: Literal["all"] | Sequence[str] = "all",
    output: str = "score",
    is_late: str = "is_late",
    kind: str = "expected_inverse_depth",
    n_trees: int = 30,
    sample_size: int = 64,
    shingle_size: int = 1,
    sampling: Literal["decay", "uniform", "window"] = "decay",
    time_decay: float | None = None,
    feature_weights: Sequence[float] | None = None,
    seed: int = 0,
    n_buckets: int = BUCKETS,
    watch: Watch | None = None,
) -> DataFrame:
    """Score every row of a stream by its key's forest, then let the forest learn it.

    Scores are those of :meth:`fastrcf.RandomCutForest.process` on the rows of the key in their
    order, bit for bit. A query that starts anew from its checkpoint goes on as if it had never
    stopped.

    Parameters
    ----------
    df : DataFrame
        A stream.
    keys : str or sequence of str, optional
        Columns whose values together are a key, as :func:`fit_per_key` takes them; default:
        all rows are of one key, which one task processes.
    columns : str or sequence of str, optional
        What the forests look at: columns of numbers, or one that holds an array or a vector.
        Default: all columns of numbers that are neither keys nor the time.
    time_column : str, optional
        Times, dates or numbers that the rows of a key are put in order by within each
        micro-batch; rows of one time, and all rows by default, by a hash of their values.
    late : {"learn", "score"}, default "learn"
        What happens to rows that are earlier than one of their key which an earlier
        micro-batch has learnt: as with all others; or they are scored and not learnt. Nothing
        waits for them. They are marked in the column ``is_late``.
    missing : {"null", "error"}, default "null"
        What happens to rows with a value that is null, NaN, infinite or beyond 1e30, or without
        a time: their score is null and they are not learnt; or the query fails and names the
        key. It would fail again whenever it is started again.
    ttl : timedelta or float, optional
        The forest of a key that has learnt no row for so long is forgotten; a number is in
        seconds, of the workers' clocks. Its bytes go when its bucket next gets rows, at most a
        quarter of that time later. Default: never.
    keep : "all" or sequence of str, default "all"
        Which columns the result has beside the score.
    output, is_late : str
        What the new columns are called.
    kind : str, default "expected_inverse_depth"
        What the score is; see :meth:`fastrcf.RandomCutForest.score`. Not that of a
        :class:`fastrcf.Detector`, which is ``"auto"``.
    n_trees, sample_size, shingle_size, sampling, time_decay, feature_weights
        As :class:`fastrcf.RandomCutForest` takes them. The forest of a key that is there keeps
        those that it was made with.
    seed : int, default 0
        Of every key's forest.
    n_buckets : int, default 256
        Into how many buckets keys are put; a bucket's rows of a micro-batch are in the memory
        of one worker. Some ten times the cores of the cluster are right. A query that starts
        from a checkpoint must keep it, the names of ``keys`` and ``columns`` in their order, and
        what ``time_column`` holds: it fails with others.
    watch : Watch, optional
        Counts rows, and those without a score, as micro-batches are done.

    Returns
    -------
    DataFrame
        A stream, to be written in the mode "append": kept columns; the score, a double, null
        for rows that come before their forest is ready (the first ``sample_size // 4``); and
        with ``time_column``, ``is_late``.

    Raises
    ------
    fastrcf.InvalidInputError
        If columns are missing or of a wrong type, a name is taken, or it is no stream.
    fastrcf.InvalidParameterError
        If a parameter is out of its range, or the session keeps state elsewhere than in RocksDB.
    fastrcf.MissingExtraError
        On Spark 3.5, and on Spark Connect before 4.1.
    """
    _names.check_frame(df)
    if not df.isStreaming:
        raise fastrcf.InvalidInputError(
            "process_stream takes a stream (spark.readStream); for tables there is fit_per_key"
        )
    _needs_states(df)
    names = [] if keys is None else _keys.checked(df, keys)
    features = _keys.chosen(df, columns, names, () if time_column is None else (time_column,))
    for name in features.text():
        raise fastrcf.InvalidInputError(f"column {name!r} holds string, not numbers")
    forest: dict[str, Any] = {
        "n_trees": n_trees,
        "sample_size": sample_size,
        "shingle_size": shingle_size,
        "sampling": sampling,
        "time_decay": time_decay,
        "feature_weights": None if feature_weights is None else list(feature_weights),
        "random_state": seed,
    }
    # Wrong parameters are told now, not by a worker.
    fastrcf.RandomCutForest(**forest)
    _check(df, time_column, late, missing, shingle_size, n_buckets)
    _checked_weights(forest["feature_weights"], features)
    check_kind(kind)
    wanted = _kept(df, keep)
    added = [StructField(output, DoubleType())]
    if time_column is not None:
        added.append(StructField(is_late, BooleanType()))
    _free(df.sparkSession, [field.name for field in added], wanted)
    _needs_rocksdb(df.sparkSession)

    extra = [] if time_column is None else [time_column]
    selected, found = _features.sent(df, features, list(dict.fromkeys([*wanted, *extra])))
    sent = {name: f"c{i}" for i, name in enumerate(selected)}
    plan: dict[str, Any] = {
        "bucket": "bucket",
        "key": KEY,
        "order": f"{KEY}_order",
        "time": None if time_column is None else sent[time_column],
        "late": late,
        "missing": missing,
        "ttl": _milliseconds(ttl),
        "kind": kind,
        "forest": forest,
        "n_buckets": n_buckets,
        "of": _made_of(df, names, features, time_column),
        "names": list(features.names),
        "columns": [sent.get(name) for name in found["columns"]],
        "text": [],
        "packed": found["packed"] and sent[found["packed"]],
        "kept": [sent[name] for name in wanted],
    }
    fields = [*(df.schema[name] for name in wanted), *added]
    plan["plain"] = _columns.are_plain(fields)
    if plan["plain"]:
        selected |= {name: _columns.into(selected[name], df.schema[name]) for name in wanted}
    key = _keys.text(df, names)
    rows = df.select(
        F.pmod(F.xxhash64(key), F.lit(n_buckets)).cast("int").alias(plan["bucket"]),
        key.alias(KEY),
        _keys.hashed(df, features, [*wanted, *extra]).alias(plan["order"]),
        *[expression.alias(sent[name]) for name, expression in selected.items()],
    )
    packet = StructType([StructField("bucket", IntegerType()), StructField("rows", BinaryType())])
    gathered = rows.mapInArrow(deferred("pack", plan, "_stream_worker"), packet)
    # Spark's own time to live works in its processing time mode alone, in which a query of
    # all that is available never ends.
    processed = gathered.groupBy("bucket").transformWithStateInPandas(
        statefulProcessor=_processor(plan),
        outputStructType=_columns.plain(fields) if plan["plain"] else _columns.PACKETS,
        outputMode="Append",
        timeMode="None",
    )
    if plan["plain"]:
        answers = _columns.restored(processed, fields)
    else:
        unpack = deferred("unpack", plan, "_stream_worker")
        answers = processed.mapInArrow(unpack, _columns.unpacked(fields))
    result = answers.toDF(*[field.name for field in fields])
    return result if watch is None else watch.over_scores(result, output, None)


def _check(
    df: DataFrame,
    time_column: str | None,
    late: str,
    missing: str,
    shingle_size: int,
    n_buckets: int,
) -> None:
    if late not in ("learn", "score"):
        raise fastrcf.InvalidParameterError(f"late: {late!r} is none of learn, score")
    if late == "score" and (time_column is None or shingle_size > 1):
        raise fastrcf.InvalidParameterError(
            "late='score' needs a time_column, and rows that are points: shingle_size=1"
        )
    if missing not in ("null", "error"):
        raise fastrcf.InvalidParameterError(f"missing: {missing!r} is none of null, error")
    if n_buckets < 1 or int(n_buckets) != n_buckets:
        raise fastrcf.InvalidParameterError(f"n_buckets: {n_buckets!r} is no whole number from 1")
    if time_column is None:
        return
    types = {field.name: field.dataType for field in df.schema.fields}
    if time_column not in types:
        raise fastrcf.InvalidInputError(
            f"time_column: the data frame has no column {time_column!r}"
        )
    if not isinstance(types[time_column], _TIMES):
        raise fastrcf.InvalidInputError(
            f"time_column: {time_column!r} holds {types[time_column].simpleString()}, not times or "
            "numbers"
        )


def _checked_weights(weights: list[float] | None, features: _features.Features) -> None:
    if weights is not None and features.names and len(weights) != len(features.names):
        raise fastrcf.InvalidParameterError(
            f"feature_weights: {len(weights)} weights for {len(features.names)} columns"
        )


def _made_of(
    df: DataFrame, keys: list[str], features: _features.Features, time_column: str | None
) -> dict[str, str | list[str]]:
    """Say what state is made of, which a checkpoint must go on with."""
    made: dict[str, str | list[str]] = {"keys": keys}
    if features.names:
        made["columns"] = list(features.names)
    if time_column is not None:
        kind = df.schema[time_column].dataType
        whole = "whole numbers" if isinstance(kind, IntegralType) else "numbers"
        made["time_column"] = whole if isinstance(kind, NumericType) else kind.simpleString()
    return made


def _milliseconds(ttl: timedelta | float | None) -> int | None:
    if ttl is None:
        return None
    seconds = ttl.total_seconds() if isinstance(ttl, timedelta) else float(ttl)
    if not 0.001 <= seconds < math.inf:
        raise fastrcf.InvalidParameterError(f"ttl: {ttl!r} is not at least a millisecond")
    return int(seconds * 1000)


def _needs_states(df: DataFrame) -> None:
    if not hasattr(df.groupBy(), "transformWithStateInPandas"):
        raise fastrcf.MissingExtraError(
            "process_stream needs Spark 4.0 or newer, through Spark Connect 4.1; this is Spark "
            f"{df.sparkSession.version}"
        )


def _needs_rocksdb(spark: SparkSession) -> None:
    try:
        provider = spark.conf.get(PROVIDER, None)
    except Exception:
        # Serverless Spark tells nobody its settings.
        return
    if provider is None or "RocksDB" not in provider:
        raise fastrcf.InvalidParameterError(
            f"process_stream needs RocksDB as the store of state: spark.conf.set({PROVIDER!r}, "
            f"{ROCKSDB!r}) before it is called"
        )


def _processor(plan: dict[str, Any]) -> Any:
    """Make what Spark runs for each bucket of keys.

    The class is made in a function, so that it is pickled by value and a worker without this
    package can say so.
    """
    from pyspark.sql.streaming.stateful_processor import StatefulProcessor

    run = deferred("process", plan, "_stream_worker")
    key = StructType([StructField("key", StringType())])
    text = StructType([StructField("text", StringType())])
    forest = StructType([StructField("forest", BinaryType())])
    number = StructType([StructField("n", IntegerType())])
    when = StructType([StructField("milliseconds", LongType())])
    ages = plan["ttl"] is not None

    class Forests(StatefulProcessor):
        """Keeps the forests of the keys of a bucket, and where they age their last use.

        One bucket has no keys, and keeps how many buckets there are, and of what columns.
        """

        def init(self, handle: Any) -> None:
            self._state = [
                handle.getValueState("buckets", number),
                handle.getValueState("of", text),
                # Logs, where state of version 2 has its forests: so it is told and refused.
                handle.getMapState("forests", key, forest),
                handle.getMapState("bases", key, forest),
            ]
            if ages:
                self._state.append(handle.getMapState("used", key, when))
                self._state.append(handle.getValueState("swept", when))

        def handleInputRows(self, key: Any, rows: Any, timerValues: Any) -> Iterator[Any]:
            packets = [packet for frame in rows for packet in frame["rows"]]
            yield from run(packets, *self._state)

        def close(self) -> None:
            pass

    return Forests()
