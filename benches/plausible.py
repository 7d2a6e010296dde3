"""Does an engine do the work at all? Asked before its time counts.

A scorer that returns nonsense is not fast. Every engine gets rows with outliers
planted far outside, after which its forest has taken the rows that all take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import fastrcf

if TYPE_CHECKING:
    from benches.engines.protocol import Answer, Engine, Kind, Rows, Shape, Work
    from benches.rows import Planted

# Works that give scores.
ANSWERS: tuple[Work, ...] = ("score", "row", "process")
# Share of pairs (odd row, usual row) in the right order.
LEAST_AUC = 0.95
# Of a random cut forest's scores with those of another seed of ours.
LEAST_CORRELATION = 0.9
# Of the mean scores of usual and of odd rows, on one scale: seeds differ by some hundredths,
# trees of another rule by 0.4.
MEAN_WITHIN = 0.1
# Share of rows just taken in that a deletion must find: some enter no tree.
LEAST_HELD = 0.5
# Share of odd rows whose farthest column gets the largest part of the score.
LEAST_FOUND = 0.95


def expected_scores(learnt: Rows, asked: Rows, shape: Shape, work: Work = "score") -> Answer:
    """Score rows with our living forest of another seed.

    A stream learns odd rows as they come, so that later ones score less: for
    "process", so does this.
    """
    forest = fastrcf.RandomCutForest(
        shape.n_trees, shape.sample_size, random_state=shape.seed + 1, n_threads=shape.n_threads
    )
    forest.insert(learnt)
    return forest.process(asked) if work == "process" else forest.score(asked)


def check(engine: Engine, work: Work, learnt: Rows, asked: Planted, expected: Answer) -> str | None:
    """Let an engine with a forest do a work on planted rows, and look at what it gives.

    Parameters
    ----------
    engine : Engine
        Its forest is built; works that learn teach it the planted rows.
    work : str
        One of its works.
    learnt : numpy.ndarray of float32, shape (m, d)
        Rows that forests here have taken in.
    asked : Planted
        Rows; the odd ones are known.
    expected : numpy.ndarray of float64, shape (n,)
        Scores of the planted rows by :func:`expected_scores` for this work.

    Returns
    -------
    str or None
        What is wrong with the answer; None if nothing is.
    """
    if work == "parquet":
        return _why_not_read(engine, learnt, asked, expected)
    if work == "delete":
        return _why_not_deleted(engine, asked, expected)
    if work in ("insert", "fit", "load"):
        # An opening for each row: two will do.
        given = {"insert": asked.rows[~asked.is_odd], "fit": learnt, "load": learnt[:2]}
        engine.run(work, given[work])
        # What has learnt must know usual rows from odd ones still.
        asking = next((able for able in ANSWERS if able in engine.works), None)
        if asking is None:
            return "cannot be asked for scores"
        answer = engine.run(asking, asked.rows).answer
        return why_not_scores(answer, asked, None, "other")
    answer = engine.run(work, asked.rows).answer
    if work == "attribution":
        return why_not_parts(answer, asked, expected, engine.kind)
    # A local range is on a scale of its own.
    kind = "other" if work == "local_range" else engine.kind
    return why_not_scores(answer, asked, expected, kind)


def _why_not_deleted(engine: Engine, asked: Planted, expected: Answer) -> str | None:
    """Say what is wrong with a forest that was to take rows in and out again, if anything.

    Odd rows that it has kept would be less odd to it.
    """
    # As many at a time as a sample can hold.
    step = max(1, engine.shape.sample_size // 4)
    copies: list[float] = []
    for at in range(0, len(asked.rows), step):
        rows = asked.rows[at : at + step]
        answer = engine.run("delete", rows).answer
        if answer is None or answer.shape != (len(rows),):
            said = "no" if answer is None else answer.shape
            return f"{said} counts of copies for {len(rows)} deleted rows"
        copies += answer.tolist()
    held = float(np.mean(np.array(copies) >= 1))
    if not held >= LEAST_HELD:
        return f"deleted {held:.2f} of the rows that it had taken in (at least {LEAST_HELD})"
    wrong = why_not_scores(engine.judged(asked.rows), asked, expected, engine.kind)
    return None if wrong is None else f"after deletion: {wrong}"


def _why_not_read(engine: Engine, learnt: Rows, asked: Planted, expected: Answer) -> str | None:
    """Say what is wrong with what an engine made of a file, if anything."""
    read = engine.run("parquet", learnt).answer
    if read is None or read.tolist() != [len(learnt)]:
        return f"read {'nothing' if read is None else read} of {len(learnt)} rows"
    if engine.kind == "reader":
        return None
    return why_not_scores(engine.judged(asked.rows), asked, expected, engine.kind)


def why_not_scores(
    scores: Answer | None, asked: Planted, expected: Answer | None, kind: Kind
) -> str | None:
    """Say what is wrong with scores, if anything.

    Parameters
    ----------
    scores : numpy.ndarray of float64, shape (n,), or None
        Of the planted rows, higher for odd ones.
    asked : Planted
    expected : numpy.ndarray of float64, shape (n,), or None
        Our scores of another seed, for the kinds "forest" and "rank".
    kind : {"forest", "rank", "other"}
    """
    n = len(asked.rows)
    if scores is None or scores.shape != (n,):
        return f"{'no' if scores is None else scores.shape} scores for {n} rows"
    if not np.isfinite(scores).all():
        return f"{int((~np.isfinite(scores)).sum())} of {n} scores are not finite"
    found = auc(scores, asked)
    if found < LEAST_AUC:
        return f"AUC {found:.3f} on far outliers (at least {LEAST_AUC})"
    if kind == "other" or expected is None:
        return None
    correlation = float(np.corrcoef(scores, expected)[0, 1])
    if not correlation >= LEAST_CORRELATION:
        return f"correlation {correlation:.3f} with fastrcf (at least {LEAST_CORRELATION})"
    if kind == "forest":
        for name, some in (("usual", ~asked.is_odd), ("odd", asked.is_odd)):
            ratio = float(scores[some].mean() / expected[some].mean())
            if abs(ratio - 1) > MEAN_WITHIN:
                return f"mean of {name} rows {ratio:.3f} times fastrcf's (within {MEAN_WITHIN})"
    return None


def why_not_parts(parts: Answer | None, asked: Planted, expected: Answer, kind: Kind) -> str | None:
    """Say what is wrong with an attribution, shape (n, d), if anything."""
    if parts is None or parts.shape != asked.rows.shape:
        return f"{'no' if parts is None else parts.shape} parts for rows {asked.rows.shape}"
    wrong = why_not_scores(parts.sum(axis=1), asked, expected, kind)
    if wrong is not None:
        return f"sums of parts: {wrong}"
    found = float((parts[asked.is_odd].argmax(axis=1) == asked.column).mean())
    if found < LEAST_FOUND:
        return f"finds the farthest column of {found:.2f} of the odd rows (at least {LEAST_FOUND})"
    return None


def auc(scores: Answer, asked: Planted) -> float:
    """Share of pairs of an odd and a usual row in the right order; ties count half."""
    odd, usual = scores[asked.is_odd], np.sort(scores[~asked.is_odd])
    below = np.searchsorted(usual, odd, "left") + np.searchsorted(usual, odd, "right")
    return float(below.sum() / 2 / len(odd) / len(usual))
