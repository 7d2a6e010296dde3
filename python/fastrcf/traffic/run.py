"""An open loop: requests go when they are due, whatever came of the ones before."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastrcf.errors import InvalidParameterError
from fastrcf.traffic.client import Client, Failed
from fastrcf.traffic.supply import Supply
from fastrcf.traffic.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from fastrcf.traffic.auth import Auth
    from fastrcf.traffic.payload import Payload
    from fastrcf.traffic.schedule import Schedule
    from fastrcf.traffic.target import Target

# Bodies are taken, and signed, so long before they are due: signatures grow old.
_AHEAD = 0.25
_TELL_EVERY = 0.25
# The thread that makes bodies gives way to the loop sooner than Python's 5 ms.
_SWITCH = 0.0005


@dataclass(frozen=True)
class Limits:
    """How requests are waited for.

    Attributes
    ----------
    timeout : float
        Seconds for an answer; also for a free slot.
    max_in_flight : int
        Requests at a time, each with a connection. A request that is due while all wait is
        sent when one is free, and its latency counts from when it was due.
    """

    timeout: float = 10.0
    max_in_flight: int = 256

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not 0 < self.timeout <= 3600:
            raise InvalidParameterError(f"timeout is {self.timeout!r}, must be in (0, 3600]")
        if not 1 <= self.max_in_flight <= 10_000:
            raise InvalidParameterError(
                f"max_in_flight is {self.max_in_flight!r}, must be 1 to 10000"
            )


@dataclass
class Stop:
    """Asks a run to end: once to send no more, twice to wait no more."""

    times: int = 0
    _loop: asyncio.AbstractEventLoop | None = None
    _asked: asyncio.Event = field(default_factory=asyncio.Event)
    on_second: Callable[[], None] | None = None

    def ask(self) -> None:
        """Ask; from the loop's thread."""
        self.times += 1
        self._asked.set()
        if self.times > 1 and self.on_second is not None:
            self.on_second()

    async def wait(self, seconds: float | None) -> bool:
        """Wait so long (None: for ever), or until asked; returns whether asked."""
        if seconds is None or seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._asked.wait()
        return self._asked.is_set()


@dataclass(frozen=True)
class Ran:
    """A run that has ended.

    Attributes
    ----------
    tally : Tally
        What came of its requests.
    seconds : float
        Until sending ended: the schedule's, or less where it was interrupted; more where
        requests had to wait.
    interrupted : bool
        Whether it was asked to stop.
    """

    tally: Tally
    seconds: float
    interrupted: bool


def run(
    target: Target,
    schedule: Schedule,
    payloads: Callable[[Callable[[], bool]], Iterator[Payload]],
    auth: Auth,
    limits: Limits,
    tell: Callable[[Tally, float], None] | None = None,
) -> Ran:
    """Send requests as they are due, and wait for the last answers.

    Ctrl-C, and SIGTERM, end the sending; answers are waited for, until Ctrl-C comes again.

    Parameters
    ----------
    target : Target
        What is asked.
    schedule : Schedule
        When.
    payloads : callable
        With what: as :meth:`fastrcf.traffic.payload.Maker.payloads` of some rows.
    auth : Auth
        By whom.
    limits : Limits
    tell : callable, optional
        Told the counts and the seconds that passed, some times a second.
    """

    async def whole() -> Ran:
        return await _drive(target, schedule, payloads, auth, limits, tell)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _in_new_loop(whole)
    # A notebook's kernel has a loop of its own.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_in_new_loop, whole).result()


def _in_new_loop(whole: Callable[[], Coroutine[None, None, Ran]]) -> Ran:
    make = None
    # It sends more a second, and is there where the service is.
    with contextlib.suppress(ImportError):
        import uvloop

        make = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=make) as runner:
        return runner.run(whole())


async def _drive(
    target: Target,
    schedule: Schedule,
    payloads: Callable[[Callable[[], bool]], Iterator[Payload]],
    auth: Auth,
    limits: Limits,
    tell: Callable[[Tally, float], None] | None,
) -> Ran:
    tally, stop = Tally(), Stop()
    supply = Supply(payloads, schedule.requests)
    client = Client(target, limits.max_in_flight, limits.timeout)
    sender = _Sender(client, auth, target.url, limits, tally, stop)
    with _quiet(), _signals(stop):
        told = asyncio.create_task(_telling(tally, tell, sender)) if tell is not None else None
        try:
            seconds = await sender.send_all(schedule, supply)
        finally:
            if told is not None:
                told.cancel()
            await sender.abandon()
            await client.close()
            supply.close()
    return Ran(tally, seconds, stop.times > 0)


