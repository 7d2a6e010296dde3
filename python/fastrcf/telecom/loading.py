"""Session records from what operators have: in memory, or from files to files."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import polars as pl
import pyarrow.parquet as pq

from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.files import Options, check_place, find_files, guess_format, open_whole
from fastrcf.telecom import canonical, onece, pgw, radius, twilio, ultiroam
from fastrcf.telecom.aliases import SOURCES, SourceSchema, check, recognise, resolve
from fastrcf.telecom.identifiers import KeyedHash
from fastrcf.telecom.quality import EXAMPLES, LoadReport, Reason, judge, too_long
from fastrcf.telecom.reading import flatten, pieces
from fastrcf.telecom.records import Table
from fastrcf.telecom.schema import TRUTH, arrow_schema, polars_schema
from fastrcf.telecom.stitching import PARTS, stitch
from fastrcf.telecom.times import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fastrcf.telecom.times import Unit

_PARSERS: Final[dict[str, Callable[[Table], pl.DataFrame]]] = {
    "radius": radius.parse,
    "pgw": pgw.parse,
    "1nce": onece.parse,
    "twilio": twilio.parse,
    "ultiroam": ultiroam.parse,
    "canonical": canonical.parse,
}
SCHEMAS: Final = ("auto", *SOURCES)
#: Longest session by default.
WINDOW: Final = timedelta(days=31)
# Bytes of input for each bucket of SIMs, and most buckets: each is an open file.
_BUCKET_BYTES: Final = 128 << 20
_MOST_BUCKETS: Final = 256
_BATCH_ROWS: Final = 1 << 18
# What the file of records put aside tells of each.
_TOLD: Final = (
    "reason", "file", "row", "session_id", "sim_id", "device_id", "start_ts", "end_ts",
    "bytes_up", "bytes_down",
)  # fmt: skip


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
    report: LoadReport = field(default_factory=LoadReport)
    source: SourceSchema | None = None
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
        found = resolve(self.source, frame.columns, self.columns)
        self.truth = self.truth or any(c.name in found for c in TRUTH)
        table = Table(frame, found, self.clock, self.mnc_digits, self.volume_unit)
        parts = _PARSERS[self.source.name](table)
        parts = parts.with_columns(pl.lit(file).alias("file"), rows.alias("row"))
        parts = judge(self._hashed(parts), self.clock.latest)
        self.report.read += frame.height
        aside = parts.filter(pl.col("reason").is_not_null())
        self.count(aside)
        return parts.filter(pl.col("reason").is_null()), aside

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

    def sessions(self, parts: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Join the records of whole SIMs: their sessions, and those put aside."""
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
        kept = made.filter(pl.col("reason").is_null())
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
        if self.source is not None and self.source.name == "twilio":
            report.notes.append("volumes are those that the source calls packets")
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
        Bytes of one unit of volume, where volumes are not in bytes.
    max_duration : timedelta
        Longer sessions are put aside.
    keep_open : bool
        Whether sessions whose end was not seen are kept, as far as they are known.
    mnc_digits : mapping of str to int, optional
        Digits of the networks (MNC) of home countries (MCC), where they are known.

    Returns
    -------
    Loaded
        Sessions, report and what was put aside.

    Raises
    ------
    InvalidInputError
        If the columns do not fit; names what is missing and what is near. Or if most
        times are in another unit.
    InvalidParameterError
        If there is no key.
    """
    frame = table if isinstance(table, pl.DataFrame) else pl.DataFrame(table)
    run = _run(
        schema, columns, key, hash_identifiers, timezone, time_unit, volume_unit, max_duration,
        keep_open, mnc_digits,
    )  # fmt: skip
    frame = flatten(frame)
    rows = pl.Series("row", range(frame.height), dtype=pl.Int64)
    good, bad = run.records(frame, "", rows)
    sessions, refused = run.sessions(good)
    aside = pl.concat([bad.select(_TOLD), refused.select(_TOLD)])
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
    keep_open, mnc_digits
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
        keep_open, mnc_digits,
    )  # fmt: skip
    files = find_files(str(source))
    place = Path(out) / "sessions"
    if place.exists():
        raise InvalidInputError(f"{place} is there already; name another folder or remove it")
    if put_aside is not None:
        check_place(Path(put_aside))
        if guess_format(str(put_aside)) not in ("parquet", "csv"):
            raise InvalidInputError(f"{put_aside}: give a Parquet or CSV file")
    size = sum(Path(file).stat().st_size for file in files if file != "-")
    number = buckets or min(_MOST_BUCKETS, 1 + size // _BUCKET_BYTES)
    if not 1 <= number <= 4096:
        raise InvalidParameterError(f"buckets is {number}; 1 to 4096 are possible")
    with _unfinished(Path(out)) as work:
        spill = _Spill(work / "spill", number)
        asides = _Spill(work / "aside", 1)
        with spill, asides:
            for i, file in enumerate(files):
                options = read or Options(batch_rows=_BATCH_ROWS)
                for piece in pieces(file, options):
                    good, bad = run.records(piece.frame, piece.file, piece.rows)
                    if piece.malformed:
                        where = [(piece.file, row) for row in piece.malformed]
                        run.report.read += len(where)
                        run.report.add(Reason.MALFORMED.value, len(where), where[:EXAMPLES])
                    spill.write(good, run.key is not None)
                    asides.write(bad.select(_TOLD), hashed=None)
                if tell is not None:
                    tell(0.7 * (i + 1) / len(files), run.report.read)
            spill.close()
            for bucket in range(number):
                parts = spill.read(bucket)
                if parts is not None:
                    sessions, bad = run.sessions(parts)
                    asides.write(bad.select(_TOLD), hashed=None)
                    _write(sessions, work / "sessions", bucket, run.truth)
                if tell is not None:
                    tell(0.7 + 0.3 * (bucket + 1) / number, run.report.read)
        report = run.finish()
        (work / "sessions").mkdir(exist_ok=True)
        if put_aside is not None:
            _write_aside(asides.path(0), str(put_aside))
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
    return _Load(
        secret, schema, columns or {}, Clock(timezone, time_unit), max_duration, keep_open,
        mnc_digits or {}, volume_unit,
    )  # fmt: skip


class _Spill:
    """Records on disk, by buckets of SIMs."""

    def __init__(self, folder: Path, buckets: int) -> None:
        folder.mkdir()
        self._folder = folder
        self._buckets = buckets
        self._writers: dict[int, pq.ParquetWriter] = {}

    def __enter__(self) -> _Spill:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def path(self, bucket: int) -> Path:
        return self._folder / f"{bucket}.parquet"

    def write(self, frame: pl.DataFrame, hashed: bool | None) -> None:
        if not frame.height:
            return
        if self._buckets == 1 or hashed is None:
            self._append(0, frame)
            return
        number = bucket_of(frame["sim_id"], self._buckets, hashed=hashed)
        parted = frame.with_columns(_bucket=number).partition_by(
            "_bucket", as_dict=True, include_key=False
        )
        for (bucket,), part in parted.items():
            self._append(int(bucket), part)

    def _append(self, bucket: int, frame: pl.DataFrame) -> None:
        rows = frame.to_arrow()
        if bucket not in self._writers:
            path = self.path(bucket)
            self._writers[bucket] = pq.ParquetWriter(path, rows.schema, compression="lz4")
        self._writers[bucket].write_table(rows)

    def read(self, bucket: int) -> pl.DataFrame | None:
        path = self.path(bucket)
        return pl.read_parquet(path).cast(dict(PARTS)) if path.exists() else None  # type: ignore[arg-type]

    def close(self) -> None:
        with ExitStack() as stack:
            for writer in self._writers.values():
                stack.callback(writer.close)
        if self._writers:
            self._writers = {}


def bucket_of(sims: pl.Series, buckets: int, *, hashed: bool) -> pl.Series:
    """Give the number of the bucket of each SIM.

    Parameters
    ----------
    sims : Series of String
        SIMs.
    buckets : int
        How many buckets there are.
    hashed : bool
        Whether SIMs are hashes: their first 32 bits decide then, and a hash of them
        otherwise.
    """
    known = sims.unique().drop_nulls()
    digits = (
        known.to_list()
        if hashed
        else [hashlib.blake2b(sim.encode(), digest_size=4).hexdigest() for sim in known.to_list()]
    )
    numbers = pl.Series([int(text[:8], 16) % buckets for text in digits], dtype=pl.Int32)
    return sims.replace_strict(known, numbers, default=0, return_dtype=pl.Int32)


def _write(sessions: pl.DataFrame, folder: Path, bucket: int, truth: bool) -> None:
    days = sessions.with_columns(_day=pl.col("start_ts").dt.date()).partition_by(
        "_day", as_dict=True, include_key=False, maintain_order=True
    )
    schema = arrow_schema(truth=truth)
    for (day,), part in days.items():
        below = folder / f"date={day}"
        below.mkdir(parents=True, exist_ok=True)
        table = part.to_arrow().cast(schema)
        pq.write_table(table, below / f"part-{bucket:05}.parquet", compression="zstd")


def _write_aside(records: Path, out: str) -> None:
    frame = (
        pl.read_parquet(records)
        if records.exists()
        else pl.DataFrame(schema={name: PARTS[name] for name in _TOLD})
    )
    with open_whole(out) as file:
        if guess_format(out) == "csv":
            frame.write_csv(file)
        else:
            frame.write_parquet(file)


@contextmanager
def _unfinished(out: Path) -> Iterator[Path]:
    """Give a folder to work in, and leave nothing of it."""
    fresh = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    work = out / f".sessions.{os.getpid()}.unfinished"
    try:
        work.mkdir()
        yield work
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        if fresh:
            shutil.rmtree(out, ignore_errors=True)
        raise
    shutil.rmtree(work, ignore_errors=True)
