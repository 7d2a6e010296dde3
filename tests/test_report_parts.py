"""What reports rest on: lines, samples, counts, drift and words."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrcf.report import drift, words
from fastrcf.report.sketches import BY_NUMBER, BY_ROW, BY_TIME, Highest, Line, Names, Sample
from tests.test_report import same

floats = st.floats(-1e30, 1e30, allow_nan=False)


@given(st.lists(floats, min_size=1, max_size=60), st.data())
def test_lines_do_not_depend_on_batches(values, data):
    x = np.array(values)
    alert, score = x > 0, np.abs(x)
    cut = data.draw(st.integers(0, len(x)))
    whole, parts = Line(BY_NUMBER, 16), Line(BY_NUMBER, 16)
    whole.add(x, alert, score)
    for part in (slice(None, cut), slice(cut, None)):
        parts.add(x[part], alert[part], score[part])
    same(whole.stretches(), parts.stretches())
    found = whole.stretches()
    assert found.rows.sum() == len(x)
    assert found.alerts.sum() == alert.sum()
    assert (np.diff(found.start) > 0).all()
    assert found.start[-1] - found.start[0] < 16 * found.width
    place = whole.find(x)
    assert (found.start[place] <= x).all()
    assert (found.highest[place] >= score).all()


def test_few_rows_are_joined_to_fewer_stretches():
    x = np.arange(100)
    line = Line(BY_ROW, 64)
    line.add(x, x % 10 == 0, x * 1.0)
    line.thin_out(20)
    found = line.stretches()
    assert found.width == 32
    assert found.start.tolist() == [0, 32, 64, 96]
    assert found.rows.tolist() == [32, 32, 32, 4]
    assert found.alerts.tolist() == [4, 3, 3, 0]
    assert found.highest.tolist() == [31, 63, 95, 99]
    assert line.find(x).tolist() == (x // 32).tolist()
    line.thin_out(1000)
    assert line.stretches().rows.tolist() == [100]


@given(st.lists(st.integers(-(10**17), 10**17), min_size=1, max_size=40), st.integers(0, 40))
def test_lines_of_time_do_not_depend_on_batches(values, cut):
    x = np.array(values)
    whole, parts = Line(BY_TIME, 16), Line(BY_TIME, 16)
    whole.add(x, x > 0, x * 1.0)
    for part in (x[:cut], x[cut:]):
        parts.add(part, part > 0, part * 1.0)
    same(whole.stretches(), parts.stretches())
    assert whole.find(np.array([10**18 * 9]))[0] == -1


@pytest.mark.parametrize("ladder", [BY_ROW, BY_TIME, BY_NUMBER])
def test_widths_are_multiples_of_those_before(ladder):
    for one, next_ in pairwise(ladder):
        assert next_ > one
        assert next_ % one == 0


@given(st.integers(1, 40), st.lists(st.integers(0, 60), min_size=1, max_size=6))
def test_samples_are_uniform_and_do_not_depend_on_batches(capacity, sizes):
    n = sum(sizes)
    x = np.arange(n, dtype=float)[:, None]
    whole, parts = Sample(capacity, 1), Sample(capacity, 1)
    whole.add(n, x.__getitem__)
    done = 0
    for size in sizes:
        parts.add(size, x[done : done + size].__getitem__)
        done += size
    np.testing.assert_array_equal(whole.rows(), parts.rows())
    assert len(whole.rows()) == min(n, capacity)
    assert whole.is_all == (n <= capacity)
    assert (np.diff(whole.rows()[:, 0]) > 0).all()


def test_samples_favour_no_place():
    sample = Sample(20_000, 1)
    for first in range(0, 400_000, 50_000):
        sample.add(50_000, lambda i, first=first: (first + i)[:, None].astype(float))
    counts = np.histogram(sample.rows(), bins=40, range=(0, 400_000))[0]
    # 500 each; five standard deviations.
    assert abs(counts - 500).max() < 5 * np.sqrt(500)


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(0, 60), st.integers(1, 8))
def test_highest_rows_are_the_first_of_equal_ones(values, cut, most):
    x = np.array(values, dtype=float)
    kept = Highest(most)
    for first, part in ((0, x[:cut]), (min(cut, len(x)), x[cut:])):
        kept.add(part, lambda i, first=first: first + i)
    assert kept.items() == np.argsort(-x, kind="stable")[:most].tolist()


def test_names_beyond_the_first_are_counted_together():
    names = Names(2, 2)
    for name in "abcab":
        names.add(name, 1, 0.5)
    assert names.counts == {"a": [2, 1.0], "b": [2, 1.0]}
    assert names.others == [1, 0.5]
    assert not names.is_all


@given(st.lists(st.integers(0, 4), min_size=30, max_size=300), st.floats(0.1, 10))
def test_a_column_that_is_as_fitted_has_no_index(values, unit):
    x = np.array(values) * unit
    fitted = np.quantile(x, drift.SHARES, method="inverted_cdf")
    below = np.array([(x < q).sum() for q in fitted])
    at_most = np.array([(x <= q).sum() for q in fitted])
    index = drift.stability_index(below, at_most, len(x))
    # At most a row is on the other side of each quantile; half a row is what an empty bin counts.
    assert 0 <= index < 8 * drift.chance_index(len(x), len(x))
    n = len(x)
    assert drift.stability_index(np.zeros(9, int), np.zeros(9, int), n) > drift.STRONGLY


def test_chance_gives_the_index_that_is_said():
    rng = np.random.default_rng(5)
    over = 0
    for _ in range(400):
        a, b = rng.normal(size=1500), rng.normal(size=1000)
        fitted = np.quantile(a, drift.SHARES)
        below = np.array([(b < q).sum() for q in fitted])
        over += drift.stability_index(below, below, 1000) > drift.chance_index(1000, 1500)
    # 5 %, give or take four standard deviations; the approximation errs a little.
    assert 4 <= over <= 45


def test_intervals_are_wilsons():
    low, high = drift.interval(0.1, 100)
    assert (round(low, 4), round(high, 4)) == (0.0552, 0.1744)
    assert drift.interval(0.0, 50)[0] == 0.0
    assert drift.interval(1.0, 50)[1] == 1.0


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (22.0, "22"),
        (1234.56, "1,235"),
        (123.456, "123.5"),
        (12.3456, "12.35"),
        (-1.23456, "-1.235"),
        (0.0123456, "0.0123"),
        (0.00123, "0.00123"),
        (1e-7, "1.000e-07"),
        (3e20, "3.000e+20"),
    ],
)
def test_numbers_are_written_as_people_do(x, text):
    assert words.number(x) == text


def test_words():
    assert [words.share(x) for x in (0, 0.5, 0.0123, 0.00012, 1e-7, 0.1234)] == [
        "0 %",
        "50 %",
        "1.2 %",
        "0.012 %",
        "1e-05 %",
        "12.3 %",
    ]
    assert words.value(532676.0) == "532676"
    assert words.value(True) == "true"
    assert words.plain("a" * 300) == "a" * 120 + "…"
    assert words.plain("a\u202eb\n") == "a\ufffdb\ufffd"
    assert words.listed(list("abcdefgh"), 3) == "a, b, c and 5 more"
