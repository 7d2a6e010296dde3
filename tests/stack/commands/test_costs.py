"""The bill of a month."""

import json

import numpy as np
import pytest

from fastrcf.cli import main
from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker.cost import Prices
from fastrcf.sagemaker.errors import CostNotAcceptedError
from fastrcf.stack.costs import Load, accept_hourly, stack_cost
from fastrcf.stack.template import Template

CODE = {"CodeBucket": "code-bucket", "CodeKey": "code.zip"}


@pytest.fixture(scope="module")
def template():
    return Template.load()


def bill(template, load=Load(), prices=None, **given):  # noqa: B008
    values = template.check({**CODE, **given})
    return stack_cost(template, values, load, prices or Prices.load(), "us-east-1")


def of(found):
    return {item.what: item.per_month for item in found.items}


def test_an_idle_stack_costs_its_alarms(template):
    found = bill(template)
    assert of(found) == pytest.approx({"alarms": 0.9, "alarm of drift": 0.3})
    assert found.idle == found.total == pytest.approx(1.2)
    assert bill(template, Monitoring="none").total == 0
    assert bill(template, Monitoring="all").idle == pytest.approx(4.2)
    # Two of the alarms are of Firehose.
    assert bill(template, StoreResults="false").idle == pytest.approx(1.0)


def test_a_notebook_is_most_of_a_bill(template):
    found = bill(template, CreateSageMakerNotebookInstance="true")
    assert of(found)["notebook"] == pytest.approx(0.05 * 730)


def test_a_million_requests(template):
    load = Load(1e6, rows=1, call_ms=10)
    found = of(bill(template, load))
    assert found["API"] == pytest.approx(3.5)
    assert found["function's calls"] == pytest.approx(0.2)
    # A million times 10 ms with half a gigabyte.
    assert found["function's time"] == pytest.approx(5000 * 1.33334e-05)
    assert found["Firehose"] == pytest.approx(1e6 * 5120 / 2**30 * 0.029)
    x86 = of(bill(template, load, Architecture="x86_64"))["function's time"]
    assert x86 == pytest.approx(5000 * 1.667e-05)


def test_the_results_of_a_request_share_a_record(template):
    """As the function sends them: a thousand rows are no thousand records of 5 KB."""
    from fastrcf.service.messages import Answered
    from fastrcf.stack import costs
    from fastrcf.stack.function.delivery import lines_of

    scores = np.random.default_rng(1).normal(20, 1, 1000)
    metadata = ["2026-01-01 00:00:00", "traffic-1-1000", "Web"]
    answered = Answered(
        route="/invocations",
        request_id="0" * 36,
        model_version="0" * 12,
        scores=scores,
        grades=scores / 40,
        alerts=scores > 22,
        seconds=0.0,
        metadata=metadata,
        output=[{}] * 1000,
    )
    a_row = len(lines_of(answered)) / 1000
    assert 0.7 * costs._RESULT_BYTES < a_row < costs._RESULT_BYTES
    found = of(bill(template, Load(1e6, rows=1000)))
    records = -(-1000 * costs._RESULT_BYTES // 5120)
    assert found["Firehose"] == pytest.approx(1e6 * records * 5120 / 2**30 * 0.029)


def test_what_the_table_has_not_is_no_zero(template, tmp_path):
    path = tmp_path / "prices.json"
    table = {
        "as_of": "2026-01-01",
        "currency": "EUR",
        "region": "eu-west-1",
        "instance_hours": {},
        "serverless_gb_seconds": 0,
    }
    path.write_text(json.dumps(table))
    found = bill(template, prices=Prices.load(path), CreateSageMakerNotebookInstance="true")
    assert set(of(found).values()) == {None}
    assert "?" in str(found)
    assert "us-east-1 may differ" in str(found)


def test_loads_out_of_range_are_refused():
    for given in ({"requests": -1}, {"rows": 0}, {"call_ms": 1e9}, {"requests": float("nan")}):
        with pytest.raises(InvalidParameterError):
            Load(**given)


def test_only_what_is_new_has_to_be_accepted(template):
    notebook = {"CreateSageMakerNotebookInstance": "true", "NotebookInstanceType": "ml.t3.medium"}
    values = template.check({**CODE, **notebook})
    larger = {**notebook, "NotebookInstanceType": "ml.m5.xlarge"}
    told = []

    def accept(before, accepted=False, of=values):
        accept_hourly(template, of, before, Prices.load(), "us-east-1", accepted, told.append)

    accept(None, of=template.check(CODE))
    accept(notebook)
    assert told == []
    for before in (None, {}, larger):
        with pytest.raises(CostNotAcceptedError, match=r"notebook: 1 x ml\.t3\.medium: about"):
            accept(before)
    accept(None, accepted=True)
    assert "until it is deleted" in told[0]


def test_the_command(capsys):
    assert main(["stack", "cost", "--requests-per-month", "1e6", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["currency"] == "USD"
    assert told["per_month"] > told["idle_per_month"] > 0
    assert main(["stack", "cost", "--set", "Monitoring=none"]) == 0
    assert "idle  0.00  a month without a request" in capsys.readouterr().out


def test_the_template_command(capsys, tmp_path):
    assert main(["stack", "template"]) == 0
    text = capsys.readouterr().out
    assert text == Template.load().text
    assert main(["stack", "template", "--check"]) == 0
    out = tmp_path / "t.yaml"
    assert main(["stack", "template", "--set", "AuthMode=APIKEY", "-o", str(out)]) == 0
    assert Template(out.read_text()).deployment != Template.load().deployment
    out.write_text(text.replace("PathPart: ping", "PathPart: pong"))
    capsys.readouterr()
    assert main(["stack", "template", str(out), "--check"]) == 1
    assert "the API has changed" in capsys.readouterr().out
    assert main(["stack", "template", "--set", "AuthMode=NONE"]) == 1
