"""Whether two models score the same rows alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf._parameters import DEPTH, OWN, check_kind
from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.sagemaker.agreement_figures import figures, points, quantiles
from fastrcf.sagemaker.agreement_limits import Limits, checks, judged
from fastrcf.sagemaker.agreement_report import AgreementReport, Difference
from fastrcf.sagemaker.causes import Cause, causes, score_of, some_rows
from fastrcf.sagemaker.managed import ManagedForest
from fastrcf.sagemaker.metrics import as_scores, cutoff

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastrcf._typing import Floats, Integers

# Trainings of our own that tell how far two trainings are apart, and rows that they score.
_REDRAWN, _REDRAWN_ROWS = 8, 10_000


def compare(
    ours: Any,
    theirs: Any,
    X: Any = None,
    *,
    columns: Sequence[str] | None = None,
    rows: Any = None,
    top: int | None = None,
    limits: Limits | None = None,
    kind: str = DEPTH,
    show: int = 20,
    ours_name: str = "ours",
    theirs_name: str = "theirs",
) -> AgreementReport:
    """Compare the scores of two models of the same rows.

    Parameters
    ----------
    ours : model or array-like of float, shape (n,)
        What scores ``X`` (:class:`ManagedForest`, a forest, a detector), or scores.
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
    kind : str, default "expected_inverse_depth"
        What a detector is asked for. The default has the scale of the service; ``"own"``
        is what it was made with, which an endpoint of this package's container with
        ``model=detector`` gives; or another of :meth:`fastrcf.Detector.score`'s kinds.
        All else has one kind of score.
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
        If ``top``, ``show`` or ``kind`` is out of its range.

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
    if kind != OWN:
        check_kind(kind)
    found = as_scores(score_of(ours, X, "ours", kind), "ours")
    known = as_scores(score_of(theirs, X, "theirs", kind), "theirs")
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
    measured = figures(found, known, top)
    noise = _noise(ours, X, n, top)
    held = checks(measured, noise, limits, top)
    verdict, why = judged(held, n, limits)
    return AgreementReport(
        n_rows=n,
        scale=measured["scale"],
        correlation=measured["correlation"],
        rmse=measured["rmse"] or 0.0,
        rank=measured["rank"],
        top=top,
        overlap=measured["overlap"] or 0.0,
        ours_cutoff=ours_cutoff,
        theirs_cutoff=theirs_cutoff,
        ours_above=int(above.sum()),
        theirs_above=int(theirs_above.sum()),
        both_above=int((above & theirs_above).sum()),
        noise=None if noise is None else float(np.median(noise["rmse"])),
        checks=held,
        verdict=verdict,
        why=why,
        worst=_worst(ours, found, known, X, columns, numbers, show),
        quantiles=quantiles(found, known),
        points=points(found, known),
        ours_name=ours_name,
        theirs_name=theirs_name,
    )


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
            for name, value in figures(one, other, max(1, top // step)).items():
                if value is not None:
                    out.setdefault(name, []).append(value)
    return out


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
