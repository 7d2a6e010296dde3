from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrcf.errors import InvalidParameterError
from fastrcf.traffic.schedule import Schedule, how_many


@given(st.floats(0.01, 1e5), st.integers(1, 5000), st.integers(0, 99), st.floats(1, 20))
def test_times_ascend_within_the_duration(rate, requests, seed, burst):
    made = Schedule(rate, requests, burst=burst, period=3.0, seed=seed)
    times = list(made)
    assert len(times) == requests
    assert all(a <= b for a, b in pairwise(times))
    assert times[0] >= 0
    assert times[-1] <= made.duration
    assert times == list(made)


def test_gaps_are_exponential():
    gaps = np.diff(list(Schedule(100.0, 20_000, seed=5)))
    # Of an exponential distribution, the spread is the mean, and a share exp(-x) is above x.
    assert gaps.mean() == pytest.approx(0.01, rel=0.01)
    assert gaps.std() == pytest.approx(0.01, rel=0.03)
    for x in (0.1, 1, 3):
        assert (gaps > x / 100).mean() == pytest.approx(np.exp(-x), abs=0.01)
    # Neighbouring gaps know nothing of each other.
    assert np.corrcoef(gaps[:-1], gaps[1:])[0, 1] == pytest.approx(0, abs=0.03)


def test_arrivals_are_spread_evenly_over_the_whole():
    times = np.array(list(Schedule(1000.0, 50_000, seed=1)))
    counts = np.histogram(times, 50, (0, 50))[0]
    # Poisson's variance is its mean.
    assert counts.var() == pytest.approx(1000, rel=0.6)
    assert np.abs(counts - 1000).max() < 150


def test_a_burst_comes_at_the_start_of_each_period_and_keeps_the_rate():
    times = np.array(list(Schedule(100.0, 6000, burst=3.0, period=6.0, seed=2)))
    assert (times % 6.0).max() <= 2.0
    assert np.histogram(times, 10, (0, 60))[0] == pytest.approx(600, abs=100)


def test_seeds_differ():
    assert list(Schedule(10.0, 5, seed=1)) != list(Schedule(10.0, 5, seed=2))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((50.0, 10.0, None), 500),
        ((50.0, None, 7), 7),
        ((50.0, 10.0, 7), 7),
        ((50.0, 1.0, 99), 50),
        ((50.0, None, None), 500),
        ((0.1, 1.0, None), 1),
    ],
)
def test_whichever_ends_first(given, expected):
    assert how_many(*given) == expected


@pytest.mark.parametrize("rate", [float("inf"), float("nan"), 0.0])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(InvalidParameterError, match="rate is"):
        how_many(rate, 10.0, None)


@pytest.mark.parametrize(
    "wrong",
    [{"rate": 0.0}, {"rate": float("nan")}, {"requests": 0}, {"burst": 0.5}, {"period": 0.0}],
)
def test_what_gives_no_schedule_is_refused(wrong):
    with pytest.raises(InvalidParameterError, match=next(iter(wrong))):
        Schedule(**{"rate": 1.0, "requests": 1} | wrong)
