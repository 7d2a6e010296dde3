"""Bodies made ahead on a thread, so that making them delays no request."""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastrcf.traffic.payload import Payload

_AHEAD = 256
_WAIT = 0.1


class Supply:
    """Bodies, made ahead.

    Parameters
    ----------
    payloads : iterator of Payload
        Taken from on a thread; what it raises is raised where bodies are asked for.
    """

    def __init__(self, payloads: Iterator[Payload]) -> None:
        self._ready: queue.Queue[Payload | BaseException] = queue.Queue(_AHEAD)
        self._closed = threading.Event()
        self._thread = threading.Thread(
            target=self._make, args=(payloads,), name="fastrcf-traffic-rows", daemon=True
        )
        self._thread.start()

    def _make(self, payloads: Iterator[Payload]) -> None:
        try:
            for payload in payloads:
                if not self._put(payload):
                    return
            self._put(EOFError("there are no more rows"))
        except BaseException as error:
            self._put(error)

    def _put(self, made: Payload | BaseException) -> bool:
        while not self._closed.is_set():
            try:
                self._ready.put(made, timeout=_WAIT)
            except queue.Full:
                continue
            return True
        return False

    async def next(self) -> Payload:
        """Give the next body."""
        try:
            made = self._ready.get_nowait()
        except queue.Empty:
            made = await asyncio.to_thread(self._ready.get)
        if isinstance(made, BaseException):
            raise made
        return made

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._thread.join()
