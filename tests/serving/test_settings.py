"""What the environment says, and what the document says of it."""

import re
from pathlib import Path

import pytest

from fastrcf.container.settings import Settings
from fastrcf.errors import InvalidParameterError
from fastrcf.serving.limits import Limits

PAGE = (Path(__file__).parents[2] / "docs" / "container.md").read_text()


def test_defaults_and_the_document():
    table = PAGE.partition("### Environment")[2].partition("SIGTERM")[0]
    told = dict(re.findall(r"^\| `(\w+)` \| (?:`([^`]*)`)?", table, re.MULTILINE))
    settings = Settings.of({})
    assert settings == Settings()
    assert told == {
        "SAGEMAKER_BIND_TO_PORT": str(settings.port),
        "SAGEMAKER_MULTI_MODEL": str(settings.multi_model).lower(),
        "SAGEMAKER_BATCH": "false",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "",
        "FASTRCF_MAX_BODY_MB": str(settings.limits.body >> 20),
        "FASTRCF_MAX_WAITING": str(settings.limits.waiting),
        "FASTRCF_STOP_SECONDS": f"{settings.limits.stop_seconds:g}",
        "FASTRCF_MODEL_MEMORY": "",
        "FASTRCF_HOST": settings.host,
    }


def test_all_that_can_be_set():
    settings = Settings.of(
        {
            "SAGEMAKER_BIND_TO_PORT": "9000",
            "SAGEMAKER_MULTI_MODEL": "true",
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": "100",
            "FASTRCF_MAX_WAITING": "7",
            "FASTRCF_STOP_SECONDS": "3",
            "FASTRCF_MODEL_MEMORY": "1000",
            "FASTRCF_HOST": "127.0.0.1",
        }
    )
    assert (settings.port, settings.host) == (9000, "127.0.0.1")
    assert settings.multi_model
    assert settings.model_memory == 1000
    assert settings.limits == Limits(body=100 << 20, held=400 << 20, waiting=7, stop_seconds=3)
    assert Settings.of({"FASTRCF_MAX_BODY_MB": "1"}).limits.body == 1 << 20


def test_a_payload_of_zero_is_any_size(monkeypatch):
    """As SageMaker's documentation of MaxPayloadInMB has it: a quarter of memory stands for it."""
    monkeypatch.setattr("fastrcf.container.settings.available_memory", lambda: 16 << 30)
    any_size = {"SAGEMAKER_MAX_PAYLOAD_IN_MB": "0"}
    limits = Settings.of(any_size).limits
    assert limits.body == 4 << 30
    # One body beyond it is too large (413), and not in want of memory that others have (503).
    assert limits.held > limits.body
    # Where nothing is said, the limit stays; a small container does not lower it.
    assert Settings.of({"SAGEMAKER_MAX_PAYLOAD_IN_MB": ""}).limits == Limits()
    monkeypatch.setattr("fastrcf.container.settings.available_memory", lambda: 64 << 20)
    assert Settings.of(any_size).limits.body == Limits().body


def test_what_a_batch_job_says():
    batch = {"SAGEMAKER_BATCH": "true", "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD"}
    assert Settings.of(batch).limits == Limits(body_seconds=600)
    assert Settings.of({**batch, "SAGEMAKER_BATCH": "false"}).limits == Limits()
    many = batch | {
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "1",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "400",
    }
    limits = Settings.of(many).limits
    assert (limits.waiting, limits.held) == (400, 400 << 20)
    few = many | {"SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "0", "FASTRCF_MAX_WAITING": "9"}
    assert Settings.of(few).limits == Limits(waiting=9, body_seconds=600)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SAGEMAKER_BIND_TO_PORT", "http"),
        ("SAGEMAKER_BIND_TO_PORT", "70000"),
        ("FASTRCF_MAX_BODY_MB", "0"),
        ("FASTRCF_MAX_WAITING", "-1"),
        ("FASTRCF_STOP_SECONDS", "0"),
        ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "-1"),
        ("SAGEMAKER_MAX_CONCURRENT_TRANSFORMS", "many"),
        ("SAGEMAKER_MULTI_MODEL", "yes"),
        ("SAGEMAKER_BATCH", "on"),
    ],
)
def test_what_is_no_setting(name, text):
    with pytest.raises(InvalidParameterError, match=name):
        Settings.of({name: text})
