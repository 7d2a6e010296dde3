"""Predictions: order, limits, retries, failures; by a server on this machine and by stubs."""

import json
import os
import threading
import time

import numpy as np
import pytest

from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.sagemaker import (
    Endpoint,
    JobFailedError,
    ResponseError,
    ServiceError,
    decode_recordio,
    encode_scores,
)
from tests.sagemaker.aws import Container, session, stubbed, sums_as_json


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr("fastrcf.sagemaker.endpoint._FIRST_PAUSE", 0.001)
    monkeypatch.setattr("botocore.retryhandler.random.random", lambda: 0.0, raising=False)
    monkeypatch.setattr(
        "botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *given: 0.001
    )


def endpoint(container, **given):
    return Endpoint("rcf-1", session(), runtime_url=container.url, **given)


def whole_rows(n, d=3):
    return np.random.default_rng(2).integers(-1000, 1000, (n, d)).astype(float)


def test_order_is_kept_though_answers_come_in_any():
    X = whole_rows(500)

    def answer(request):
        time.sleep(0.001 * (len(request["body"]) % 7))
        return sums_as_json(request)

    with Container(answer) as container:
        scores = endpoint(container, max_payload=200, workers=8).predict(X)
    np.testing.assert_array_equal(scores, X.sum(axis=1))
    assert scores.dtype == np.float64
    assert len(container.requests) > 20
    assert all(len(request["body"]) <= 200 for request in container.requests)
    assert {r["path"] for r in container.requests} == {"/endpoints/rcf-1/invocations"}
    headers = container.requests[0]["headers"]
    assert headers["Content-Type"] == "text/csv"
    assert headers["Accept"] == "application/json"
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256")


def test_recordio_and_a_model_of_many():
    X = whole_rows(100)

    def answer(request):
        rows, _ = decode_recordio(request["body"])
        return 200, "application/x-recordio-protobuf", encode_scores(rows.sum(axis=1))

    with Container(answer) as container:
        asked = endpoint(container, format="recordio", model="a.tar.gz", max_payload=1000)
        np.testing.assert_array_equal(asked.predict(X), X.sum(axis=1))
    assert {r["headers"]["X-Amzn-SageMaker-Target-Model"] for r in container.requests} == {
        "a.tar.gz"
    }


def test_progress_and_nothing_to_do():
    told = []
    with Container(sums_as_json) as container:
        asked = endpoint(container, max_payload=100)
        asked.predict(whole_rows(50), tell=lambda share, rows: told.append((share, rows)))
        assert asked.predict(np.empty((0, 3))).shape == (0,)
        with pytest.raises(InvalidInputError, match="row 2, column 1"):
            asked.predict([[1, 2], [3, 4], [5, np.nan]])
        sent = len(container.requests)
    assert told[-1] == (1.0, 50)
    assert [rows for _, rows in told] == sorted(rows for _, rows in told)
    assert sent == len(told)


def error_body(code, message, **more):
    return json.dumps({"message": message, "__type": code, **more}).encode()


@pytest.mark.parametrize(
    ("status", "code", "more"),
    [
        (400, "ThrottlingException", {}),
        (429, "TooManyRequestsException", {}),
        (429, "ModelNotReadyException", {}),
        (503, "ServiceUnavailable", {}),
        (424, "ModelError", {"OriginalStatusCode": 503}),
        (424, "ModelError", {"OriginalStatusCode": 429}),
    ],
)
def test_what_passes_is_tried_again(status, code, more):
    seen = {}
    lock = threading.Lock()

    def answer(request):
        with lock:
            seen[request["body"]] = n = seen.get(request["body"], 0) + 1
        if n <= 3:
            body = error_body(code, "later", **more)
            return status, "application/json", body, {"x-amzn-ErrorType": code}
        return sums_as_json(request)

    X = whole_rows(40)
    with Container(answer) as container:
        scores = endpoint(container, max_payload=150).predict(X)
    np.testing.assert_array_equal(scores, X.sum(axis=1))
    assert set(seen.values()) == {4}


