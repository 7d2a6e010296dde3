"""boto3 is needed by what talks to AWS, and by nothing else."""

import subprocess
import sys

CODE = """
import sys
sys.modules["boto3"] = None
import numpy as np
from fastrcf import sagemaker
from fastrcf.errors import MissingExtraError
ROLE = "arn:aws:iam::123456789012:role/r"
data = sagemaker.encode_recordio(np.ones((2, 3)))
assert sagemaker.decode_recordio(data)[0].shape == (2, 3)
assert sagemaker.image_uri("eu-west-1").startswith("438346466558.dkr.ecr.eu-west-1.")
assert sagemaker.Hyperparameters(3).num_trees == 100
assert "botocore" not in sys.modules
for ask in (
    lambda: sagemaker.Endpoint("x"),
    lambda: sagemaker.TrainingJob.of("x"),
    lambda: sagemaker.delete("x"),
    lambda: sagemaker.train([[1, 2]], role=ROLE, output="s3://b/o", accept_cost=True),
):
    try:
        ask()
    except MissingExtraError as error:
        assert "pip install 'fastrcf[sagemaker]'" in str(error)
    else:
        raise AssertionError("boto3 was not missed")
"""


def test_without_boto3():
    subprocess.run([sys.executable, "-c", CODE], check=True)


def test_every_name_is_there():
    from fastrcf import sagemaker

    for name in sagemaker.__all__:
        assert getattr(sagemaker, name).__name__ == name
    # Submodules and functions do not share names, so importing one never hides the other.
    assert callable(sagemaker.delete)
    assert callable(sagemaker.upload)
    assert dir(sagemaker) == sorted(sagemaker.__all__)
