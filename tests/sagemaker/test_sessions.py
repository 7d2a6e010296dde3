"""Sessions of users, and the region that they name."""

import os

import pytest

from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker._session import Clients
from tests.sagemaker.aws import REGION, boto3, session


def test_sessions():
    class OfTheSdk:
        boto_session = session()

    assert Clients.of(OfTheSdk()).region == REGION
    assert Clients.of(session()).region == REGION


def test_the_region_is_asked_of_both_variables(monkeypatch):
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(InvalidParameterError, match="no region is set"):
        Clients.of(boto3.Session("id", "secret"))
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        with monkeypatch.context() as patch:
            patch.setenv(variable, "eu-west-3")
            clients = Clients.of(boto3.Session("id", "secret"))
            assert clients.region == "eu-west-3"
            assert clients.sagemaker.meta.region_name == "eu-west-3"
