"""Hyperparameters: the managed names, those that mean nothing here, and our own."""

from __future__ import annotations

import csv
import difflib
import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, get_args

from fastrcf._parameters import KINDS
from fastrcf.detector import RELATIONS, SCALINGS
from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker import hyperparameters as managed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ModelKind = Literal["forest", "managed", "detector"]

# What the managed container's own defaults have beside, and what SageMaker and its SDKs add.
WITHOUT_EFFECT = frozenset(
    {
        "mini_batch_size",
        "epochs",
        "force_dense",
        "_kvstore",
        "_ftp_port",
        "_log_level",
        "_num_gpus",
        "_num_kv_servers",
        "_tuning_objective_metric",
    }
)
_SAGEMAKERS = "sagemaker_"
# Names that the package's own classes have for the same things.
_OURS = {
    "n_trees": "num_trees",
    "sample_size": "num_samples_per_tree",
    "seed": "random_state",
    "n_features": "feature_dim",
}
_DETECTORS_ONLY = ("scaling", "score", "relations")
_NOT_MANAGED = ("alert_rate", "feature_names", *_DETECTORS_ONLY)


@dataclass(frozen=True)
class Hyperparameters:
    """What a training job may say.

    Attributes
    ----------
    model : {"forest", "managed", "detector"}
        ``"forest"``: a detector on raw values whose score is that of the managed
        service. ``"managed"``: a forest that also samples as the service does.
        ``"detector"``: this package's defaults, which detect better.
    feature_dim : int or None
        Columns, at least 1, that the data is checked against.
    num_trees, num_samples_per_tree : int
        Trees, at least 1, and rows that each holds, at least 2; for ``"managed"``
        within the service's ranges.
    eval_metrics : tuple of str
        What is told of the test channel: accuracy, precision_recall_fscore.
    alert_rate : float
        Share of rows that should be alerts, above 0 and at most 0.5.
    random_state : int
        The same seed and rows give the same model.
    scaling, score, relations : str
        Of :class:`fastrcf.Detector`.
    csv_header : bool
        Whether the first line of each CSV file names the columns.
    feature_names : tuple of str
        Names of the columns, where files give none.
    """

    model: ModelKind = "forest"
    feature_dim: int | None = None
    num_trees: int = 100
    num_samples_per_tree: int = 256
    eval_metrics: tuple[str, ...] = managed.METRICS
    alert_rate: float = 0.001
    random_state: int = 0
    scaling: str = "auto"
    score: str = "auto"
    relations: str = "auto"
    csv_header: bool = False
    feature_names: tuple[str, ...] = ()


NAMES = tuple(field.name for field in fields(Hyperparameters))


def parse(given: Mapping[str, str]) -> tuple[Hyperparameters, tuple[str, ...]]:
    """Read the hyperparameters of a job.

    Parameters
    ----------
    given : mapping of str to str
        As SageMaker gives them: all values are text.

    Returns
    -------
    Hyperparameters
    tuple of str
        Names that were given and have no effect.

    Raises
    ------
    InvalidParameterError
        If a name is not known (the nearest one is told), or a value is out of its range.
    """
    values: dict[str, Any] = {}
    idle = []
    for name, text in given.items():
        if name in _READERS:
            values[name] = _READERS[name](name, _unquoted(text))
        elif name in WITHOUT_EFFECT or name.startswith(_SAGEMAKERS):
            idle.append(name)
        else:
            raise InvalidParameterError(_unknown(name))
    made = Hyperparameters(**values)
    _fits_model(made, values)
    return made, tuple(idle)


def _unknown(name: str) -> str:
    near = _OURS.get(name) or next(
        iter(difflib.get_close_matches(name.lower(), (*NAMES, *sorted(WITHOUT_EFFECT)), 1)), None
    )
    hint = f"is {near!r} meant?" if near else f"known are {', '.join(NAMES)}"
    return f"hyperparameter {name!r} is not known; {hint}"


