"""The model that the function holds, and when another takes its place."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from fastrcf.errors import FastRCFError
from fastrcf.stack.function.model_source import ModelUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fastrcf.stack.function.model_source import Found, ModelSource

T = TypeVar("T")
log = logging.getLogger("fastrcf.function")
# How long a failure stands before the model is looked for again.
_PATIENCE = 5.0


class Held(Generic[T]):
    """What was made of the newest model, made anew when there is a newer one.

    Parameters
    ----------
    source : ModelSource
    make : callable
        Makes it of a model's file; raises FastRCFError if the file is none.
    refresh_seconds : float
        How often a newer one is looked for.
    clock : callable
        Of :mod:`time`.
    """

    def __init__(
        self,
        source: ModelSource,
        make: Callable[[Path], T],
        refresh_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._make = make
        self._refresh_seconds = refresh_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._made: T | None = None
        self._mark = ""
        self._looked = 0.0
        self._failure: FastRCFError | None = None

    def get(self) -> T:
        """Give what is held, after a look for a newer model if it is time.

        Raises
        ------
        FastRCFError
            If there is none yet. Once there is one, failures are logged alone.
        """
        if self._made is None:
            with self._lock:
                return self._first()
        if not self._source.is_fixed and self._is_due() and self._lock.acquire(blocking=False):
            # Other threads go on with the one that is held.
            try:
                self._look()
            finally:
                self._lock.release()
        return self._made

    def _is_due(self) -> bool:
        return self._clock() - self._looked >= self._refresh_seconds

    def _first(self) -> T:
        if self._made is not None:
            return self._made
        if self._failure is not None and self._clock() - self._looked < _PATIENCE:
            raise self._failure
        self._looked = self._clock()
        try:
            found = self._source.newest()
            assert found is not None
            self._made = self._take(found)
        except FastRCFError as error:
            self._failure = error
            log.error("there is no model: %s", error)
            raise
        self._failure = None
        return self._made

    def _look(self) -> None:
        self._looked = self._clock()
        try:
            found = self._source.newest(self._mark)
            if found is None:
                return
            self._made = self._take(found)
        except FastRCFError as error:
            log.error("the model that is held stays: %s", error)
            return
        log.info("a newer model has taken the place of the one before")

    def _take(self, found: Found) -> T:
        # Also of a broken one, which is not asked for again then until it is replaced.
        mark, self._mark = self._mark, found.mark
        try:
            made = self._make(found.path)
        except FastRCFError as error:
            self._source.forget(found)
            if self._made is None:
                self._mark = mark
            raise ModelUnavailable(f"the model's object is no model: {error}") from error
        self._source.keep(found)
        return made
