"""Progress, on a terminal only."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def progress(what: str) -> Iterator[Callable[[float, int], None]]:
    """Show a bar on standard error while the block runs, if that is a terminal.

    Yields
    ------
    callable
        To be told the share done, in [0, 1], and the rows done.
    """
    if not sys.stderr.isatty():
        yield lambda share, rows: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    started = time.monotonic()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows, {task.fields[speed]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=1.0, rows=0, speed=0.0)

        def tell(share: float, rows: int) -> None:
            speed = rows / max(1e-3, time.monotonic() - started)
            bar.update(task, completed=min(share, 1.0), rows=rows, speed=speed)

        yield tell
