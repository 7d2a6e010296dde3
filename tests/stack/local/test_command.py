"""``fastrcf stack local`` as a process: the line that it prints works as it stands."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest

pytest.importorskip("uvicorn", reason="the extra serve is not installed")

from fastrcf.cli import main
from fastrcf.stack.local import LocalCloud
from tests.stack.conftest import FAR, ROW
from tests.stack.function.calls import stored

COMMAND = [sys.executable, "-m", "fastrcf.cli", "stack", "local"]


@contextmanager
def started(*words, command=COMMAND):
    process = subprocess.Popen(
        [*command, *map(str, words), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def lines_until_curl(process):
    lines = []
    while not lines or not lines[-1].startswith("curl"):
        line = process.stdout.readline()
        assert line, process.stderr.read()
        lines.append(line.rstrip("\n"))
    return lines


@pytest.mark.parametrize("auth", ["iam", "key", "none"])
def test_the_printed_line_works(model, tmp_path, auth):
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    # A folder whose name the shell would take apart.
    out = tmp_path / "local cloud's"
    with started(model, "--auth", auth, "--out", out) as process:
        lines = lines_until_curl(process)
        done = subprocess.run(
            ["bash", "-c", lines[-1]], capture_output=True, text=True, timeout=30, check=True
        )
        answer = json.loads(done.stdout)
        assert answer["anomaly_detector"]["is_anomaly"] is False, done.stdout
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert [line["metadata"][1] for line in stored(out / "firehose")] == ["an-id"]
    secrets = [
        file.read_text() for file in out.iterdir() if file.name in ("api-key", "credentials")
    ]
    assert len(secrets) == (auth != "none")
    for text in secrets:
        # None of it is on the terminal.
        for word in text.split():
            assert len(word) < 20 or word not in "\n".join(lines)


def test_options_reach_the_function(model, tmp_path):
    with started(
        model, "--auth", "none", "--out", tmp_path / "o", "--threshold", "0.5", "--features",
        "--cors", "https://a.example", "--rate", "0.01", "--burst", "2",
    ) as process:  # fmt: skip
        port = int(lines_until_curl(process)[0].split("/")[2].rpartition(":")[2])
        answers = [ask(port, {"origin": "https://a.example"}) for _ in range(3)]
        assert [status for status, _, _ in answers] == [200, 200, 429]
        assert answers[0][1]["anomaly_detector"]["is_anomaly"] is True
        assert answers[0][2]["access-control-allow-origin"] == "https://a.example"
        process.send_signal(signal.SIGINT)
        process.wait(20)
    assert len(stored(tmp_path / "o" / "firehose")[0]["features"]) == 3


def test_a_defect_is_told_by_its_place_alone(model, tmp_path):
    broken = """
import sys
from fastrcf.cli import main
from fastrcf.stack.function.function import Function

def answer(self, request):
    raise ValueError(request.body)

Function._answer = answer
sys.exit(main(sys.argv[1:]))
"""
    command = [sys.executable, "-c", broken, "stack", "local"]
    with started(model, "--auth", "none", "--out", tmp_path / "o", command=command) as process:
        port = int(lines_until_curl(process)[0].split("/")[2].rpartition(":")[2])
        status, told, _ = ask(port, data="777.25,2,3")
        process.send_signal(signal.SIGTERM)
        said, log = process.communicate(timeout=20)
    assert (status, told["error"]) == (500, "internal")
    (line,) = map(json.loads, log.splitlines())
    assert (line["message"], line["error"]) == ("a defect", "ValueError")
    assert line["at"][-1].endswith(" answer")
    assert "777.25" not in said + log + (tmp_path / "o" / "function.log").read_text()


def ask(port, headers=None, data=ROW):
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    body = json.dumps({"data": data, "metadata": ["a"]})
    kind = {"content-type": "application/json", **(headers or {})}
    connection.request("POST", "/prod/invocations", body, kind)
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    return answer.status, told, answer.headers


def test_requests_at_once_are_each_answered_and_stored_once(model, tmp_path):
    n_threads, each = 8, 25
    answered, failed = [], []

    def run(number):
        try:
            for i in range(each):
                data = ROW if (number + i) % 2 else f"{FAR}\n{ROW}"
                status, told, headers = ask(cloud.port, data=data)
                assert status == 200
                assert headers["x-fastrcf-stored"] == "true"
                several = told if isinstance(told, list) else [told]
                for row, entry in enumerate(several):
                    key = (headers["x-request-id"], row)
                    answered.append((key, entry["anomaly_detector"]["score"]))
        except Exception as error:
            failed.append(error)

    with LocalCloud(model, tmp_path / "c", auth="none") as cloud:
        threads = [threading.Thread(target=run, args=(i,)) for i in range(n_threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []
    kept = [((line["request_id"], line["row"]), line["score"]) for line in stored(cloud.firehose)]
    assert sorted(kept) == sorted(answered)
    assert len(kept) == n_threads * each * 3 // 2
    logged = [json.loads(line) for line in cloud.log.read_bytes().splitlines()]
    assert len({line["request_id"] for line in logged}) == n_threads * each


def test_wrong_use(model, tmp_path, capsys):
    assert main(["stack", "local", str(tmp_path / "none.rcf")]) == 2
    assert main(["stack", "local", str(model), "--burst", "3"]) == 2
    assert "--rate" in capsys.readouterr().err
    for rate in ("nan", "inf"):
        assert main(["stack", "local", str(model), "--rate", rate]) == 2
        assert f"'--rate': {rate} is not finite" in capsys.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        out = ["--out", str(tmp_path / "o")]
        assert main(["stack", "local", str(model), "--port", port, *out]) == 1
    assert "--port" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_a_file_that_is_no_model(tmp_path, capsys):
    bad = tmp_path / "bad.rcf"
    bad.write_text("no model")
    assert main(["stack", "local", str(bad), "--port", "0", "--out", str(tmp_path / "o")]) == 1
    assert "is no model" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_the_zip_by_command(tmp_path, capsys):
    from tests.stack.function import wheels

    own = wheels.write(
        tmp_path / "fastrcf-1.0-cp311-abi3-manylinux2014_aarch64.whl", {"fastrcf/__init__.py": ""}
    )
    words = ["stack", "package", "--wheel", str(own)]
    for name in ("numpy", "msgspec"):
        path = tmp_path / f"{name}-1-py3-none-any.whl"
        words += ["--wheels", str(wheels.write(path, {f"{name}/__init__.py": ""}))]
    words.append("-o")
    assert main([*words, str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["path"] == str(tmp_path / "fastrcf-1.0-arm64.zip")
    assert main([*words, str(tmp_path / "again.zip")]) == 0
    assert told["sha256"] in capsys.readouterr().out
    assert main([*words, str(tmp_path / "x.zip"), "--arch", "x86_64"]) == 1
    assert "not for Linux on x86_64" in capsys.readouterr().err
