"""The gateway: who may call, how often, what is no request, and the way to the handler."""

import base64
import http.client
import io
import json
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("uvicorn", reason="the extra serve is not installed")

from fastrcf.errors import InvalidParameterError
from fastrcf.stack.local import LocalCloud, gateway
from fastrcf.stack.local.throttle import TokenBucket
from fastrcf.stack.local.validation import invalid
from tests.conftest import ROOT
from tests.stack.conftest import FAR, ROW
from tests.stack.function.calls import Clock, clients, stored

GOOD = {"data": ROW, "metadata": ["2026-01-01, 00:00", "=1+1"]}
JSON = {"content-type": "application/json"}


class Caller:
    """Calls a local cloud."""

    def __init__(self, cloud):
        self.cloud = cloud

    def __call__(self, method, path, body=None, headers=None, stage="prod"):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        connection = http.client.HTTPConnection("127.0.0.1", self.cloud.port, timeout=30)
        try:
            connection.request(method, f"/{stage}{path}", body, headers or {})
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        kind = answer.getheader("content-type") or ""
        body = json.loads(data) if kind == "application/json" and data else data
        return SimpleNamespace(status=answer.status, body=body, headers=answer.headers)

    def signed(self, method, path, body=b"", *, now=None, keys=None, headers=None, sent=None):
        """Sign with botocore; ``sent`` goes out in place of the body that was signed."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        keys = keys or self.cloud.keys
        request = AWSRequest(
            method, f"{self.cloud.url}{path}", data=body, headers={**JSON, **(headers or {})}
        )
        credentials = Credentials(keys.access_key, keys.secret_key)
        with moved(now):
            SigV4Auth(credentials, "execute-api", keys.region).add_auth(request)
        return self(method, path, body if sent is None else sent, dict(request.headers))


@contextmanager
def moved(seconds):
    """Have botocore take another time for now."""
    import datetime

    import botocore.auth

    if seconds is None:
        yield
        return
    then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    kept = botocore.auth.get_current_datetime
    botocore.auth.get_current_datetime = lambda remove_tzinfo=True: then.replace(tzinfo=None)
    try:
        yield
    finally:
        botocore.auth.get_current_datetime = kept


@pytest.fixture
def cloud(model, tmp_path):
    with LocalCloud(model, tmp_path / "cloud", auth="none") as made:
        yield made


def test_the_whole_path(cloud, detector):
    answer = Caller(cloud)("POST", "/invocations", GOOD, JSON)
    assert answer.status == 200
    score = float(detector.score([[float(x) for x in ROW.split(",")]])[0])
    assert answer.body["anomaly_detector"]["score"] == score
    assert answer.headers["x-fastrcf-stored"] == "true"
    (line,) = stored(cloud.firehose)
    assert (line["metadata"], line["score"]) == (GOOD["metadata"], score)
    assert line["request_id"] == answer.headers["x-amzn-requestid"]
    (place,) = cloud.firehose.rglob("*.jsonl")
    assert place.parent.name.startswith("hour=")
    assert place.parent.parent.name.startswith("date=20")
    (logged,) = [json.loads(line) for line in cloud.log.read_bytes().splitlines()]
    assert (logged["status"], logged["Solution"]) == (200, "fastrcf-local")
    assert logged["trace_id"].startswith("Root=1-")


def test_every_route_of_the_template(cloud):
    call = Caller(cloud)
    assert call("GET", "/ping").status == 200
    assert len(call("GET", "/v1/model").body["columns"]) == 3
    rows = {"rows": [{"amount": 90000.5, "items": 3, "hour": 0.5}]}
    assert len(call("POST", "/v1/score", rows, JSON).body["scores"]) == 1
    assert call("POST", "/v1/detect", rows, JSON).body["rows"][0]["is_anomaly"] is True
    csv = call("POST", "/v1/score", f"{ROW}\n{FAR}", {"content-type": "text/csv"})
    assert (csv.status, len(csv.body["scores"])) == (200, 2)


def test_bytes_travel_there_and_back(cloud, table):
    pa = pytest.importorskip("pyarrow")
    kind = "application/vnd.apache.arrow.stream"
    rows = pa.table({name: values[:100] for name, values in table.items()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    body = sink.getvalue().to_pybytes()
    answer = Caller(cloud)("POST", "/v1/score", body, {"content-type": kind, "accept": kind})
    assert answer.headers["content-type"] == kind
    assert pa.ipc.open_stream(answer.body).read_all().num_rows == 100
    # What is no UTF-8 is refused by the function, not changed on the way.
    broken = Caller(cloud)("POST", "/v1/score", b"\xff\xfe,1", {"content-type": "text/csv"})
    assert broken.status == 400


@pytest.mark.parametrize(
    ("method", "path", "stage", "kind"),
    [
        ("GET", "/", "prod", "MISSING_AUTHENTICATION_TOKEN"),
        ("GET", "/invocations", "prod", "MISSING_AUTHENTICATION_TOKEN"),
        ("POST", "/v1/model", "prod", "MISSING_AUTHENTICATION_TOKEN"),
        ("GET", "/openapi.json", "prod", "MISSING_AUTHENTICATION_TOKEN"),
        ("GET", "/../x", "prod", "MISSING_AUTHENTICATION_TOKEN"),
        ("GET", "/ping", "test", "ACCESS_DENIED"),
        ("OPTIONS", "/ping", "prod", "MISSING_AUTHENTICATION_TOKEN"),
    ],
)
def test_what_is_not_there(cloud, method, path, stage, kind):
    answer = Caller(cloud)(method, path, stage=stage)
    assert (answer.status, answer.body["error"]) == (403, kind)
    assert answer.body["request_id"] == answer.headers["x-amzn-requestid"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/invocations", []),
        ("/invocations", "7"),
        ("/invocations", "{"),
        ("/v1/score", "7"),
        ("/v1/detect", '"text"'),
        ("/v1/score", "[" * 100_000),
    ],
)
def test_what_is_no_request_costs_no_call(cloud, path, body):
    answer = Caller(cloud)("POST", path, body, JSON)
    assert (answer.status, answer.body["error"]) == (400, "BadRequest")
    assert answer.body["message"].startswith("the body: expected JSON")
    assert cloud.log.read_bytes() == b""


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/invocations", {"data": ROW}, "metadata: it is not there"),
        ("/invocations", {"metadata": ["x"]}, "data: it is not there"),
        ("/invocations", {"data": ROW, "metadata": []}, "metadata: the list is empty"),
        ("/invocations", {"data": ROW, "metadata": "x"}, "metadata: expected a list"),
        ("/invocations", {"data": ROW, "metadata": ["x", 1]}, "metadata[1]: expected a text"),
        ("/invocations", {"data": 7, "metadata": ["x"]}, "data: expected"),
        ("/invocations", {"data": ROW, "metadata": ["x"], "model": "unknown"}, "model: expected"),
        ("/invocations", {"data": "1,x,2", "metadata": ["x"]}, "row 0, column 'items'"),
        ("/v1/score", {"rows": [{"amount": 1, "items": None, "hour": 2}]}, "column 'items'"),
        ("/v1/detect", {"rows": []}, "rows"),
    ],
)
def test_fields_are_named_by_the_function_and_nothing_is_written(cloud, path, body, words):
    answer = Caller(cloud)("POST", path, body, JSON)
    assert answer.status == 400
    assert words in answer.body["message"]
    assert answer.headers["x-request-id"]
    assert stored(cloud.firehose) == []


def test_an_endpoint_is_not_asked_for_what_is_wrong(model, tmp_path):
    """It costs money: the fields are looked at before."""
    asked = []

    def invoke(**given):
        asked.append(given)
        return {"Body": io.BytesIO(b"0.25"), "ContentType": "text/csv"}

    settings = {"FASTRCF_CLASSIFIER_ENDPOINT": "xgb", "FASTRCF_DELIVERY_STREAM": ""}
    given_ = clients(endpoints=SimpleNamespace(invoke_endpoint=invoke), firehose=SimpleNamespace())
    with LocalCloud(model, tmp_path / "c", auth="none", settings=settings, clients=given_) as cloud:
        call = Caller(cloud)
        for body in ({**GOOD, "metadata": []}, {"data": ROW}, {**GOOD, "model": "unknown"}):
            assert call("POST", "/invocations", body, JSON).status == 400
        assert asked == []
        answer = call("POST", "/invocations", GOOD, JSON)
        assert answer.body["fraud_classifier"] == {"pred_proba": 0.25, "prediction": 0}
        assert len(asked) == 1


def test_the_model_may_be_in_the_query_or_a_header_as_the_original_took_it(cloud):
    call = Caller(cloud)
    for path, headers, status in (
        ("/invocations", {"model": "anomaly_detector"}, 200),
        ("/invocations?model=anomaly_detector", {}, 200),
        ("/invocations", {"Model": "unknown"}, 400),
        ("/invocations", {"model": "fraud_classifier"}, 400),
        # What is empty is as if it were not there; the query goes before the header.
        ("/invocations", {"model": ""}, 200),
        ("/invocations?model=", {"model": "unknown"}, 400),
        ("/invocations?model=anomaly_detector", {"model": "unknown"}, 200),
    ):
        answer = call("POST", path, GOOD, {**JSON, **headers})
        assert answer.status == status, (path, headers)
        if status == 400:
            assert answer.body["message"].startswith("model: ")
    # The body goes before all.
    named = {**GOOD, "model": "anomaly_detector"}
    assert call("POST", "/invocations", named, {**JSON, "model": "unknown"}).status == 200


def test_models_are_the_templates():
    """The gateway on loopback validates by what the template has."""
    template = ROOT / "deployment" / "fraud-detection-using-machine-learning.yaml"
    if not template.is_file():
        pytest.skip("there is no template here yet")
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("!", lambda loader, suffix, node: suffix)
    resources = yaml.load(template.read_text(), Loader)["Resources"]
    models = {
        entry["Properties"]["Name"]: entry["Properties"]["Schema"]
        for entry in resources.values()
        if entry["Type"] == "AWS::ApiGateway::Model"
    }
    from fastrcf.stack.request_models import MODELS

    assert models == {schema["title"]: schema for schema in MODELS.values()}
    (api,) = (e for e in resources.values() if e["Type"] == "AWS::ApiGateway::RestApi")
    from fastrcf.stack.local.proxy import BINARY

    assert tuple(api["Properties"]["BinaryMediaTypes"]) == BINARY
    from fastrcf.stack.request_models import REFUSAL

    (refusal,) = (
        e["Properties"]["ResponseTemplates"]["application/json"]
        for e in resources.values()
        if e["Type"] == "AWS::ApiGateway::GatewayResponse"
        and e["Properties"]["ResponseType"] == "BAD_REQUEST_BODY"
    )
    # The gateway puts in variables as they are: a text of its own with quotes would be no JSON.
    assert json.loads(refusal.replace("$context.requestId", "id")) == {
        "error": "BadRequest",
        "message": REFUSAL,
        "request_id": "id",
    }


def test_other_formats_are_the_functions_to_read(cloud):
    assert invalid("/v1/score", "text/csv", b"x") == ""
    answer = Caller(cloud)("POST", "/v1/score", "x,y,z\n1,2,3", {"content-type": "text/html"})
    assert (answer.status, answer.body["error"]) == (415, "unsupported_media_type")


def test_keys(model, tmp_path):
    with LocalCloud(model, tmp_path / "cloud", auth="key") as cloud:
        call = Caller(cloud)
        key = cloud.key_file.read_text().strip()
        assert key == cloud.key
        assert cloud.key_file.stat().st_mode & 0o777 == 0o600
        assert call("GET", "/ping", headers={"x-api-key": key}).status == 200
        for wrong in ({}, {"x-api-key": ""}, {"x-api-key": key[:-1]}, {"x-api-key": key + "x"}):
            answer = call("GET", "/ping", headers=wrong)
            assert (answer.status, answer.body["message"]) == (403, "Forbidden")
        assert call("POST", "/invocations", GOOD, {**JSON, "x-api-key": "\xe9"}).status == 403
        assert len(cloud.log.read_bytes().splitlines()) == 1
    # The next one has another.
    with LocalCloud(model, tmp_path / "cloud", auth="key") as cloud:
        assert Caller(cloud)("GET", "/ping", headers={"x-api-key": key}).status == 403


@pytest.fixture
def signing(model, tmp_path):
    pytest.importorskip("botocore", reason="the extra sagemaker is not installed")
    with LocalCloud(model, tmp_path / "cloud", auth="iam") as cloud:
        yield Caller(cloud)


def test_signatures(signing):
    body = json.dumps(GOOD).encode()
    answer = signing.signed("POST", "/invocations", body)
    assert answer.status == 200
    assert signing.signed("GET", "/ping").status == 200
    assert signing.signed("POST", "/invocations?model=anomaly_detector", body).status == 200
    # A client's clock may be some minutes off.
    assert signing.signed("GET", "/ping", now=-240).status == 200


def test_signatures_that_do_not_hold(signing):
    body, keys = json.dumps(GOOD).encode(), signing.cloud.keys
    other = json.dumps({**GOOD, "metadata": ["other"]}).encode()
    answers = {
        "unsigned": signing("POST", "/invocations", body, JSON),
        "body": signing.signed("POST", "/invocations", body, sent=other),
        "expired": signing.signed("POST", "/invocations", body, now=-3600),
        "future": signing.signed("POST", "/invocations", body, now=3600),
        "secret": signing.signed("GET", "/ping", keys=keys._replace(secret_key="other")),
        "key": signing.signed("GET", "/ping", keys=keys._replace(access_key="other")),
        "region": signing.signed("GET", "/ping", keys=keys._replace(region="eu-west-1")),
        "scheme": signing("GET", "/ping", headers={"authorization": "Basic x"}),
    }
    for what, answer in answers.items():
        assert answer.status == 403, what
        assert answer.body["error"], what
    assert answers["unsigned"].body["message"] == "Missing Authentication Token"
    # Nothing has reached the function.
    assert signing.cloud.log.read_bytes() == b""
    assert stored(signing.cloud.firehose) == []


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


def test_wrong_parameters_write_nothing(model, tmp_path):
    for given_ in ({"rate": 0}, {"rate": 5, "burst": 0}, {"burst": 3}, {"auth": "all"}):
        with pytest.raises(InvalidParameterError):
            LocalCloud(model, tmp_path / "c", **given_)
    with pytest.raises(InvalidParameterError, match="CORS"):
        LocalCloud(model, tmp_path / "c", settings={"FASTRCF_CORS_ORIGIN": "x"})
    assert not (tmp_path / "c").exists()


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


@contextmanager
def behind(handler, model, tmp_path, **given_):
    """Have a gateway in front of another handler."""
    cloud = LocalCloud(model, tmp_path / "c", auth="none", **given_)
    cloud._gateway._handler, cloud._gateway._waits = handler, True
    with cloud:
        yield Caller(cloud)


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


def test_pages_of_other_origins(model, tmp_path):
    settings = {"FASTRCF_CORS_ORIGIN": "https://a.example"}
    with LocalCloud(model, tmp_path / "c", auth="key", settings=settings) as cloud:
        call = Caller(cloud)
        origin = {"origin": "https://a.example"}
        before = call("OPTIONS", "/v1/score", headers=origin)
        assert before.status == 204
        assert before.headers["access-control-allow-origin"] == "https://a.example"
        assert "x-api-key" in before.headers["access-control-allow-headers"]
        for headers, status in (({**origin, "x-api-key": cloud.key}, 200), (origin, 403)):
            answer = call("GET", "/ping", headers=headers)
            assert answer.status == status
            assert answer.headers["access-control-allow-origin"] == "https://a.example"
        evil = call("OPTIONS", "/v1/score", headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in evil.headers
