"""How good scores are, by labels: ranking, alerts within a budget, intervals."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf import _columns
from fastrcf._parameters import count, number, seed
from fastrcf._ranking import Runs, within
from fastrcf.errors import InvalidInputError, InvalidParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fastrcf._typing import Floats, Integers

# Anomalies below which intervals cover clearly less than they say.
_FEW = 30


@dataclass(frozen=True)
class Estimate:
    """A measure and its bootstrap interval.

    Attributes
    ----------
    value : float or None
        The measure; None where it is undefined, which :attr:`Evaluation.notes`
        explains.
    low, high : float or None
        Ends of the interval; None where there is none.
    """

    value: float | None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.value is None:
            return "undefined"
        if self.low is None or self.high is None:
            return f"{self.value:.4g}"
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"


@dataclass(frozen=True)
class Budget:
    """What the rows with the highest scores hold.

    Attributes
    ----------
    alert_rate : float
        Share of rows that are alerts.
    n_alerts, n_caught : float
        Rows that are alerts, and anomalies among them, by weight. A row that
        the budget covers in part counts in part, and so do rows that tie at
        its edge: the mean over all orders of them.
    threshold : Estimate
        Rows with a score above it fit in the budget, as for
        :attr:`fastrcf.Detector.threshold`.
    precision : Estimate
        Share of alerts that are anomalies.
    recall : Estimate
        Share of anomalies that are alerts.
    """

    alert_rate: float
    n_alerts: float
    n_caught: float
    threshold: Estimate
    precision: Estimate
    recall: Estimate


@dataclass(frozen=True)
class DailyBudget:
    """What the rows with the highest scores of each day hold.

    Attributes
    ----------
    alerts_per_day : float
        Alerts on each day, the highest scores of that day; all rows of a day
        that has fewer. Ties at the edge count as in :class:`Budget`.
    precision : Estimate
        Mean over days of the share of the day's alerts that are anomalies.
    recall : Estimate
        Share of the anomalies of all days that are alerts.
    """

    alerts_per_day: float
    precision: Estimate
    recall: Estimate


@dataclass(frozen=True)
class Evaluation:
    """What :func:`evaluate` finds; printed, a table.

    Attributes
    ----------
    n_rows, n_anomalies : int
        Rows, and anomalies among them.
    prevalence : Estimate
        Share of anomalies, by weight.
    roc_auc, average_precision : Estimate
        As scikit-learn defines them.
    budgets : tuple of Budget
        One for each ``alert_rate``.
    daily : tuple of DailyBudget
        One for each ``alerts_per_day``; empty without times.
    n_days : int or None
        Days that have rows of any weight; None without times.
    confidence : float
        Of all intervals.
    n_bootstrap : int
        Draws behind them.
    notes : tuple of str
        What a reader should know before trusting the figures.
    """

    n_rows: int
    n_anomalies: int
    prevalence: Estimate
    roc_auc: Estimate
    average_precision: Estimate
    budgets: tuple[Budget, ...]
    daily: tuple[DailyBudget, ...]
    n_days: int | None
    confidence: float
    n_bootstrap: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give all of it as plain dicts, lists, numbers and None, for JSON."""
        out = asdict(self)
        for name in ("budgets", "daily", "notes"):
            out[name] = list(out[name])
        return out

    def __str__(self) -> str:
        days = "" if self.n_days is None else f" on {_counted(self.n_days, 'day')}"
        lines = [
            f"{_counted(self.n_rows, 'row')}{days}, "
            f"{_counted(self.n_anomalies, 'anomaly', 'anomalies')}",
        ]
        if self.n_bootstrap:
            lines[0] += f"; in brackets {100 * self.confidence:g} % intervals"
        lines += [
            "",
            f"{'prevalence':<20}{_percent(self.prevalence)}",
            f"{'ROC AUC':<20}{_figure(self.roc_auc, '.3f')}",
            f"{'average precision':<20}{_figure(self.average_precision, '.3f')}",
        ]
        rows = [("alerts", "threshold", "precision", "recall")]
        for b in self.budgets:
            name = f"{100 * b.alert_rate:g} % of rows: {_amount(b.n_alerts)}"
            threshold = _figure(b.threshold, ".4g")
            rows.append((name, threshold, _percent(b.precision), _percent(b.recall)))
        for d in self.daily:
            name = f"{_amount(d.alerts_per_day)} per day"
            rows.append((name, "by day", _percent(d.precision), _percent(d.recall)))
        widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
        lines.append("")
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            lines.append("   ".join(cells).rstrip())
        if self.notes:
            lines += ["", *(f"Note: {note}" for note in self.notes)]
        return "\n".join(lines)


