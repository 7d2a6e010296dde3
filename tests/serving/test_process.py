"""``fastrcf container serve`` as SageMaker runs it: a process with an environment and signals."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from fastrcf.container import artifact
from fastrcf.container.settings import Settings

COMMAND = [sys.executable, "-m", "fastrcf.cli", "container"]


@contextmanager
def started(root, command=None, ready=True, **environment):
    """Start a server; give its process and, once it is ready, the address that its log tells."""
    given = {"SAGEMAKER_BIND_TO_PORT": "0", "FASTRCF_HOST": "127.0.0.1", **environment}
    process = subprocess.Popen(
        command or [*COMMAND, "serve", "--root", str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **given},
    )
    try:
        url = re.search(r"http://[\d.]+:\d+", process.stdout.readline())[0] if ready else None
        yield process, url
    finally:
        process.kill()
        process.communicate()


def ask(url, body=None, **headers):
    request = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()


@pytest.fixture
def root(detector, tmp_path):
    artifact.save(detector, tmp_path / "model")
    return tmp_path


def test_what_training_wrote_is_served(tmp_path, rows):
    config = tmp_path / "input" / "config"
    config.mkdir(parents=True)
    (tmp_path / "input" / "data" / "train").mkdir(parents=True)
    np.savetxt(tmp_path / "input" / "data" / "train" / "rows.csv", rows, delimiter=",")
    for name, told in {
        "hyperparameters": {"num_trees": "50", "num_samples_per_tree": "64"},
        "inputdataconfig": {"train": {"ContentType": "text/csv", "TrainingInputMode": "File"}},
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
    }.items():
        (config / f"{name}.json").write_text(json.dumps(told))
    subprocess.run([*COMMAND, "train", "--root", str(tmp_path)], check=True, capture_output=True)
    expected = artifact.load(tmp_path / "model").score(rows[:3])
    body = "\n".join(",".join(map(repr, row)) for row in rows[:3].tolist()).encode()
    with started(tmp_path) as (_, url):
        assert ask(f"{url}/ping") == b""
        answer = json.loads(ask(f"{url}/invocations", body, **{"Content-Type": "text/csv"}))
    found = [score["score"] for score in answer["scores"]]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_sigterm_ends_requests_that_were_begun(root):
    with started(root) as (process, url):
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            head = b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\n"
            connection.sendall(head + b"content-length: 5\r\n\r\n0,")
            # The server has it once it answers another one.
            ask(f"{url}/ping")
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            assert process.poll() is None
            connection.sendall(b"0,0")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0, err
        assert "stopped" in out


def begun(url, body, length):
    """Send a request with a part of its body, as far as the server has it."""
    host, port = url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    head = b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\n"
    connection.sendall(head + b"content-length: %d\r\n\r\n" % length + body)
    ask(f"{url}/ping")
    return connection


def test_sigterm_cuts_a_request_that_never_comes_whole(root):
    with started(root, FASTRCF_STOP_SECONDS="1") as (process, url), begun(url, b"0,", 5) as waits:
        sent = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
        took = time.monotonic() - sent
        assert process.returncode == 0, err
        assert "stopped" in out
        # It was waited for, and no longer than was said.
        assert 0.9 < took < 6
        answer = waits.recv(1000)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"the server stops" in answer


# Its scoring goes on for as long as the test would wait, on a thread.
ENDLESS = """
import sys, time
from fastrcf.container import app, serve
def endless(*given):
    print("scoring", flush=True)
    time.sleep(50)
