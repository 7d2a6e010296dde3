"""``fastrcf container train``: a training job from its description to its model."""

from __future__ import annotations

import os
import signal
import time
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

import fastrcf
from fastrcf.container import artifact, fitting, metrics, stopping
from fastrcf.container.job import Job, read
from fastrcf.container.log import say, timed
from fastrcf.container.places import Places
from fastrcf.container.reader import ChannelRows
from fastrcf.detector import Detector
from fastrcf.errors import FastRCFError
from fastrcf.sagemaker.managed import ManagedForest

if TYPE_CHECKING:
    from os import PathLike

    from fastrcf.container.fitting import Model

DONE, FAILED = 0, 1
STOPPED = 128 + signal.SIGTERM


def train(root: str | PathLike[str] | None = None) -> int:
    """Run the training job that is described below a root folder.

    Parameters
    ----------
    root : path, optional
        Default: the variable ``FASTRCF_CONTAINER_ROOT``, then ``/opt/ml``.

    Returns
    -------
    int
        0: ``model/model.rcf`` is there, whole. 1: ``output/failure`` says why not, and
        the model folder has nothing of ours. 143: SIGTERM came, and it has nothing
        either.
    """
    places = Places.below(root)
    try:
        with stopping.noted():
            try:
                _run(places)
                return DONE
            except Exception as error:
                if stopping.was_asked():
                    raise stopping.Stopped from None
                _clear(places)
                return _failed(places, error)
            except stopping.Stopped:
                _clear(places)
                raise
    except stopping.Stopped:
        say("stopped by SIGTERM: no model was written", "WARNING")
        return STOPPED


def _run(places: Places) -> None:
    began = time.perf_counter()
    # What an earlier run left must not pass for this one's.
    _clear(places)
    places.failure.unlink(missing_ok=True)
    job = read(places)
    model = fitting.new_model(job.hyperparameters)
    _announce(job)
    rows = ChannelRows(
        job.train,
        csv_header=job.hyperparameters.csv_header,
        width=job.hyperparameters.feature_dim,
    )
    with timed("reading and fitting"):
        fitting.fit(model, rows, job.hyperparameters.feature_names)
    say(_read("train", rows))
    say(_fitted(model, job))
    if job.test is not None:
        with timed("testing"):
            _test(model, job, rows)
    fitting.describe(model, job)
    with timed("saving"):
        path = artifact.save(model, places.model)
    say(f"model: {path.name}, {path.stat().st_size:,} bytes")
    say(f"done in {time.perf_counter() - began:.2f} seconds")


def _announce(job: Job) -> None:
    given = job.hyperparameters
    name = f"training job {job.name}, " if job.name else ""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    say(f"fastrcf {fastrcf.__version__}: {name}host {job.host}, {cores} cores")
    say(
        f"model {given.model}: num_trees {given.num_trees}, num_samples_per_tree "
        f"{given.num_samples_per_tree}, random_state {given.random_state}"
        + ("" if given.model == "managed" else f", alert_rate {given.alert_rate:g}")
    )
    if job.without_effect:
        say(f"without effect here: {', '.join(sorted(job.without_effect))}")
    for channel in (job.train, job.test):
        if channel is None:
            continue
        kind = channel.format or "format by file names"
        labels = "" if channel.format == "recordio" else f", label_size {channel.label_size}"
        say(f"channel {channel.name}: {channel.mode} mode, {kind}{labels}")


def _read(name: str, rows: ChannelRows) -> str:
    def counted(n: int, what: str) -> str:
        return f"{n:,} {what}" + ("" if n == 1 else "s")

    text = ", ".join(
        counted(n, what)
        for n, what in ((rows.n_rows, "row"), (rows.width or 0, "column"), (rows.n_files, "file"))
    )
    return f"{name}: {text}" + (f", {rows.n_passed:,} passed over" if rows.n_passed else "")


def _fitted(model: Model, job: Job) -> str:
    if isinstance(model, ManagedForest):
        plan = model.plan
        kind = "blocks of rows in order" if plan.kind == "blocks" else "a random sample"
        return (
            f"fitted: {plan.num_trees:,} trees of {plan.tree_size:,} rows each, {kind}; "
            f"{plan.n_unused:,} rows in no tree; {model.memory_usage():,} bytes of memory"
        )
    given = job.hyperparameters
    return (
        f"fitted: {given.num_trees:,} trees of at most {given.num_samples_per_tree:,} rows; "
        f"threshold {model.threshold:.6g} (confidence {model.confidence:.2f}); "
        f"{model.memory_usage():,} bytes of memory"
    )


def _test(model: Model, job: Job, trained: ChannelRows) -> None:
    if job.test is None:
        return
    given = job.hyperparameters
    rows = ChannelRows(
        job.test,
        keep_labels=True,
        csv_header=given.csv_header,
        width=trained.width,
        asked="the train channel's number",
        order=trained.names,
    )
    scores, labels = [], []
    for batch in rows:
        # By place: columns come in the fitted order, whatever they are named.
        scores.append(model.score(batch.values))
        if batch.labels is not None:
            labels.append(batch.labels)
    say(_read("test", rows))
    found = np.concatenate(scores)
    threshold = model.threshold if isinstance(model, Detector) else None
    say(metrics.summary(found, threshold))
    if not labels:
        say("test: no labels, so that metrics are left out", "WARNING")
        return
    flags = np.concatenate(labels)
    say(f"test: {int(flags.sum()):,} anomalies by labels")
    if not flags.any():
        say(
            "test: no row is an anomaly: precision, recall, f1, ROC AUC and average precision are "
            "undefined and left out",
            "WARNING",
        )
    elif flags.all():
        say("test: all rows are anomalies: ROC AUC and average precision are left out", "WARNING")
    for line in metrics.lines(
        metrics.figures(found, flags, threshold, given.eval_metrics), job.host
    ):
        say(line)


def _clear(places: Places) -> None:
    """Take our own model away, if there is one; never what others put there."""
    with suppress(OSError):
        (places.model / artifact.NAME).unlink(missing_ok=True)


def _failed(places: Places, error: Exception) -> int:
    """Say why: SageMaker shows the first 1,024 characters of the file."""
    reason = _reason(error)
    expected = isinstance(error, (FastRCFError, OSError, MemoryError))
    say(reason, "ERROR")
    if not expected:
        trace = "".join(traceback.format_exception(error))
        say(trace, "ERROR")
        reason += f"\n\n{trace}"
    try:
        places.failure.parent.mkdir(parents=True, exist_ok=True)
        places.failure.write_text(reason, encoding="utf-8", errors="replace")
    except OSError as unwritten:
        say(f"{places.failure}: {unwritten.strerror}", "ERROR")
    return FAILED


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, MemoryError):
        return (
            "not enough memory: take an instance with more, fewer trees or, for model=managed, "
            f"fewer rows ({error})"
        )
    if isinstance(error, FastRCFError):
        return str(error)
    return f"unexpected {type(error).__name__}: {error}"
