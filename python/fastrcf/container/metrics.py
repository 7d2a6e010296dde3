"""What is told of the test channel, in lines that CreateTrainingJob's expressions find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf.errors import InvalidInputError
from fastrcf.evaluation import evaluate
from fastrcf.sagemaker.metrics import cutoff, managed_metrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastrcf._typing import Floats

_LINE = "#quality_metric: host={host}, test {name} <score>={value:.10g}"
# By eval_metrics: the managed service's.
_MANAGED = {
    "accuracy": ("accuracy",),
    "precision_recall_fscore": ("precision", "recall", "f1"),
}
_ALERTS = ("alert_rate", "alert_precision", "alert_recall", "alert_f1")
_RANKS = ("roc_auc", "average_precision")
_ALL = (*(name for names in _MANAGED.values() for name in names), *_RANKS, *_ALERTS)

# For CreateTrainingJob: AlgorithmSpecification.MetricDefinitions. HyperParameterTuning takes
# "test:f1" for its objective, as with the managed service.
METRIC_DEFINITIONS: tuple[dict[str, str], ...] = tuple(
    {
        "Name": f"test:{name}",
        "Regex": rf"#quality_metric: host=\S+, test {name} <score>=([0-9.eE+-]+)",
    }
    for name in _ALL
)


def lines(figures: dict[str, float], host: str) -> Iterator[str]:
    """Give a line for each figure, which its expression finds."""
    for name, value in figures.items():
        yield _LINE.format(host=host, name=name, value=value)


def summary(scores: Floats, threshold: float | None) -> str:
    """Tell how scores lie, which needs no labels."""
    limit = cutoff(scores)
    text = (
        f"test: scores of {len(scores):,} rows: mean {scores.mean():.6g}, standard deviation "
        f"{scores.std():.6g}, at most {scores.max():.6g}; {int((scores > limit).sum()):,} above "
        f"the cutoff {limit:.6g} (mean and three standard deviations)"
    )
    if threshold is not None:
        above = int((scores > threshold).sum())
        text += f", {above:,} above the model's threshold {threshold:.6g}"
    return text


def figures(
    scores: Floats, labels: Any, threshold: float | None, eval_metrics: Sequence[str]
) -> dict[str, float]:
    """Count how well scores find what labels say.

    Parameters
    ----------
    scores : numpy.ndarray of float64, shape (n,)
    labels : numpy.ndarray of bool, shape (n,)
        True for anomalies.
    threshold : float or None
        The model's own, above which a row is an alert.
    eval_metrics : sequence of str
        Which of the managed service's figures are wanted: ``accuracy``,
        ``precision_recall_fscore``.

    Returns
    -------
    dict of str to float
        Those that are defined. Accuracy, precision, recall and f1 are the managed
        service's, at the mean of the scores and three standard deviations; without an
        anomaly only accuracy is. ``roc_auc`` and ``average_precision`` need both
        anomalies and other rows. ``alert_rate`` is the share of rows above the
        threshold; ``alert_precision``, ``alert_recall`` and ``alert_f1`` are at it.

    Raises
    ------
    InvalidInputError
        If lengths differ or there are no rows.
    """
    flags = np.asarray(labels, dtype=bool)
    if len(flags) != len(scores):
        raise InvalidInputError(f"{len(scores)} scores, but {len(flags)} labels")
    at_cutoff = managed_metrics(scores, flags).to_dict()
    wanted = [name for kind in eval_metrics for name in _MANAGED[kind]]
    any_odd, any_usual = bool(flags.any()), not flags.all()
    found = {name: at_cutoff[name] for name in wanted if any_odd or name == "accuracy"}
    if any_odd and any_usual:
        ranked = evaluate(scores, flags, n_bootstrap=0)
        for name in _RANKS:
            value = getattr(ranked, name).value
            if value is not None:
                found[name] = float(value)
    if threshold is not None:
        found |= _at(threshold, scores, flags)
    return found


def _at(threshold: float, scores: Floats, flags: Any) -> dict[str, float]:
    called = scores > threshold
    caught, odd, alerts = int((called & flags).sum()), int(flags.sum()), int(called.sum())
    found = {"alert_rate": alerts / len(scores)}
    if odd:
        found |= {
            "alert_precision": caught / max(1, alerts),
            "alert_recall": caught / odd,
            "alert_f1": 2 * caught / (alerts + odd),
        }
    return found
