"""Labelled session records of IoT networks, made up from a seed, straight to Parquet.

What devices, outages and frauds do is in the Rust crate ``fastrcf-sessions``. This module makes
blocks of whole SIMs on threads and writes each as one file a day. The same seed and sizes give
the same bytes on any number of threads.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import threading
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from fastrcf import _fastrcf
from fastrcf.errors import InvalidParameterError
from fastrcf.telecom import writing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Version of what is made: another one gives other records for the same seed.
VERSION: Final = 1
#: Names of the device families, by number.
FAMILIES: Final = ("meter", "tracker", "pos", "camera", "alarm", "router")
#: Labels of incidents.
LABELS: Final = (
    "stolen_sim",
    "clone",
    "botnet",
    "reconnect_storm",
    "roaming_misuse",
    "sms_pumping",
    "exfiltration",
    "silent_device",
    "tariff_abuse",
)
#: First day if none is given: a Monday.
START: Final = dt.date(2026, 3, 2)

#: Sessions that a SIM has a day, about.
_A_DAY: Final = 14
#: Sessions that a block of SIMs should have, about.
_BLOCK: Final = 600_000
_FACTS, _BLOCKS = "generation.json", "_blocks"


@dataclass(frozen=True)
class Parameters:
    """What is to be made up.

    Parameters
    ----------
    sims : int
        Number of SIMs, 1 to 4,000,000,000.
    days : int
        Number of days, 1 to 3660.
    seed : int
        Seed of everything, 0 to 2**64 - 1.
    start : datetime.date
        First day (UTC).
    fraud : float
        Incidents relative to the usual number, 0 to 100; 0 for none. Usually each kind happens
        ten times in 70,000 SIM-days, and four sessions in a thousand are part of one.

    Raises
    ------
    InvalidParameterError
        If a number is out of its range.
    """

    sims: int
    days: int
    seed: int = 0
    start: dt.date = START
    fraud: float = 1.0

    def __post_init__(self) -> None:
        limits = {"sims": (1, 4_000_000_000), "days": (1, 3660), "seed": (0, 2**64 - 1)}
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not isinstance(value, int) or not low <= value <= high:
                raise InvalidParameterError(f"{name} is {value!r}; it must be from {low} to {high}")
        if not (math.isfinite(self.fraud) and 0 <= self.fraud <= 100):
            raise InvalidParameterError(f"fraud is {self.fraud!r}; it must be from 0 to 100")
        if not 1970 <= self.start.year <= 2199:
            raise InvalidParameterError(f"start is {self.start}; its year must be 1970 to 2199")

    @property
    def sims_a_block(self) -> int:
        """SIMs of a block; the last one has fewer."""
        blocks = math.ceil(self.sims * self.days * _A_DAY / _BLOCK)
        return math.ceil(self.sims / max(1, blocks))

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return math.ceil(self.sims / self.sims_a_block)

    def facts(self) -> dict[str, Any]:
        """Return them as plain values."""
        return {**asdict(self), "start": self.start.isoformat(), "version": VERSION}


@dataclass(frozen=True)
class Generation:
    """What was made.

    Attributes
    ----------
    folder : Path
        Where it is.
    sessions, labelled : int
        Records, and those that are part of an incident.
    families, labels : dict of str to int
        Records of each family, and of each kind of incident.
    incidents : int
        Number of incidents.
    blocks, n_bytes : int
        Blocks of SIMs, and bytes of all record files.
    """

    folder: Path
    sessions: int
    labelled: int
    families: dict[str, int]
    labels: dict[str, int]
    incidents: int
    blocks: int
    n_bytes: int


def generate(
    folder: Path,
    parameters: Parameters,
    *,
    n_threads: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Callable[[float, int], None] | None = None,
) -> Generation:
    """Make up session records and write them below a folder.

    ``sessions/date=YYYY-MM-DD/part-NNNNN.parquet`` has the records that start on a day (UTC), of
    the block of SIMs with that number: the same SIMs on every day. Rows are sorted by start and
    SIM. ``sims.parquet`` tells about SIMs, ``incidents.parquet`` about incidents,
    ``generation.json``, written last, how all was made.

    Parameters
    ----------
    folder : Path
        Where to write; made if it is not there.
    parameters : Parameters
        What to make.
    n_threads : int, optional
        Threads; default: as many as the machine has, at most one a block.
    resume : bool
        Go on with a run that was stopped: blocks that are complete stay.
    overwrite : bool
        Write into a folder that has an earlier generation, in its place.
    progress : callable, optional
        Told the share done and the records made.

    Returns
    -------
    Generation
        What was made.

    Raises
    ------
    InvalidParameterError
        If the folder is not empty and neither ``resume`` nor ``overwrite`` is given, or holds what
        other parameters made.
    """
    _prepare(folder, parameters, resume=resume, overwrite=overwrite)
    first_day = (parameters.start - dt.date(1970, 1, 1)).days
    world = _fastrcf.SessionWorld(
        sims=parameters.sims,
        days=parameters.days,
        seed=parameters.seed,
        first_day=first_day,
        fraud=parameters.fraud,
    )
    maker = _Maker(folder, parameters, world)
    maker.run(n_threads or os.cpu_count() or 1, progress)
    return maker.finish()


def _prepare(folder: Path, parameters: Parameters, *, resume: bool, overwrite: bool) -> None:
    """Make the folders, or refuse before anything changes."""
    if resume and overwrite:
        raise InvalidParameterError("resume and overwrite exclude each other")
    if folder.exists() and not folder.is_dir():
        raise InvalidParameterError(f"{folder} is not a folder")
    facts = folder / _BLOCKS / "parameters.json"
    found = folder.exists() and any(folder.iterdir())
    if found and resume:
        _same(facts if facts.exists() else folder / _FACTS, parameters)
    elif found and overwrite:
        _clear(folder)
    elif found:
        raise InvalidParameterError(
            f"{folder} is not empty; resume goes on with a run that was stopped, overwrite "
            "replaces an earlier one"
        )
    (folder / _BLOCKS).mkdir(parents=True, exist_ok=True)
    for day in range(parameters.days):
        _day_folder(folder, parameters, day).mkdir(parents=True, exist_ok=True)
    writing.write_text(json.dumps(parameters.facts(), indent=1) + "\n", facts)


def _same(path: Path, parameters: Parameters) -> None:
    """Refuse to go on with what other parameters made."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        raise InvalidParameterError(
            f"{path.parent} holds no run that can be resumed ({path.name} is missing or damaged)"
        ) from None
    wanted = parameters.facts()
    found = found.get("parameters", found)
    for name, value in wanted.items():
        if found.get(name) != value:
            raise InvalidParameterError(
                f"cannot resume: the run there has {name} {found.get(name)}, not {value}"
            )