def _fits_model(made: Hyperparameters, given: Mapping[str, Any]) -> None:
    if made.model == "managed":
        for name in _NOT_MANAGED:
            if name in given:
                raise InvalidParameterError(
                    f"hyperparameter {name!r} does not go with model=managed, which has no "
                    + ("names" if name == "feature_names" else "such choice")
                )
        for name, (least, most) in {
            "num_trees": (50, 1000),
            "num_samples_per_tree": (1, 2048),
            "feature_dim": (1, 10_000),
        }.items():
            number = getattr(made, name)
            if number is not None and not least <= number <= most:
                raise InvalidParameterError(
                    f"hyperparameter {name!r}: {number} is not between {least} and {most:,}, the "
                    "range of model=managed"
                )
        return
    if made.num_samples_per_tree < 2:
        raise InvalidParameterError(
            f"hyperparameter 'num_samples_per_tree': {made.num_samples_per_tree} is less than 2"
        )
    if made.model == "forest":
        for name in _DETECTORS_ONLY:
            if name in given:
                raise InvalidParameterError(
                    f"hyperparameter {name!r} goes with model=detector only"
                )
    names, width = made.feature_names, made.feature_dim
    if names and width is not None and len(names) != width:
        raise InvalidParameterError(
            f"hyperparameter 'feature_names': {len(names)} names for feature_dim {width}"
        )


def _unquoted(text: str) -> str:
    """Take the quotes away that some SDKs put around text, as JSON has it."""
    text = text.strip()
    if text[:1] == '"' == text[-1:] and len(text) > 1:
        try:
            inner = json.loads(text)
        except ValueError:
            return text
        return inner.strip() if isinstance(inner, str) else text
    return text


def _count(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:20]) < 2**32:
        raise InvalidParameterError(
            f"hyperparameter {name!r}: {_shown(text)} is not an integer of at least 1"
        )
    return int(text)


def _seed(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 20 or int(text) >= 2**64:
        raise InvalidParameterError(
            f"hyperparameter {name!r}: {_shown(text)} is not an integer from 0 to 2**64 - 1"
        )
    return int(text)


def _rate(name: str, text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 < rate <= 0.5:
        raise InvalidParameterError(
            f"hyperparameter {name!r}: {_shown(text)} is not a number above 0 and at most 0.5"
        )
    return rate


def _one_of(choices: tuple[str, ...]) -> Callable[[str, str], str]:
    def read(name: str, text: str) -> str:
        if text not in choices:
            raise InvalidParameterError(
                f"hyperparameter {name!r}: {_shown(text)} is none of {', '.join(choices)}"
            )
        return text

    return read


def _truth(name: str, text: str) -> bool:
    found = {"true": True, "1": True, "false": False, "0": False}.get(text.lower())
    if found is None:
        raise InvalidParameterError(
            f"hyperparameter {name!r}: {_shown(text)} is neither true nor false"
        )
    return found


def _metrics(name: str, text: str) -> tuple[str, ...]:
    try:
        listed = text if text.startswith("[") else json.dumps([text])
        return managed.Hyperparameters.from_strings({"feature_dim": "1", name: listed}).eval_metrics
    except InvalidParameterError as error:
        _, _, what = str(error).partition(": ")
        raise InvalidParameterError(f"hyperparameter {name!r}: {what}") from None


def _names(name: str, text: str) -> tuple[str, ...]:
    try:
        found = (
            json.loads(text)
            if text.startswith("[")
            else next(csv.reader([text], skipinitialspace=True, strict=True), [])
        )
    except (ValueError, csv.Error):
        found = None
    if not isinstance(found, list) or not all(isinstance(one, str) and one for one in found):
        raise InvalidParameterError(f"hyperparameter {name!r}: {_shown(text)} is no list of names")
    if len(set(found)) != len(found):
        raise InvalidParameterError(f"hyperparameter {name!r}: a name occurs twice")
    for one in found:
        if one != one.encode(errors="replace").decode():
            raise InvalidParameterError(f"hyperparameter {name!r}: {one!r} has half a character")
    return tuple(found)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")


_READERS: dict[str, Callable[[str, str], Any]] = {
    "model": _one_of(get_args(ModelKind)),
    "feature_dim": _count,
    "num_trees": _count,
    "num_samples_per_tree": _count,
    "eval_metrics": _metrics,
    "alert_rate": _rate,
    "random_state": _seed,
    "scaling": _one_of(SCALINGS),
    "score": _one_of(KINDS),
    "relations": _one_of(RELATIONS),
    "csv_header": _truth,
    "feature_names": _names,
}
