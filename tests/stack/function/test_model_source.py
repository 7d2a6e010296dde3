"""The model from S3, by version or the newest; what is broken, missing or forbidden."""

import io
import logging
import os

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber

from fastrcf.stack.function.clients import Clients
from fastrcf.stack.function.model_source import ModelSource, ModelUnavailable
from fastrcf.stack.function.settings import Settings
from tests.stack.conftest import ROW
from tests.stack.function.calls import Clock, Context, clients, event, function, together, told
from tests.stack.function.conftest import BUCKET

KEY = "a/current.rcf"
URI = f"s3://{BUCKET}/{KEY}"
PING = event("/ping", method="GET")


def settings(tmp_path, **more):
    given = {"FASTRCF_MODEL_URI": URI, "FASTRCF_CACHE": str(tmp_path / "cache")}
    return Settings.of({**given, **{f"FASTRCF_{name.upper()}": v for name, v in more.items()}})


def made(tmp_path, s3, clock=None, **more):
    more.setdefault("cache", str(tmp_path / "cache"))
    return function(URI, made=clients(s3=s3), clock=clock, **more)


def put(s3, model):
    return s3.put_object(Bucket=BUCKET, Key=KEY, Body=bytes(model))["VersionId"]


def version_of(answering):
    status, body = told(answering(PING, Context()))
    assert status == 200, body
    return body["model_version"]


def test_a_version_is_kept(s3, detector, other, tmp_path):
    first = put(s3, detector)
    clock = Clock()
    put(s3, other)
    answering = made(tmp_path, s3, clock, model_version_id=first)
    found = version_of(answering)
    assert told(answering(event("/v1/score", [[25.0, 3, 0.5]]), None))[1]["scores"] == [
        pytest.approx(float(detector.score([[25.0, 3, 0.5]])[0]), abs=1e-9)
    ]
    # A process that starts later in the same environment asks nobody.
    clock.now += 1e6
    assert version_of(answering) == found
    assert version_of(function(URI, cache=str(tmp_path / "cache"), model_version_id=first)) == found


def test_the_newest_is_taken_after_a_while(s3, detector, other, tmp_path):
    put(s3, detector)
    clock = Clock()
    answering = made(tmp_path, s3, clock)
    first = version_of(answering)
    put(s3, other)
    clock.now += 59
    assert version_of(answering) == first
    clock.now += 2
    second = version_of(answering)
    assert second != first
    # Only the newest takes up space.
    assert len(list((tmp_path / "cache").glob("*.rcf"))) == 1
    assert version_of(made(tmp_path, s3)) == second


def test_one_that_has_not_changed_is_not_downloaded_again(s3, detector, tmp_path):
    put(s3, detector)
    source = ModelSource(settings(tmp_path), clients(s3=s3))
    found = source.newest()
    assert source.newest(found.mark) is None
    source.keep(found)
    changed = found.path.stat().st_mtime_ns
    again = ModelSource(settings(tmp_path), clients(s3=s3)).newest()
    assert again == found
    assert again.path.stat().st_mtime_ns == changed


def test_a_broken_one_leaves_the_one_before(s3, detector, other, tmp_path, caplog):
    put(s3, detector)
    clock = Clock()
    answering = made(tmp_path, s3, clock)
    first = version_of(answering)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"no model")
    with caplog.at_level(logging.ERROR, "fastrcf.function"):
        clock.now += 100
        assert version_of(answering) == first
    assert "the model that is held stays" in caplog.text
    assert "is no model" in caplog.text
    caplog.clear()
    clock.now += 100
    assert version_of(answering) == first
    # It was told once; the object is as it was.
    assert [r for r in caplog.records if r.name.startswith("fastrcf")] == []
    put(s3, other)
    clock.now += 100
    assert version_of(answering) != first


def test_a_broken_one_at_the_start_is_looked_at_again(s3, detector, tmp_path):
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"no model")
    clock = Clock()
    answering = made(tmp_path, s3, clock)
    status, body = told(answering(PING, Context()))
    assert (status, body["error"]) == (503, "model_unavailable")
    assert "is no model" in body["message"]
    put(s3, detector)
    # Not at once: requests would all wait for S3.
    assert told(answering(PING, Context()))[0] == 503
    clock.now += 6
    assert told(answering(PING, Context()))[0] == 200


