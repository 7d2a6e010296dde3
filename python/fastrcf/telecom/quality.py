"""What a load did: what was kept, and what was put aside and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from fastrcf.telecom.times import EARLIEST

if TYPE_CHECKING:
    from datetime import datetime, timedelta

#: Row numbers that a report gives of each reason.
EXAMPLES: Final = 5
#: More bytes than this in one direction of one record are no volume (10 TB).
MAX_BYTES: Final = 10**13


class Reason(StrEnum):
    """Why a record was put aside."""

    MALFORMED = "not a record: fields missing or too many"
    NO_SIM = "no SIM"
    NO_SESSION = "no session id"
    TIME = "unreadable time"
    CLOCK = "clock in another unit?"
    NEGATIVE_DURATION = "negative duration"
    TOO_LONG = "longer than the window"
    BYTES = "unreadable, negative or absurd bytes"
    STATUS = "not about one session"
    OPEN = "session still open"


@dataclass
class Aside:
    """Records put aside for one reason.

    Attributes
    ----------
    count : int
        How many.
    rows : list of tuple of str and int
        File and zero-based row of the first ones.
    """

    count: int = 0
    rows: list[tuple[str, int]] = field(default_factory=list)


@dataclass
class ListReport:
    """What a list of SIMs or cells gave; holds no identifier.

    Attributes
    ----------
    file : str
        The list; empty for a table in memory.
    rows : int
        Its rows.
    unusable : int
        Rows without a name, cells without a place, and lines that are no rows.
    repeated : int
        Rows of a SIM, or of a cell that records have, that an earlier row names.
    found, missing : int
        SIMs of the sessions, or cells of the records, that it has and has not.
    """

    file: str = ""
    rows: int = 0
    unusable: int = 0
    repeated: int = 0
    found: int = 0
    missing: int = 0

    @property
    def none_found(self) -> bool:
        """Whether it has nothing of what was looked for."""
        return not self.found and self.missing > 0


@dataclass
class LoadReport:
    """What a load did; holds no identifier.

    Attributes
    ----------
    schema : str
        The kind of records.
    read : int
        Records read.
    kept : int
        Sessions and messages written.
    stitched : int
        Records that were joined to an earlier one of their session.
    duplicates : int
        Records that came again.
    open : int
        Sessions kept whose end was not seen.
    put_aside : dict of str to Aside
        By reason.
    hashed : bool
        Whether identifiers were hashed.
    notes : list of str
        What else a reader of the result should know.
    lists : dict of str to ListReport
        Of the lists of ``sims`` and ``cells`` that were given.
    """

    schema: str = ""
    read: int = 0
    kept: int = 0
    stitched: int = 0
    duplicates: int = 0
    open: int = 0
    put_aside: dict[str, Aside] = field(default_factory=dict)
    hashed: bool = True
    notes: list[str] = field(default_factory=list)
    lists: dict[str, ListReport] = field(default_factory=dict)

    @property
    def aside(self) -> int:
        """Records put aside; of a session refused as a whole each of its records."""
        return sum(part.count for part in self.put_aside.values())

    def add(self, reason: str, count: int, rows: list[tuple[str, int]]) -> None:
        """Count records put aside."""
        part = self.put_aside.setdefault(reason, Aside())
        part.count += count
        part.rows = sorted([*part.rows, *rows])[:EXAMPLES]

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON can hold it."""
        return {
            "schema": self.schema,
            "read": self.read,
            "kept": self.kept,
            "stitched": self.stitched,
            "duplicates": self.duplicates,
            "open": self.open,
            "put_aside": {
                reason: {
                    "count": part.count,
                    "rows": [{"file": file, "row": row} for file, row in part.rows],
                }
                for reason, part in sorted(self.put_aside.items())
            },
            "identifiers_hashed": self.hashed,
            "notes": list(self.notes),
            "lists": {name: asdict(part) for name, part in self.lists.items()},
        }

    def __str__(self) -> str:
        lines = [
            f"{self.read:,} records read ({self.schema}), {self.kept:,} sessions kept",
            f"{self.stitched:,} joined to an earlier record of their session, "
            f"{self.duplicates:,} repeated, {self.open:,} sessions still open",
        ]
        for reason, part in sorted(self.put_aside.items()):
            where = ", ".join(f"{file}:{row}" if file else str(row) for file, row in part.rows)
            more = ", ..." if part.count > len(part.rows) else ""
            lines.append(f"put aside: {part.count:,} {reason} (rows {where}{more})")
        for name, of in self.lists.items():
            what = "SIMs" if name == "sims" else name
            lines.append(
                f"list of {what}: {of.found:,} of {of.found + of.missing:,} {what} found in "
                f"{of.rows:,} rows, {of.missing:,} not; rows repeated: {of.repeated:,}, "
                f"unusable: {of.unusable:,}"
            )
        lines.extend(self.notes)
        return "\n".join(lines)


def judge(parts: pl.DataFrame, latest: datetime) -> pl.DataFrame:
    """Add the column ``reason``: why a record cannot be used, null if it can.

    Parameters
    ----------
    parts : DataFrame
        Records of ``stitching.PARTS``; those that already have a reason keep it.
    latest : datetime
        Times after it are those of a wrong clock.
    """
    start, end = pl.col("start_ts"), pl.col("end_ts")
    wrong = pl.any_horizontal(
        (start < EARLIEST), (start > latest), (end < EARLIEST), (end > latest)
    )
    volumes = [pl.col("bytes_up"), pl.col("bytes_down")]
    absurd = pl.any_horizontal(*(v.is_null() | (v < 0) | (v > MAX_BYTES) for v in volumes))
    reason = (
        pl.when(pl.col("reason").is_not_null())
        .then(pl.col("reason"))
        .when(pl.col("sim_id").is_null())
        .then(pl.lit(Reason.NO_SIM.value))
        .when(start.is_null() | end.is_null())
        .then(pl.lit(Reason.TIME.value))
        .when(wrong)
        .then(pl.lit(Reason.CLOCK.value))
        .when(end < start)
        .then(pl.lit(Reason.NEGATIVE_DURATION.value))
        .when(absurd)
        .then(pl.lit(Reason.BYTES.value))
    )
    return parts.with_columns(reason=reason)


def too_long(longest: timedelta) -> pl.Expr:
    """Tell the sessions that are longer than the window."""
    return (pl.col("end_ts") - pl.col("start_ts")) > longest
