"""Signatures are botocore's to the letter, whatever was signed before."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrcf._sigv4 import Scope

pytest.importorskip("botocore", reason="botocore is not installed (extra sagemaker)")

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

EMPTY = sha256(b"").hexdigest()


def expected(secret, method, target, headers, region="eu-west-1"):
    """Sign a request without a body by botocore."""
    request = AWSRequest(method, f"http://{headers['host']}{target}", headers=headers)
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials("id", secret), "execute-api", region)
    return signer.signature(
        signer.string_to_sign(request, signer.canonical_request(request)), request
    )


def headers(day="20261129", **more):
    return {"host": "h:8080", "x-amz-date": f"{day}T120000Z", **more}


parts = st.text("ab.~%2/ é+*", max_size=8).map(lambda text: text.encode().decode("latin-1"))
queries = st.lists(st.sampled_from(["a=1", "a=0", "b", "a", "=", "b=%2F&a", ""]), max_size=4)


@given(st.sampled_from(["GET", "post"]), parts, queries, st.text("a b\t", max_size=6))
@settings(max_examples=150, deadline=None)
def test_any_target_and_header(method, path, query, value):
    target = f"/{path}" + (f"?{'&'.join(query)}" if query else "")
    given = headers(**{"x-other": value, "content-type": "text/csv"})
    found = Scope("eu-west-1", "execute-api").signature("s", method, target, given, EMPTY)
    assert found == expected("s", method, target, given)


def test_keys_are_those_of_the_day_and_the_caller():
    scope = Scope("eu-west-1", "execute-api")
    days = [f"202611{day:02}" for day in range(1, 31)]
    # More than are kept, and each again.
    asked = [(f"secret {i}", day) for _ in range(2) for i in range(3) for day in days]
    for secret, day in asked:
        given = headers(day)
        found = scope.signature(secret, "GET", "/", given, EMPTY)
        assert found == expected(secret, "GET", "/", given)
    assert 0 < len(scope._keys) <= 64
    assert scope.signature("secret 0", "GET", "/", headers(), EMPTY) != expected(
        "secret 0", "GET", "/", headers(), region="us-east-1"
    )


def test_a_key_is_derived_once(monkeypatch):
    import fastrcf._sigv4 as module

    derived = []
    digest = module.hmac.digest
    monkeypatch.setattr(
        module.hmac, "digest", lambda *given: derived.append(given) or digest(*given)
    )
    scope = Scope("eu-west-1", "execute-api")
    for _ in range(5):
        scope.signature("s", "GET", "/", headers(), EMPTY)
    assert len(derived) == 4