def _counted(n: int, one: str, many: str | None = None) -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def _amount(x: float) -> str:
    """Give a number of rows by weight, with a digit after the point if need be."""
    return f"{x:,.1f}".removesuffix(".0") if x >= 0.05 else f"{x:.1g}"


def _figure(x: Estimate, form: str, factor: float = 1.0, unit: str = "") -> str:
    if x.value is None:
        return "undefined"
    text = format(factor * x.value, form) + unit
    if x.low is not None and x.high is not None:
        text += f" ({format(factor * x.low, form)} to {format(factor * x.high, form)})"
    return text


def _percent(x: Estimate) -> str:
    # Prevalences may be far below a percent.
    small = x.value is not None and 0 < x.value < 0.01
    return _figure(x, ".2g" if small else ".1f", 100.0, " %")


def evaluate(
    scores: Any,
    labels: Any,
    time: Any = None,
    *,
    sample_weight: Any = None,
    alert_rate: float | Sequence[float] = (0.001, 0.01),
    alerts_per_day: float | Sequence[float] | None = None,
    confidence: float = 0.95,
    n_bootstrap: int | None = None,
    random_state: Any = 0,
) -> Evaluation:
    """Tell how well scores find what labels say, with bootstrap intervals.

    Parameters
    ----------
    scores : array-like or column of a data frame, shape (n,)
        Higher is more unusual. Negate those of scikit-learn.
    labels : array-like or column of a data frame, shape (n,)
        Booleans or 0 and 1; true or 1 is an anomaly.
    time : array-like or column of a data frame, shape (n,), optional
        Datetimes, or numbers in seconds; days begin at midnight of the column's
        own time zone.
    sample_weight : array-like, shape (n,), optional
        What each row counts, at least 0: for example the number of rows that it
        was sampled from. Budgets count the same.
    alert_rate : float or sequence of float, default (0.001, 0.01)
        Budgets: shares of rows that may be alerts, between 0 and 1.
    alerts_per_day : float or sequence of float, optional
        Budgets by day; needs ``time``. Default, with ``time``: what each
        ``alert_rate`` comes to on an average day, at least 1.
    confidence : float, default 0.95
        Of the intervals.
    n_bootstrap : int, optional
        Bootstrap draws; 0 gives no intervals. Default: 1000, fewer but at least
        200 where they would take more than about a second.
    random_state : int, numpy generator or None, default 0
        The same seed and input give the same intervals.

    Returns
    -------
    Evaluation
        ``print`` shows a table, ``to_dict`` gives JSON types.

    Raises
    ------
    InvalidInputError
        Names the first row that cannot be used.
    InvalidParameterError
        If a parameter is out of its range.

    Notes
    -----
    Area under the ROC curve and average precision are those of scikit-learn's
    ``roc_auc_score`` and ``average_precision_score``, ties and weights included.
    Daily precision is the precision top-k of the Fraud Detection Handbook
    (Le Borgne et al. 2022, chapter 4), by row instead of by card: a card that
    was caught is not taken out.

    Intervals are percentiles over rows drawn with replacement, anomalies and
    others together: the number of anomalies is taken to vary as it would in new
    rows. Daily figures draw whole days instead, since rows of a day are alike.
    With few anomalies or days such intervals are too narrow: in simulations,
    intervals of 95 % covered 94 % with 100 anomalies, and with 25 of them 92 %,
    but 81 % for a ROC AUC of 0.98. Where no draw can differ (perfect scores,
    nothing caught) they have no width.

    Examples
    --------
    >>> import numpy as np, fastrcf
    >>> scores = np.linspace(3, 0, 2000)
    >>> labels = np.isin(np.arange(2000), [2, 3, 5, 8, 13, 21, 34, 55, 89, 144])
    >>> found = fastrcf.evaluate(scores, labels)
    >>> found.roc_auc.low < found.roc_auc.value < found.roc_auc.high
    True
    >>> print(fastrcf.evaluate(scores, labels, n_bootstrap=0))
    2,000 rows, 10 anomalies
    <BLANKLINE>
    prevalence          0.5 %
    ROC AUC             0.983
    average precision   0.292
    <BLANKLINE>
    alerts             threshold   precision   recall
    0.1 % of rows: 2   2.997       0.0 %       0.0 %
    1 % of rows: 20    2.97        25.0 %      50.0 %
    """
    score = _columns.scores(scores)
    label = _columns.labels(labels)
    n = len(score)
    weight = np.ones(n) if sample_weight is None else _columns.weights(sample_weight)
    day = None if time is None else _columns.days(time)
    for name, x in (("labels", label), ("sample_weight", weight), ("time", day)):
        if x is not None and len(x) != n:
            raise InvalidInputError(f"{name}: expected {n} rows as in scores, found {len(x)}")
    if not weight.sum() > 0:
        raise InvalidInputError("there are no rows to evaluate" if n == 0 else "all weights are 0")
    rates = _positive("alert_rate", alert_rate, 1.0)
    confidence = number("confidence", confidence)
    if not 0 < confidence < 1:
        raise InvalidParameterError(f"confidence: {confidence!r} is not between 0 and 1")
    if alerts_per_day is not None and day is None:
        raise InvalidParameterError("alerts_per_day: needs time")
    rng = np.random.Generator(np.random.PCG64(seed(random_state)))

    runs = Runs(score, label, weight, rates)
    draws = runs.default_draws() if n_bootstrap is None else count("n_bootstrap", n_bootstrap, 0)
    values = runs.measures(runs.counts[None, :])
    spread = runs.bootstrap(draws, rng)
    measures = {
        name: _estimate(float(value[0]), spread[name], confidence) for name, value in values.items()
    }
    total, anomalies = float(weight.sum()), float(weight[label].sum())
    notes = _notes(int(label.sum()), total, anomalies, measures, rates)

    daily: tuple[DailyBudget, ...] = ()
    if day is not None:
        n_days = len(np.unique(day[weight > 0]))
        if alerts_per_day is None:
            budgets = [max(1.0, float(np.rint(rate * total / n_days))) for rate in rates]
        else:
            budgets = _positive("alerts_per_day", alerts_per_day, np.inf)
        daily = _daily(score, label, weight, day, budgets, draws, confidence, rng)
        if n_days == 1 and draws:
            notes.append("one day only: daily figures have no interval")
    return Evaluation(
        n_rows=n,
        n_anomalies=int(label.sum()),
        prevalence=measures["prevalence"],
        roc_auc=measures["roc_auc"],
        average_precision=measures["average_precision"],
        budgets=tuple(
            Budget(
                alert_rate=rate,
                n_alerts=rate * total,
                n_caught=float(values[f"caught {rate}"][0]),
                threshold=measures[f"threshold {rate}"],
                precision=measures[f"precision {rate}"],
                recall=measures[f"recall {rate}"],
            )
            for rate in rates
        ),
        daily=daily,
        n_days=None if day is None else n_days,
        confidence=confidence,
        n_bootstrap=draws,
        notes=tuple(notes),
    )


