import copy
import pickle

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import fastrcf


def table(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "amount": rng.lognormal(3, 1, n),
        "items": rng.poisson(3, n),
        "online": rng.random(n) < 0.3,
        "service": rng.choice(["http", "ftp", "ssh"], n, p=[0.9, 0.09, 0.01]).tolist(),
        "note": ["x"] * n,
    }


KINDS = {
    "pandas": lambda t: pd.DataFrame(t, index=range(100, 100 + len(t["items"]))),
    "polars": pl.DataFrame,
    "arrow": pa.table,
    "mapping": dict,
    "duckdb": lambda t: duckdb.from_arrow(pa.table(t)),
}


def fitted(**parameters):
    parameters = {"categorical": ["service"], "random_state": 3, "n_trees": 30} | parameters
    return fastrcf.Detector(**parameters).fit(pa.table(table()))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_table_gives_the_same_and_gets_its_own_back(kind):
    detector = fitted()
    assert detector.columns == ["amount", "items", "online", "service"]
    query = KINDS[kind](table(400, 1))
    expected = detector.score(pa.table(table(400, 1)))
    np.testing.assert_array_equal(detector.score(query), expected)
    again = fastrcf.Detector(categorical=["service"], random_state=3, n_trees=30)
    again.fit(KINDS[kind](table()))
    assert bytes(again) == bytes(detector)
    found = detector.detect(query)
    if kind == "pandas":
        assert isinstance(found, pd.DataFrame)
        assert list(found.index) == list(query.index)
    elif kind == "polars":
        assert isinstance(found, pl.DataFrame)
    else:
        assert isinstance(found, pa.Table)
    assert list(np.asarray(found["score"])) == list(expected)


def test_batches_give_the_detector_of_the_whole():
    whole = table()
    parts = [{k: v[i : i + 700] for k, v in whole.items()} for i in range(0, 3000, 700)]
    detector = fastrcf.Detector(categorical=["service"], random_state=3, n_trees=30)
    assert bytes(detector.fit(pa.table(p) for p in parts)) == bytes(fitted())
    assert bytes(detector.fit([pa.table(p) for p in parts])) == bytes(fitted())


def test_reasons_are_in_the_users_columns_and_units():
    detector = fitted()
    odd = {
        "amount": [50_000.0, 20.0, 20.0],
        "items": [3, 3, 60],
        "online": [False, True, False],
        "service": ["http", "telnet", "http"],
    }
    found = detector.detect(pl.DataFrame(odd))
    assert found["is_anomaly"].to_list() == [True, True, True]
    assert (found["grade"] > 0.5).all()
    first, second, third = (row[0] for row in found["reasons"].to_list())
    assert first["column"] == "amount"
    assert first["direction"] == "high"
    assert first["value"] == 50_000.0
    assert "higher than any in training" in first["text"]
    assert second["column"] == "service"
    assert second["direction"] == "rare"
    assert second["value"] is None
    assert "never seen" in second["text"]
    assert third["column"] == "items"
    explained = detector.explain(odd)
    for row in explained:
        shares = [reason.share for reason in row]
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= 1 + 1e-9


def test_reasons_are_left_out_where_they_are_not_wanted(rng):
    rows = rng.normal(size=(2000, 3))
    detector = fastrcf.Detector(alert_rate=0.01, random_state=1).fit(rows)
    whole, bare = detector.detect(rows), detector.detect(rows, reasons=False)
    for name in ("score", "grade", "is_anomaly"):
        assert np.array_equal(getattr(whole, name), getattr(bare, name))
    assert whole.is_anomaly.any()
    assert bare.reasons == [[]] * 2000
    frame = pd.DataFrame(rows, columns=["a", "b", "c"])
    named = fastrcf.Detector(alert_rate=0.01, random_state=1).fit(frame)
    assert not named.detect(frame, reasons=False)["reasons"].map(len).any()


