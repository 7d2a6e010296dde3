"""A service that learns: rows in order of arrival, snapshots, answers by idempotency key.

A snapshot is two files: the keys first, then the model. Whatever moment the process dies at,
the model on disk is of no later moment than the keys: a request that is sent again with its
key is never learnt twice. The file that the model came from is never written.
"""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from fastrcf import _fastrcf
from fastrcf.errors import FastRCFError, ModelFileError
from fastrcf.model_file import load
from fastrcf.service import idempotency
from fastrcf.service.living import LivingModel
from fastrcf.service.served import read_model, version_of

if TYPE_CHECKING:
    from os import PathLike

    from fastrcf.service.core import Service
    from fastrcf.service.messages import Request, Response

try:
    import fcntl
except ImportError:  # Windows has no such locks.
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger("fastrcf.service")
LEARNING = ("/v1/score", "/v1/detect", "/invocations")


@dataclass(frozen=True)
class State:
    """Where a learning model goes on from, and is saved to.

    Attributes
    ----------
    path : Path
        The model; a file that all commands read.
    keys : Path
        Answers by key, beside it.
    """

    path: Path

    @property
    def keys(self) -> Path:
        """The file of keys."""
        return self.path.with_name(self.path.name + ".keys")

    def take(self) -> int:
        """Have the state for oneself: two processes that save there would lose rows.

        Returns
        -------
        int
            An open file, which holds it until it is closed or the process ends, however.

        Raises
        ------
        FastRCFError
            If another process has it.
        OSError
            If there is no place for it.
        """
        place = self.path.with_name(self.path.name + ".lock")
        lock = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise FastRCFError(
                f"--state {self.path}: another process learns into it; give each its own"
            ) from None
        return lock


def begin(
    model_path: str | PathLike[str], state: State, *, threshold: float | None = None
) -> tuple[LivingModel, idempotency.Answers]:
    """Load the model that goes on: of the state if it is there, else the one given.

    Parameters
    ----------
    model_path : path
        The model file; only read.
    state : State
    threshold : float, optional
        See :class:`fastrcf.service.living.LivingModel`.

    Raises
    ------
    FastRCFError
        If the state is of another model, or one of the files cannot be used.
    """
    given = Path(model_path)
    if given.resolve() == state.path.resolve():
        raise FastRCFError(f"--state {state.path}: it has to be another file than the model")
    data = given.read_bytes()
    version = version_of(data)
    living = LivingModel(read_model(given, data), version, threshold=threshold)
    answers = idempotency.Answers()
    if state.keys.exists():
        try:
            origin, kept = idempotency.read(state.keys.read_bytes())
        except ModelFileError as error:
            raise ModelFileError(f"{state.keys}: {error}") from None
        if origin != version:
            raise FastRCFError(
                f"{state.path} goes on from model {origin}, and {given} is {version}: "
                "give another --state, or remove it"
            )
        answers.fill(kept)
    elif state.path.exists():
        # The keys are written first. Without them this file is somebody's, and would be lost.
        raise FastRCFError(
            f"--state {state.path}: a file that no server has written, as there is no "
            f"{state.keys.name} beside it; it would be overwritten. Name a file that is not "
            "there; to go on from this one, serve it as the model"
        )
    if state.path.exists():
        again = LivingModel(load(state.path), version, threshold=threshold)
        if type(again.model) is not type(living.model) or again.names != living.names:
            raise FastRCFError(
                f"{state.path} is of another kind, or of other columns, than {given}"
            )
        living = again
    return living, answers


class Learner:
    """Answers requests of a living model, and saves it.

    Parameters
    ----------
    service : Service
        Of the living model.
    model : LivingModel
    answers : Answers
    state : State
    interval : float, default 10
        Seconds between snapshots of what changed: a kill loses no more.

    Attributes
    ----------
    snapshots : int
        Written since the start.
    """

    def __init__(
        self,
        service: Service,
        model: LivingModel,
        answers: idempotency.Answers,
        state: State,
        *,
        interval: float = 10.0,
    ) -> None:
        self._service = service
        self._model = model
        self._answers = answers
        self._state = state
        self._interval = interval
        # Over a row's score, its learning and its key: a snapshot has all or none.
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._saved = (model.learnt, len(answers))
        self._saved_at = monotonic()
        self.snapshots = 0

    def answer(self, request: Request) -> Response:
        """Answer a request as the service does; the same key again gets the first answer."""
        if request.method != "POST" or request.path not in LEARNING:
            return self._service.answer(request)
        with self._lock:
            try:
                key = idempotency.key_of(request)
                digest = idempotency.digest_of(request) if key else b""
                known = self._answers.find(key, digest) if key else None
            except Exception as error:
                return self._service.refusal(request, error)
            if known is not None:
                return known
            response = self._service.answer(request)
            # What was refused was not learnt, and may be put right.
            if key and response.status == 200:
                self._answers.keep(key, digest, response)
            return response

    def save(self) -> bool:
        """Write a snapshot if anything was learnt since the last; say whether.

        Raises
        ------
        OSError
        """
        with self._lock:
            now = self._model.learnt, len(self._answers)
            if now == self._saved:
                self._saved_at = monotonic()
                return False
            keys = self._answers.to_bytes(self._model.origin)
            model = bytes(self._model.model)
        _fastrcf.write_atomically(self._state.keys, keys)
        _fastrcf.write_atomically(self._state.path, model)
        self._saved, self._saved_at = now, monotonic()
        self.snapshots += 1
        return True

    def start(self) -> None:
        """Save at intervals, on a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="snapshots", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Save for the last time."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self.save()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                self.save()
            except OSError as error:
                # The rows stay in memory: the next one may succeed.
                log.error("the snapshot was not written: %s", error.strerror or error)
            except Exception:
                # No memory for it, or a defect: without this thread a kill would lose all.
                log.exception("the snapshot was not written")

    def gauges(self) -> list[tuple[str, str, float]]:
        """Give what metrics tell of learning."""
        return [
            ("fastrcf_rows_learnt", "Rows that the model has learnt.", self._model.learnt),
            (
                "fastrcf_snapshot_age_seconds",
                "Since all that was learnt was on disk.",
                monotonic() - self._saved_at,
            ),
            ("fastrcf_snapshots", "Snapshots written since the start.", self.snapshots),
            ("fastrcf_idempotency_keys", "Keys remembered.", len(self._answers)),
        ]
