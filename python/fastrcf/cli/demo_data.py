"""A labelled week of card transactions, made up, for whoever brings no data."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Columns: TypeAlias = list[NDArray[Any]]

_CUSTOMERS = 5000
_DAY = 86_400.0
_SHOPS = ("grocery", "fuel", "restaurant", "travel", "electronics", "jewellery", "cash")
_OFTEN = (0.42, 0.16, 0.2, 0.07, 0.07, 0.02, 0.06)


def transactions(n_rows: int, seed: int) -> pa.Table:
    """Make transactions of customers with habits and trips, and three kinds of fraud.

    Parameters
    ----------
    n_rows : int
        About how many.
    seed : int
        The same seed gives the same rows.

    Returns
    -------
    pyarrow.Table
        In order of ``time`` (seconds). ``payments_last_hour`` counts the
        customer's earlier rows. ``fraud`` is 1 for about 4 rows in 1000: bursts
        of small online payments with a stolen number, large purchases far from
        home, and cash taken out at night.
    """
    rng = np.random.default_rng(seed)
    spends = rng.lognormal(3.2, 0.5, _CUSTOMERS)
    travels = rng.lognormal(1.5, 0.6, _CUSTOMERS)
    who = rng.integers(0, _CUSTOMERS, n_rows)
    # Some customers are far from home all week, some live at night: no fraud.
    away = np.where(rng.random(_CUSTOMERS) < 0.01, rng.uniform(100, 900, _CUSTOMERS), 0)
    nightly = rng.random(_CUSTOMERS) < 0.02
    hour = rng.normal(np.where(nightly, 26, 14)[who], 4) % 24
    time = rng.integers(0, 7, n_rows) * _DAY + hour * 3600
    shop = rng.choice(len(_SHOPS), n_rows, p=_OFTEN)
    dear = np.array([1, 1.6, 1.2, 6, 5, 12, 3])[shop]
    online = rng.random(n_rows) < np.array([0.1, 0, 0.1, 0.7, 0.6, 0.3, 0])[shop]
    amount = spends[who] * dear * rng.lognormal(0, 0.45, n_rows)
    distance = np.where(online, 0.0, away[who] + travels[who] * rng.exponential(1, n_rows))
    usual: Columns = [time, who, amount, distance, shop, online]

    victims = rng.choice(_CUSTOMERS, (3, max(1, n_rows // 6000)))
    kinds = [
        usual,
        _number_tried(rng, victims[0]),
        _card_stolen(rng, victims[1], spends),
        _cash_at_night(rng, victims[2]),
    ]
    time, who, amount, distance, shop, online = map(np.concatenate, zip(*kinds, strict=True))
    fraud = np.arange(len(time)) >= n_rows
    table = pa.table(
        {
            "time": time,
            "hour": (time % _DAY / 3600).round(2),
            "amount": amount.round(2),
            "payments_last_hour": _last_hour(who, time),
            "km_from_home": distance.round(1),
            "shop": np.array(_SHOPS, dtype=object)[shop],
            "online": online.astype(bool),
            "fraud": fraud.astype(np.int8),
        }
    )
    return table.take(np.argsort(time, kind="stable"))


def _last_hour(who: NDArray[Any], time: NDArray[Any]) -> NDArray[Any]:
    """Count each customer's rows in the hour before each row."""
    # Customers one after the other on one axis, too far apart to meet.
    axis = who * 30 * _DAY + time
    order = np.argsort(axis, kind="stable")
    counts = np.empty(len(axis), dtype=np.int64)
    sorted_axis = axis[order]
    counts[order] = np.arange(len(axis)) - np.searchsorted(sorted_axis, sorted_axis - 3600)
    return counts


def _number_tried(rng: np.random.Generator, victims: NDArray[Any]) -> Columns:
    """Try a stolen number: fifteen small online payments within minutes."""
    n, tries = len(victims), 15
    start = rng.uniform(0, 6.9 * _DAY, n)
    time = start[:, None] + np.cumsum(rng.exponential(25, (n, tries)), axis=1)
    amount = rng.uniform(0.5, 3, (n, tries))
    size = n * tries
    return [
        time.ravel(),
        np.repeat(victims, tries),
        amount.ravel(),
        np.zeros(size),
        np.full(size, _SHOPS.index("electronics")),
        np.ones(size, bool),
    ]


def _card_stolen(rng: np.random.Generator, victims: NDArray[Any], spends: NDArray[Any]) -> Columns:
    """Spend with a stolen card: four large purchases far from home in two hours."""
    n, times = len(victims), 4
    start = rng.uniform(0, 6.8 * _DAY, n)
    time = start[:, None] + rng.uniform(0, 7200, (n, times))
    amount = spends[victims][:, None] * rng.lognormal(2.2, 0.6, (n, times))
    shops = [_SHOPS.index("electronics"), _SHOPS.index("jewellery")]
    return [
        time.ravel(),
        np.repeat(victims, times),
        amount.ravel(),
        np.repeat(rng.uniform(150, 900, n), times),
        rng.choice(shops, n * times),
        np.zeros(n * times, bool),
    ]


def _cash_at_night(rng: np.random.Generator, victims: NDArray[Any]) -> Columns:
    """Take cash out at night, three times in a row, some way off."""
    n, times = len(victims), 3
    start = rng.integers(0, 7, n) * _DAY + rng.uniform(1.5, 4, n) * 3600
    time = start[:, None] + np.cumsum(rng.uniform(60, 400, (n, times)), axis=1)
    size = n * times
    return [
        time.ravel(),
        np.repeat(victims, times),
        rng.choice([300.0, 400.0, 500.0], size),
        np.repeat(rng.uniform(20, 80, n), times),
        np.full(size, _SHOPS.index("cash")),
        np.zeros(size, bool),
    ]
