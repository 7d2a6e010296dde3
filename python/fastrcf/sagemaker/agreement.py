"""Whether two models score the same rows alike: figures, limits and a verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.sagemaker.causes import Cause, causes, score_of, some_rows
from fastrcf.sagemaker.managed import ManagedForest
from fastrcf.sagemaker.metrics import as_scores, cutoff

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

    from fastrcf._typing import Floats, Integers

Verdict = Literal["agree", "differ", "undecided"]
# Trainings of our own that tell how far two trainings are apart, and rows that they score.
_REDRAWN, _REDRAWN_ROWS = 8, 10_000
# Of the highest rows, those that may always be others.
_AT_EDGE = 2
# Points of the quantile plot, and of the plot of rows.
_LEVELS, _POINTS = 201, 2_000


@dataclass(frozen=True)
class Limits:
    """How near two models have to be.

    Where two trainings of our own differ by more, what they reach is the limit; this is
    known where ours is a :class:`ManagedForest` and the rows are given.

    Attributes
    ----------
    scale : float, default 0.1
        How far the scale may be from 1, at least 0.
    correlation : float, default 0.98
        Least correlation, -1 to 1.
    rank : float, default 0.9
        Least rank correlation, -1 to 1.
    overlap : float, default 0.8
        Least share of the highest rows that are among the other's highest, 0 to 1; two
        rows may always be others.
    noise : float, default 1.5
        Largest rmse, in units of the largest between two trainings of our own.
    least_rows : int, default 10
        With fewer rows the verdict is ``"undecided"``.
    """

    scale: float = 0.1
    correlation: float = 0.98
    rank: float = 0.9
    overlap: float = 0.8
    noise: float = 1.5
    least_rows: int = 10

    def __post_init__(self) -> None:
        ranges = {
            "scale": (0.0, math.inf),
            "correlation": (-1.0, 1.0),
            "rank": (-1.0, 1.0),
            "overlap": (0.0, 1.0),
            "noise": (0.0, math.inf),
            "least_rows": (2, math.inf),
        }
        for name, (least, most) in ranges.items():
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not least <= value <= most:
                raise InvalidParameterError(f"{name}: {value!r} is not between {least} and {most}")


@dataclass(frozen=True)
class Check:
    """One figure against its limit.

    Attributes
    ----------
    name : str
        ``"scale"``, ``"correlation"``, ``"rank"``, ``"overlap"`` or ``"rmse"``.
    value : float or None
        None where it is undefined: all scores of a side are equal.
    low, high : float
        Between which it has to be, ends included.
    by_noise : bool
        Whether the limit is what two trainings of our own reach, and not what was asked.
    """

    name: str
    value: float | None
    low: float
    high: float
    by_noise: bool = False

    @property
    def passed(self) -> bool | None:
        """Whether the value is within; None where it is undefined."""
        return None if self.value is None else bool(self.low <= self.value <= self.high)

    @property
    def wanted(self) -> str:
        """The limit in words."""
        if self.name == "scale":
            return f"{self.low:.4g} to {self.high:.4g}"
        return f"at most {self.high:.4g}" if self.name == "rmse" else f"at least {self.low:.4g}"


@dataclass(frozen=True)
class Difference:
    """A row that the two score differently.

    Attributes
    ----------
    row : int
        Its number.
    ours, theirs : float
        Scores.
    ours_rank, theirs_rank : int
        Places among the rows compared, 1 the highest; equal scores share the first.
    causes : tuple of Cause
        What our score comes from; empty where our model cannot tell.
    """

    row: int
    ours: float
    theirs: float
    ours_rank: int
    theirs_rank: int
    causes: tuple[Cause, ...] = ()

    @property
    def gap(self) -> float:
        """Theirs less ours."""
        return self.theirs - self.ours


@dataclass(frozen=True)
class AgreementReport:
    """How far two models agree; printed, a table.

    Attributes
    ----------
    n_rows : int
        Rows compared.
    scale : float or None
        The factor that brings our scores nearest to theirs (least squares).
    correlation : float or None
        Of scores. None where all scores of a side are equal, as for ``rank``.
    rmse : float
        Root of the mean squared difference.
    rank : float or None
        Spearman's correlation, of ranks; equal scores share their mean rank.
    top : int
        Rows that are compared as the highest.
    overlap : float
        Share of their ``top`` highest rows that are among our ``top`` highest.
    ours_cutoff, theirs_cutoff : float
        Mean and three standard deviations of each side's scores of these rows.
    ours_above, theirs_above, both_above : int
        Rows above the own cutoff.
    noise : float or None
        Root mean squared difference of two trainings of ours, the median; None where it
        is not known.
    checks : tuple of Check
    verdict : {"agree", "differ", "undecided"}
    why : str
        The verdict in a sentence.
    worst : tuple of Difference
        The rows that differ most, the first most.
    quantiles : numpy.ndarray of float64, shape (k, 2)
        Scores of ours and theirs at the same shares of rows, ascending.
    points : numpy.ndarray of float64, shape (m, 2)
        Scores of ours and theirs, of at most 2,000 rows, the highest among them.
    ours_name, theirs_name : str
        What they are called in the report.
    """

    n_rows: int
    scale: float | None
    correlation: float | None
    rmse: float
    rank: float | None
    top: int
    overlap: float
    ours_cutoff: float
    theirs_cutoff: float
    ours_above: int
    theirs_above: int
    both_above: int
    noise: float | None
    checks: tuple[Check, ...]
    verdict: Verdict
    why: str
    worst: tuple[Difference, ...]
    quantiles: Floats = field(repr=False)
    points: Floats = field(repr=False)
    ours_name: str = "ours"
    theirs_name: str = "theirs"

    @property
    def agrees(self) -> bool:
        """Whether the verdict is that they agree."""
        return self.verdict == "agree"

    def to_dict(self) -> dict[str, Any]:
        """Give figures, checks and the rows that differ as plain values, for JSON."""
        left_out = ("checks", "worst", "quantiles", "points")
        out = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in left_out}
        out["checks"] = [
            {**vars(check), "passed": check.passed, "wanted": check.wanted} for check in self.checks
        ]
        out["worst"] = [
            {**vars(one), "causes": [vars(cause) for cause in one.causes]} for one in self.worst
        ]
        return out

    def html(self) -> str:
        """Give the report as one HTML page that needs nothing else; needs the extra ``report``."""
        # The first import says what is missing.
        import fastrcf.report  # noqa: F401
        from fastrcf.sagemaker.agreement_page import render

        return render(self)

    def to_html(self, path: str | PathLike[str]) -> None:
        """Write the page, whole or not at all.

        Parameters
        ----------
        path : path
            A file's name, or ``"-"`` for standard output.

        Raises
        ------
        MissingExtraError
            Without the extra ``report``.
        OSError
            If it cannot be written; what was there before stays.
        """
        page = self.html().encode("utf-8", errors="replace")
        from fastrcf.files.sinks import open_whole

        with open_whole(str(path)) as file:
            file.write(page)

    def __str__(self) -> str:
        lines = [f"{self.n_rows:,} rows: {self.ours_name} against {self.theirs_name}", ""]
        for check in self.checks:
            said = {True: "", False: "MISSED", None: "undefined"}[check.passed]
            value = "" if check.value is None else f"{check.value:.4f}"
            noise = ", as two trainings of ours" if check.by_noise else ""
            name = f"overlap of the {self.top:,} highest" if check.name == "overlap" else check.name
            lines.append(f"{name:<26} {value:>8}  {check.wanted}{noise} {said}".rstrip())
        names = {check.name for check in self.checks}
        if "rmse" not in names:
            lines.append(f"{'rmse':<26} {self.rmse:>8.4f}")
        lines.append(
            f"{'cutoff, mean + 3 sd':<26} {self.ours_cutoff:>8.4f}  ours, {self.ours_above:,} rows "
            f"above; theirs {self.theirs_cutoff:.4f}, {self.theirs_above:,} above; "
            f"{self.both_above:,} above both"
        )
        if self.worst:
            lines += ["", "where they differ most:"]
            for one in self.worst[:5]:
                said = "; ".join(str(cause) for cause in one.causes)
                lines.append(
                    f"  row {one.row:<9} ours {one.ours:.4f}  theirs {one.theirs:.4f}  "
                    f"{one.gap:+.4f}" + (f"  {said}" if said else "")
                )
        return "\n".join([*lines, "", f"{self.verdict}: {self.why}"])


def compare(
    ours: Any,
    theirs: Any,
    X: Any = None,
    *,
    columns: Sequence[str] | None = None,
    rows: Any = None,
    top: int | None = None,
    limits: Limits | None = None,
    show: int = 20,
    ours_name: str = "ours",
    theirs_name: str = "theirs",
) -> AgreementReport:
    """Compare the scores of two models of the same rows.

    Parameters
    ----------
    ours : model or array-like of float, shape (n,)
        What scores ``X`` (:class:`ManagedForest`, a forest, a detector), or scores. A
        detector is asked for its expected inverse depth, the scale of the service.
    theirs : endpoint, model or array-like of float, shape (n,)
        What has ``predict(X)`` (an endpoint), ``score(X)`` or, as estimators of
        scikit-learn, ``score_samples(X)``; or recorded scores.
    X : array-like or data frame, shape (n, d), optional
        Rows in the order of the scores. Needed by models, and to say why rows differ.
    columns : sequence of str, optional
        Names of the columns, for forests, which know none.
    rows : array-like of int, shape (n,), optional
        Numbers of the rows in reports; default: from 0.
    top : int, optional
        How many of the highest rows to compare, 1 to n; default: as many as are above
        their cutoff, or a tenth of the rows if that is none; at least five of ten or more.
    limits : Limits, optional
        What counts as agreement.
    show : int, default 20
        Rows that differ most, to report.
    ours_name, theirs_name : str
        What they are called in the report.

    Returns
    -------
    AgreementReport

    Raises
    ------
    InvalidInputError
        If lengths differ, a score is not finite, or a model is given without rows.
    InvalidParameterError
        If ``top`` or ``show`` is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrcf import sagemaker
    >>> rows = np.random.default_rng(0).normal(size=(2000, 2))
    >>> forest = sagemaker.ManagedForest(100, 256, random_state=1).fit(rows)
    >>> again = forest.redrawn(2).score(rows)
    >>> report = sagemaker.compare(forest, again, rows)
    >>> report.verdict, bool(report.correlation > 0.95)
    ('agree', True)
    """
    limits = limits or Limits()
    found = as_scores(score_of(ours, X, "ours"), "ours")
    known = as_scores(score_of(theirs, X, "theirs"), "theirs")
    n = len(found)
    if len(known) != n:
        raise InvalidInputError(f"{n} rows are scored by ours, {len(known)} by theirs")
    numbers = np.arange(n) if rows is None else np.asarray(rows, dtype=np.int64)
    if numbers.shape != (n,):
        raise InvalidInputError(f"rows: expected {n} numbers, found shape {numbers.shape}")
    if show < 0:
        raise InvalidParameterError(f"show: {show} is below 0")
    ours_cutoff, theirs_cutoff = cutoff(found), cutoff(known)
    above, theirs_above = found > ours_cutoff, known > theirs_cutoff
    if top is None:
        top = max(int(theirs_above.sum()) or n // 10, min(5, n // 2), 1)
    elif not 1 <= top <= n:
        raise InvalidParameterError(f"top: {top} is not between 1 and {n}")
    figures = _figures(found, known, top)
    noise = _noise(ours, X, n, top)
    checks = _checks(figures, noise, limits, top)
    verdict, why = _judged(checks, n, limits)
    return AgreementReport(
        n_rows=n,
        scale=figures["scale"],
        correlation=figures["correlation"],
        rmse=figures["rmse"] or 0.0,
        rank=figures["rank"],
        top=top,
        overlap=figures["overlap"] or 0.0,
        ours_cutoff=ours_cutoff,
        theirs_cutoff=theirs_cutoff,
        ours_above=int(above.sum()),
        theirs_above=int(theirs_above.sum()),
        both_above=int((above & theirs_above).sum()),
        noise=None if noise is None else float(np.median(noise["rmse"])),
        checks=checks,
        verdict=verdict,
        why=why,
        worst=_worst(ours, found, known, X, columns, numbers, show),
        quantiles=_quantiles(found, known),
        points=_points(found, known),
        ours_name=ours_name,
        theirs_name=theirs_name,
    )


def _figures(ours: Floats, theirs: Floats, top: int) -> dict[str, float | None]:
    size = float(ours @ ours)
    return {
        "scale": float(ours @ theirs) / size if size else None,
        "correlation": _correlation(ours, theirs),
        "rank": _correlation(_ranks(ours), _ranks(theirs)),
        "overlap": len(set(_highest(ours, top)) & set(_highest(theirs, top))) / top,
        "rmse": float(np.sqrt(((ours - theirs) ** 2).mean())),
    }


def _correlation(a: Floats, b: Floats) -> float | None:
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / size if size > 0 else None


def _ranks(scores: Floats) -> Floats:
    """Ranks from 0, the mean of those that equal scores would have."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts + 1) / 2.0)[places], np.float64)


