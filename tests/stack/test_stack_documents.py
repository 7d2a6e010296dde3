"""What the pages of the function and the local cloud show runs, and what they name is there."""

import json
import re

import pytest

from fastrcf.stack.function.records import METRICS
from tests.conftest import ROOT

pytest.importorskip("uvicorn", reason="the extra serve is not installed")

DOCS = ROOT / "docs"


def shown(name):
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(), re.DOTALL)
    names = {}
    exec(compile(code, name, "exec"), names)
    return names


def test_the_functions_page(capsys):
    names = shown("function.md")
    answer = names["answer"]
    assert answer["anomaly_detector"]["is_anomaly"] is True
    assert (set(answer), answer["stored"]) == (
        {"anomaly_detector", "model_version", "stored"},
        False,
    )
    page = (DOCS / "function.md").read_text()
    assert json.dumps(names["refused"]) in page
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["status"] for line in told] == [200, 400]


def test_the_local_clouds_page():
    names = shown("local-cloud.md")
    answer, stored = names["answer"], names["stored"]
    assert answer["anomaly_detector"]["is_anomaly"] is True
    assert stored["score"] == answer["anomaly_detector"]["score"]
    assert stored["metadata"] == names["body"]["metadata"]


def test_settings_and_metrics_are_all_told():
    page = (DOCS / "function.md").read_text()
    source = (ROOT / "python" / "fastrcf" / "stack" / "function" / "settings.py").read_text()
    read = set(re.findall(r'(?:text|parts|matching|one_of|number)\(\s*"([A-Z_]+)"', source))
    assert len(read) == 16
    for name in read:
        assert f"`FASTRCF_{name}`" in page, name
    for name in METRICS:
        assert f"`{name}`" in page


def test_options_are_all_told():
    from fastrcf.cli.stack_local import local

    page = (DOCS / "local-cloud.md").read_text()
    for option in local.params:
        for name in option.opts:
            if name.startswith("--"):
                assert f"`{name}`" in page, name
