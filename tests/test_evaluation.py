import datetime
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

import fastrcf
from fastrcf import evaluate
from fastrcf._ranking import Runs


def normal_scores(rng, n, prevalence=0.05, shift=2.0):
    labels = rng.random(n) < prevalence
    return rng.normal(size=n) + shift * labels, labels


@st.composite
def tied_rows(draw):
    n = draw(st.integers(2, 60))
    scores = draw(st.lists(st.integers(0, 8), min_size=n, max_size=n))
    labels = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    labels[0], labels[1] = True, False
    weights = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 24.03]), min_size=n, max_size=n))
    weights[0] = weights[1] = 1.0
    return np.array(scores, float), np.array(labels), np.array(weights)


@given(tied_rows())
def test_ranking_measures_are_those_of_scikit_learn(rows):
    scores, labels, weights = rows
    for weight in (None, weights):
        found = evaluate(scores, labels, sample_weight=weight, n_bootstrap=0)
        expected = roc_auc_score(labels, scores, sample_weight=weight)
        assert found.roc_auc.value == pytest.approx(expected, abs=1e-12)
        expected = average_precision_score(labels, scores, sample_weight=weight)
        assert found.average_precision.value == pytest.approx(expected, abs=1e-12)


@given(tied_rows(), st.floats(0.01, 0.99), st.integers(0, 100))
def test_a_budget_is_the_mean_over_all_orders_of_ties(rows, rate, seed):
    scores, labels, _ = rows
    (budget,) = evaluate(scores, labels, alert_rate=rate, n_bootstrap=0).budgets
    allowed = rate * len(scores)
    assert budget.n_alerts == allowed
    assert (scores > budget.threshold.value).sum() <= allowed * (1 + 1e-12)
    assert (scores >= budget.threshold.value).sum() > allowed * (1 - 1e-9)
    # By hand: those above for sure, those at the edge in proportion.
    above, at = (f(scores, budget.threshold.value) for f in (np.greater, np.equal))
    share = (allowed - above.sum()) / at.sum()
    caught = labels[above].sum() + share * labels[at].sum()
    assert budget.n_caught == pytest.approx(caught, abs=1e-9)
    assert budget.precision.value == pytest.approx(caught / allowed, abs=1e-9)
    assert budget.recall.value == pytest.approx(caught / labels.sum(), abs=1e-9)


@given(tied_rows())
def test_integer_weights_are_repeated_rows(rows):
    scores, labels, weights = rows
    times = np.ceil(weights).astype(int)
    weighted = evaluate(scores, labels, sample_weight=times, alert_rate=(0.1, 0.4), n_bootstrap=0)
    repeated = evaluate(
        *(np.repeat(x, times) for x in (scores, labels)), alert_rate=(0.1, 0.4), n_bootstrap=0
    )
    assert weighted.prevalence.value == pytest.approx(repeated.prevalence.value, abs=1e-12)
    assert weighted.roc_auc.value == pytest.approx(repeated.roc_auc.value, abs=1e-12)
    for a, b in zip(weighted.budgets, repeated.budgets, strict=True):
        assert a.threshold == b.threshold
        assert a.n_caught == pytest.approx(b.n_caught, abs=1e-9)


def test_the_threshold_gives_the_alerts_of_the_budget(rng):
    scores, labels = normal_scores(rng, 20_000)
    for rate in (0.0005, 0.01, 0.07, 0.29, 0.9):
        (budget,) = evaluate(scores, labels, alert_rate=rate, n_bootstrap=0).budgets
        alerts = scores > budget.threshold.value
        assert alerts.sum() == round(20_000 * rate)
        assert budget.precision.value == pytest.approx(labels[alerts].mean())
    # 0.29 * 100 is below 29 in floating point.
    (budget,) = evaluate(scores[:100], labels[:100], alert_rate=0.29, n_bootstrap=0).budgets
    assert (scores[:100] > budget.threshold.value).sum() == 29


