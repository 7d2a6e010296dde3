"""The file of a managed forest: a forest's model file, whose notes say how it was fitted."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from fastrcf import _fastrcf
from fastrcf.errors import FastRCFError, ModelFileError
from fastrcf.sagemaker.sampling import Plan, within_limits

NOTE = "sagemaker"


@dataclass(frozen=True)
class Fitted:
    """What the forest itself does not say; the rest follows from it.

    Attributes
    ----------
    num_samples_per_tree, feature_dim
        As the forest was made.
    n_rows : int
        Rows of the file that it was fitted to.
    """

    num_samples_per_tree: int
    feature_dim: int | None
    n_rows: int


def note(core: _fastrcf.Forest, fitted: Fitted) -> None:
    """Write down in a forest how it was fitted."""
    core.set_notes({NOTE: json.dumps(asdict(fitted))})


def is_managed(core: object) -> bool:
    """Whether a model is the forest of a :class:`fastrcf.sagemaker.ManagedForest`."""
    return isinstance(core, _fastrcf.Forest) and NOTE in core.notes()


def checked(core: _fastrcf._Model) -> tuple[_fastrcf.Forest, Fitted, Plan]:
    """Hold a model from a file to what a fit can give.

    The engine has checked that the file is a forest; here it may still be any.

    Raises
    ------
    ModelFileError
        If no fit gives it.
    """
    if not isinstance(core, _fastrcf.Forest) or NOTE not in core.notes():
        raise ModelFileError("this is no file of a managed forest")
    told = core.parameters()
    try:
        fitted = _fitted(core.notes()[NOTE])
        within_limits("num_trees", told["n_trees"])
        within_limits("num_samples_per_tree", fitted.num_samples_per_tree)
        within_limits("feature_dim", core.n_features)
        plan = Plan.of(fitted.n_rows, told["n_trees"], fitted.num_samples_per_tree)
    except (FastRCFError, ValueError, RecursionError) as error:
        raise ModelFileError(f"this is no file of a managed forest: {error}") from None
    found = (told["sample_size"], core.n_seen, told["shingle_size"], told["sampling"])
    if (
        found != (plan.capacity, plan.tree_size, 1, "window")
        or told["feature_weights"] is not None
        or fitted.feature_dim not in (None, core.n_features)
        or any(len(core.sample(t)) != plan.tree_size for t in range(plan.num_trees))
    ):
        raise ModelFileError(
            "the trees of this managed forest are not what its notes say: "
            f"{plan.num_trees} trees of {plan.tree_size} rows, which nothing has changed"
        )
    return core, fitted, plan


def _fitted(text: str) -> Fitted:
    told = json.loads(text)
    if not isinstance(told, dict) or set(told) != {field.name for field in fields(Fitted)}:
        raise ModelFileError("its note is not whole")
    for name, value in told.items():
        if type(value) is not int and (name, value) != ("feature_dim", None):
            raise ModelFileError(f"{name}: {value!r} is no number of a forest")
    return Fitted(**told)
