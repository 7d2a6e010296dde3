"""How rare a number is within its family, so that families can be compared.

A score of 3 may be daily bread for trackers and unheard of for meters. The **surprise** of a value
is minus the natural logarithm of the share of its family, in the time learnt from, that is at least
as high: 4.6 is one in a hundred. Beyond the highest thousandth it goes on as an exponential tail,
then slower, and stays below :data:`MOST`: how far that tail reaches nobody has seen, and a family
that never sent a message must not make one message weigh more than all else.

What is learnt from has frauds in it, and one that sends a hundred messages an hour would by itself
make a hundred messages usual. So of the sessions of one SIM no more than ten count in a tail.
"""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from fastrcf._typing import Floats

    Integers = NDArray[np.int64]

    #: Families, and the rows of each.
    Rows = list[tuple[str, Any]]

#: Families with fewer rows are taken together with all others.
LEAST_ROWS: Final = 1000
#: So many families have tails of their own, those with the most rows: a model file holds no more.
MOST_FAMILIES: Final = 16
#: Sessions of a SIM that count in a tail.
MOST_OF_A_SIM: Final = 10
# One in so many is looked through for them, and up to this share they are fewer.
_TOP: Final = 20
_CAPPED: Final = 0.02
#: Shares at which values are kept: 1, then 12 for each factor of ten down to a thousandth.
_SHARES: Final = 10.0 ** -(np.arange(37) / 12)
_ALL: Final = ""
# Beyond the highest thousandth a surprise grows evenly by so much (to one in twenty million
# altogether), and then by less and less, by no more than as much again.
_FAR: Final = 10.0
#: What no surprise reaches.
MOST: Final = 3 * math.log(10) + 2 * _FAR
# Values of a tail for each factor of ten.
_DECADE: Final = 12


class Tails:
    """The upper tails of numbers in each family.

    Parameters
    ----------
    tails : mapping
        For each family, ``""`` for all together: the values that ``_SHARES`` of its numbers are
        at least as high as.
    """

    def __init__(self, tails: Mapping[str, Any]) -> None:
        self._tails = {name: _read(values) for name, values in tails.items()}
        if _ALL not in self._tails or any(
            values.shape != _SHARES.shape
            or not np.isfinite(values).all()
            or (np.diff(values) < 0).any()
            for values in self._tails.values()
        ):
            raise ValueError("these are no tails")

    @classmethod
    def fit(cls, values: Floats, families: pl.Series, sims: Integers | None = None) -> Tails:
        """Learn the tails of numbers.

        Parameters
        ----------
        values : ndarray of float64, shape (n,)
            At least one.
        families : Series, length n
            The family of each; null for none.
        sims : ndarray of int64, shape (n,), optional
            The SIM of each: of those among the highest twentieth the :data:`MOST_OF_A_SIM` highest
            of each SIM count at shares up to a fiftieth. Default: all count.
        """

        def tail(rows: Any) -> Floats:
            order = rows[np.argsort(-values[rows], kind="stable")]
            highest = values[order]
            places = np.maximum(np.ceil(_SHARES * len(highest)).astype(int) - 1, 0)
            # The first share is all of them.
            found = highest[places]
            if sims is not None:
                top = order[: max(1, len(order) // _TOP)]
                some = values[top][_places_within(sims[top]) < MOST_OF_A_SIM]
                rare = some[np.minimum(places, len(some) - 1)]
                found = np.maximum.accumulate(np.where(_SHARES <= _CAPPED, rare, found))
            return _single(found)

        tails = {_ALL: tail(np.arange(len(values)))}
        large = [(name, rows) for name, rows in family_rows(families) if len(rows) >= LEAST_ROWS]
        for name, rows in sorted(large, key=lambda one: (-len(one[1]), one[0]))[:MOST_FAMILIES]:
            if name:
                tails[name] = tail(rows)
        return cls(tails)

    def surprise(self, values: Floats, families: pl.Series, known: Rows | None = None) -> Floats:
        """Give minus the logarithm of the share of each one's family that is as high.

        Parameters
        ----------
        values : ndarray of float64, shape (n,)
        families : Series, length n
        known : list, optional
            :func:`family_rows` of the families, where it is known already.
        """
        out = np.empty(len(values))
        for name, rows in family_rows(families) if known is None else known:
            tail = self._tails.get(name, self._tails[_ALL])
            # Of equal values the first: that many are at least as high.
            at, first = np.unique(tail, return_index=True)
            surprises = -np.log(_SHARES)[first]
            here = values[rows]
            beyond = np.maximum(here - tail[-1], 0) / _scale(tail)
            far = np.maximum(beyond - _FAR, 0)
            beyond = np.minimum(beyond, _FAR) + _FAR * (far / (far + _FAR))
            out[rows] = np.interp(here, at, surprises) + np.where(
                here > tail[-1], beyond - np.log(_SHARES[-1]) - surprises[-1], 0.0
            )
        return out

    def to_dict(self) -> dict[str, str]:
        """Give them as text: single precision, little endian, base 64."""
        return {
            name: base64.b64encode(values.astype("<f4").tobytes()).decode()
            for name, values in self._tails.items()
        }


def _scale(tail: Floats) -> float:
    """Give by how much values grow where they become rarer by a factor of e.

    By the highest factor of ten in which they grow; if all are equal it is 1 of their unit: one
    message, a factor of e.
    """
    for decades in range(1, len(tail) // _DECADE + 1):
        grown = float(tail[-1] - tail[-1 - decades * _DECADE])
        if grown > 0:
            return grown / (decades * math.log(10))
    return 1.0


def _places_within(groups: Integers) -> Integers:
    """Tell of each how many of its group come before it."""
    frame = pl.DataFrame({"group": groups})
    return frame.select(n=pl.int_range(pl.len()).over("group"))["n"].to_numpy()


def _single(values: Floats) -> Floats:
    """Give the nearest numbers of single precision that are no higher."""
    near = values.astype(np.float32)
    lower = np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near)
    return np.asarray(lower, float)


def _read(values: Any) -> Floats:
    if isinstance(values, str):
        return np.frombuffer(base64.b64decode(values, validate=True), "<f4").astype(float)
    return np.asarray(values, float)


def family_rows(families: pl.Series) -> Rows:
    """Give the rows of each family."""
    frame = pl.DataFrame({"name": families.cast(pl.String).fill_null(_ALL)}).with_row_index("row")
    return [
        (str(name), part["row"].to_numpy())
        for (name,), part in frame.group_by("name", maintain_order=True)
    ]
