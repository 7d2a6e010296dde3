"""A detector whose trees forget: what has become usual stops being odd."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import fastrcf

COLUMNS = 4


def rows(n: int, centre: float, seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return rng.normal(centre, 1, (n, COLUMNS)).astype(np.float32)


def detector(time_decay: float, n: int = 40_000) -> fastrcf.Detector:
    made = fastrcf.Detector(time_decay=time_decay, n_trees=50, random_state=3, n_threads=1)
    return made.fit(rows(n, 0, 1))


def share_odder(model: fastrcf.Detector) -> float:
    """The share of pairs in which a row of the old kind is odder than one of the new."""
    old, new = model.score(rows(500, 0, 5)), model.score(rows(500, 6, 6))
    return float(np.mean(old[:, None] > new))


def test_what_has_become_usual_is_learnt_and_what_was_is_forgotten() -> None:
    forgets, keeps = detector(1 / 400), detector(0)
    assert share_odder(forgets) < 0.01
    for model in (forgets, keeps):
        model.process(rows(4_000, 6, 2))
    # The rows before weigh a two-hundredth of the new ones together; or ten times as much.
    assert share_odder(forgets) > 0.99
    assert share_odder(keeps) < 0.5


def test_forgetting_starts_with_the_stream() -> None:
    x = rows(200, 1, 7)
    np.testing.assert_array_equal(detector(0.01, 4000).score(x), detector(0, 4000).score(x))


def test_a_stream_goes_on_from_its_file_and_in_any_pieces() -> None:
    x = rows(3_000, 2, 3)
    whole, parts = detector(1e-3, 4000), detector(1e-3, 4000)
    scores = whole.process(x).score
    first = [parts.process(x[:1]).score, parts.process(x[1:700]).score]
    parts = fastrcf.loads(bytes(parts))
    rest = [parts.process(x[700:701]).score, parts.process(x[701:]).score]
    np.testing.assert_array_equal(np.concatenate([*first, *rest]), scores)
    assert bytes(parts) == bytes(whole)
    assert parts._fitted().parameters()["time_decay"] == 1e-3


@pytest.mark.parametrize("rate", [-1e-9, 2e6, float("nan")])
def test_rates_out_of_range_are_refused(rate: float) -> None:
    with pytest.raises(fastrcf.InvalidParameterError, match="time_decay"):
        fastrcf.Detector(time_decay=rate)
