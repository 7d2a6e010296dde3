"""Lines on standard output, which SageMaker takes to CloudWatch."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def say(text: str, level: str = "INFO") -> None:
    """Print a line with the time, as the managed containers do: in UTC, at once.

    Parameters
    ----------
    text : str
        Never a value of a row: logs are kept, and read by others than the data.
    level : {"INFO", "WARNING", "ERROR"}
    """
    now = datetime.now(UTC)
    # Names of files may hold what is no text.
    encoding = sys.stdout.encoding or "utf-8"
    text = text.encode(encoding, errors="replace").decode(encoding)
    for line in text.splitlines() or [""]:
        print(f"[{now:%m/%d/%Y %H:%M:%S} {level}] {line}", flush=True)


@contextmanager
def timed(step: str) -> Iterator[None]:
    """Say how long a step took, once it has ended well."""
    began = time.perf_counter()
    yield
    say(f"seconds: {step} {time.perf_counter() - began:.2f}")
