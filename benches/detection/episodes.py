"""How much NAB's figures hang on the length of episodes.

A window that two episodes share earns nothing twice, so a length can suit the benchmark's
windows by luck. What the detector of series is worth is the mean over lengths; see
docs/series.md.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

import fastrcf
from benches.detection import nab_score
from benches.detection.detectors.streams import Series as Detecting
from benches.detection.detectors.streams import scored
from benches.detection.record import Found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from benches.detection.families.nab import Series
    from benches.detection.nab_score import Profile
    from benches.detection.record import Results

NAME = "NAB, episodes"
# In rows.
LENGTHS = range(50, 121, 10)
MEAN = f"mean over episodes of {LENGTHS[0]} to {LENGTHS[-1]} rows"


def at_default(profile: str) -> str:
    """Name the measure of a profile at the threshold that users have."""
    return f"{profile}, default threshold"


def case(length: int) -> str:
    """Name the case of a length."""
    return f"{length} rows"


def on_lengths(
    series: Sequence[Series],
    profiles: Mapping[str, Profile],
    results: Results,
    *,
    told: Callable[[str], None],
) -> Iterator[Found]:
    """Run the detector of series with every length, but for what the results hold."""
    for length in LENGTHS:
        for seed in results.seeds:
            if results.holds(NAME, case(length), Detecting.name, seed):
                continue
            told(f"{NAME}: {case(length)}, seed {seed}")
            yield _found(series, profiles, length, seed)


def _found(
    series: Sequence[Series], profiles: Mapping[str, Profile], length: int, seed: int
) -> Found:
    began = time.perf_counter()
    labelled = [
        nab_score.label(scored(one.values, one.seconds, seed, episode=length), one.windows)
        for one in series
    ]
    seconds = time.perf_counter() - began
    threshold = fastrcf.SeriesDetector(episode=length).threshold
    found = {}
    for name, profile in profiles.items():
        found[name] = round(nab_score.corpus(labelled, profile).value, 3)
        found[at_default(name)] = round(nab_score.corpus_at(labelled, profile, threshold), 3)
    return Found(NAME, case(length), Detecting.name, seed, found, round(seconds, 3))


def rows(results: Results, profiles: Mapping[str, str]) -> list[list[str]]:
    """Give a head, a row a length and their mean; nothing if no length was measured.

    Parameters
    ----------
    results : Results
    profiles : mapping of str to str
        Name and words of each profile.
    """
    measures = [*profiles, *map(at_default, profiles)]
    by_measure = {m: results.by_case(NAME, Detecting.name, m) for m in measures}
    cases = list(by_measure[measures[0]])
    if not cases:
        return []
    first, *others = profiles.values()
    head = ["episodes of"]
    for threshold in ("best threshold", "default threshold"):
        head += [f"{threshold}: {first}", *others]
    found = [[name, *(f"{values[name]:.1f}" for values in by_measure.values())] for name in cases]
    means = (float(np.mean(list(values.values()))) for values in by_measure.values())
    return [head, *found, ["mean", *(f"{value:.1f}" for value in means)]]