def test_rows_that_come_one_by_one_get_a_frozen_forest_until_it_learns(rng):
    fitted = fastrcf.Detector(alert_rate=0.1, n_trees=32, random_state=1)
    fitted.fit(rng.normal(size=(3000, 20)))
    rows = 1.3 * rng.normal(size=(400, 20))
    whole = pickle.loads(pickle.dumps(fitted)).detect(rows)
    detector = pickle.loads(pickle.dumps(fitted))
    small = detector.memory_usage()
    for i, row in enumerate(rows[:, None]):
        found = detector.detect(row)
        assert found.score[0] == whole.score[i]
        assert found.reasons[0] == whole.reasons[i]
        # 320 rows of so many columns make up for what freezing takes.
        assert (detector.memory_usage() > 1.5 * small) == (i + 1 >= 320)
    assert whole.is_anomaly.any()
    detector.process(rows[:1])
    assert detector.memory_usage() < 1.2 * small


def test_arrays_have_columns_by_position(rng):
    x = rng.normal(size=(500, 3))
    detector = fastrcf.Detector(random_state=1).fit(x)
    assert detector.columns == ["x0", "x1", "x2"]
    found = detector.detect(np.vstack([x[:5], [0, 40, 0]]))
    assert isinstance(found, fastrcf.Detection)
    assert found.is_anomaly.tolist() == [False] * 5 + [True]
    assert found.reasons[5][0].column == "x1"
    assert found.reasons[0] == []
    named = fastrcf.Detector(random_state=1).fit(pd.DataFrame(x, columns=list("abc")))
    np.testing.assert_array_equal(named.score(x), detector.score(x))


def test_the_alert_rate_is_kept_on_rows_like_the_training_rows(rng):
    for rate in (0.1, 0.01):
        detector = fastrcf.Detector(alert_rate=rate, random_state=2, n_trees=50)
        detector.fit(rng.normal(size=(30_000, 4)))
        share = detector.detect(rng.normal(size=(30_000, 4))).is_anomaly.mean()
        # Two samples of 30,000 rows: the share's error is below 3 sd of both,
        # and new rows score a little higher than held ones.
        assert share == pytest.approx(rate, rel=6 / np.sqrt(30_000 * rate) + 0.1)
        detector.alert_rate = rate / 10
        assert detector.detect(rng.normal(size=(30_000, 4))).is_anomaly.mean() < share / 4


def test_alerts_per_day_are_turned_into_a_rate():
    rows = table(4800)
    hours = pd.date_range("2026-01-01", periods=4800, freq="30min")
    frame = pd.DataFrame(rows).assign(time=hours)
    detector = fastrcf.Detector(alerts_per_day=0.48, time_column="time", random_state=1).fit(frame)
    assert detector.alert_rate == pytest.approx(0.01, rel=1e-3)
    assert "time" not in detector.columns
    seconds = pd.DataFrame(rows).assign(time=np.arange(4800) * 1800.0)
    again = fastrcf.Detector(alerts_per_day=0.48, time_column="time", random_state=1).fit(seconds)
    assert again.threshold == detector.threshold


@pytest.mark.parametrize("scaling", ["none", "standard", "robust", "log-robust", "rank"])
def test_units_matter_only_without_scaling(rng, scaling):
    x = rng.lognormal(size=(2000, 3))
    # A power of two: exact in floating point.
    other = x * [1.0, 1024.0, 1.0]
    a = fastrcf.Detector(scaling=scaling, random_state=1, n_trees=20).fit(x)
    b = fastrcf.Detector(scaling=scaling, random_state=1, n_trees=20).fit(other)
    same = np.allclose(a.score(x), b.score(other), rtol=1e-5)
    assert same == (scaling not in ("none", "log-robust"))
    assert a.scaling == dict.fromkeys(["x0", "x1", "x2"], scaling)


def test_a_stream_equals_single_rows_and_reasons_are_of_the_moment(rng):
    x = rng.normal(size=(2000, 3))
    stream = rng.normal(size=(6000, 3))
    stream[[10, 11, 4500]] = [9, 0, 0]
    one = fastrcf.Detector(random_state=1, n_trees=20).fit(x)
    two = copy.deepcopy(one)
    whole = one.process(stream)
    single = [two.process(row) for row in stream]
    np.testing.assert_array_equal(whole.score, np.concatenate([s.score for s in single]))
    assert whole.reasons == [s.reasons[0] for s in single]
    assert whole.is_anomaly[[10, 11, 4500]].all()
    assert bytes(one) == bytes(two)
    assert one.n_seen == 8000
    assert one.n_fitted == 2000


