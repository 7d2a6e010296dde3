"""Signatures as the other side checks them: by signing what came once more."""

import datetime
import hashlib

import pytest

pytest.importorskip("botocore")

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.traffic import send
from fastrcf.traffic.auth import SigV4Auth as SigV4
from fastrcf.traffic.auth import choose
from fastrcf.traffic.target import parse
from tests.traffic.server import answered, scored, serving

IDENTITY = ("AKIDEXAMPLE", "not-a-secret")


@pytest.fixture
def identity(monkeypatch, tmp_path):
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", IDENTITY[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", IDENTITY[1])


def signature(request, region, secret):
    """Sign a request that came, as its signer should have."""
    url = f"http://{request.headers['host']}{request.path}"
    signed = request.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    again = AWSRequest("POST", url, data=request.body)
    for name in signed:
        again.headers[name] = request.headers[name]
    again.context["timestamp"] = request.headers["x-amz-date"]
    signer = SigV4Auth(Credentials(IDENTITY[0], secret), "execute-api", region)
    canonical = signer.canonical_request(again)
    return signer.signature(signer.string_to_sign(again, canonical), again)


def checked(request):
    told = request.headers.get("authorization", "")
    good = told.endswith("Signature=" + signature(request, "eu-west-3", IDENTITY[1]))
    return scored(request) if good else answered({"message": "Forbidden"}, 403)


def test_requests_are_signed_one_by_one(identity):
    with serving(checked) as server:
        url = server.url + "?stage=a%20b"
        asks = choose("sigv4", parse(url), region="eu-west-3")
        report = send(url, auth=asks, rate=200, requests=20)
        assert report.ran.tally.good == 20, report
        # Bodies differ, and so do signatures.
        assert len({request.headers["authorization"] for request in server.requests}) == 20
        stamp = datetime.datetime.strptime(
            server.requests[0].headers["x-amz-date"], "%Y%m%dT%H%M%SZ"
        ).replace(tzinfo=datetime.UTC)
        assert abs(datetime.datetime.now(datetime.UTC) - stamp) < datetime.timedelta(minutes=1)
        body = server.requests[0].body
        assert (
            hashlib.sha256(body).hexdigest() != hashlib.sha256(server.requests[1].body).hexdigest()
        )


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/prod/invocations",
        "http://Example.COM:80/a%20b/../c?b=2&a=%2F&b=1",
        "https://abc.execute-api.eu-west-3.amazonaws.com:443",
        "https://example.com:8443/?stage",
        "http://[::1]:8800/prod",
    ],
)
@pytest.mark.parametrize("token", [None, "the-token"])
def test_what_is_sent_is_what_botocore_would_send(url, token, monkeypatch):
    """Whatever the address: hosts lose the scheme's own port, sessions have a token."""
    credentials = Credentials(*IDENTITY, token)
    body = b'{"data": "1,2"}'
    found = SigV4(credentials, "eu-west-3").headers(url, body, "application/json")
    request = AWSRequest("POST", url, data=body, headers={"content-type": "application/json"})
    stamp = datetime.datetime.strptime(found["x-amz-date"], "%Y%m%dT%H%M%SZ")
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: stamp)
    SigV4Auth(credentials, "execute-api", "eu-west-3").add_auth(request)
    assert found == {name.lower(): value for name, value in request.headers.items()}


@pytest.mark.parametrize("wrong", ["region", "secret"])
def test_a_wrong_signature_is_an_error_of_403(identity, monkeypatch, wrong):
    if wrong == "secret":
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with serving(checked) as server:
        region = "eu-west-1" if wrong == "region" else "eu-west-3"
        asks = choose("sigv4", parse(server.url), region=region)
        report = send(server.url, auth=asks, rate=100, requests=5)
        (failure,) = report.ran.tally.failures
        assert (failure.kind, failure.status, failure.count) == ("status", 403, 5)
        assert failure.example == "Forbidden"


def test_what_is_needed_for_signatures_is_named(identity, monkeypatch):
    with pytest.raises(InvalidParameterError, match="--region"):
        choose("sigv4", parse("http://127.0.0.1/invocations"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(InvalidInputError, match="AWS_PROFILE"):
        choose("sigv4", parse("http://127.0.0.1/invocations"), region="eu-west-3")
