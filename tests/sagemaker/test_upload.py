"""Data on its way to S3."""

import numpy as np
import pytest

from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.sagemaker import (
    Channel,
    ServiceError,
    upload,
)
from tests.sagemaker.aws import ANY, stubbed


def test_uploads_are_checked_first():
    X = np.ones((4, 2))
    with stubbed("s3") as (clients, s3):
        for given, words in [
            ({"uri": "s3://bucket"}, "a whole bucket"),
            ({"uri": "x"}, "expected s3://"),
            ({"format": "parquet"}, "neither recordio nor csv"),
            ({"channel": "validation"}, "neither train nor test"),
            ({"labels": [0, 1, 0, 1]}, "training takes none"),
            ({"channel": "test"}, "test data needs them"),
        ]:
            with pytest.raises(InvalidParameterError, match=words):
                upload(X, **{"uri": "s3://b/p", "session": clients} | given)
        for given, words in [
            ({"n_objects": 5}, "4 rows do not fill 5 objects"),
            ({"channel": "test", "labels": [0, 1]}, "2 for 4 rows"),
            ({"channel": "test", "labels": [0, 1, 2, 0]}, "row 2"),
        ]:
            with pytest.raises(InvalidInputError, match=words):
                upload(X, **{"uri": "s3://b/p", "session": clients} | given)
        s3.add_response("list_objects_v2", {"KeyCount": 1, "Contents": [{"Key": "p/old.csv"}]})
        with pytest.raises(ServiceError, match=r"holds p/old\.csv already"):
            upload(X, "s3://b/p", session=clients)


@pytest.mark.parametrize("name", ["train", "test"])
@pytest.mark.parametrize("mode", ["File", "Pipe", "FastFile"])
@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-recordio-protobuf",
        "text/csv",
        "text/csv;label_size=0",
        "text/csv;label_size=1",
        "application/x-parquet",
        "application/x-parquet;label_size=1",
    ],
)
def test_channels_are_what_a_job_takes(name, mode, content_type):
    """The managed algorithm's two types and two modes; our container's parser says the rest."""
    if mode == "Pipe" and "parquet" in content_type:
        with pytest.raises(InvalidParameterError, match="Parquet cannot come through a pipe"):
            Channel(name, "s3://b/p", content_type, input_mode=mode)
        return
    channel = Channel(name, "s3://b/p", content_type, input_mode=mode)
    request = channel.request()
    assert (request["ContentType"], request["InputMode"]) == (content_type, mode)
    takes = ["application/x-recordio-protobuf", f"text/csv;label_size={int(name == 'test')}"]
    if content_type not in takes:
        said = f"content_type: channel {name} of the managed algorithm takes"
    elif mode == "FastFile":
        said = f"input_mode: channel {name}: the managed algorithm takes File or Pipe"
    else:
        channel.check_managed()
        return
    with pytest.raises(InvalidParameterError, match=f"{said}.*this package's container"):
        channel.check_managed()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "validation"}, "'validation' is neither train nor test"),
        ({"uri": "https://b/p"}, "expected s3://"),
        ({"content_type": "text/tsv"}, "ContentType 'text/tsv' is none of"),
        ({"content_type": ""}, "ContentType 'none' is none of"),
        ({"content_type": "text/csv;label_size=2"}, "label_size is 0 or 1"),
        ({"input_mode": "fastfile"}, "'fastfile' is none of File, Pipe, FastFile"),
    ],
)
def test_channels_that_no_job_takes(given, words):
    with pytest.raises(InvalidParameterError, match=words):
        Channel(**{"name": "train", "uri": "s3://b/p"} | given)


def test_a_failing_upload_removes_what_it_wrote():
    with stubbed("s3") as (clients, s3):
        s3.add_response("list_objects_v2", {"KeyCount": 0})
        key = "p/part-{}-of-00002.csv"
        given = {"Bucket": "b", "Body": ANY, "ContentType": "text/csv"}
        given |= {"ChecksumAlgorithm": ANY}
        s3.add_response("put_object", {}, given | {"Key": key.format("00000")})
        s3.add_client_error("put_object", "AccessDenied")
        s3.add_response("delete_object", {}, {"Bucket": "b", "Key": key.format("00000")})
        with pytest.raises(ServiceError, match="do not allow it"):
            upload(np.ones((4, 2)), "s3://b/p", n_objects=2, format="csv", session=clients)