def _positive(name: str, values: float | Sequence[float], below: float) -> list[float]:
    """Give one or several numbers above 0 as a list without repetitions."""
    try:
        numbers = [float(value) for value in np.atleast_1d(np.asarray(values, dtype=np.float64))]
    except (TypeError, ValueError):
        raise InvalidParameterError(f"{name}: expected numbers, found {values!r}") from None
    for value in numbers:
        if not 0 < value < below:
            what = "above 0 and finite" if below == np.inf else f"between 0 and {below:g}"
            raise InvalidParameterError(f"{name}: {value:g} is not {what}")
    return list(dict.fromkeys(numbers))


def _estimate(value: float, draws: Floats, confidence: float) -> Estimate:
    """Give a measure with the percentiles of its draws, where there are any."""
    if not np.isfinite(value):
        return Estimate(None)
    # Draws without an anomaly, say, leave some measures undefined.
    draws = draws[np.isfinite(draws)]
    if not len(draws):
        return Estimate(value)
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Estimate(value, float(low), float(high))


def _notes(
    n_anomalies: int,
    total: float,
    anomalies: float,
    measures: dict[str, Estimate],
    rates: list[float],
) -> list[str]:
    notes = []
    high = measures["roc_auc"].high
    if anomalies == 0:
        notes.append("no row is an anomaly: ROC AUC, average precision and recall are undefined")
    elif anomalies >= total:
        notes.append("all rows are anomalies: ROC AUC is undefined")
    elif high is not None and n_anomalies < _FEW:
        notes.append(
            f"with {_counted(n_anomalies, 'anomaly', 'anomalies')} intervals are too narrow"
        )
    if high is not None and high < 0.5:
        notes.append("anomalies score lower than other rows: are the scores' signs right?")
    notes += [
        f"{100 * rate:g} % of {_amount(total)} rows is less than one row"
        for rate in rates
        if rate * total < 1
    ]
    return notes


