"""From rows to scores and back to nothing, against moto's AWS on this machine."""

import json
import re
import urllib.request
from pathlib import Path

import numpy as np
import polars as pl
import pytest

boto3 = pytest.importorskip("boto3", reason="boto3 is not installed (extra sagemaker)")
pytest.importorskip("moto", reason="moto is not installed")

from botocore.stub import Stubber  # noqa: E402

from fastrcf.cli import main  # noqa: E402
from fastrcf.sagemaker import (  # noqa: E402
    BatchTransform,
    Endpoint,
    Model,
    ServiceError,
    TrainingJob,
    decode_recordio,
    delete,
    deploy,
    train,
    upload,
)
from fastrcf.sagemaker._session import Clients  # noqa: E402
from tests.sagemaker.aws import ROLE  # noqa: E402


def quiet(text):
    pass


@pytest.fixture
def bucket(aws):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="rows", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return s3


def answers(aws, *bodies):
    """What the endpoint says to the next requests."""
    results = [{"Body": body, "ContentType": "application/json"} for body in bodies]
    request = urllib.request.Request(
        f"{aws}/moto-api/static/sagemaker/endpoint-results",
        json.dumps({"region": "eu-west-1", "results": results}).encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request).close()


def objects(s3, prefix=""):
    found = s3.list_objects_v2(Bucket="rows", Prefix=prefix).get("Contents", [])
    return {entry["Key"]: s3.get_object(Bucket="rows", Key=entry["Key"]) for entry in found}


def test_train_deploy_predict_delete(bucket, aws, rng):
    X = rng.normal(size=(1000, 3))
    labels = (np.arange(50) == 7).astype(int)
    job = train(
        X,
        role=ROLE,
        output="s3://rows/fraud",
        test=(X[:50], labels),
        num_trees=50,
        instance_count=2,
        accept_cost=True,
        tell=quiet,
    ).wait(poll=0)
    described = job.describe()
    assert described["HyperParameters"]["feature_dim"] == "3"
    train_channel, test_channel = described["InputDataConfig"]
    assert train_channel["DataSource"]["S3DataSource"]["S3DataDistributionType"] == "ShardedByS3Key"
    assert test_channel["DataSource"]["S3DataSource"]["S3DataDistributionType"] == "FullyReplicated"
    # What lies in S3 is the rows, in order, in as many objects as instances.
    written = objects(bucket, f"fraud/{job.name}/train/")
    assert [key.rpartition("/")[2] for key in written] == [
        "part-00000-of-00002.pbr",
        "part-00001-of-00002.pbr",
    ]
    parts = [decode_recordio(entry["Body"].read()) for entry in written.values()]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in parts]), X.astype(np.float32))
    (tested,) = objects(bucket, f"fraud/{job.name}/test/").values()
    _, marks = decode_recordio(tested["Body"].read())
    np.testing.assert_array_equal(marks, labels)

    with deploy(job, role=ROLE, name="fraud", accept_cost=True, tell=quiet) as endpoint:
        endpoint.wait(poll=0)
        assert endpoint.status == "InService"
        answers(aws, '{"scores":[{"score":0.5},{"score":1.5}]}')
        np.testing.assert_array_equal(endpoint.predict(X[:2]), [0.5, 1.5])
    for describe in ("describe_endpoint", "describe_endpoint_config", "describe_model"):
        kind = describe.removeprefix("describe_").title().replace("_", "")
        with pytest.raises(Exception, match="Could not find"):
            getattr(boto3.client("sagemaker"), describe)(**{f"{kind}Name": "fraud"})
    # Again: all is gone already.
    assert {step.outcome for step in delete("fraud").steps} == {"absent"}


def test_a_job_that_is_refused_leaves_no_data(bucket, rng):
    clients = Clients.of()
    with Stubber(clients.sagemaker) as sagemaker:
        sagemaker.add_client_error("create_training_job", "ResourceLimitExceeded")
        with pytest.raises(ServiceError, match="quota does not allow it"):
            train(
                rng.normal(size=(9, 2)),
                role=ROLE,
                output="s3://rows/x",
                test=(np.ones((2, 2)), [0, 1]),
                accept_cost=True,
                session=clients,
                tell=quiet,
            )
    assert not objects(bucket)


def test_uploads_of_tables_as_csv(bucket):
    frame = pl.DataFrame({"a": [1.5, -2.0, 1e-7], "b": [1, 2, 3]})
    made = upload(
        frame, "s3://rows/t/", labels=[0, 0, 1], channel="test", format="csv", n_objects=2
    )
    assert (made.n_rows, made.n_features, made.uri) == (3, 2, "s3://rows/t/")
    written = objects(bucket, "t/")
    assert [entry["Body"].read() for entry in written.values()] == [
        b"0,1.5,1\n",
        b"0,-2,2\n1,1.00000001e-07,3\n",
    ]
    assert {entry["ContentType"] for entry in written.values()} == {"text/csv"}
    with pytest.raises(ServiceError, match=r"holds t/part-00000-of-00002\.csv already"):
        upload(frame, "s3://rows/t")