def test_the_threshold_is_exact_with_weights(rng):
    scores = rng.permutation(3000)
    # Anomalies do not cut the ranking where budgets end.
    labels = scores == 0
    weight = rng.pareto(1.5, size=3000)
    order = np.argsort(-scores)
    spent = np.cumsum(weight[order]) / weight.sum()
    rates = [0.003, 0.02, 0.11, 0.37, 0.8]
    found = evaluate(scores, labels, sample_weight=weight, alert_rate=rates, n_bootstrap=0)
    for rate, budget in zip(rates, found.budgets, strict=True):
        assert budget.threshold.value == scores[order][np.searchsorted(spent, rate)]


def measures(found):
    out = [found.prevalence, found.roc_auc, found.average_precision]
    return out + [x for b in found.budgets for x in (b.threshold, b.precision, b.recall)]


def test_draws_are_rows_with_replacement(rng):
    """Intervals equal those of a plain bootstrap over rows, to the noise of draws.

    An end's standard error is about 2.7 sd / sqrt(draws) for either side: the
    tolerance of 0.26 sd is above 4 standard errors of their difference.
    """
    # Plain draws take far longer than ours.
    n, draws, plain_draws = 1500, 20_000, 2000
    scores, labels = normal_scores(rng, n)
    scores = np.round(scores, 2)
    weights = np.where(labels, 1.0, rng.choice([2.0, 3.0, 5.0], n))
    found = evaluate(
        scores, labels, sample_weight=weights, alert_rate=0.05, n_bootstrap=draws, random_state=1
    )
    plain = []
    for _ in range(plain_draws):
        rows = rng.integers(0, n, n)
        again = evaluate(
            scores[rows],
            labels[rows],
            sample_weight=weights[rows],
            alert_rate=0.05,
            n_bootstrap=0,
        )
        plain.append([x.value for x in measures(again)])
    ends = np.quantile(plain, [0.025, 0.975], axis=0).T
    sd = np.std(plain, axis=0)
    for ours, expected, unit in zip(measures(found), ends, sd, strict=True):
        np.testing.assert_allclose([ours.low, ours.high], expected, rtol=0, atol=0.26 * unit)


def test_many_equal_rows_and_distinct_weights_draw_the_same():
    """The two ways to draw, by cell and by row, give the same intervals."""
    rng = np.random.default_rng(3)
    scores, labels = normal_scores(rng, 20_000, prevalence=0.01)
    plain = evaluate(scores, labels, n_bootstrap=2000)
    # Weights that differ by nothing that matters: a cell for each row.
    distinct = evaluate(
        scores, labels, sample_weight=1 + 1e-9 * rng.random(20_000), n_bootstrap=2000
    )
    for a, b in zip(measures(plain), measures(distinct), strict=True):
        assert a.value == pytest.approx(b.value, rel=1e-6)
        # As above, with fewer draws: 4 standard errors.
        width = a.high - a.low
        assert [a.low, a.high] == pytest.approx([b.low, b.high], abs=0.12 * width)


@pytest.mark.slow
def test_intervals_cover_the_truth():
    """Of 95 % intervals of 400 samples, 91.5 to 98 % cover the truth.

    With a true coverage of 95 % a measure fails with probability 0.2 %; the
    percentile bootstrap itself is allowed 1 % of undercoverage (then 2 %).
    The seed is fixed.
    """
    rng = np.random.default_rng(11)
    truth = evaluate(*normal_scores(rng, 2_000_000, 0.1), alert_rate=0.1, n_bootstrap=0)
    hits = np.zeros(len(measures(truth)))
    for trial in range(400):
        found = evaluate(
            *normal_scores(rng, 1000, 0.1), alert_rate=0.1, n_bootstrap=400, random_state=trial
        )
        for j, (ours, true) in enumerate(zip(measures(found), measures(truth), strict=True)):
            hits[j] += ours.low <= true.value <= ours.high
    assert (hits >= 0.915 * 400).all(), hits
    assert (hits <= 0.98 * 400).all(), hits


def test_the_same_seed_gives_the_same_and_the_confidence_counts(rng):
    scores, labels = normal_scores(rng, 2000)
    assert evaluate(scores, labels) == evaluate(scores, labels)
    assert evaluate(scores, labels) != evaluate(scores, labels, random_state=1)
    narrow = evaluate(scores, labels, confidence=0.5).roc_auc
    wide = evaluate(scores, labels, confidence=0.99).roc_auc
    assert wide.low < narrow.low < narrow.high < wide.high


