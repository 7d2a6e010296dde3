"""StopTrainingJob: SIGTERM, then 120 seconds, then SIGKILL."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_asked = threading.Event()


class Stopped(BaseException):
    """The platform asked the container to stop.

    No :class:`Exception`, so that nothing on the way takes it for an error.
    """


@contextmanager
def noted() -> Iterator[None]:
    """Raise :class:`Stopped` at SIGTERM while the block runs."""
    _asked.clear()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _note)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _note(number: int, frame: Any) -> None:
    # Once: a second signal must not break into what the first one has to be cleared away.
    if not _asked.is_set():
        _asked.set()
        raise Stopped


def was_asked() -> bool:
    """Whether SIGTERM came."""
    return _asked.is_set()


def stop_if_asked() -> None:
    """Raise :class:`Stopped` if an extension module lost one on its way; loops ask."""
    if _asked.is_set():
        raise Stopped
