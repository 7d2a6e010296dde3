"""How models and code reach the workers.

A model travels as the bytes of its file: small ones in the closure of the function that is
sent, larger ones once as a file that every executor fetches, where Spark has that: classic
Spark 3.5 has not, and takes all of them in the closure. Workers keep what they have loaded
(``_cache.py``). The functions that are sent hold nothing of this package by reference, so that
a worker without it can say so, or find it in an archive.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import fastrcf

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

    Model = fastrcf.Detector | fastrcf.RandomCutForest | fastrcf.FrozenForest

# Above this a closure costs more than a file; Connect refuses closures of 128 MB.
IN_CLOSURE = 1 << 22
# What an archive must be called on the workers for its packages to be found there.
ARCHIVE = "fastrcf_lib"

log = logging.getLogger("fastrcf_spark")


class Reference(TypedDict):
    """What a worker needs to get a model: plain values, which any worker can unpickle."""

    digest: str
    """SHA-256 of the model file, in hexadecimal."""
    data: bytes | None
    """The file itself, where it is small or Spark sends no files."""
    file: str | None
    """Else the name that the file has among the session's files."""


def loaded(model: Model | bytes | str | os.PathLike[str]) -> Model:
    """Give a model, whether it is one, its bytes or the path of its file.

    Raises
    ------
    fastrcf.ModelFileError
        If it is no model.
    fastrcf.InvalidInputError
        If it is a model that does not score rows of tables.
    fastrcf.NotReadyError
        If it is a forest of too few rows.
    """
    found: object = model
    if isinstance(model, (bytes, bytearray)):
        found = fastrcf.loads(bytes(model))
    elif isinstance(model, (str, os.PathLike)):
        found = fastrcf.load(model)
    if not isinstance(found, (fastrcf.Detector, fastrcf.RandomCutForest, fastrcf.FrozenForest)):
        raise fastrcf.InvalidInputError(
            f"expected a Detector or a forest, its bytes or its file, found {type(found).__name__}"
        )
    if not isinstance(found, fastrcf.Detector) and not found.is_ready:
        raise fastrcf.NotReadyError("the forest has seen too few rows to score any")
    return found


def ship(spark: SparkSession, model: Model, limit: int = IN_CLOSURE) -> Reference:
    """Make a model reachable for the workers of a session.

    Parameters
    ----------
    spark : SparkSession
        Classic or Connect.
    model : Detector, RandomCutForest or FrozenForest
    limit : int
        Bytes up to which it travels in the closure; beyond, if the session sends no files.
    """
    data = bytes(model)
    digest = hashlib.sha256(data).hexdigest()
    if len(data) <= limit:
        return {"digest": digest, "data": data, "file": None}
    name = f"fastrcf-{digest}.rcf"
    sent = _SENT.setdefault(spark, set())
    if digest not in sent:
        if spark in _WITHOUT_FILES or not _send(spark, name, data):
            return {"digest": digest, "data": data, "file": None}
        sent.add(digest)
    return {"digest": digest, "data": None, "file": name}


_SENT: weakref.WeakKeyDictionary[SparkSession, set[str]] = weakref.WeakKeyDictionary()
_WITHOUT_FILES: weakref.WeakSet[SparkSession] = weakref.WeakSet()


def _send(spark: SparkSession, name: str, data: bytes) -> bool:
    """Send a file to the session's workers; give whether the session can."""
    folder = tempfile.mkdtemp(prefix="fastrcf-")
    # Executors of classic Spark fetch the file when a task starts: it stays as long as the
    # session.
    forget = weakref.finalize(spark, shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / name
    path.write_bytes(data)
    try:
        spark.addArtifacts(str(path), file=True)
    except Exception as error:
        forget()
        if not _means_without_files(error):
            raise
    else:
        return True
    _WITHOUT_FILES.add(spark)
    log.info(
        "Spark %s sends no files to a session's workers: a model of %.1f MB travels with each "
        "query, as will others",
        getattr(spark, "version", "here"),
        len(data) / 1e6,
    )
    return False


def _means_without_files(error: Exception) -> bool:
    # Classic Spark 3.5 has the method and raises PySparkRuntimeError, whatever it is given.
    if isinstance(error, (AttributeError, NotImplementedError)):
        return True
    said = str(error).upper().replace("_", " ")
    return isinstance(error, RuntimeError) and "ONLY SUPPORTED WITH SPARK CONNECT" in said


def deferred(function: str, plan: dict[str, Any], module: str = "_worker") -> Callable[..., Any]:
    """Make the function that workers run: ``function`` of a module here with a plan.

    It imports this package when it is called, and is itself pickled by value, with the plan:
    plain values only. Where the package is not installed it looks into the archive
    ``fastrcf_lib`` of the session's files.
    """
    archive = ARCHIVE

    def run(*arguments: Any) -> Any:
        import importlib
        import os
        import sys

        try:
            found = importlib.import_module(f"fastrcf_spark.{module}")
        except ImportError:
            from pyspark import SparkFiles

            path = os.path.join(SparkFiles.getRootDirectory(), archive)
            sys.path.insert(0, path)
            try:
                found = importlib.import_module(f"fastrcf_spark.{module}")
            except ImportError as error:
                raise ImportError(
                    f"this Spark worker cannot import fastrcf ({error}; {sys.executable}, Python "
                    f"{sys.version.split()[0]}). Install fastrcf and fastrcf-spark where the "
                    "workers run, or send them as an archive: python -m fastrcf_spark.archive "
                    f"fastrcf.tar.gz, then spark-submit --archives fastrcf.tar.gz#{archive} (any "
                    f"Spark), or spark.addArtifacts('fastrcf.tar.gz#{archive}', archive=True) "
                    "(Spark 4.0 or newer, and Spark Connect). docs/spark.md has all three."
                ) from None
        return getattr(found, function)(plan, *arguments)

    return run
