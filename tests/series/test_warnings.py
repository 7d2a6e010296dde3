"""What is warned of is warned of before a row is learnt."""

import warnings

import numpy as np
import pandas as pd
import pytest

import fastrcf

SMALL = {"n_trees": 5, "sample_size": 64, "random_state": 1}


def table(hours=300, series=10):
    n = hours * series
    columns = {"t": np.repeat(np.arange(hours) * 3600.0, series)}
    columns["k"] = np.tile(np.arange(series), hours)
    columns["v"] = np.random.default_rng(0).normal(size=n)
    return pd.DataFrame(columns)


def made(**given):
    return fastrcf.SeriesDetector(["v"], time_column="t", key_column="k", **SMALL, **given)


def test_where_warnings_are_errors_nothing_has_been_learnt():
    rows = table(60)
    detector = made(max_series=5)
    with pytest.warns(UserWarning, match="5 series or more are dropped") as told:
        detector.process(rows)
    assert told[0].filename == __file__
    before, n_dropped = bytes(detector), detector.n_dropped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="1 series or more are dropped, as at most 5"):
            detector.process(rows[rows["k"].isin([0, 6, 7, 8, 9])])
        assert bytes(detector) == before
        # Those that it holds are no reason to warn.
        detector.process(rows[rows["k"] > 4])
        detector.process(rows[rows["k"] == 9][:1])
    assert detector.n_dropped == n_dropped


ORDERS = {
    "by key": lambda rows: rows.sort_values("k", kind="stable"),
    "newest first": lambda rows: rows[::-1],
}


@pytest.mark.parametrize("order", ORDERS)
def test_rows_out_of_the_order_of_time_are_told_where_they_are_counted_by_the_day(order):
    rows = ORDERS[order](table())
    detector = made(alerts_per_day=2)
    said = "column 't': [0-9]+ of 3000 rows are more than an hour before an earlier row: .* sort"
    with pytest.warns(UserWarning, match=said) as told:
        detector.process(rows)
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match=said):
            made(alerts_per_day=2).process(rows)
        # A threshold counts nothing.
        made().process(rows)


def test_a_few_late_rows_and_an_hour_shown_twice_are_told_of_nowhere():
    rows = table()
    late = pd.concat([rows, rows[:100]])
    twice = rows.assign(t=rows["t"] - 3600.0 * (np.arange(len(rows)) >= 1500))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for given in (rows, late, twice):
            made(alerts_per_day=2).process(given)


def test_a_list_of_any_kind_is_one_column():
    for values in (range(40), list(range(40)), [*map(float, range(39)), None]):
        detector = fastrcf.SeriesDetector(**SMALL)
        assert len(detector.process(values)) == detector.n_seen == 40
    with pytest.raises(fastrcf.InvalidInputError, match="row 1, column 'x0': 'x' is not a number"):
        fastrcf.SeriesDetector(**SMALL).process([1.0, "x"])
