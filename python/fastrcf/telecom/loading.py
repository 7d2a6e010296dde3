"""Session records from what operators have: in memory, or from files to files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import polars as pl

from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.files import Options, check_place, find_files, guess_format, open_whole
from fastrcf.telecom import canonical, onece, pgw, radius, twilio, ultiroam
from fastrcf.telecom.aliases import SOURCES, SourceSchema, check, recognise, resolve
from fastrcf.telecom.identifiers import KeyedHash
from fastrcf.telecom.lists import DESCRIPTION, Lists
from fastrcf.telecom.quality import EXAMPLES, LoadReport, Reason, judge, too_long
from fastrcf.telecom.reading import flatten, pieces
from fastrcf.telecom.records import Table, with_common
from fastrcf.telecom.schema import TRUTH, polars_schema
from fastrcf.telecom.spilling import TOLD, Spill, unfinished, write_aside, write_days
from fastrcf.telecom.stitching import stitch
from fastrcf.telecom.times import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastrcf.telecom.times import Unit

_PARSERS: Final[dict[str, Callable[[Table], pl.DataFrame]]] = {
    "radius": radius.parse,
    "pgw": pgw.parse,
    "1nce": onece.parse,
    "twilio": twilio.parse,
    "ultiroam": ultiroam.parse,
    "canonical": canonical.parse,
}
# What kinds of records have to say of columns that were not there.
_NOTES: Final[dict[str, Callable[[Mapping[str, str]], list[str]]]] = {
    "radius": radius.notes,
    "1nce": onece.notes,
    "twilio": twilio.notes,
}
# Kinds whose volumes are in bytes by what they are.
_IN_BYTES: Final = ("canonical", "radius")
SCHEMAS: Final = ("auto", *SOURCES)
#: Longest session by default.
WINDOW: Final = timedelta(days=31)
# Bytes of input for each bucket of SIMs, and most buckets: each is an open file.
_BUCKET_BYTES: Final = 128 << 20
_MOST_BUCKETS: Final = 256
_BATCH_ROWS: Final = 1 << 18


class Loaded(NamedTuple):
    """What :func:`load` gives.

    Attributes
    ----------
    sessions : DataFrame
        In the canonical schema, sorted by start and SIM.
    report : LoadReport
        What was done.
    put_aside : DataFrame
        The records that were not used, and why; identifiers are hashed as in ``sessions``.
    """

    sessions: pl.DataFrame
    report: LoadReport
    put_aside: pl.DataFrame


@dataclass
class _Load:
    """One load: from rows to records, from records to sessions."""

    key: KeyedHash | None
    schema: str
    columns: Mapping[str, str]
    clock: Clock
    longest: timedelta
    keep_open: bool
    mnc_digits: Mapping[str, int]
    volume_unit: int
    lists: Lists
    report: LoadReport
    source: SourceSchema | None = None
    found: dict[str, str] = field(default_factory=dict)
    truth: bool = False

    def records(
        self, frame: pl.DataFrame, file: str, rows: pl.Series
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Read rows: those that can be used, and those put aside."""
        if self.source is None:
            name = self.schema
            self.source = (
                recognise(frame.columns, self.columns) if name == "auto" else SOURCES[name]
            )
            self.report.schema = self.source.name
            check(self.source, frame.columns, self.columns)
            if self.volume_unit != 1 and self.source.name in _IN_BYTES:
                raise InvalidParameterError(
                    f"--volume-unit (volume_unit=): {self.source.title} has volumes in bytes, and "
                    "in no other unit"
                )
        found = resolve(self.source, frame.columns, self.columns)
        self.found = found | self.found
        self.truth = self.truth or any(c.name in found for c in TRUTH)
        table = Table(frame, found, self.clock, self.mnc_digits, self.volume_unit)
        parts = with_common(table, _PARSERS[self.source.name](table), self.source.common)
        parts = parts.with_columns(pl.lit(file).alias("file"), rows.alias("row"))
        parts = judge(self._hashed(parts), self.clock.latest)
        self.report.read += frame.height
        aside = parts.filter(pl.col("reason").is_not_null())
        self.count(aside)
        good = parts.filter(pl.col("reason").is_null())
        self.lists.see(good)
        return good, aside

    def _hashed(self, parts: pl.DataFrame) -> pl.DataFrame:
        if self.key is None:
            return parts
        # A session named after its SIM or device would give them away.
        telling = pl.any_horizontal(
            pl.col("session_id").str.contains(pl.col(n), literal=True).fill_null(False)
            for n in ("sim_id", "device_id")
        )
        named = parts.select(session_id=pl.when(telling).then("session_id"))["session_id"]
        if named.null_count() < len(named):
            hashed = self.key.column(named, "person")
            parts = parts.with_columns(session_id=pl.coalesce(hashed, pl.col("session_id")))
        return parts.with_columns(
            self.key.column(parts["sim_id"], "sim"),
            self.key.column(parts["device_id"], "device"),
        )

    def sessions(
        self, parts: pl.DataFrame, described: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Join the records of whole SIMs: their sessions, and those put aside.

        Parameters
        ----------
        parts : DataFrame
            The records.
        described : DataFrame
            What the list of SIMs says of them, one row a SIM.
        """
        assert self.source is not None
        made, duplicates, stitched = stitch(parts, self.source.joining)
        self.report.duplicates += duplicates
        self.report.stitched += stitched
        lasting = pl.col("last").eq_missing(pl.lit(False))
        reason = pl.when(too_long(self.longest)).then(pl.lit(Reason.TOO_LONG.value))
        if not self.keep_open:
            made_open = pl.when(lasting).then(pl.lit(Reason.OPEN.value))
            made = made.with_columns(reason=pl.coalesce(reason, made_open))
        else:
            made = made.with_columns(reason=reason)
        aside = made.filter(pl.col("reason").is_not_null())
        self.count(aside)
        kept = self.lists.join(made.filter(pl.col("reason").is_null()), described)
        self.report.open += kept.select(lasting.sum()).item()
        self.report.kept += kept.height
        seconds = (pl.col("end_ts") - pl.col("start_ts")).dt.total_microseconds() / 1e6
        schema = polars_schema(truth=self.truth)
        kept = kept.with_columns(duration_s=seconds).select(
            pl.col(name).cast(dtype) for name, dtype in schema.items()
        )
        return kept.sort("start_ts", "sim_id", "session_id"), aside

    def count(self, aside: pl.DataFrame) -> None:
        """Note records put aside; of a joined session all its records count."""
        if not aside.height:
            return
        weight = pl.col("parts").sum() if "parts" in aside.columns else pl.len()
        groups = aside.group_by("reason").agg(
            weight.alias("n"), pl.col("file").head(EXAMPLES), pl.col("row").head(EXAMPLES)
        )
        for reason, n, files, rows in groups.iter_rows():
            self.report.add(reason, n, list(zip(files, rows, strict=True)))

    def finish(self) -> LoadReport:
        """Say what else is to be known, and refuse a result that is none."""
        report = self.report
        clock = report.put_aside.get(Reason.CLOCK.value)
        if clock is not None and 2 * clock.count > report.read:
            raise InvalidInputError(
                f"{clock.count:,} of {report.read:,} records have times before 2000 or after "
                "now: the clock is in another unit; name it by --time-unit (time_unit=) s, ms, "
                "us or ns"
            )
        report.hashed = self.key is not None
        for name, unit in self.clock.units.items():
            if unit != "s":
                report.notes.append(f"times of {name!r} were taken as numbers of {unit}")
        if self.clock.ambiguous:
            report.notes.append(
                f"{self.clock.ambiguous:,} times lie in the hour that the clock of "
                f"{self.clock.timezone} shows twice; the earlier was taken"
            )
        if self.source is not None:
            tell = _NOTES.get(self.source.name)
            report.notes.extend(tell(self.found) if tell else [])
        report.notes.extend(self.lists.finish(self.found.get("sim_id", "sim_id")))
        return report


def load(
    table: Any,
    *,
    schema: str = "auto",
    columns: Mapping[str, str] | None = None,
    key: KeyedHash | str | bytes | None = None,
    hash_identifiers: bool = True,
    timezone: str = "UTC",
    time_unit: Unit | None = None,
    volume_unit: int = 1,
    max_duration: timedelta = WINDOW,
    keep_open: bool = True,
    mnc_digits: Mapping[str, int] | None = None,
    sims: Any = None,
    sims_columns: Mapping[str, str] | None = None,
    cells: Any = None,
    cells_columns: Mapping[str, str] | None = None,
) -> Loaded:
    """Make session records of a table in memory.

    Parameters
    ----------
    table : DataFrame of Polars or pandas, or Arrow table
        Records of an operator.
    schema : str
        Kind of the records, or ``"auto"`` to go by the columns: radius, pgw, 1nce,
        twilio, ultiroam, canonical.
    columns : mapping of str to str, optional
        The table's columns by role, where their names are not known:
        ``{"sim_id": "MY_COL"}``.
    key : KeyedHash, str or bytes, optional
        Key for the hashes of SIMs and devices; default: ``FASTRCF_IDENTIFIER_KEY``.
    hash_identifiers : bool
        False keeps them as they are.
    timezone : str
        Zone of times that name none.
    time_unit : {"s", "ms", "us", "ns"}, optional
        Of times that are numbers; default: told by the middle one of each column.
    volume_unit : int
        Bytes of one unit of volume, where volumes are not in bytes; those of canonical and
        radius always are.
    max_duration : timedelta
        Longer sessions are put aside.
    keep_open : bool
        Whether sessions whose end was not seen are kept, as far as they are known.
    mnc_digits : mapping of str to int, optional
        Digits of the networks (MNC) of home countries (MCC), where they are known.
    sims : str, Path or table, optional
        List of SIMs, as the records name them, with customer, family, tariff or firmware. What
        it says of a SIM holds before what the records say; its first row of a SIM holds.
    cells : str, Path or table, optional
        List of cells with latitude and longitude, which hold before those of the records.
    sims_columns, cells_columns : mapping of str to str, optional
        Columns of the lists by role, as ``columns``.

    Returns
    -------
    Loaded
        Sessions, report and what was put aside.

    Raises
    ------
    InvalidInputError
        If the columns do not fit; names what is missing and what is near. Or if most
        times are in another unit, or a list has none of the SIMs or cells of the records.
    InvalidParameterError
        If there is no key, or a unit of volume for records that have none.
    """
    frame = table if isinstance(table, pl.DataFrame) else pl.DataFrame(table)
    run = _run(
        schema, columns, key, hash_identifiers, timezone, time_unit, volume_unit, max_duration,
        keep_open, mnc_digits, (sims, sims_columns, cells, cells_columns),
    )  # fmt: skip
    frame = flatten(frame)
    rows = pl.Series("row", range(frame.height), dtype=pl.Int64)
    good, bad = run.records(frame, "", rows)
    run.lists.read_cells()
    described = list(run.lists.described())
    first = run.lists.first(pl.concat(described) if described else None)
    sessions, refused = run.sessions(good, first)
    aside = pl.concat([bad.select(TOLD), refused.select(TOLD)])
    return Loaded(sessions, run.finish(), aside)


def load_files(
    source: str | Path,
    out: str | Path,
    *,
    schema: str = "auto",
    columns: Mapping[str, str] | None = None,
    key: KeyedHash | str | bytes | None = None,
    hash_identifiers: bool = True,
    timezone: str = "UTC",
    time_unit: Unit | None = None,
    volume_unit: int = 1,
    max_duration: timedelta = WINDOW,
    keep_open: bool = True,
    mnc_digits: Mapping[str, int] | None = None,
    sims: Any = None,
    sims_columns: Mapping[str, str] | None = None,
    cells: Any = None,
    cells_columns: Mapping[str, str] | None = None,
    buckets: int | None = None,
    put_aside: str | Path | None = None,
    read: Options | None = None,
    tell: Callable[[float, int], None] | None = None,
) -> LoadReport:
    """Make files of session records of an operator's files, in bounded memory.

    Writes ``OUT/sessions/date=YYYY-MM-DD/part-NNNNN.parquet``, each sorted by start
    and SIM. The number of a part is that of the bucket of its SIMs, so a SIM is in
    parts of one number only. All is written, or nothing.

    Parameters
    ----------
    source : str or Path
        A file (CSV, JSON lines, Parquet, Arrow), a folder or a pattern.
    out : str or Path
        Folder to write; must not hold ``sessions`` yet.
    schema, columns, key, hash_identifiers, timezone, time_unit, volume_unit, max_duration,
    keep_open, mnc_digits, sims, sims_columns, cells, cells_columns
        As for :func:`load`.
    buckets : int, optional
        Parts of the SIMs; default: by the size of the files.
    put_aside : str or Path, optional
        Parquet or CSV file for the records that were not used.
    read : fastrcf.files.Options, optional
        How files are read.
    tell : callable, optional
        Told the share done and the rows read.

    Raises
    ------
    InvalidInputError, InvalidParameterError
        As :func:`load`.
    OSError
        If files cannot be read or written.
    """
    run = _run(
        schema, columns, key, hash_identifiers, timezone, time_unit, volume_unit, max_duration,
        keep_open, mnc_digits, (sims, sims_columns, cells, cells_columns),
    )  # fmt: skip
    files = find_files(str(source))
    place = Path(out) / "sessions"
    if place.exists():
        raise InvalidInputError(
            f"{place} is there already, and a load adds nothing to another: records that came "
            "later may belong to sessions that were written; load all files together into another "
            "folder, or remove this one"
        )
    if put_aside is not None:
        check_place(Path(put_aside))
        if guess_format(str(put_aside)) not in ("parquet", "csv"):
            raise InvalidInputError(f"{put_aside}: give a Parquet or CSV file")
    size = sum(Path(file).stat().st_size for file in files if file != "-")
    if run.lists.sims is not None:
        # A row is a hash and its texts: several times what it is in a file.
        size += 4 * run.lists.sims.size
    number = buckets or min(_MOST_BUCKETS, 1 + size // _BUCKET_BYTES)
    if not 1 <= number <= 4096:
        raise InvalidParameterError(f"buckets is {number}; 1 to 4096 are possible")
    with unfinished(Path(out)) as work:
        spill = Spill(work / "spill", number)
        asides = Spill(work / "aside", 1)
        listed = Spill(work / "sims", number, DESCRIPTION)
        with spill, asides, listed:
            for i, file in enumerate(files):
                options = read or Options(batch_rows=_BATCH_ROWS)
                for piece in pieces(file, options):
                    try:
                        good, bad = run.records(piece.frame, piece.file, piece.rows)
                    except InvalidInputError as error:
                        raise InvalidInputError(f"{piece.file}: {error}") from None
                    if piece.malformed:
                        where = [(piece.file, row) for row in piece.malformed]
                        run.report.read += len(where)
                        run.report.add(Reason.MALFORMED.value, len(where), where[:EXAMPLES])
                    spill.write(good, run.key is not None)
                    asides.write(bad.select(TOLD), hashed=None)
                if tell is not None:
                    tell(0.7 * (i + 1) / len(files), run.report.read)
            run.lists.read_cells()
            for rows in run.lists.described():
                listed.write(rows, run.key is not None)
            spill.close()
            listed.close()
            for bucket in range(number):
                parts, described = spill.read(bucket), run.lists.first(listed.read(bucket))
                if parts is not None:
                    sessions, bad = run.sessions(parts, described)
                    asides.write(bad.select(TOLD), hashed=None)
                    write_days(sessions, work / "sessions", bucket, run.truth)
                if tell is not None:
                    tell(0.7 + 0.3 * (bucket + 1) / number, run.report.read)
        report = run.finish()
        (work / "sessions").mkdir(exist_ok=True)
        if put_aside is not None:
            write_aside(asides.path(0), str(put_aside))
        (work / "sessions").replace(place)
    with open_whole(str(Path(out) / "load.json")) as file:
        file.write(json.dumps(report.to_dict(), indent=1).encode())
    return report


def _run(
    schema: str,
    columns: Mapping[str, str] | None,
    key: KeyedHash | str | bytes | None,
    hash_identifiers: bool,
    timezone: str,
    time_unit: Unit | None,
    volume_unit: int,
    max_duration: timedelta,
    keep_open: bool,
    mnc_digits: Mapping[str, int] | None,
    lists: tuple[Any, Mapping[str, str] | None, Any, Mapping[str, str] | None],
) -> _Load:
    if schema not in SCHEMAS:
        raise InvalidParameterError(f"schema {schema!r} is none of {', '.join(SCHEMAS)}")
    if max_duration <= timedelta(0):
        raise InvalidParameterError("max_duration has to be more than nothing")
    if volume_unit < 1:
        raise InvalidParameterError(f"volume_unit is {volume_unit}; at least 1 byte")
    secret: KeyedHash | None = None
    if hash_identifiers:
        secret = key if isinstance(key, KeyedHash) else None
        secret = secret or (KeyedHash.from_environment() if not key else KeyedHash(key))  # type: ignore[arg-type]
    report = LoadReport()
    return _Load(
        secret, schema, columns or {}, Clock(timezone, time_unit), max_duration, keep_open,
        mnc_digits or {}, volume_unit, Lists(*lists, secret, report), report,
    )  # fmt: skip
