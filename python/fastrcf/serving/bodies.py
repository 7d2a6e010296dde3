"""Bodies of requests as rows of numbers.

Bodies are untrusted: what is malformed is refused with its row and column, and
memory grows with the bytes that came, not with what they say.
"""

from __future__ import annotations

import re
import reprlib
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from fastrcf.sagemaker.recordio import CONTENT_TYPE as RECORDIO
from fastrcf.sagemaker.recordio import decode_recordio
from fastrcf.serving import csv_bodies, json_names
from fastrcf.serving.json_places import broken_at
from fastrcf.serving.media import CSV, HEADERS, JSON, Media
from fastrcf.serving.problems import Problem, bad_input

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastrcf._typing import Matrix

# A column's values that sparse rows may leave out, over the whole body.
_MOST_ZEROS = 1 << 26
# Where msgspec found fault: $.instances[3].features[7], or $[3].features[7] in lines.
_PLACE = re.compile(r"`\$(?:\.instances)?\[(\d+)\](?:[.\w]*?(?:\[(\d+)\])?)`")


# Names that count, and beside the rows two that say nothing of them: "configuration" is of the
# interface that AWS's algorithms share, "metadata" of the stack's.
_BODY = ("instances", "configuration", "metadata")
_ROW, _DATA = ("features", "data"), ("features",)
_TENSOR = ("values", "keys", "shape")


class Tensor(msgspec.Struct):
    """A row's values; sparse where they have keys."""

    values: list[float]
    keys: list[int] | None = None
    shape: list[int] | None = None


class Features(msgspec.Struct):
    """What the managed service calls a row's data."""

    features: Tensor


class Instance(msgspec.Struct):
    """A row, in either of the ways that the managed service takes."""

    features: list[float] | None = None
    data: Features | None = None


class Instances(msgspec.Struct):
    """The body of a request in JSON."""

    instances: list[Instance | list[float]]


_json = msgspec.json.Decoder(Instances)
_lines = msgspec.json.Decoder(Instance | list[float])


def decode(body: bytes, media: Media, names: list[str]) -> Matrix:
    """Read the rows of a body.

    Parameters
    ----------
    body : bytes
        What came.
    media : Media
        Its format, one of :data:`fastrcf.serving.media.BODIES`.
    names : list of str
        The model's columns.

    Returns
    -------
    numpy.ndarray of shape (n, d)
        At least one row.

    Raises
    ------
    Problem
        400 with row and column. Whether values are finite is the model's to say.
    """
    if media.kind == CSV:
        n_labels = int(media.parameters.get("label_size", "0"))
        header = media.parameters.get("header", "absent")
        if header not in HEADERS:
            raise bad_input(f"header={header}: {' or '.join(HEADERS)}")
        if header == "present":
            body = csv_bodies.without_header(body, names, n_labels)
        return csv_bodies.decode(body, len(names), n_labels)
    if media.kind == RECORDIO:
        return _recordio(body, len(names))
    return _instances(body, media.kind, len(names))


def _recordio(body: bytes, n_features: int) -> Matrix:
    rows, _ = decode_recordio(body, max_zeros=_MOST_ZEROS)
    if not len(rows):
        raise bad_input("the body has no rows")
    if rows.shape[1] != n_features:
        raise bad_input(f"row 0: {rows.shape[1]} columns, the model has {n_features}", row=0)
    return np.asarray(rows, np.float64) if rows.dtype.kind == "i" else rows


def _instances(body: bytes, kind: str, n_features: int) -> Matrix:
    try:
        if kind == JSON:
            given: Sequence[Any] = _json.decode(body).instances
        else:
            given = _lines.decode_lines(body)
    except msgspec.ValidationError as error:
        raise _misfit(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        place = broken_at(body, error, lines=kind != JSON)
        raise json_names.broken(body, _what(kind), error, *place) from None
    if body.count(b'"') != sum(map(_quotes, given), 2 * (kind == JSON)):
        _check_names(body, kind)
    if not given:
        raise bad_input("the body has no rows")
    rows = [_row(i, instance, n_features) for i, instance in enumerate(given)]
    return np.array(rows, np.float64)


def _what(kind: str) -> str:
    return "JSON" if kind == JSON else "JSON lines"


def _quotes(instance: Instance | list[float]) -> int:
    """Count the quotes of a row whose names are all known and there once."""
    if type(instance) is list:
        return 0
    assert isinstance(instance, Instance)
    quotes = 2 * (instance.features is not None)
    if instance.data is not None:
        tensor = instance.data.features
        quotes += 6 + 2 * (tensor.keys is not None) + 2 * (tensor.shape is not None)
    return quotes


def _check_names(body: bytes, kind: str) -> None:
    """Refuse names that are there twice, and those that may be meant for one that counts.

    Beside a row's values others are passed over, as a batch job's lines may have them.
    """
    given = json_names.as_pairs(body, _what(kind))
    if kind == JSON:
        json_names.check(given[0], _BODY, "", others=None, row=None)
        given = json_names.within(given[0], "instances")
    beside, within = set[str](), set[str]()
    for i, instance in enumerate(given):
        json_names.check(instance, _ROW, "", others=beside, row=i)
        data = json_names.within(instance, "data")
        json_names.check(data, _DATA, "data", others=within, row=i)
        tensor = json_names.within(data, "features")
        json_names.check(tensor, _TENSOR, "features", others=None, row=i)


def _row(i: int, instance: Instance | list[float], n_features: int) -> Any:
    row: Any = instance if type(instance) is list else None
    if row is None:
        assert isinstance(instance, Instance)
        row = instance.features
        if row is None:
            if instance.data is None:
                raise bad_input(f'row {i}: it has neither "features" nor "data"', row=i)
            row = _tensor(i, instance.data.features, n_features)
        elif instance.data is not None:
            raise bad_input(f'row {i}: it has both "features" and "data"; one is a row', row=i)
    if len(row) != n_features:
        raise bad_input(f"row {i}: {len(row)} values, the model has {n_features} columns", row=i)
    return row


def _tensor(i: int, tensor: Tensor, n_features: int) -> Any:
    if tensor.shape is not None and tensor.shape != [n_features]:
        shown = reprlib.repr(tensor.shape)
        raise bad_input(f"row {i}: shape {shown}, the model has {n_features} columns", row=i)
    if tensor.keys is None:
        return tensor.values
    if len(tensor.keys) != len(tensor.values):
        raise bad_input(f"row {i}: {len(tensor.keys)} keys for {len(tensor.values)} values", row=i)
    row = [0.0] * n_features
    seen = set()
    for key, value in zip(tensor.keys, tensor.values, strict=True):
        if not 0 <= key < n_features:
            raise bad_input(f"row {i}: key {key} is none of {n_features} columns", row=i)
        if key in seen:
            raise bad_input(f"row {i}, column {key}: two values", row=i, column=key)
        seen.add(key)
        row[key] = value
    return row


def _misfit(message: str) -> Problem:
    """Say row and column where msgspec gives a path."""
    found = _PLACE.search(message)
    if found is None:
        return bad_input(f"the body does not fit: {message}")
    row = int(found[1])
    column = None if found[2] is None else int(found[2])
    what = message.partition(" - at ")[0]
    place = f"row {row}" + ("" if column is None else f", column {column}")
    return bad_input(f"{place}: {what}", row, column)
