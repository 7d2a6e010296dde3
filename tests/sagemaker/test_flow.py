"""From a table to scores through our own container, as a user types it.

moto stands for AWS; ours.py says what stands for the container on it.
"""

import json
import re
import urllib.request

import numpy as np
import polars as pl
import pytest

boto3 = pytest.importorskip("boto3", reason="boto3 is not installed (extra sagemaker)")
pytest.importorskip("moto", reason="moto is not installed")
pytest.importorskip("uvicorn", reason="the extra serve is not installed")

from fastrcf import Detector, load  # noqa: E402
from fastrcf.cli import main  # noqa: E402
from fastrcf.container.hyperparameters import parse  # noqa: E402
from fastrcf.container.metrics import METRIC_DEFINITIONS  # noqa: E402
from fastrcf.errors import InvalidParameterError  # noqa: E402
from fastrcf.sagemaker import (  # noqa: E402
    JobFailedError,
    ServiceError,
    TrainingJob,
    deploy,
    train,
)
from fastrcf.sagemaker._session import Clients  # noqa: E402
from tests.sagemaker.aws import ROLE  # noqa: E402
from tests.sagemaker.ours import IMAGE, served, trained  # noqa: E402


def run(*words, code=0):
    assert main(["sagemaker", *map(str, words)]) == code


@pytest.mark.usefixtures("no_pictures")
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
    assert re.search(METRIC_DEFINITIONS[3]["Regex"], trained(job, root, s3))
    _, _, key = told["model_data"].removeprefix("s3://").partition("/")

    # The job's image is the endpoint's.
    run("deploy", told["job"], "--name", "fraud", *paid)
    container = sagemaker.describe_model(ModelName="fraud")["PrimaryContainer"]
    assert (container["Image"], container["ModelDataUrl"]) == (IMAGE, told["model_data"])

    model = root / "model" / "model.rcf"
    with served(root) as url:
        scores = tmp_path / "scores.csv"
        run("predict", "fraud", table, "-o", scores, "--drop", "fraud", "--url", url)
        page = tmp_path / "page.html"
        capfd.readouterr()
        compare = ("compare", model, "--data", table, "--endpoint", "fraud", "--url", url)
        run(*compare, "-o", page, "--json")
    agreement = json.loads(capfd.readouterr().out)
    assert agreement["verdict"] == "agree"
    assert agreement["correlation"] > 0.999999
    assert "<html" in page.read_text()
    assert main(["score", str(model), str(table), "-o", str(tmp_path / "here.csv")]) == 0
    here = pl.read_csv(tmp_path / "here.csv")["score"].to_numpy()
    np.testing.assert_allclose(pl.read_csv(scores)["score"].to_numpy(), here, atol=1e-6)
    assert here[::100].min() > np.median(here)

    # Somebody else's, beside it: named in no dry run and there at the end.
    others = ["fraud/notes.txt", f"fraud/{told['job']}/train-2/part-00000-of-00001.pbr"]
    for other in others:
        s3.put_object(Bucket="rows", Key=other, Body=b"x")
    before = keys(s3)
    capfd.readouterr()
    run("delete", "fraud", "--data", "--dry-run", "--json")
    dry = json.loads(capfd.readouterr().out)
    own = f"s3://rows/fraud/{told['job']}"
    named = [step["name"] for step in dry if step["kind"].endswith("data")]
    assert named == [f"{own}/train/", f"{own}/test/", told["model_data"]]
    assert {step["outcome"] for step in dry} == {"would be deleted"}
    assert keys(s3) == before
    run("delete", "fraud", "--data")
    assert not sagemaker.list_endpoints()["Endpoints"]
    assert not sagemaker.list_models()["Models"]
    assert {key, *others} < set(before)
    assert keys(s3) == sorted(others)
    for other in others:
        s3.delete_object(Bucket="rows", Key=other)
    assert keys(s3) == []


def keys(s3):
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket="rows").get("Contents", [])]


def test_the_data_of_a_job_alone(aws, tmp_path, rng, capfd):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="rows", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    table = tmp_path / "rows.csv"
    pl.DataFrame(rng.normal(size=(100, 2)), schema=["x", "y"]).write_csv(table)
    paid = ("--role", ROLE, "--accept-cost", "--poll", 0, "--name", "job")
    run("train", table, "--output", "s3://rows", "--upload-format", "csv", "--instances", 2, *paid)
    assert keys(s3) == [f"job/train/part-0000{i}-of-00002.csv" for i in range(2)]
    run("delete", "job", "--job", "--dry-run")
    out = capfd.readouterr().out
    assert "training data s3://rows/job/train/: would be deleted (2 objects)" in out
    assert len(keys(s3)) == 2
    run("delete", "job", "--job")
    assert keys(s3) == []
    run("delete", "job", "--job")
    assert "training data s3://rows/job/train/: absent" in capfd.readouterr().out
    run("delete", "job", "--job", "--data", code=2)