class _Sender:
    """Sends, and keeps what is under way."""

    def __init__(
        self, client: Client, auth: Auth, url: str, limits: Limits, tally: Tally, stop: Stop
    ) -> None:
        self._client, self._auth, self._url = client, auth, url
        self._limits, self._tally, self._stop = limits, tally, stop
        self._slots = asyncio.Semaphore(limits.max_in_flight)
        self._tasks: set[asyncio.Task[None]] = set()
        self.started = time.perf_counter()
        stop.on_second = self._cancel

    async def send_all(self, schedule: Schedule, supply: Supply) -> float:
        tally = self._tally
        # The first body takes as long as a file takes to open.
        payload = await self._body(supply, None)
        self.started = time.perf_counter()
        for due in schedule:
            if await self._stop.wait(due - _AHEAD - self.passed()):
                break
            payload = payload or await self._body(supply, due)
            if payload is None:
                if self._stop.times:
                    break
                tally.due += 1
                tally.fail("unsent", None, "its body was not made in time")
                await asyncio.sleep(0)
                continue
            payload = payload.now()
            headers = self._auth.headers(self._url, payload.body, payload.content_type)
            if await self._stop.wait(due - self.passed()):
                break
            tally.due += 1
            if await self._slot(due):
                self._start(payload, headers, due)
            elif self._stop.times:
                tally.due -= 1
                break
            else:
                tally.fail("unsent", None, f"all {self._limits.max_in_flight} slots were taken")
            payload = None
            # Lets what is under way go on even when all is late.
            await asyncio.sleep(0)
        else:
            await self._stop.wait(schedule.duration - self.passed())
        seconds = self.passed() if self._stop.times else max(schedule.duration, tally.last_sent)
        # Answers that are waited for are not to wait for bodies that nobody will send.
        supply.end()
        if self._tasks:
            await asyncio.wait(self._tasks)
        return seconds

    def passed(self) -> float:
        return time.perf_counter() - self.started

    async def _body(self, supply: Supply, due: float | None) -> Payload | None:
        """Take the next body, if it is made before the request is too old, or asked to stop."""
        while (payload := supply.take()) is None and not self._stop.times:
            left = None if due is None else due + self._limits.timeout - self.passed()
            if left is not None and left <= 0:
                break
            came = asyncio.create_task(supply.come())
            asked = asyncio.create_task(self._stop.wait(None))
            await asyncio.wait((came, asked), timeout=left, return_when=asyncio.FIRST_COMPLETED)
            came.cancel()
            asked.cancel()
        return payload

    async def _slot(self, due: float) -> bool:
        """Take a slot, if one gets free before the request is too old."""
        if not self._slots.locked():
            await self._slots.acquire()
            return True
        left = due + self._limits.timeout - self.passed()
        free = asyncio.create_task(self._slots.acquire())
        asked = asyncio.create_task(self._stop.wait(max(left, 0)))
        await asyncio.wait((free, asked), return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if free.done():
            return True
        free.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            # It may have got one all the same.
            return await free
        return False

    def _start(self, payload: Payload, headers: dict[str, str], due: float) -> None:
        task = asyncio.create_task(self._one(payload, headers, due))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _one(self, payload: Payload, headers: dict[str, str], due: float) -> None:
        tally = self._tally
        sent = self.passed()
        tally.sent += 1
        tally.in_flight += 1
        tally.last_sent = sent
        tally.delay.record(sent - due)
        tally.bytes_sent += len(payload.body)
        try:
            said, size = await self._client.ask(payload, headers)
        except Failed as failed:
            tally.fail(failed.kind, failed.status, str(failed))
        except asyncio.CancelledError:
            tally.fail("abandoned", None, "interrupted before the answer came")
        else:
            tally.good += 1
            tally.rows += payload.n_rows
            tally.bytes_received += size
            if said.alerts and payload.truth is not None:
                tally.confusion.add(said.alerts, payload.truth)
        finally:
            now = self.passed()
            tally.from_due.record(now - due)
            tally.from_sent.record(now - sent)
            tally.in_flight -= 1
            self._slots.release()

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def abandon(self) -> None:
        self._cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


async def _telling(tally: Tally, tell: Callable[[Tally, float], None], sender: _Sender) -> None:
    while True:
        tell(tally, sender.passed())
        await asyncio.sleep(_TELL_EVERY)


@contextlib.contextmanager
def _signals(stop: Stop) -> Iterator[None]:
    """Have Ctrl-C and SIGTERM stop the run, where signals can be had."""
    loop = asyncio.get_running_loop()
    taken = []
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in before:
            # Windows has no such loops.
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, stop.ask)
                taken.append(number)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)
            # None is a handler that Python has not set.
            signal.signal(number, before[number] or signal.SIG_DFL)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the interpreter from pauses: what is loaded needs no collection."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH)
    frozen_before = gc.get_freeze_count()
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        # Whoever has frozen what is loaded keeps it so.
        if not frozen_before:
            gc.unfreeze()
        sys.setswitchinterval(interval)
