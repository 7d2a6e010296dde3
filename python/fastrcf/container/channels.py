"""Channels: where their data is, and of what kind it says it is."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker.recordio import CONTENT_TYPE as RECORDIO

if TYPE_CHECKING:
    from pathlib import Path

ChannelName = Literal["train", "test"]
Format = Literal["csv", "recordio", "parquet"]
Mode = Literal["File", "FastFile", "Pipe"]

NAMES: tuple[ChannelName, ...] = ("train", "test")
_FORMATS: dict[str, Format] = {
    "text/csv": "csv",
    RECORDIO: "recordio",
    "application/x-parquet": "parquet",
}
# What is read of a channel's description.
_FIELDS = ("ContentType", "TrainingInputMode", "RecordWrapperType", "CompressionType")
# As the managed service has it: CSV for training has no labels, CSV for tests has them.
_LABELS: dict[ChannelName, int] = {"train": 0, "test": 1}


@dataclass(frozen=True)
class Channel:
    """One input of a job.

    Attributes
    ----------
    name : {"train", "test"}
    place : Path
        Its folder, or the pipe of its first epoch.
    format : {"csv", "recordio", "parquet"} or None
        None goes by the names of files.
    label_size : {0, 1}
        Whether the first column of CSV and Parquet is a label. Records of RecordIO
        say so themselves.
    mode : {"File", "FastFile", "Pipe"}
    wrapped : bool
        Whether each object comes as a frame of RecordIO.
    """

    name: ChannelName
    place: Path
    format: Format | None
    label_size: int
    mode: Mode
    wrapped: bool


def parse(config: dict[str, Any], data: Path) -> dict[str, Channel]:
    """Read ``inputdataconfig.json``.

    Parameters
    ----------
    config : dict
        Channels by name. Where there are none, the folders that are there count.
    data : Path
        The folder of all channels.

    Raises
    ------
    InvalidParameterError
        If the train channel is missing, or a channel is not known or not readable as
        it says; names it.
    """
    known: dict[str, Any] = config or {
        name: {} for name in NAMES if (data / name).is_dir() or (data / f"{name}_0").exists()
    }
    for name in known:
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, 1)
            near = ["test"] if name in ("validation", "eval") else near
            raise InvalidParameterError(
                f"channel {name!r} is not known: there are train, and test if there are labels"
                + (f"; is {near[0]!r} meant?" if near else "")
            )
    if "train" not in known:
        raise InvalidParameterError("channel 'train' is missing: there is nothing to train on")
    return {name: _channel(cast("ChannelName", name), known[name], data) for name in known}


def _channel(name: ChannelName, config: Any, data: Path) -> Channel:
    if not isinstance(config, dict):
        raise InvalidParameterError(f"channel {name!r}: its description is no object")
    for key in config:
        # Others are the platform's.
        near = difflib.get_close_matches(key, _FIELDS, 1, 0.8)
        if near and key not in _FIELDS:
            raise InvalidParameterError(
                f"channel {name!r}: {key!r} is not known; is {near[0]!r} meant?"
            )
    format_, label_size = _content_type(name, config.get("ContentType") or "")
    modes = {"file": "File", "fastfile": "FastFile", "pipe": "Pipe"}
    asked = config.get("TrainingInputMode") or (
        "File" if (data / name).is_dir() or not (data / f"{name}_0").exists() else "Pipe"
    )
    mode = modes.get(str(asked).lower())
    if mode is None:
        raise InvalidParameterError(
            f"channel {name!r}: TrainingInputMode {asked!r} is none of File, FastFile, Pipe"
        )
    wrapper = config.get("RecordWrapperType") or "None"
    if wrapper not in ("None", "RecordIO"):
        raise InvalidParameterError(
            f"channel {name!r}: RecordWrapperType {wrapper!r} is neither None nor RecordIO"
        )
    compression = config.get("CompressionType") or "None"
    if compression not in ("None", "Gzip"):
        raise InvalidParameterError(
            f"channel {name!r}: CompressionType {compression!r} is neither None nor Gzip"
        )
    made = Channel(
        name=name,
        place=data / (f"{name}_0" if mode == "Pipe" else name),
        format=format_,
        label_size=label_size,
        mode=cast("Mode", mode),
        # Outside of Pipe mode SageMaker wraps nothing.
        wrapped=wrapper == "RecordIO" and mode == "Pipe",
    )
    _can_be_read(made)
    return made


def _can_be_read(channel: Channel) -> None:
    name = channel.name
    if channel.mode != "Pipe":
        return
    if channel.format is None:
        raise InvalidParameterError(
            f"channel {name!r}: a pipe has no file names to go by; set ContentType to text/csv or "
            f"{RECORDIO}"
        )
    if channel.format == "parquet":
        raise InvalidParameterError(
            f"channel {name!r}: Parquet cannot come through a pipe, since it is read from its end; "
            "use FastFile mode, which streams it too"
        )
    if channel.wrapped and channel.format == "recordio":
        raise InvalidParameterError(
            f"channel {name!r}: RecordWrapperType RecordIO would put records into a record; the "
            "objects are RecordIO already, so leave it unset"
        )


def _content_type(name: ChannelName, text: str) -> tuple[Format | None, int]:
    kind, *parameters = [part.strip() for part in str(text).split(";")]
    label_size = _LABELS[name]
    if not kind and not parameters:
        return None, label_size
    if kind.lower() not in _FORMATS:
        raise InvalidParameterError(
            f"channel {name!r}: ContentType {text!r} is none of {', '.join(_FORMATS)}"
        )
    format_ = _FORMATS[kind.lower()]
    for parameter in filter(None, parameters):
        key, _, value = (part.strip().lower() for part in parameter.partition("="))
        if key == "charset" and value.strip('"') in ("utf-8", "utf8", "us-ascii"):
            continue
        if key != "label_size" or format_ == "recordio":
            hint = "; the hyperparameter csv_header says so" if key == "header" else ""
            raise InvalidParameterError(
                f"channel {name!r}: ContentType {text!r}: {parameter!r} is not known{hint}"
            )
        if value not in ("0", "1"):
            raise InvalidParameterError(
                f"channel {name!r}: ContentType {text!r}: label_size is 0 or 1"
            )
        label_size = int(value)
    return format_, label_size
