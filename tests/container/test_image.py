"""The Dockerfile keeps to the contract; hadolint has more to say in make lint."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.container.jobs import ROOT

FOLDER = ROOT / "deployment" / "container"


def instructions():
    text = (FOLDER / "Dockerfile").read_text()
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def test_the_last_stage_is_the_contracts():
    found = instructions()
    last = max(i for i, (word, _) in enumerate(found) if word == "FROM")
    stage = found[last:]
    labels = " ".join(rest for word, rest in stage if word == "LABEL")
    for name in ("multi-models", "accept-bind-to-port"):
        assert f'com.amazonaws.sagemaker.capabilities.{name}="true"' in labels
    (entry,) = [rest for word, rest in stage if word == "ENTRYPOINT"]
    assert json.loads(entry) == ["fastrcf", "container"]
    # `train` and `serve` come as arguments; a command would be in their way.
    assert not any(word in ("CMD", "USER", "VOLUME") for word, _ in stage)
    assert ("EXPOSE", "8080") in stage


def test_every_stage_begins_with_the_base_by_its_digest():
    bases = [rest for word, rest in instructions() if word == "FROM"]
    assert len(bases) == 2
    assert all(base.startswith("${PYTHON_IMAGE}@${PYTHON_DIGEST}") for base in bases)
    # A digest that is not given stops the build rather than follow a tag.
    assert ("ARG", "PYTHON_DIGEST") in instructions()


def test_what_is_copied_is_let_through_to_the_build():
    (copied,) = [
        rest.split()[:-1]
        for word, rest in instructions()
        if word == "COPY" and not rest.startswith("--from")
    ]
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text().split()
    assert ignored[0] == "*"
    assert {f"!{name}" for name in copied} == set(ignored[1:])


def test_of_several_wheels_the_one_that_fits_is_taken():
    """make function leaves one for the function's architecture beside the machine's."""
    (steps,) = [rest for word, rest in instructions() if word == "RUN" and "container.txt" in rest]
    assert "fastrcf-*.whl" not in steps
    assert "--no-index --no-deps --find-links . fastrcf" in " ".join(steps.split())


def test_the_locked_packages_are_those_of_the_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert extras["container"] == ["fastrcf[serve]"]
    wanted = extras["serve"] + project["dependencies"]
    locked = (ROOT / "requirements" / "container.txt").read_text()
    for requirement in wanted:
        name = re.match(r"[A-Za-z0-9-]+", requirement)[0]
        assert re.search(rf"^{name}==.*\\\n +--hash=sha256:", locked, re.MULTILINE), name
    assert len(re.findall(r"^[a-z].*==", locked, re.MULTILINE)) == locked.count("--hash") - len(
        re.findall(r"--hash.*\\$", locked, re.MULTILINE)
    )


def test_hadolint_has_nothing_to_say():
    here = Path(sys.executable).with_name("hadolint")
    tool = str(here) if here.exists() else shutil.which("hadolint")
    if tool is None:
        pytest.skip("hadolint is not installed (make dockerfile installs it)")
    done = subprocess.run(
        [tool, str(FOLDER / "Dockerfile")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout
