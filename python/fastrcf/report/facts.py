"""What a report says, as plain typed values: nothing here knows HTML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from fastrcf._typing import Floats, Integers
    from fastrcf.evaluation import Evaluation
    from fastrcf.report.sketches import Stretches


@dataclass(frozen=True)
class ModelFacts:
    """The model.

    Attributes
    ----------
    name : str
        Its file, or what the caller calls it.
    notes : dict of str to str
        What it says about itself.
    n_fitted, n_streamed : int
        Rows that it was fitted to, and rows of streams since.
    columns : tuple of str
        What it looks at.
    score_kind : str
        What its score is.
    alert_rate, threshold : float
        Share of rows that should be alerts, and the score above which they are.
    """

    name: str
    notes: dict[str, str]
    n_fitted: int
    n_streamed: int
    columns: tuple[str, ...]
    score_kind: str
    alert_rate: float
    threshold: float


@dataclass(frozen=True)
class SetAside:
    """Rows that could not be used, and why, by column.

    Attributes
    ----------
    column : str or None
        The first bad column; None where the row as a whole is bad.
    rows : int
        How many.
    example : str
        The first of them: file, row and reason.
    """

    column: str | None
    rows: int
    example: str


@dataclass(frozen=True)
class DataFacts:
    """The data.

    Attributes
    ----------
    files : tuple of (str, int)
        Names and good rows; one name where the rows came from memory.
    n_rows : int
        Good rows of all of them.
    set_aside : tuple of SetAside
        Rows that were not used.
    n_sampled : int
        Rows that quantiles and small histograms rest on: all, or a uniform
        sample.
    label, time : str or None
        Columns of labels and times, if any.
    first, last : str or None
        Ends of the times.
    """

    files: tuple[tuple[str, int], ...]
    n_rows: int
    set_aside: tuple[SetAside, ...]
    n_sampled: int
    label: str | None
    time: str | None
    first: str | None
    last: str | None

    @property
    def n_set_aside(self) -> int:
        """Rows that were not used."""
        return sum(one.rows for one in self.set_aside)


@dataclass(frozen=True)
class Level:
    """Rows above a score that a known share of the fitted rows is above.

    Attributes
    ----------
    expected : float
        The share of fitted rows.
    score : float
        The score.
    rows : int
        Rows of the data above it.
    found, low, high : float
        Their share with its 95 % interval.
    """

    expected: float
    score: float
    rows: int
    found: float
    low: float
    high: float

    @property
    def reading(self) -> str:
        """``"as fitted"``, ``"more"`` or ``"fewer"``."""
        if self.low <= self.expected <= self.high:
            return "as fitted"
        return "more" if self.found > self.expected else "fewer"


@dataclass(frozen=True)
class Course:
    """Scores along the rows or along time.

    Attributes
    ----------
    kind : {"rows", "seconds", "moments"}
        What positions are: numbers of rows, numbers of the time column, or
        microseconds since 1970.
    stretches : Stretches
        Rows and alerts along it.
    median, high : numpy.ndarray of float64, shape (m,)
        Median and 95 % quantile of the scores in each stretch, of the sampled
        rows; NaN where there are none.
    alert_at, alert_score : numpy.ndarray of float64
        The highest alerts.
    """

    kind: str
    stretches: Stretches
    median: Floats
    high: Floats
    alert_at: Floats
    alert_score: Floats


@dataclass(frozen=True)
class ScoreFacts:
    """The scores.

    Attributes
    ----------
    alerts : Level
        Rows above the threshold against the alert rate.
    levels : tuple of Level
        The same at other shares, the largest first.
    fitted : tuple of (float, float)
        Scores, and the shares of fitted rows above them, from a half down to
        what a single row is.
    spread : Stretches
        How scores are distributed.
    least, median, largest : float
        The median is that of the sampled rows.
    course : Course
        Scores along the rows or along time.
    """

    alerts: Level
    levels: tuple[Level, ...]
    fitted: tuple[tuple[float, float], ...]
    spread: Stretches
    least: float
    median: float
    largest: float
    course: Course


@dataclass(frozen=True)
class ReasonFacts:
    """A reason of an alert.

    Attributes
    ----------
    column : str
        A column, or several that are related.
    share : float
        Its share of the score.
    direction : str
        ``"high"``, ``"low"``, ``"rare"`` or ``"common"``.
    value : str
        The value, as text.
    usual : str
        What is usual, as text; empty where nothing is known.
    text : str
        The sentence.
    near : str
        What is usual in the nearest rows, as text; empty where nothing is known.
    """

    column: str
    share: float
    direction: str
    value: str
    usual: str
    text: str
    near: str = ""


@dataclass(frozen=True)
class Alert:
    """A row to look at.

    Attributes
    ----------
    file : str or None
        Where it is from; None if there is one source only.
    row : int
        Its number there, from 0.
    kept : tuple of str
        Values of the columns that were asked for.
    time : str or None
        Its time.
    label : bool or None
        Its label.
    score, grade : float
        As the detector gives them.
    is_alert : bool
        Whether it is above the threshold.
    reasons : tuple of ReasonFacts
        Why, the largest part first.
    """

    file: str | None
    row: int
    kept: tuple[str, ...]
    time: str | None
    label: bool | None
    score: float
    grade: float
    is_alert: bool
    reasons: tuple[ReasonFacts, ...]


@dataclass(frozen=True)
class Cause:
    """How often a column, or several that are related, is a reason.

    Attributes
    ----------
    column : str
        Its name.
    alerts : int
        Alerts that name it.
    first : int
        Alerts that name it first.
    share : float
        Its share of the scores of all alerts, where reasons name it.
    directions : dict of str to int
        Alerts by direction.
    """

    column: str
    alerts: int
    first: int
    share: float
    directions: dict[str, int]


@dataclass(frozen=True)
class NumberFacts:
    """A column of numbers, fitted and found.

    Attributes
    ----------
    name, scaling : str
        Its name and how it is scaled.
    fitted, found : tuple of 9 floats
        Quantiles at :data:`fastrcf.report.drift.SHARES`; those found are of the
        sampled rows, but for the least and the largest value.
    below, above : float
        Shares of rows below the fitted 1 % and above the fitted 99 % quantile.
    outside : float
        Share of rows below the least or above the largest fitted value.
    index : float
        Population stability index, see :func:`fastrcf.report.drift.stability_index`.
    reading : str
        What it means.
    edges, counts : numpy.ndarray
        A histogram of the sampled rows, its bins of equal width on the column's
        axis (:func:`fastrcf.report.columns.axis`); the outermost bins hold what
        lies beyond.
    separates : bool
        Whether it alone tells (nearly) all labelled rows from all others.
    """

    name: str
    scaling: str
    fitted: tuple[float, ...]
    found: tuple[float, ...]
    below: float
    above: float
    outside: float
    index: float
    reading: str
    edges: Floats
    counts: Integers
    separates: bool

    @property
    def was_constant(self) -> bool:
        """Whether it had one value when it was fitted."""
        return self.fitted[0] == self.fitted[-1]

    @property
    def is_constant(self) -> bool:
        """Whether it has one value in the data."""
        return self.found[0] == self.found[-1]


@dataclass(frozen=True)
class Category:
    """A category of a column.

    Attributes
    ----------
    name : str
        Its name.
    rows, alerts : int
        Rows that have it, and alerts among them.
    is_new : bool
        Whether it was never seen in training.
    """

    name: str
    rows: int
    alerts: int
    is_new: bool


@dataclass(frozen=True)
class CategoryFacts:
    """A column of categories, fitted and found.

    Attributes
    ----------
    name : str
        Its name.
    n_fitted, n_found : int
        Categories in training and in the data; ``n_found`` is a lower bound if
        ``is_all`` is false.
    is_all : bool
        Whether all categories of the data were counted.
    unseen : float
        Share of rows whose category was never seen in training.
    frequent : tuple of Category
        The most frequent ones, with their rows.
    reading : str
        What it means.
    separates : bool
        Whether its categories alone tell (nearly) all labelled rows from all others.
    """

    name: str
    n_fitted: int
    n_found: int
    is_all: bool
    unseen: float
    frequent: tuple[Category, ...]
    reading: str
    separates: bool


@dataclass(frozen=True)
class LabelFacts:
    """How the scores agree with labels.

    Attributes
    ----------
    evaluation : Evaluation
        Ranking and budgets, with intervals.
    caught, missed, false, quiet : int
        Labelled rows that are alerts and that are none, and other rows that are
        alerts and that are none.
    recall, precision : numpy.ndarray of float64
        The curve, by falling threshold.
    n_used : int
        Rows that ranking rests on: all, or all labelled ones and a uniform
        sample of the others, weighted.
    """

    evaluation: Evaluation
    caught: int
    missed: int
    false: int
    quiet: int
    recall: Floats
    precision: Floats
    n_used: int


@dataclass(frozen=True)
class Facts:
    """All that a report says.

    Attributes
    ----------
    made : datetime
        When, with its time zone.
    versions : dict of str to str
        Of what made it.
    model, data, scores
        See there.
    top : tuple of Alert
        Rows to look at first; alerts, or the highest rows if there are none.
    keep : tuple of str
        Columns whose values they show.
    causes : tuple of Cause
        The largest first.
    numbers, categories
        The model's columns.
    labels : LabelFacts or None
        Where there are labels.
    warnings : tuple of str
        What a reader should know first.
    """

    made: datetime
    versions: dict[str, str]
    model: ModelFacts
    data: DataFacts
    scores: ScoreFacts
    top: tuple[Alert, ...]
    keep: tuple[str, ...]
    causes: tuple[Cause, ...]
    numbers: tuple[NumberFacts, ...]
    categories: tuple[CategoryFacts, ...]
    labels: LabelFacts | None
    warnings: tuple[str, ...]
