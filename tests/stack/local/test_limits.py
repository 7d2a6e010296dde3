"""How often, how much and how long: throttling, bodies, functions that are slow or broken."""

import base64
import http.client
import json
import socket
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("uvicorn", reason="the extra serve is not installed")

from fastrcf.errors import InvalidParameterError
from fastrcf.stack.local import LocalCloud, gateway
from fastrcf.stack.local.throttle import TokenBucket
from tests.stack.function.calls import Clock
from tests.stack.local.calling import JSON, Caller, behind


def test_throttling(model, tmp_path):
    with LocalCloud(model, tmp_path / "c", auth="none", rate=0.01, burst=3) as cloud:
        call = Caller(cloud)
        statuses = [call("GET", "/ping").status for _ in range(6)]
        assert statuses == [200] * 3 + [429] * 3
        answer = call("GET", "/ping")
        assert answer.body["message"] == "Too Many Requests"
        # What is not there takes no token, and what lacks one is not validated.
        assert call("GET", "/none").status == 403
        assert call("POST", "/v1/score", "{", JSON).status == 429


@given(
    st.floats(0.5, 1000),
    st.integers(1, 50),
    st.lists(st.floats(0, 0.5), min_size=1, max_size=200),
)
def test_no_window_has_more_than_burst_and_rate(rate, burst, gaps):
    clock = Clock()
    bucket = TokenBucket(rate, burst, clock)
    admitted = []
    for gap in gaps:
        clock.now += gap
        if bucket.admit():
            admitted.append(clock.now)
    for i, start in enumerate(admitted):
        for j in range(i, len(admitted)):
            assert j - i + 1 <= burst + rate * (admitted[j] - start) + 1e-6
    clock.now += burst / rate
    assert all(bucket.admit() for _ in range(burst))


def test_ten_megabytes(cloud):
    large = b"1" * (gateway.BODY + 1)
    connection = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=30)
    # It is refused by what the header says.
    connection.putrequest("POST", "/prod/v1/score")
    connection.putheader("content-length", str(len(large)))
    connection.putheader("content-type", "text/csv")
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["message"]) == (413, "Request Too Long")
    connection.close()
    # The gateway takes it, Lambda does not.
    between = b"1" * (7 << 20)
    answer = Caller(cloud)("POST", "/v1/score", between, {"content-type": "text/csv"})
    assert (answer.status, answer.body["error"]) == (413, "REQUEST_TOO_LARGE")
    assert cloud.log.read_bytes() == b""


def test_a_body_that_does_not_come(cloud):
    cloud._load.limits = replace(cloud._load.limits, body_seconds=0.2)
    with socket.create_connection(("127.0.0.1", cloud.port), timeout=20) as connection:
        head = "POST /prod/v1/score HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n1,2"
        connection.sendall(head.encode())
        began = time.monotonic()
        answer = b""
        while part := connection.recv(4096):
            answer += part
    assert answer.startswith(b"HTTP/1.1 408")
    assert time.monotonic() - began < 10
    assert cloud.log.read_bytes() == b""


def test_a_function_that_takes_too_long(model, tmp_path):
    seen, ended = [], []
    answered = threading.Event()

    def slow(event, context):
        seen.append(context.get_remaining_time_in_millis())
        answered.wait(30)
        ended.append(True)

    with behind(slow, model, tmp_path, seconds=0.3) as call:
        answer = call("GET", "/ping")
        # While the function still runs.
        assert not ended
        answered.set()
    assert (answer.status, answer.body["message"]) == (504, "Endpoint request timed out")
    assert 0 < seen[0] <= 300


@pytest.mark.parametrize(
    "result",
    [
        None,
        "text",
        {"statusCode": "200"},
        {"body": "x"},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "body": "%", "isBase64Encoded": True},
        ZeroDivisionError("x"),
    ],
)
def test_a_function_that_breaks(model, tmp_path, result):
    def broken(event, context):
        if isinstance(result, Exception):
            raise result
        return result

    with behind(broken, model, tmp_path) as call:
        answer = call("GET", "/ping")
    assert (answer.status, answer.body["message"]) == (502, "Internal server error")


def test_the_event_is_as_the_gateways(model, tmp_path):
    events = []

    def keep(event, context):
        events.append(event)
        body = base64.b64encode(b"\x00\x01").decode()
        several = {"x-a": ["1", "2"]}
        return {
            "statusCode": 201,
            "body": body,
            "isBase64Encoded": True,
            "headers": {"Content-Type": "application/x"},
            "multiValueHeaders": several,
        }

    with behind(keep, model, tmp_path) as call:
        answer = call("POST", "/v1/score?a=1&a=2&b=%C3%A9", "1,2,3", {"content-type": "text/csv"})
    assert (answer.status, answer.body) == (201, b"\x00\x01")
    assert answer.headers.get_all("x-a") == ["1", "2"]
    (event,) = events
    json.dumps(event)
    assert event["queryStringParameters"] == {"a": "2", "b": "é"}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": ["é"]}
    assert (event["path"], event["resource"]) == ("/v1/score", "/v1/score")
    assert event["requestContext"]["path"] == "/prod/v1/score"
    assert (event["body"], event["isBase64Encoded"]) == ("1,2,3", False)
    assert event["headers"]["x-amzn-trace-id"].startswith("Root=1-")


@pytest.mark.parametrize("rate", [0.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(InvalidParameterError, match="rate"):
        TokenBucket(rate)
