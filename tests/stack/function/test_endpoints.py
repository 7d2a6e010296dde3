"""Endpoints of SageMaker: what scores, what classifies, what is asked beside ours."""

import io
import json
import logging

import boto3
import numpy as np
import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber
from hypothesis import given
from hypothesis import strategies as st

from fastrcf.serving.problems import Problem
from fastrcf.stack.function.endpoints import (
    EndpointClassifier,
    EndpointModel,
    Shadow,
    _probabilities,
)
from tests.stack.conftest import ROW
from tests.stack.function.calls import Clock, Context, clients, event, files, function, stored, told

JSON = "application/json"


@pytest.fixture
def runtime():
    return boto3.client(
        "sagemaker-runtime", "eu-west-1", aws_access_key_id="i", aws_secret_access_key="s"
    )


def answered(stub, body, kind=JSON, **asked):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    stub.add_response(
        "invoke_endpoint",
        {"Body": StreamingBody(io.BytesIO(body), len(body)), "ContentType": kind},
        {"EndpointName": ANY, "ContentType": "text/csv", "Body": ANY, **asked},
    )


def scores(*values):
    return {"scores": [{"score": value} for value in values]}


def test_the_managed_containers_contract(runtime):
    with Stubber(runtime) as stub:
        answered(stub, scores(0.9, 1.5), EndpointName="rcf", Body=b"1,2\n3,4.5", Accept=JSON)
        model = EndpointModel(lambda: runtime, "rcf", ["a", "b"], 1.0)
        found = model.detect(np.array([[1, 2], [3, 4.5]]))
        stub.assert_no_pending_responses()
    assert found.score.tolist() == [0.9, 1.5]
    assert found.is_anomaly.tolist() == [False, True]
    assert found.grade.tolist() == [0.0, 0.6]
    assert found.reasons == [[], []]


def test_grades_start_at_a_half_and_grow(runtime):
    with Stubber(runtime) as stub:
        answered(stub, scores(1.0, 1.0 + 1e-9, 2, 1000), Accept=JSON)
        grade = EndpointModel(lambda: runtime, "e", ["a"], 1.0).detect(np.ones((4, 1))).grade
    assert grade[0] == 0
    assert grade[1] == pytest.approx(0.5)
    assert 0.5 < grade[2] < grade[3] < 1


def test_through_the_function(runtime, model, tmp_path):
    sink = files(tmp_path / "out")
    answering = function(
        model,
        made=clients(endpoints=runtime, firehose=sink),
        backend="sagemaker",
        endpoint="rcf",
        threshold="1",
        delivery_stream="results",
        classifier_endpoint="xgb",
    )
    with Stubber(runtime) as stub:
        answered(stub, b"0.875", "text/csv", EndpointName="xgb")
        answered(stub, scores(1.5), EndpointName="rcf", Accept=JSON)
        status, body = told(
            answering(event("/invocations", {"data": ROW, "metadata": ["a"]}), Context())
        )
        stub.assert_no_pending_responses()
        assert status == 200
        assert body == {
            "anomaly_detector": {"score": 1.5, "grade": 0.6, "is_anomaly": True},
            "fraud_classifier": {"pred_proba": 0.875, "prediction": 1},
            "model_version": "endpoint/rcf",
        }
        # Only the classifier: no score, and still a line.
        answered(stub, b"0.25", "text/csv", EndpointName="xgb")
        given = {"data": ROW, "metadata": ["b"], "model": "fraud_classifier"}
        assert told(answering(event("/invocations", given), Context()))[1] == {
            "fraud_classifier": {"pred_proba": 0.25, "prediction": 0},
            "model_version": "endpoint/rcf",
        }
        # What is wrong with a request costs no call.
        for data in ("1,2", "1,2,x", "1,2,inf"):
            bad = {"data": data, "metadata": ["a"]}
            assert told(answering(event("/invocations", bad), Context()))[0] == 400
    sink.close()
    first, second = stored(tmp_path / "out")
    assert first["fraud_classifier"] == {"pred_proba": 0.875, "prediction": 1}
    assert (second["score"], second["fraud_classifier"]["prediction"]) == (None, 0)


def test_columns_without_a_model(runtime):
    answering = function(
        "",
        made=clients(endpoints=runtime),
        backend="sagemaker",
        endpoint="rcf",
        columns="a,b",
        model_uri="",
    )
    with Stubber(runtime) as stub:
        answered(stub, scores(0.5), Body=b"1,2", Accept=JSON)
        result = told(answering(event("/v1/score", {"rows": [{"b": 2, "a": 1}]}), Context()))
        assert result == (200, {"model_version": "endpoint/rcf", "scores": [0.5]})
        status, body = told(answering(event("/v1/detect", [[1, 2]]), Context()))
    assert status == 400
    assert "FASTRCF_THRESHOLD" in body["message"] or "threshold" in body["message"]


@pytest.mark.parametrize(
    ("code", "http", "status", "words"),
    [
        ("ValidationError", 400, 503, "does not exist"),
        ("AccessDeniedException", 403, 503, "sagemaker:InvokeEndpoint"),
        ("ThrottlingException", 400, 503, "takes on"),
        ("ModelError", 424, 502, "CloudWatch"),
        ("InternalFailure", 500, 502, "InternalFailure"),
    ],
)
def test_what_an_endpoint_refuses(runtime, model, code, http, status, words):
    answering = function(
        model, made=clients(endpoints=runtime), backend="sagemaker", endpoint="rcf"
    )
    with Stubber(runtime) as stub:
        for _ in range(3):
            stub.add_client_error("invoke_endpoint", code, "it holds 25.0,3", http)
        result = answering(event("/v1/score", [[25.0, 3, 0.5]]), Context())
    assert result["statusCode"] == status
    assert words in result["body"]
    assert "25.0" not in result["body"]


