"""What the gateway refuses as no request, and what the function names; nothing is paid for."""

import io
import json
from types import SimpleNamespace

import pytest

pytest.importorskip("uvicorn", reason="the extra serve is not installed")

from fastrcf.stack.local import LocalCloud
from fastrcf.stack.local.validation import invalid
from tests.conftest import ROOT
from tests.stack.conftest import ROW
from tests.stack.function.calls import clients, stored
from tests.stack.local.calling import GOOD, JSON, Caller


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/invocations", []),
        ("/invocations", "7"),
        ("/invocations", "{"),
        ("/v1/score", "7"),
        ("/v1/detect", '"text"'),
        ("/v1/score", "[" * 100_000),
    ],
)
def test_what_is_no_request_costs_no_call(cloud, path, body):
    answer = Caller(cloud)("POST", path, body, JSON)
    assert (answer.status, answer.body["error"]) == (400, "BadRequest")
    assert answer.body["message"].startswith("the body: expected JSON")
    assert cloud.log.read_bytes() == b""


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/invocations", {"data": ROW}, "metadata: it is not there"),
        ("/invocations", {"metadata": ["x"]}, "data: it is not there"),
        ("/invocations", {"data": ROW, "metadata": []}, "metadata: the list is empty"),
        ("/invocations", {"data": ROW, "metadata": "x"}, "metadata: expected a list"),
        ("/invocations", {"data": ROW, "metadata": ["x", 1]}, "metadata[1]: expected a text"),
        ("/invocations", {"data": 7, "metadata": ["x"]}, "data: expected"),
        ("/invocations", {"data": ROW, "metadata": ["x"], "model": "unknown"}, "model: expected"),
        ("/invocations", {"data": "1,x,2", "metadata": ["x"]}, "row 0, column 'items'"),
        ("/v1/score", {"rows": [{"amount": 1, "items": None, "hour": 2}]}, "column 'items'"),
        ("/v1/detect", {"rows": []}, "rows"),
    ],
)
def test_fields_are_named_by_the_function_and_nothing_is_written(cloud, path, body, words):
    answer = Caller(cloud)("POST", path, body, JSON)
    assert answer.status == 400
    assert words in answer.body["message"]
    assert answer.headers["x-request-id"]
    assert stored(cloud.firehose) == []


def test_an_endpoint_is_not_asked_for_what_is_wrong(model, tmp_path):
    """It costs money: the fields are looked at before."""
    asked = []

    def invoke(**given):
        asked.append(given)
        return {"Body": io.BytesIO(b"0.25"), "ContentType": "text/csv"}

    settings = {"FASTRCF_CLASSIFIER_ENDPOINT": "xgb", "FASTRCF_DELIVERY_STREAM": ""}
    given_ = clients(endpoints=SimpleNamespace(invoke_endpoint=invoke), firehose=SimpleNamespace())
    with LocalCloud(model, tmp_path / "c", auth="none", settings=settings, clients=given_) as cloud:
        call = Caller(cloud)
        for body in ({**GOOD, "metadata": []}, {"data": ROW}, {**GOOD, "model": "unknown"}):
            assert call("POST", "/invocations", body, JSON).status == 400
        assert asked == []
        answer = call("POST", "/invocations", GOOD, JSON)
        assert answer.body["fraud_classifier"] == {"pred_proba": 0.25, "prediction": 0}
        assert len(asked) == 1


def test_models_are_the_templates():
    """The gateway on loopback validates by what the template has."""
    template = ROOT / "deployment" / "fraud-detection-using-machine-learning.yaml"
    if not template.is_file():
        pytest.skip("there is no template here yet")
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("!", lambda loader, suffix, node: suffix)
    resources = yaml.load(template.read_text(), Loader)["Resources"]
    models = {
        entry["Properties"]["Name"]: entry["Properties"]["Schema"]
        for entry in resources.values()
        if entry["Type"] == "AWS::ApiGateway::Model"
    }
    from fastrcf.stack.request_models import MODELS

    assert models == {schema["title"]: schema for schema in MODELS.values()}
    (api,) = (e for e in resources.values() if e["Type"] == "AWS::ApiGateway::RestApi")
    from fastrcf.stack.local.proxy import BINARY

    assert tuple(api["Properties"]["BinaryMediaTypes"]) == BINARY
    from fastrcf.stack.request_models import REFUSAL

    (refusal,) = (
        e["Properties"]["ResponseTemplates"]["application/json"]
        for e in resources.values()
        if e["Type"] == "AWS::ApiGateway::GatewayResponse"
        and e["Properties"]["ResponseType"] == "BAD_REQUEST_BODY"
    )
    # The gateway puts in variables as they are: a text of its own with quotes would be no JSON.
    assert json.loads(refusal.replace("$context.requestId", "id")) == {
        "error": "BadRequest",
        "message": REFUSAL,
        "request_id": "id",
    }


def test_other_formats_are_the_functions_to_read(cloud):
    assert invalid("/v1/score", "text/csv", b"x") == ""
    answer = Caller(cloud)("POST", "/v1/score", "x,y,z\n1,2,3", {"content-type": "text/html"})
    assert (answer.status, answer.body["error"]) == (415, "unsupported_media_type")
