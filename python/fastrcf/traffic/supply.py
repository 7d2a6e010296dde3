"""Bodies made ahead on a thread, so that making them delays no request."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from fastrcf.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastrcf.traffic.payload import Payload

# Two batches wait. A thread that woke for each body would take the interpreter's lock from the
# loop as often.
_BATCH = 128
_BATCHES = 2
# A batch ends with the body that makes it so large; large bodies are batches of their own.
_BATCH_BYTES = 4 << 20
# Or with the one that is made after so many seconds: what takes long is not to wait for more.
_BATCH_SECONDS = 0.1
# Nothing is made while so much waits.
_WAITING_BYTES = 32 << 20


class Supply:
    """Bodies, made ahead; to be made and asked where a loop runs.

    Parameters
    ----------
    payloads : callable
        Gives bodies, which are taken from it on a thread; what it raises is raised where bodies
        are asked for. It is handed a callable that tells whether nobody wants more.
    most : int
        How many bodies are made.
    """

    def __init__(
        self, payloads: Callable[[Callable[[], bool]], Iterator[Payload]], most: int
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._came = asyncio.Event()
        self._ready: deque[deque[Payload] | BaseException] = deque()
        self._waiting = 0
        self._batch: deque[Payload] = deque()
        # Of what waits; told when some of it is taken.
        self._taken = threading.Condition()
        self._closed = threading.Event()
        self._thread = threading.Thread(
            target=self._make, args=(payloads, most), name="fastrcf-traffic-rows", daemon=True
        )
        self._thread.start()

    def _make(self, payloads: Callable[[Callable[[], bool]], Iterator[Payload]], most: int) -> None:
        try:
            made = itertools.islice(payloads(self._closed.is_set), most)
            while most > 0 and self._has_room():
                batch = self._next_batch(made)
                if not batch:
                    raise InvalidInputError("the rows have ended before the requests did")
                most -= len(batch)
                self._put(batch, _size(batch))
        except BaseException as error:
            self._put(error, 0)

    def _next_batch(self, made: Iterator[Payload]) -> deque[Payload]:
        batch: deque[Payload] = deque()
        size, until = 0, time.perf_counter() + _BATCH_SECONDS
        for payload in made:
            batch.append(payload)
            size += len(payload.body)
            is_full = len(batch) == _BATCH or size >= _BATCH_BYTES
            if is_full or time.perf_counter() >= until or self._closed.is_set():
                break
        return batch

    def _has_room(self) -> bool:
        """Wait for room; tells whether there is any, or nobody wants more."""
        with self._taken:
            self._taken.wait_for(
                lambda: (
                    self._closed.is_set()
                    or (len(self._ready) < _BATCHES and self._waiting < _WAITING_BYTES)
                )
            )
        return not self._closed.is_set()

    def _put(self, made: deque[Payload] | BaseException, size: int) -> None:
        with self._taken:
            # The loop may be gone once nobody wants more.
            if not self._closed.is_set():
                self._ready.append(made)
                self._waiting += size
                self._loop.call_soon_threadsafe(self._came.set)

    def take(self) -> Payload | None:
        """Give the next body, or None if it is not made yet."""
        if not self._batch:
            with self._taken:
                if not self._ready:
                    self._came.clear()
                    return None
                made = self._ready.popleft()
                if isinstance(made, BaseException):
                    raise made
                self._batch = made
                self._waiting -= _size(made)
                self._taken.notify()
        return self._batch.popleft()

    async def come(self) -> None:
        """Wait until more is made, after :meth:`take` gave None."""
        await self._came.wait()

    def end(self) -> None:
        """Have no more made, but for a body that is begun."""
        with self._taken:
            self._closed.set()
            self._taken.notify()

    def close(self) -> None:
        """End the thread."""
        self.end()
        self._thread.join()


def _size(batch: deque[Payload]) -> int:
    return sum(len(payload.body) for payload in batch)
