"""Rows as the bodies of requests, and the bodies of answers as scores."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fastrcf._input import to_matrix
from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.sagemaker.errors import ResponseError
from fastrcf.sagemaker.recordio import CONTENT_TYPE as RECORDIO
from fastrcf.sagemaker.recordio import decode_scores, encode_recordio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastrcf._typing import Floats, Singles

Format = Literal["csv", "json", "jsonlines", "recordio"]
CONTENT_TYPES: dict[Format, str] = {
    "csv": "text/csv",
    "json": "application/json",
    "jsonlines": "application/jsonlines",
    "recordio": RECORDIO,
}
# What each is best answered with. CSV is no format of answers.
ACCEPT: dict[Format, str] = {**CONTENT_TYPES, "csv": "application/json"}

# Older pages give 6 MB for real-time endpoints, newer ones 25: this is below both,
# and below the 4 MB of serverless ones.
MAX_PAYLOAD = 3_900_000

_JSON = (b'{"instances":[', b",", b"]}")


def check_format(format: str) -> Format:
    """Give the format, if it is one."""
    if format not in CONTENT_TYPES:
        raise InvalidParameterError(f"format: {format!r} is none of {', '.join(CONTENT_TYPES)}")
    return format


def single(X: Any) -> Singles:
    """Give rows in single precision, which is the service's.

    Raises
    ------
    InvalidInputError
        If a value is not finite, also for being beyond single precision; row and
        column are named.
    """
    wide = to_matrix(X)
    with np.errstate(over="ignore"):
        out = np.ascontiguousarray(wide, np.float32)
    bad = np.argwhere(~np.isfinite(out))
    if len(bad):
        row, column = (int(i) for i in bad[0])
        raise InvalidInputError(
            f"row {row}, column {column}: {wide[row, column]} is not a finite number in single "
            "precision",
            row=row,
            column=column,
        )
    return out


def csv_rows(X: Singles) -> list[bytes]:
    """Write each row as a line of CSV, without its end; nine digits are all there are."""
    form = ",".join(["%.9g"] * X.shape[1])
    return [(form % tuple(row)).encode() for row in X.tolist()]


def bodies(
    X: Singles, format: Format, max_payload: int = MAX_PAYLOAD
) -> Iterator[tuple[bytes, int]]:
    """Cut rows into bodies of requests.

    Parameters
    ----------
    X : numpy.ndarray of float32, shape (n, d)
        Rows.
    format : {"csv", "json", "jsonlines", "recordio"}
        How they are written.
    max_payload : int
        Most bytes of a body.

    Yields
    ------
    body : bytes
    n : int
        Rows in it, at least one. All rows come, in order.

    Raises
    ------
    InvalidInputError
        If a single row is longer than that; no body has been given then.
    """
    if not len(X):
        return
    if format == "recordio":
        # All rows have one length.
        each = len(encode_recordio(X[:1]))
        step = max_payload // each
        if not step:
            raise _too_long(0, each, max_payload)
        for start in range(0, len(X), step):
            part = X[start : start + step]
            yield encode_recordio(part), len(part)
        return
    before, between, after = {"csv": (b"", b"\n", b""), "jsonlines": (b"", b"\n", b"")}.get(
        format, _JSON
    )
    # Lines of some thousand rows at a time, so that text does not take all memory.
    step = max(1, (1 << 20) // X.shape[1])
    room = max_payload - len(before) - len(after)
    longest = 25 * X.shape[1] + 20
    if longest > room:
        # Nothing may have been sent when a row turns out to be too long.
        for i in range(len(X)):
            n = len(_lines(X[i : i + 1], format)[0])
            if n > room:
                raise _too_long(i, n + len(before) + len(after), max_payload)
    held: list[bytes] = []
    size = 0
    for start in range(0, len(X), step):
        for line in _lines(X[start : start + step], format):
            added = len(line) + (len(between) if held else 0)
            if held and size + added > room:
                yield before + between.join(held) + after, len(held)
                held, size, added = [], 0, len(line)
            held.append(line)
            size += added
    yield before + between.join(held) + after, len(held)


def _too_long(row: int, n: int, most: int) -> InvalidInputError:
    return InvalidInputError(f"row {row}: {n} bytes, more than the {most} of a request", row=row)


def _lines(X: Singles, format: Format) -> list[bytes]:
    lines = csv_rows(X)
    if format == "csv":
        return lines
    return [b'{"features":[' + line + b"]}" for line in lines]


def parse_scores(body: bytes, content_type: str, n: int) -> Floats:
    """Read the scores of an answer.

    Parameters
    ----------
    body : bytes
        What came; it is not trusted.
    content_type : str
        What it says it is.
    n : int
        Rows that were sent.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)

    Raises
    ------
    ResponseError
        If it is no such answer, a score is no finite number, or there are more or
        fewer than ``n``.
    """
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind == RECORDIO:
            scores = decode_scores(body)
        elif kind in ("application/jsonlines", "application/x-jsonlines"):
            # The service's documentation shows commas behind its lines.
            lines = (line.strip().rstrip(b",") for line in body.splitlines())
            scores = np.array([_score(json.loads(line)) for line in lines if line])
        elif kind == "application/json":
            answer = json.loads(body)
            if not isinstance(answer, dict) or not isinstance(answer.get("scores"), list):
                raise ValueError('no list "scores"')
            scores = np.array([_score(entry) for entry in answer["scores"]])
        else:
            raise ValueError(f"the content type {content_type!r}")
    except (ValueError, RecursionError) as error:
        shown = body[:80].decode("utf-8", "replace")
        raise ResponseError(f"the answer is none: {error}; it begins with {shown!r}") from None
    scores = scores.astype(np.float64).reshape(-1)
    if len(scores) != n:
        raise ResponseError(f"{len(scores)} scores came for {n} rows")
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise ResponseError(f"score {int(bad[0])} of the answer is {scores[bad[0]]}")
    return scores


def _score(entry: Any) -> float:
    score = entry.get("score") if isinstance(entry, dict) else None
    if isinstance(score, bool) or not isinstance(score, (int, float)):
        raise ValueError(f'an entry without a number "score": {str(entry)[:40]}')
    try:
        number = float(score)
    except OverflowError:
        number = math.inf
    return number
