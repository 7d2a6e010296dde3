"""Whatever the description of the interface allows, or does not, is answered as it says."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from fastrcf.container.app import multi_model, single_model
from fastrcf.container.models import Models
from fastrcf.serving.limits import Limits, Load
from fastrcf.serving.scorer import Scorer

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
checks = pytest.importorskip("schemathesis.specs.openapi.checks")
RUNTIME = "/endpoints/{endpoint}/invocations"
PROMISED = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.unsupported_method,
]


def hold_to_it(application, mode, prepare=lambda case: None, examples=None):
    """Ask every operation what its description allows, or what it does not."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", application)
    asked = []
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            suppress_health_check=list(HealthCheck),
            # Each example of each operation is a request: few are enough for what always runs.
            max_examples=examples or max(10, settings.default.max_examples // 3),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def answered_as_described(case):
            prepare(case)
            case.call_and_validate(checks=PROMISED)

        try:
            answered_as_described()
        except Unsatisfiable:
            # Nothing can be wrong about a request without parameters.
            assert mode is schemathesis.GenerationMode.NEGATIVE
            continue
        asked.append(f"{operation.method.upper()} {operation.path}")
    return asked


modes = pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))


@modes
def test_an_endpoint_with_one_model(detector, mode):
    asked = hold_to_it(single_model(Scorer(detector), Load(Limits())), mode)
    assert "POST /invocations" in asked
    assert f"POST {RUNTIME}" in asked


@modes
def test_an_endpoint_with_several_models(detector, mode, tmp_path):
    detector.save(tmp_path / "model.rcf")
    models = Models()
    models.load("fraud", str(tmp_path))

    def prepare(case):
        # Otherwise only models that are not there would be asked.
        if case.method == "POST" and case.path == RUNTIME:
            case.headers = {**(case.headers or {}), "X-Amzn-SageMaker-Target-Model": "fraud"}
        elif case.method == "POST" and case.path_parameters:
            case.path_parameters["name"] = "fraud"

    asked = hold_to_it(multi_model(models, Load(Limits())), mode, prepare)
    assert "POST /models/{name}/invoke" in asked
    assert "POST /models" in asked
    assert f"POST {RUNTIME}" in asked


def test_every_path_is_described_and_no_other(detector):
    for application in (
        single_model(Scorer(detector), Load(Limits())),
        multi_model(Models(), Load(Limits())),
    ):
        told = set(schemathesis.openapi.from_asgi("/openapi.json", application).raw_schema["paths"])
        assert told == {route.path for route in application.routes} - {"/openapi.json"}
