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

import numpy as np
import pytest

from fastrcf.container import artifact

COMMAND = [sys.executable, "-m", "fastrcf.cli", "container"]


@contextmanager
def started(root, **environment):
    """Start a server; give its process and the address that its log tells."""
    given = {"SAGEMAKER_BIND_TO_PORT": "0", "FASTRCF_HOST": "127.0.0.1", **environment}
    process = subprocess.Popen(
        [*COMMAND, "serve", "--root", str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **given},
    )
    try:
        yield process, re.search(r"http://[\d.]+:\d+", process.stdout.readline())[0]
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
