"""What a run leaves is copied to S3, here moto's; what cannot be copied is told."""

import pytest

boto3 = pytest.importorskip("boto3", reason="boto3 is not installed (extra sagemaker)")
pytest.importorskip("jupytext", reason="the notebooks' tools are not installed")

from tests.notebooks.test_tools import call, text  # noqa: E402, F401
from tests.sagemaker.conftest import aws, moto_url  # noqa: E402, F401

BUCKET = "runs"
# What Jupyter's packages and Amazon's warn of is theirs to mend.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(autouse=True)
def no_session(monkeypatch):
    """Let nobody's session, with its credentials, be there before."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


@pytest.fixture
def s3(aws):  # noqa: F811
    client = boto3.client("s3")
    client.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    return client


def held(s3):
    """Give what the bucket holds: bytes and content type by key."""
    found = {}
    for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        there = s3.get_object(Bucket=BUCKET, Key=one["Key"])
        found[one["Key"]] = (there["Body"].read(), there["ContentType"])
    return found


def test_what_was_written_is_copied(text, s3, tmp_path):  # noqa: F811
    names = {"-o": "a.ipynb", "--html": "a.html", "--junit": "a.xml"}
    paths = {option: tmp_path / name for option, name in names.items()}
    given = [word for pair in paths.items() for word in pair]
    done = call("run_notebook", text, *given, "--upload", f"s3://{BUCKET}/of/today/")
    assert done.returncode == 0, done.stderr
    kinds = ("application/json", "text/html; charset=utf-8", "application/xml")
    assert held(s3) == {
        f"of/today/{path.name}": (path.read_bytes(), kind)
        for path, kind in zip(paths.values(), kinds, strict=True)
    }
    assert done.stdout.split() == [f"s3://{BUCKET}/of/today/{path.name}" for path in paths.values()]


def test_a_run_that_failed_is_copied_too(text, s3, tmp_path):  # noqa: F811
    out = tmp_path / "a.ipynb"
    done = call("run_notebook", text, "-p", "n=0", "-o", out, "--upload", f"s3://{BUCKET}")
    assert done.returncode == 1
    assert "shares.py failed in cell 3: ZeroDivisionError" in done.stderr
    assert held(s3) == {"a.ipynb": (out.read_bytes(), "application/json")}


def test_what_cannot_be_copied_stays_here_and_is_told(text, aws, tmp_path):  # noqa: F811
    out = tmp_path / "a.ipynb"
    done = call("run_notebook", text, "-o", out, "--upload", "s3://no-such-bucket/x")
    assert done.returncode == 1
    assert "shares.py ran in" in done.stderr
    assert "a.ipynb is not uploaded: " in done.stderr
    assert "NoSuchBucket" in done.stderr
    assert "Traceback" not in done.stderr
    assert out.is_file()


def test_without_credentials_the_run_is_kept(text, aws, monkeypatch, tmp_path):  # noqa: F811
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    out = tmp_path / "a.ipynb"
    done = call("run_notebook", text, "-o", out, "--upload", f"s3://{BUCKET}")
    assert done.returncode == 1
    assert "is not uploaded: Unable to locate credentials" in done.stderr
    assert out.is_file()
