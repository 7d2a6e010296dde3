"""The container's HTTP face as clients see it: over a socket, on loopback."""

import json
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastrcf
from fastrcf.container import artifact
from fastrcf.container.app import multi_model, single_model
from fastrcf.container.models import Models
from fastrcf.sagemaker import Endpoint, ManagedForest, ServiceError, encode_recordio
from fastrcf.sagemaker.recordio import CONTENT_TYPE as RECORDIO
from fastrcf.sagemaker.recordio import decode_scores
from fastrcf.serving.limits import Limits
from fastrcf.serving.scorer import Scorer
from tests.serving.live import serving

JSON, CSV, LINES = "application/json", "text/csv", "application/jsonlines"


@pytest.fixture(scope="module")
def client(detector):
    with serving(lambda load: single_model(Scorer(detector), load)) as client:
        yield client


@pytest.fixture
def credentials(monkeypatch):
    pytest.importorskip("boto3")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


def expected(model, rows):
    return [{"score": round(score, 10)} for score in model.score(rows).tolist()]


def csv(rows):
    return "\n".join(",".join(map(repr, row)) for row in rows.tolist())


def instances(rows):
    return json.dumps({"instances": [{"features": row} for row in rows.tolist()]})


def test_every_format_in_and_out(client, detector, rows):
    x = rows[:50]
    scores = expected(detector, x)
    lines = "\n".join(json.dumps({"features": row}) for row in x.tolist())
    for body, kind in ((instances(x), JSON), (csv(x), CSV), (lines, LINES)):
        assert client.invoke(body, kind) == (200, {"scores": scores})
    body = encode_recordio(x)
    assert client.invoke(body, RECORDIO) == (200, {"scores": scores})
    status, told, answer = client.ask(
        "POST", "/invocations", body, content_type=RECORDIO, accept=LINES
    )
    assert (status, told["content-type"]) == (200, LINES)
    assert [json.loads(line) for line in answer.splitlines()] == scores
    answer = client.ask("POST", "/invocations", body, content_type=RECORDIO, accept=CSV)[2]
    assert [float(line) for line in answer.split()] == [score["score"] for score in scores]
    answer = client.ask("POST", "/invocations", body, content_type=RECORDIO, accept=RECORDIO)[2]
    np.testing.assert_array_equal(decode_scores(answer), np.float32(detector.score(x)))


def test_large_bodies_take_threads_and_give_the_same(client, detector, rows):
    x = np.tile(rows, (20, 1))
    for body, kind in ((csv(x), CSV), (encode_recordio(x), RECORDIO), (instances(x), JSON)):
        assert client.invoke(body, kind) == (200, {"scores": expected(detector, x)})


def test_detections(client, detector, rows):
    x = np.float32([[0, 0, 0], [0, 50, 0]])
    attributes = {"X-Amzn-SageMaker-Custom-Attributes": "trace=7,Output=detect"}
    status, answer = client.invoke(csv(x), CSV, **attributes)
    usual, odd = answer["scores"]
    assert status == 200
    assert not usual["is_anomaly"]
    assert usual["reasons"] == []
    assert odd["is_anomaly"]
    assert odd["grade"] > 0.5
    assert odd["reasons"][0]["column"] == "x1"
    assert odd["reasons"][0]["direction"] == "high"
    large = np.tile(x, (3000, 1))
    status, many = client.invoke(csv(large), CSV, **attributes)
    assert many["scores"] == [usual, odd] * 3000
    answer = client.ask("POST", "/invocations", csv(x), content_type=CSV, accept=CSV, **attributes)
    assert answer[2].decode().splitlines()[1].endswith(",1")
    assert client.invoke(csv(x), CSV, accept=RECORDIO, **attributes)[0] == 406