def test_batch_transform(bucket):
    model = Model.create("s3://rows/model.tar.gz", role=ROLE, name="m")
    job = BatchTransform.create(
        model, data="s3://rows/in", output="s3://rows/out", accept_cost=True, tell=quiet
    )
    job.wait(poll=0)
    with pytest.raises(ServiceError, match="no scores below s3://rows/out"):
        job.scores()
    # moto writes nothing; the service writes lines.
    bucket.put_object(Bucket="rows", Key="out/b.csv.out", Body=b'{"score":0.25}\n')
    bucket.put_object(Bucket="rows", Key="out/a.csv.out", Body=b'{"score":1}\n{"score":2}\n')
    scores = job.scores()
    assert list(scores) == ["a.csv", "b.csv"]
    np.testing.assert_array_equal(scores["a.csv"], [1, 2])
    bucket.put_object(Bucket="rows", Key="out/c.out", Body=b"oops")
    with pytest.raises(ServiceError, match=r"s3://rows/out/c\.out: the answer is none"):
        job.scores()


def test_deleting_the_model_data(bucket):
    bucket.put_object(Bucket="rows", Key="x/model.tar.gz", Body=b"x")
    deploy("s3://rows/x/model.tar.gz", role=ROLE, name="e", accept_cost=True, tell=quiet)
    assert "would be deleted" in str(delete("e", data=True, dry_run=True))
    assert list(objects(bucket)) == ["x/model.tar.gz"]
    assert Endpoint("e").status == "InService"
    assert {step.outcome for step in delete("e", data=True).steps} == {"deleted"}
    assert not objects(bucket)


def test_an_endpoint_that_ends_by_itself(bucket):
    deploy(
        "s3://rows/model.tar.gz",
        role=ROLE,
        name="e",
        accept_cost=True,
        delete_after=3600,
        scheduler_role=ROLE,
        tell=quiet,
    )
    schedule = boto3.client("scheduler").get_schedule(Name="e-delete")
    assert json.loads(schedule["Target"]["Input"]) == {"EndpointName": "e"}
    assert schedule["ActionAfterCompletion"] == "DELETE"
    outcomes = {step.kind: step.outcome for step in delete("e").steps}
    assert outcomes["schedule"] == "deleted"


def test_a_batch_transform_that_ends_by_itself(bucket):
    model = Model.create("s3://rows/model.tar.gz", role=ROLE, name="m")
    BatchTransform.create(
        model,
        data="s3://rows/in",
        output="s3://rows/out",
        name="t",
        accept_cost=True,
        stop_after=3600,
        scheduler_role=ROLE,
        tell=quiet,
    )
    schedule = boto3.client("scheduler").get_schedule(Name="t-stop")
    assert schedule["Target"]["Arn"] == "arn:aws:scheduler:::aws-sdk:sagemaker:stopTransformJob"
    assert json.loads(schedule["Target"]["Input"]) == {"TransformJobName": "t"}


def test_the_command_line(bucket, aws, tmp_path, capfd):
    rows = tmp_path / "rows.csv"
    rows.write_text("a,b,fraud\n" + "".join(f"{i},{i % 7},0\n" for i in range(100)))

    def run(*words):
        capfd.readouterr()
        code = main(["sagemaker", *map(str, words)])
        out, err = capfd.readouterr()
        return code, out, err

    common = ["--role", ROLE, "--output", "s3://rows/cli", "--label", "fraud"]
    code, _, err = run("train", rows, *common, "--trees", 50)
    assert code == 1
    assert "nothing was created" in err
    assert not objects(bucket)
    words = [*common, "--trees", 50, "--name", "cli-job", "--accept-cost", "--poll", 0, "--json"]
    code, out, err = run("train", rows, *words)
    assert code == 0, err
    job = json.loads(out)
    assert job["status"] == "Completed"
    assert job["feature_dim"] == 2
    assert TrainingJob.of("cli-job").describe()["HyperParameters"]["num_trees"] == "50"
    assert "about 0.204 USD an hour" in err

    code, out, err = run(
        "deploy", "cli-job", "--role", ROLE, "--name", "cli", "--accept-cost", "--poll", 0
    )
    assert code == 0, err
    assert "cli: InService" in out

    scores = [i / 10 for i in range(100)]
    answers(aws, json.dumps({"scores": [{"score": s} for s in scores]}))
    out_file = tmp_path / "scores.csv"
    code, _, err = run("predict", "cli", rows, "-o", out_file, "--drop", "fraud")
    assert code == 0, err
    found = pl.read_csv(out_file)
    assert found.columns == ["row", "score"]
    assert found["score"].to_list() == scores

    code, out, _ = run("delete", "cli", "--dry-run")
    assert code == 0
    assert "endpoint cli: would be deleted" in out
    code, out, _ = run("delete", "cli")
    assert code == 0
    assert "endpoint cli: deleted" in out
    code, out, _ = run("delete", "cli")
    assert code == 0
    assert "endpoint cli: absent" in out
    code, _, err = run("predict", "gone", tmp_path / "none.csv", "-o", out_file)
    assert code == 1
    code, _, err = run("deploy", "no-such-job", "--role", ROLE, "--accept-cost")
    assert code == 1
    assert "Could not find" in err


def test_the_page(bucket, aws, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "sagemaker-reference.md").read_text()
    life, formats = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    bucket.create_bucket(
        Bucket="my-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    answers(aws, json.dumps({"scores": [{"score": 1.0 + i} for i in range(1000)]}))
    names = {}
    exec(compile(life, "sagemaker-reference.md", "exec"), names)
    np.testing.assert_array_equal(names["scores"], 1.0 + np.arange(1000))
    assert "Completed after" in capsys.readouterr().out
    exec(compile(formats, "sagemaker-reference.md", "exec"), names)
    np.testing.assert_array_equal(names["rows"][-1], names["X"][-1])
