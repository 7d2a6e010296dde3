"""Features of sessions in files: a folder in, a folder out, in bounded memory."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import defaultdict, deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeVar

import polars as pl

from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.telecom import catalogue, needs, peers
from fastrcf.telecom.features import of_timelines
from fastrcf.telecom.peers import PeerTable, checked_group, counted
from fastrcf.telecom.timeline import Timeline, canonical, columns
from fastrcf.telecom.windows import row_facts

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    Progress = Callable[[str, float, int], None]

_Made = TypeVar("_Made")

#: Records that are read together, where buckets are made here.
BUCKET: Final = 2_000_000
#: Counts of peers that wait to be added up, beside as many as there are already.
_MOST_COUNTS: Final = 2_000_000
_PART: Final = re.compile(r"part-(\d+)\.parquet")
#: Fast to write and to read, and half the size.
_COMPRESSION: Final = "lz4"


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes
    ----------
    folder : Path
        Holds ``features/part-NNNNN.parquet`` and, with peers, ``peers.parquet``.
    rows, parts, features : int
        Records, files, and features of each record.
    peers : PeerTable or None
        What was known of peers.
    """

    folder: Path
    rows: int
    parts: int
    features: int
    peers: PeerTable | None


def features_folder(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    timezone: str = "UTC",
    peers: PeerTable | Literal["fit"] | None = "fit",
    group: Sequence[str] = ("customer", "family"),
    features: Sequence[str] | None = None,
    progress: Progress | None = None,
    n_threads: int | None = None,
) -> Written:
    """Compute the features of the sessions in a folder.

    Memory holds two buckets of SIMs at a time, and features of two.

    Parameters
    ----------
    source : path
        A folder of ``date=YYYY-MM-DD/part-NNNNN.parquet``, itself or below ``sessions``, in which
        parts of one number hold the same SIMs on every date; or any Parquet file or folder of
        them, which is first split by SIM into temporary files beside ``out``.
    out : path
        Folder to make; it is there when all of it is.
    timezone, peers, group, features
        As :func:`~fastrcf.telecom.features.session_features` takes them.
    progress : callable, optional
        Told what is done, the share of all that is done, and the records so far.
    n_threads : int, optional
        Default: those of Polars.

    Returns
    -------
    Written

    Raises
    ------
    InvalidInputError
        If there are no sessions, or they are not as the schema has them.
    InvalidParameterError
        If ``out`` is there already, or a parameter is none.
    """
    place = Path(out)
    if place.exists():
        raise InvalidParameterError(f"{place} is there already")
    if isinstance(peers, PeerTable) and peers.timezone != timezone:
        raise InvalidParameterError(
            f"peers: the table has days of {peers.timezone}, not of {timezone}"
        )
    wanted = catalogue.chosen(None if features is None else list(features), peers=peers is not None)
    tell = progress or (lambda what, share, rows: None)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{place.name}-", dir=place.parent) as work:
        with _buckets(Path(source), Path(work), tell) as buckets:
            table = peers if isinstance(peers, PeerTable) else None
            if peers == "fit":
                table = _fit(buckets, timezone, group, tell)
            made = Path(work, "made")
            (made / "features").mkdir(parents=True)
            read = needs.columns(wanted, group if table is None else table.group)
            names = list(buckets)
            rows = parts = 0
            # While a part is computed, the next is read and the one before is written.
            with ThreadPoolExecutor(1) as writer:
                writing: Future[None] | None = None
                if table is not None:
                    writing = writer.submit(table.save, made / "peers.parquet")
                timelines = _ahead(lambda files: Timeline(_read(files, read)), buckets.values())
                found = of_timelines(timelines, timezone, table, wanted, n_threads=n_threads)
                for number, chunks in groupby(found, key=itemgetter(0)):
                    part = pl.concat([chunk for _, chunk in chunks])
                    if writing is not None:
                        writing.result()
                    place_of_part = made / "features" / f"part-{names[number]}.parquet"
                    writing = writer.submit(_write, part, place_of_part)
                    rows, parts = rows + len(part), parts + 1
                    tell("features", (number + 1) / len(buckets), rows)
                if writing is not None:
                    writing.result()
        made.rename(place)
    return Written(place, rows, parts, len(wanted), table)


def _write(part: pl.DataFrame, place: Path) -> None:
    part.write_parquet(place, compression=_COMPRESSION, statistics=False, row_group_size=1 << 18)


