"""What is said of a row needs the rows up to it: with times, keys and several columns too."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastrcf

VALUE = st.sampled_from([0.0, 1.0, -300.0, math.nan]) | st.floats(-10, 10)
# Times that go on, stand still, leap over days and go back; of a few series.
ROW = st.tuples(
    st.sampled_from([0.0, 1.0, 1800.0, 4e5, -3600.0]) | st.floats(0, 90_000),
    st.sampled_from([1.0, 1.0, 1.0, 2.0, 3.0]),
    VALUE,
    VALUE,
)


# Shares of rows that leave room for alerts among few of them.
ASKED = {
    "threshold": {"threshold": 0.05},
    "share": {"alert_rate": 0.3, "episode": 3},
    "day": {"alerts_per_day": 16.0, "episode": 3},
}
# Alerts a day need times.
WAYS = [(True, asked) for asked in ASKED] + [(False, "threshold"), (False, "share")]


def made(timed, keyed, width, asked):
    return fastrcf.SeriesDetector(
        ["x2", "x3"][:width],
        time_column="x0" if timed else None,
        key_column="x1" if keyed else None,
        max_series=2,
        **ASKED[asked],
        n_trees=4,
        sample_size=16,
        warm_up=4,
        random_state=1,
    )


def processed(detector, rows):
    with warnings.catch_warnings():
        # Three keys for two places: series are dropped, and begin anew.
        warnings.simplefilter("ignore", UserWarning)
        return detector.process(rows)


def matrix(rows):
    array = np.array(rows, dtype=float).reshape(-1, 4)
    array[:, 0] = 1.7e9 + np.cumsum(array[:, 0])
    return array


def same(one, other, upto):
    np.testing.assert_array_equal(one.score[:upto], other.score[:upto])
    np.testing.assert_array_equal(one.grade[:upto], other.grade[:upto])
    np.testing.assert_array_equal(one.is_anomaly[:upto], other.is_anomaly[:upto])
    assert one.reasons[:upto] == other.reasons[:upto]


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize(("timed", "asked"), WAYS)
@given(
    past=st.lists(ROW, min_size=1, max_size=80),
    future=st.lists(ROW, max_size=40),
    cut=st.integers(0, 80),
    blocks=st.lists(st.integers(1, 60), max_size=4),
)
def test_the_future_changes_nothing_and_blocks_are_rows(
    timed, keyed, width, asked, past, future, cut, blocks
):
    past, cut = matrix(past), min(cut, len(past))
    detector = made(timed, keyed, width, asked)
    whole = processed(detector, past)
    other = np.concatenate((past[:cut], matrix(future)))
    if len(other):
        same(whole, processed(made(timed, keyed, width, asked), other), cut)
    single, at = made(timed, keyed, width, asked), 0
    for n in [*blocks, len(past)]:
        part = past[at : at + n]
        if len(part):
            found = processed(single, part)
            np.testing.assert_array_equal(found.score, whole.score[at : at + n])
            assert found.reasons == whole.reasons[at : at + n]
        at += n
    assert bytes(single) == bytes(detector)


def test_that_property_is_of_series_with_alerts():
    rng = np.random.default_rng(3)
    rows = [(1800.0, 1.0 + i % 2, *rng.normal(size=2)) for i in range(80)]
    for i in range(30, 80, 7):
        rows[i] = (*rows[i][:2], -300.0, 1.0)
    for timed, asked in WAYS:
        for keyed in (False, True):
            for width in (1, 2):
                found = processed(made(timed, keyed, width, asked), matrix(rows))
                assert found.is_anomaly.sum() > 1
                assert all(map(bool, np.array(found.reasons, dtype=object)[found.is_anomaly]))
