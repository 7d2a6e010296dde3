"""Network flows of CICIDS2017, a sample by Western-OC2-Lab."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from benches.detection.case import Case, Flags, Rows, Table, needed, with_share

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "CICIDS"
SHARES = (0.02, 0.2)


def cases(data: Path) -> Iterator[Case]:
    """Give a case for each share of attacks."""
    path = needed(data / "cicids" / "cic_0.01km.csv")
    for share in SHARES:
        yield Case(NAME, f"{share:.0%} attacks", partial(load, path, share))


def load(path: Path, share: float) -> Table:
    """Draw rows with a share of attacks."""
    rows, attacks = read(path)
    return with_share(rows, attacks, share)


@lru_cache(maxsize=1)
def read(path: Path) -> tuple[Rows, Flags]:
    """Read the flows; the last column, Labelb, says which are attacks."""
    table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    return table[:, :-1], table[:, -1] == 1