def test_a_forest_has_no_threshold(rows):
    forest = ManagedForest(50, 20, random_state=1).fit(rows)
    with serving(lambda load: single_model(Scorer(forest), load)) as client:
        assert client.invoke(csv(rows[:9]), CSV) == (200, {"scores": expected(forest, rows[:9])})
        attributes = {"X-Amzn-SageMaker-Custom-Attributes": "output=detect"}
        status, told = client.invoke(csv(rows[:9]), CSV, **attributes)
        assert (status, told["error"]) == (400, "no_threshold")


@pytest.mark.parametrize(
    ("body", "headers", "status", "kind"),
    [
        (b"1,2,x", {"content_type": CSV}, 400, "invalid_input"),
        (b"1,2,nan", {"content_type": CSV}, 400, "invalid_input"),
        (b"1,2,1e300", {"content_type": CSV}, 400, "invalid_input"),
        (b"1,2,3", {"content_type": "text/html"}, 415, "unsupported_media_type"),
        (b"1,2,3", {}, 415, "unsupported_media_type"),
        (b"1,2,3", {"content_type": CSV, "accept": "image/png"}, 406, "not_acceptable"),
        (
            b"1,2,3",
            {"content_type": CSV, "X-Amzn-SageMaker-Custom-Attributes": "output=x"},
            400,
            "invalid_request",
        ),
    ],
)
def test_refusals(client, body, headers, status, kind):
    found, told, answer = client.ask("POST", "/invocations", body, **headers)
    answer = json.loads(answer)
    assert (found, answer["error"]) == (status, kind)
    assert told["content-type"] == JSON
    if kind == "invalid_input":
        assert (answer["row"], answer["column"]) == (0, 2)
        assert "row 0" in answer["message"]


def test_paths_and_methods(client):
    assert client.ask("GET", "/ping")[0] == 200
    told = json.loads(client.ask("GET", "/execution-parameters")[2])
    assert told["BatchStrategy"] == "MULTI_RECORD"
    assert told["MaxConcurrentTransforms"] * told["MaxPayloadInMB"] <= 100
    assert client.ask("GET", "/models")[0] == 404
    status, headers, answer = client.ask("GET", "/invocations")
    assert (status, headers["allow"]) == (405, "POST")
    assert json.loads(answer)["error"] == "method_not_allowed"


def test_bodies_beyond_the_limit(detector):
    limits = Limits(body=1000)
    with serving(lambda load: single_model(Scorer(detector), load), limits) as client:
        good = b"1,2,3\n" * 100
        assert client.invoke(good, CSV)[0] == 200
        assert client.invoke(b"1,2,3\n" * 1000, CSV)[0] == 413
        # Without a length that is told beforehand, too.
        chunk = b"%x\r\n%s\r\n" % (len(good), good)
        head = b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\n"
        answer = client.raw(head + b"transfer-encoding: chunked\r\n\r\n" + chunk * 3)
        assert answer.startswith(b"HTTP/1.1 413")
        assert client.load._held == 0


def test_bodies_that_take_too_long(detector):
    limits = Limits(body_seconds=0.3)
    with serving(lambda load: single_model(Scorer(detector), load), limits) as client:
        head = b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\n"
        answer = client.raw(head + b"content-length: 50\r\n\r\n1,2")
        assert answer.startswith(b"HTTP/1.1 408")
        assert client.invoke(b"1,2,3", CSV)[0] == 200
        assert client.load._held == 0


