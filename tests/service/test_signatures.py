"""Signatures by botocore, as clients make them, verified over a socket and by the clock."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrcf.errors import FastRCFError
from fastrcf.service.app import Options, application
from fastrcf.service.auth import BySignature
from fastrcf.service.core import LocalModel, Service
from fastrcf.service.signatures import Secret, Signatures, of_environment, of_file
from fastrcf.serving.problems import Problem
from tests.serving.live import serving

botocore_auth = pytest.importorskip("botocore.auth", reason="botocore is not installed")
AWSRequest = pytest.importorskip("botocore.awsrequest").AWSRequest
Credentials = pytest.importorskip("botocore.credentials").Credentials

KEY, SECRET, REGION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "eu-west-1"
HOST = "127.0.0.1:8080"


def sign(method, target, body=b"", *, region=REGION, service="execute-api", token=None, **headers):
    """Give the headers of a signed request."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = AWSRequest(method, f"http://{HOST}{target}", data=body, headers=headers)
    key, secret = headers.pop("key", KEY), SECRET
    botocore_auth.SigV4Auth(Credentials(key, secret, token), service, region).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()} | {"host": HOST}


def verify(method, target, body, headers, now=None, secret=None):
    signatures = Signatures({KEY: secret or Secret("me", SECRET)}, REGION, now=now)
    return signatures.body(signatures.head(method, target, headers), body)


def refused(*args, **given):
    with pytest.raises(Problem) as caught:
        verify(*args, **given)
    assert SECRET not in str(caught.value)
    return caught.value.status, caught.value.kind


@given(
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(["/", "/v1/score", "/a%20b", "/v1/score?extra=ignore&b=%2F&a=", "/x?a=1&a=0"]),
    st.binary(max_size=50),
)
@settings(max_examples=60, deadline=None)
def test_what_botocore_signs_is_let_in(method, target, body):
    headers = sign(method, target, body, content_type="text/csv", x_other="  a   b ")
    assert verify(method, target, body, headers) == "me"


def test_whatever_is_changed_is_refused():
    headers = sign("POST", "/v1/score", b"1,2,3", content_type="text/csv")
    assert verify("POST", "/v1/score", b"1,2,3", headers) == "me"
    wrong = (403, "wrong_signature")
    assert refused("POST", "/v1/score", b"1,2,4", headers) == wrong
    assert refused("POST", "/v1/detect", b"1,2,3", headers) == wrong
    assert refused("POST", "/v1/score?extra=ignore", b"1,2,3", headers) == wrong
    assert refused("GET", "/v1/score", b"1,2,3", headers) == wrong
    for name in ("host", "content-type"):
        assert refused("POST", "/v1/score", b"1,2,3", {**headers, name: "other"}) == wrong
    last = headers["authorization"]
    changed = last[:-1] + ("0" if last[-1] != "0" else "1")
    assert refused("POST", "/v1/score", b"1,2,3", {**headers, "authorization": changed}) == wrong
    other = Secret("me", "another")
    assert refused("POST", "/v1/score", b"1,2,3", headers, secret=other) == wrong


def test_a_body_other_than_its_hash():
    headers = sign("POST", "/v1/score", b"1,2,3", x_amz_content_sha256="0" * 64)
    assert refused("POST", "/v1/score", b"1,2,3", headers) == (403, "wrong_body")
    headers = sign("POST", "/v1/score", b"1,2,3", x_amz_content_sha256="UNSIGNED-PAYLOAD")
    assert refused("POST", "/v1/score", b"1,2,3", headers) == (403, "wrong_body")


@pytest.mark.parametrize(("late", "kind"), [(301, "expired"), (-301, "expired"), (290, None)])
def test_clocks(late, kind):
    from datetime import UTC, datetime

    headers = sign("GET", "/v1/model")
    at = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    if kind is None:
        assert verify("GET", "/v1/model", b"", headers, now=lambda: at + late) == "me"
    else:
        assert refused("GET", "/v1/model", b"", headers, now=lambda: at + late) == (403, kind)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"region": "us-east-1"}, "wrong_region"),
        ({"service": "s3"}, "wrong_signature"),
        ({"key": "AKIDOTHER"}, "unknown_key"),
    ],
)
def test_other_regions_services_and_callers(changes, kind):
    headers = sign("GET", "/v1/model", **changes)
    assert refused("GET", "/v1/model", b"", headers) == (403, kind)


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("", 401),
        ("Bearer x", 401),
        ("AWS4-HMAC-SHA256", 403),
        ("AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c", 403),
        (f"AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=b, Signature={'0' * 64}", 403),
    ],
)
def test_headers_that_are_none(authorization, status):
    headers = sign("GET", "/v1/model") | {"authorization": authorization}
    assert refused("GET", "/v1/model", b"", headers)[0] == status
    if authorization:
        headers["x-amz-date"] = "now"
        assert refused("GET", "/v1/model", b"", headers)[0] == status


def test_headers_of_aws_have_to_be_signed():
    headers = sign("GET", "/v1/model") | {"x-amz-target": "other"}
    assert refused("GET", "/v1/model", b"", headers) == (403, "wrong_signature")
    headers = sign("GET", "/v1/model")
    headers["authorization"] = headers["authorization"].replace("host;", "")
    assert refused("GET", "/v1/model", b"", headers) == (403, "wrong_signature")


def test_sessions_have_a_token():
    secret = Secret("me", SECRET, "the-token")
    headers = sign("GET", "/v1/model", token="the-token")
    assert verify("GET", "/v1/model", b"", headers, secret=secret) == "me"
    headers = sign("GET", "/v1/model", token="another")
    assert refused("GET", "/v1/model", b"", headers, secret=secret)[0] == 403
    assert refused("GET", "/v1/model", b"", sign("GET", "/v1/model"), secret=secret)[0] == 403


def test_over_a_socket(detector):
    options = Options(BySignature(Signatures({KEY: Secret("me", SECRET)}, REGION)))
    service = Service(LocalModel(detector, "v1"))
    with serving(lambda load: application(service, load, options)) as client:
        body = json.dumps({"amount": 1, "items": 2, "hour": 3}).encode()
        signed = sign("POST", "/v1/detect?extra=ignore", body, content_type="application/json")
        ask = {name.replace("-", "_"): value for name, value in signed.items()}
        assert client.ask("POST", "/v1/detect?extra=ignore", body, **ask)[0] == 200
        changed = body.replace(b"1", b"7")
        assert client.ask("POST", "/v1/detect?extra=ignore", changed, **ask)[0] == 403
        assert client.ask("GET", "/v1/model")[0] == 401
        assert client.ask("GET", "/ping")[0] == 200


def test_credentials_come_from_the_environment_or_a_file(tmp_path):
    environment = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    assert of_environment(environment) == {"a": Secret("environment", "b")}
    assert of_environment({}) == {}
    path = tmp_path / "credentials"
    path.write_text(
        "[default]\naws_access_key_id = a\naws_secret_access_key = b%c\n"
        "[job]\naws_access_key_id=c\naws_secret_access_key=d\naws_session_token=e\n[empty]\n"
    )
    assert of_file(path) == {"a": Secret("default", "b%c"), "c": Secret("job", "d", "e")}
    path.write_text("aws_secret_access_key = hidden")
    with pytest.raises(FastRCFError) as caught:
        of_file(path)
    assert "hidden" not in str(caught.value)
    with pytest.raises(FastRCFError, match="no credentials"):
        Signatures({}, REGION)
