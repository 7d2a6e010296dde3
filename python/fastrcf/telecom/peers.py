"""What is known of peers and places: counts of completed earlier days, quarters and hours.

A table of peers holds counts only, by kind:

========  ==================  =========  ==================================================
kind      a, b                time       what is counted
========  ==================  =========  ==================================================
day       group               day        SIM-days by bin of bytes, records, seconds between
burst     group               quarter    SIMs that burst
network   customer, network   day        records
cell      cell                hour       records, abnormal ends, bytes, milliseconds
operator  network, rat        hour       the same
========  ==================  =========  ==================================================

So tables of parts of the SIMs add up to the table of all, whoever computes them. Features look
up what is before their record's day, quarter or hour (:mod:`peer_lookup`).
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.telecom.feature import log1p
from fastrcf.telecom.peer_features import BINS_PER_LN
from fastrcf.telecom.timeline import canonical, local, numbered
from fastrcf.telecom.windows import row_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Columns that may make a group.
GROUPS: Final = ("customer", "family", "tariff", "apn")
#: Measures of a SIM-day.
MEASURES: Final = ("bytes", "sessions", "gap")
#: Days that peers are looked at before a record's own.
DAYS: Final = 7
QUARTER_US: Final = 15 * 60 * 1_000_000
QUARTERS: Final = 96
HOUR_US: Final = 3_600 * 1_000_000
#: A SIM bursts that has so many records in a quarter of an hour, and so many times its own mean
#: of a quarter on up to seven earlier days.
BURST_COUNT: Final = 4
BURST_TIMES: Final = 4

#: What must be there to count, and what is read for it beside the columns of groups.
COUNTED: Final = ("sim_id", "start_ts", "end_ts")
_READ: Final = (
    *COUNTED,
    "service",
    "bytes_up",
    "bytes_down",
    "visited_plmn",
    "rat",
    "cell",
    "end_cause",
    "customer",
)

SCHEMA: Final = pl.Schema(
    {
        "kind": pl.Categorical(),
        "a": pl.Categorical(),
        "b": pl.Categorical(),
        "time": pl.Int32(),
        "measure": pl.Int32(),
        "bin": pl.Int32(),
        "n": pl.Int64(),
        "failed": pl.Int64(),
        "bytes": pl.Int64(),
        "busy_ms": pl.Int64(),
    }
)
#: Of the lines that are counted, what says something of SIMs.
OF_SIMS: Final = ("sim", "a", "b", "ms", "quarter", "day", "bytes")
_MARK: Final = b"fastrcf.peers"
_LARGEST: Final = 1 << 62
_VALUES: Final = ("n", "failed", "bytes", "busy_ms")


class PeerTable:
    """Counts of peers and places.

    Parameters
    ----------
    counts : polars.DataFrame
        With the columns of :data:`SCHEMA`; rows of equal keys add up.
    timezone : str, default "UTC"
        Whose days they are of.
    group : sequence of str, default ("customer", "family")
        The one or two columns that make a group of peers.
    """

    def __init__(
        self,
        counts: pl.DataFrame,
        *,
        timezone: str = "UTC",
        group: Sequence[str] = ("customer", "family"),
    ) -> None:
        self.timezone = timezone
        self.group = checked_group(group)
        self.counts = added([counts])
        self._lookup: Any = None

    @classmethod
    def fit(
        cls,
        sessions: pl.DataFrame | pl.LazyFrame,
        *,
        timezone: str = "UTC",
        group: Sequence[str] = ("customer", "family"),
    ) -> PeerTable:
        """Count the peers and places of sessions; of a SIM all records must be there.

        Raises
        ------
        InvalidInputError
            If the sessions are not as the schema has them.
        """
        records = canonical(sessions, read(group), COUNTED)
        counts = counted(records, row_facts(timezone, records), checked_group(group))
        return cls(counts, timezone=timezone, group=group)

    def merge(self, other: PeerTable) -> PeerTable:
        """Add the table of other SIMs, or of other days.

        Raises
        ------
        InvalidParameterError
            If it has other days or groups.
        """
        if (other.timezone, other.group) != (self.timezone, self.group):
            raise InvalidParameterError(
                f"a table of {other.group} in {other.timezone} cannot be added to one of "
                f"{self.group} in {self.timezone}"
            )
        return PeerTable(
            pl.concat([self.counts, other.counts]), timezone=self.timezone, group=self.group
        )

    def __bytes__(self) -> bytes:
        import pyarrow as pa
        import pyarrow.parquet as pq

        about = json.dumps({"timezone": self.timezone, "group": self.group})
        table = self.counts.to_arrow().replace_schema_metadata({_MARK: about})
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        return bytes(sink.getvalue().to_pybytes())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the table to a Parquet file, whole or not at all."""
        from fastrcf.files import open_whole

        with open_whole(os.fspath(path)) as file:
            file.write(bytes(self))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PeerTable:
        """Read a table from the file that :meth:`save` wrote.

        Raises
        ------
        InvalidInputError
            If it is none.
        """
        return cls.from_bytes(Path(path).read_bytes(), os.fspath(path))

    @classmethod
    def from_bytes(cls, data: bytes, name: str = "the bytes") -> PeerTable:
        """Read a table from its bytes.

        Raises
        ------
        InvalidInputError
            If they are none.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(pa.BufferReader(data))
            about = json.loads((table.schema.metadata or {})[_MARK])
            counts = pl.DataFrame(pl.from_arrow(table)).cast(SCHEMA)
            found = cls(counts[:0], timezone=about["timezone"], group=tuple(about["group"]))
            # They were added up and put in order when they were written.
            found.counts = counts
            return found
        except (pa.ArrowException, pl.exceptions.PolarsError, KeyError, ValueError) as error:
            raise InvalidInputError(f"{name}: this is no table of peers ({error})") from None

    def lookup(self) -> Any:
        """Give what features look up, made once."""
        if self._lookup is None:
            from fastrcf.telecom.peer_lookup import Lookup

            self._lookup = Lookup(self)
        return self._lookup

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_lookup": None}


def read(group: Sequence[str]) -> tuple[str, ...]:
    """Name the columns that are read to count."""
    return tuple(dict.fromkeys((*_READ, *checked_group(group))))


def checked_group(group: Sequence[str]) -> tuple[str, ...]:
    """Refuse columns that make no group."""
    names = (group,) if isinstance(group, str) else tuple(group)
    if not 1 <= len(names) <= 2 or not set(names) <= set(GROUPS):
        raise InvalidParameterError(f"group: {names!r} is not one or two of {', '.join(GROUPS)}")
    return names


def added(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Add counts of equal keys, in the order of their names."""
    whole = pl.concat(tables)
    kinds = whole["kind"].unique().cast(pl.String).sort()
    found = [_added(whole.filter(pl.col("kind") == kind)) for kind in kinds]
    return pl.concat([pl.DataFrame(schema=SCHEMA), *found]).rechunk()


