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


@contextmanager
def steps() -> Iterator[Callable[[str, float, int], None]]:
    """Show each step of a run on standard error while the block runs, if that is a terminal.

    Yields
    ------
    callable
        To be told the name of the step, the share of it that is done, in [0, 1], and the rows
        done. A step that has no share yet moves without saying how far it is; each has a line
        and its time.
    """
    if not sys.stderr.isatty():
        yield lambda step, share, rows: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[told]}"),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        def tell(step: str, share: float, rows: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=None, told="")
            if share > 0:
                bars.update(tasks[step], total=1.0, completed=min(share, 1.0))
            if rows:
                bars.update(tasks[step], told=f"{rows:,} rows")

        yield tell
