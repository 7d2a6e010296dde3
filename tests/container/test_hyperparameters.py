import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrcf.container.fitting import new_model
from fastrcf.container.hyperparameters import (
    NAMES,
    WITHOUT_EFFECT,
    Hyperparameters,
    parse,
)
from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker.hyperparameters import Hyperparameters as Managed


def test_nothing_given_is_the_managed_defaults():
    made, idle = parse({})
    assert made == Hyperparameters()
    assert (made.model, made.num_trees, made.num_samples_per_tree) == ("forest", 100, 256)
    assert made.eval_metrics == ("accuracy", "precision_recall_fscore")
    assert idle == ()


def test_what_the_managed_job_takes_is_taken():
    theirs = Managed(feature_dim=4, num_trees=50, num_samples_per_tree=512)
    made, _ = parse(theirs.to_strings())
    assert (made.feature_dim, made.num_trees, made.num_samples_per_tree) == (4, 50, 512)


def test_defaults_of_the_managed_container_and_of_sagemaker_are_told_to_be_idle():
    given = dict.fromkeys(WITHOUT_EFFECT, "x")
    given |= {"sagemaker_program": '"train.py"', "sagemaker_region": '"eu-west-1"'}
    made, idle = parse(given)
    assert made == Hyperparameters()
    assert set(idle) == set(given)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("num_tree", "num_trees"),
        ("NUM_TREES", "num_trees"),
        ("n_trees", "num_trees"),
        ("sample_size", "num_samples_per_tree"),
        ("seed", "random_state"),
        ("alertrate", "alert_rate"),
        ("mini_batchsize", "mini_batch_size"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name, meant):
    with pytest.raises(InvalidParameterError, match=f"{name!r} is not known; is {meant!r} meant"):
        parse({name: "1"})


def test_a_name_like_none_is_refused_with_all():
    with pytest.raises(InvalidParameterError, match="'zzzz' is not known; known are model, feat"):
        parse({"zzzz": "1"})


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("model", "forrest", "none of forest, managed, detector"),
        ("num_trees", "0", "not an integer of at least 1"),
        ("num_trees", "-3", "not an integer"),
        ("num_trees", "1e3", "not an integer"),
        ("num_trees", "", "not an integer"),
        ("num_trees", "99999999999", "not an integer"),
        ("num_trees", "٣", "not an integer"),
        ("num_samples_per_tree", "1", "less than 2"),
        ("feature_dim", "0", "at least 1"),
        ("alert_rate", "0", "above 0"),
        ("alert_rate", "0.6", "at most 0.5"),
        ("alert_rate", "nan", "not a number above 0"),
        ("alert_rate", "often", "not a number"),
        ("random_state", "-1", "not an integer from 0"),
        ("random_state", "18446744073709551616", "random_state"),
        ("csv_header", "maybe", "neither true nor false"),
        ("eval_metrics", '["auc"]', "'auc' is none of"),
        ("eval_metrics", "[1", "no list of names"),
        ("feature_names", "a,a", "twice"),
        ("feature_names", '["a", 1]', "no list of names"),
        ("feature_names", "a,,b", "no list of names"),
        ("feature_names", "a,\ud800", "half a character"),
        ("feature_names", '["\\udc00"]', "half a character"),
    ],
)
def test_a_value_out_of_its_range_names_its_hyperparameter(name, text, why):
    with pytest.raises(InvalidParameterError, match=why) as told:
        parse({name: text})
    assert name in str(told.value)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"num_trees": "49"}, "49 is not between 50 and 1,000"),
        ({"num_trees": "1001"}, "1001 is not between"),
        ({"num_samples_per_tree": "2049"}, "2049 is not between 1 and 2,048"),
        ({"feature_dim": "10001"}, "10001 is not between 1 and 10,000"),
        ({"alert_rate": "0.01"}, "'alert_rate' does not go with model=managed"),
        ({"scaling": "none"}, "'scaling' does not go with model=managed"),
        ({"feature_names": "a"}, "has no names"),
    ],
)
def test_managed_has_the_services_ranges(given, why):
    with pytest.raises(InvalidParameterError, match=why):
        parse({"model": "managed", **given})


@pytest.mark.parametrize("name", ["scaling", "score", "relations"])
def test_a_forest_has_no_choice_of_scores(name):
    with pytest.raises(InvalidParameterError, match=f"{name!r} goes with model=detector only"):
        parse({name: "auto"})


def test_the_engines_own_range_begins_at_one_tree():
    made, _ = parse({"num_trees": "1", "num_samples_per_tree": "2"})
    assert new_model(made) is not None
    made, _ = parse({"model": "detector", "scaling": "rank", "score": "displacement"})
    assert new_model(made).score_kind == "displacement"


def test_names_must_be_as_many_as_columns():
    with pytest.raises(InvalidParameterError, match="2 names for feature_dim 3"):
        parse({"feature_names": "a,b", "feature_dim": "3"})


@pytest.mark.parametrize("text", ["a,b", '["a", "b"]', '"a","b"', "a, b"])
def test_lists_of_names_in_either_way(text):
    assert parse({"feature_names": text})[0].feature_names == ("a", "b")


_VALUES = {
    "model": st.sampled_from(["forest", "managed", "detector"]),
    "feature_dim": st.integers(1, 10_000).map(str),
    "num_trees": st.integers(50, 1000).map(str),
    "num_samples_per_tree": st.integers(2, 2048).map(str),
    "eval_metrics": st.sampled_from(
        ["accuracy", '["accuracy"]', '["accuracy", "precision_recall_fscore"]', "[]"]
    ),
    "random_state": st.integers(0, 2**64 - 1).map(str),
    "csv_header": st.sampled_from(["true", "False", "1", "0"]),
}


@given(st.fixed_dictionaries({}, optional=_VALUES), st.booleans())
def test_good_ones_make_a_model_quoted_as_json_or_not(given, quoted):
    as_sent = {name: json.dumps(text) if quoted else text for name, text in given.items()}
    made, idle = parse(as_sent)
    assert idle == ()
    assert made.num_trees == int(given.get("num_trees", 100))
    assert new_model(made) is not None


@given(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=12), st.text(max_size=30)))
def test_any_texts_are_taken_or_refused_by_name(given):
    try:
        made, _ = parse(given)
    except InvalidParameterError as error:
        refused = error
    else:
        new_model(made)
        return
    assert str(refused).startswith("hyperparameter ")