#: What a generation writes, below its folder.
_OURS: Final = (
    "sessions/date=*/part-*.parquet",
    "sessions/date=*/.part-*.unfinished",
    f"{_BLOCKS}/*.json",
    f"{_BLOCKS}/.*.unfinished",
    _FACTS,
    "sims.parquet",
    "incidents.parquet",
    ".*.unfinished",
)


def _clear(folder: Path) -> None:
    """Remove what an earlier generation wrote, unless there is something else."""
    ours = {place for pattern in _OURS for place in folder.glob(pattern)}
    others = [place for place in folder.rglob("*") if place.is_file() and place not in ours]
    if others:
        names = ", ".join(str(place.relative_to(folder)) for place in sorted(others)[:3])
        raise InvalidParameterError(f"{folder} holds what no generation wrote: {names}")
    for place in ours:
        place.unlink()
    for place in (*folder.glob("sessions/date=*"), folder / "sessions", folder / _BLOCKS):
        if place.is_dir():
            place.rmdir()


def _day_folder(folder: Path, parameters: Parameters, day: int) -> Path:
    date = parameters.start + dt.timedelta(days=day)
    return folder / "sessions" / f"date={date.isoformat()}"


class _Maker:
    """Makes blocks on threads."""

    def __init__(self, folder: Path, parameters: Parameters, world: _fastrcf.SessionWorld) -> None:
        self._folder = folder
        self._parameters = parameters
        self._world = world
        self._stop = threading.Event()

    def run(self, n_threads: int, progress: Callable[[float, int], None] | None) -> None:
        """Make the blocks that are not there yet."""
        tell = progress or (lambda share, rows: None)
        n_blocks = self._parameters.blocks
        missing = [block for block in range(n_blocks) if not self._facts_of(block).exists()]
        done, rows = n_blocks - len(missing), 0
        waiting = iter(missing)
        n_threads = max(1, min(n_threads, len(missing)))
        with ThreadPoolExecutor(n_threads) as pool:
            going: set[Future[int]] = set()
            try:
                for block in waiting:
                    going.add(pool.submit(self._make, block))
                    if len(going) < n_threads:
                        continue
                    ready, going = wait(going, return_when=FIRST_COMPLETED)
                    rows += sum(future.result() for future in ready)
                    done += len(ready)
                    tell(done / n_blocks, rows)
                for future in going:
                    rows += future.result()
                    done += 1
                    tell(done / n_blocks, rows)
            except BaseException:
                # Blocks under way end after the file that they are at.
                self._stop.set()
                raise

    def _make(self, block: int) -> int:
        size = self._parameters.sims_a_block
        start = block * size
        made = self._world.block(start, min(start + size, self._parameters.sims))
        n_bytes = 0
        for day in range(self._parameters.days):
            if self._stop.is_set():
                return 0
            table = writing.record_table(made.day(day))
            place = _day_folder(self._folder, self._parameters, day)
            n_bytes += writing.write_records(table, place / f"part-{block:05}.parquet")
        facts = {
            "sessions": len(made),
            "families": list(made.families()),
            "tallies": [list(tally) for tally in made.tallies()],
            "n_bytes": n_bytes,
        }
        writing.write_text(json.dumps(facts) + "\n", self._facts_of(block))
        return len(made)

    def _facts_of(self, block: int) -> Path:
        return self._folder / _BLOCKS / f"block-{block:05}.json"

    def finish(self) -> Generation:
        """Write what is known of SIMs and incidents, and last how all was made."""
        sessions, n_bytes = 0, 0
        families: Counter[str] = Counter()
        tallies: Counter[int] = Counter()
        for block in range(self._parameters.blocks):
            facts = json.loads(self._facts_of(block).read_text(encoding="utf-8"))
            sessions += facts["sessions"]
            n_bytes += facts["n_bytes"]
            families.update(dict(zip(FAMILIES, facts["families"], strict=True)))
            tallies.update(dict(facts["tallies"]))
        incidents = self._incidents(tallies)
        labels: Counter[str] = Counter(dict.fromkeys(LABELS, 0) if len(incidents) else {})
        for label, count in zip(
            incidents["label"].to_pylist(), incidents["sessions"].to_pylist(), strict=True
        ):
            labels[label] += count
        writing.write_tables([incidents], self._folder / "incidents.parquet")
        self._sims()
        made = Generation(
            folder=self._folder,
            sessions=sessions,
            labelled=tallies.total(),
            families=dict(families),
            labels=dict(labels),
            incidents=len(incidents),
            blocks=self._parameters.blocks,
            n_bytes=n_bytes,
        )
        facts = {"parameters": self._parameters.facts(), **asdict(made)}
        del facts["folder"]
        writing.write_text(json.dumps(facts, indent=1) + "\n", self._folder / _FACTS)
        return made

    def _incidents(self, tallies: Counter[int]) -> pa.Table:
        told = self._world.incidents()
        sims = [[self._sim_ids(sim)[0] for sim in incident[6]] for incident in told]
        time = pa.timestamp("us", "UTC")
        return pa.table(
            {
                "incident": pa.array([i[0] for i in told], pa.int32()),
                "label": pa.array([i[1] for i in told], pa.string()),
                "onset": pa.array([i[2] for i in told], time),
                "end": pa.array([i[3] for i in told], time),
                "n_sims": pa.array([len(i[6]) for i in told], pa.int32()),
                "sessions": pa.array([tallies[i[0]] for i in told], pa.int64()),
                "size": pa.array([i[4] for i in told], pa.float64()),
                "returns": pa.array(
                    [i[5] if i[1] == "silent_device" else None for i in told], pa.bool_()
                ),
                "description": pa.array([i[7] for i in told], pa.string()),
                "sim_ids": pa.array(sims, pa.list_(pa.string())),
            }
        )

    def _sim_ids(self, sim: int) -> list[str]:
        ids: list[str] = writing.strings(*self._world.sims(sim, sim + 1)["sim_id"]).to_pylist()
        return ids

    def _sims(self) -> None:
        step = 200_000
        time = pa.timestamp("us", "UTC")

        def tables() -> Any:
            for start in range(0, self._parameters.sims, step):
                columns = self._world.sims(start, min(start + step, self._parameters.sims))
                yield pa.table(
                    {
                        name: writing.strings(*values)
                        if isinstance(values, tuple)
                        else writing.numbers(
                            values, time if name == "active_from" else pa.float64()
                        )
                        for name, values in columns.items()
                    }
                )

        writing.write_tables(tables(), self._folder / "sims.parquet")