def test_bodies_that_take_all_memory(detector):
    limits = Limits(held=1000)
    with serving(lambda load: single_model(Scorer(detector), load), limits) as client:
        with socket.create_connection(("127.0.0.1", client.port)) as slow:
            slow.sendall(b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\n")
            slow.sendall(b"content-length: 900\r\n\r\n" + b"1,2,3\n" * 100)
            deadline = time.monotonic() + 10
            while client.load._held < 600 and time.monotonic() < deadline:
                time.sleep(0.01)
            status, headers, _ = client.ask(
                "POST", "/invocations", b"1,2,3\n" * 100, content_type=CSV
            )
            assert (status, headers["retry-after"]) == (503, "1")
            assert client.invoke(b"1,2,3", CSV)[0] == 200
        while client.load._held and time.monotonic() < deadline:
            time.sleep(0.01)
        assert client.invoke(b"1,2,3\n" * 100, CSV)[0] == 200


def test_too_many_requests_are_turned_away_and_the_others_right(detector, rows):
    x = rows[:2000]
    body = csv(x).encode()
    with serving(lambda load: single_model(Scorer(detector), load), Limits(waiting=4)) as client:
        with ThreadPoolExecutor(24) as pool:
            answers = list(pool.map(lambda _: client.invoke(body, CSV), range(96)))
        right = {"scores": expected(detector, x)}
        assert {status for status, _ in answers} == {200, 503}
        assert all(answer == right for status, answer in answers if status == 200)
        assert all(answer["error"] == "busy" for status, answer in answers if status == 503)
        # A health check is no work that can wait.
        assert client.ask("GET", "/ping")[0] == 200


def test_a_defect_is_told_without_details(detector, caplog):
    class Broken(Scorer):
        def score(self, rows):
            raise ZeroDivisionError("secret")

    with serving(lambda load: single_model(Broken(detector), load)) as client:
        status, told = client.invoke(b"1,2,3", CSV)
        assert (status, told["error"]) == (500, "internal")
        assert "secret" not in json.dumps(told)
    # Where it is from, not what it says: that may be a value.
    assert "a defect: ZeroDivisionError at asgi.py" in caplog.text
    assert re.search(r"> test_server\.py:\d+ score", caplog.text)
    assert "secret" not in caplog.text


def test_values_are_in_no_log(client, caplog):
    caplog.set_level("DEBUG")
    assert client.invoke(b"1,2,confidential", CSV)[0] == 400
    assert "invalid_input row=0 column=2" in caplog.text
    assert "confidential" not in caplog.text
    assert client.ask("GET", "/card-4929000000006")[0] == 404
    assert "GET: 404 not_found" in caplog.text
    assert "4929" not in caplog.text


def test_stopping_ends_what_was_begun(detector, rows):
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Scorer):
        def score(self, rows):
            begun.set()
            assert go_on.wait(20)
            return super().score(rows)

    x = rows[:1000]
    with ThreadPoolExecutor(1) as pool:
        with serving(lambda load: single_model(Slow(detector), load)) as client:
            waiting = pool.submit(client.invoke, csv(x), CSV)
            assert begun.wait(20)
            threading.Timer(0.5, go_on.set).start()
        # The server has stopped by now.
        assert waiting.result() == (200, {"scores": expected(detector, x)})
        with pytest.raises(OSError, match="refused"):
            client.ask("GET", "/ping")