class Broken:
    def __init__(self, error):
        self.error = error
        self.calls = 0

    def invoke_endpoint(self, **asked):
        self.calls += 1
        raise self.error


def test_timeouts_and_networks(model):
    for error, status in {
        ReadTimeoutError(endpoint_url="https://e"): 504,
        ConnectTimeoutError(endpoint_url="https://e"): 503,
    }.items():
        made = clients(endpoints=Broken(error))
        answering = function(model, made=made, backend="sagemaker", endpoint="rcf")
        assert told(answering(event("/v1/score", [[1, 2, 3]]), Context()))[0] == status


@pytest.mark.parametrize(
    "body", [scores(), scores(1, 2), {"scores": "x"}, {"a": 1}, b"no JSON 25.0", scores("x")]
)
def test_answers_that_are_none(runtime, body):
    with Stubber(runtime) as stub:
        answered(stub, body, Accept=JSON)
        with pytest.raises(Problem) as error:
            EndpointModel(lambda: runtime, "rcf", ["a"]).score(np.ones((1, 1)))
    assert (error.value.status, error.value.kind) == (502, "endpoint_failed")
    assert "25.0" not in str(error.value)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"0.5", [0.5]),
        (b"0.5,0.25\n", [0.5, 0.25]),
        (b"0.5\n0.25", [0.5, 0.25]),
        (b"[0.5, 0.25]", [0.5, 0.25]),
        (b'{"predictions":[{"score":0.5},{"score":1}]}', [0.5, 1.0]),
    ],
)
def test_probabilities(body, expected):
    assert _probabilities(body, len(expected)).tolist() == expected


@given(st.binary(max_size=30), st.integers(1, 3))
def test_any_bytes_are_probabilities_or_a_problem(body, n):
    try:
        found = _probabilities(body, n)
    except Problem:
        return
    assert found.shape == (n,)
    assert ((found >= 0) & (found <= 1)).all()


def test_a_classifiers_refusal_is_no_answer(runtime):
    with Stubber(runtime) as stub:
        answered(stub, b"1.5", "text/csv")
        with pytest.raises(Problem, match="none of scores"):
            EndpointClassifier(lambda: runtime, "xgb").predict_proba(np.ones((1, 2)))


def shadowed(model, shadows, lines, **more):
    return function(
        model,
        lines=lines,
        made=clients(shadows=shadows),
        backend="shadow",
        endpoint="rcf",
        **more,
    )


def test_a_shadow_is_compared_and_changes_nothing(runtime, model, detector, caplog):
    lines = []
    answering = shadowed(model, runtime, lines)
    rows = [[25.0, 3, 0.5], [30.0, 2, 0.1]]
    ours = detector.score(np.array(rows))
    with Stubber(runtime) as stub, caplog.at_level(logging.INFO, "fastrcf.function"):
        answered(stub, scores(ours[0] + 1, ours[1] - 3), Accept=JSON)
        status, body = told(answering(event("/v1/score", rows), Context()))
        stub.assert_no_pending_responses()
    assert status == 200
    np.testing.assert_allclose(body["scores"], ours, atol=1e-9)
    assert lines[-1]["ShadowDifference"] == pytest.approx(2.0)
    assert "mean_difference=2 max_difference=3" in caplog.text


def test_a_failing_shadow_fails_no_request_and_is_left_alone(model, caplog):
    lines = []
    broken = Broken(ReadTimeoutError(endpoint_url="https://e"))
    answering = shadowed(model, broken, lines)
    for _ in range(10):
        assert told(answering(event("/v1/score", [[1, 2, 3]]), Context()))[0] == 200
    assert broken.calls == Shadow.FAILURES
    assert all("ShadowDifference" not in line for line in lines)
    assert "endpoint_timeout" in caplog.text


def test_a_shadow_is_not_asked_of_rows_that_only_a_classifier_saw(runtime, model, tmp_path):
    """Their features are stored as others'."""
    shadow, sink = Broken(ReadTimeoutError(endpoint_url="https://e")), files(tmp_path / "firehose")
    answering = function(
        model,
        made=clients(endpoints=runtime, shadows=shadow, firehose=sink),
        backend="shadow",
        endpoint="rcf",
        classifier_endpoint="xgb",
        delivery_stream="results",
        deliver_features="true",
    )
    given = {"data": ROW, "metadata": ["a"], "model": "fraud_classifier"}
    with Stubber(runtime) as stub:
        answered(stub, b"0.9", "text/csv")
        assert told(answering(event("/invocations", given), Context()))[0] == 200
    sink.close()
    assert shadow.calls == 0
    (line,) = stored(tmp_path / "firehose")
    assert line["features"] == [float(value) for value in ROW.split(",")]
    assert line["fraud_classifier"]["pred_proba"] == 0.9


def test_a_shadow_is_not_asked_where_lambda_leaves_no_time(model):
    shadow = Broken(ReadTimeoutError(endpoint_url="https://e"))
    answering = shadowed(model, shadow, [])
    for left, calls in ((3.0, 0), (4.0, 1)):
        asked = answering(event("/v1/score", [[1, 2, 3]]), Context(left=left))
        assert told(asked)[0] == 200
        assert shadow.calls == calls


def test_a_rested_shadow_is_asked_again():
    clock = Clock()
    broken = Broken(ReadTimeoutError(endpoint_url="https://e"))
    shadow = Shadow(EndpointModel(lambda: broken, "rcf", ["a"]), clock)
    for _ in range(5):
        assert shadow.difference(np.ones((1, 1)), np.ones(1)) is None
    assert broken.calls == 3
    clock.now += Shadow.REST_SECONDS
    shadow.difference(np.ones((1, 1)), np.ones(1))
    assert broken.calls == 4
