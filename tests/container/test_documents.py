"""What docs/container.md says is so."""

import json
import re

import pytest

from fastrcf.container.hyperparameters import NAMES, WITHOUT_EFFECT, Hyperparameters
from fastrcf.container.metrics import METRIC_DEFINITIONS
from tests.container.jobs import ROOT

PAGE = (ROOT / "docs" / "container.md").read_text()


def test_the_definitions_are_those_of_the_module():
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert json.loads(block) == list(METRIC_DEFINITIONS)


def test_the_table_has_all_hyperparameters_and_their_defaults():
    table = PAGE.partition("## Hyperparameters")[2].partition("* `forest`")[0]
    rows = [
        [cell.strip() for cell in line.split("|")[1:3]]
        for line in table.splitlines()
        if line.startswith("| `")
    ]
    told = {name: text for names, text in rows for name in re.findall(r"`(\w+)`", names)}
    assert set(told) == set(NAMES)
    for name, text in told.items():
        default = getattr(Hyperparameters(), name)
        if text == "both":
            assert len(default) == 2
        elif text:
            assert text == f"`{str(default).lower()}`", name
        else:
            assert default in (None, ())
    for name in WITHOUT_EFFECT:
        assert f"`{name}`" in PAGE


def test_the_request_is_one_that_aws_takes(monkeypatch):
    boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
    from botocore.validate import ParamValidator

    sent = {}

    class Client:
        def create_training_job(self, **request):
            sent.update(request)

    service = boto3.client("sagemaker", region_name="eu-west-1").meta.service_model
    monkeypatch.setattr(boto3, "client", lambda *_, **__: Client())
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(code, "container.md", "exec"), {})
    shape = service.operation_model("CreateTrainingJob").input_shape
    assert not ParamValidator().validate(sent, shape).has_errors()
    assert set(sent["HyperParameters"]) <= set(NAMES)
