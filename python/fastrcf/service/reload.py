"""Loads a model anew when it is told to, or when its file changes."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike


log = logging.getLogger("fastrcf.service")


class Watch:
    """Calls a function on a thread of its own when files change, or when asked to.

    Parameters
    ----------
    paths : sequence of path
    act : callable
        What is done. What it raises is its own affair: it is called again at the next change.
    every : float or None, default 1
        Seconds between looks at the files; None for no looks, but only when asked.
    """

    def __init__(
        self,
        paths: list[str | PathLike[str]],
        act: Callable[[], None],
        *,
        every: float | None = 1.0,
    ) -> None:
        self._paths = [Path(path) for path in paths]
        self._act = act
        self._every = every
        self._asked = threading.Event()
        self._stopped = False
        self._seen = self._look()
        self._thread = threading.Thread(target=self._run, name="reload", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def ask(self) -> None:
        """Have it done now; safe within a handler of signals."""
        self._asked.set()

    def stop(self) -> None:
        """End; waits for what is being done."""
        self._stopped = True
        self._asked.set()
        self._thread.join()

    def _look(self) -> list[tuple[int, int, int] | None]:
        return [_state(path) for path in self._paths]

    def _run(self) -> None:
        while True:
            asked = self._asked.wait(self._every)
            if self._stopped:
                return
            self._asked.clear()
            # A file that is away for a moment is about to be replaced; the others count.
            pairs = zip(self._look(), self._seen, strict=True)
            seen = [before if now is None else now for now, before in pairs]
            if asked or seen != self._seen:
                self._seen = seen
                try:
                    self._act()
                except Exception:
                    # A defect: the next change may go well.
                    log.exception("loading anew failed")


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