def _added(rows: pl.DataFrame) -> pl.DataFrame:
    """Add counts of one kind."""
    rows = rows.rechunk()
    keys = [numbered(rows[name])[0] for name in ("a", "b")]
    keys += [rows[name].to_numpy().astype(np.int64) for name in ("time", "measure", "bin")]
    lows = [int(key.min()) for key in keys]
    spans = [int(key.max()) - low + 1 for key, low in zip(keys, lows, strict=True)]
    size = math.prod(spans)
    if size < _LARGEST:
        # One number for all of a row's keys is faster to sort, and one with its place even more.
        number = np.zeros(len(rows), np.int64)
        for key, low, span in zip(keys, lows, spans, strict=True):
            number *= span
            number += key - low
        keys = [number]
    bits = len(rows).bit_length()
    if size < _LARGEST >> bits:
        order = np.sort((keys[0] << bits) + np.arange(len(rows))) & ((1 << bits) - 1)
    else:
        order = np.lexsort(keys[::-1])
    differs = np.ones(len(rows), np.bool_)
    differs[1:] = np.any([np.diff(key[order]) != 0 for key in keys], axis=0)
    begins = np.flatnonzero(differs)
    sums = {name: np.add.reduceat(rows[name].to_numpy()[order], begins) for name in _VALUES}
    return rows[order[begins]].with_columns(pl.Series(name, sums[name]) for name in _VALUES)


def bin_of(x: pl.Expr) -> pl.Expr:
    """Put values at least 0 into bins of their logarithms."""
    return (log1p(x) * BINS_PER_LN).floor().cast(pl.Int32)


def counted(records: pl.DataFrame, row: pl.DataFrame, group: Sequence[str]) -> pl.DataFrame:
    """Count peers and places of whole SIMs, in no order.

    Parameters
    ----------
    records, row : polars.DataFrame
        In any order, with their :func:`~fastrcf.telecom.windows.row_facts`.
    group : sequence of str
        Columns that make a group.
    """
    counting = lines(records, row, group).lazy()
    return pl.concat([*of_sims(counting), *of_places(counting)])


