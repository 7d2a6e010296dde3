"""Scores against labels, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf.evaluation import evaluate
from fastrcf.report.facts import LabelFacts
from fastrcf.report.sketches import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrcf._typing import Floats

# Labelled rows and others that ranking rests on at most.
_LABELLED, _OTHERS = 1 << 19, 1 << 20
# Points of the curve.
_POINTS = 400
_BUDGETS = (0.001, 0.01)


class Labelled:
    """Keeps scores by label: all of them, or uniform samples, which are weighted."""

    def __init__(self) -> None:
        self._kept = (Sample(_OTHERS, 2), Sample(_LABELLED, 2))
        # Rows by label and alert.
        self._table = np.zeros((2, 2), np.int64)

    def add(
        self, score: Floats, at: Floats, is_alert: NDArray[np.bool_], labels: NDArray[np.bool_]
    ) -> None:
        """Take rows: their scores, times, alerts and labels."""
        np.add.at(self._table, (labels.astype(int), is_alert.astype(int)), 1)
        both = np.stack([score, at], axis=1)
        for label, kept in enumerate(self._kept):
            part = both[labels == bool(label)]
            kept.add(len(part), part.__getitem__)

    def facts(self, alert_rate: float, time: str | None) -> LabelFacts:
        """Evaluate.

        Parameters
        ----------
        alert_rate : float
            A budget beside the usual ones.
        time : {"seconds", "moments"} or None
            What the times are.
        """
        parts = [kept.rows() for kept in self._kept]
        rows = np.concatenate(parts)
        labels = np.repeat([False, True], [len(part) for part in parts])
        weight = np.concatenate(
            [
                np.full(len(part), kept.n_seen / max(1, len(part)))
                for part, kept in zip(parts, self._kept, strict=True)
            ]
        )
        times: Any = None
        if time == "seconds":
            times = rows[:, 1]
        elif time == "moments":
            times = rows[:, 1].astype(np.int64).astype("datetime64[us]")
        evaluation = evaluate(
            rows[:, 0],
            labels,
            times,
            sample_weight=None if all(kept.is_all for kept in self._kept) else weight,
            alert_rate=sorted({alert_rate, *_BUDGETS}),
        )
        recall, precision = curve(rows[:, 0], labels, weight)
        (quiet, false), (missed, caught) = self._table.tolist()
        return LabelFacts(
            evaluation, caught, missed, false, quiet, recall, precision, n_used=len(rows)
        )


def curve(score: Floats, labels: NDArray[np.bool_], weight: Floats) -> tuple[Floats, Floats]:
    """Give recall and precision above each score, by falling score, thinned out.

    Returns
    -------
    recall, precision : numpy.ndarray of float64, shape (k,)
        Empty where there is no labelled row.
    """
    if not labels.any():
        return np.empty(0), np.empty(0)
    order = np.argsort(-score, kind="stable")
    score, caught = score[order], np.cumsum(weight[order] * labels[order])
    alerts = np.cumsum(weight[order])
    ends = np.flatnonzero(np.r_[score[1:] != score[:-1], True])
    recall, precision = caught[ends] / caught[-1], caught[ends] / alerts[ends]
    # Points close together on either axis say the same: by recall, and the first ones all.
    wanted = np.linspace(0.0, 1.0, _POINTS // 2)
    keep = np.unique(
        np.r_[
            np.searchsorted(recall, wanted).clip(max=len(recall) - 1),
            np.arange(min(_POINTS // 2, len(recall))),
        ]
    )
    return recall[keep], precision[keep]
