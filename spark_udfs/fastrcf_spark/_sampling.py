"""An exact uniform sample of a data frame's rows, the same whatever the partitioning.

Rows are numbered by a hash of what tells them apart, and those of the least numbers are taken.
Spark keeps the rows below a bound that leaves about as many as are wanted; the driver cuts
these to the sample. Rows that share a number would share its fate, so a first pass measures
how much they do: it hashes the numbers to buckets, whose counts say it whatever is sampled.
Where it is more than nothing, rows are counted by their values and copies drawn one by one.
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyspark.sql import functions as F
from pyspark.sql.types import TimestampType

from fastrcf_spark import _draw
from fastrcf_spark._features import column
from fastrcf_spark._worker import unpacked

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from fastrcf_spark._learnable import Inputs

BUCKETS = 1 << 14
# Above this, rows that share numbers are counted; the error of the estimate is 0.011.
MOST_SHARED = 1.06
# What makes the second hash of a row another one.
_SECOND = 0x5DEECE66D


@dataclasses.dataclass(frozen=True)
class Facts:
    """What one pass over a data frame tells.

    Attributes
    ----------
    rows, suspects : int
        Rows, and those among them that may be bad; weights and times are of the others.
    design_effect : float
        How many rows share a row's number, as seen from a row.
    weight, weight_squares : float
        Sum of the weights and of their squares; the rows where there are none.
    lengths : tuple of int, or None
        Of the shortest and the longest array.
    seconds : float
        From the first time to the last.
    """

    rows: int
    suspects: int
    design_effect: float
    weight: float
    weight_squares: float
    lengths: tuple[int, int] | None
    seconds: float


def signed(seed: int) -> int:
    """Give 64 bits as Spark has them."""
    seed &= (1 << 64) - 1
    return seed - (1 << 64) if seed >> 63 else seed


def number(seed: int, columns: list[Column]) -> Column:
    """Give the number of a row: 64 bits, as a signed integer."""
    return F.xxhash64(F.lit(signed(seed)).cast("long"), *columns)


def facts(df: DataFrame, found: Inputs, suspect: Column | None, seed: int) -> Facts:
    """Measure a data frame in one pass."""
    doubtful = F.lit(False) if suspect is None else suspect

    def sound(value: Column) -> Column:
        return value if suspect is None else F.when(~column("s"), value)

    chosen = {
        "k": number(seed, found.identity()).bitwiseAND(BUCKETS - 1).cast("int"),
        "s": doubtful,
    }
    wanted = [F.count(F.lit(1)).alias("n"), F.count(F.when(column("s"), 1)).alias("s")]
    n = column("n").cast("decimal(19,0)")
    over = [F.sum(n).alias("n"), F.sum(n * n).alias("nn"), F.sum("s").alias("s")]
    if found.weight is not None:
        chosen["w"] = column(found.weight).cast("double")
        w = sound(column("w"))
        wanted += [F.sum(w).alias("w"), F.sum(w * w).alias("ww")]
        over += [F.sum("w").alias("w"), F.sum("ww").alias("ww")]
    if found.features.kind != "columns":
        chosen["l"] = F.size(found.values()[0])
        length = F.when(column("l") >= 0, column("l"))
        wanted += [F.min(length).alias("l0"), F.max(length).alias("l1")]
        over += [F.min("l0").alias("l0"), F.max("l1").alias("l1")]
    if found.time is not None:
        chosen["t"] = column(found.time)
        if isinstance(found.types[found.time], TimestampType):
            chosen["t"] = F.unix_micros(column(found.time))
        wanted += [F.min(sound(column("t"))).alias("t0"), F.max(sound(column("t"))).alias("t1")]
        over += [F.min("t0").alias("t0"), F.max("t1").alias("t1")]
    selected = df.select(*[value.alias(name) for name, value in chosen.items()])
    row = selected.groupBy("k").agg(*wanted).agg(*over).collect()[0].asDict()
    rows = int(row["n"] or 0)
    lengths = None if row.get("l0") is None else (int(row["l0"]), int(row["l1"]))
    return Facts(
        rows,
        int(row["s"] or 0),
        _draw.design_effect(rows, int(row["nn"] or 0), BUCKETS),
        float(rows if found.weight is None else row["w"] or 0.0),
        float(rows if found.weight is None else row["ww"] or 0.0),
        lengths,
        _seconds(found, row),
    )


def _seconds(found: Inputs, row: dict[str, Any]) -> float:
    if found.time is None or row["t0"] is None:
        return 0.0
    span = row["t1"] - row["t0"]
    if isinstance(span, datetime.timedelta):
        return span.total_seconds()
    scale = 1e-6 if isinstance(found.types[found.time], TimestampType) else 1.0
    return float(span) * scale


def sample(
    df: DataFrame, found: Inputs, known: Facts, n_rows: int, seed: int
) -> tuple[pa.Table, bool]:
    """Draw a sample of rows that are all good.

    Parameters
    ----------
    df : DataFrame
    found : Inputs
    known : Facts
        Of this data frame, whose ``rows`` are all good.
    n_rows : int
        Rows of the sample; all rows where there are no more.
    seed : int

    Returns
    -------
    pyarrow.Table
        The features, named ``c0`` and so on, in the order of the rows' numbers.
    bool
        Whether copies of rows were counted.
    """
    counted = n_rows < known.rows and known.design_effect > MOST_SHARED
    if counted:
        return _of_copies(df, found, known, n_rows, seed), True
    return _of_rows(df, found, known, n_rows, seed), False


def _of_rows(df: DataFrame, found: Inputs, known: Facts, n_rows: int, seed: int) -> pa.Table:
    number_ = number(seed, found.identity())
    weighted = found.weight is not None
    weight = column(found.weight).cast("double") if found.weight is not None else F.lit(1.0)
    target = _draw.room(n_rows)
    until = _draw.start(target, known.rows, known.weight, known.weight_squares)
    if not weighted:
        # The bound is one of numbers, exactly.
        until = target / known.rows if known.rows else 1.0
    while True:
        everything = n_rows >= known.rows or (not weighted and until >= 1.0)
        part = df
        if not everything:
            part = df.where(
                _below(number_, until * weight) if weighted else number_ < _bound(until)
            )
        chosen = part.select(number_.alias("h"), *_values(found))
        table, hashes, weights = _unpacked(found, collected(chosen))
        times = _draw.first_rings(hashes, weights) if weighted else None
        places = _draw.order(table, hashes, times)
        inside = len(places)
        if times is not None and not everything:
            inside = int((times < until).sum())
        if everything or inside >= n_rows:
            return table.take(pa.array(places[: min(n_rows, inside)]))
        until = _draw.grown(until, inside, target)


def _of_copies(df: DataFrame, found: Inputs, known: Facts, n_rows: int, seed: int) -> pa.Table:
    target = _draw.room(n_rows)
    until = _draw.start(target, known.rows, known.weight, known.weight_squares)
    # One column: each renamed column that a hash is made of doubles what Spark infers of it.
    values = df.select(F.struct(*_values(found)).alias("c"))
    first, second = (number(each, [column("c")]) for each in (seed, seed ^ _SECOND))
    keyed = values.select(first.alias("h"), second.alias("g"), "c")
    weight = F.max("c.w") if found.weight is not None else F.lit(1.0)
    counts = keyed.groupBy("h", "g").agg(F.count(F.lit(1)).alias("m"), weight.alias("v"))
    while True:
        # Counted by two hashes, which are short to shuffle; then the few rows that ring early
        # are looked up, each with how often it occurs.
        early = counts.where(_below(column("h"), until * column("m") * column("v")))
        keys = F.broadcast(early.select("h", "g"))
        rows = keyed.join(keys, ["h", "g"], "left_semi").groupBy("h", "g", "c")
        got = collected(rows.agg(F.count(F.lit(1)).alias("m")).select("h", "g", "m", "c.*"))
        table, hashes, weights = _unpacked(found, got)
        copies, seeds = _integers(got, "m"), _integers(got, "g")
        row, times = _draw.rings(hashes, seeds, copies, weights, until)
        if len(row) >= n_rows or until > 1e300:
            # Ties between copies of a row do not matter, others are broken by values.
            places = _draw.order(table.take(pa.array(row)), hashes[row], times)
            return table.take(pa.array(row[places[:n_rows]]))
        until = _draw.grown(until, len(row), target)


def _values(found: Inputs) -> list[Column]:
    values = [value.alias(f"c{i}") for i, value in enumerate(found.values())]
    if found.weight is not None:
        values.append(column(found.weight).cast("double").alias("w"))
    return values


def _bound(share: float) -> Column:
    """Give the number below which a share of all numbers lies."""
    return F.lit(int(share * 2.0**64) - (1 << 63)).cast("long")


def _below(number_: Column, limit: Column) -> Column:
    """Say whether a row may ring early: -ln(1 - u) is at least u, and much cheaper."""
    chance = number_.cast("double") * F.lit(2.0**-64) + F.lit(0.5)
    return chance <= limit * F.lit(1 + 1e-12) + F.lit(1e-15)


def collected(df: DataFrame) -> pa.Table:
    """Bring rows to the driver."""
    if hasattr(df, "toArrow"):
        return df.toArrow().combine_chunks()
    # Spark 3.5.
    return pa.Table.from_pandas(df.toPandas(), preserve_index=False)


def _unpacked(found: Inputs, got: pa.Table) -> tuple[pa.Table, Any, Any]:
    """Give features as columns, numbers and weights."""
    if found.features.kind == "columns":
        names = [f"c{i}" for i in range(len(found.features.columns))]
        table = got.select(names)
    else:
        width = len(found.features.names)
        packed = got["c0"].combine_chunks()
        if isinstance(packed, pa.ChunkedArray):
            packed = pa.concat_arrays(packed.chunks)
        matrix = unpacked(packed, width)
        table = pa.table([pa.array(values) for values in matrix.T], [f"c{i}" for i in range(width)])
    weights = np.ones(len(got))
    if found.weight is not None:
        weights = got["w"].to_numpy().astype(np.float64)
    return table, _integers(got, "h"), weights


def _integers(got: pa.Table, name: str) -> Any:
    return np.ascontiguousarray(got[name].to_numpy().astype(np.int64))