def lines(records: pl.DataFrame, row: pl.DataFrame, group: Sequence[str]) -> pl.DataFrame:
    """Give what is counted of records, as :func:`counted` takes them."""
    start = records["start_ts"].to_physical()
    return pl.DataFrame(
        {
            "sim": local(records["sim_id"]).to_physical(),
            "customer": records["customer"],
            "cell": records["cell"],
            "plmn": records["visited_plmn"],
            "rat": records["rat"],
            "a": records[group[0]],
            "b": records[group[-1]],
            "ms": start // 1000,
            "quarter": (start // QUARTER_US).cast(pl.Int32),
            "hour": (start // HOUR_US).cast(pl.Int32),
            "day": row["day"],
            "bytes": row["bytes"],
            "failed": row["failed"],
            "busy_ms": row["duration_ms"],
        }
    )


def of_sims(lines: pl.LazyFrame) -> list[pl.DataFrame]:
    """Count SIM-days by bins, and bursts; of a SIM all lines must be there."""
    days = (
        lines.group_by("sim", "a", "b", "day")
        .agg(
            n=pl.len().cast(pl.Int64),
            bytes=pl.col("bytes").sum(),
            first=pl.col("ms").min(),
            last=pl.col("ms").max(),
        )
        .collect()
    )
    seconds = (pl.col("last") - pl.col("first")) * 0.001 / (pl.col("n") - 1)
    measured = [
        days.lazy().select("a", "b", "day", x=pl.col("bytes")),
        days.lazy().select("a", "b", "day", x=pl.col("n")),
        days.lazy().filter(pl.col("n") > 1).select("a", "b", "day", x=seconds),
    ]
    found = [
        _rows(
            values.group_by("a", "b", "day", bin=bin_of(pl.col("x"))).agg(
                n=pl.len().cast(pl.Int64)
            ),
            "day",
            time="day",
            measure=pl.lit(number, pl.Int32),
            bin="bin",
        )
        for number, values in enumerate(measured)
    ]
    found.append(_rows(_bursts(lines, days), "burst", time="quarter"))
    return found


def _bursts(lines: pl.LazyFrame, days: pl.DataFrame) -> pl.LazyFrame:
    """Count the SIMs of a group that burst in each quarter of an hour."""
    many = (
        lines.group_by("sim", "a", "b", "quarter")
        .agg(pl.len().alias("now"), pl.col("day").min())
        .filter(pl.col("now") >= BURST_COUNT)
        .collect()
    )
    # A SIM's days as numbers that never come near those of another SIM.
    apart = days["day"].max() - days["day"].min() + 2 * DAYS if len(days) else 1  # type: ignore[operator]
    place = pl.col("sim").cast(pl.Int64) * apart + pl.col("day") - (days["day"].min() or 0)
    own = (
        days.lazy()
        .filter(pl.col("sim").is_in(many["sim"].implode()))
        .group_by("sim", "day")
        .agg(pl.col("n").sum())
        .with_columns(place=place)
        .sort("place")
        .with_columns(
            earlier=pl.col("n").rolling_sum_by("place", f"{DAYS + 1}i") - pl.col("n"),
            since=pl.col("place") - pl.col("place").rolling_min_by("place", f"{DAYS + 1}i"),
        )
    )
    mean_from = pl.col("now") * QUARTERS * pl.col("since") >= BURST_TIMES * pl.col("earlier")
    return (
        many.lazy()
        .join(own, on=["sim", "day"])
        .filter((pl.col("since") > 0) & mean_from)
        .group_by("a", "b", "quarter")
        .agg(n=pl.len().cast(pl.Int64))
    )


def of_places(lines: pl.LazyFrame) -> list[pl.DataFrame]:
    """Count records by network, cell and operator."""
    networks = (
        lines.filter(pl.col("plmn").is_not_null())
        .group_by("customer", "plmn", "day")
        .agg(n=pl.len().cast(pl.Int64))
    )
    sums = [
        pl.len().cast(pl.Int64).alias("n"),
        pl.col("failed").cast(pl.Int64).sum(),
        pl.col("bytes").sum(),
        pl.col("busy_ms").sum(),
    ]
    cells = lines.filter(pl.col("cell").is_not_null()).group_by("cell", "hour").agg(sums)
    operators = lines.filter(pl.col("plmn").is_not_null()).group_by("plmn", "rat", "hour").agg(sums)
    return [
        _rows(networks, "network", "customer", "plmn", time="day"),
        _rows(cells, "cell", "cell", "", time="hour"),
        _rows(operators, "operator", "plmn", "rat", time="hour"),
    ]


def _rows(
    counts: pl.LazyFrame, kind: str, a: str = "a", b: str = "b", **keys: str | pl.Expr
) -> pl.DataFrame:
    """Bring counts to the columns of the table; nulls are a name of their own, the empty one."""
    names = counts.collect_schema().names()
    given = {name: pl.col(key) if isinstance(key, str) else key for name, key in keys.items()}
    return counts.select(
        pl.lit(kind).cast(pl.Categorical).alias("kind"),
        pl.col(a).fill_null("").alias("a"),
        (pl.col(b).fill_null("") if b else pl.lit("").cast(pl.Categorical)).alias("b"),
        *(
            given.get(name, pl.lit(0)).cast(pl.Int32).alias(name)
            for name in ("time", "measure", "bin")
        ),
        *(
            (pl.col(name) if name in names else pl.lit(0)).cast(pl.Int64).alias(name)
            for name in _VALUES
        ),
    ).collect()
