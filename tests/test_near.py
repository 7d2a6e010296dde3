"""What is usual in the rows nearest to an alert."""

import numpy as np
import pyarrow as pa
import pytest

import fastrcf

SCALINGS = ("auto", "none", "standard", "robust", "log-robust", "log", "rank")


def naive(detector, rows, query):
    """Give least and greatest values among the ten nearest rows that are no anomalies.

    For columns that are not scaled, and so few rows that every tree's row reaches all.
    """
    held = np.unique(rows, axis=0)
    distance = np.abs(held - query).sum(axis=1)
    order = np.lexsort((*held.T[::-1], distance))
    usual = [i for i in order if detector.score(held[i : i + 1])[0] <= detector.threshold][:10]
    return held[usual].min(axis=0), held[usual].max(axis=0)


def ranges(reasons, names):
    return {r.column: (r.near_low, r.near_high) for r in reasons if r.column in names}


@pytest.mark.parametrize("seed", range(5))
def test_ranges_are_those_of_the_nearest_usual_rows(seed):
    rng = np.random.default_rng(seed)
    # Some rows lie apart, so that there are anomalies among the nearest.
    # 64ths, so that distances are exact, and there are ties.
    rows = np.round(rng.normal(size=(16, 3)) * 64) / 64
    rows[:3] += 6
    detector = fastrcf.Detector(
        scaling="none", relations="off", alert_rate=0.2, n_trees=40, random_state=seed
    ).fit(rows)
    assert (detector.score(rows) > detector.threshold).any()
    queries = np.round(rng.normal(size=(30, 3)) * 256) / 64
    checked = 0
    for query, reasons in zip(queries, detector.explain(queries), strict=True):
        low, high = naive(detector, rows, query)
        for column, near in ranges(reasons, detector.columns).items():
            j = detector.columns.index(column)
            assert near == pytest.approx((low[j], high[j]), abs=0)
            checked += 1
    assert checked > 30


@pytest.mark.parametrize("scaling", SCALINGS)
def test_ranges_are_values_of_the_table_in_its_units(scaling):
    rng = np.random.default_rng(3)
    n = 2000
    # Two groups; what is usual in one is not in the other.
    group = rng.integers(0, 2, n)
    amount = np.round(np.where(group, rng.normal(50_000, 2000, n), rng.normal(20, 2, n)), 1)
    change = np.round(rng.normal(0, 3, n) - 40 * group, 2)
    table = {"amount": amount, "change": change, "rate": np.round(rng.normal(0, 1e-4, n), 6)}
    detector = fastrcf.Detector(scaling=scaling, alert_rate=0.001, random_state=1).fit(table)
    odd = {"amount": [20.0, 20.0], "change": [-40.0, 30.5], "rate": [0.0, 0.0]}
    for reasons in detector.explain(odd):
        for reason in reasons:
            near = (reason.near_low, reason.near_high)
            assert near[0] <= near[1]
            # Not only near values: those that were given.
            assert set(near) <= set(table[reason.column].tolist())
    reasons = {r.column: r for r in detector.explain(odd)[1]}
    if scaling not in ("none", "rank") and "change" in reasons:
        reason = reasons["change"]
        assert -15 < reason.near_low < reason.near_high < 15


def test_the_words_tell_the_range_where_it_says_more():
    rng = np.random.default_rng(0)
    n = 4000
    night = np.arange(n) % 2
    table = {"night": night.astype(float), "load": np.round(rng.normal(10 + 80 * night, 1), 2)}
    detector = fastrcf.Detector(scaling="standard", relations="off", random_state=1).fit(table)
    (reasons,) = detector.explain({"night": [0.0], "load": [60.0]})
    (load,) = (r for r in reasons if r.column == "load")
    assert load.text.endswith("in the rows nearest to it")
    # Somewhere within one of the groups, not across both.
    assert load.near_high - load.near_low < 10
    assert f"{load.near_low:g} to {load.near_high:g}" in load.text
    # Usual rows need no more words.
    usual = {"night": [0.0, 1.0], "load": [10.0, 90.0]}
    for reasons in detector.explain(usual):
        assert not any("nearest" in r.text for r in reasons)


def test_anomalies_in_the_sample_do_not_count_as_usual():
    rng = np.random.default_rng(5)
    rows = np.round(rng.normal(size=(3000, 2)), 3)
    # Repeated frauds that lie together.
    rows[:8] = [[30.0, 30.0]] * 4 + [[31.0, 31.0]] * 4
    detector = fastrcf.Detector(
        sample_size=3000, n_trees=20, relations="off", alert_rate=0.01, random_state=1
    ).fit(rows)
    found = detector.detect(np.array([[30.0, 30.0], [30.5, 30.5]]))
    assert found.is_anomaly.all()
    for reasons in found.reasons:
        for reason in reasons:
            assert reason.near_high < 10


