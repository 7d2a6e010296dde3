"""The image of the managed algorithm in each region."""

import json
import sys
from types import SimpleNamespace

import pytest

from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker import (
    image_uri,
)
from tests.sagemaker.aws import IMAGE


def test_images_of_all_regions_have_botocores_domains():
    import botocore.session

    from fastrcf.sagemaker.image import regions

    assert len(regions()) == 37
    assert image_uri("eu-west-1") == IMAGE
    partitions = botocore.session.get_session().get_data("endpoints")["partitions"]
    for region in regions():
        account, _, rest = image_uri(region).partition(".dkr.ecr.")
        assert account.isdigit()
        assert len(account) == 12
        (domain,) = (p["dnsSuffix"] for p in partitions if region in p["regions"])
        assert rest == f"{region}.{domain}/randomcutforest:1", region
    with pytest.raises(InvalidParameterError, match="'mars-1' does not have"):
        image_uri("mars-1")


def test_an_sdk_that_is_there_is_asked(monkeypatch):
    def retrieve(framework, region, version):
        if region == "mars-1":
            raise ValueError("Unsupported region: mars-1")
        return f"{framework}/{region}/{version}"

    sdk = SimpleNamespace(retrieve=retrieve)
    monkeypatch.setitem(sys.modules, "sagemaker.core.image_uris", sdk)
    assert image_uri("new-region-1") == "randomcutforest/new-region-1/1"
    with pytest.raises(InvalidParameterError, match="Unsupported region: mars-1"):
        image_uri("mars-1")


def test_the_recorded_table_of_registries(data):
    from fastrcf.sagemaker.image import from_table, regions

    path = data / "managed_rcf" / "registries.json"
    if not path.is_file():
        pytest.skip(f"no {path.name}")
    recorded = json.loads(path.read_text())["versions"]["1"]["registries"]
    assert regions() == sorted(recorded)
    for region, account in recorded.items():
        assert from_table(region).startswith(f"{account}.dkr.ecr.{region}.")
