"""From a table to scores through our own container, as a user types it.

moto stands for AWS and runs no container: here the container's own commands train on
the objects that were uploaded, by the job's own description, and serve on loopback.
"""

import io
import json
import os
import re
import subprocess
import sys
import tarfile

import numpy as np
import polars as pl
import pytest

boto3 = pytest.importorskip("boto3", reason="boto3 is not installed (extra sagemaker)")
pytest.importorskip("moto", reason="moto is not installed")
pytest.importorskip("uvicorn", reason="the extra serve is not installed")

from fastrcf.cli import main  # noqa: E402
from fastrcf.container.hyperparameters import parse  # noqa: E402
from fastrcf.container.metrics import METRIC_DEFINITIONS  # noqa: E402
from fastrcf.errors import InvalidParameterError  # noqa: E402
from fastrcf.sagemaker import train  # noqa: E402
from fastrcf.sagemaker._session import Clients  # noqa: E402
from tests.sagemaker.aws import ROLE  # noqa: E402

IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/fastrcf:1"
CONTAINER = [sys.executable, "-m", "fastrcf.cli", "container"]


def run(*words, code=0):
    assert main(["sagemaker", *map(str, words)]) == code


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


def test_train_deploy_predict_compare_delete(aws, tmp_path, rng, capfd):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="rows", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    rows = rng.normal(size=(2000, 3))
    rows[::100] *= 6
    table = tmp_path / "rows.parquet"
    names = ["amount", "items", "distance"]
    frame = pl.DataFrame(dict(zip(names, rows.T, strict=True)))
    frame.with_columns(fraud=(np.arange(2000) % 100 == 0).astype(int)).write_parquet(table)

    paid = ("--role", ROLE, "--accept-cost", "--poll", 0)
    training = ("train", table, "--output", "s3://rows/fraud", "--label", "fraud", "--test", table)
    # A name that the container does not know costs nothing.
    bad = ("--image", IMAGE, "--hyperparameter", "modle=detector")
    run(*training, *paid, *bad, code=1)
    assert "is 'model' meant?" in capfd.readouterr().err
    assert "Contents" not in s3.list_objects_v2(Bucket="rows")
    ours = ("--image", IMAGE, "--hyperparameter", "alert_rate=0.02", "--trees", 60, "--json")
    capfd.readouterr()
    run(*training, *paid, *ours)
    told = json.loads(capfd.readouterr().out)

    sagemaker = boto3.client("sagemaker")
    job = sagemaker.describe_training_job(TrainingJobName=told["job"])
    assert job["AlgorithmSpecification"]["TrainingImage"] == IMAGE
    hyperparameters, _ = parse(job["HyperParameters"])
    assert (hyperparameters.alert_rate, hyperparameters.num_trees) == (0.02, 60)
    # So that reasons name columns.
    assert list(hyperparameters.feature_names) == names

    root = tmp_path / "ml"
    lay_out(job, root, s3)
    done = subprocess.run(
        [*CONTAINER, "train", "--root", str(root)], check=True, capture_output=True, text=True
    )
    assert re.search(METRIC_DEFINITIONS[3]["Regex"], done.stdout)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(root / "model" / "model.rcf", "model.rcf")
    bucket, _, key = told["model_data"].removeprefix("s3://").partition("/")
    s3.put_object(Bucket=bucket, Key=key, Body=packed.getvalue())

    # The job's image is the endpoint's.
    run("deploy", told["job"], "--name", "fraud", *paid)
    container = sagemaker.describe_model(ModelName="fraud")["PrimaryContainer"]
    assert (container["Image"], container["ModelDataUrl"]) == (IMAGE, told["model_data"])

    model = root / "model" / "model.rcf"
    environment = {"SAGEMAKER_BIND_TO_PORT": "0", "FASTRCF_HOST": "127.0.0.1"}
    with subprocess.Popen(
        [*CONTAINER, "serve", "--root", str(root)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as serving:
        try:
            url = re.search(r"http://[\d.]+:\d+", serving.stdout.readline())[0]
            scores = tmp_path / "scores.csv"
            run("predict", "fraud", table, "-o", scores, "--drop", "fraud", "--url", url)
            page = tmp_path / "page.html"
            capfd.readouterr()
            compare = ("compare", model, "--data", table, "--endpoint", "fraud", "--url", url)
            run(*compare, "-o", page, "--json")
        finally:
            serving.terminate()
    agreement = json.loads(capfd.readouterr().out)
    assert agreement["verdict"] == "agree"
    assert agreement["correlation"] > 0.999999
    assert "<html" in page.read_text()
    assert main(["score", str(model), str(table), "-o", str(tmp_path / "here.csv")]) == 0
    here = pl.read_csv(tmp_path / "here.csv")["score"].to_numpy()
    np.testing.assert_allclose(pl.read_csv(scores)["score"].to_numpy(), here, atol=1e-6)
    assert here[::100].min() > np.median(here)

    run("delete", "fraud", "--data")
    assert not sagemaker.list_endpoints()["Endpoints"]
    assert not sagemaker.list_models()["Models"]
    assert key not in [entry["Key"] for entry in s3.list_objects_v2(Bucket="rows")["Contents"]]


def test_the_job_has_the_container_s_metrics_and_a_managed_one_no_further_names(aws, rng):
    boto3.client("s3").create_bucket(
        Bucket="rows", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    clients, sent = Clients.of(), []
    clients.sagemaker.meta.events.register(
        "provide-client-params.sagemaker.CreateTrainingJob",
        lambda params, **_: sent.append(params),
    )
    given = {"role": ROLE, "output": "s3://rows/x", "accept_cost": True, "session": clients}
    x = rng.normal(size=(100, 2))
    train(x, **given, image=IMAGE, hyperparameters={"alert_rate": "0.01"}, tell=lambda text: None)
    train(x, **given, tell=lambda text: None)
    ours, managed = (params["AlgorithmSpecification"] for params in sent)
    assert ours["MetricDefinitions"] == list(METRIC_DEFINITIONS)
    assert sent[0]["HyperParameters"]["alert_rate"] == "0.01"
    assert "MetricDefinitions" not in managed
    assert "randomcutforest" in managed["TrainingImage"]
    with pytest.raises(InvalidParameterError, match="takes no others"):
        train(x, **given, hyperparameters={"alert_rate": "0.01"})
    assert len(sent) == 2