def test_categories_relations_and_values_far_beyond_have_none(rng):
    start = np.round(rng.uniform(0, 1000, 4000), 1)
    span = np.round(rng.lognormal(1, 1, 4000), 1)
    table = {
        "start": start,
        "end": start + span,
        "span": span,
        "kind": rng.choice(["a", "b"], 4000).tolist(),
    }
    detector = fastrcf.Detector(categorical=["kind"], random_state=3).fit(table)
    query = {"start": [10.0, 10.0], "end": [12.0, 90.0], "span": [2.0, 2.0], "kind": ["z", "a"]}
    seen = [r for row in detector.explain(query) for r in row]
    columns = {"start", "end", "span"}
    assert any(r.column == "kind" for r in seen)
    assert any(r.column not in columns | {"kind"} for r in seen)
    for reason in seen:
        if reason.column in columns:
            assert reason.near_low is not None
        else:
            assert (reason.near_low, reason.near_high) == (None, None)
    # So far that nothing but the column counts: still the range of rows that are held.
    (reasons,) = detector.explain({"start": [1e29], "end": [12.0], "span": [2.0], "kind": ["a"]})
    for reason in reasons:
        if reason.column in columns:
            assert 0 <= reason.near_low <= reason.near_high <= 2000


def test_many_rows_and_one_by_one_give_the_same(rng):
    rows = np.round(rng.normal(size=(6000, 4)), 3)
    rows[::400] *= 4
    detector = fastrcf.Detector(alert_rate=0.01, n_trees=20, random_state=2).fit(rows[:2000])
    living = _copied(detector)
    # Of so many rows the forests are frozen; single rows are asked of living ones.
    many = detector.detect(rows[2000:])
    alerts = np.flatnonzero(many.is_anomaly)
    assert len(alerts) > 10
    for i in alerts:
        (one,) = living.explain(rows[2000 + i : 2001 + i])
        assert one == many.reasons[i]
    assert all(
        r.near_low is not None and r.near_low <= r.near_high
        for i in alerts
        for r in many.reasons[i]
    )


@pytest.mark.parametrize("track", [True, False])
def test_a_stream_gives_the_same_in_blocks_and_row_by_row(track, rng):
    rows = np.round(rng.normal(size=(1500, 3)).cumsum(axis=0) * 0.05, 3)
    rows[1000::50] += 3
    detector = fastrcf.Detector(
        alert_rate=0.02, n_trees=10, sample_size=64, track_threshold=track, random_state=2
    ).fit(rows[:500])
    block, single = _copied(detector), _copied(detector)
    found = block.process(rows[500:])
    assert found.is_anomaly.sum() > 5
    for i, reasons in enumerate(found.reasons):
        assert single.process(rows[500 + i : 501 + i]).reasons[0] == reasons
    near = [r for reasons in found.reasons for r in reasons if r.near_low is not None]
    assert near
    # Rows held just before the alert: values that had come by then.
    for i, reasons in enumerate(found.reasons):
        for r in reasons:
            if r.near_low is not None:
                come = rows[: 500 + i, int(r.column.removeprefix("x"))]
                assert {r.near_low, r.near_high} <= set(come.tolist())


@pytest.mark.parametrize("scaling", ["standard", "robust", "log-robust"])
def test_zeros_come_back_as_zeros(scaling):
    rng = np.random.default_rng(4)
    amount = np.where(np.arange(1000) % 4 == 0, 0.0, np.round(rng.normal(3e5, 7e4, 1000)))
    table = {"amount": amount, "paid": (amount > 0).astype(float)}
    detector = fastrcf.Detector(scaling=scaling, relations="off", random_state=1).fit(table)
    (reasons,) = detector.explain({"amount": [2.5e6], "paid": [0.0]})
    near = {r.column: (r.near_low, r.near_high) for r in reasons}
    assert {x for x in near["amount"] if abs(x) < 1} <= {0.0}
    (reasons,) = detector.explain({"amount": [900.0], "paid": [0.0]})
    # Equal rows count once, so that others are among the ten nearest.
    for reason in reasons:
        assert reason.near_low == 0.0


def test_constant_tables_have_their_value():
    detector = fastrcf.Detector(n_trees=5, random_state=0).fit(np.full((50, 2), 3.5))
    (reasons,) = detector.explain(np.array([[9.0, 3.5]]))
    assert (reasons[0].near_low, reasons[0].near_high) == (3.5, 3.5)


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow"])
def test_tables_hold_the_range(kind, rng):
    rows = {"a": np.round(rng.normal(size=500), 2), "b": np.round(rng.normal(size=500), 2)}
    detector = fastrcf.Detector(n_trees=10, random_state=0).fit(rows)
    odd = pa.table({"a": [50.0], "b": [0.0]})
    native = {"pandas": odd.to_pandas, "arrow": lambda: odd, "polars": lambda: _polars(odd)}[kind]()
    reasons = detector.detect(native)["reasons"][0]
    first = (reasons.as_py() if kind == "arrow" else reasons)[0]
    assert first["column"] == "a"
    assert {first["near_low"], first["near_high"]} <= set(rows["a"].tolist())


def _polars(table):
    import polars as pl

    return pl.from_arrow(table)


def _copied(detector):
    import copy

    return copy.copy(detector)
