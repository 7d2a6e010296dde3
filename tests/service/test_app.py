"""The service as clients see it: over a socket, on loopback."""

import json
import logging
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

from fastrcf.service.answers import ARROW
from fastrcf.service.app import Options, Rows, application
from fastrcf.service.auth import ByKey
from fastrcf.service.core import LocalModel, Service, ServiceLimits
from fastrcf.service.cross_origin import CrossOrigin
from fastrcf.service.keys import ApiKeys, hash_of
from fastrcf.service.logs import Lines
from fastrcf.serving.limits import Limits
from tests.service.conftest import COLUMNS
from tests.serving.live import serving

JSON = "application/json"


def made(detector, options=None, **given):
    """Give what makes the application of a load."""
    rows = Rows()
    service = Service(LocalModel(detector, "v1"), observers=[rows], **given)
    return lambda load: application(service, load, options, rows=rows)


@pytest.fixture(scope="module")
def client(detector):
    with serving(made(detector)) as client:
        yield client


def test_rows_in_every_format(client, detector, rows):
    x = rows[:50]
    wanted = detector.score(x).tolist()
    lines = "\n".join(",".join(map(repr, row)) for row in x.tolist())
    sink = pa.BufferOutputStream()
    table = pa.table(dict(zip(COLUMNS, x.T, strict=True)))
    with pa.ipc.new_stream(sink, table.schema) as out:
        out.write_table(table)
    for body, kind in (
        (json.dumps({"rows": x.tolist()}), JSON),
        ("\n".join(map(json.dumps, x.tolist())), "application/jsonlines"),
        (lines, "text/csv"),
        (sink.getvalue().to_pybytes(), ARROW),
    ):
        status, told = client.invoke(body, kind, "/v1/score")
        assert (status, told) == (200, {"model_version": "v1", "scores": wanted})


def test_many_rows_are_worked_on_by_threads(client, detector, rows):
    status, told = client.invoke(json.dumps({"rows": rows.tolist()}), JSON, "/v1/detect")
    found = detector.detect(rows)
    assert status == 200
    assert [row["score"] for row in told["rows"]] == found.score.tolist()
    assert [row["is_anomaly"] for row in told["rows"]] == found.is_anomaly.tolist()


def test_headers(client):
    status, told, _ = client.ask(
        "POST", "/v1/score", b"1,2,3", content_type="text/csv", x_request_id="abc-1"
    )
    assert status == 200
    assert told["x-model-version"] == "v1"
    assert told["x-request-id"] == "abc-1"
    _, told, _ = client.ask("GET", "/ping", x_request_id="bad id\u00e9" * 9)
    assert len(told["x-request-id"]) == 16


def test_health_and_the_model(client):
    for path in ("/ping", "/health"):
        assert client.ask("GET", path)[0] == 200
        status, _, body = client.ask("HEAD", path)
        assert (status, body) == (200, b"")
    status, _, body = client.ask("GET", "/v1/model")
    assert status == 200
    assert [column["name"] for column in json.loads(body)["columns"]] == COLUMNS


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/score", 405),
        ("DELETE", "/v1/model", 405),
        ("POST", "/", 405),
        ("OPTIONS", "/v1/score", 405),
        ("GET", "/v1/score/", 404),
        ("GET", "/metrics", 404),
        ("GET", "/v1/../etc/passwd", 404),
    ],
)
def test_paths_and_methods(client, method, path, status):
    found, told, body = client.ask(method, path)
    assert found == status
    assert json.loads(body)["error"] in ("method_not_allowed", "not_found")
    assert ("allow" in told) == (status == 405)


def test_parameters_of_the_query(client):
    row = json.dumps({"id": 7, **dict(zip(COLUMNS, [1, 2, 3], strict=True))})
    assert client.invoke(row, JSON, "/v1/score")[0] == 400
    assert client.invoke(row, JSON, "/v1/score?extra=ignore")[0] == 200
    assert client.invoke(row, JSON, "/v1/score?extra=x")[0] == 400
    assert client.invoke(row, JSON, "/v1/score?" + "a=1&" * 50)[0] == 400


def test_a_head_is_refused_before_its_body_comes(client):
    head = b"POST /v1/score HTTP/1.1\r\nhost: x\r\ncontent-length: 999\r\n"
    told = client.raw(head + b"content-type: image/png\r\nconnection: close\r\n\r\n", wait=5)
    assert told.startswith(b"HTTP/1.1 415")


def test_limits(detector):
    limits = Limits(body=1000, body_seconds=0.5)
    options = made(detector, limits=ServiceLimits(body=1000, rows=5))
    with serving(options, limits) as client:
        assert client.invoke("1,2,3\n" * 5, "text/csv", "/v1/score")[0] == 200
        assert client.invoke("1,2,3\n" * 6, "text/csv", "/v1/score")[1]["error"] == "too_many_rows"
        assert client.invoke("1" * 1001, "text/csv", "/v1/score")[1]["error"] == "too_large"
        head = b"POST /v1/score HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\n"
        slow = client.raw(head + b"content-length: 9\r\n\r\n1,2")
        assert slow.startswith(b"HTTP/1.1 408")
        chunks = b"transfer-encoding: chunked\r\n\r\n3e8\r\n" + b"1" * 1000
        chunks += b"\r\n1\r\n1\r\n"
        assert client.raw(head + chunks).startswith(b"HTTP/1.1 413")


def test_an_answer_that_takes_too_long(detector):
    class Slow(LocalModel):
        def score(self, rows):
            time.sleep(0.5)
            return super().score(rows)

    service = Service(Slow(detector, "v1"))
    with serving(lambda load: application(service, load, Options(seconds=0.05))) as client:
        status, told = client.invoke("1,2,3\n" * 2000, "text/csv", "/v1/score")
        assert (status, told["error"]) == (504, "timeout")


