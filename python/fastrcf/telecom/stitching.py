"""Partial records joined to sessions; repeats dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import polars as pl

from fastrcf.telecom.schema import COLUMNS, TRUTH

if TYPE_CHECKING:
    from fastrcf.telecom.aliases import Joining

_TEXT: Final = pl.String()
# Categories as text: parts of many files are joined before they become one column.
_CANONICAL: Final = {
    c.name: _TEXT if c.dtype == pl.Categorical else c.dtype for c in (*COLUMNS, *TRUTH)
}
#: One record as it was read, in canonical terms, before records are joined.
PARTS: Final = pl.Schema(
    _CANONICAL
    | {
        # Order within the session: the number of a partial record, or seconds since its start.
        "sequence": pl.Int64(),
        # Whether the session ended with it; null where a source does not say.
        "last": pl.Boolean(),
        # Whether counters begin again at 2^32.
        "wraps": pl.Boolean(),
        "reason": _TEXT,
        "file": _TEXT,
        "row": pl.Int64(),
    }
)
_KEYS: Final = ("sim_id", "session_id")
_WHERE: Final = ("file", "row")
_ORDER: Final = ("start_ts", "end_ts", "sequence", "last", "bytes_up", "bytes_down")
_KNOWN: Final = tuple(
    name
    for name in _CANONICAL
    if name
    not in (*_KEYS, "start_ts", "end_ts", "duration_s", "bytes_up", "bytes_down", "sms_mo",
            "sms_mt", "cost", "end_cause")
)  # fmt: skip
_WRAP: Final = 1 << 32


class Stitched(NamedTuple):
    """Sessions made of records.

    Attributes
    ----------
    sessions : DataFrame
        Columns of ``PARTS``, one row per session, and ``parts``: its records.
    duplicates, stitched : int
        Records dropped as repeats, and records joined to an earlier one.
    """

    sessions: pl.DataFrame
    duplicates: int
    stitched: int


def stitch(parts: pl.DataFrame, joining: Joining) -> Stitched:
    """Join the records of each session.

    The result does not depend on the order of the records. A session begins with its
    first record and ends with its last; what its last records say of network, device
    and so on holds. Records without a session id stand alone and get one.

    Parameters
    ----------
    parts : DataFrame
        Records of ``PARTS``. All records of a SIM must be there.
    joining : Joining
        ``"sum"`` adds volumes and costs, ``"latest"`` takes the highest counter after
        those that began again at 2^32 were made to go on, ``"none"`` only drops repeats.
    """
    before = parts.height
    # Values without a total order are not sorted by; ties beyond these are told apart by
    # all the text there is.
    content = [name for name in parts.columns if name not in _WHERE]
    order = [*_KEYS, *_ORDER, *(n for n in content if n not in (*_KEYS, *_ORDER, "reason"))]
    parts = parts.sort([*order, *_WHERE], nulls_last=False)
    parts = parts.unique(subset=content, keep="first", maintain_order=True)
    parts = _resent(parts, joining)
    duplicates = before - parts.height
    parts = _named(parts)
    if joining == "none":
        # The last state of a record that came again is the one that holds.
        sessions = parts.unique(subset=list(_KEYS), keep="last", maintain_order=True)
        duplicates += parts.height - sessions.height
        return Stitched(sessions.with_columns(parts=pl.lit(1, pl.UInt32)), duplicates, 0)
    parts = parts.with_columns(parts=pl.len().over(_KEYS).cast(pl.UInt32))
    single = parts.filter(pl.col("parts") == 1)
    several = parts.filter(pl.col("parts") > 1)
    if not several.height:
        return Stitched(single, duplicates, 0)
    joined = _join(several, joining).select(single.columns)
    sessions = pl.concat([single, joined])
    return Stitched(sessions, duplicates, several.height - joined.height)


def _resent(parts: pl.DataFrame, joining: Joining) -> pl.DataFrame:
    """Drop records that came again with the number they had."""
    if joining == "none":
        return parts
    numbered = pl.col("sequence").is_not_null() & pl.col("session_id").is_not_null()
    again = pl.struct(*_KEYS, "sequence", "last" if joining == "latest" else "sequence_kind")
    frame = parts.with_columns(sequence_kind=pl.lit(0))
    keep = ~numbered | again.is_first_distinct()
    if joining == "latest":
        # The one with the highest counters, which is the last in order.
        keep = ~numbered | again.is_last_distinct()
    return frame.filter(keep).drop("sequence_kind")


def _named(parts: pl.DataFrame) -> pl.DataFrame:
    """Name the sessions that have no name: by SIM, start and a number."""
    if not parts["session_id"].null_count():
        return parts
    number = pl.int_range(pl.len()).over("sim_id", "start_ts")
    made = pl.concat_str(
        pl.col("sim_id"),
        pl.lit("-"),
        pl.col("start_ts").dt.epoch("us").cast(pl.String),
        pl.when(number > 0)
        .then(pl.concat_str(pl.lit("-"), number.cast(pl.String)))
        .otherwise(pl.lit("")),
    )
    unnamed = parts.filter(pl.col("session_id").is_null()).with_columns(session_id=made)
    return pl.concat([parts.filter(pl.col("session_id").is_not_null()), unnamed])


def _join(parts: pl.DataFrame, joining: Joining) -> pl.DataFrame:
    keys = list(_KEYS)
    volumes = ("bytes_up", "bytes_down")
    parts = parts.sort([*keys, "end_ts", "sequence", "last", *volumes], nulls_last=False)
    # Sessions lie together now: all that follows goes by row numbers, which is many times
    # faster than asking each group.
    new = pl.any_horizontal(pl.col(n).ne_missing(pl.col(n).shift()) for n in keys)
    at = pl.int_range(pl.len())
    parts = parts.with_columns(_new=new, _at=at).with_columns(
        _new=(pl.col("_at") == 0) | pl.col("_new")
    )
    parts = parts.with_columns(
        _group=pl.col("_new").cum_sum(),
        _first=pl.when("_new").then("_at").forward_fill(),
    )
    if joining == "latest":
        again = {
            n: ((pl.col(n).diff() < 0) & pl.col("wraps") & ~pl.col("_new"))
            .fill_null(False)
            .cast(pl.Int64)
            .cum_sum()
            for n in volumes
        }
        parts = parts.with_columns(
            (pl.col(n) + _WRAP * (turns - pl.when("_new").then(turns).forward_fill())).alias(n)
            for n, turns in again.items()
        )

    def amount(name: str) -> pl.Expr:
        value = pl.col(name).max() if joining == "latest" else pl.col(name).sum()
        return pl.when(pl.col(name).count() > 0).then(value).alias(name)

    amounts = parts.group_by("_group", maintain_order=True).agg(
        pl.col("start_ts").min(),
        pl.col("end_ts").max(),
        *(amount(n) for n in (*volumes, "sms_mo", "sms_mt", "cost")),
        # The session ended if any record says so; it did not if one says that it goes on.
        pl.col("last").max(),
    )

    def latest(name: str) -> pl.Expr:
        known = pl.when(pl.col(name).is_not_null()).then("_at").forward_fill()
        return pl.when(known >= pl.col("_first")).then(pl.col(name).forward_fill()).alias(name)

    ends = pl.col("_new").shift(-1, fill_value=True)
    described = parts.with_columns(latest(n) for n in (*_KNOWN, "end_cause")).filter(ends)
    taken = [n for n in amounts.columns if n != "_group"]
    return pl.concat([described.drop(taken), amounts.select(taken)], how="horizontal")
