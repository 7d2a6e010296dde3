"""What a run of the bench of detection leaves behind, and back."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from benches import record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Found:
    """One detector with one seed on one case.

    Attributes
    ----------
    family, case, detector : str
    seed : int
    measures : mapping of str to float
        Name and value; see :mod:`benches.detection.metrics`, and for series the
        profiles of the scorer.
    seconds : float
        On the wall, fit and scores together.
    """

    family: str
    case: str
    detector: str
    seed: int
    measures: Mapping[str, float]
    seconds: float


@dataclass
class Results:
    """A run.

    Attributes
    ----------
    measured : str
        When it began.
    machine : mapping
        On what; see :mod:`benches.machine`.
    seeds : list of int
    only : str
        What families' names were to hold.
    settings : mapping of str to str
        What each detector is run with.
    absent : dict of str to str
        Families and detectors left out, and why.
    failed : dict of str to str
        Case and detector that raised, and what.
    recorded : mapping of str to mapping
        What others have published of NAB: detector, profile, value.
    shapes : dict of str to list of int
        Family and case: rows fitted, rows scored, columns, anomalies.
    found : list of Found
    done : list of str
        Cases of tables and families of series that are through.
    has_ended : bool
        Whether the run came to its end.
    added : list of mapping
        When and on what, as `measured` and `machine`, something was added on another
        machine or by another build.
    """

    measured: str
    machine: Mapping[str, Any]
    seeds: list[int]
    only: str
    settings: Mapping[str, str]
    absent: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    recorded: dict[str, dict[str, float]] = field(default_factory=dict)
    shapes: dict[str, list[int]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    has_ended: bool = False
    added: list[dict[str, Any]] = field(default_factory=list)

    def is_through(self, family: str, order: Sequence[str]) -> bool:
        """Say whether all cases of a family were run.

        Parameters
        ----------
        family : str
        order : sequence of str
            All families, as they are run: one is through when a later one has begun.
        """
        begun = {*self.absent, *(one.family for one in self.found)}
        later = order[order.index(family) + 1 :]
        return self.has_ended or family in self.done or any(name in begun for name in later)

    def holds(self, family: str, case: str, detector: str, seed: int) -> bool:
        """Say whether this was measured."""
        asked = (family, case, detector, seed)
        return any((one.family, one.case, one.detector, one.seed) == asked for one in self.found)

    def by_case(self, family: str, detector: str, measure: str) -> dict[str, float]:
        """Give a detector's mean over seeds for each case of a family."""
        values: dict[str, list[float]] = defaultdict(list)
        for one in self.found:
            if (one.family, one.detector) == (family, detector) and measure in one.measures:
                values[one.case].append(one.measures[measure])
        return {case: float(np.mean(of_case)) for case, of_case in values.items()}

    def mean(self, family: str, detector: str, measure: str) -> float | None:
        """Give the mean over a family's cases; None unless all of them were measured."""
        values = self.by_case(family, detector, measure)
        cases = {one.case for one in self.found if one.family == family}
        return float(np.mean(list(values.values()))) if values and set(values) == cases else None

    def by_seed(self, family: str, detector: str, measure: str) -> list[float]:
        """Give the mean over a family's cases for each seed."""
        values: dict[int, list[float]] = defaultdict(list)
        for one in self.found:
            if (one.family, one.detector) == (family, detector) and measure in one.measures:
                values[one.seed].append(one.measures[measure])
        return [float(np.mean(of_seed)) for _, of_seed in sorted(values.items())]

    def detectors(self, family: str) -> list[str]:
        """Give who was measured on a family, in the order of the settings."""
        there = {one.detector for one in self.found if one.family == family}
        return [name for name in self.settings if name in there]

    def save(self, path: Path) -> None:
        """Write JSON, a finding a line, whole or not at all."""
        record.write(path, asdict(self), "found")

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read what :meth:`save` wrote."""
        plain = json.loads(path.read_text())
        return cls(found=[Found(**given) for given in plain.pop("found")], **plain)