def _highest(scores: Floats, top: int) -> list[int]:
    order: list[int] = np.argsort(-scores, kind="stable")[:top].tolist()
    return order


def _noise(ours: Any, X: Any, n: int, top: int) -> dict[str, list[float]] | None:
    """Compare trainings of our own with each other, pair by pair; None where that is unknown."""
    if not isinstance(ours, ManagedForest) or X is None:
        return None
    # Enough rows for a figure, in even steps.
    step = -(-n // _REDRAWN_ROWS)
    asked = X if step == 1 else some_rows(X, np.arange(0, n, step))
    scores = [ours.redrawn(i).score(asked) for i in range(_REDRAWN)]
    out: dict[str, list[float]] = {}
    for i, one in enumerate(scores):
        for other in scores[:i]:
            for name, value in _figures(one, other, max(1, top // step)).items():
                if value is not None:
                    out.setdefault(name, []).append(value)
    return out


def _checks(
    figures: dict[str, float | None],
    noise: dict[str, list[float]] | None,
    limits: Limits,
    top: int,
) -> tuple[Check, ...]:
    noise = noise or {}
    far = max((abs(value - 1.0) for value in noise.get("scale", [])), default=0.0)
    reach = max(limits.scale, far)
    checks = [Check("scale", figures["scale"], 1.0 - reach, 1.0 + reach, far > limits.scale)]
    for name in ("correlation", "rank", "overlap"):
        asked = getattr(limits, name)
        if name == "overlap":
            # Where few rows are compared, two at the edge say nothing.
            asked = max(0.0, min(asked, (top - _AT_EDGE) / top))
        least = min(noise.get(name, []), default=1.0)
        checks.append(Check(name, figures[name], min(asked, least), 1.0, least < asked))
    if "rmse" in noise:
        checks.append(Check("rmse", figures["rmse"], 0.0, limits.noise * max(noise["rmse"]), True))
    # Products of scores that are all the same may end a hair above 1.
    return tuple(
        Check(c.name, min(c.value, 1.0), c.low, c.high, c.by_noise)
        if c.value is not None and c.name in ("correlation", "rank")
        else c
        for c in checks
    )


def _judged(checks: tuple[Check, ...], n: int, limits: Limits) -> tuple[Verdict, str]:
    missed = [f"{c.name} {c.value:.4f}, wanted {c.wanted}" for c in checks if c.passed is False]
    unknown = [c.name for c in checks if c.passed is None]
    if n < limits.least_rows:
        return "undecided", f"{n} rows tell too little: {limits.least_rows} are needed"
    if missed:
        return "differ", "; ".join(missed)
    if unknown:
        return "undecided", f"{' and '.join(unknown)}: undefined, as scores do not vary"
    return "agree", "all figures are within their limits"


def _worst(
    ours: Any,
    found: Floats,
    known: Floats,
    X: Any,
    columns: Sequence[str] | None,
    numbers: Integers,
    show: int,
) -> tuple[Difference, ...]:
    order = np.argsort(-np.abs(known - found), kind="stable")[:show]
    if not len(order):
        return ()
    why: Callable[[int], tuple[Cause, ...]] = lambda _: ()  # noqa: E731
    if X is not None:
        told = causes(ours, some_rows(X, order), columns)
        why = told.__getitem__
    ahead, theirs_ahead = np.sort(found), np.sort(known)
    return tuple(
        Difference(
            row=int(numbers[at]),
            ours=float(found[at]),
            theirs=float(known[at]),
            ours_rank=1 + len(found) - int(np.searchsorted(ahead, found[at], "right")),
            theirs_rank=1 + len(known) - int(np.searchsorted(theirs_ahead, known[at], "right")),
            causes=why(i),
        )
        for i, at in enumerate(order.tolist())
    )


def _quantiles(ours: Floats, theirs: Floats) -> Floats:
    n = len(ours)
    if n <= _LEVELS:
        return np.column_stack([np.sort(ours), np.sort(theirs)])
    # Half of the points where scores are high: there decisions fall.
    even = np.linspace(0.0, 1.0, _LEVELS // 2)
    high = 1.0 - np.geomspace(1.0 / n, 0.5, _LEVELS // 2)
    levels = np.unique(np.concatenate([even, high]))
    return np.column_stack([np.quantile(ours, levels), np.quantile(theirs, levels)])


def _points(ours: Floats, theirs: Floats) -> Floats:
    n = len(ours)
    if n <= _POINTS:
        return np.column_stack([ours, theirs])
    half = _POINTS // 4
    kept = {*_highest(ours, half), *_highest(theirs, half), *range(0, n, -(-n // (2 * half)))}
    at = np.array(sorted(kept))
    return np.column_stack([ours[at], theirs[at]])
