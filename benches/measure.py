"""Interleaved repetitions: what one peer suffers from the machine, the next suffers too."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benches.data import mixture
from benches.peers import WORKS, Peer, Timed, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Measurement:
    """One peer at one work, all repetitions.

    Attributes
    ----------
    peer, work : str
        Who did what.
    n_columns, n_rows : int
        Shape of the rows of one repetition.
    cpu, wall : list of float
        Microseconds per row, one value a repetition, in the order of time.
    """

    peer: str
    work: Work
    n_columns: int
    n_rows: int
    cpu: list[float]
    wall: list[float]

    def record(self) -> dict[str, Any]:
        """Give it as plain values, with the medians."""
        medians = {
            "cpu_median": float(np.median(self.cpu)),
            "wall_median": float(np.median(self.wall)),
        }
        return asdict(self) | medians


def measure(
    peers: Sequence[Peer],
    n_columns: int,
    repetitions: int,
    *,
    scale: float = 1.0,
    told: Callable[[str], None],
) -> list[Measurement]:
    """Measure all works of all peers on rows of one width.

    Every repetition lets each peer work once, in turn, so that a ratio of two
    peers pairs times taken within seconds of each other. Rows that forests
    learn are always new ones: what they have seen already would be cheaper.

    Parameters
    ----------
    peers : sequence of Peer
        Their forests are made here.
    n_columns : int
        Width of the rows.
    repetitions : int
        Measured ones; one more comes first, unmeasured, so that caches, clocks
        and the Java compiler are warm.
    scale : float, default 1.0
        Factor on the rows of a repetition and of the warm-up.
    told : callable
        Told what begins.

    Returns
    -------
    list of Measurement
        By work, then in the order of the peers.
    """
    for peer in peers:
        told(f"d={n_columns}: {peer.name} takes its first rows")
        peer.build(mixture(max(256, int(peer.warm_up * scale)), n_columns, seed=1))
    seed = 1
    results = []
    for work in WORKS:
        able = [peer for peer in peers if work in peer.rows]
        times: dict[str, list[Timed]] = {peer.name: [] for peer in able}
        sizes = {peer.name: max(10, int(peer.rows[work] * scale)) for peer in able}
        for repetition in range(repetitions + 1):
            told(f"d={n_columns}: {work}, {repetition} of {repetitions}")
            seed += 1
            for peer in able:
                timed = peer.run(work, mixture(sizes[peer.name], n_columns, seed))
                if repetition > 0:
                    times[peer.name].append(timed)
        results += [
            Measurement(
                peer.name,
                work,
                n_columns,
                sizes[peer.name],
                [timed.cpu / sizes[peer.name] / 1e3 for timed in times[peer.name]],
                [timed.wall / sizes[peer.name] / 1e3 for timed in times[peer.name]],
            )
            for peer in able
        ]
    return results


def paired_ratio(theirs: Measurement, ours: Measurement) -> tuple[float, float, float]:
    """Say how many times as long they take: median and quartiles of paired repetitions."""
    low, middle, high = np.quantile(np.divide(theirs.cpu, ours.cpu), [0.25, 0.5, 0.75])
    return float(middle), float(low), float(high)