def test_large_inputs_draw_less_often(rng):
    scores, labels = normal_scores(rng, 400_000, prevalence=0.5)
    assert Runs(scores, labels, np.ones(400_000), []).default_draws() == 200
    rare = rng.random(400_000) < 0.001
    assert Runs(scores, rare, np.ones(400_000), []).default_draws() == 1000


def handbook_precision_top_k(scores, labels, days, k):
    """Mean over days of the hits among the day's top k, divided by k."""
    by_day = []
    for day in np.unique(days):
        top = np.argsort(-scores[days == day])[:k]
        by_day.append(labels[days == day][top].sum() / k)
    return np.mean(by_day)


def test_daily_precision_is_the_handbooks(rng):
    scores, labels = normal_scores(rng, 3000)
    start = np.datetime64("2026-03-01T00:00:00")
    time = np.sort(start + rng.integers(0, 10 * 86400, 3000).astype("timedelta64[s]"))
    days = time.astype("datetime64[D]")
    found = evaluate(scores, labels, time, alerts_per_day=[5, 20])
    assert found.n_days == 10
    for ours, k in zip(found.daily, (5, 20), strict=True):
        assert ours.precision.value == pytest.approx(
            handbook_precision_top_k(scores, labels, days, k)
        )
        caught = sum(
            labels[days == day][np.argsort(-scores[days == day])[:k]].sum()
            for day in np.unique(days)
        )
        assert ours.recall.value == pytest.approx(caught / labels.sum())
        assert ours.precision.low < ours.precision.value < ours.precision.high
    order = rng.permutation(3000)
    shuffled = evaluate(scores[order], labels[order], time[order], alerts_per_day=[5, 20])
    assert shuffled.daily == found.daily


def test_days_with_few_rows_alert_all_of_them():
    time = [0, 10, 90_000, 90_001, 90_002]
    found = evaluate([1, 2, 3, 2, 1], [1, 0, 1, 0, 0], time, alerts_per_day=3)
    assert found.daily[0].precision.value == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert found.daily[0].recall.value == 1.0
    tied = evaluate([1, 1, 1, 1], [1, 0, 0, 0], [0, 1, 2, 3], alerts_per_day=2)
    assert tied.daily[0].precision.value == 0.25
    assert tied.daily[0].precision.low is None
    assert any("one day" in note for note in tied.notes)


def test_days_without_weight_do_not_count():
    time = [0, 10, 90_000, 90_001, 190_000]
    weight = [1, 1, 1, 1, 0]
    found = evaluate([1, 2, 3, 2, 1], [0, 1, 1, 0, 1], time, sample_weight=weight, alerts_per_day=1)
    assert found.n_days == 2
    assert found.daily[0].precision.value == 1.0
    assert found.daily[0].recall.value == 1.0


def test_times_alone_spread_the_budget_over_the_days():
    n = 5000
    found = evaluate(np.arange(n), np.arange(n) % 50 == 0, np.arange(n) * 100.0, alert_rate=0.01)
    assert found.n_days == 6
    assert [d.alerts_per_day for d in found.daily] == [8.0]


TIMES = pd.date_range("2026-03-28 20:00", periods=60, freq="h")


@pytest.mark.parametrize(
    "time",
    [
        TIMES.to_numpy(),
        TIMES,
        pd.Series(TIMES),
        pl.Series("t", TIMES.to_numpy()),
        pa.array(TIMES.to_pydatetime()),
        pa.table({"t": TIMES.to_pydatetime()}),
        TIMES.to_pydatetime().tolist(),
        (TIMES - pd.Timestamp(0)).total_seconds(),
        pd.Series(pd.date_range("2026-03-28 20:00", periods=60, freq="h", tz="Asia/Tokyo")),
        pd.Series(TIMES.date),
        pl.Series(TIMES.date.tolist()),
    ],
    ids=lambda t: f"{type(t).__module__.split('.')[0]}-{getattr(t, 'dtype', '')}",
)
def test_every_kind_of_time_gives_the_same_days(time):
    scores, labels = np.arange(60.0) % 7, np.arange(60) % 7 == 6
    found = evaluate(scores, labels, time, alerts_per_day=2)
    assert found.n_days == 4
    assert found.daily == evaluate(scores, labels, TIMES.to_numpy(), alerts_per_day=2).daily


