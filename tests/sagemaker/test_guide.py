"""What docs/sagemaker.md shows runs, and what it names is there."""

import io
import json
import re
import shlex
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

import fastrcf
from fastrcf import sagemaker
from fastrcf.cli import main
from fastrcf.cli.app import app
from fastrcf.container.hyperparameters import NAMES, WITHOUT_EFFECT, parse
from fastrcf.sagemaker import Prices

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "sagemaker.md").read_text()
# Kind, and text; blocks below a step of a list are indented.
FENCED = [
    (kind, re.sub(f"^{indent}", "", block, flags=re.MULTILINE))
    for indent, kind, block in re.findall(r"^( *)```(\w*)\n(.*?)^ *```$", PAGE, re.M | re.S)
]
BLOCKS = {kind: [block for known, block in FENCED if known == kind] for kind in dict(FENCED)}
LINES = [
    shlex.split(line)[1:]
    for block in BLOCKS[""]
    for line in block.splitlines()
    if line.startswith("fastrcf ")
]


@pytest.fixture
def detector(tmp_path, monkeypatch):
    """Run what the page embeds; give the detector that it made."""
    monkeypatch.chdir(tmp_path)
    (code,) = [block for block in BLOCKS["python"] if "Detector(" in block]
    names = {}
    exec(compile(code, "sagemaker.md", "exec"), names)
    assert names["alerts"] == [False, True]
    assert names["why"].startswith("amount = 90000: higher")
    return fastrcf.load("model.rcf")


def test_reasons_come_by_the_wire(detector, monkeypatch, capsys):
    boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
    pytest.importorskip("pydantic_core", reason="the extra serve is not installed")
    from botocore.validate import ParamValidator

    from fastrcf.serving.invocation import Question, answer
    from fastrcf.serving.scorer import Scorer

    runtime = boto3.client("sagemaker-runtime", region_name="eu-west-1").meta.service_model
    shape = runtime.operation_model("InvokeEndpoint").input_shape

    class Client:
        def invoke_endpoint(self, **request):
            assert not ParamValidator().validate(request, shape).has_errors()
            asked = (request[name] for name in ("ContentType", "Accept", "CustomAttributes"))
            body = answer(Scorer(detector), Question.of(*asked), request["Body"].encode())
            return {"Body": io.BytesIO(body)}

    monkeypatch.setattr(boto3, "client", lambda *_, **__: Client())
    (code,) = [block for block in BLOCKS["python"] if "invoke_endpoint" in block]
    names = {}
    exec(compile(code, "sagemaker.md", "exec"), names)
    assert names["found"]["is_anomaly"] is True
    assert "amount = 90000: higher" in capsys.readouterr().out


def test_the_wire_is_as_the_table_says(detector):
    pytest.importorskip("pydantic_core", reason="the extra serve is not installed")
    from fastrcf.serving.invocation import Question, answer
    from fastrcf.serving.scorer import Scorer

    table = PAGE.partition("## The same wire")[2].partition("Without `Accept`")[0]
    rows = [re.findall(r"`([^`]+)`", line) for line in table.splitlines() if "/" in line]
    assert len(rows) == 4
    scorer = Scorer(detector)
    expected = detector.score(np.array([[0.5, 1.5]]))[0]
    for kind, request, told in rows:
        names = {"sagemaker": sagemaker, "X": np.array([[0.5, 1.5]], np.float32)}
        recordio = "recordio" in kind
        body = eval(request, names) if recordio else request.encode()
        found = answer(scorer, Question.of(kind, kind), body)
        if recordio:
            assert eval(told, names | {"answer": found}) == pytest.approx(expected, rel=1e-6)
        else:
            number = re.search(r"\d+\.\d+", found.decode())[0]
            assert float(number) == pytest.approx(expected, abs=1e-9)
            shape = re.sub(r"\s", "", told.replace("0.8231", "S"))
            assert re.sub(r"\s", "", found.decode().replace(number, "S")) == shape
    # None says JSON.
    assert answer(scorer, Question.of("text/csv", ""), b"1,2").startswith(b'{"scores":')


def test_the_commands_and_options_exist():
    shown = {tuple(words[:2]) if words[0] == "sagemaker" else (words[0],) for words in LINES}
    sub = {"fit", "compare", "train", "deploy", "predict", "costs"}
    assert {words[1] for words in shown if words[0] == "sagemaker"} == sub
    assert {("train",), ("score",), ("detect",), ("evaluate",)} <= shown
    for words in LINES:
        command = words[:2] if words[0] == "sagemaker" else words[:1]
        told = CliRunner().invoke(app, [*command, "--help"]).output
        for option in words:
            if option.startswith("-"):
                assert re.search(rf"{option}\b", told), (command, option)


def test_the_hyperparameters_that_are_passed_are_taken():
    pairs = [
        words[i + 1].split("=")
        for words in LINES
        for i, word in enumerate(words)
        if word == "--hyperparameter"
    ]
    assert pairs
    parse(dict(pairs))
    parse({"model": "detector"})
    table = PAGE.partition("## The same hyperparameters")[2].partition("Defaults of")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    assert len(rows) == 7
    for row in rows:
        managed, container = row.split("|")[1:3]
        for name in re.findall(r"`([a-z]\w+)`", container):
            assert name in NAMES, name
        for name in re.findall(r"`([a-z]\w+)`", managed):
            assert name in NAMES or name in WITHOUT_EFFECT, name


def test_the_costs_are_what_the_command_prints(monkeypatch, tmp_path, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FASTRCF_PRICES", raising=False)
    (words,) = [words for words in LINES if "costs" in words]
    assert main(words) == 0
    (shown,) = BLOCKS["text"]
    assert capfd.readouterr().out == shown


def test_the_table_of_prices_is_one(tmp_path):
    (table,) = BLOCKS["json"]
    path = tmp_path / "prices.json"
    path.write_text(table)
    assert Prices.load(path).lambda_requests == 0.2
    given = {name for name in json.loads(table) if name != "source"}
    assert given <= set(Prices.__dataclass_fields__)


def test_what_users_of_the_sdk_call_is_there():
    names = re.findall(r"sagemaker\.(\w+(?:\.\w+)?)\(", PAGE)
    assert {"train", "deploy", "upload", "TrainingJob.of", "BatchTransform.create"} <= set(names)
    for name in names:
        found = sagemaker
        for part in name.split("."):
            found = getattr(found, part)
        assert callable(found), name


def test_a_shadow_is_compared_by_the_number_of_the_row(detector, tmp_path):
    # As predict writes them, and as the page says: theirs by --index row.
    rng = np.random.default_rng(5)
    rows = pl.DataFrame({"amount": rng.lognormal(3, 1, 400), "items": rng.poisson(3, 400)})
    rows.write_csv("rows.csv")
    scores = detector.score(rows, kind="expected_inverse_depth")
    kept = pl.DataFrame({"row": np.arange(400), "score": scores})[::-1]
    kept.write_csv("theirs.csv")
    words = ["--recorded", "theirs.csv", "--index", "row", "--data", "rows.csv", "-o", "page.html"]
    assert main(["sagemaker", "compare", "model.rcf", *words]) == 0
    assert main(["detect", "model.rcf", "rows.csv", "-o", "ours.csv"]) == 0
    assert "row" in pl.read_csv("ours.csv").columns


def test_headings_that_links_name_are_there():
    def anchors(page):
        return {
            re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
        }

    found = re.findall(r"\]\(([\w.-]+\.md)#([\w-]+)\)", PAGE)
    assert found
    for page, anchor in found:
        assert anchor in anchors(DOCS / page), anchor
