"""Beside Amazon's SDK, where it is installed: ``make sdk`` runs this with versions 2 and 3.

Version 3 has no encoder of RecordIO any more, so that only version 2 tells its bytes.
"""

import importlib
import io
import os
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastrcf.sagemaker import encode_recordio
from fastrcf.sagemaker._session import Clients
from fastrcf.sagemaker.image import from_table, image_uri, regions
from tests.sagemaker.aws import REGION, session

pytestmark = pytest.mark.filterwarnings("ignore")
# The SDK writes int64 as Int32, and takes no int32.
WHOLE = st.integers(-(2**31), 2**31 - 1)
NUMBERS = {np.float32: None, np.float64: None, np.int64: WHOLE}
SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 20))


def arrays(shapes):
    """Draw arrays of each type that the SDK takes."""
    return st.one_of(hnp.arrays(kind, shapes, elements=each) for kind, each in NUMBERS.items())


def labels_of(X, draw):
    """Draw labels of any type, or none."""
    return draw(st.none() | arrays(len(X)))


def of_the_sdk(*places):
    """Give the first of some modules that the installed version has."""
    for place in places:
        with suppress(ImportError):
            return importlib.import_module(place)
    why = f"none of {', '.join(places)}: Amazon's SDK of this version is not installed"
    if os.environ.get("FASTRCF_NEEDS_SDK"):
        pytest.fail(why)
    pytest.skip(why)


def known_to(sdk):
    """Name the regions for which it has the algorithm."""
    return sdk.config_for_framework("randomcutforest")["versions"]["1"]["registries"]


def test_the_sdk_is_asked_where_it_is_installed():
    """In a process that has not imported it."""
    of_the_sdk("sagemaker.core.image_uris", "sagemaker.image_uris")
    code = """
import sys
import fastrcf.sagemaker
from fastrcf.sagemaker import image_uri
assert not [name for name in sys.modules if name.split(".")[0] == "sagemaker"]
image_uri("eu-west-1")
assert {"sagemaker.core.image_uris", "sagemaker.image_uris"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_images_are_those_of_the_sdk():
    sdk = of_the_sdk("sagemaker.core.image_uris", "sagemaker.image_uris")
    # Both ways: a region that the SDK gained is a gap of ours.
    assert regions() == sorted(known_to(sdk))
    for region in regions():
        theirs = sdk.retrieve("randomcutforest", region, version="1")
        assert from_table(region) == theirs
        assert image_uri(region) == theirs


def test_a_session_of_the_sdk_gives_its_clients():
    sdk = of_the_sdk("sagemaker.core.helper.session_helper", "sagemaker.session")
    held = session()
    clients = Clients.of(sdk.Session(boto_session=held))
    assert clients.session is held
    assert clients.region == REGION


@given(arrays(SHAPES), st.data())
def test_dense_records_are_those_of_the_sdk(X, data):
    sdk = of_the_sdk("sagemaker.amazon.common")
    labels = labels_of(X, data.draw)
    theirs = io.BytesIO()
    sdk.write_numpy_to_dense_tensor(theirs, X, labels)
    assert encode_recordio(X, labels) == theirs.getvalue()


@given(arrays(SHAPES), st.data())
def test_sparse_records_are_those_of_the_sdk(X, data):
    sdk = of_the_sdk("sagemaker.amazon.common")
    # Rows of few values, and without any.
    X = X * data.draw(hnp.arrays(bool, X.shape))
    labels, sparse, theirs = labels_of(X, data.draw), sp.csr_matrix(X), io.BytesIO()
    sdk.write_spmatrix_to_sparse_tensor(theirs, sparse, labels)
    assert encode_recordio(sparse, labels) == theirs.getvalue()
