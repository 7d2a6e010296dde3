import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrcf.traffic.histogram import Histogram

durations = st.lists(st.floats(1e-6, 5e3), min_size=1, max_size=200)


@given(durations, st.sampled_from([0, 0.5, 0.9, 0.99, 1]))
def test_a_quantile_is_off_by_half_a_bucket(values, share):
    held = Histogram()
    for value in values:
        held.record(value)
    exact = np.quantile(values, share, method="inverted_cdf")
    assert held.quantile(share) == pytest.approx(exact, rel=0.004, abs=1e-6)
    assert (held.count, held.most) == (len(values), max(values))
    assert held.mean == pytest.approx(np.mean(values))


@given(durations)
def test_buckets_hold_each_duration_below_their_bound(values):
    held = Histogram()
    for value in values:
        held.record(value)
    bounds, counts = zip(*held.buckets(), strict=True)
    assert list(bounds) == sorted(set(bounds))
    assert sum(counts) == len(values)
    edges = np.array([0, *bounds])
    expected = np.histogram(np.round(values, 6), edges + 1e-7)[0]
    # A value on a bound belongs to the bucket behind it.
    assert (
        np.abs(np.cumsum(expected) - np.cumsum(counts)).max()
        <= np.isin(np.round(np.array(values) * 1e6), np.array(bounds) * 1e6).sum() + 1
    )


def test_what_clocks_may_give_is_counted():
    held = Histogram()
    for value in (-1e-9, 0.0, 1e9):
        held.record(value)
    assert held.count == 3
    assert held.quantile(0.5) == pytest.approx(0, abs=1e-6)
    assert held.quantile(1) == pytest.approx(2**36 / 1e6, rel=0.01)


def test_nothing_has_no_figures():
    held = Histogram()
    assert (held.mean, held.quantile(0.5), held.buckets()) == (None, None, [])
