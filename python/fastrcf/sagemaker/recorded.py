"""Scores that the managed service gave, read from what it or a notebook wrote.

Taken are the service's own answers, JSON (``{"scores": [{"score": 0.02}]}``) and JSON lines
(``{"score": 0.02}``), as batch transform leaves them, and CSV with a line of names.
"""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from os import PathLike

    from fastrcf._typing import Floats, Integers

SCORE, INDEX = "score", "index"


@dataclass(frozen=True)
class Recorded:
    """Scores, and of which rows they are.

    Attributes
    ----------
    scores : numpy.ndarray of float64, shape (n,)
    rows : numpy.ndarray of int64, shape (n,), or None
        Numbers of the rows in the data, from 0, ascending; None where they are all
        rows in their order.
    """

    scores: Floats
    rows: Integers | None


def read(path: str | PathLike[str], *, score: str = SCORE, index: str | None = None) -> Recorded:
    """Read recorded scores.

    Parameters
    ----------
    path : path
        JSON, JSON lines or CSV, told apart by what the file begins with. Lines of a CSV
        file that begin with ``#`` before its names are comments.
    score : str, default "score"
        The column of scores of a CSV file.
    index : str, optional
        Its column of row numbers; default: ``"index"`` if there is one. A row that is
        recorded several times counts once, if its scores are the same.

    Raises
    ------
    InvalidInputError
        If something is no score; names the line.
    OSError
        If the file cannot be read.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInputError(f"{path}: this is no text of scores") from None
    try:
        if text.lstrip()[:1] == "{":
            found = np.array([_number(*one) for one in _json(text)], np.float64)
            numbers = None
        else:
            found, numbers = _csv(text, score, index)
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {error}") from None
    if not len(found):
        raise InvalidInputError(f"{path}: there are no scores")
    return Recorded(found, numbers) if numbers is None else _once(path, found, numbers)


def read_parts(
    paths: Sequence[str | PathLike[str]], *, score: str = SCORE, index: str | None = None
) -> Recorded:
    """Read one training's scores from several files, such as the cells of a notebook.

    Parameters
    ----------
    paths : sequence of path
        One file, or several that all have a column of row numbers. A row that several
        have counts once, if its scores are the same.
    score, index : str
        As of :func:`read`.

    Raises
    ------
    InvalidInputError
        If a file cannot be read or has no row numbers, or a row has two scores.
    """
    parts = [read(path, score=score, index=index) for path in paths]
    if len(parts) == 1:
        return parts[0]
    numbers = []
    for path, part in zip(paths, parts, strict=True):
        if part.rows is None:
            raise InvalidInputError(
                f"{path}: one of several files, and without a column of row numbers: name it "
                "with --index, or give one file"
            )
        numbers.append(part.rows)
    where = ", ".join(map(str, paths))
    return _once(where, np.concatenate([part.scores for part in parts]), np.concatenate(numbers))


def _json(text: str) -> Iterator[tuple[Any, str]]:
    """Yield scores and where they are."""
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        first = json.loads(lines[0])
        is_lines = isinstance(first, dict) and "scores" not in first
    except (ValueError, RecursionError):
        is_lines = False
    if not is_lines:
        try:
            whole = json.loads(text)
            entries = whole["scores"]
            if not isinstance(entries, list):
                raise TypeError
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InvalidInputError('expected {"scores": [{"score": 0.02}]}, or lines') from None
        for i, entry in enumerate(entries):
            yield _score(entry, f"score {i}"), f"score {i}"
        return
    for i, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            raise InvalidInputError(f"line {i}: this is no JSON") from None
        yield _score(entry, f"line {i}"), f"line {i}"


def _score(entry: Any, where: str) -> Any:
    if not isinstance(entry, dict) or SCORE not in entry:
        raise InvalidInputError(f'{where}: expected {{"score": 0.02}}')
    value = entry[SCORE]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidInputError(f"{where}: {value!r} is not a number")
    return value


def _csv(text: str, score: str, index: str | None) -> tuple[Floats, Integers | None]:
    lines = text.splitlines()
    skipped = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    reader = csv.reader(lines[skipped:])
    names = [name.strip() for name in next(reader, [])]
    if score not in names:
        raise InvalidInputError(f"no column {score!r} among {', '.join(names[:12]) or 'none'}")
    for name in (score, index or INDEX):
        if names.count(name) > 1:
            raise InvalidInputError(f"two columns are named {name!r}")
    if index is not None and index not in names:
        raise InvalidInputError(f"no column {index!r} among {', '.join(names[:12])}")
    index = INDEX if index is None and INDEX in names else index
    scores, numbers = [], []
    for fields in reader:
        where = f"line {skipped + reader.line_num}"
        if not fields:
            continue
        if len(fields) != len(names):
            raise InvalidInputError(f"{where}: {len(fields)} fields, but {len(names)} names")
        scores.append(_number(fields[names.index(score)], where))
        if index is not None:
            numbers.append(_row(fields[names.index(index)], where))
    rows = None if index is None else np.array(numbers, np.int64)
    return np.array(scores, np.float64), rows


def _number(value: Any, where: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InvalidInputError(f"{where}: {value!r} is no finite number")
    return number


def _row(text: str, where: str) -> int:
    if not text.strip().isdecimal() or len(text) > 15:
        raise InvalidInputError(f"{where}: {text!r} is no number of a row")
    return int(text)


def _once(path: str | PathLike[str], scores: Floats, numbers: Integers) -> Recorded:
    """Sort by row, each once."""
    rows, first, places = np.unique(numbers, return_index=True, return_inverse=True)
    kept = scores[first]
    # Notebooks print six digits.
    differ = np.abs(kept[places] - scores) > 2e-6
    if differ.any():
        row = int(numbers[int(np.flatnonzero(differ)[0])])
        raise InvalidInputError(f"{path}: row {row} has two scores")
    return Recorded(kept, rows.astype(np.int64))
