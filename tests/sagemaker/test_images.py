"""The image of the managed algorithm in each region."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker import (
    image_uri,
)
from fastrcf.sagemaker.image import from_table
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


def installed(folder, *parts, text):
    """Put a module of a package ``sagemaker`` into a folder."""
    place = folder / "sagemaker"
    for part in parts[:-1]:
        place = place / part
    place.mkdir(parents=True, exist_ok=True)
    (folder / "sagemaker" / "__init__.py").touch()
    (place / "__init__.py").touch()
    (place / f"{parts[-1]}.py").write_text(text)


def asked(folder, *regions):
    """Ask a process for the images of regions; give its lines, and its debug log."""
    code = f"""
import logging, sys
logging.basicConfig(level=logging.DEBUG)
import fastrcf, fastrcf.cli, fastrcf.sagemaker
from fastrcf.sagemaker import image_uri
assert not [name for name in sys.modules if name.split(".")[0] == "sagemaker"]
for region in {regions!r}:
    print(image_uri(region))
"""
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    return done.stdout.splitlines(), done.stderr


RETRIEVE = """
print("sagemaker.config INFO - Not applying SDK defaults")
def retrieve(framework, region, version):
    if region == "eu-west-1":
        raise ValueError("Unsupported region: eu-west-1")
    if region == "eu-west-2":
        raise KeyError(region)
    return f"{framework}/{region}/{version}"
"""


@pytest.mark.parametrize("parts", [("core", "image_uris"), ("image_uris",)])
def test_an_sdk_that_is_installed_is_asked(tmp_path, parts):
    """Version 3 and version 2, which nobody has imported; what they print is no answer."""
    installed(tmp_path, *parts, text=RETRIEVE)
    lines, log = asked(tmp_path, "new-region-1", "eu-west-1", "eu-west-2")
    # Where it is older than the table, or fails, the table answers.
    assert lines == ["randomcutforest/new-region-1/1", IMAGE, from_table("eu-west-2")]
    assert "Not applying SDK defaults" in log
    assert "Unsupported region: eu-west-1" in log


def test_an_sdk_that_cannot_be_imported_is_passed_over(tmp_path):
    text = "import a_package_that_is_missing"
    installed(tmp_path, "core", "image_uris", text=text)
    lines, log = asked(tmp_path, "eu-west-1", "eu-west-1")
    assert lines == [IMAGE, IMAGE]
    # Once, and its error is in the log.
    assert log.count("sagemaker.core.image_uris cannot be imported") == 1
    assert "a_package_that_is_missing" in log


@pytest.mark.parametrize("name", ["sagemaker.py", "sagemaker/notes.txt"])
def test_a_users_own_file_is_no_sdk(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("raise SystemExit('it was run')")
    assert asked(tmp_path, "eu-west-1")[0] == [IMAGE]


def test_the_recorded_table_of_registries(data):
    from fastrcf.sagemaker.image import regions

    path = data / "managed_rcf" / "registries.json"
    if not path.is_file():
        pytest.skip(f"no {path.name}")
    recorded = json.loads(path.read_text())["versions"]["1"]["registries"]
    assert regions() == sorted(recorded)
    for region, account in recorded.items():
        assert from_table(region).startswith(f"{account}.dkr.ecr.{region}.")
