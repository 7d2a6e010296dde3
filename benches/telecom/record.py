"""What a run of the bench of sessions leaves behind, and back."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

#: Ours, in results and on the page.
OURS: Final = "fastrcf"
#: How names of simple rules begin.
RULE: Final = "rule: "
#: Where the committed results are.
RESULTS: Final = Path(__file__).resolve().parent.parent / "telecom.json"


@dataclass(frozen=True)
class WeekResult:
    """All detectors on one made-up week.

    Attributes
    ----------
    seed : int
        Of the week and of every detector.
    sessions, judged, labelled : int
        Sessions of the week; those after the split; those of them that are part of an incident.
    until : str
        Where learning ended.
    seconds : float
        On the wall, all detectors together, on a machine that may have had other work.
    detectors : dict of str to dict
        By name, what :meth:`fastrcf.telecom.evaluation.IncidentEvaluation.to_dict` gives.
    """

    seed: int
    sessions: int
    judged: int
    labelled: int
    until: str
    seconds: float
    detectors: dict[str, dict[str, Any]]


@dataclass
class Results:
    """A run.

    Attributes
    ----------
    measured : str
        When it began.
    machine : dict
        On what; see :mod:`benches.machine`.
    sims, days : int
        Size of each week.
    alerts_per_thousand : float
        The budget: cases a thousand judged sessions.
    weeks : list of WeekResult
    confusion : dict of str to dict of str to int
        Our alerts by the kind of the incident that they are part of (empty: of none), and by the
        kind that they were given.
    absent : dict of str to str
        Detectors that were left out, and why.
    """

    measured: str
    machine: dict[str, Any]
    sims: int
    days: int
    alerts_per_thousand: float
    weeks: list[WeekResult] = field(default_factory=list)
    confusion: dict[str, dict[str, int]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path = RESULTS) -> Results:
        """Read what :meth:`save` wrote."""
        plain = json.loads(path.read_text())
        weeks = [WeekResult(**week) for week in plain.pop("weeks")]
        return cls(**plain, weeks=weeks)

    @property
    def names(self) -> list[str]:
        """Detectors that judged every week, ours first."""
        return [n for n in self.weeks[0].detectors if all(n in w.detectors for w in self.weeks)]

    @property
    def kinds(self) -> list[str]:
        """Kinds of incidents, the best found by ours first."""
        names = {one["kind"] for week in self.weeks for one in week.detectors[OURS]["kinds"]}
        share = {name: self.found(OURS, name) for name in names}
        return sorted(names, key=lambda n: (-share[n][0] / max(1, share[n][1]), n))

    def _of(self, detector: str, kind: str | None) -> list[dict[str, Any]]:
        return [
            one
            for week in self.weeks
            for one in week.detectors[detector]["kinds"]
            if kind in (None, one["kind"])
        ]

    def found(self, detector: str, kind: str | None = None) -> tuple[int, int]:
        """Count incidents that were found, and all, in all weeks; of one kind or of every."""
        of = self._of(detector, kind)
        return sum(one["found"] for one in of), sum(one["incidents"] for one in of)

    def delay_hours(self, detector: str, kind: str | None = None) -> float | None:
        """Give the median time from onset to the first alert, of incidents that were found."""
        delays = [hours for one in self._of(detector, kind) for hours in one["delays_hours"]]
        return statistics.median(delays) if delays else None

    def total(self, detector: str, count: str) -> int:
        """Sum a count over the weeks: ``sessions``, ``alerts``, ``true_alerts``, ``cases``, ..."""
        return sum(week.detectors[detector][count] or 0 for week in self.weeks)
