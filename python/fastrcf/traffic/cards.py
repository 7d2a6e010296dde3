"""Card transactions of the form of the ULB's table, made up: Time, V1 to V28, Amount, Class.

The public table (Dal Pozzolo et al. 2015) holds principal components of two days, whose spreads
fall from 1.96 to 0.33, with heavy tails, and frauds that stand out in some of them, some a lot,
some hardly. What is made here has that shape and nothing of its content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastrcf.errors import InvalidParameterError

if TYPE_CHECKING:
    import pyarrow as pa

Values: TypeAlias = NDArray[np.float64]
Truth: TypeAlias = NDArray[np.bool_]

N_COMPONENTS = 28
COMPONENTS = tuple(f"V{j + 1}" for j in range(N_COMPONENTS))
COLUMNS = ("Time", *COMPONENTS, "Amount")
LABEL = "Class"
# The share of frauds in the public table.
FRAUD_SHARE = 492 / 284_807
DAYS = 2
_DAY = 86_400.0

_SPREADS = np.linspace(1.96, 0.33, N_COMPONENTS)
# Payments by hour of the day, as parts.
_HOURS = np.array(
    [4, 2, 2, 2, 1, 2, 3, 6, 9, 11, 12, 12, 12, 12, 12, 12, 12, 11, 12, 11, 11, 12, 10, 7], float
)
# Which components each kind of fraud moves, and how far, in their spreads.
_KINDS: tuple[dict[int, float], ...] = (
    {3: -2.6, 4: 2.4, 10: -4.0, 12: -4.5, 14: -6.0, 17: -5.5},
    {1: -2.2, 2: 2.0, 7: -4.0, 11: 3.2, 14: -4.5, 16: -4.0},
    {4: 2.8, 11: 3.4, 12: -3.6, 14: -5.0, 20: 2.5, 27: 3.0},
)
_KIND_SHARES = (0.5, 0.3, 0.2)


def rows(
    n: int, rng: np.random.Generator, fraud_share: float = FRAUD_SHARE
) -> tuple[Values, Truth]:
    """Make transactions in no order.

    Parameters
    ----------
    n : int
        How many.
    rng : numpy.random.Generator
        Where chance comes from.
    fraud_share : float
        Chance of each to be a fraud, in [0, 1].

    Returns
    -------
    rows : numpy.ndarray of float64, shape (n, 30)
        In the order of :data:`COLUMNS`; time in seconds of two days, amount in money.
    truth : numpy.ndarray of bool, shape (n,)
        Which are frauds.
    """
    if not 0 <= fraud_share <= 1:
        raise InvalidParameterError(f"fraud_share is {fraud_share!r}, must be in [0, 1]")
    fraud = rng.random(n) < fraud_share
    out = np.empty((n, len(COLUMNS)))
    out[:, 0] = _times(rng, fraud)
    out[:, 1:-1] = _components(rng, fraud)
    out[:, -1] = _amounts(rng, fraud)
    return out.round(6), fraud


def transactions(n: int, seed: int = 0, fraud_share: float = FRAUD_SHARE) -> pa.Table:
    """Make a labelled table in order of time, as the public one is.

    Parameters
    ----------
    n : int
        Rows.
    seed : int
        The same seed gives the same table.
    fraud_share : float
        Chance of each row to be a fraud.
    """
    import pyarrow as pa

    values, fraud = rows(n, np.random.default_rng(seed), fraud_share)
    order = np.argsort(values[:, 0], kind="stable")
    columns: dict[str, Any] = {name: values[order, j] for j, name in enumerate(COLUMNS)}
    columns[LABEL] = fraud[order].astype(np.int64)
    return pa.table(columns)


def _times(rng: np.random.Generator, fraud: Truth) -> Values:
    n = len(fraud)
    hour = rng.choice(24, n, p=_HOURS / _HOURS.sum())
    # Thieves keep no hours.
    hour = np.where(fraud, rng.integers(0, 24, n), hour)
    return np.floor(rng.integers(0, DAYS, n) * _DAY + (hour + rng.random(n)) * 3600)


def _components(rng: np.random.Generator, fraud: Truth) -> Values:
    n = len(fraud)
    # Tails are heavy, and some payments unusual as a whole, without being frauds.
    values = rng.standard_t(8, (n, N_COMPONENTS)) * np.sqrt(6 / 8)
    values /= np.sqrt(rng.chisquare(25, n) / 25)[:, None]
    # Two sorts of customers, told apart by the first components.
    sort = np.where(rng.random(n) < 0.3, 1.0, -0.43)
    values[:, :4] += sort[:, None] * np.array([0.9, -0.6, 0.7, -0.4])
    who = np.flatnonzero(fraud)
    kind = rng.choice(len(_KINDS), len(who), p=_KIND_SHARES)
    # From hardly visible to glaring.
    strength = rng.gamma(2, 0.5, len(who))
    for k, moves in enumerate(_KINDS):
        for component, move in moves.items():
            of_kind = kind == k
            jitter = rng.normal(1, 0.35, of_kind.sum())
            values[who[of_kind], component - 1] += move * strength[of_kind] * jitter
    return np.asarray(values * _SPREADS)


def _amounts(rng: np.random.Generator, fraud: Truth) -> Values:
    n = len(fraud)
    usual = rng.lognormal(3.1, 1.6, n)
    tried = rng.random(n) < 0.4
    stolen = np.where(tried, rng.choice([0.0, 0.76, 1.0, 99.99], n), rng.lognormal(4.5, 1.3, n))
    return np.asarray(np.where(fraud, stolen, np.minimum(usual, 25_000)).round(2))
