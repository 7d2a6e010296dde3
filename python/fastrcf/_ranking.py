"""Rows in the order of their scores: what ranking and budgets hold.

Rows are sorted once. All measures depend on runs of rows only, between the tie
groups that hold anomalies, so that a bootstrap draw costs what the anomalies
do, not what the rows do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastrcf._typing import Floats, Integers

# Row draws that all draws of a bootstrap may cost by default: about a second.
_DRAWS = 5e7
# Numbers held at once.
_CHUNK = 1 << 21
# A budget of whole rows, but for rounding.
_SLACK = 1 + 1e-12


class Runs:
    """Rows by falling score, in the runs that measures depend on.

    A run is a tie group that holds an anomaly, or the rows between two of them,
    cut finer where a budget ends. A cell is the rows of a run that have the
    same label and weight: a bootstrap draw is a count for each cell.
    """

    def __init__(
        self, score: Floats, label: NDArray[np.bool_], weight: Floats, rates: list[float]
    ) -> None:
        order = np.argsort(-score, kind="stable")
        self.score, label, weight = score[order], label[order], weight[order]
        self.rates = rates
        n = len(order)
        first = np.flatnonzero(np.r_[True, self.score[1:] != self.score[:-1]])
        mixed = np.add.reduceat(label.astype(np.int64), first) > 0
        starts = mixed | np.r_[True, mixed[:-1]] | self._near_budgets(first, weight)
        self.first = first[starts]
        run = np.searchsorted(self.first, np.arange(n), side="right") - 1

        by_cell = np.lexsort((weight, label, run))
        run, label, weight = run[by_cell], label[by_cell], weight[by_cell]
        half = (run[1:] != run[:-1]) | (label[1:] != label[:-1])
        new = np.r_[True, half | (weight[1:] != weight[:-1])]
        at = np.flatnonzero(new)
        self.cell_of_row = np.cumsum(new) - 1
        self.counts: Integers = np.diff(np.r_[at, n])
        self.weight = weight[at]
        # Cells of one run and label, together.
        self.group = np.flatnonzero(np.r_[True, half][at])
        self.group_run = run[at][self.group]
        self.group_label = label[at][self.group]

    def _near_budgets(self, first: Integers, weight: Floats) -> NDArray[np.bool_]:
        """Tell the tie groups among which a draw's budget may end.

        A budget of k rows ends within some times sqrt(k) rows of the k-th. Runs
        of an eighth of that give the threshold's interval to a few percent of
        its width. The groups where the budget of all rows ends are runs of
        their own: the threshold itself is exact.
        """
        near = np.zeros(len(first), dtype=bool)
        total = np.cumsum(weight)
        for rate in self.rates:
            k = np.searchsorted(total, rate * total[-1])
            rows = k + np.r_[-1:3, np.sqrt(k + 1) * np.arange(-5, 5, 0.125)]
            near[np.searchsorted(first, rows[rows >= 0], side="right") - 1] = True
        return near

    def default_draws(self) -> int:
        cost = min(len(self.cell_of_row), 8 * len(self.counts))
        return int(np.clip(_DRAWS / cost, 200, 1000))

    def bootstrap(self, draws: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Give all measures of rows drawn with replacement, shape (draws,) each."""
        n, cells = len(self.cell_of_row), len(self.counts)
        share = self.counts / n
        chunk = max(1, _CHUNK // cells)
        parts = []
        for start in range(0, draws, chunk):
            size = min(chunk, draws - start)
            if 8 * cells < n:
                drawn: NDArray[Any] = rng.multinomial(n, share, size=size)
            else:
                # The same distribution; faster where cells hold few rows.
                drawn = np.stack(
                    [
                        np.bincount(self.cell_of_row[rng.integers(0, n, n)], minlength=cells)
                        for _ in range(size)
                    ]
                )
            parts.append(self.measures(drawn))
        if not parts:
            return {name: np.empty(0) for name in self.measures(self.counts[None, :])}
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def measures(self, drawn: Integers) -> dict[str, Floats]:
        """Give all measures for counts of rows by cell, shape (b, cells)."""
        weights = np.add.reduceat(drawn * self.weight, self.group, axis=1)
        good, bad = (np.zeros((len(drawn), len(self.first))) for _ in range(2))
        good[:, self.group_run[~self.group_label]] = weights[:, ~self.group_label]
        bad[:, self.group_run[self.group_label]] = weights[:, self.group_label]
        caught = np.cumsum(bad, axis=1)
        alerts = caught + np.cumsum(good, axis=1)
        anomalies, total = caught[:, -1], alerts[:, -1]
        with np.errstate(divide="ignore", invalid="ignore"):
            precision = np.where(alerts > 0, caught / alerts, 0.0)
            out = {
                "prevalence": anomalies / total,
                "roc_auc": (good * (caught - bad / 2)).sum(axis=1)
                / (anomalies * (total - anomalies)),
                "average_precision": (bad * precision).sum(axis=1) / anomalies,
            }
            for rate in self.rates:
                budget = rate * total
                run, part, hits = within(budget, bad, caught, alerts)
                out[f"caught {rate}"] = hits
                out[f"precision {rate}"] = hits / budget
                out[f"recall {rate}"] = hits / anomalies
                out[f"threshold {rate}"] = self._threshold(run, part)
        return out

    def _threshold(self, run: Integers, part: Floats) -> Floats:
        """Give the score of the row at which the budget ends within a run."""
        size = np.diff(np.r_[self.first, len(self.score)])[run]
        # NaN: a draw without any weight.
        inside = np.nan_to_num(np.floor(part * size * _SLACK)).astype(np.int64)
        row = self.first[run] + np.clip(inside, 0, size - 1)
        return np.where(np.isfinite(part), self.score[row], np.nan)


def within(
    budget: Floats, bad: Floats, caught: Floats, alerts: Floats
) -> tuple[Integers, Floats, Floats]:
    """Find where budgets end.

    Parameters
    ----------
    budget : numpy.ndarray, shape (b,)
        Weights that may be alerts.
    bad, caught, alerts : numpy.ndarray, shape (b, m)
        Weight of anomalies by run; the same and that of all rows, summed.

    Returns
    -------
    run, part, hits : numpy.ndarray, shape (b,)
        The run in which the budget ends, the part of it that it covers, and the
        anomalies covered.
    """
    run = (alerts <= budget[:, None] * _SLACK).sum(axis=1).clip(max=alerts.shape[1] - 1)
    rows = np.arange(len(budget))
    before = np.where(run > 0, alerts[rows, run - 1], 0.0)
    part = np.clip((budget - before) / (alerts[rows, run] - before), 0.0, 1.0)
    inside = bad[rows, run]
    hits = np.minimum(caught[rows, run] - inside + part * inside, budget)
    return run, part, hits