@pytest.mark.parametrize(
    "kind",
    [
        list,
        pd.Series,
        lambda x: pd.Series(x, index=range(9, 9 + len(x))),
        pl.Series,
        pa.array,
        lambda x: pa.chunked_array([x[:2], x[2:]]),
        lambda x: pl.DataFrame({"x": x}),
        lambda x: np.asarray(x)[:, None],
        lambda x: np.asarray(x, dtype=object),
    ],
)
def test_every_kind_of_column_is_read(kind):
    scores, labels, weights = [0.3, 0.9, 0.1, 0.8, 0.5], [0, 1, 0, 0, 1], [1, 2, 1, 2, 1]
    expected = evaluate(scores, np.array(labels, bool), sample_weight=weights)
    for convert in (int, bool, float):
        truth = kind([convert(x) for x in labels])
        assert evaluate(kind(scores), truth, sample_weight=kind(weights)) == expected
    nullable = pd.array(labels, dtype="boolean")
    assert evaluate(scores, nullable, sample_weight=weights) == expected


GOOD = np.array([0.1, 0.7, 0.4]), np.array([False, True, False])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": [0.1, np.nan, 0.4]}, "scores, row 1"),
        ({"scores": [0.1, 0.2, np.inf]}, "scores, row 2"),
        ({"scores": ["a", "b", "c"]}, "scores: expected numbers"),
        ({"scores": [[0.1, 0.2], [0.1, 0.2], [0.1, 0.2]]}, "expected one column"),
        ({"scores": pl.DataFrame({"a": [0.1] * 3, "b": [0.1] * 3})}, "a table of 2"),
        ({"scores": pl.Series([0.1, None, 0.4])}, "scores, row 1: the value is missing"),
        ({"scores": [0.1, 0.2]}, "labels: expected 2 rows"),
        ({"scores": [], "labels": []}, "no rows"),
        ({"labels": [-1, 1, 1]}, r"labels, row 0: .* found -1; .* labels == value"),
        ({"labels": ["fraud", "ok", "ok"]}, "labels, row 0: .* found 'fraud'"),
        ({"labels": [0, 1, np.nan]}, "labels, row 2: .* without a label"),
        ({"labels": [0, None, 1]}, "labels, row 1: .* without a label"),
        ({"labels": pl.Series([True, None, False])}, "labels, row 1: the value is missing"),
        ({"labels": [0, 1, 0.5]}, "labels, row 2: .* found 0.5"),
        ({"sample_weight": [1, -1, 1]}, "sample_weight, row 1"),
        ({"sample_weight": [0, 0, 0]}, "all weights are 0"),
        ({"sample_weight": [1, 1]}, "sample_weight: expected 3 rows"),
        ({"time": ["2026-01-01"] * 3}, "parse texts first"),
        ({"time": [0.0, np.nan, 1.0]}, "time, row 1"),
        ({"time": np.array(["2026-01-01", "NaT", "NaT"], "datetime64[s]")}, "time, row 1"),
        ({"time": [datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)] * 3}, "time, row 0"),
        ({"alert_rate": 0}, "alert_rate: 0 is not between"),
        ({"alert_rate": [0.1, 1.0]}, "alert_rate: 1 is not between"),
        ({"alert_rate": "much"}, "alert_rate: expected numbers"),
        ({"alerts_per_day": 3}, "alerts_per_day: needs time"),
        ({"alerts_per_day": -3, "time": [0, 0, 0]}, "alerts_per_day: -3"),
        ({"confidence": 1.0}, "confidence"),
        ({"n_bootstrap": -1}, "n_bootstrap"),
        ({"random_state": "x"}, "random_state"),
    ],
)
def test_wrong_input_is_named(change, message):
    arguments = {"scores": GOOD[0], "labels": GOOD[1]} | change
    with pytest.raises(
        (fastrcf.InvalidInputError, fastrcf.InvalidParameterError), match=message
    ) as caught:
        evaluate(**arguments)
    if ", row " in message:
        assert caught.value.row == int(message.split("row ")[1][0])


