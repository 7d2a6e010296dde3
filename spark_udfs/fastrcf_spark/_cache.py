"""Models that a worker process has loaded, by content.

Workers are reused from task to task: a model is read once a process, whatever task, retry or
query asks for it, and two models of one name cannot be taken for each other.
"""

from __future__ import annotations

import hashlib
import socket
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark import TaskContext

import fastrcf

if TYPE_CHECKING:
    from fastrcf_spark._shipping import Reference

# Models that a process keeps; a query rarely asks more.
KEPT = 8

_models: OrderedDict[tuple[str, int], Any] = OrderedDict()
_lock = threading.Lock()
# How often a model was read, which tests look at.
loads = 0


def model(reference: Reference, n_threads: int) -> Any:
    """Give the model that a reference stands for, ready to score.

    Parameters
    ----------
    reference : Reference
    n_threads : int
        Threads that it may take: those that Spark has given to the task.

    Raises
    ------
    fastrcf.ModelFileError
        If the file that came is not the one that was sent.
    """
    global loads
    key = (reference["digest"], n_threads)
    with _lock:
        if key not in _models:
            found = fastrcf.loads(_bytes(reference), n_threads=n_threads)
            loads += 1
            # A living forest gives the same scores, and is slower at them.
            _models[key] = found.freeze() if isinstance(found, fastrcf.RandomCutForest) else found
        _models.move_to_end(key)
        while len(_models) > KEPT:
            _models.popitem(last=False)
        return _models[key]


def _bytes(reference: Reference) -> bytes:
    """Give the model file, whole as it was sent.

    Raises
    ------
    fastrcf.ModelFileError
        If it is not there, or another: it says which model, which way it came and where to.
    """
    data, name = reference["data"], reference["file"]
    if data is not None:
        _whole(data, reference["digest"], "with the query")
        return data
    from pyspark import SparkFiles

    path = Path(SparkFiles.get(str(name)))
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise fastrcf.ModelFileError(
            f"the model {name} has not reached this worker ({_here()}): was it sent from another "
            "session?"
        ) from None
    _whole(data, reference["digest"], f"as the file {path}")
    return data


def _whole(data: bytes, digest: str, way: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise fastrcf.ModelFileError(
            f"the model with SHA-256 {digest} came {way} and reached this worker ({_here()}) "
            f"damaged: its {len(data)} bytes have SHA-256 {found}. Run the query again; if that "
            "fails, start a new session"
        )


def _here() -> str:
    """Name the worker as Spark's own pages do: host, and the partition that it is at."""
    task = TaskContext.get()
    at = "" if task is None else f", partition {task.partitionId()}"
    return f"host {socket.gethostname()}{at}"
