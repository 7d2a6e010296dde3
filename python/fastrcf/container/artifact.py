"""The model in its folder: written whole or not at all, and found again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import fastrcf
from fastrcf.detector import Detector
from fastrcf.errors import ModelFileError
from fastrcf.forest import RandomCutForest
from fastrcf.sagemaker.managed import ManagedForest
from fastrcf.sagemaker.managed_file import NOTE

if TYPE_CHECKING:
    from os import PathLike

NAME = "model.rcf"


def save(model: Detector | ManagedForest, folder: str | PathLike[str]) -> Path:
    """Write a model as ``model.rcf`` into a folder, which is made if need be.

    Parameters
    ----------
    model : Detector or ManagedForest
        Fitted.
    folder : path

    Returns
    -------
    Path
        The file.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    OSError
        If it cannot be written; what was there is as before.
    """
    path = Path(folder) / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)
    return path


def load(
    folder: str | PathLike[str], *, n_threads: int | None = None
) -> Detector | ManagedForest | RandomCutForest:
    """Load the model of a folder: ``model.rcf``, or else the only ``*.rcf`` in it.

    Parameters
    ----------
    folder : path
        As :func:`save` filled it, or with a model file of another name.
    n_threads : int, optional
        Threads that it may take; default: what the process may use.

    Returns
    -------
    Detector, ManagedForest or RandomCutForest

    Raises
    ------
    ModelFileError
        If there is no model or several, or the file is damaged or of a kind that does
        not answer row by row. Files are untrusted input.
    """
    path = find(folder)
    model = fastrcf.load(path, n_threads=n_threads)
    if isinstance(model, RandomCutForest) and NOTE in model.notes:
        return ManagedForest.load(path, n_threads=n_threads)
    if isinstance(model, (Detector, RandomCutForest)):
        return model
    raise ModelFileError(
        f"{path}: a {type(model).__name__} cannot be served here; expected a Detector, a "
        "ManagedForest or a RandomCutForest"
    )


def find(folder: str | PathLike[str]) -> Path:
    """Give the model file of a folder.

    Raises
    ------
    ModelFileError
        If there is none, or several of which none is ``model.rcf``; names them.
    """
    place = Path(folder)
    if (place / NAME).is_file():
        return place / NAME
    try:
        found = sorted(path for path in place.iterdir() if path.is_file())
    except OSError as error:
        raise ModelFileError(f"{place}: {error.strerror}") from None
    # Unfinished files of a writer that was killed are hidden.
    models = [path for path in found if path.suffix == ".rcf" and path.name[0] != "."]
    if len(models) == 1:
        return models[0]
    if models:
        raise ModelFileError(
            f"{place}: several models and none is {NAME}: {_names(models)}; keep one"
        )
    there = f"it holds {_names(found)}" if found else "it holds no file"
    raise ModelFileError(f"{place}: no model (*.rcf); {there}")


def _names(paths: list[Path]) -> str:
    shown = ", ".join(path.name for path in paths[:8])
    return shown + (f" and {len(paths) - 8} more" if len(paths) > 8 else "")