def _daily(
    score: Floats,
    label: NDArray[np.bool_],
    weight: Floats,
    day: Integers,
    budgets: list[float],
    draws: int,
    confidence: float,
    rng: np.random.Generator,
) -> tuple[DailyBudget, ...]:
    """Evaluate budgets by day; days are what the bootstrap draws."""
    keep = weight > 0
    score, label, weight, day = score[keep], label[keep], weight[keep], day[keep]
    order = np.lexsort((-score, day))
    score, day, weight = score[order], day[order], weight[order]
    bad = weight * label[order]
    starts = np.flatnonzero(np.r_[True, day[1:] != day[:-1]])
    n_days = len(starts)
    total, anomalies = np.empty(n_days), np.empty(n_days)
    spent, hits = np.empty((len(budgets), n_days)), np.empty((len(budgets), n_days))
    for d, (start, stop) in enumerate(zip(starts, [*starts[1:], len(day)], strict=True)):
        tied = np.flatnonzero(np.r_[True, np.diff(score[start:stop]) != 0])
        alerts = np.cumsum(np.add.reduceat(weight[start:stop], tied))[None, :]
        inside = np.add.reduceat(bad[start:stop], tied)[None, :]
        caught = np.cumsum(inside, axis=1)
        total[d], anomalies[d] = alerts[0, -1], caught[0, -1]
        for b, budget in enumerate(budgets):
            spent[b, d] = min(budget, total[d])
            hits[b, d] = within(spent[b, d : d + 1], inside, caught, alerts)[2][0]

    def figures(times: NDArray[Any]) -> tuple[Floats, Floats]:
        """Give precision and recall, shape (budgets, b), for counts (b, days)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            precision = (hits / spent) @ times.T / times.sum(axis=1)
            return precision, (hits @ times.T) / (times @ anomalies)

    precision, recall = figures(np.ones((1, n_days)))
    # One day says nothing about how days differ.
    days = rng.multinomial(n_days, np.full(n_days, 1 / n_days), size=draws * (n_days > 1))
    precisions, recalls = figures(days)
    return tuple(
        DailyBudget(
            alerts_per_day=budget,
            precision=_estimate(float(precision[b, 0]), precisions[b], confidence),
            recall=_estimate(float(recall[b, 0]), recalls[b], confidence),
        )
        for b, budget in enumerate(budgets)
    )
