"""Runs detectors on tables and series, and measures what they find."""

from __future__ import annotations

import time
import warnings
from contextlib import closing
from typing import TYPE_CHECKING

from benches.detection import nab_score
from benches.detection.detectors import STREAMS, TABLES
from benches.detection.families import nab
from benches.detection.metrics import measures
from benches.detection.record import Found
from benches.engines.protocol import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from benches.detection.case import Case, Table
    from benches.detection.detectors import StreamDetector, TableDetector
    from benches.detection.families.nab import Series
    from benches.detection.nab_score import Profile
    from benches.detection.record import Results

# The one case of a corpus that has one threshold.
CORPUS = "corpus"


def on_table(
    case: Case, results: Results, *, is_large: bool, told: Callable[[str], None]
) -> Iterator[Found]:
    """Run every detector on a case, each with all seeds.

    What a detector raises is noted in the results, and the others go on.
    """
    table = case.load()
    asked = table.fitted if table.asked is None else table.asked
    name = f"{case.family}, {case.name}"
    results.shapes[name] = [len(table.fitted), *asked.shape, int(table.labels.sum())]
    for detector in TABLES:
        if detector.name in results.absent or (is_large and not detector.is_fast):
            continue
        for seed in results.seeds if detector.is_seeded else results.seeds[:1]:
            told(f"{name}: {detector.name}, seed {seed}")
            try:
                yield _found(case, table, detector, seed)
            except Unavailable as error:
                results.absent[detector.name] = str(error)
                break
            except Exception as error:  # A peer's failure is its own, not the bench's.
                results.failed[f"{name}: {detector.name}"] = f"{type(error).__name__}: {error}"
                break


def on_series(
    series: Sequence[Series],
    profiles: Mapping[str, Profile],
    results: Results,
    *,
    told: Callable[[str], None],
) -> Iterator[Found]:
    """Run every detector of streams on the whole corpus, but for what the results hold."""
    for detector in STREAMS:
        for seed in results.seeds if detector.is_seeded else results.seeds[:1]:
            if results.holds(nab.NAME, CORPUS, detector.name, seed):
                continue
            told(f"{nab.NAME}: {detector.name}, seed {seed}")
            key = f"{nab.NAME}: {detector.name}"
            # A run that goes on may find what was not there before.
            results.absent.pop(detector.name, None)
            results.failed.pop(key, None)
            try:
                yield _on_corpus(series, profiles, detector, seed)
            except Unavailable as error:
                results.absent[detector.name] = str(error)
                break
            except Exception as error:  # A peer's failure is its own, not the bench's.
                results.failed[key] = f"{type(error).__name__}: {error}"
                break


def _found(case: Case, table: Table, detector: type[TableDetector], seed: int) -> Found:
    made = detector(seed)
    began = time.perf_counter()
    with warnings.catch_warnings():
        # Peers divide by the spread of constant columns; what counts is what they answer.
        warnings.simplefilter("ignore")
        made.fit(table.fitted)
        asked = table.asked
        scores = made.score_fitted(table.fitted) if asked is None else made.score(asked)
    seconds = time.perf_counter() - began
    found = {name: round(value, 5) for name, value in measures(table, scores).items()}
    return Found(case.family, case.name, detector.name, seed, found, round(seconds, 3))


def _on_corpus(
    series: Sequence[Series],
    profiles: Mapping[str, Profile],
    detector: type[StreamDetector],
    seed: int,
) -> Found:
    began = time.perf_counter()
    with closing(detector(seed)) as made:
        labelled = [
            nab_score.label(made.process(one.values, one.seconds), one.windows) for one in series
        ]
    seconds = time.perf_counter() - began
    found = {
        name: round(nab_score.corpus(labelled, profile).value, 3)
        for name, profile in profiles.items()
    }
    return Found(nab.NAME, CORPUS, detector.name, seed, found, round(seconds, 3))
