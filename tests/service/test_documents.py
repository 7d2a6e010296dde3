"""What docs/service.md shows is so: its requests are sent, and its tables are complete."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from fastrcf.cli.app import app
from fastrcf.service.app import Options, application
from fastrcf.service.core import LocalModel, Service
from fastrcf.service.metrics import Metrics
from tests.serving.live import serving

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "service.md").read_text()
EXAMPLES = re.findall(r"```\n(curl [^\n]*--data[^\n]*)\n```\n\n```json\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def client(detector):
    served = LocalModel(detector, "83a0f1c2d9e4")
    metrics = Metrics(served)
    service = Service(served, observers=[metrics])
    options = Options()
    with serving(lambda load: application(service, load, options, metrics=metrics)) as client:
        yield client


def like(found, shown, where="$"):
    """Hold an answer to one that is shown: the same keys and texts, numbers near."""
    if isinstance(shown, dict):
        assert list(found) == list(shown), where
        for key, value in shown.items():
            like(found[key], value, f"{where}.{key}")
    elif isinstance(shown, list):
        assert len(found) == len(shown), where
        for i, (one, other) in enumerate(zip(found, shown, strict=True)):
            like(one, other, f"{where}[{i}]")
    elif isinstance(shown, float):
        assert found == pytest.approx(shown, rel=0.01), where
    else:
        assert found == shown, where


def test_there_are_examples():
    assert len(EXAMPLES) == 4


@pytest.mark.parametrize(("command", "shown"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_examples_are_answered_as_shown(client, command, shown):
    # $'...' is a text with escapes.
    command = re.sub(r"\$'([^']*)'", lambda m: "'" + m[1].replace("\\n", "\n") + "'", command)
    words = shlex.split(command)
    path = re.fullmatch(r"http://127\.0\.0\.1:8080(/.*)", words[1])[1]
    given = dict(zip(words[2::2], words[3::2], strict=True))
    name, _, kind = given["--header"].partition(": ")
    body = given.get("--data") or given["--data-binary"]
    _, _, answer = client.ask("POST", path, body.encode(), **{name: kind})
    like(json.loads(answer), json.loads(shown))


def test_routes_are_those_of_the_service(client):
    table = PAGE.partition("## Routes")[2].partition("\n\nRows come")[0]
    routes = re.findall(r"`(GET|POST) (/[\w/.]*)`", table)
    described = json.loads(client.ask("GET", "/openapi.json")[2])["paths"]
    for method, path in routes:
        status = client.ask(method, path, b"" if method == "POST" else None)[0]
        assert status in ((200,) if method == "GET" else (400, 415)), path
    assert set(described) == {path for _, path in routes} - {"/metrics", "/"}


def test_metrics_are_those_of_the_page(client):
    client.ask("POST", "/v1/score", b"1,2,3", content_type="text/csv")
    text = client.ask("GET", "/metrics")[2].decode()
    table = PAGE.partition("## Metrics")[2].partition("**Drift.**")[0]
    told = set(re.findall(r"`(fastrcf_\w+)", table))
    there = set(re.findall(r"^# TYPE (fastrcf_\w+)", text, re.MULTILINE))
    of_learning = {
        "fastrcf_rows_learnt",
        "fastrcf_snapshots",
        "fastrcf_snapshot_age_seconds",
        "fastrcf_idempotency_keys",
    }
    assert told == there | of_learning


def test_options_are_those_of_the_command():
    shown = set(re.findall(r"--[a-z][a-z-]+[a-z]", re.sub(r"curl .*|--header.*", "", PAGE)))
    told = CliRunner().invoke(app, ["serve", "--help"]).output
    for option in shown - {"--alert-rate", "--time-decay"}:
        assert option in told, option


def test_errors_are_those_of_the_table():
    table = PAGE.partition("| status | error |")[2].partition("##")[0]
    told = set(re.findall(r"`([a-z_]+)`", table))
    source = "".join(
        path.read_text()
        for folder in ("service", "serving")
        for path in (ROOT / "python" / "fastrcf" / folder).glob("*.py")
    )
    kinds = set(re.findall(r'Problem\(\s*\d+,\s*"([a-z_]+)"', source))
    kinds |= set(re.findall(r'(?:problem|_at|busy)\(\s*"([a-z_]+)"', source))
    kinds |= set(re.findall(r'_refused\([^()]*"([a-z_]+)"\)', source)) | {"wrong_signature"}
    # Only while a model has not seen enough rows, which is one that learns and says null.
    assert told >= kinds - {"not_ready"}, kinds - told
    assert told <= kinds | {"invalid_input", "busy"}, told - kinds
