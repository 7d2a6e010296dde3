"""Distinct values in windows by position, without sets.

A record is *fresh* where the one before it with the same value is out of its window, and
*lapsing* where the next with the same value no longer has it in its own. Each stretch of records
of one value without a gap as long as the window begins with one fresh record and ends with one
lapsing record, and at most one stretch of a value reaches into a window. So the number of
distinct values in a window is the number of fresh records up to its end, less the number of
lapsing records before its begin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]

#: Further away than any window.
NEVER: Final = np.int64(1 << 62)


def recurrences(sim: Integers, code: Integers, start: Integers) -> tuple[Integers, Integers]:
    """Tell how long ago each record's value was on its SIM, and how long until it is again.

    Parameters
    ----------
    sim, code, start : ndarray of int64, shape (n,)
        SIM, value and time, ordered by SIM and time; values are at least -1.

    Returns
    -------
    since, until : ndarray of int64, shape (n,)
        In the unit of ``start``; :data:`NEVER` where the value is not there.
    """
    n = len(sim)
    since, until = np.full(n, NEVER), np.full(n, NEVER)
    if not n:
        return since, until
    begins = np.append(True, (sim[1:] != sim[:-1]) | (code[1:] != code[:-1]))
    steps = np.diff(start)
    since[1:] = np.where(begins[1:], NEVER, steps)
    until[:-1] = since[1:]
    # Within a run of one value the neighbours say it; runs are few, and only they are sorted.
    heads = np.flatnonzero(begins)
    tails = np.append(heads[1:] - 1, n - 1)
    order, same = _by_value(sim[heads], code[heads] + 1)
    earlier, later = order[:-1][same], order[1:][same]
    apart = start[heads[later]] - start[tails[earlier]]
    since[heads[later]] = apart
    until[tails[earlier]] = apart
    return since, until


def _by_value(sim: Integers, code: Integers) -> tuple[Integers, NDArray[np.bool_]]:
    """Order runs by SIM and value, earlier ones first; and whether the next has the same."""
    n = len(sim)
    low, high = int(n).bit_length(), int(code.max() + 1).bit_length()
    if int(sim.max() + 1).bit_length() + low + high < 63:
        # One number for all three: sorted by vector instructions.
        key = np.sort((((sim << high) | code) << low) | np.arange(n))
        order = key & ((1 << low) - 1)
        key >>= low
    else:
        order = np.lexsort((code, sim))
        same: NDArray[np.bool_] = (np.diff(sim[order]) == 0) & (np.diff(code[order]) == 0)
        return order, same
    return order, np.diff(key) == 0
