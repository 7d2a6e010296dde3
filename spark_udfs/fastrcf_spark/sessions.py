"""Features of telecom sessions, the same on Spark as on one machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

from pyspark.sql import functions as F
from pyspark.sql.types import (
    FloatType,
    StructField,
    StructType,
    TimestampType,
)

import fastrcf
from fastrcf_spark import _buckets, _names, _parquet_files, _part_files
from fastrcf_spark._features import column
from fastrcf_spark._sampling import collected
from fastrcf_spark._shipping import deferred, ship

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from pyspark.sql import Column, DataFrame

    from fastrcf.telecom.peers import PeerTable

_TIMES = ("start_ts", "end_ts")
_WORKER = "_session_worker"


def session_features(
    df: DataFrame,
    *,
    timezone: str = "UTC",
    peers: PeerTable | Literal["fit"] | None = "fit",
    group: Sequence[str] = ("customer", "family"),
    features: Sequence[str] | None = None,
    keep: Literal["keys", "all"] | Sequence[str] = "keys",
    output: str | PathLike[str] | None = None,
) -> DataFrame:
    """Compute the features of sessions, bit for bit those of one machine.

    Records of a SIM meet in one task, in one of the four buckets of SIMs that a task has: a worker
    holds some hundred thousand records, or such a bucket.

    Parameters
    ----------
    df : DataFrame
        A table with the columns of ``fastrcf.telecom.schema``; of classic Spark or Connect.
        ``start_ts`` and ``end_ts`` are timestamps.
    timezone, peers, group, features
        As :func:`fastrcf.telecom.features.session_features` takes them. "fit" reads ``df`` once
        more, now.
    keep : "keys", "all" or sequence of str, default "keys"
        Which columns the result has beside the features; "keys": session_id, sim_id, start_ts,
        family, customer, cell, label and incident, those that are there.
    output : str or path, optional
        Folder of Parquet files to make, now: the workers write them, which spares Spark to make
        rows of them. Driver and workers must reach it, by PyArrow and by Spark; ``_SUCCESS`` is in
        it when all of it is written. Default: nothing is computed before an action asks for it.

    Returns
    -------
    DataFrame
        Kept columns and the features as floats; in no order. With ``output`` what is there.

    Raises
    ------
    fastrcf.InvalidInputError
        If columns are missing or of a wrong type, or a name is taken.
    fastrcf.InvalidParameterError
        If a parameter is unknown, or ``output`` is there already.
    """
    from fastrcf.telecom import catalogue, needs
    from fastrcf.telecom.peers import PeerTable, checked_group
    from fastrcf.telecom.timeline import KEYS

    if isinstance(peers, str) and peers != "fit":
        raise fastrcf.InvalidParameterError(f"peers: {peers!r} is neither a table, 'fit' nor None")
    if isinstance(peers, PeerTable):
        group = peers.group
        if peers.timezone != timezone:
            raise fastrcf.InvalidParameterError(
                f"peers: the table has days of {peers.timezone}, not of {timezone}"
            )
    group = checked_group(group)
    wanted = catalogue.chosen(_listed(features), peers=peers is not None)
    names = _checked(df)
    if keep == "keys":
        kept: list[str] = [name for name in KEYS if name in names]
    else:
        kept = names if keep == "all" else list(keep)
    for name in kept:
        if name not in names:
            raise fastrcf.InvalidInputError(f"keep: the data frame has no column {name!r}")
    for feature in wanted:
        other = _names.namesake(df.sparkSession, feature.name, kept)
        if other is not None:
            raise fastrcf.InvalidInputError(
                f"a kept column is called {other!r} already{_names.same(feature.name, other)}"
            )
    sent, places, again = _sent(df, needs.columns(wanted, group, keep=()), kept)
    folder = None
    if output is not None:
        place = _parquet_files.located(os.fspath(output))
        folder = _part_files.Folder(place.system, place.path)
        # Spark would look for a plain path on its own default system, and from another folder.
        output = f"file:{place.path}" if place.before == "file:" else os.fspath(output)
    if peers == "fit":
        peers = fit_peers(df, timezone=timezone, group=group)
    plan: dict[str, Any] = {
        "timezone": timezone,
        "peers": None if peers is None else ship(df.sparkSession, peers),  # type: ignore[arg-type]
        "features": [feature.name for feature in wanted],
        "columns": places,
        "names": kept,
        "kept": again,
        "times": [place for place, name in enumerate(kept) if name in _TIMES],
    }
    fields = [df.schema[name] for name in kept]
    fields += [StructField(feature.name, FloatType()) for feature in wanted]
    blocks = _buckets.shuffled(sent.mapInArrow(deferred("gather", {}, _WORKER), _buckets.FIELDS))
    if output is not None and folder is not None:
        with folder.making() as made:
            plan["output"] = folder.plan
            files = blocks.mapInArrow(deferred("write", plan, _WORKER), _part_files.FIELDS)
            made.extend(collected(files)["name"].to_pylist())
        return df.sparkSession.read.schema(StructType(fields)).parquet(output)
    schema = StructType(
        [StructField(f"r{i}", f.dataType, True, f.metadata) for i, f in enumerate(fields)]
    )
    found = blocks.mapInArrow(deferred("compute", plan, _WORKER), schema)
    return found.toDF(*(field.name for field in fields))


def fit_peers(
    df: DataFrame,
    *,
    timezone: str = "UTC",
    group: Sequence[str] = ("customer", "family"),
) -> PeerTable:
    """Count the peers and places of sessions, as ``PeerTable.fit`` does; runs now.

    Parameters
    ----------
    df : DataFrame
        As :func:`session_features` takes it.
    timezone : str, default "UTC"
    group : sequence of str, default ("customer", "family")
        One or two of customer, family, tariff and apn.

    Raises
    ------
    fastrcf.InvalidInputError
        If columns are missing or of a wrong type.
    """
    import polars as pl

    from fastrcf.telecom.peers import SCHEMA, PeerTable, checked_group, read

    names = checked_group(group)
    _checked(df)
    sent, columns, _ = _sent(df, read(names), [])
    plan = {
        "timezone": timezone,
        "group": list(names),
        "columns": columns,
        "buckets": _buckets.number(df.sparkSession),
    }
    lines = sent.mapInArrow(deferred("lines", plan, _WORKER), _buckets.FIELDS)
    counts = _buckets.shuffled(lines).mapInArrow(deferred("count", plan, _WORKER), _buckets.FIELDS)
    got = collected(counts)
    found = [pl.DataFrame(table) for _, table in _buckets.blocks(got.to_batches())]
    whole = pl.concat([pl.DataFrame(schema=SCHEMA), *(table.cast(SCHEMA) for table in found)])
    return PeerTable(whole, timezone=timezone, group=names)


def _listed(features: Sequence[str] | None) -> list[str] | None:
    return None if features is None else list(features)


def _checked(df: DataFrame, times: Sequence[str] = _TIMES) -> list[str]:
    """Refuse what is no table of sessions; returns its columns."""
    _names.check_frame(df)
    if df.isStreaming:
        raise fastrcf.InvalidInputError(
            "sessions are taken in tables; for single records there are "
            "fastrcf.telecom.stream.FeatureStream and fastrcf.telecom.live.SessionStream"
        )
    types = _names.types(df)
    for name in ("session_id", "sim_id", *times):
        if name not in types:
            raise fastrcf.InvalidInputError(f"the sessions have no column {name!r}")
    for name in times:
        if not isinstance(types[name], TimestampType):
            raise fastrcf.InvalidInputError(
                f"{name} holds {types[name].simpleString()} where a timestamp is expected"
            )
    return list(types)


def _sent(
    df: DataFrame, read: Sequence[str], kept: Sequence[str]
) -> tuple[DataFrame, dict[str, str], list[str]]:
    """Send what is read and what is kept, with the bucket of the SIM; says as what they go."""
    names = [field.name for field in df.schema.fields]
    goes = {name: f"c{i}" for i, name in enumerate(dict.fromkeys([*read, *kept])) if name in names}
    selected = [
        # Microseconds are the same in whatever time zone the session is.
        (F.unix_micros(column(name)) if name in _TIMES else column(name)).alias(sent)
        for name, sent in goes.items()
    ]
    return (
        df.select(*selected, _bucket(df)),
        {name: sent for name, sent in goes.items() if name in read},
        [goes[name] for name in kept],
    )


def _bucket(df: DataFrame) -> Column:
    """Say in which bucket a record's SIM is."""
    number = F.pmod(F.xxhash64(column("sim_id")), F.lit(_buckets.number(df.sparkSession)))
    return number.cast("int").alias("bucket")