def _fit(
    buckets: Mapping[str, Sequence[Path]], timezone: str, group: Sequence[str], tell: Progress
) -> PeerTable:
    names = checked_group(group)

    def count(files: Sequence[Path]) -> tuple[pl.DataFrame, int]:
        records = _read(files, peers.read(names), peers.COUNTED)
        return counted(records, row_facts(timezone, records), names), len(records)

    whole: list[pl.DataFrame] = []
    rows = 0
    # What is added up here does not hold up the threads that count.
    for number, (counts, n) in enumerate(_ahead(count, buckets.values(), 2, waiting=4)):
        whole.append(counts)
        if sum(map(len, whole[1:])) > max(_MOST_COUNTS, len(whole[0])):
            whole = [peers.added(whole)]
        rows += n
        tell("peers", (number + 1) / len(buckets), rows)
    return PeerTable(pl.concat(whole), timezone=timezone, group=names)


def _ahead(
    work: Callable[[Sequence[Path]], _Made],
    buckets: Iterable[Sequence[Path]],
    n: int = 1,
    waiting: int = 1,
) -> Iterator[_Made]:
    """Give what is made of each bucket, in order, while ``n`` threads make the next ones.

    At most ``waiting`` are made, or in work, before they are asked for.
    """
    with ThreadPoolExecutor(n) as workers:
        asked: deque[Future[_Made]] = deque()
        try:
            for files in buckets:
                asked.append(workers.submit(work, files))
                if len(asked) > waiting:
                    yield asked.popleft().result()
            while asked:
                yield asked.popleft().result()
        finally:
            for future in asked:
                future.cancel()


def _read(files: Sequence[Path], *only: Sequence[str]) -> pl.DataFrame:
    """Read some columns of the records of some files."""
    return pl.concat(
        [canonical(pl.scan_parquet(file, hive_partitioning=False), *only) for file in files],
        how="diagonal",
    )


def session_files(source: Path) -> list[Path]:
    """List the Parquet files of sessions: the source, or those below it or its ``sessions``.

    Raises
    ------
    InvalidInputError
        If there are none, or one is no Parquet file.
    """
    if not source.exists():
        raise InvalidInputError(f"there is no {source}")
    root = source / "sessions" if (source / "sessions").is_dir() else source
    files = [root] if root.is_file() else sorted(root.rglob("*.parquet"))
    if not files:
        raise InvalidInputError(f"{source}: there is no Parquet file")
    for file in files:
        try:
            pl.read_parquet_schema(file)
        except pl.exceptions.PolarsError:
            raise InvalidInputError(f"{file} is no Parquet file, or damaged") from None
    return files


@contextmanager
def _buckets(source: Path, work: Path, tell: Progress) -> Iterator[dict[str, list[Path]]]:
    """Give files by bucket of whole SIMs, in order."""
    files = session_files(source)
    buckets: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        part = _PART.fullmatch(file.name)
        if part is None or not file.parent.name.startswith("date="):
            break
        buckets[part[1]].append(file)
    else:
        yield dict(sorted(buckets.items()))
        return
    split = work / "split"
    yield _split(files, split, tell)
    shutil.rmtree(split)


def _split(files: Sequence[Path], split: Path, tell: Progress) -> dict[str, list[Path]]:
    """Write records into files by a hash of their SIM."""
    total = sum(pl.scan_parquet(file).select(pl.len()).collect().item() for file in files)
    n = -(-total // BUCKET) or 1
    found: dict[str, list[Path]] = {f"{number:05d}": [] for number in range(n)}
    done = 0
    for file in files:
        scan = pl.scan_parquet(file, hive_partitioning=False)
        names = scan.collect_schema().names()
        if "sim_id" not in names:
            raise InvalidInputError(f"{file}: the sessions have no column 'sim_id'")
        length = scan.select(pl.len()).collect().item()
        for at in range(0, length, BUCKET):
            records = scan.slice(at, BUCKET).select(columns(names)).collect()
            number = pl.col("sim_id").cast(pl.String).hash(seed=0) % n
            for (bucket,), part in records.group_by(number.alias("bucket")):
                folder = split / f"{bucket:05d}"
                folder.mkdir(parents=True, exist_ok=True)
                place = folder / f"{len(found[folder.name]):05d}.parquet"
                part.write_parquet(place, compression=_COMPRESSION, statistics=False)
                found[folder.name].append(place)
            done += len(records)
            tell("splitting", done / total, done)
    return {name: places for name, places in found.items() if places}
