"""Each command of docs/sagemaker.md, run as it stands there, one route after the other.

moto stands for AWS; ours.py says what stands for the container on it. Its address and
that of a managed endpoint, which a forest of ours stands for, come by boto3's own
variables: the commands are not changed for it.
"""

import json
import re
import shlex

import numpy as np
import polars as pl
import pytest

boto3 = pytest.importorskip("boto3", reason="boto3 is not installed (extra sagemaker)")
pytest.importorskip("moto", reason="moto is not installed")
pytest.importorskip("uvicorn", reason="the extra serve is not installed")

from fastrcf.cli import main  # noqa: E402
from fastrcf.container import artifact  # noqa: E402
from fastrcf.sagemaker import ManagedForest  # noqa: E402
from tests.page import checked  # noqa: E402
from tests.sagemaker.aws import ROLE  # noqa: E402
from tests.sagemaker.ours import IMAGE, served, trained  # noqa: E402
from tests.sagemaker.test_guide import FENCED, PAGE  # noqa: E402

RUNTIME = "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"


def section(title):
    """Give the commands of a section, in their order."""
    text = PAGE.partition(f"## {title}")[2].partition("\n## ")[0]
    found = re.findall(r"^ *(fastrcf .*)$", text, re.MULTILINE)
    assert found
    return found


def run(line, *more, code=0, **names):
    """Run a line, its variables filled in."""
    for name, value in {"$ROLE": ROLE, "$IMAGE": IMAGE, **names}.items():
        line = line.replace(name, value)
    assert main([*shlex.split(line)[1:], *more]) == code, line


@pytest.fixture(autouse=True)
def tables(tmp_path, monkeypatch):
    """The files that the page names, in the current folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(11)

    def payments(n):
        frame = pl.DataFrame({"amount": rng.lognormal(3, 1, n), "items": rng.poisson(3, n)})
        odd = np.arange(n) % 200 == 0
        return frame.with_columns(
            amount=pl.when(odd).then(pl.col("amount") * 100).otherwise(pl.col("amount")),
            is_fraud=pl.Series(odd.astype(int)),
        )

    payments(3000).write_parquet("payments.parquet")
    rows = payments(2000)
    rows.write_csv("rows.csv")
    rows.drop("is_fraud").write_csv("new.csv")
    payments(1000).write_csv("labelled.csv")
    return rows.select("amount", "items").to_numpy()


@pytest.fixture
def managed(tables):
    """What the managed service would make of rows.csv, in another training."""
    return ManagedForest(random_state=99).fit(tables)


def test_first(tables, managed, tmp_path):
    answers = [json.dumps({"score": score}) for score in managed.score(tables)]
    (tmp_path / "rows.csv.out").write_text("\n".join(answers))
    for line in section("First: would it score the same?"):
        run(line)
    assert "The two agree" in checked((tmp_path / "report.html").read_text()).text


@pytest.mark.usefixtures("no_pictures")
def test_route_a(aws, tmp_path, monkeypatch, capfd):
    s3 = boto3.client("s3")
    s3.create_bucket(
        Bucket="my-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    train, deploy, compare = section("Route A")
    # Without it, an estimate and nothing else.
    run(train.replace("--accept-cost", ""), code=1)
    assert "nothing was created" in capfd.readouterr().err
    run(train, "--poll", "0", "--json")
    told = json.loads(capfd.readouterr().out)
    job = boto3.client("sagemaker").describe_training_job(TrainingJobName=told["job"])
    trained(job, tmp_path / "job", s3)
    run(deploy, "--poll", "0", JOB=told["job"])
    (tmp_path / "model.rcf").write_bytes((tmp_path / "job" / "model" / "model.rcf").read_bytes())
    with served(tmp_path / "job") as url:
        monkeypatch.setenv(RUNTIME, url)
        run(compare)
        assert "The two agree" in checked((tmp_path / "report.html").read_text()).text
        capfd.readouterr()
        (reasons,) = [code for kind, code in FENCED if kind == "python" and "boto3" in code]
        exec(compile(reasons, "sagemaker.md", "exec"), {})
        assert re.search(r" True amount = 90000: higher", capfd.readouterr().out)
    (delete,) = re.findall(r"`(fastrcf sagemaker delete \w+)`", PAGE)
    run(f"{delete}-next", "--dry-run")
    assert boto3.client("sagemaker").list_endpoints()["Endpoints"]
    run(f"{delete}-next")
    assert not boto3.client("sagemaker").list_endpoints()["Endpoints"]


def test_route_b(tmp_path, capfd):
    lines = section("Route B")
    assert [line.split()[1] for line in lines] == ["train", "score", "detect", "evaluate"]
    for line in lines:
        run(line)
    assert "ROC AUC" in capfd.readouterr().out
    assert len(pl.read_csv(tmp_path / "scores.csv")) == 2000
    alerts = pl.read_csv(tmp_path / "alerts.csv")
    assert 0 < len(alerts) < 100
    assert alerts["is_anomaly"].all()


@pytest.mark.usefixtures("no_pictures")
def test_route_c(tables, managed, tmp_path, monkeypatch, aws):
    (training, *_) = section("First")
    run(training)
    artifact.save(managed, tmp_path / "managed" / "model")
    predict, recorded, endpoint = section("Route C")
    with served(tmp_path / "managed") as url:
        monkeypatch.setenv(RUNTIME, url)
        run(predict)
        run(endpoint)
        assert "The two agree" in checked((tmp_path / "report.html").read_text()).text
    run(recorded)
    theirs = pl.read_csv(tmp_path / "theirs.csv")
    np.testing.assert_allclose(theirs["score"].to_numpy(), managed.score(tables), atol=1e-6)
    # One that drifted stops a release.
    theirs.with_columns(score=pl.col("score").shuffle(seed=1)).write_csv(tmp_path / "theirs.csv")
    run(recorded, code=3)
