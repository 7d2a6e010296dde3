"""Bodies made ahead on a thread, so that making them delays no request."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastrcf.traffic.payload import Payload

# Two batches wait. A thread that woke for each body would take the interpreter's lock from the
# loop as often.
_BATCH = 128
_BATCHES = 2
_WAIT = 0.5


class Supply:
    """Bodies, made ahead.

    Parameters
    ----------
    payloads : iterator of Payload
        Taken from on a thread; what it raises is raised where bodies are asked for.
    """

    def __init__(self, payloads: Iterator[Payload]) -> None:
        self._ready: queue.Queue[list[Payload] | BaseException] = queue.Queue(_BATCHES)
        self._batch: Iterator[Payload] = iter(())
        self._closed = threading.Event()
        self._thread = threading.Thread(
            target=self._make, args=(payloads,), name="fastrcf-traffic-rows", daemon=True
        )
        self._thread.start()

    def _make(self, payloads: Iterator[Payload]) -> None:
        try:
            while not self._closed.is_set():
                self._put(list(itertools.islice(payloads, _BATCH)))
        except BaseException as error:
            self._put(error)

    def _put(self, made: list[Payload] | BaseException) -> None:
        while not self._closed.is_set():
            with contextlib.suppress(queue.Full):
                self._ready.put(made, timeout=_WAIT)
                return

    async def next(self) -> Payload:
        """Give the next body."""
        while True:
            for payload in self._batch:
                return payload
            try:
                made = self._ready.get_nowait()
            except queue.Empty:
                made = await asyncio.to_thread(self._ready.get)
            if isinstance(made, BaseException):
                raise made
            self._batch = iter(made)

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        # So that it waits for no place.
        with contextlib.suppress(queue.Empty):
            self._ready.get_nowait()
        self._thread.join()
