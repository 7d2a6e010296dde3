"""Settings are checked once, and what is wrong is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrcf.errors import InvalidParameterError
from fastrcf.stack.function.settings import Settings

URI = {"FASTRCF_MODEL_URI": "s3://models/a/current.rcf"}


def test_all_of_the_templates():
    settings = Settings.of(
        {
            **URI,
            "FASTRCF_MODEL_VERSION_ID": "v1",
            "FASTRCF_BACKEND": "shadow",
            "FASTRCF_ENDPOINT": "fraud-rcf",
            "FASTRCF_CLASSIFIER_ENDPOINT": "fraud-xgb",
            "FASTRCF_THRESHOLD": "1.5",
            "FASTRCF_DELIVERY_STREAM": "fraud-results",
            "FASTRCF_DELIVER_FEATURES": "true",
            "FASTRCF_CORS_ORIGIN": "https://a.example, http://localhost:8000",
            "FASTRCF_METRICS_NAMESPACE": "fraud",
            "FASTRCF_SOLUTION": "fdml",
            "FASTRCF_LOG_LEVEL": "warning",
            "FASTRCF_COLUMNS": "a,b",
        }
    )
    assert settings == Settings(
        model_uri=URI["FASTRCF_MODEL_URI"],
        model_version_id="v1",
        backend="shadow",
        endpoint="fraud-rcf",
        classifier_endpoint="fraud-xgb",
        threshold=1.5,
        delivery_stream="fraud-results",
        deliver_features=True,
        cors_origins=("https://a.example", "http://localhost:8000"),
        metrics_namespace="fraud",
        solution="fdml",
        log_level="WARNING",
        columns=("a", "b"),
    )
    assert settings.bucket_and_key == ("models", "a/current.rcf")


def test_empty_is_as_good_as_absent():
    names = ("BACKEND", "ENDPOINT", "THRESHOLD", "CORS_ORIGIN", "LOG_LEVEL", "MODEL_VERSION_ID")
    empty = {f"FASTRCF_{name}": " " for name in names}
    assert Settings.of({**URI, **empty}) == Settings.of(URI)
    assert Settings.of({**URI, "AWS_LAMBDA_FUNCTION_NAME": "f"}).solution == "f"


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("MODEL_URI", "", "s3://bucket/key"),
        ("MODEL_URI", "s3://models", "s3://bucket/key"),
        ("MODEL_URI", "s3://models/folder/", "s3://bucket/key"),
        ("MODEL_URI", "https://models/x", "s3://bucket/key"),
        ("BACKEND", "both", "none of"),
        ("BACKEND", "shadow", "ENDPOINT"),
        ("ENDPOINT", "a b", "endpoint"),
        ("CLASSIFIER_ENDPOINT", "-a", "endpoint"),
        ("THRESHOLD", "high", "no number"),
        ("THRESHOLD", "nan", "finite"),
        ("DELIVERY_STREAM", "a/b", "stream"),
        ("DELIVER_FEATURES", "yes", "none of"),
        ("CORS_ORIGIN", "https://a.example/page", "origin"),
        ("CORS_ORIGIN", "https://a.example,", "nothing between"),
        ("METRICS_NAMESPACE", "AWS/Lambda", "namespace"),
        ("LOG_LEVEL", "loud", "none of"),
        ("COLUMNS", "a,a", "twice"),
        ("MODEL_REFRESH_SECONDS", "-1", "not in"),
        ("MAX_MODEL_BYTES", "0", "not in"),
    ],
)
def test_what_is_wrong_is_named(variable, value, words):
    with pytest.raises(InvalidParameterError, match=words) as error:
        Settings.of({**URI, f"FASTRCF_{variable}": value})
    assert f"FASTRCF_{variable}" in str(error.value) or words == "ENDPOINT"


def test_an_endpoint_needs_no_model_where_columns_are_told():
    only = {"FASTRCF_BACKEND": "sagemaker", "FASTRCF_ENDPOINT": "e"}
    assert Settings.of({**only, "FASTRCF_COLUMNS": "a,b"}).model_uri == ""
    with pytest.raises(InvalidParameterError, match="FASTRCF_COLUMNS"):
        Settings.of(only)


def test_files_have_no_versions():
    with pytest.raises(InvalidParameterError, match="FASTRCF_MODEL_VERSION_ID"):
        Settings.of({"FASTRCF_MODEL_URI": "model.rcf", "FASTRCF_MODEL_VERSION_ID": "v"})


NAMES = [
    "MODEL_URI",
    "MODEL_VERSION_ID",
    "BACKEND",
    "ENDPOINT",
    "THRESHOLD",
    "DELIVERY_STREAM",
    "CORS_ORIGIN",
    "COLUMNS",
    "MODEL_REFRESH_SECONDS",
    "MAX_MODEL_BYTES",
    "LOG_LEVEL",
]


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=12)))
def test_any_environment_is_settings_or_a_message(environment):
    try:
        settings = Settings.of({f"FASTRCF_{name}": text for name, text in environment.items()})
    except InvalidParameterError:
        return
    settings.check()
    assert settings.model_uri or settings.columns