class TestMultiModel:
    @pytest.fixture
    def client(self):
        with serving(lambda load: multi_model(Models(1 << 22), load)) as client:
            yield client

    @pytest.fixture
    def folder(self, detector, tmp_path):
        def make(name, model=detector):
            (tmp_path / name).mkdir()
            model.save(tmp_path / name / "model.rcf")
            return str(tmp_path / name)

        return make

    def load(self, client, name, url):
        body = json.dumps({"model_name": name, "url": url})
        return client.invoke(body, JSON, "/models")

    def test_models_come_and_go(self, client, detector, rows, folder):
        other = fastrcf.Detector(n_trees=10, random_state=1).fit(rows[:, :2])
        urls = {"one": folder("one"), "two": folder("two", other)}
        entries = {name: {"modelName": name, "modelUrl": url} for name, url in urls.items()}
        for name, url in urls.items():
            assert self.load(client, name, url) == (200, entries[name])
        assert self.load(client, "one", urls["two"])[0] == 409
        told = json.loads(client.ask("GET", "/models")[2])
        assert told == {"models": list(entries.values())}
        assert json.loads(client.ask("GET", "/models/two")[2]) == entries["two"]
        for name, model, x in (("one", detector, rows[:5]), ("two", other, rows[:5, :2])):
            right = {"scores": expected(model, x)}
            assert client.invoke(csv(x), CSV, f"/models/{name}/invoke") == (200, right)
        assert client.ask("DELETE", "/models/one")[0] == 200
        for method, path in (
            ("DELETE", "/models/one"),
            ("GET", "/models/one"),
            ("POST", "/models/one/invoke"),
        ):
            assert client.ask(method, path)[0] == 404
        assert client.ask("GET", "/ping")[0] == 200
        assert self.load(client, "one", urls["one"])[0] == 200

    def test_memory(self, client, rows, folder, detector):
        url = folder("large", fastrcf.Detector(n_trees=1000, random_state=1).fit(rows))
        status, told = self.load(client, "large", url)
        assert (status, told["error"]) == (507, "no_memory")
        # Nothing of it stays.
        url = folder("small")
        fits = (1 << 22) // Scorer(artifact.load(url)).memory_usage()
        for i in range(fits):
            assert self.load(client, f"m{i}", url)[0] == 200
        assert self.load(client, "another", url)[0] == 507
        assert client.ask("DELETE", "/models/m0")[0] == 200
        assert self.load(client, "another", url)[0] == 200

    @pytest.mark.parametrize("name", ["", "a/b", "/"])
    def test_a_name_that_no_path_has(self, client, folder, name):
        status, told = self.load(client, name, folder("small"))
        assert (status, told["error"]) == (400, "invalid_input")
        assert json.loads(client.ask("GET", "/models")[2]) == {"models": []}

    def test_what_is_no_model(self, client, tmp_path, folder):
        for url in (str(tmp_path / "absent"), "", ".", "/", "/\0"):
            assert self.load(client, "x", url)[0] == 400
        (tmp_path / "model.rcf").write_bytes(b"nonsense")
        assert self.load(client, "x", str(tmp_path))[0] == 400
        for body in ("{}", "nonsense", '{"model_name": 7, "url": ""}'):
            assert client.invoke(body, JSON, "/models")[0] == 400
        assert json.loads(client.ask("GET", "/models")[2]) == {"models": []}

    def test_loads_at_the_same_time_keep_the_budget(self, client, folder, detector):
        url = folder("small")
        fits = (1 << 22) // Scorer(artifact.load(url)).memory_usage()
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda i: self.load(client, f"m{i}", url)[0], range(fits + 4)))
        assert sorted(statuses) == [200] * fits + [507] * 4


@pytest.mark.parametrize("format", ["csv", "json", "jsonlines", "recordio"])
def test_the_adapter_calls_it(client, detector, rows, format, credentials):
    url = f"http://127.0.0.1:{client.port}"
    endpoint = Endpoint("local", runtime_url=url, format=format, max_payload=20_000)
    scores = endpoint.predict(rows)
    right = detector.score(rows)
    tolerance = 1e-6 if format == "recordio" else 1e-9
    np.testing.assert_allclose(scores, right, rtol=tolerance, atol=tolerance)
    with pytest.raises(ServiceError, match=r"row 0: 2 (values|columns)"):
        endpoint.predict(rows[:, :2])


def test_the_adapter_calls_a_model_of_several(detector, rows, tmp_path, credentials):
    detector.save(tmp_path / "model.rcf")
    models = Models()
    models.load("fraud.tar.gz", str(tmp_path))
    with serving(lambda load: multi_model(models, load)) as client:
        url = f"http://127.0.0.1:{client.port}"
        endpoint = Endpoint("local", runtime_url=url, model="fraud.tar.gz")
        np.testing.assert_allclose(endpoint.predict(rows), detector.score(rows), atol=1e-9)
        with pytest.raises(ServiceError, match="no model"):
            Endpoint("local", runtime_url=url, model="other.tar.gz").predict(rows)
