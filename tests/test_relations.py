"""Linear relations between columns, and the two views that trees have of columns."""

import numpy as np
import pytest

import fastrcf


def table(n, rng):
    """Rows of a start, an end and their span, an independent column, and one of two others."""
    start = rng.uniform(0, 1000, n)
    span = rng.lognormal(1, 1, n)
    weight = rng.normal(50, 5, n)
    near = 2.5 * weight - 0.1 * start + rng.normal(0, 0.05, n)
    return {
        "start": start,
        "end": start + span,
        "span": span,
        "weight": weight,
        "near": near,
        "kind": rng.choice(["a", "b"], n).tolist(),
        "other": rng.normal(size=n),
    }


def columns(data):
    return [name for name in data if name != "kind"]


def test_relations_are_found_told_and_watched(rng):
    data = table(4000, rng)
    detector = fastrcf.Detector(categorical=["kind"], alert_rate=0.01, random_state=3).fit(data)
    assert {r.text for r in detector.relations} >= {"start - end + span"}
    (exact,) = (r for r in detector.relations if r.text == "start - end + span")
    assert exact.weights == {"start": 1.0, "end": -1.0, "span": 1.0}
    assert exact.usual == 0
    (near,) = (r for r in detector.relations if set(r.weights) == {"start", "weight", "near"})
    ratio = near.weights["weight"] / near.weights["near"]
    assert ratio == pytest.approx(-2.5, rel=1e-3)
    assert near.variation == pytest.approx(0.05 * abs(near.weights["near"]), rel=0.1)
    # Each value is usual, their sum is not.
    broken = {name: np.array([np.median(data[name])]) for name in columns(data)} | {"kind": ["a"]}
    broken["span"] = np.quantile(data["span"], [0.5])
    broken["end"] = broken["start"] + broken["span"] + 4.125
    broken["near"] = 2.5 * broken["weight"] - 0.1 * broken["start"]
    found = detector.detect(broken)
    assert found["is_anomaly"].to_pylist() == [True]
    reason = found["reasons"][0][0].as_py()
    assert reason["column"] == "start - end + span"
    assert reason["text"] == "usually start - end + span is 0; here -4.125"
    assert reason["value"] == pytest.approx(-4.125)
    assert reason["direction"] == "low"
    assert reason["usual_low"] < 0 < reason["usual_high"] < 0.2
    unwatched = fastrcf.Detector(
        categorical=["kind"], relations="off", alert_rate=0.01, random_state=3
    ).fit(data)
    assert unwatched.relations == []
    assert unwatched.detect(broken)["is_anomaly"].to_pylist() == [False]


def test_whether_relations_are_looked_for_is_kept_where_there_are_none(rng):
    noise = {name: rng.normal(size=500) for name in "abc"}
    related = {**noise, "c": noise["a"] + noise["b"]}
    for relations, found in [("auto", ["a + b - c"]), ("off", [])]:
        detector = fastrcf.Detector(relations=relations).fit(noise)
        assert detector.relations == []
        again = fastrcf.loads(bytes(detector))
        assert bytes(again) == bytes(detector)
        assert [r.text for r in again.fit(related).relations] == found


def test_of_a_sum_of_many_columns_words_name_those_that_vary_most(rng):
    parts = rng.normal(size=(6000, 12)) * np.where(np.arange(12) < 9, 1.0, 20.0)
    data = {f"p{j}": parts[:, j] for j in range(12)} | {"total": parts.sum(axis=1)}
    detector = fastrcf.Detector(alert_rate=0.01, random_state=2).fit(data)
    (found,) = detector.relations
    assert set(found.weights) == set(data)
    assert set(map(abs, found.weights.values())) == {1.0}
    sign = "" if found.weights["p9"] > 0 else "-"
    other = " - " if sign else " + "
    total = " + total" if sign else " - total"
    words = f"{sign}p9{other}p10{other}p11{total} and 9 more columns"
    assert found.text == words
    broken = {name: np.array([0.0]) for name in data} | {"total": np.array([7.5])}
    (reason,) = (r for r in detector.detect(broken)["reasons"][0].as_py() if r["column"] == words)
    assert reason["text"].startswith(f"usually {words} is ")


def test_rows_that_break_a_relation_in_training_do_not_hide_it(rng):
    data = table(3000, rng)
    broken = np.arange(3000) % 40 == 0
    data["end"] = data["end"] + broken * rng.uniform(3, 20, 3000)
    detector = fastrcf.Detector(random_state=1).fit({n: data[n] for n in columns(data)})
    assert "start - end + span" in [r.text for r in detector.relations]
    scores = detector.score({n: data[n] for n in columns(data)})
    result = fastrcf.evaluate(scores, broken)
    assert result.roc_auc.value > 0.98


