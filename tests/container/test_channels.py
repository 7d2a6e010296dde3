from pathlib import Path

import pytest

from fastrcf.container.channels import parse
from fastrcf.errors import InvalidParameterError

DATA = Path("data")


def one(name="train", **config):
    channels = {"train": {"ContentType": "text/csv"}, name: config}
    return parse(channels, DATA)[name]


def test_labels_are_where_the_managed_service_has_them():
    assert one("train", ContentType="text/csv").label_size == 0
    assert one("test", ContentType="text/csv").label_size == 1
    assert one("train", ContentType="text/csv;label_size=1").label_size == 1
    assert one("test", ContentType="text/csv; label_size=0; charset=utf-8").label_size == 0


def test_content_types():
    assert one(ContentType="application/x-recordio-protobuf").format == "recordio"
    assert one(ContentType="application/x-parquet").format == "parquet"
    assert one(ContentType="TEXT/CSV").format == "csv"
    assert one().format is None


def test_modes_and_places():
    assert one(TrainingInputMode="FastFile").place == DATA / "train"
    assert one(TrainingInputMode="Pipe", ContentType="text/csv").place == DATA / "train_0"


def test_wrapping_counts_in_pipes_alone():
    given = {"RecordWrapperType": "RecordIO", "ContentType": "text/csv"}
    assert one(TrainingInputMode="Pipe", **given).wrapped
    assert not one(TrainingInputMode="File", **given).wrapped


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"ContentType": "application/json"}, "none of text/csv, application/x-recordio"),
        ({"ContentType": "text/csv;label_size=2"}, "label_size is 0 or 1"),
        (
            {"ContentType": "text/csv;header=present"},
            "'header=present' is not known; the hyperparam",
        ),
        ({"ContentType": "text/csv;charset=latin-1"}, "'charset=latin-1' is not known"),
        ({"ContentType": "application/x-recordio-protobuf;label_size=1"}, "is not known"),
        ({"TrainingInputMode": "Stream"}, "none of File, FastFile, Pipe"),
        ({"RecordWrapperType": "Avro"}, "neither None nor RecordIO"),
        ({"CompressionType": "Bzip2"}, "neither None nor Gzip"),
        ({"TrainingInputMode": "Pipe"}, "a pipe has no file names"),
        ({"ContentTyp": "text/csv"}, "'ContentTyp' is not known; is 'ContentType' meant"),
        ({"contenttype": "text/csv"}, "is 'ContentType' meant"),
        (
            {"TrainingInputMode": "Pipe", "ContentType": "application/x-parquet"},
            "read from its end; use FastFile",
        ),
        (
            {
                "TrainingInputMode": "Pipe",
                "ContentType": "application/x-recordio-protobuf",
                "RecordWrapperType": "RecordIO",
            },
            "records into a record",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_before_it_is(config, why):
    with pytest.raises(InvalidParameterError, match=why) as told:
        one(**config)
    assert "'train'" in str(told.value)


def test_channels_that_are_not_known():
    with pytest.raises(InvalidParameterError, match=r"'validation' is not known.*'test' meant"):
        one("validation")
    with pytest.raises(InvalidParameterError, match=r"'training' is not known.*'train' meant"):
        one("training")
    with pytest.raises(InvalidParameterError, match="'train' is missing"):
        parse({"test": {}}, DATA)
    with pytest.raises(InvalidParameterError, match="no object"):
        parse({"train": "text/csv"}, DATA)


def test_without_a_description_the_folders_count(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "other").mkdir()
    assert set(parse({}, tmp_path)) == {"train"}
    with pytest.raises(InvalidParameterError, match="'train' is missing"):
        parse({}, tmp_path / "other")
