"""Which rows a sample holds, from numbers that rows have by their content.

Every row has a clock that rings once, at a time that is exponential with the row's weight as
its rate; the sample is the rows that ring first. That is a uniform sample without replacement,
and with weights the sample of Efraimidis and Spirakis (2006). Copies of a row have a clock
each: the first ring of m copies is exponential with m times the rate, and those that follow
are drawn one after the other, so that copies need not be told apart to be sampled one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
# Rings drawn at once, over all rows.
_BLOCK = 1 << 20


def uniform(hashes: Integers) -> Floats:
    """Give the number in (0, 1) that a hash stands for; it grows with the hash."""
    bits = hashes.view(np.uint64) ^ np.uint64(1 << 63)
    return ((bits >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def mixed(values: NDArray[np.uint64]) -> Integers:
    """Give a hash of a hash: the finalizer of SplitMix64 (Steele, Lea and Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (values ^ (values >> np.uint64(31))).view(np.int64)


def first_rings(hashes: Integers, rates: Floats | float) -> Floats:
    """Give the time of each row's first ring; a hash of the row takes the place of chance."""
    return np.asarray(-np.log1p(-uniform(hashes)) / rates)


def rings(
    hashes: Integers, seeds: Integers, copies: Integers, weights: Floats, until: float
) -> tuple[Integers, Floats]:
    """Give all rings of rows that have copies, up to a time.

    Parameters
    ----------
    hashes, seeds : numpy.ndarray of int64
        Two hashes of each row: the first ring comes of the one, later ones of the other.
    copies : numpy.ndarray of int64
        How often the row occurs, at least once.
    weights : numpy.ndarray of float64
        Of each copy, above 0.
    until : float

    Returns
    -------
    numpy.ndarray of int64, numpy.ndarray of float64
        Which row rings, and when; a row at most as often as it has copies.
    """
    now = first_rings(hashes, copies * weights)
    active = np.flatnonzero(now < until)
    now = now[active]
    rows, times = [active], [now]
    done = 1
    while len(active):
        more = copies[active] > done
        active, now = active[more], now[more]
        if not len(active):
            break
        block = int(np.clip(_BLOCK // len(active), 1, 4096))
        steps = np.arange(done, done + block)
        chance = seeds[active].view(np.uint64)[:, None] + steps.astype(np.uint64) * _GOLDEN
        left = copies[active][:, None] - steps
        waits = first_rings(mixed(chance), np.maximum(left, 1) * weights[active][:, None])
        waits[left <= 0] = np.inf
        # The time before stands first, so that sums do not depend on the size of a block.
        waits = np.concatenate([now[:, None], waits], axis=1)
        ring = np.cumsum(waits, axis=1)[:, 1:]
        row, step = np.nonzero(ring < until)
        rows.append(active[row])
        times.append(ring[row, step])
        now = ring[:, -1]
        active, now = active[now < until], now[now < until]
        done += block
    return np.concatenate(rows), np.concatenate(times)


def room(rows: int) -> int:
    """Give how many rows to expect so that hardly ever fewer than ``rows`` come."""
    return rows + int(6 * rows**0.5) + 30


def design_effect(rows: int, squares: int, buckets: int) -> float:
    """Estimate how many rows share a row's number, as seen from a row.

    It is the sum over numbers of the squared rows that have them, by the sum of rows; 1 where
    each row has its own. A sample that takes rows of one number together is worth as much as
    an independent one of so many times fewer rows.

    Parameters
    ----------
    rows : int
    squares : int
        Sum of the squared rows over the buckets that numbers were hashed to (Charikar, Chen
        and Farach-Colton 2002; the error of the estimate is sqrt(2 / buckets)).
    buckets : int
    """
    if rows == 0:
        return 1.0
    return float((squares - rows * rows / buckets) / (1 - 1 / buckets) / rows)


def start(target: int, rows: int, weight: float, squares: float) -> float:
    """Give a time until which about ``target`` rows ring.

    Parameters
    ----------
    target, rows : int
        How many rows are to ring, of how many.
    weight, squares : float
        Sum of the rows' weights, and of their squares.
    """
    rest = weight * weight - 2 * squares * target
    if rest <= 0:
        # Few rows have nearly all weight: they ring early, the others late.
        return 2 * target / weight
    return 2 * target / (weight + float(rest**0.5))


def grown(until: float, found: int, target: int) -> float:
    """Give a later time, where too few rows rang until one."""
    # Not more at once: where weights differ much, nearly all rows might ring then.
    return until * min(max(2.0, 1.5 * target / max(found, 1)), 8.0)


def order(table: Any, hashes: Integers, times: Floats | None = None) -> Integers:
    """Give the order of rows in a sample: by time or hash, rows that share it by values."""
    leading = hashes if times is None else times
    places = np.argsort(leading, kind="stable")
    ranked = leading[places]
    if len(ranked) < 2 or (ranked[1:] != ranked[:-1]).all():
        return places
    import pyarrow as pa
    import pyarrow.compute as pc

    names = [f"c{j}" for j in range(table.num_columns)]
    keyed = pa.table([pa.array(leading), pa.array(hashes), *table.columns], ["t", "h", *names])
    by = [(name, "ascending") for name in keyed.column_names]
    result: Integers = pc.sort_indices(keyed, by).to_numpy().astype(np.int64)
    return result
