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
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "",
        "FASTRCF_MAX_BODY_MB": str(settings.limits.body >> 20),
        "FASTRCF_MAX_WAITING": str(settings.limits.waiting),
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
            "FASTRCF_MODEL_MEMORY": "1000",
            "FASTRCF_HOST": "127.0.0.1",
        }
    )
    assert (settings.port, settings.host) == (9000, "127.0.0.1")
    assert settings.multi_model
    assert settings.model_memory == 1000
    assert settings.limits == Limits(body=100 << 20, held=400 << 20, waiting=7)
    assert Settings.of({"FASTRCF_MAX_BODY_MB": "1"}).limits.body == 1 << 20


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SAGEMAKER_BIND_TO_PORT", "http"),
        ("SAGEMAKER_BIND_TO_PORT", "70000"),
        ("FASTRCF_MAX_BODY_MB", "0"),
        ("FASTRCF_MAX_WAITING", "-1"),
    ],
)
def test_what_is_no_setting(name, text):
    with pytest.raises(InvalidParameterError, match=name):
        Settings.of({name: text})
