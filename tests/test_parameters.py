"""Parameters of wrong kinds: named at once, whichever class they are of."""

import copy
import pickle

import numpy as np
import pytest

import fastrcf

SCORES, LABELS = [1.0, 2.0], [0, 1]
MAKERS = {
    "forest": fastrcf.RandomCutForest,
    "detector": fastrcf.Detector,
    "series": fastrcf.SeriesDetector,
    "limit": lambda **given: fastrcf.AlertLimit(**{"per_day": 1, **given}),
    "evaluation": lambda **given: fastrcf.evaluate(SCORES, LABELS, **given),
}
WRONG = [
    ("forest", "n_trees", True),
    ("forest", "time_decay", "x"),
    ("forest", "time_decay", True),
    ("forest", "feature_weights", 3),
    ("forest", "feature_weights", "12"),
    ("forest", "feature_weights", ["1"]),
    ("forest", "random_state", float("inf")),
    ("forest", "random_state", True),
    ("detector", "alert_rate", "0.01"),
    ("detector", "alert_rate", None),
    ("detector", "time_decay", "x"),
    ("detector", "track_threshold", "no"),
    ("detector", "scaling", None),
    ("detector", "scaling", 3),
    ("detector", "columns", 3),
    ("detector", "columns", {"a", "b"}),
    ("detector", "categorical", "a"),
    ("detector", "categorical", 3),
    ("detector", "n_threads", True),
    ("series", "period", True),
    ("series", "threshold", True),
    ("series", "kappa", True),
    ("series", "episode", True),
    ("series", "columns", 5),
    ("limit", "per_day", True),
    ("limit", "day", "x"),
    ("evaluation", "confidence", "x"),
    ("evaluation", "confidence", None),
    ("evaluation", "n_bootstrap", True),
]


@pytest.mark.parametrize(("kind", "name", "value"), WRONG)
def test_what_is_of_another_kind_is_refused_by_name(kind, name, value):
    with pytest.raises(fastrcf.InvalidParameterError, match=f"{name}: "):
        MAKERS[kind](**{name: value})


def test_alerts_per_day_are_a_finite_number():
    for value in ("x", True, float("inf"), float("nan")):
        with pytest.raises(fastrcf.InvalidParameterError, match="alerts_per_day: "):
            fastrcf.Detector(alerts_per_day=value, time_column="t")


def test_what_is_set_later_is_checked_alike(rng):
    detector = fastrcf.Detector(n_trees=5, random_state=1).fit(rng.normal(size=(50, 2)))
    before = bytes(detector)
    for name, value in (("alert_rate", "x"), ("rows_per_day", None), ("rows_per_day", True)):
        with pytest.raises(fastrcf.InvalidParameterError, match=f"{name}: expected a number"):
            setattr(detector, name, value)
    # Half of a character cannot be written.
    with pytest.raises(fastrcf.InvalidParameterError, match="is not text"):
        detector.notes = {"by": "\ud800"}
    assert bytes(detector) == before


def test_a_detector_that_was_loaded_is_fitted_again_to_the_same_categories():
    table = {"a": np.arange(60.0), "code": np.arange(60) % 4}
    detector = fastrcf.Detector(categorical=["code"], n_trees=5, random_state=1).fit(table)
    again = fastrcf.loads(bytes(detector))
    assert again.fit(table).scaling["code"] == "category"


class Tagged(fastrcf.RandomCutForest):
    def __init__(self, tag):
        super().__init__(5, 16, random_state=1)
        self.tag = tag


@pytest.mark.parametrize("rows", [0, 30])
def test_copies_of_a_subclass_have_what_it_adds(rows):
    forest = Tagged(["a"])
    forest.insert(np.arange(2.0 * rows).reshape(rows, 2) if rows else np.empty((0, 2)))
    shallow, deep = copy.copy(forest), copy.deepcopy(forest)
    pickled = pickle.loads(pickle.dumps(forest))
    for other in (shallow, deep, pickled):
        assert isinstance(other, Tagged)
        assert (other.tag, other.n_seen) == (["a"], rows)
    assert shallow.tag is forest.tag
    assert deep.tag is not forest.tag
