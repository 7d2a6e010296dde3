"""``fastrcf evaluate``: how well a model finds what is labelled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fastrcf._separation import Separation, sentence
from fastrcf.cli.tables import Input, add_roles, model_roles
from fastrcf.errors import InvalidInputError
from fastrcf.files.sources import kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fastrcf.files import Options

_FALSE = frozenset({"0", "0.0", "false", "no", "f", "n"})
_TRUE = frozenset({"1", "1.0", "true", "yes", "t", "y"})


def evaluate(
    model: Any,
    data: str,
    *,
    label: str,
    read: Options,
    time_column: str | None,
    positive: Sequence[str],
    normal: Sequence[str],
    columns: Sequence[str],
    as_json: bool,
    **parameters: Any,
) -> None:
    """Score a labelled table and print how well the scores tell labels apart.

    Warns of columns that alone tell them apart.

    Parameters
    ----------
    model : Detector, RandomCutForest or FrozenForest
        The model.
    data : str
        The table.
    label, time_column : str
        Columns of labels and, if any, of times.
    read : Options
        How the table is read.
    positive, normal : sequence of str
        Labels of anomalies, or labels of all that is none; without either,
        labels must be 0 and 1 or the like.
    columns : sequence of str
        Columns for a forest, which knows no names.
    as_json : bool
        Whether to print JSON.
    **parameters
        Of :func:`fastrcf.evaluate`.
    """
    import fastrcf

    table = Input.of(data, read)
    roles = model_roles(model, table, columns)
    names = list(roles)
    add_roles(roles, label, time_column)
    scores, labels, times = [], [], []
    separation = Separation()
    for batch in table.batches(roles, "scoring"):
        scores.append(model.score(batch.table.select(names)))
        labels.append(truth(batch.table[label].to_pylist(), label, positive, normal))
        separation.add(arrays(batch.table, names), labels[-1])
        if time_column is not None:
            times.append(batch.table[time_column].to_numpy())
    if not scores:
        raise InvalidInputError(f"{data}: there are no rows")
    result = fastrcf.evaluate(
        np.concatenate(scores),
        np.concatenate(labels),
        np.concatenate(times) if times else None,
        **parameters,
    )
    warnings = told(separation, label)
    click.echo(json.dumps({**result.to_dict(), "warnings": warnings}) if as_json else str(result))


def arrays(table: Any, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Give columns that were made ready: numbers, or texts for categories."""
    return {name: table[name].to_numpy() for name in names}


def told(separation: Separation, label: str) -> list[str]:
    """Warn on standard error of columns that alone tell labels apart; gives the warnings."""
    found = separation.found()
    if not found:
        return []
    text = sentence(found, label)
    click.echo(f"warning: {text}", err=True)
    return [text]


def codes(column: Any, known: dict[str, int]) -> NDArray[np.int64]:
    """Give each label a number, the same to those that mean the same.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        Labels of any type; all but text and numbers are not known.
    known : dict of str to int
        Labels of earlier rows and their numbers; further ones are added.

    Returns
    -------
    numpy.ndarray of int64, shape (n,)
        -1 where there is no label.
    """
    if kind_of(column.type) not in ("number", "text"):
        return np.full(len(column), -1)
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    text = pc.fill_null(pc.cast(column, pa.string()), "").combine_chunks()
    encoded = pc.dictionary_encode(text)
    numbers = []
    for value in encoded.dictionary.to_pylist():
        spelt = value.strip()
        if spelt.lower() in _FALSE | _TRUE:
            spelt = str(spelt.lower() in _TRUE)
        numbers.append(known.setdefault(spelt, len(known)) if spelt else -1)
    indices: NDArray[np.int32] = encoded.indices.to_numpy()
    return np.array(numbers, dtype=np.int64)[indices]


def truth(
    values: Sequence[str], label: str, positive: Sequence[str] = (), normal: Sequence[str] = ()
) -> NDArray[np.bool_]:
    """Turn labels as they stand in files into truth values.

    Raises
    ------
    InvalidInputError
        If it is not clear which label means an anomaly.
    """
    kinds = set(values)
    if positive or normal:
        if positive and normal:
            raise InvalidInputError("--positive and --normal: one of them says it all")
        return np.array([(v in positive) if positive else (v not in normal) for v in values])
    unknown = sorted(v for v in kinds if v.strip().lower() not in _FALSE | _TRUE)
    if unknown:
        raise InvalidInputError(
            f"column {label!r}: {unknown[0]!r} is neither 0 nor 1; say with --normal which labels "
            "mean nothing unusual, or with --positive which do"
        )
    return np.array([v.strip().lower() in _TRUE for v in values])
