"""The walk of docs/local-cloud.md: its commands as they stand, each in a process of its own."""

import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import contextmanager

import pytest

pytest.importorskip("uvicorn", reason="the extra serve is not installed")
pytest.importorskip("aiohttp", reason="the extra cli is not installed")
pytest.importorskip("pyarrow", reason="the extra cli is not installed")

from tests.conftest import ROOT
from tests.stack.function.calls import stored

PAGE = (ROOT / "docs" / "local-cloud.md").read_text(encoding="utf-8")
REQUESTS = 60


def commands(name):
    """What a block of the page holds: for each line variables of the environment, and words."""
    (block,) = re.findall(rf"<!-- walk:{name} -->\n```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines():
        words = shlex.split(line)
        variables = {}
        while "=" in words[0]:
            key, _, variables[key] = words.pop(0).partition("=")
        program = {"python": [], "fastrcf": ["-m", "fastrcf.cli"]}[words.pop(0)]
        yield variables, [sys.executable, *program, *words]


def environment(variables):
    # Neither this machine's accounts nor its settings of AWS's tools.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
    return {**kept, **nowhere, "PYTHONUNBUFFERED": "1", **variables}


def run(variables, words, folder):
    return subprocess.run(
        words,
        cwd=folder,
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("walk")
    for variables, words in commands("model"):
        done = run(variables, words, folder)
        assert done.returncode == 0, done.stderr
    return folder / "model.rcf"


@contextmanager
def serving(command, folder):
    """Run a local cloud on a free port, and give it."""
    variables, words = command
    process = subprocess.Popen(
        [*words, "--port", "0"],
        cwd=folder,
        env=environment(variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield re.match(r"http://127\.0\.0\.1:(\d+)/prod ", line)[1]
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("way", ["key", "iam"])
def test_requests_are_sent_answered_and_stored(trained, tmp_path, way):
    (tmp_path / "model.rcf").write_bytes(trained.read_bytes())
    local, (variables, words) = commands(way)
    # As many as the page's, without the wait between them.
    words += ["--rate", str(REQUESTS), "--duration", "1"]
    json_option = [] if "--json" in words else ["--json"]
    with serving(local, tmp_path) as port:
        sent = [word.replace(":8800/", f":{port}/") for word in words]
        # How busy this machine is says nothing of the rate.
        done = run(variables, [*sent, *json_option, "--rate-tolerance", "1"], tmp_path)
        refused = run({}, [*sent[:5], "--rate", "20", "--requests", "5", "--json"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["good"] is True
    assert told["requests"] == {"due": REQUESTS, "sent": REQUESTS, "good": REQUESTS, "failed": 0}
    assert sum(count for _, count in told["histogram_ms"]) == REQUESTS
    lines = stored(tmp_path / "local-cloud" / "firehose")
    # Without key or signature nothing is let in.
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["errors"]["kinds"][0]["status"] == 403
    assert len(lines) == REQUESTS
    assert len({line["metadata"][1] for line in lines}) == REQUESTS
    assert sum(line["is_anomaly"] for line in lines) == told["detection"]["alerts"] > 0
    assert {line["model_version"] for line in lines} == {lines[0]["model_version"]}
    logged = (tmp_path / "local-cloud" / "function.log").read_bytes().splitlines()
    assert [json.loads(line)["status"] for line in logged] == [200] * REQUESTS
