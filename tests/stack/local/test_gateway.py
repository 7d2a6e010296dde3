"""The gateway: its routes, the way to the handler and back, pages of other origins."""

import json

import pytest

pytest.importorskip("uvicorn", reason="the extra serve is not installed")

from fastrcf.errors import FastRCFError, InvalidParameterError
from fastrcf.stack.local import LocalCloud
from tests.stack.conftest import FAR, ROW
from tests.stack.function.calls import stored
from tests.stack.local.calling import GOOD, JSON, Caller


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
        ("OPTIONS", "/openapi.json", "prod", "MISSING_AUTHENTICATION_TOKEN"),
    ],
)
def test_what_is_not_there(cloud, method, path, stage, kind):
    answer = Caller(cloud)(method, path, stage=stage)
    assert (answer.status, answer.body["error"]) == (403, kind)
    assert answer.body["request_id"] == answer.headers["x-amzn-requestid"]


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


def test_wrong_parameters_write_nothing(model, tmp_path):
    for given_ in ({"rate": 0}, {"rate": 5, "burst": 0}, {"burst": 3}, {"auth": "all"}):
        with pytest.raises(InvalidParameterError):
            LocalCloud(model, tmp_path / "c", **given_)
    with pytest.raises(InvalidParameterError, match="CORS"):
        LocalCloud(model, tmp_path / "c", settings={"FASTRCF_CORS_ORIGIN": "x"})
    assert not (tmp_path / "c").exists()


def test_a_folder_is_one_clouds(model, tmp_path):
    """A second one would put its keys over those of the first."""
    out = tmp_path / "c"
    with LocalCloud(model, out, auth="key") as cloud:
        before = cloud.key_file.read_text()
        with pytest.raises(FastRCFError, match="another local cloud writes there"):
            LocalCloud(model, out, auth="key")
        assert cloud.key_file.read_text() == before
        assert Caller(cloud)("GET", "/ping", headers={"x-api-key": before.strip()}).status == 200
    with LocalCloud(model, out, auth="key") as cloud:
        assert cloud.key_file.read_text() != before


def test_without_an_origin_preflights_are_answered_and_allow_nothing(cloud):
    """As the template's methods do."""
    for path in ("/ping", "/v1/score"):
        answer = Caller(cloud)("OPTIONS", path, headers={"origin": "https://a.example"})
        assert answer.status == 204
        assert not any(name.startswith("access-control") for name in answer.headers)


def test_pages_of_other_origins(model, tmp_path):
    settings = {"FASTRCF_CORS_ORIGIN": "https://a.example"}
    with LocalCloud(model, tmp_path / "c", auth="key", settings=settings) as cloud:
        call = Caller(cloud)
        origin = {"origin": "https://a.example"}
        before = call("OPTIONS", "/v1/score", headers=origin)
        assert before.status == 204
        assert before.headers["access-control-allow-origin"] == "https://a.example"
        assert "x-api-key" in before.headers["access-control-allow-headers"]
        assert before.headers["access-control-allow-methods"] == "POST,OPTIONS"
        for headers, status in (({**origin, "x-api-key": cloud.key}, 200), (origin, 403)):
            answer = call("GET", "/ping", headers=headers)
            assert answer.status == status
            assert answer.headers["access-control-allow-origin"] == "https://a.example"
        evil = call("OPTIONS", "/v1/score", headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in evil.headers
