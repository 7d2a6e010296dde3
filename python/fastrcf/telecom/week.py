"""The whole way, from session records to alerts, an evaluation and a report."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

import fastrcf
from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.telecom import baselines, checked, kept, writing
from fastrcf.telecom.detection import WARM_UP, SessionDetector
from fastrcf.telecom.evaluation import evaluate_findings
from fastrcf.telecom.feature_files import features_folder
from fastrcf.telecom.peers import PeerTable
from fastrcf.telecom.place_hours import LEVELS as PLACES
from fastrcf.telecom.places import PlaceDetector, PlaceEvents
from fastrcf.telecom.rollup import LEVELS
from fastrcf.telecom.stories import read_sessions as scan
from fastrcf.telecom.timeline import KEYS, local_offset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from os import PathLike

    from fastrcf.telecom.evaluation import IncidentEvaluation
    from fastrcf.telecom.findings import Findings

    Progress = Callable[[str, float, int], None]

#: Share of the days that is learnt from, if no moment is given.
LEARNT: Final = 4 / 7
#: What alerts need of sessions beside their features.
NEEDED: Final = ("session_id", "sim_id", "start_ts", "end_ts", "customer", "family", "cell")


@dataclass
class Week:
    """What came of a run.

    Attributes
    ----------
    detector : SessionDetector
        What was learnt.
    findings : Findings
        What it found.
    evaluation : IncidentEvaluation or None
        Where it is known what happened.
    baselines : list of (str, IncidentEvaluation)
        What others find.
    until : datetime
        Where learning ended and judging began.
    sessions : int
        All sessions.
    seconds : list of (str, float)
        What each step took.
    places : list of PlaceEvents
        Hours of cells and of operators that stand out, as far as they have sessions enough.
    """

    detector: SessionDetector
    findings: Findings
    evaluation: IncidentEvaluation | None
    baselines: list[tuple[str, IncidentEvaluation]]
    until: datetime
    sessions: int
    seconds: list[tuple[str, float]] = field(default_factory=list)
    places: list[PlaceEvents] = field(default_factory=list)


@contextmanager
def timed(
    seconds: list[tuple[str, float]], step: str, progress: Progress | None = None
) -> Iterator[None]:
    """Note what a step takes, and tell that it has begun and ended."""
    tell = progress or (lambda what, share, rows: None)
    started = time.monotonic()
    tell(step, 0.0, 0)
    yield
    tell(step, 1.0, 0)
    seconds.append((step, time.monotonic() - started))


def run(
    source: Path,
    out: Path,
    *,
    until: datetime | None = None,
    timezone: str = "UTC",
    alerts_per_thousand: float | None = None,
    alerts_per_day: float | None = None,
    random_state: int = 7,
    compare: bool = True,
    resume: bool = False,
    say: Callable[[str], None] | None = None,
    progress: Progress | None = None,
    seconds: list[tuple[str, float]] | None = None,
) -> Week:
    """Compute features, learn from the first days, judge the others.

    Results of an earlier run are removed before anything else is written, so that a run that is
    stopped leaves no mixture of both.

    Parameters
    ----------
    source : Path
        A folder of session records: ``sessions/date=.../part-....parquet``; beside it
        ``incidents.parquet``, where it is known what happened.
    out : Path
        Folder to write features, the model and the alerts into.
    until : datetime, optional
        Sessions before it are learnt from; default: four sevenths of the days.
    timezone : str, default "UTC"
        Whose hours and days count.
    alerts_per_thousand : float, optional
        Cases a thousand sessions; default: 1.
    alerts_per_day : float, optional
        Cases a day instead.
    random_state : int, default 7
        Seed.
    compare : bool, default True
        Whether others are judged too, where it is known what happened.
    resume : bool, default False
        Keep the features of an earlier run in ``out`` if they are of the same files, unchanged,
        and were made in the same way.
    say : callable, optional
        Told in words whether features are kept, and if not, why; of ``resume`` alone.
    progress : callable, optional
        Told the step, the share of it that is done, and rows; 0 and 0 as each begins. Steps that
        do not know how far they are tell no more than that they end.
    seconds : list, optional
        Steps are added to it.

    Raises
    ------
    InvalidInputError
        If there are too few days.
    InvalidParameterError
        If both budgets are given, one is out of its range, or ``until`` leaves nothing to learn
        from or nothing to judge.

    Notes
    -----
    ``out`` holds ``features``, ``sessions.rcf`` (the detector), ``alerts.parquet``, and
    ``by_sim.parquet``, ``by_fleet.parquet``, ``by_cell.parquet`` as :meth:`Findings.by` gives
    them, those of them that the sessions tell of; ``places.parquet``, hours of cells and operators
    that stand out.
    """
    steps = [] if seconds is None else seconds
    # What is refused is refused before anything is removed.
    detector = SessionDetector(
        alerts_per_thousand=alerts_per_thousand,
        alerts_per_day=alerts_per_day,
        random_state=random_state,
    )
    local_offset(timezone, pl.Series([datetime.now(UTC)]))
    made_of = kept.facts(source, timezone)
    moment = learnt_until(read_sessions(source, ["start_ts"]), until)
    anew = kept.why_anew(out, made_of) if resume else ""
    if resume and say is not None:
        say("features are kept" if anew is None else f"features are computed anew: {anew}")
    out.mkdir(parents=True, exist_ok=True)
    kept.clear(out, features=anew is not None)
    if anew is not None:
        with timed(steps, "features", progress):
            made = features_folder(source, out / "features", timezone=timezone, progress=progress)
        kept.note(out, made_of, made.parts)
    with timed(steps, "read", progress):
        features = read_features(out / "features", detector.features)
        sessions = read_sessions(source, NEEDED)
    with timed(steps, "learn", progress):
        before = pl.col("start_ts") < moment
        detector.fit(features.filter(before), sessions.filter(before))
    with timed(steps, "detect", progress):
        findings = detector.detect(features, sessions, since=moment)
        places = judged_places(out / "features" / "peers.parquet", moment, random_state)
    known = incidents(source)
    evaluation, others = None, []
    if known is not None and "incident" in features.columns:
        with timed(steps, "evaluate", progress):
            evaluation = evaluate_findings(findings, known)
        if compare:
            with timed(steps, "compare", progress):
                others = _others(features, detector, findings, known, moment, random_state)
    detector.save(out / "sessions.rcf")
    with writing.whole(out / "alerts.parquet") as part:
        findings.alerts.write_parquet(part)
    write_rolled_up(findings, out)
    if places:
        with writing.whole(out / "places.parquet") as part:
            pl.concat(of.events for of in places).write_parquet(part)
    return Week(detector, findings, evaluation, others, moment, len(features), steps, places)


def judged_places(peers: Path, until: datetime, random_state: int) -> list[PlaceEvents]:
    """Judge the hours of cells and operators from a moment on by those before.

    Parameters
    ----------
    peers : Path
        The table of peers that was written beside the features.
    until : datetime
        Where learning ends and judging begins.
    random_state : int
        Seed.

    Returns
    -------
    list of PlaceEvents
        Of cells and of operators, those of them that had sessions enough.
    """
    table = PeerTable.load(peers)
    found = []
    for level in PLACES:
        detector = PlaceDetector(level, random_state=random_state)
        try:
            detector.fit(table, until)
        except InvalidInputError:
            # Nowhere sessions enough to say what is usual.
            continue
        found.append(detector.detect(table, until))
    return found


def write_rolled_up(findings: Findings, out: Path) -> list[Path]:
    """Write scores and alerts by SIM, fleet and cell, as far as sessions say what they are of.

    Parameters
    ----------
    findings : Findings
        Of the judged sessions.
    out : Path
        Folder for ``by_sim.parquet``, ``by_fleet.parquet`` and ``by_cell.parquet``. Those of an
        earlier run that these findings do not tell of are deleted.

    Returns
    -------
    list of Path
        What was written.
    """
    written = []
    for level in ("sim", "fleet", "cell"):
        place = out / f"by_{level}.parquet"
        if LEVELS[level] not in findings.scored.columns:
            place.unlink(missing_ok=True)
            continue
        with writing.whole(place) as part:
            findings.by(level).write_parquet(part)
        written.append(place)
    return written


def read_features(
    folder: str | PathLike[str], columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """Read what :func:`~fastrcf.telecom.feature_files.features_folder` wrote.

    Parameters
    ----------
    folder : path
        Its folder.
    columns : sequence of str, optional
        Features; default: all. What sessions are called by comes with them.

    Raises
    ------
    InvalidInputError
        If a feature is not there.
    """
    lazy = pl.scan_parquet(Path(folder) / "features" / "part-*.parquet")
    there = lazy.collect_schema().names()
    keys = [name for name in KEYS if name in there]
    wanted = [name for name in there if name not in keys] if columns is None else list(columns)
    missing = [name for name in wanted if name not in there]
    if missing:
        raise InvalidInputError(f"{folder}: there are no features {', '.join(missing)}")
    return lazy.select(list(dict.fromkeys([*keys, *wanted]))).collect()


def read_sessions(
    folder: str | PathLike[str], columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """Read the sessions of a folder, those columns of the wanted that are there.

    Parameters
    ----------
    folder : path
        Parquet files, themselves or below ``sessions``.
    columns : sequence of str, optional
        Default: all.
    """
    lazy = scan(Path(folder))
    if columns is not None:
        there = lazy.collect_schema().names()
        lazy = lazy.select(name for name in columns if name in there)
    return lazy.collect()


def incidents(source: str | PathLike[str]) -> pl.DataFrame | None:
    """Read what happened, where that is known."""
    place = Path(source) / "incidents.parquet"
    return pl.read_parquet(place) if place.exists() else None


def put_aside(source: str | PathLike[str]) -> dict[str, int] | None:
    """Read why a load put records aside, and how many: from ``load.json`` beside the sessions.

    Parameters
    ----------
    source : path
        A folder of session records.

    Returns
    -------
    dict of str to int, or None
        Records by reason, the most first; None if nothing is known of a load.

    Raises
    ------
    InvalidInputError
        If the file is there and cannot be read.
    """
    place = Path(source) / "load.json"
    if not place.is_file():
        return None
    try:
        found = json.loads(place.read_bytes())["put_aside"]
        counts = {str(why): int(part["count"]) for why, part in found.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInputError(
            f"{place}: it is no report of a load ({type(error).__name__}: {error}); load the "
            "records again, or remove it"
        ) from None
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def learnt_until(sessions: pl.DataFrame, until: datetime | None) -> datetime:
    """Say where learning ends: at a given moment, or after four sevenths of the days.

    Raises
    ------
    InvalidInputError
        If there are fewer than three days: one to warm up, one to learn from, one to judge.
    InvalidParameterError
        If nothing is to be learnt from before the moment, or nothing to be judged behind it.
    """
    if until is None:
        return split(sessions)
    until, starts = checked.moment("until", until), sessions["start_ts"]
    first, last = checked.known(starts.min()), checked.known(starts.max())
    if until > last or starts.is_between(first + WARM_UP, until, closed="left").sum() == 0:
        raise InvalidParameterError(
            f"until: sessions begin from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}; the "
            f"first day is not learnt from, so {until:%Y-%m-%d %H:%M} leaves nothing to learn "
            "from or nothing to judge"
        )
    return until


def split(sessions: pl.DataFrame) -> datetime:
    """Find the midnight where learning ends, after four sevenths of the days.

    Raises
    ------
    InvalidInputError
        If there are fewer than three days: one to warm up, one to learn from, one to judge.
    """
    days = sessions["start_ts"].dt.truncate("1d").unique().sort()
    if len(days) < 3:
        raise InvalidInputError(
            f"the sessions are of {len(days)} {'day' if len(days) == 1 else 'days'}: three are "
            "needed, one to warm up, one to learn from and one to judge"
        )
    first: Any = days[0]
    learnt = min(len(days) - 1, max(2, round(LEARNT * len(days))))
    moment: datetime = first + timedelta(days=learnt)
    return moment


def _others(
    features: pl.DataFrame,
    detector: SessionDetector,
    findings: Findings,
    known: pl.DataFrame,
    moment: datetime,
    random_state: int,
) -> list[tuple[str, IncidentEvaluation]]:
    """Judge others on the same sessions, as far as they are installed."""
    try:
        scores = baselines.isolation_forest(features, detector.features, moment, random_state)
    except ImportError:
        return []
    keys = [name for name in KEYS if name in features.columns]
    scored = features.filter(pl.col("start_ts") >= moment).select(keys)
    scored = scored.with_columns(score=pl.Series(scores))
    n_cases = findings.alerts["case"].n_unique()
    found = baselines.judged(scored, known, detector.alert_rule, n_cases)
    return [("scikit-learn IsolationForest", found)]


def versions() -> dict[str, str]:
    """Give the versions that results depend on."""
    return {"fastrcf": fastrcf.__version__, "polars": pl.__version__}