def test_undefined_measures_are_none_and_said(rng):
    scores = rng.normal(size=500)
    nothing = evaluate(scores, np.zeros(500, bool), np.arange(500) * 1000.0)
    assert nothing.roc_auc.value is None
    assert nothing.average_precision.value is None
    assert nothing.budgets[0].recall.value is None
    assert nothing.daily[0].recall.value is None
    assert nothing.budgets[0].precision.value == 0.0
    assert "no row is an anomaly" in nothing.notes[0]
    assert "undefined" in str(nothing)
    everything = evaluate(scores, np.ones(500, bool))
    assert everything.roc_auc.value is None
    assert everything.average_precision.value == 1.0
    assert "all rows are anomalies" in everything.notes[0]
    one = evaluate([1.0], [True])
    assert one.budgets[0].precision.value == 1.0


def test_what_a_reader_should_know_is_noted(rng):
    scores, labels = normal_scores(rng, 900)
    assert any("signs" in note for note in evaluate(-scores, labels).notes)
    assert any("less than one row" in note for note in evaluate(scores, labels).notes)
    few = np.zeros(900, bool)
    few[:3] = True
    assert any("3 anomalies" in note for note in evaluate(scores, few).notes)
    assert evaluate(scores, labels, alert_rate=0.1).notes == ()


def test_the_report_is_json_and_a_table(rng):
    scores, labels = normal_scores(rng, 5000)
    found = evaluate(scores, labels, np.arange(5000) * 100, alerts_per_day=10)
    plain = found.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["roc_auc"]["value"] == found.roc_auc.value
    assert [b["alert_rate"] for b in plain["budgets"]] == [0.001, 0.01]
    text = str(found)
    assert "5,000 rows on 6 days" in text
    assert "10 per day" in text
    assert max(map(len, text.splitlines())) < 100


def test_card_fraud_at_its_true_rate(data):
    """The sample's normal rows stand for 24 rows each."""
    columns = [f"V{j}" for j in range(1, 29)] + ["Amount"]
    table = pq.read_table(data / "creditcard" / "day1_sample.parquet")
    labels = np.asarray(table["Class"]).astype(int)
    weight = np.where(labels == 1, 1.0, 284315 / 11833)
    scores = fastrcf.Detector(columns, random_state=1).fit(table).score(table)
    found = evaluate(scores, table["Class"], table["Time"], sample_weight=weight)
    assert found.roc_auc.value == pytest.approx(
        roc_auc_score(labels, scores, sample_weight=weight), abs=1e-10
    )
    assert found.average_precision.value == pytest.approx(
        average_precision_score(labels, scores, sample_weight=weight), abs=1e-10
    )
    assert 0.001 < found.prevalence.value < 0.003
    assert found.roc_auc.low > 0.9
    assert found.average_precision.low < found.average_precision.value
    assert found.budgets[0].n_alerts == pytest.approx(0.001 * weight.sum())


def test_an_adbench_set(data):
    held = np.load(data / "adbench" / "23_mammography.npz")
    scores = fastrcf.Detector(random_state=1).fit(held["X"]).score(held["X"])
    found = evaluate(scores, held["y"])
    assert found.roc_auc.value == pytest.approx(roc_auc_score(held["y"], scores), abs=1e-12)
    assert found.average_precision.value == pytest.approx(
        average_precision_score(held["y"], scores), abs=1e-12
    )
    assert found.roc_auc.low > 0.8


def test_masked_and_missing_values_are_refused_by_row():
    masked = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])
    with pytest.raises(fastrcf.InvalidInputError, match="scores, row 1: the value is masked"):
        fastrcf.evaluate(masked, [0, 0, 1])
    with pytest.raises(fastrcf.InvalidInputError, match="labels, row 1: the value is masked"):
        fastrcf.evaluate([1.0, 2.0, 3.0], np.ma.array([0, 0, 1], mask=[0, 1, 0]))
    pd = pytest.importorskip("pandas")
    labels = np.array([True, pd.NA, False], dtype=object)
    with pytest.raises(fastrcf.InvalidInputError, match=r"labels, row 1: .* without a label"):
        fastrcf.evaluate([1.0, 2.0, 3.0], labels)


def test_a_time_beyond_all_days_is_refused():
    with pytest.raises(fastrcf.InvalidInputError, match=r"time, row 1: 1\.0+.*e\+300 is no time"):
        fastrcf.evaluate([1.0, 2.0], [0, 1], [0.0, 1e300])
