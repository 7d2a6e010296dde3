"""What the managed service tells of a test channel: its cutoff, and four figures by labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastrcf import _columns
from fastrcf.errors import InvalidInputError

if TYPE_CHECKING:
    from fastrcf._typing import Floats

# Standard deviations above the mean, beyond which the service calls a row an anomaly.
DEVIATIONS = 3.0


@dataclass(frozen=True)
class ManagedMetrics:
    """How well scores tell labelled anomalies, counted as the managed service does.

    Attributes
    ----------
    cutoff : float
        Mean and three standard deviations of the scores; rows above it are called
        anomalies.
    caught, missed, false, quiet : int
        Anomalies above the cutoff and not, other rows above it and not.
    """

    cutoff: float
    caught: int
    missed: int
    false: int
    quiet: int

    @property
    def accuracy(self) -> float:
        """Share of rows that are called what they are."""
        return (self.caught + self.quiet) / (self.caught + self.missed + self.false + self.quiet)

    @property
    def precision(self) -> float:
        """Share of called anomalies that are some; 0 if none is called."""
        return self.caught / max(1, self.caught + self.false)

    @property
    def recall(self) -> float:
        """Share of anomalies that are called so; 0 if there are none."""
        return self.caught / max(1, self.caught + self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 if nothing is caught."""
        return 2 * self.caught / max(1, 2 * self.caught + self.missed + self.false)

    def to_dict(self) -> dict[str, float]:
        """Give all figures as plain numbers, for JSON."""
        return {
            "cutoff": self.cutoff,
            "accuracy": self.accuracy,
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
        }

    def __str__(self) -> str:
        return "\n".join(f"{name:<9} {value:.6g}" for name, value in self.to_dict().items())


def cutoff(scores: Any) -> float:
    """Give the mean of scores and three standard deviations.

    Parameters
    ----------
    scores : array-like of float, shape (n,)
        Finite, at least one. The deviation is the population's (divided by n).

    Returns
    -------
    float

    Raises
    ------
    InvalidInputError
        If there are no scores, or one is not finite.

    Examples
    --------
    >>> from fastrcf.sagemaker import cutoff
    >>> cutoff([1.0, 1.0, 3.0, 3.0])
    5.0
    """
    found = as_scores(scores)
    return float(found.mean() + DEVIATIONS * found.std())


def managed_metrics(scores: Any, labels: Any) -> ManagedMetrics:
    """Count as the managed service counts its test channel.

    Parameters
    ----------
    scores : array-like of float, shape (n,)
    labels : array-like of bool, or of 0 and 1, shape (n,)
        1 for an anomaly.

    Returns
    -------
    ManagedMetrics

    Raises
    ------
    InvalidInputError
        If lengths differ, there are no rows, a score is not finite or a label is
        neither 0 nor 1; names the row.

    Examples
    --------
    >>> from fastrcf.sagemaker import managed_metrics
    >>> found = managed_metrics([1.0] * 19 + [9.0], [0] * 19 + [1])
    >>> found.f1, found.accuracy
    (1.0, 1.0)
    """
    found = as_scores(scores)
    flags = _columns.labels(labels)
    if len(flags) != len(found):
        raise InvalidInputError(f"{len(found)} scores, but {len(flags)} labels")
    limit = cutoff(found)
    called = found > limit
    return ManagedMetrics(
        cutoff=limit,
        caught=int((called & flags).sum()),
        missed=int((~called & flags).sum()),
        false=int((called & ~flags).sum()),
        quiet=int((~called & ~flags).sum()),
    )


def as_scores(given: Any, what: str = "scores") -> Floats:
    """Give scores as a checked array of float64, shape (n,), of at least one."""
    try:
        found = _columns.scores(given)
    except InvalidInputError as error:
        text = str(error).removeprefix("scores")
        raise InvalidInputError(f"{what}{text}", row=error.row) from None
    if not len(found):
        raise InvalidInputError(f"{what}: there are none")
    return found
