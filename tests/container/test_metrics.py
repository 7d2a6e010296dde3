import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrcf.container.metrics import METRIC_DEFINITIONS, figures, lines
from fastrcf.errors import InvalidInputError
from fastrcf.sagemaker.hyperparameters import METRICS


@given(st.floats(0, 1) | st.sampled_from([0.0, 1.0, 1e-300, 1 / 3]))
def test_expressions_find_their_own_line_and_no_other(value):
    names = [one["Name"].removeprefix("test:") for one in METRIC_DEFINITIONS]
    text = "\n".join(
        f"[11/29/2026 02:10:11 INFO] {line}"
        for line in lines({name: value + i for i, name in enumerate(names)}, "algo-1")
    )
    for i, one in enumerate(METRIC_DEFINITIONS):
        found = re.findall(one["Regex"], text)
        assert len(found) == 1
        assert float(found[0]) == pytest.approx(value + i, rel=1e-9)


def test_the_definitions_are_what_create_training_job_takes():
    botocore = pytest.importorskip("botocore.session", reason="boto3 is not installed")
    from botocore.validate import ParamValidator

    service = botocore.get_session().get_service_model("sagemaker")
    shape = service.shape_for("MetricDefinitionList")
    assert not ParamValidator().validate(list(METRIC_DEFINITIONS), shape).has_errors()
    assert len(METRIC_DEFINITIONS) <= shape.metadata["max"]
    for one in METRIC_DEFINITIONS:
        assert len(one["Name"]) <= 255
        assert len(one["Regex"]) <= 500


def test_the_line_is_the_one_of_amazons_algorithms():
    (line,) = lines({"f1": 0.5}, "algo-1")
    assert line == "#quality_metric: host=algo-1, test f1 <score>=0.5"


def test_figures_by_hand():
    scores = np.array([1.0] * 18 + [2.0, 9.0])
    labels = np.array([False] * 17 + [True, True, True])
    found = figures(scores, labels, 1.5, METRICS)
    assert found["recall"] == pytest.approx(1 / 3)
    assert found["precision"] == 1
    assert found["f1"] == 0.5
    assert found["accuracy"] == 0.9
    assert found["alert_rate"] == 0.1
    assert found["alert_recall"] == pytest.approx(2 / 3)
    assert found["alert_f1"] == pytest.approx(0.8)
    assert "alert_rate" not in figures(scores, labels, None, METRICS)
    with pytest.raises(InvalidInputError, match="20 scores, but 3 labels"):
        figures(scores, labels[:3], None, METRICS)


@given(st.lists(st.tuples(st.floats(0, 9), st.booleans()), min_size=1, max_size=60))
def test_figures_are_shares(rows):
    scores, labels = np.array([s for s, _ in rows]), np.array([label for _, label in rows])
    for name, value in figures(scores, labels, 4.0, METRICS).items():
        assert 0 <= value <= 1, name