def test_train_on_what_is_in_s3(aws, tmp_path, rng, capfd):
    """Parquet in FastFile mode, with names; the managed algorithm is not given it."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="rows", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    rows = rng.normal(size=(600, 2))
    rows[::100] += 30
    marks = (np.arange(600) % 100 == 0).astype(int)
    frame = pl.DataFrame({"amount": rows[:, 0], "items": rows[:, 1]})
    frame.write_parquet(tmp_path / "train.parquet")
    frame.insert_column(0, pl.Series("fraud", marks)).write_parquet(tmp_path / "test.parquet")
    for name in ("train", "test"):
        s3.upload_file(str(tmp_path / f"{name}.parquet"), "rows", f"{name}/part-0.parquet")
    sources = ("train", "s3://rows/train/", "--test", "s3://rows/test/", "--output", "s3://rows/o")
    how = ("--data-format", "parquet", "--input-mode", "FastFile")
    paid = ("--role", ROLE, "--accept-cost", "--poll", 0)
    run(*sources, *how, *paid, "--feature-dim", 2, code=1)
    assert "channel train of the managed algorithm takes" in capfd.readouterr().err
    run(*sources, *how, *paid, "--feature-dim", 2, "--image", IMAGE, "--json")
    told = json.loads(capfd.readouterr().out)
    assert (told["data"], told["feature_dim"]) == ("s3://rows/train/", 2)
    job = boto3.client("sagemaker").describe_training_job(TrainingJobName=told["job"])
    assert {channel["InputMode"] for channel in job["InputDataConfig"]} == {"FastFile"}
    assert {channel["ContentType"] for channel in job["InputDataConfig"]} == {
        "application/x-parquet"
    }
    log = trained(job, tmp_path / "ml", s3)
    assert float(re.search(METRIC_DEFINITIONS[3]["Regex"], log)[1]) > 0.5
    model = load(tmp_path / "ml" / "model" / "model.rcf")
    # The file's own names: none are guessed for data that the command has not seen.
    assert list(model.columns) == ["amount", "items"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["s3://b/d"], "data in S3 needs --feature-dim"),
        (["s3://b/d", "--feature-dim", 2, "--label", "fraud"], "--label is for a table on this"),
        (["s3://b/d", "--feature-dim", 2, "--drop", "a"], "--drop is for a table on this"),
        (["s3://b/d", "--feature-dim", 2, "--upload-format", "csv"], "--upload-format is for"),
        (["s3://b/d", "--feature-dim", 2, "--delimiter", ";"], "--delimiter is for a table"),
        (["s3://b/d", "--feature-dim", 2, "--test", "t.csv"], "DATA and --test are both in S3"),
        (["rows.csv", "--test", "s3://b/t", "--label", "x"], "DATA and --test are both in S3"),
        (["rows.csv", "--feature-dim", 2], "--feature-dim is for data that is in S3"),
        (["rows.csv", "--data-format", "csv"], "--data-format is for data that is in S3"),
        (["rows.csv", "--input-mode", "Pipe"], "--input-mode is for data that is in S3"),
        (["rows.csv", *2 * ["--hyperparameter", "a=1"]], "--hyperparameter a is given twice"),
    ],
)
def test_options_of_tables_and_of_s3_are_told_apart(words, said, capfd):
    run("train", *words, "--role", ROLE, "--output", "s3://b/o", code=2)
    assert said in re.sub(r"\s+", " ", capfd.readouterr().err)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--memory", 4096], "--memory is of --serverless, which is not given"),
        (["--concurrency", 5], "--concurrency is of --serverless"),
        (["--serverless", "--instances", 2], "--instances does not go with --serverless"),
        (["--serverless", "--instance-type", "ml.m5.large"], "--instance-type does not go with"),
    ],
)
def test_options_of_instances_and_of_calls_are_told_apart(words, said, capfd):
    run("deploy", "job", "--role", ROLE, *words, code=2)
    assert said in re.sub(r"\s+", " ", capfd.readouterr().err)


def test_who_leaves_early_is_told_what_goes_on(aws, tmp_path, rng, capfd, monkeypatch):
    boto3.client("s3").create_bucket(
        Bucket="rows", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    table = tmp_path / "rows.csv"
    pl.DataFrame(rng.normal(size=(100, 2)), schema=["x", "y"]).write_csv(table)
    paid = ("--role", ROLE, "--accept-cost", "--poll", 0)
    run("train", table, "--output", "s3://rows/o", *paid, "--name", "first")
    stops = "aws sagemaker stop-training-job --training-job-name"
    deletes = "fastrcf sagemaker delete e ends it and its cost"
    for error, code, stays in (
        (KeyboardInterrupt(), 130, True),
        (ServiceError("no answer"), 1, True),
        (JobFailedError("it failed"), 1, False),
    ):

        def left(self, *, error=error, **given):
            raise error

        name = f"job-{code}-{stays}".lower()
        with monkeypatch.context() as patch:
            patch.setattr("fastrcf.sagemaker.training.TrainingJob.wait", left)
            patch.setattr("fastrcf.sagemaker.endpoint.Endpoint.wait", left)
            run("train", table, "--output", "s3://rows/o", *paid, "--name", name, code=code)
            assert (f"{stops} {name} ends it" in capfd.readouterr().err) == stays
            run("deploy", "first", *paid, "--name", "e", code=code)
            # One that failed has to be deleted too.
            assert deletes in capfd.readouterr().err
        run("delete", "e")


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


def test_many_models_behind_one_endpoint(aws, tmp_path, rng):
    names = ["a.tar.gz", "b.tar.gz"]
    rows = rng.normal(size=(300, 2))
    table = tmp_path / "rows.csv"
    pl.DataFrame(rows, schema=["x", "y"]).write_csv(table)
    models = {}
    for seed, name in enumerate(names):
        # Of other rows: those that a tree holds are sent in single precision, which after
        # scaling is not quite what it holds.
        known = rng.normal(size=(300, 2))
        models[name] = Detector(n_trees=30, sample_size=32, random_state=seed).fit(known)
        (tmp_path / name).mkdir()
        models[name].save(tmp_path / name / "model.rcf")
    paid = ("--role", ROLE, "--accept-cost", "--poll", 0)
    run("deploy", "s3://rows/models/", "--name", "many", "--multi-model", "--image", IMAGE, *paid)
    made = boto3.client("sagemaker").describe_model(ModelName="many")["PrimaryContainer"]
    expected = {"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": "s3://rows/models/"}
    assert expected.items() <= made.items()

    with served(tmp_path / "none", SAGEMAKER_MULTI_MODEL="true") as url:
        for name in names:
            # As the platform does when a model is first asked for.
            body = json.dumps({"model_name": name, "url": str(tmp_path / name)}).encode()
            headers = {"Content-Type": "application/json"}
            urllib.request.urlopen(urllib.request.Request(f"{url}/models", body, headers)).close()
        for name, model in models.items():
            out = tmp_path / "scores.csv"
            run("predict", "many", table, "-o", out, "--model", name, "--url", url)
            found = pl.read_csv(out)["score"].to_numpy()
            np.testing.assert_allclose(found, model.score(rows), atol=1e-6)
        run("predict", "many", table, "-o", out, "--model", "c.tar.gz", "--url", url, code=1)


def test_what_the_container_would_refuse_costs_nothing(aws, rng):
    x = rng.normal(size=(100, 2))
    given = {"role": ROLE, "output": "s3://rows/x", "accept_cost": True, "image": IMAGE}
    for wrong, words in [
        ({"image": ""}, "expected REGISTRY/REPOSITORY:TAG, found ''"),
        ({"image": "--hyperparameter"}, "found '--hyperparameter'"),
        ({"image": "fastrcf:1"}, "found 'fastrcf:1'"),
        ({"instance_count": 2}, "trains on one"),
        ({"hyperparameters": {"feature_dim": 3}}, "3, but the data has 2"),
        ({"hyperparameters": {"feature_names": ["a", "b", "c"]}}, "3 names for feature_dim 2"),
        ({"hyperparameters": {"feature_names": ["a" * 3000, "b"]}}, "AWS takes 2,500"),
        ({"hyperparameters": {"alert_rate": 2}}, "alert_rate"),
        ({"hyperparameters": {"alert_rate": {1}}}, "expected text, found set"),
        ({"hyperparameters": {"model": "managed", "alert_rate": 0.01}}, "does not go with"),
    ]:
        with pytest.raises(InvalidParameterError, match=words):
            train(x, **given | wrong)
    # Nothing was sent: the bucket does not even exist.
    assert not boto3.client("sagemaker").list_training_jobs()["TrainingJobSummaries"]
    job = TrainingJob("job", Clients.of())
    with pytest.raises(InvalidParameterError, match="a job has one model"):
        deploy(job, role=ROLE, multi_model=True, accept_cost=True)
    with pytest.raises(InvalidParameterError, match="is one model"):
        deploy("s3://b/model.tar.gz", role=ROLE, multi_model=True, accept_cost=True, tell=print)
    with pytest.raises(InvalidParameterError, match="image: expected"):
        deploy("s3://b/model.tar.gz", role=ROLE, image="fastrcf", accept_cost=True)


def test_names_that_are_too_long_stay_here(aws, tmp_path, rng, capfd):
    boto3.client("s3").create_bucket(
        Bucket="rows", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    for n, length in ((3, 800), (3, 850)):
        names = [f"{'é' * (length - 1)}{i}" for i in range(n)]
        table = tmp_path / "rows.parquet"
        pl.DataFrame(rng.normal(size=(60, n)), schema=names).write_parquet(table)
        words = ("--output", f"s3://rows/{length}", "--role", ROLE, "--accept-cost", "--poll", 0)
        run("train", table, *words, "--image", IMAGE, "--json")
        out, err = capfd.readouterr()
        job = boto3.client("sagemaker").describe_training_job(
            TrainingJobName=json.loads(out)["job"]
        )
        kept = parse(job["HyperParameters"])[0].feature_names
        assert list(kept) == (names if length == 800 else [])
        assert ("longer than a hyperparameter" in err) == (length == 850)
