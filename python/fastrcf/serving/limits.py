"""How much a server takes on at a time, and for how long."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fastrcf.serving.problems import Problem, busy

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# Bodies up to here are worked on at once: to hand them to a thread takes longer than
# a row's score.
_SMALL = 1 << 13


@dataclass(frozen=True)
class Limits:
    """What a server refuses, and when.

    Attributes
    ----------
    body : int
        Bytes of a body; more is answered with 413.
    held : int
        Bytes of bodies that are held at a time; with more, 503.
    waiting : int
        Requests that are worked on or wait; with more, 503.
    body_seconds : float
        How long a body may take to come, and before it a head; then 408.
    stop_seconds : float
        How long requests may take to end once the server is told to stop.
    """

    body: int = 32 << 20
    held: int = 256 << 20
    waiting: int = 256
    body_seconds: float = 60.0
    stop_seconds: float = 25.0


class Load:
    """What a server has taken on: bodies that it holds, and work on threads.

    Parameters
    ----------
    limits : Limits
    n_threads : int, optional
        Threads that work on large bodies; default: as many as there are cores.
    """

    def __init__(self, limits: Limits, n_threads: int | None = None) -> None:
        self.limits = limits
        self._held = 0
        self._pool = ThreadPoolExecutor(n_threads or cores(), "scoring")
        self._begun: set[Future[Any]] = set()
        # Requests that the server has read the head of; the server itself puts it here.
        self.waiting: Callable[[], int] = lambda: 0

    def admit(self) -> None:
        """Refuse a request while too many wait."""
        if self.waiting() > self.limits.waiting:
            raise busy(f"{self.limits.waiting} requests wait already")

    def hold(self, n: int) -> None:
        """Count bytes that came; :meth:`release` counts them off."""
        if self._held + n > self.limits.held:
            raise busy("bodies of other requests take all memory that they may")
        self._held += n

    def release(self, n: int) -> None:
        """Count bytes off that :meth:`hold` counted."""
        self._held -= n

    async def work(self, size: int, task: Callable[..., T], *args: Any) -> T:
        """Run a task at once if its body is small, else on a thread."""
        return task(*args) if self.is_small(size) else await self.on_thread(task, *args)

    @staticmethod
    def is_small(size: int) -> bool:
        """Whether a body of so many bytes is worked on at once."""
        return size <= _SMALL

    async def on_thread(self, task: Callable[..., T], *args: Any) -> T:
        """Run a task on a thread, whatever its size."""
        future = self._pool.submit(task, *args)
        self._begun.add(future)
        future.add_done_callback(self._begun.discard)
        return await asyncio.wrap_future(future)

    def end(self, seconds: float) -> int:
        """Begin no task any more; give how many still run on threads after a while."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        return len(wait(list(self._begun), seconds).not_done)

    def check_size(self, n: int) -> None:
        """Refuse a body of ``n`` bytes if that is more than one may have."""
        if n > self.limits.body:
            raise Problem(
                413,
                "too_large",
                f"the body has more than {self.limits.body:,} bytes",
                headers={"connection": "close"},
            )


def cores() -> int:
    """Count the cores that the process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_memory() -> int:
    """Give the bytes that the process may use: the container's limit, or the machine's memory."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limit = int(Path(path).read_text())
        except (OSError, ValueError):
            continue
        return min(limit, machine)
    return machine
