"""AWS by moto, or by clients whose every call is written down beforehand."""

from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import pytest

boto3 = pytest.importorskip("boto3", reason="boto3 is not installed (extra sagemaker)")
pytest.importorskip("yaml", reason="PyYAML is not installed (extra cli)")

from botocore.stub import Stubber  # noqa: E402

import fastrcf  # noqa: E402
from fastrcf.stack._clients import StackClients  # noqa: E402
from tests.sagemaker.conftest import aws, moto_url  # noqa: E402, F401
from tests.stack.commands.made import ACCOUNT, REGION  # noqa: E402


@lru_cache(maxsize=1)
def session():
    """One for all tests: it keeps what it has read of AWS's interfaces."""
    return boto3.Session("id", "secret", region_name=REGION)


@pytest.fixture
def clients(aws):  # noqa: F811
    """Clients of moto."""
    return StackClients.of(session())


@pytest.fixture
def stubbed():
    """Clients of which the named ones answer what is added, in order, and nothing else."""

    @contextmanager
    def of(*names):
        found = StackClients(session(), REGION)
        # What AWS would be asked first.
        found.__dict__["account"] = ACCOUNT
        stubs = {name: Stubber(getattr(found, name)) for name in names}
        for stub in stubs.values():
            stub.activate()
        yield found, stubs
        for stub in stubs.values():
            stub.assert_no_pending_responses()

    return of


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A model file."""
    path = tmp_path_factory.mktemp("model") / "model.rcf"
    rows = np.random.default_rng(3).normal(size=(400, 2))
    detector = fastrcf.Detector(n_trees=10, sample_size=64, random_state=1)
    detector.fit({"amount": rows[:, 0], "hour": rows[:, 1]})
    detector.save(path)
    return path


@pytest.fixture(scope="session")
def code(tmp_path_factory):
    """A function's zip, as far as a deployment looks into it."""
    import zipfile

    path = tmp_path_factory.mktemp("code") / "function.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(zipfile.ZipInfo("index.py"), "def handler(event, context): ...\n")
    return path
