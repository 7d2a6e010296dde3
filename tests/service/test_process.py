"""The command as people and supervisors run it: options, signals, files that change."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from click.testing import CliRunner

import fastrcf
from fastrcf.cli.app import app
from fastrcf.service.keys import new_key
from tests.service.process import COMMAND, failed, started

ROW = {"amount": 20.5, "items": 3, "hour": 12}


@pytest.fixture
def model(detector, tmp_path):
    detector.save(tmp_path / "model.rcf")
    return tmp_path / "model.rcf"


@pytest.fixture
def other(table, tmp_path):
    detector = fastrcf.Detector(n_trees=10, sample_size=32, random_state=1).fit(table)
    detector.save(tmp_path / "other.rcf")
    return tmp_path / "other.rcf"


def version(running):
    return json.loads(running.ask("/ping")[2])["model_version"]


def test_it_serves_and_stops(model, detector):
    with started(model) as running:
        status, headers, body = running.ask("/v1/score", ROW)
        assert status == 200
        assert json.loads(body)["scores"] == detector.score([list(ROW.values())]).tolist()
        running.process.send_signal(signal.SIGTERM)
        lines = running.lines()
    assert running.process.returncode == 0
    requests = [line for line in lines if line["message"] == "request"]
    assert [(line["route"], line["status"], line["rows"]) for line in requests] == [
        ("/v1/score", 200, 1)
    ]
    assert requests[0]["request_id"] == headers["x-request-id"]
    assert lines[-1]["message"] == "stopped"


def test_a_request_that_was_begun_is_ended(model):
    with started(model) as running:
        host, port = running.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            head = b"POST /v1/score HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\n"
            connection.sendall(head + b"content-length: 6\r\n\r\n1,")
            running.ask("/ping")
            running.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            assert running.process.poll() is None
            connection.sendall(b"2,3\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        running.lines()
        assert running.process.returncode == 0


@pytest.mark.parametrize("by", ["signal", "file"])
def test_a_new_file_is_loaded_under_load_without_a_lost_request(model, other, by):
    options = ["--no-access-log", *(["--reload"] if by == "file" else [])]
    with started(model, *options) as running:
        first = version(running)
        statuses, stop = [], threading.Event()

        def load():
            while not stop.is_set():
                status, headers, _ = running.ask("/v1/detect", ROW)
                statuses.append((status, headers["x-model-version"]))

        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            time.sleep(0.3)
            os.replace(other, model)
            if by == "signal":
                running.process.send_signal(signal.SIGHUP)
            running.wait_for("takes over")
            time.sleep(0.3)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        second = version(running)
        metrics = running.ask("/metrics")[2].decode()
    assert second != first
    assert {status for status, _ in statuses} == {200}
    assert {seen for _, seen in statuses} == {first, second}
    assert 'fastrcf_reloads_total{result="done"} 1.0' in metrics


def test_a_broken_file_leaves_the_model_at_work(model):
    with started(model) as running:
        before = version(running)
        model.write_bytes(model.read_bytes()[:-100])
        running.process.send_signal(signal.SIGHUP)
        line = running.wait_for("stays")
        assert line["level"] == "error"
        assert version(running) == before
        assert running.ask("/v1/score", ROW)[0] == 200
        assert 'result="failed"} 1.0' in running.ask("/metrics")[2].decode()


def test_keys_are_made_asked_for_and_taken_away(model, tmp_path):
    keys = tmp_path / "keys"
    make = [*COMMAND, "--api-keys", str(keys), "--new-key"]
    web, job = (
        subprocess.run([*make, name], capture_output=True, text=True, check=True).stdout.strip()
        for name in ("web", "job")
    )
    with started(model, "--api-keys", keys) as running:
        assert running.ask("/v1/score", ROW)[0] == 401
        assert running.ask("/metrics")[0] == 401
        for key in (web, job):
            assert running.ask("/v1/score", ROW, x_api_key=key)[0] == 200
        kept = [line for line in keys.read_text().splitlines() if not line.startswith("web")]
        keys.write_text("\n".join(kept))
        running.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while running.ask("/v1/score", ROW, x_api_key=web)[0] == 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert running.ask("/v1/score", ROW, x_api_key=web)[0] == 403
        assert running.ask("/v1/score", ROW, x_api_key=job)[0] == 200
        running.process.send_signal(signal.SIGTERM)
        told = json.dumps(running.lines())
    assert web not in told
    assert job not in told


def test_the_last_key_is_taken_away_and_what_is_no_file_of_keys_stops_nothing(model, tmp_path):
    keys = tmp_path / "keys"
    key = new_key(keys, "web")
    text = keys.read_bytes()
    with started(model, "--api-keys", keys) as running:
        assert running.ask("/v1/score", ROW, x_api_key=key)[0] == 200
        for content, said, status in (
            (b"\xff", "the former keys stay", 200),
            (b"", "nobody may ask", 403),
            (b"\xfe", "the former keys stay", 403),
        ):
            keys.write_bytes(content)
            running.process.send_signal(signal.SIGHUP)
            running.wait_for(said)
            assert running.ask("/v1/score", ROW, x_api_key=key)[0] == status
        keys.write_bytes(text)
        running.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while running.ask("/v1/score", ROW, x_api_key=key)[0] == 403:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_key_is_taken_away_while_the_model_file_is_gone(model, tmp_path):
    keys = tmp_path / "keys"
    a, b = (new_key(keys, name) for name in "ab")
    served = tmp_path / "served.rcf"
    served.write_bytes(model.read_bytes())
    with started(served, "--api-keys", keys, "--reload", "--no-access-log") as running:
        assert running.ask("/v1/score", {"rows": [[1, 2, 3]]}, x_api_key=b)[0] == 200
        served.unlink()
        kept = [line for line in keys.read_text().splitlines() if not line.startswith("b")]
        keys.write_text("\n".join(kept))
        running.wait_for("stays")
        assert running.ask("/v1/score", {"rows": [[1, 2, 3]]}, x_api_key=b)[0] == 403
        assert running.ask("/v1/score", {"rows": [[1, 2, 3]]}, x_api_key=a)[0] == 200


def test_compressed_bodies_are_refused(model):
    body = gzip.compress(b'{"rows": [[1, 2, 3]]}')
    with started(model, "--no-access-log") as running:
        for path in ("/v1/score", "/v1/detect", "/invocations"):
            for coding in ("gzip", "br"):
                status, _, told = running.ask(path, body, content_encoding=coding)
                assert status == 415
                assert b"Content-Encoding" in told
        plain = gzip.decompress(body)
        assert running.ask("/v1/score", plain, content_encoding="identity")[0] == 200


@pytest.mark.parametrize("options", [(), ("--no-access-log",)])
def test_no_path_that_a_client_made_up_is_in_the_log(model, options):
    with started(model, *options) as running:
        assert running.ask("/cards/4711-0815?holder=secret")[0] == 404
        assert running.ask("/v1/score", b"1,2,777.25x", content_type="text/csv")[0] == 400
        running.process.send_signal(signal.SIGTERM)
        told = repr([running.log, running.lines()])
    for word in ("4711-0815", "secret", "777.25x"):
        assert word not in told
    assert ("'request'" in told) is not bool(options)


def test_signatures_and_public_metrics(model):
    auth = pytest.importorskip("botocore.auth")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    given = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    options = ["--auth", "sigv4", "--region", "eu-west-1", "--public-metrics"]
    with started(model, *options, **given) as running:
        body = json.dumps(ROW).encode()
        request = AWSRequest(
            "POST",
            f"{running.url}/v1/score",
            data=body,
            headers={"content-type": "application/json"},
        )
        signer = auth.SigV4Auth(Credentials("key", "secret"), "execute-api", "eu-west-1")
        signer.add_auth(request)
        assert running.ask("/v1/score", body, **dict(request.headers.items()))[0] == 200
        assert running.ask("/v1/score", ROW)[0] == 401
        assert running.ask("/metrics")[0] == 200


def test_a_threshold_and_limits_of_its_own(model):
    with started(model, "--threshold", "0", "--max-rows", "2", "--max-body", "400") as running:
        told = json.loads(running.ask("/v1/detect", ROW)[2])
        assert told["threshold"] == 0
        assert told["rows"][0]["is_anomaly"]
        assert running.ask("/v1/detect", {"rows": [ROW] * 3})[0] == 413
        assert running.ask("/v1/detect", {"rows": [ROW] * 30})[0] == 413


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing argument"),
        (["{model}", "--learn"], "--state"),
        (["{model}", "--state", "s"], "--learn"),
        (["{model}", "--learn", "--state", "s", "--reload"], "--reload"),
        (["{model}", "--api-keys", "x", "--auth", "sigv4"], "one of them"),
        (["{model}", "--credentials", "x"], "--auth sigv4"),
        (["{model}", "--cors", "example.org"], "--cors"),
        (["{model}", "--cors", "https://example.org/"], "--cors"),
        (["{model}", "--cors", "https://example.org/shop"], "without a path"),
        (["{model}", "--cors", "https://Example.org"], "in lower case"),
        (["{model}", "--cors", "https://a.example,https://b.example"], "--cors again"),
        (["{model}", "--cors", "https://example.org:443"], "browsers leave out :443"),
        (["{model}", "--threshold", "nan"], "not finite"),
        (["{model}", "--threshold", "inf"], "not finite"),
        (["{model}", "--timeout", "nan"], "not finite"),
        (["{model}", "--save-every", "3"], "--save-every is of --learn"),
        (["{model}", "--region", "x"], "--region is of --auth sigv4"),
        (["--new-key", "web"], "--api-keys"),
        (["{model}", "--new-key", "web", "--api-keys", "x"], "leave MODEL out"),
    ],
)
def test_wrong_use(model, arguments, words):
    done = CliRunner().invoke(app, ["serve", *(a.format(model=model) for a in arguments)])
    assert done.exit_code == 2
    assert words in done.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{model}", "--learn", "--state", "{model}"], "another file than the model"),
        (["{model}", "--api-keys", "none"], "none"),
        (["{model}", "--auth", "sigv4"], "AWS_ACCESS_KEY_ID"),
        (["{model}", "--host", "192.0.2.1"], "192.0.2.1"),
        (["{text}"], "text"),
    ],
)
def test_what_keeps_it_from_starting(model, tmp_path, arguments, words):
    (tmp_path / "text").write_text("no model")
    arguments = [a.format(model=model, text=tmp_path / "text") for a in arguments]
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    code, told = failed(*arguments, **none)
    assert code == 1, told
    assert words in told
    assert "Traceback" not in told


def test_a_missing_package_is_named(model, tmp_path):
    code = (
        "import sys; sys.modules['prometheus_client'] = None;"
        "from fastrcf.cli import main; sys.exit(main(['serve', sys.argv[1], '--port', '0']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(model)], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert "pip install 'fastrcf[serve]'" in done.stderr