def test_a_client_that_leaves_harms_nobody(client):
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", client.port)) as connection:
            connection.sendall(b"POST /v1/score HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n")
            connection.sendall(b"content-type: text/csv\r\n\r\n1,2")
    assert client.invoke("1,2,3", "text/csv", "/v1/score")[0] == 200


def test_another_model_takes_over_without_a_lost_request(detector, table):
    import fastrcf

    other = fastrcf.Detector(n_trees=10, sample_size=32, random_state=1).fit(table)
    first, second = LocalModel(detector, "v1"), LocalModel(other, "v2")
    service = Service(first)
    wanted = {
        model.version: model.score(np.array([[1.0, 2.0, 3.0]])).tolist()
        for model in (first, second)
    }
    with serving(lambda load: application(service, load)) as client:

        def ask(_):
            return client.invoke("1,2,3", "text/csv", "/v1/score")

        with ThreadPoolExecutor(4) as pool:
            answers = pool.map(ask, range(300))
            for i in range(40):
                service.replace(second if i % 2 == 0 else first)
                time.sleep(0.01)
            answers = list(answers)
    assert {status for status, _ in answers} == {200}
    assert {told["model_version"] for _, told in answers} == {"v1", "v2"}
    for _, told in answers:
        assert told["scores"] == wanted[told["model_version"]]


def test_pages_of_other_origins(detector):
    options = Options(cross_origin=CrossOrigin(["https://ours.example"]))
    with serving(made(detector, options)) as client:
        ours = {"origin": "https://ours.example", "access_control_request_method": "POST"}
        status, told, _ = client.ask("OPTIONS", "/v1/score", **ours)
        assert status == 204
        assert told["access-control-allow-origin"] == "https://ours.example"
        assert "POST" in told["access-control-allow-methods"]
        assert "x-api-key" in told["access-control-allow-headers"]
        status, told, _ = client.ask(
            "POST", "/v1/score", b"1,2,3", content_type="text/csv", origin="https://ours.example"
        )
        assert told["access-control-allow-origin"] == "https://ours.example"
        assert told["vary"] == "origin"
        status, told, _ = client.ask("OPTIONS", "/v1/score", origin="https://ours.example.evil")
        assert status == 403
        assert "access-control-allow-origin" not in told
        # What goes wrong is told to our pages too.
        status, told, _ = client.ask("GET", "/nowhere", origin="https://ours.example")
        assert (status, told["access-control-allow-origin"]) == (404, "https://ours.example")


def test_nothing_of_other_origins_where_none_are_listed(client):
    _, told, _ = client.ask("GET", "/v1/model", origin="https://ours.example")
    assert not [name for name in told if name.startswith("access-control")]


def test_keys(detector):
    options = Options(ByKey(ApiKeys({"web": hash_of("secret-1"), "job": hash_of("secret-2")})))
    with serving(made(detector, options)) as client:
        for path in ("/v1/score", "/v1/detect", "/invocations"):
            ask = {"content_type": "text/csv"}
            assert client.ask("POST", path, b"1,2,3", **ask)[0] == 401
            assert client.ask("POST", path, b"1,2,3", **ask, x_api_key="secret-3")[0] == 403
            assert client.ask("POST", path, b"1,2,3", **ask, x_api_key="secret-1")[0] == 200
            bearer = {"authorization": "Bearer secret-2"}
            assert client.ask("POST", path, b"1,2,3", **ask, **bearer)[0] == 200
        assert client.ask("GET", "/v1/model")[0] == 401
        for path in ("/ping", "/health", "/openapi.json", "/"):
            assert client.ask("GET", path)[0] == 200


def test_logs_have_no_values_and_no_keys(detector, caplog):
    caplog.set_level("INFO")
    lines = []
    options = Options(ByKey(ApiKeys({"web": hash_of("secret-1")})), note=lines.append)
    with serving(made(detector, options)) as client:
        ask = {"content_type": "text/csv", "x_api_key": "secret-1"}
        client.ask("POST", "/v1/detect", b"90000.125,40,3\n1,2,3", **ask)
        client.ask("POST", "/v1/detect", b"1,2,777.25x", **ask)
        client.ask("POST", "/v1/detect", b"1,2,3", content_type="text/csv", x_api_key="secret-9")
    done, wrong, refused = lines
    assert (done["route"], done["status"], done["rows"], done["alerts"]) == (
        "/v1/detect",
        200,
        2,
        1,
    )
    assert done["caller"] == "web"
    assert (wrong["error"], wrong["row"], wrong["column"]) == ("not_a_number", 0, 2)
    assert (refused["status"], refused["error"]) == (403, "unknown_key")
    # A request's number is drawn, and may have any digits.
    told = caplog.text + repr([line | {"request_id": ""} for line in lines])
    for word in ("90000", "777", "secret"):
        assert word not in told


def test_a_defect_is_told_by_its_place_alone():
    def broken(value):
        raise ValueError(f"could not convert {value}")

    try:
        broken("4711-0815")
    except ValueError:
        record = logging.LogRecord(
            "fastrcf.service", logging.ERROR, "", 0, "a defect", (), sys.exc_info()
        )
    told = json.loads(Lines().format(record))
    assert told["error"] == "ValueError"
    assert [place.partition(":")[0] for place in told["at"]] == ["test_app.py"] * 2
    assert told["at"][1].endswith(" broken")
    assert "4711" not in repr(told)