app.answer = endless
serve.serve(sys.argv[1])
"""


def test_sigterm_cuts_scoring_that_does_not_end(root):
    command = [sys.executable, "-c", ENDLESS, str(root)]
    with started(root, command, FASTRCF_STOP_SECONDS="1") as (process, url):
        body = b"0,0,0\n" * 5000
        with begun(url, body, len(body)) as waits:
            assert process.stdout.readline() == "scoring\n"
            sent = time.monotonic()
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
            took = time.monotonic() - sent
            assert process.returncode == 0, err
            assert "requests whose scoring is cut: 1" in out
            assert 0.9 < took < 10
            answer = waits.recv(1000)
            assert answer.startswith(b"HTTP/1.1 503")
            assert b"the server stops" in answer


def test_the_limit_is_below_what_the_platform_waits():
    assert Settings.of({}).limits.stop_seconds + 4 < 30


def queued(process):
    """Seconds that a process was ready and others had the processor, where Linux tells."""
    try:
        told = Path("/proc", str(process.pid), "schedstat").read_text()
    except FileNotFoundError:
        return 0.0
    return int(told.split()[1]) / 1e9


def test_ping_is_answered_two_seconds_after_the_start(root):
    """The best of three: other work on the machine is not the server's."""
    best = float("inf")
    for _ in range(3):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        began = time.monotonic()
        with started(root, SAGEMAKER_BIND_TO_PORT=str(port), ready=False) as (process, _):
            while process.poll() is None and time.monotonic() - began < 20:
                try:
                    ask(f"http://127.0.0.1:{port}/ping")
                    break
                except OSError:
                    time.sleep(0.02)
            took = time.monotonic() - began
            assert process.poll() is None
            best = min(best, took - queued(process))
        if best < 2:
            return
    assert best < 2


def test_sigterm_while_the_model_is_read_is_not_lost(root):
    """As a container's first process, whose signals the kernel drops where it has no handler."""
    code = """
import os, sys, time
os.getpid = lambda: 1
from fastrcf.cli import main
from fastrcf.container import artifact
def load(folder):
    print("reads", flush=True)
    time.sleep(30)
artifact.load = load
sys.exit(main())
"""
    command = [sys.executable, "-c", code, "container", "serve", "--root", str(root)]
    with started(root, command, ready=False) as (process, _):
        assert process.stdout.readline() == "reads\n"
        process.terminate()
        _, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (128 + signal.SIGTERM, "")


def test_sigterm_before_the_first_request_can_be_taken_is_not_lost(root):
    code = """
import os, signal, sys
import uvicorn
serve = uvicorn.Server.serve
def late(*given, **more):
    os.kill(os.getpid(), signal.SIGTERM)
    return serve(*given, **more)
uvicorn.Server.serve = late
from fastrcf.cli import main
sys.exit(main())
"""
    command = [sys.executable, "-c", code, "container", "serve", "--root", str(root)]
    with started(root, command, ready=False) as (process, _):
        out, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")
        assert "stopped" in out


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_stops_at_once(root, signum):
    with started(root) as (process, _):
        began = time.monotonic()
        process.send_signal(signum)
        process.communicate(timeout=20)
        assert time.monotonic() - began < 5
        assert process.returncode in (0, 130)


def test_models_on_demand(root):
    with started(root / "nothing", SAGEMAKER_MULTI_MODEL="true") as (_, url):
        body = json.dumps({"model_name": "m", "url": str(root / "model")}).encode()
        ask(f"{url}/models", body, **{"Content-Type": "application/json"})
        answer = ask(f"{url}/models/m/invoke", b"0,0,0", **{"Content-Type": "text/csv"})
        assert json.loads(answer)["scores"][0]["score"] > 0


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"SAGEMAKER_BIND_TO_PORT": "no"}, "SAGEMAKER_BIND_TO_PORT: 'no'"),
        ({"FASTRCF_HOST": "192.0.2.1"}, "192.0.2.1"),
    ],
)
def test_what_keeps_it_from_starting(root, environment, words):
    given = {**os.environ, "SAGEMAKER_BIND_TO_PORT": "0", "FASTRCF_HOST": "127.0.0.1"}
    done = subprocess.run(
        [*COMMAND, "serve", "--root", str(root)],
        capture_output=True,
        text=True,
        env=given | environment,
    )
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_no_model(tmp_path):
    done = subprocess.run(
        [*COMMAND, "serve", "--root", str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "SAGEMAKER_BIND_TO_PORT": "0"},
    )
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert str(tmp_path) in done.stderr


def test_a_port_that_is_taken(root):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "serve", "--root", str(root)],
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "SAGEMAKER_BIND_TO_PORT": str(port),
                "FASTRCF_HOST": "127.0.0.1",
            },
        )
    assert done.returncode == 1
    assert f"127.0.0.1:{port}: " in done.stderr
