"""Who may call: keys and signatures."""

import json

import pytest

pytest.importorskip("uvicorn", reason="the extra serve is not installed")

from fastrcf.stack.local import LocalCloud
from tests.stack.function.calls import stored
from tests.stack.local.calling import GOOD, JSON, Caller


def test_keys(model, tmp_path):
    with LocalCloud(model, tmp_path / "cloud", auth="key") as cloud:
        call = Caller(cloud)
        key = cloud.key_file.read_text().strip()
        assert key == cloud.key
        assert cloud.key_file.stat().st_mode & 0o777 == 0o600
        assert call("GET", "/ping", headers={"x-api-key": key}).status == 200
        for wrong in ({}, {"x-api-key": ""}, {"x-api-key": key[:-1]}, {"x-api-key": key + "x"}):
            answer = call("GET", "/ping", headers=wrong)
            assert (answer.status, answer.body["message"]) == (403, "Forbidden")
        assert call("POST", "/invocations", GOOD, {**JSON, "x-api-key": "\xe9"}).status == 403
        assert len(cloud.log.read_bytes().splitlines()) == 1
    # The next one has another.
    with LocalCloud(model, tmp_path / "cloud", auth="key") as cloud:
        assert Caller(cloud)("GET", "/ping", headers={"x-api-key": key}).status == 403


@pytest.fixture
def signing(model, tmp_path):
    pytest.importorskip("botocore", reason="the extra sagemaker is not installed")
    with LocalCloud(model, tmp_path / "cloud", auth="iam") as cloud:
        yield Caller(cloud)


def test_signatures(signing):
    body = json.dumps(GOOD).encode()
    answer = signing.signed("POST", "/invocations", body)
    assert answer.status == 200
    assert signing.signed("GET", "/ping").status == 200
    assert signing.signed("POST", "/invocations?model=anomaly_detector", body).status == 200
    # A client's clock may be some minutes off.
    assert signing.signed("GET", "/ping", now=-240).status == 200


def test_signatures_that_do_not_hold(signing):
    body, keys = json.dumps(GOOD).encode(), signing.cloud.keys
    other = json.dumps({**GOOD, "metadata": ["other"]}).encode()
    answers = {
        "unsigned": signing("POST", "/invocations", body, JSON),
        "body": signing.signed("POST", "/invocations", body, sent=other),
        "expired": signing.signed("POST", "/invocations", body, now=-3600),
        "future": signing.signed("POST", "/invocations", body, now=3600),
        "secret": signing.signed("GET", "/ping", keys=keys._replace(secret_key="other")),
        "key": signing.signed("GET", "/ping", keys=keys._replace(access_key="other")),
        "region": signing.signed("GET", "/ping", keys=keys._replace(region="eu-west-1")),
        "scheme": signing("GET", "/ping", headers={"authorization": "Basic x"}),
    }
    for what, answer in answers.items():
        assert answer.status == 403, what
        assert answer.body["error"], what
    assert answers["unsigned"].body["message"] == "Missing Authentication Token"
    # Nothing has reached the function.
    assert signing.cloud.log.read_bytes() == b""
    assert stored(signing.cloud.firehose) == []
