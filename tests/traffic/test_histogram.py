import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrcf.traffic import bars
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


def held_of(values):
    held = Histogram()
    for value in values:
        held.record(value)
    return held


@given(durations, st.integers(2, 20))
def test_spans_are_few_and_leave_nothing_out(values, most):
    spans = held_of(values).spans(most)
    assert 1 <= len(spans) <= most
    assert [low for low, _, _ in spans[1:]] == [high for _, high, _ in spans[:-1]]
    micros = np.round(np.array(values) * 1e6)
    for low, high, count in spans:
        lowest, highest = round(low * 1e6), round(high * 1e6)
        assert count == ((micros >= lowest) & (micros < highest)).sum()
    assert spans[0][2] > 0
    assert spans[-1][2] > 0


@given(durations, st.integers(2, 20), st.integers(1, 60))
def test_bars_are_as_long_as_their_counts(values, rows, width):
    held = held_of(values)
    spans, lines = held.spans(rows), bars.lines(held, rows, width)
    most = max(count for _, _, count in spans)
    assert len(lines) == len(spans)
    for (_, _, count), line in zip(spans, lines, strict=True):
        length = line.count("#")
        assert length == width if count == most else length <= width
        assert (length > 0) == (count > 0)
        assert f" {count:,}" in line
        assert line.isascii()


def test_bars_as_they_look():
    held = held_of([0.0021] * 20 + [0.003] * 40 + [0.021])
    assert bars.lines(held, 4, 10) == [
        "    2.05 to     4.10        60  ##########",
        "    4.10 to     8.19         0",
        "    8.19 to     16.4         0",
        "    16.4 to     32.8         1  #",
    ]
    assert bars.lines(Histogram()) == []
