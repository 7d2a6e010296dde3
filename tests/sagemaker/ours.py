"""This package's container where moto stands for AWS, which runs none.

Its own commands train on the objects that were uploaded, by the job's own description,
and serve on loopback.
"""

import io
import json
import os
import re
import subprocess
import sys
import tarfile
from contextlib import contextmanager

IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/fastrcf:1"
COMMAND = [sys.executable, "-m", "fastrcf.cli", "container"]


def lay_out(job, root, s3):
    """Put below a root what SageMaker would: the job's description, and its objects."""
    config = root / "input" / "config"
    config.mkdir(parents=True)
    channels = {}
    for channel in job["InputDataConfig"]:
        name = channel["ChannelName"]
        source = channel["DataSource"]["S3DataSource"]
        bucket, _, prefix = source["S3Uri"].removeprefix("s3://").partition("/")
        folder = root / "input" / "data" / name
        folder.mkdir(parents=True)
        for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
            s3.download_file(bucket, entry["Key"], str(folder / entry["Key"].rpartition("/")[2]))
        channels[name] = {
            "ContentType": channel["ContentType"],
            "TrainingInputMode": job["AlgorithmSpecification"]["TrainingInputMode"],
            "S3DistributionType": source["S3DataDistributionType"],
        }
    for name, told in {
        "hyperparameters": job["HyperParameters"],
        "inputdataconfig": channels,
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
    }.items():
        (config / f"{name}.json").write_text(json.dumps(told))


def trained(job, root, s3):
    """Train as the job says, and put its artifact where it says; give the log."""
    lay_out(job, root, s3)
    done = subprocess.run(
        [*COMMAND, "train", "--root", str(root)], check=True, capture_output=True, text=True
    )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(root / "model" / "model.rcf", "model.rcf")
    artifact = job["ModelArtifacts"]["S3ModelArtifacts"]
    bucket, _, key = artifact.removeprefix("s3://").partition("/")
    s3.put_object(Bucket=bucket, Key=key, Body=packed.getvalue())
    return done.stdout


@contextmanager
def served(root, **environment):
    """Serve what is below a root, in a process of its own; give the address."""
    given = {"SAGEMAKER_BIND_TO_PORT": "0", "FASTRCF_HOST": "127.0.0.1", **environment}
    with subprocess.Popen(
        [*COMMAND, "serve", "--root", str(root)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **given},
    ) as process:
        try:
            yield re.search(r"http://[\d.]+:\d+", process.stdout.readline())[0]
        finally:
            process.terminate()
            # Read to its end: the server still says that it stopped.
            process.communicate(timeout=20)