def test_a_damaged_file_of_an_earlier_start_is_fetched_again(s3, detector, tmp_path):
    put(s3, detector)
    version_of(made(tmp_path, s3))
    (kept,) = (tmp_path / "cache").glob("*.rcf")
    kept.write_bytes(b"damaged")
    clock = Clock()
    answering = made(tmp_path, s3, clock)
    assert told(answering(PING, Context()))[0] == 503
    clock.now += 6
    assert told(answering(PING, Context()))[0] == 200


def test_s3_that_is_away_leaves_the_one_before(s3, detector, tmp_path):
    put(s3, detector)
    first = version_of(made(tmp_path, s3))

    class Away:
        def get_object(self, **asked):
            raise EndpointConnectionError(endpoint_url="https://s3")

    assert version_of(made(tmp_path, Away())) == first


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("AccessDenied", 403, "s3:GetObject"),
        ("NoSuchBucket", 404, "bucket does not exist"),
        ("NoSuchKey", 404, "upload the model"),
        ("NoSuchVersion", 404, "FASTRCF_MODEL_VERSION_ID"),
        ("InvalidObjectState", 403, "archived"),
        ("SlowDown", 503, "SlowDown"),
    ],
)
def test_what_s3_refuses(tmp_path, code, status, words):
    s3 = boto3.client("s3", "eu-west-1", aws_access_key_id="i", aws_secret_access_key="s")
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", code, http_status_code=status)
        answered = told(made(tmp_path, s3)(event("/v1/score", [[1, 2, 3]]), Context()))
    assert answered[0] == 503
    assert words in answered[1]["message"]
    # Names of buckets are for the log alone, which has AWS's error too.
    assert BUCKET not in answered[1]["message"]


def test_missing_bucket_and_object(s3, tmp_path):
    assert "upload the model" in told(made(tmp_path, s3)(PING, Context()))[1]["message"]
    gone = function("s3://nobody/x", made=clients(s3=s3), cache=str(tmp_path / "c"))
    assert "bucket does not exist" in told(gone(PING, Context()))[1]["message"]


def test_without_credentials(tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    answering = function(URI, made=Clients(), cache=str(tmp_path / "c"))
    assert "NoCredentialsError" in told(answering(PING, Context()))[1]["message"]


def test_too_large_and_in_part(s3, detector, tmp_path):
    put(s3, detector)
    small = ModelSource(settings(tmp_path, max_model_bytes="100"), clients(s3=s3))
    with pytest.raises(ModelUnavailable, match="FASTRCF_MAX_MODEL_BYTES"):
        small.newest()

    class Cut:
        def get_object(self, **asked):
            return {"Body": io.BytesIO(b"abc"), "ContentLength": 5, "ETag": '"x"'}

    class Longer:
        """Says less than it sends."""

        def get_object(self, **asked):
            return {"Body": io.BytesIO(b"x" * 300), "ContentLength": 5, "ETag": '"x"'}

    with pytest.raises(ModelUnavailable, match="3 of 5 bytes"):
        ModelSource(settings(tmp_path), clients(s3=Cut())).newest()
    with pytest.raises(ModelUnavailable, match="FASTRCF_MAX_MODEL_BYTES"):
        ModelSource(settings(tmp_path, max_model_bytes="200"), clients(s3=Longer())).newest()
    assert list((tmp_path / "cache").iterdir()) == []


def test_no_room_for_it(s3, detector, tmp_path):
    put(s3, detector)
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(ModelUnavailable, match="temporary storage"):
        ModelSource(settings(tmp_path), clients(s3=s3)).newest()


def test_files_of_this_machine(model, other, tmp_path):
    clock = Clock()
    answering = function(model, clock=clock, model_refresh_seconds="1")
    first = version_of(answering)
    other.save(tmp_path / "new")
    os.replace(tmp_path / "new", model)
    assert version_of(answering) == first
    clock.now += 1
    second = version_of(answering)
    assert second != first
    model.unlink()
    clock.now += 2
    assert version_of(answering) == second


def test_threads_load_it_once(s3, detector, tmp_path):
    put(s3, detector)
    asked = []

    class Counting:
        def get_object(self, **given):
            asked.append(given)
            return s3.get_object(**given)

    answering = made(tmp_path, Counting())
    given = event("/invocations", {"data": ROW, "metadata": ["a"]})
    answers = together(4, lambda: told(answering(given, Context())))
    assert len(asked) == 1
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0] == 200


def test_the_error_is_aws_own_for_who_looks(s3, tmp_path):
    with pytest.raises(ModelUnavailable) as error:
        ModelSource(settings(tmp_path), clients(s3=s3)).newest()
    assert isinstance(error.value.__cause__, ClientError)
