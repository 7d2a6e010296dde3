"""Network connections of NSL-KDD (Tavallaee et al. 2009) at several shares of attacks."""

from __future__ import annotations

import csv
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from benches.detection.case import Case, Rows, Table, needed, with_share

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

NAME = "NSL-KDD"
# Protocol, service and flag are words; detectors get the 38 numbers.
WORDS = (1, 2, 3)
LABEL = 41
SHARES = (0.01, 0.05, 0.2)
# Attacks that look like ordinary use: from afar to a local account, or from that to root.
REMOTE_OR_ROOT = frozenset(
    {
        "buffer_overflow",
        "ftp_write",
        "guess_passwd",
        "imap",
        "loadmodule",
        "multihop",
        "perl",
        "phf",
        "rootkit",
        "spy",
        "warezclient",
        "warezmaster",
    }
)


def cases(data: Path) -> Iterator[Case]:
    """Give a case for each share of all attacks, and one of the quiet ones."""
    path = needed(data / "nsl_kdd" / "KDDTrain+_20Percent.txt")
    for share in SHARES:
        yield Case(NAME, f"{share:.0%} attacks", partial(load, path, share))
    yield Case(NAME, "R2L and U2R", partial(load_quiet, path))


def load(path: Path, share: float) -> Table:
    """Draw rows with a share of attacks of every kind."""
    rows, names = read(path)
    return with_share(rows, names != "normal", share)


def load_quiet(path: Path) -> Table:
    """Draw normal rows beside R2L and U2R attacks, at the rate that the file has."""
    rows, names = read(path)
    odd = np.isin(names, list(REMOTE_OR_ROOT))
    kept = odd | (names == "normal")
    return with_share(rows[kept], odd[kept], float(odd[kept].mean()))


@lru_cache(maxsize=1)
def read(path: Path) -> tuple[Rows, NDArray[np.str_]]:
    """Read the numbers, shape (n, 38), and the names of attacks, shape (n,)."""
    with path.open(newline="") as file:
        lines = list(csv.reader(file))
    numbers = [[v for i, v in enumerate(line[:LABEL]) if i not in WORDS] for line in lines]
    return np.array(numbers, dtype=np.float64), np.array([line[LABEL] for line in lines])