@pytest.mark.parametrize("n", [10, 50, 2000])
def test_noise_constants_and_duplicates_have_no_relations(n, rng):
    noise = rng.normal(size=(n, 8))
    assert fastrcf.Detector(random_state=1).fit(noise).relations == []
    constant = np.column_stack([noise[:, :2], np.full(n, 3.0), np.zeros(n)])
    assert fastrcf.Detector(random_state=1).fit(constant).relations == []
    equal = np.tile([1.0, 2.0, 3.0], (n, 1))
    assert fastrcf.Detector(random_state=1).fit(equal).relations == []
    # A column that is nearly always 0 has no relation to others, whatever rows say.
    rare = np.column_stack([noise[:, :3], rng.random(n) < 0.01])
    assert fastrcf.Detector(random_state=1).fit(rare).relations == []


def test_two_equal_columns_are_a_relation(rng):
    x = rng.normal(size=(500, 3))
    detector = fastrcf.Detector(["a", "b", "c", "copy"], random_state=1)
    detector.fit({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "copy": x[:, 0]})
    assert [r.text for r in detector.relations] == ["a - copy"]


def test_more_columns_than_relations_are_sought_in_fit_all_the_same(rng):
    x = rng.normal(size=(3000, 140))
    x[:, 1] = x[:, 0]
    detector = fastrcf.Detector(n_trees=10, random_state=1).fit(x)
    assert detector.relations == []
    assert np.isfinite(detector.score(x)).all()


def test_a_thousand_columns(rng):
    x = rng.normal(size=(2000, 1000)).astype(np.float32)
    x[0] += 6
    detector = fastrcf.Detector(n_trees=20, random_state=1).fit(x)
    scores = detector.score(x)
    assert scores.argmax() == 0
    np.testing.assert_array_equal(scores[:5], [detector.score(row)[0] for row in x[:5]])


def test_what_views_see_is_told_and_travels(rng):
    data = {"a": rng.lognormal(0, 3, 900), "b": rng.normal(size=900), "c": rng.normal(size=900)}
    detector = fastrcf.Detector(scaling={"c": "robust"}, random_state=2).fit(data)
    assert detector.scaling == {"a": "log-robust + log", "b": "standard + log", "c": "robust"}
    again = fastrcf.loads(bytes(detector))
    assert again.scaling == detector.scaling
    assert bytes(again) == bytes(detector)
    np.testing.assert_array_equal(again.score(data), detector.score(data))
    # What a loaded one is made with makes the same again.
    twin = fastrcf.Detector(list(data), scaling={"c": "robust"}, random_state=2).fit(data)
    assert bytes(twin) == bytes(detector)


def test_one_scaling_is_one_view(rng):
    x = rng.normal(size=(900, 4))
    for scaling in ("none", "standard", "robust", "rank", "log", "log-robust"):
        detector = fastrcf.Detector(scaling=scaling, relations="off", random_state=5).fit(x)
        assert set(detector.scaling.values()) == {scaling}
    # The scale of the open-source forests is one switch away.
    plain = fastrcf.Detector(
        scaling="none", relations="off", score="expected_inverse_depth", random_state=5
    ).fit(x)
    forest = fastrcf.RandomCutForest(sampling="uniform", random_state=5)
    forest.insert(x)
    np.testing.assert_array_equal(plain.score(x), forest.score(x))


def test_one_tree_has_one_view(rng):
    x = rng.normal(size=(100, 3))
    detector = fastrcf.Detector(n_trees=1, random_state=1).fit(x)
    assert set(detector.scaling.values()) == {"standard"}
    assert np.isfinite(detector.score(x)).all()
    assert bytes(fastrcf.loads(bytes(detector))) == bytes(detector)


def test_parts_of_relations_and_columns_sum_to_one(rng):
    data = table(2000, rng)
    detector = fastrcf.Detector(random_state=1).fit({n: data[n] for n in columns(data)})
    for row in detector.explain({n: data[n][:50] for n in columns(data)}):
        assert 0 < sum(reason.share for reason in row) <= 1 + 1e-9


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_stream_in_any_pieces_gives_the_same_detector(size, rng):
    drawn = table(2300, rng)
    data = np.column_stack([drawn[name] for name in ("start", "end", "span", "weight")])
    detector = fastrcf.Detector(alert_rate=0.05, n_trees=20, random_state=1).fit(data[:2000])
    assert detector.relations
    whole = fastrcf.loads(bytes(detector))
    expected = whole.process(data[2000:])
    pieces = [detector.process(data[i : i + size]) for i in range(2000, 2300, size)]
    np.testing.assert_array_equal(np.concatenate([p.score for p in pieces]), expected.score)
    assert [r for p in pieces for r in p.reasons] == expected.reasons
    assert bytes(detector) == bytes(whole)


def test_wrong_words_are_refused():
    with pytest.raises(fastrcf.InvalidParameterError, match="relations: 'on' is none of auto, off"):
        fastrcf.Detector(relations="on")