def test_detectors_travel(tmp_path):
    detector = fitted()
    detector.save(tmp_path / "m.rcf")
    query = pa.table(table(100, 5))
    for again in (
        fastrcf.load(tmp_path / "m.rcf"),
        fastrcf.loads(bytes(detector)),
        pickle.loads(pickle.dumps(detector)),
        copy.copy(detector),
    ):
        assert isinstance(again, fastrcf.Detector)
        assert bytes(again) == bytes(detector)
        assert again.columns == detector.columns
        np.testing.assert_array_equal(again.score(query), detector.score(query))
    assert repr(pickle.loads(pickle.dumps(fastrcf.Detector()))) == "Detector(not fitted)"


def test_what_is_wrong_is_named():
    with pytest.raises(fastrcf.NotFittedError, match="fit"):
        fastrcf.Detector().score([[1.0]])
    with pytest.raises(fastrcf.InvalidParameterError, match="median"):
        fastrcf.Detector(scaling="median")
    with pytest.raises(fastrcf.InvalidParameterError, match="alert_rate"):
        fastrcf.Detector(alert_rate=0)
    with pytest.raises(fastrcf.InvalidParameterError, match="time_column"):
        fastrcf.Detector(alerts_per_day=3)
    with pytest.raises(fastrcf.InvalidInputError, match=r"no column 'amuont'.*'amount'"):
        fastrcf.Detector(["amuont"]).fit(pa.table(table(50)))
    with pytest.raises(fastrcf.NotReadyError, match="at least 2"):
        fastrcf.Detector().fit([[1.0, 2.0]])
    detector = fitted()
    before = bytes(detector)
    bad = pd.DataFrame(table(50))
    bad.loc[7, "amount"] = np.inf
    with pytest.raises(fastrcf.InvalidInputError, match="row 7, column 'amount': inf") as caught:
        detector.process(bad)
    assert (caught.value.row, caught.value.column) == (7, 0)
    bad.loc[7, "service"] = None
    with pytest.raises(fastrcf.InvalidInputError, match=r"row 7, column 'service'.*missing"):
        detector.detect(bad.assign(amount=1.0))
    parts = [pa.table(table(100)), bad.assign(service="http")]
    with pytest.raises(fastrcf.InvalidInputError, match="row 107, column 'amount'"):
        fastrcf.Detector(["amount"]).fit(parts)
    assert bytes(detector) == before


def test_few_rows_and_constant_columns_do():
    detector = fastrcf.Detector(random_state=1).fit([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    assert np.isfinite(detector.score([[1.0, 5.0], [9.0, 6.0]])).all()
    found = detector.detect([[2.0, 1e9]])
    assert found.is_anomaly[0]
    assert found.reasons[0][0].column == "x1"


def test_arrays_have_the_fitted_columns_and_no_others(rng):
    x = rng.normal(size=(500, 5))
    detector = fastrcf.Detector(["x0", "x3"], random_state=1, n_trees=20).fit(x)
    np.testing.assert_array_equal(
        detector.score(x[:, [0, 3]]), detector.score({"x0": x[:, 0], "x3": x[:, 3]})
    )
    with pytest.raises(fastrcf.InvalidInputError, match="expected 2 columns in the fitted order"):
        detector.score(x)


def test_reasons_are_the_largest_three_parts():
    rows = np.random.default_rng(0).normal(size=(500, 6))
    for reasons in fastrcf.Detector(n_trees=20, random_state=1).fit(rows).explain(rows):
        shares = [reason.share for reason in reasons]
        assert 1 <= len(shares) <= 3
        assert shares == sorted(shares, reverse=True)
        assert min(shares[1:], default=1) >= 0.08
        assert sum(shares) <= 1 + 1e-9
