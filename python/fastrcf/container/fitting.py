"""From a channel's rows to a model."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

import fastrcf
from fastrcf.container.log import say
from fastrcf.detector import Detector
from fastrcf.errors import InvalidInputError
from fastrcf.sagemaker.managed import ManagedForest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastrcf.container.hyperparameters import Hyperparameters
    from fastrcf.container.job import Job
    from fastrcf.container.reader import ChannelRows

Model = Detector | ManagedForest


def new_model(given: Hyperparameters) -> Model:
    """Give the model that hyperparameters ask for, not fitted yet.

    Raises
    ------
    InvalidParameterError
        If a parameter is out of its range.
    """
    if given.model == "managed":
        return ManagedForest(
            given.num_trees, given.num_samples_per_tree, given.feature_dim, given.random_state
        )
    scaling, score, relations = (
        ("none", "expected_inverse_depth", "off")
        if given.model == "forest"
        else (given.scaling, given.score, given.relations)
    )
    return Detector(
        scaling=scaling,
        score=score,
        relations=relations,
        alert_rate=given.alert_rate,
        n_trees=given.num_trees,
        sample_size=given.num_samples_per_tree,
        random_state=given.random_state,
    )


def fit(model: Model, rows: ChannelRows, feature_names: tuple[str, ...] = ()) -> None:
    """Fit a model to a channel.

    A detector takes rows as they come, in memory that does not grow with them; a
    :class:`ManagedForest` has to hold all of them, in single precision, since which rows
    its trees get depends on how many there are.

    Parameters
    ----------
    model : Detector or ManagedForest
    rows : ChannelRows
    feature_names : tuple of str
        Names of the columns, which go before those that files give.

    Raises
    ------
    InvalidInputError
        If rows cannot be used, or are too few.
    """
    if isinstance(model, ManagedForest):
        # What a forest holds is single precision: half of the memory.
        parts = [batch.values.astype(np.float32, copy=False) for batch in rows]
        whole = np.concatenate(parts)
        parts.clear()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            model.fit(whole)
        for warning in told:
            say(str(warning.message), "WARNING")
        return
    model.fit(_tables(rows, feature_names))


def _tables(rows: ChannelRows, feature_names: tuple[str, ...]) -> Iterator[Any]:
    for batch in rows:
        width = batch.values.shape[1]
        if feature_names and len(feature_names) != width:
            raise InvalidInputError(
                f"{batch.file}: {width} columns, but feature_names has {len(feature_names)} names"
            )
        for given, found in zip(feature_names, rows.names or (), strict=False):
            if given != found and given in (rows.names or ()):
                raise InvalidInputError(
                    f"{batch.file}: feature_names calls the column {found!r} {given!r}, which is "
                    "another column's name; names are given in the order of the columns"
                )
        yield named(batch.values, feature_names or rows.names)


def named(values: Any, names: tuple[str, ...] | None) -> Any:
    """Give columns their names, where they have any."""
    if not names:
        return values
    import pyarrow as pa

    columns = np.asfortranarray(values)
    return pa.table({name: columns[:, j] for j, name in enumerate(names)})


def describe(model: Model, job: Job) -> None:
    """Write down in a detector who trained it and how; a ManagedForest has no place for it."""
    if isinstance(model, ManagedForest):
        return
    given = asdict(job.hyperparameters)
    # Names may be as many as columns, and the model has them anyway.
    del given["feature_names"]
    model.notes = {
        "trained by": f"fastrcf {fastrcf.__version__}, container train",
        "model": job.hyperparameters.model,
        "hyperparameters": json.dumps(given),
        **({"training job": job.name} if job.name else {}),
    }
