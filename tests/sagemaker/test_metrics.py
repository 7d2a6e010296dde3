import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

import fastrcf
from fastrcf.sagemaker import ManagedForest, cutoff, managed_metrics


@given(
    st.lists(
        st.tuples(st.floats(0, 9, width=32) | st.sampled_from([0.0, 30.0]), st.booleans()),
        min_size=1,
        max_size=60,
    )
)
def test_figures_are_those_of_scikit_learn(rows):
    scores, labels = (np.array(part) for part in zip(*rows, strict=True))
    found = managed_metrics(scores, labels)
    called = scores > scores.mean() + 3 * scores.std()
    assert found.cutoff == scores.mean() + 3 * scores.std()
    expected = {
        "accuracy": metrics.accuracy_score(labels, called),
        "precision": metrics.precision_score(labels, called, zero_division=0),
        "recall": metrics.recall_score(labels, called, zero_division=0),
        "f1": metrics.f1_score(labels, called, zero_division=0),
    }
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value)
        assert found.to_dict()[name] == getattr(found, name)
        assert name in str(found)


def test_the_cutoff_is_the_one_that_a_notebook_printed():
    """Mean, deviation and cutoff of the 10,320 scores of a managed run."""
    mean, deviation = 0.8958903989, 0.2383220170
    scores = mean + deviation * np.array([-1.0, 1.0])
    assert cutoff(scores) == pytest.approx(1.6108564498, abs=2e-9)


def test_an_evaluation_of_a_forest(rng):
    rows = rng.normal(size=(2000, 2))
    rows[::200] += 30
    labels = np.arange(2000) % 200 == 0
    forest = ManagedForest(50, 40, random_state=1).fit(rows)
    found = forest.evaluate(rows, labels)
    assert found == managed_metrics(forest.score(rows), labels.astype(int))
    assert found.caught == 10
    assert found.precision > 0.5


def test_what_cannot_be_counted_is_refused():
    for scores, labels, said in (
        ([], [], "none"),
        ([1.0, np.nan], [0, 1], "row 1"),
        ([1.0, 2.0], [0], "2 scores, but 1 labels"),
        ([1.0, 2.0], [0, 2], "row 1"),
        ("ab", [0], "one column"),
    ):
        with pytest.raises(fastrcf.InvalidInputError, match=said):
            managed_metrics(scores, labels)
