"""``fastrcf evaluate``: how well a model finds what is labelled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from fastrcf.cli.tables import Input, model_roles
from fastrcf.errors import InvalidInputError

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
    for name in (label, time_column):
        if name in roles:
            raise InvalidInputError(f"{name!r} is a column that the model looks at")
    roles[label] = "label"
    if time_column is not None:
        roles[time_column] = "time"
    scores, labels, times = [], [], []
    for batch in table.batches(roles, "scoring"):
        scores.append(model.score(batch.table.select(names)))
        labels.append(truth(batch.table[label].to_pylist(), label, positive, normal))
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
    click.echo(json.dumps(result.to_dict()) if as_json else str(result))


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
