"""The command; in a process of its own where signals and terminals matter."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

from fastrcf.cli import main
from tests.traffic.server import HANG, answered, scored, serving


@pytest.fixture
def run(capfd):
    def call(*words):
        capfd.readouterr()
        code = main(["traffic", *map(str, words)])
        return code, *capfd.readouterr()

    return call


# For what is not about rates: this machine may be busy.
ANY_RATE = ("--rate-tolerance", 1)


def started(*words, **given):
    command = [sys.executable, "-m", "fastrcf.cli", "traffic", *map(str, words)]
    return subprocess.Popen(
        command, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | given
    )


def test_what_people_read_and_what_machines_read(run):
    with serving() as server:
        code, out, err = run(server.url, "--rate", 100, "--requests", 20, *ANY_RATE)
        assert (code, err) == (0, "")
        assert "20 good answers for 20 rows, 0 errors" in out
        _, _, drawn = out.partition("ms from due           requests\n")
        bars = re.findall(r"^ *[\d.,]+ to +[\d.,]+ +(\d+)(?:  #+)?$", drawn, re.MULTILINE)
        assert sum(map(int, bars)) == 20
        code, out, err = run(server.url, "--rate", 100, "--requests", 20, "--json", *ANY_RATE)
        told = json.loads(out)
    assert (code, err) == (0, "")
    assert told["url"] == server.url
    assert told["good"] is True
    assert told["detection"]["rows"] == 20


def test_too_many_errors_and_a_rate_not_kept_are_exit_code_1(run):
    with serving(lambda request: answered({"message": "no"}, 500)) as server:
        code, out, _ = run(server.url, "--rate", 100, "--requests", 5)
        assert code == 1
        assert "status" in out
        assert "500" in out
        assert (
            run(server.url, "--rate", 100, "--requests", 5, "--error-budget", 1, *ANY_RATE)[0] == 0
        )
    with serving(wait=0.1) as server:
        words = (server.url, "--rate", 50, "--requests", 10, "--max-in-flight", 1)
        code, out, _ = run(*words)
        assert code == 1
        assert "not kept" in out
        assert run(*words, "--rate-tolerance", 1)[0] == 0


def test_a_table_is_sent_with_its_truth(run, tmp_path):
    frame = pl.DataFrame({"id": ["a", "b"], "x": [1.0, 2000.0], "odd": ["fine", "fraud"]})
    frame.write_csv(tmp_path / "t.csv")
    with serving() as server:
        code, out, _ = run(
            server.url,
            "--data",
            tmp_path / "t.csv",
            "--columns",
            "x",
            "--label",
            "odd",
            "--positive",
            "fraud",
            "--rate",
            100,
            "--requests",
            10,
            "--model",
            "anomaly_detector",
            "--json",
            *ANY_RATE,
        )
    told = json.loads(out)["detection"]
    assert (code, told["precision"], told["recall"], told["frauds"]) == (0, 1, 1, 5)
    assert {request.json["data"] for request in server.requests} == {"1.0", "2000.0"}
    assert server.requests[0].json["model"] == "anomaly_detector"


def test_a_key_is_sent_and_never_shown(run, monkeypatch):
    monkeypatch.setenv("THE_KEY", "hush-hush")

    def answer(request):
        good = request.headers.get("x-api-key") == "hush-hush"
        return scored(request) if good else answered({"message": "Forbidden"}, 403)

    with serving(answer) as server:
        words = (server.url, "--rate", 100, "--requests", 5, *ANY_RATE)
        code, out, err = run(*words, "--auth", "key", "--key-env", "THE_KEY")
        assert code == 0
        assert "hush" not in out + err
        assert run(*words)[0] == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ftp://host/"], "http"),
        (["http://127.0.0.1:9/other"], "--form"),
        (["http://127.0.0.1:9/invocations", "--auth", "key"], "--key-env"),
        (["http://127.0.0.1:9/invocations", "--columns", "V99"], "V99"),
        (["http://127.0.0.1:9/invocations", "--data", "/no/such/file.csv"], "/no/such/file.csv"),
        (["http://127.0.0.1:9/invocations", "--fraud-share", "2"], "fraud-share"),
        (["http://127.0.0.1:9/invocations", "--label", "x"], "--data"),
        (["http://127.0.0.1:9/v1/score", "--model", "x"], "--model"),
        (["http://127.0.0.1:9/v1/score", "--rate", "inf"], "rate is inf"),
        (["http://127.0.0.1:9/v1/score", "--rate", "nan"], "rate is nan"),
        (["http://127.0.0.1:9/v1/score", "--no-header"], "--no-header needs --data"),
        (["http://127.0.0.1:9/v1/score", "--names", "a"], "--names needs --data"),
        (["http://127.0.0.1:9/invocations", "--by-position"], "--by-position"),
        (["http://127.0.0.1:9/", "--form", "csv", "--by-position"], "--by-position"),
    ],
)
def test_wrong_use_is_told(run, words, message):
    code, out, err = run(*words)
    assert code in (1, 2)
    assert out == ""
    assert message in err
    assert "Traceback" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_its_report(number):
    with (
        serving() as server,
        started(server.url, "--rate", 50, "--duration", 600, "--json") as child,
    ):
        wait_for(lambda: len(server.requests) > 20)
        child.send_signal(number)
        out, err = child.communicate(timeout=30)
    told = json.loads(out)
    assert (child.returncode, err) == (0, "")
    assert told["interrupted"] is True
    assert told["requests"]["good"] == told["requests"]["sent"] == len(server.requests)
    assert told["rate"]["kept"] is True


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_while_the_first_body_is_made(number):
    def is_caught():
        with open(f"/proc/{child.pid}/status") as file:
            caught = re.search(r"^SigCgt:\s*(\w+)$", file.read(), re.MULTILINE)
        return int(caught[1], 16) >> (signal.SIGTERM - 1) & 1

    words = ("--requests", 4, "--rows-per-request", 10**9, "--json")
    with serving() as server, started(server.url, *words) as child:
        try:
            wait_for(is_caught)
            child.send_signal(number)
            out, err = child.communicate(timeout=20)
        finally:
            child.kill()
    told = json.loads(out)
    assert err == ""
    assert told["interrupted"] is True
    assert told["requests"]["due"] == len(server.requests) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
def test_a_second_one_does_not_wait_for_answers():
    with (
        serving(lambda request: HANG) as server,
        started(
            server.url,
            "--rate",
            50,
            "--duration",
            600,
            "--timeout",
            300,
            "--max-in-flight",
            10,
            "--json",
        ) as child,
    ):
        wait_for(lambda: len(server.requests) == 10)
        child.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(1)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    told = json.loads(out)
    assert (child.returncode, err) == (1, "")
    (failure,) = told["errors"]["kinds"]
    assert (failure["kind"], failure["count"]) == ("abandoned", 10)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_counts_are_shown_on_a_terminal():
    leader, follower = pty.openpty()
    env = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    with (
        serving() as server,
        started(
            server.url, "--rate", 50, "--duration", 1.5, *ANY_RATE, stderr=follower, env=env
        ) as child,
    ):
        os.close(follower)
        shown = b""
        while True:
            try:
                piece = os.read(leader, 1 << 16)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        assert child.wait(30) == 0
        assert "75 good answers" in child.stdout.read()
    os.close(leader)
    for name in (b"in flight", b"p99 ms", b"errors"):
        assert name in shown
    assert re.search(rb" to +[\d.,]+ +\d+  #+", shown)


def wait_for(happened):
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)
