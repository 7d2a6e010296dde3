"""Columns that alone tell labels apart: which are told, from how many rows on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from fastrcf import _separation
from fastrcf._separation import LABELLED, NEARLY, Separation, sentence


def found(columns, labels, batches=1):
    separation = Separation()
    for rows in np.array_split(np.arange(len(labels)), batches):
        separation.add({name: c[rows] for name, c in columns.items()}, labels[rows])
    return {column.name: column.auc for column in separation.found()}


def labelled(n, n_labelled, rng):
    labels = np.zeros(n, dtype=bool)
    labels[rng.choice(n, n_labelled, replace=False)] = True
    return labels


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=60))
def test_the_area_is_that_of_scikit_learn(rows):
    values, labels = (np.array(x) for x in zip(*rows, strict=True))
    if labels.all() or not labels.any():
        return
    auc = roc_auc_score(labels, values)
    assert _separation._auc(values[labels], values[~labels]) == pytest.approx(max(auc, 1 - auc))


def test_copies_and_near_copies_of_the_label_are_told_either_way_round(rng):
    labels = labelled(20_000, 200, rng)
    noise = rng.normal(size=20_000)
    nearly = np.where(labels, 5.0, 0.0) + noise * 0.5
    nearly[np.flatnonzero(labels)[:1]] = -5.0
    weaker = np.where(labels, 3.0, 0.0) + noise
    columns = {
        "copy": labels.astype(float),
        "other way round": -3.0 * labels,
        "nearly": np.where(labels, 6.0, 0.0) + noise,
        "one in two hundred": nearly,
        "weaker": weaker,
        "noise": noise,
        "constant": np.ones(20_000),
        "texts": np.where(labels, "blocked", rng.choice(["none", "late"], 20_000)),
        "names of rows": np.arange(20_000).astype(str),
    }
    told = found(columns, labels)
    assert set(told) == {"copy", "other way round", "nearly", "texts"}
    assert told["copy"] == told["texts"] == 1
    assert NEARLY <= told["nearly"] < 1
    assert found(columns, labels, batches=7) == told


@pytest.mark.parametrize("wrong", [8, 60])
def test_categories_may_be_nearly_split(wrong, rng):
    labels = labelled(20_000, 2000, rng)
    reviewed = np.where(labels, "yes", "no")
    reviewed[rng.choice(20_000, wrong, replace=False)] = "yes"
    auc = roc_auc_score(labels, reviewed == "yes")
    told = found({"reviewed": reviewed}, labels)
    assert set(told) == ({"reviewed"} if auc >= NEARLY else set())
    assert (auc >= NEARLY) == (wrong == 8)


def test_few_labelled_rows_and_more_than_two_labels_tell_nothing(rng):
    for n_labelled, n_others in ((LABELLED - 1, 500), (500, LABELLED - 1), (0, 500)):
        labels = np.repeat([True, False], [n_labelled, n_others])
        assert found({"copy": labels.astype(float)}, labels) == {}
    enough = np.repeat([True, False], [LABELLED, 500])
    assert set(found({"copy": enough.astype(float)}, enough)) == {"copy"}
    three = rng.integers(0, 3, 1000)
    assert found({"copy": three.astype(float)}, three) == {}
    # What is not labelled does not count.
    two = np.where(three == 2, -1, three)
    assert set(found({"copy": two.astype(float)}, two)) == {"copy"}


def test_memory_is_bounded_and_rows_are_a_fair_sample(monkeypatch, rng):
    monkeypatch.setattr(_separation, "_KEPT", 2000)
    separation = Separation()
    labels = labelled(50_000, 5000, rng)
    for rows in np.array_split(np.arange(50_000), 9):
        separation.add({"row": rows.astype(float)}, labels[rows])
    for drawn, kept in separation._kept.values():
        assert len(drawn) == len(kept["row"]) == 2000
        # Four standard errors of the mean of a uniform sample.
        assert abs(kept["row"].mean() / 50_000 - 0.5) < 4 / np.sqrt(12 * 2000)


def test_the_words_name_columns_label_and_what_to_do():
    one = sentence([_separation.Separating("status", 1.0)], "fraud")
    assert one.startswith("column 'status' (ROC AUC 1) alone tells the rows that 'fraud' marks")
    assert "train without it (--drop)" in one
    many = [_separation.Separating(f"c{i}", 0.99999) for i in range(14)]
    text = sentence(many, "fraud")
    assert "columns 'c0' (ROC AUC 0.9999), 'c1'" in text
    assert "and 2 more alone tell" in text
