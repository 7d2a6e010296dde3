"""The models that a multi-model endpoint holds: they come and go by requests."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from fastrcf.container import artifact
from fastrcf.errors import FastRCFError
from fastrcf.serving.limits import available_memory
from fastrcf.serving.problems import Problem
from fastrcf.serving.scorer import Scorer


@dataclass(frozen=True)
class Loaded:
    """A model, and where it came from."""

    name: str
    url: str
    scorer: Scorer


class Models:
    """Loads, lists and unloads models within a budget of memory.

    Parameters
    ----------
    memory : int, optional
        Bytes that all models together may take; default: four fifths of what the
        container may.

    Notes
    -----
    The platform unloads others and tries again when a load is answered with 507.
    """

    def __init__(self, memory: int | None = None) -> None:
        self._budget = available_memory() * 4 // 5 if memory is None else memory
        self._models: dict[str, Loaded] = {}
        # Loads run on threads. One at a time, so that two cannot share what is left.
        self._lock = threading.Lock()

    def load(self, name: str, url: str) -> Loaded:
        """Load the model of a folder under a name.

        Raises
        ------
        Problem
            409 if the name is taken, 507 if memory does not suffice, 400 if there is no
            model, or its name is none that a path can have.
        """
        if not name or "/" in name:
            raise Problem(
                400, "invalid_input", f"model_name: {name!r}: no path /models/NAME could name it"
            )
        with self._lock:
            if name in self._models:
                raise Problem(409, "loaded", f"the model {name!r} is loaded")
            # Asked anew each time: what a model works in grows with the bodies that it had.
            left = self._budget - sum(model.scorer.memory_usage() for model in self.all())
            folder = Path(url)
            if not folder.is_absolute() or "\0" in url:
                raise Problem(400, "no_model", f"{name}: {url!r} is no absolute path")
            # A model takes about the memory that its file has bytes, or more.
            if _size(folder) > left:
                raise _no_memory(name, left)
            try:
                scorer = Scorer(artifact.load(folder))
            except MemoryError:
                raise _no_memory(name, left) from None
            except (FastRCFError, OSError) as error:
                raise Problem(400, "no_model", f"{name}: {error}") from None
            if scorer.memory_usage() > left:
                raise _no_memory(name, left)
            loaded = Loaded(name, url, scorer)
            self._models[name] = loaded
            return loaded

    def unload(self, name: str) -> None:
        """Forget a model; requests that use it end as they would have.

        Raises
        ------
        Problem
            404 if it is not loaded.
        """
        with self._lock:
            self.get(name)
            del self._models[name]

    def get(self, name: str) -> Loaded:
        """Give a model.

        Raises
        ------
        Problem
            404 if it is not loaded.
        """
        loaded = self._models.get(name)
        if loaded is None:
            raise Problem(404, "not_loaded", f"no model {name!r} is loaded")
        return loaded

    def all(self) -> list[Loaded]:
        """Give the models in the order in which they came."""
        return list(self._models.values())


def _no_memory(name: str, left: int) -> Problem:
    return Problem(
        507, "no_memory", f"{name}: it needs more than the {max(0, left):,} bytes that are left"
    )


def _size(folder: Path) -> int:
    # Not what lies deeper: the folder is named by a request.
    return sum(file.stat().st_size for file in folder.glob("*.rcf"))
