"""Evidence that a few features give together, beside what the forest says of all of them.

A forest asks how unlike all others a session is, over twenty features at once. A fraud that shows
in three of them, each only a little, is lost among the others. So a view takes a few features that
belong together, and the sum of their surprises: values each of which one session in thirty has
are, all in one session, what few sessions have. Only high values count.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from fastrcf.detection import Reason
from fastrcf.telecom.surprise import Tails, family_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastrcf._typing import Floats
    from fastrcf.telecom.surprise import Integers

#: What belongs together, by view.
VIEWS: Final = {
    # One session against those that the SIM usually has.
    "session": (
        "session_up_ratio",
        "session_way_ratio",
        "session_length_ratio",
        "hour_surprise_7d",
    ),
    # How often the SIM connects, and how that ends.
    "rhythm": (
        "sessions_ratio_1h",
        "sessions_ratio_24h",
        "sessions_z",
        "failed_share_24h",
        "zero_share_24h",
        "is_abnormal_end",
        "sms_mo_1h",
    ),
}
#: The view whose evidence is also taken together over days.
SLOW: Final = "session"
#: Quantiles between which values are usual.
_USUAL: Final = (0.05, 0.95)
_LEAST_SHARE: Final = 0.01


class Evidence:
    """How surprising a session is by one view.

    Parameters
    ----------
    columns : sequence of str
        Its features.
    each : mapping of str to Tails
        Of each feature.
    total : Tails
        Of the sums of their surprises.
    usual : mapping
        For each feature, the 5 % and the 95 % quantile of the sessions that were learnt from.
    """

    def __init__(
        self,
        columns: Sequence[str],
        each: Mapping[str, Tails],
        total: Tails,
        usual: Mapping[str, Sequence[float]],
    ) -> None:
        self.columns = tuple(columns)
        self._each, self._total = dict(each), total
        self._usual = {name: (float(low), float(high)) for name, (low, high) in usual.items()}
        if set(self._each) != set(self.columns) or set(self._usual) != set(self.columns):
            raise ValueError("features of a view and their tails are not the same")

    @classmethod
    def fit(
        cls, features: pl.DataFrame, columns: Sequence[str], sims: Integers | None = None
    ) -> Evidence:
        """Learn what values are rare.

        Parameters
        ----------
        features : DataFrame
            Sessions with ``family`` and the view's features; at least one.
        columns : sequence of str
            The features.
        sims : ndarray of int64, optional
            The SIM of each session, as for :meth:`Tails.fit`.
        """
        families = features["family"]
        values = {name: _high(features, name) for name in columns}
        each = {name: Tails.fit(of, families, sims) for name, of in values.items()}
        total = sum(tails.surprise(values[name], families) for name, tails in each.items())
        usual = {
            name: tuple(np.quantile(features[name].to_numpy(), _USUAL).tolist()) for name in columns
        }
        return cls(columns, each, Tails.fit(np.asarray(total), families, sims), usual)

    def parts(self, features: pl.DataFrame) -> Floats:
        """Give the surprise of each feature.

        Returns
        -------
        ndarray of float64, shape (n, number of features)
            Minus the logarithm of the share of the session's family that has as high a value.
        """
        families, rows = features["family"], family_rows(features["family"])
        parts = [
            self._each[name].surprise(_high(features, name), families, rows)
            for name in self.columns
        ]
        return np.stack(parts, axis=1)

    def surprise(self, features: pl.DataFrame) -> Floats:
        """Give the surprise of sessions: how rare the sum of their features' surprises is.

        Returns
        -------
        ndarray of float64, shape (n,)
            At least 0.
        """
        return self._total.surprise(self.parts(features).sum(axis=1), features["family"])

    def reasons(self, features: pl.DataFrame) -> list[list[Reason]]:
        """Tell what part each feature has in the surprise of sessions, the largest first."""
        parts = self.parts(features)
        shares = parts / np.maximum(parts.sum(axis=1, keepdims=True), 1e-9)
        order = np.argsort(-shares, axis=1, kind="stable")
        values = features.select(self.columns).to_numpy()
        return [
            [
                self._reason(self.columns[i], float(share[i]), float(row[i]))
                for i in places
                if share[i] >= _LEAST_SHARE
            ]
            for share, row, places in zip(shares, values, order, strict=True)
        ]

    def _reason(self, name: str, share: float, value: float) -> Reason:
        low, high = self._usual[name]
        text = f"{name} is {value:.4g}, usually {low:.4g} to {high:.4g}"
        return Reason(name, share, "high", value, low, high, None, None, text)

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain dicts, lists, numbers and text."""
        return {
            "columns": list(self.columns),
            "each": {name: tails.to_dict() for name, tails in self._each.items()},
            "total": self._total.to_dict(),
            "usual": {name: list(of) for name, of in self._usual.items()},
        }

    @classmethod
    def of_dict(cls, plain: Mapping[str, Any]) -> Evidence:
        """Make it of what :meth:`to_dict` gave."""
        each = {name: Tails(tails) for name, tails in plain["each"].items()}
        return cls(plain["columns"], each, Tails(plain["total"]), plain["usual"])


def merged(told: Sequence[tuple[float, list[Reason]]]) -> list[Reason]:
    """Make one list of the reasons of several, each with its weight, the largest first."""
    shares: dict[tuple[str, str], float] = {}
    first: dict[tuple[str, str], Reason] = {}
    for weight, reasons in told:
        for reason in reasons:
            key = reason.column, reason.direction
            shares[key] = shares.get(key, 0.0) + weight * reason.share
            first.setdefault(key, reason)
    ranked = sorted(shares.items(), key=lambda one: -one[1])
    return [replace(first[key], share=share) for key, share in ranked if share >= _LEAST_SHARE]


def _high(features: pl.DataFrame, name: str) -> Floats:
    """Give a feature's values above 0: less than usual is no fraud."""
    return np.asarray(features[name].cast(pl.Float64).clip(lower_bound=0).to_numpy())