@pytest.mark.parametrize(
    ("status", "code", "more", "words"),
    [
        (424, "ModelError", {"OriginalStatusCode": 400}, "ModelError"),
        (400, "ValidationError", {}, "no such thing"),
        (403, "ExpiredTokenException", {}, "credentials have expired, renew them"),
        (403, "AccessDeniedException", {}, "credentials do not allow it"),
        (403, "UnrecognizedClientException", {}, "no credentials that AWS knows"),
    ],
)
def test_what_does_not_pass_is_asked_once(status, code, more, words):
    def answer(request):
        body = error_body(code, "no such thing", **more)
        return status, "application/json", body, {"x-amzn-ErrorType": code}

    with Container(answer) as container, pytest.raises(ServiceError, match=words) as error:
        endpoint(container, max_payload=100_000).predict(whole_rows(10))
    assert "endpoint rcf-1, rows 0 to 9" in str(error.value)
    assert error.value.code == code
    assert len(container.requests) == 1


def test_throttling_that_does_not_end():
    def answer(request):
        code = "ThrottlingException"
        return 400, "application/json", error_body(code, "slow"), {"x-amzn-ErrorType": code}

    with Container(answer) as container, pytest.raises(ServiceError, match="try fewer workers"):
        endpoint(container).predict(whole_rows(3))
    assert len(container.requests) == 8


def test_the_first_failure_ends_the_rest():
    def answer(request):
        if len(container.requests) > 3:
            return 400, "application/json", error_body("ValidationError", "enough")
        return sums_as_json(request)

    with Container(answer) as container, pytest.raises(ServiceError):
        endpoint(container, max_payload=20, workers=2).predict(whole_rows(500))
    assert len(container.requests) < 20


def test_wrong_answers_are_refused():
    wrong = b'{"scores":[{"score":1.0}]}'
    with Container(lambda request: (200, "application/json", wrong)) as container:
        asked = endpoint(container)
        with pytest.raises(ResponseError, match="rows 0 to 1: 1 scores came for 2 rows"):
            asked.predict([[1, 2], [3, 4]])
    with (
        Container(lambda request: (200, "text/html", b"<html>")) as container,
        pytest.raises(ResponseError, match="text/html"),
    ):
        endpoint(container).predict([[1, 2]])


def test_nobody_there():
    asked = Endpoint("rcf-1", session(), runtime_url="http://127.0.0.1:9")
    with pytest.raises(ServiceError, match="Could not connect"):
        asked.predict([[1.0, 2.0]])


def test_a_container_on_this_machine_needs_no_aws(monkeypatch):
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with Container(sums_as_json) as container:
        assert Endpoint("rcf-1", runtime_url=container.url).predict([[1.0, 2.0]]).tolist() == [3]
    assert "Authorization" not in container.requests[0]["headers"]
    with pytest.raises(InvalidParameterError, match="no region is set"):
        Endpoint("rcf-1")


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "localhost", "http://", "ftp://a", "http://a:x"])
def test_an_address_that_is_none(url):
    with pytest.raises(InvalidParameterError, match="runtime_url: expected http://HOST:PORT"):
        Endpoint("rcf-1", session(), runtime_url=url)


def test_waiting_until_it_answers():
    told = []
    with stubbed("sagemaker") as (clients, sagemaker):
        for status in ("Creating", "Creating", "InService"):
            sagemaker.add_response(
                "describe_endpoint", described(status), {"EndpointName": "rcf-1"}
            )
        Endpoint("rcf-1", clients).wait(poll=0, tell=told.append)
    assert [line.split(" after")[0] for line in told] == [
        "endpoint rcf-1: Creating",
        "endpoint rcf-1: InService",
    ]
    with stubbed("sagemaker") as (clients, sagemaker):
        failed = described("Failed", FailureReason="The model has no model_algo-1")
        sagemaker.add_response("describe_endpoint", failed)
        with pytest.raises(JobFailedError, match="Failed: The model has no model_algo-1"):
            Endpoint("rcf-1", clients).wait(poll=0)
    with stubbed("sagemaker") as (clients, sagemaker):
        sagemaker.add_response("describe_endpoint", described("Creating"))
        with pytest.raises(ServiceError, match="still Creating after"):
            Endpoint("rcf-1", clients).wait(poll=0, timeout=-1)


def described(status, **more):
    import datetime

    now = datetime.datetime(2026, 1, 1)
    return {
        "EndpointName": "rcf-1",
        "EndpointArn": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/rcf-1",
        "EndpointStatus": status,
        "CreationTime": now,
        "LastModifiedTime": now,
        **more,
    }


def test_parameters():
    with pytest.raises(InvalidParameterError, match="format: 'xml'"):
        Endpoint("x", session(), format="xml")
    with pytest.raises(InvalidParameterError, match="workers"):
        Endpoint("x", session(), workers=0)
    with pytest.raises(InvalidParameterError, match="session: expected a boto3 session"):
        Endpoint("x", object())
