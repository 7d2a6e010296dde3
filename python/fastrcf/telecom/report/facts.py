"""What the page of a week of sessions says, typed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from fastrcf._typing import Floats
    from fastrcf.detection import Reason
    from fastrcf.telecom.evaluation import IncidentEvaluation
    from fastrcf.telecom.story import Case


@dataclass(frozen=True)
class Made:
    """How what is reported came about.

    Parameters
    ----------
    data : str
        What the sessions are.
    seed : int, optional
        Of the forest, or of generated data.
    parameters : mapping of str to value
        Of the detector and its rules.
    seconds : mapping of str to float
        Time of each step.
    versions : mapping of str to str
        Beside that of this package.
    """

    data: str = ""
    seed: int | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FamilyFacts:
    """Sessions of a family by the hour: ``hours`` has one count for each of the week's hours."""

    name: str
    sessions: int
    sims: int
    alerts: int
    hours: NDArray[np.int64]


@dataclass(frozen=True)
class WeekFacts:
    """All sessions, judged or before.

    Attributes
    ----------
    first, last : datetime
        The first and the last start.
    judged_from : datetime or None
        The first judged session's start.
    sessions, judged, sims, fleets : int
    bytes : int
    hours : ndarray of datetime64[h]
        Each hour from the first to the last.
    counts, alerting : ndarray of int
        Sessions, and those above the threshold, of each hour.
    families : tuple of FamilyFacts
        The largest first.
    """

    first: datetime
    last: datetime
    judged_from: datetime | None
    sessions: int
    judged: int
    sims: int
    fleets: int
    bytes: int
    hours: NDArray[np.datetime64]
    counts: NDArray[np.int64]
    alerting: NDArray[np.int64]
    families: tuple[FamilyFacts, ...]


@dataclass(frozen=True)
class ScoreFacts:
    """How scores are distributed; ``edges`` has one value more than the counts."""

    threshold: float | None
    sessions: int
    above: int
    highest: float
    edges: Floats
    usual: NDArray[np.int64]
    alerting: NDArray[np.int64]


@dataclass(frozen=True)
class Line:
    """A SIM's sessions about an alert: start, bytes (messages as 0), whether it stood out."""

    at: NDArray[np.datetime64]
    bytes: NDArray[np.int64]
    stood_out: NDArray[np.bool_]
    opened: datetime
    last: datetime
    left_out: int


@dataclass(frozen=True)
class Place:
    """A fleet or a cell with alerts: how many, of how many SIMs, and of all its SIMs."""

    name: str
    alerts: int
    sims_alerting: int
    sims: int
    kinds: tuple[tuple[str, int], ...]
    stands_out: bool


@dataclass(frozen=True)
class PlaceHours:
    """Hours of a cell or an operator that stand out.

    Attributes
    ----------
    level, name : str
        "cell" or "operator", and which.
    first, last : datetime
        When the first and the last of the hours began.
    hours, sessions : int
        Hours that stand out, and sessions in them.
    usual_sessions : float
    failed_share, usual_failed_share : float
        Of its sessions, and of those of the week before.
    throughput, usual_throughput : float or None
        Bytes a second of busy time.
    score : float
        The highest of the hours.
    alerts : int
        Alerts of its SIMs that opened in these hours; of cells alone.
    """

    level: str
    name: str
    first: datetime
    last: datetime
    hours: int
    sessions: int
    usual_sessions: float
    failed_share: float
    usual_failed_share: float
    throughput: float | None
    usual_throughput: float | None
    score: float
    alerts: int


@dataclass(frozen=True)
class DayFacts:
    """Alerts that opened on a day, by kind."""

    day: str
    alerts: int
    kinds: tuple[int, ...]


@dataclass(frozen=True)
class Curve:
    """Precision by recall of sessions, and where the threshold is."""

    recall: Floats
    precision: Floats
    at: tuple[float, float] | None
    prevalence: float


@dataclass(frozen=True)
class QualityFacts:
    """What the sessions lack.

    Attributes
    ----------
    nulls : tuple of (str, int)
        Columns with missing values, the most first.
    complete : tuple of str
        Columns without any.
    absent : tuple of str
        Columns of the schema that are not there.
    put_aside : tuple of (str, int), or None
        Reasons why records were put aside on load, and how many; None if that is not known.
    empty_days, empty_hours : tuple of str
        Between the first and the last session.
    """

    nulls: tuple[tuple[str, int], ...]
    complete: tuple[str, ...]
    absent: tuple[str, ...]
    put_aside: tuple[tuple[str, int], ...] | None
    empty_days: tuple[str, ...]
    empty_hours: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """All that the page says.

    Attributes
    ----------
    week, scores, quality, made
        See there; ``scores`` is None without judged sessions.
    cases : tuple of Case
        All, the most important first.
    reasons : mapping of int to tuple of Reason
        Of each alert.
    lines : mapping of int to Line
        Of the alerts that are drawn.
    kinds : tuple of (str, int)
        Alerts by kind, the most first.
    days : tuple of DayFacts
        Kinds in the order of ``kinds``.
    fleets, cells : tuple of Place
        Those with most alerts.
    network : tuple of PlaceHours
        Cells and operators at hours that stand out, of each the highest scores first.
    at_place : mapping of int to PlaceHours
        Of each alert that opened in such an hour of its cell, the hours.
    evaluation : IncidentEvaluation or None
    baselines : tuple of (str, IncidentEvaluation)
    curve : Curve or None
    confusion : tuple of (str, tuple of int)
        For each label (empty: no incident) how many alerts have which kind.
    labels : mapping of int to str
        Of each alert that an incident is part of, the incident's kind.
    created : datetime
    """

    week: WeekFacts
    scores: ScoreFacts | None
    cases: tuple[Case, ...]
    reasons: Mapping[int, tuple[Reason, ...]]
    lines: Mapping[int, Line]
    kinds: tuple[tuple[str, int], ...]
    days: tuple[DayFacts, ...]
    fleets: tuple[Place, ...]
    cells: tuple[Place, ...]
    network: tuple[PlaceHours, ...]
    at_place: Mapping[int, PlaceHours]
    evaluation: IncidentEvaluation | None
    baselines: tuple[tuple[str, IncidentEvaluation], ...]
    curve: Curve | None
    confusion: tuple[tuple[str, tuple[int, ...]], ...]
    labels: Mapping[int, str]
    quality: QualityFacts
    made: Made
    created: datetime
