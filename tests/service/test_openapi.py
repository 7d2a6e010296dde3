"""Whatever the description of the interface allows, or does not, is answered as it says."""

import pytest

from fastrcf.service.app import Options, application
from fastrcf.service.core import LocalModel, Service
from fastrcf.serving.limits import Limits, Load

pytest.importorskip("schemathesis", reason="schemathesis is not installed")

from tests.serving.test_openapi import hold_to_it, modes

QUIET = Options()


@modes
@pytest.mark.parametrize(
    ("which", "examples"),
    [
        ("detector", 10),
        pytest.param("detector", 50, marks=pytest.mark.slow),
        pytest.param("with_categories", 100, marks=pytest.mark.slow),
    ],
)
def test_a_service_is_as_described(request, which, examples, mode):
    told = []
    service = Service(LocalModel(request.getfixturevalue(which), "v1"), observers=[told.append])
    app = application(service, Load(Limits()), QUIET)
    asked = hold_to_it(app, mode, examples=examples)
    assert {"POST /v1/score", "POST /v1/detect", "POST /invocations"} <= set(asked)
    if mode.name == "POSITIVE":
        # What is allowed is not only refused politely.
        assert {answered.route for answered in told} == {"/v1/score", "/v1/detect", "/invocations"}
