"""The model's columns, gathered: exact counts of all rows against what was fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from fastrcf.report import drift
from fastrcf.report.facts import Category, CategoryFacts, NumberFacts
from fastrcf.report.sketches import Names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastrcf._typing import Floats

    Encode = Callable[[list[str]], list[float]]

_BINS = 36
# Categories of a column that have counts of their own, and that are shown.
_COUNTED, _FREQUENT = 10_000, 8
# Shares of rows with new categories, as they are read.
_SHIFTED, _STRONGLY = 0.01, 0.1


def axis(values: Floats, scaling: str) -> Floats:
    """Put values on the axis of their column: logarithmic where its scaling is."""
    if scaling == "log-robust":
        return np.sign(values) * np.log1p(np.abs(values))
    return values


def from_axis(places: Floats, scaling: str) -> Floats:
    """Undo :func:`axis`."""
    if scaling == "log-robust":
        return np.sign(places) * np.expm1(np.abs(places))
    return places


class NumberColumn:
    """Counts a column of numbers against its fitted quantiles."""

    def __init__(self, name: str, scaling: str, fitted: Sequence[float]) -> None:
        self.name, self._scaling = name, scaling
        self._fitted = tuple(float(q) for q in fitted)
        self._below = np.zeros(len(self._fitted), np.int64)
        self._at_most = np.zeros(len(self._fitted), np.int64)
        self._ends = (np.inf, -np.inf)

    def add(self, values: Floats) -> None:
        """Count rows."""
        for i, quantile in enumerate(self._fitted):
            self._below[i] += np.count_nonzero(values < quantile)
            self._at_most[i] += np.count_nonzero(values <= quantile)
        self._ends = _wider(self._ends, values)

    def facts(self, sampled: Floats, n: int, n_fitted: int, separates: bool) -> NumberFacts:
        """Say what was found.

        Parameters
        ----------
        sampled : numpy.ndarray of float64
            The column's values in the sampled rows.
        n, n_fitted : int
            Rows of the data, and rows fitted.
        separates : bool
            Whether it alone tells labelled rows from the others.
        """
        found = list(drift.quantiles(sampled))
        found[0], found[-1] = map(float, self._ends)
        index = drift.stability_index(self._below, self._at_most, n)
        ends = axis(
            np.array([min(self._fitted[1], found[1]), max(self._fitted[7], found[7])]),
            self._scaling,
        )
        edges, counts = drift.histogram(axis(sampled, self._scaling), ends.tolist(), _BINS)
        return NumberFacts(
            name=self.name,
            scaling=self._scaling,
            fitted=self._fitted,
            found=tuple(found),
            below=float(self._below[1] / n),
            above=float(1.0 - self._at_most[7] / n),
            outside=float((self._below[0] + n - self._at_most[-1]) / n),
            index=index,
            reading=drift.reading(index, n, n_fitted),
            edges=from_axis(edges, self._scaling),
            counts=counts,
            separates=separates,
        )


def _wider(ends: tuple[float, float], values: Floats) -> tuple[float, float]:
    if not len(values):
        return ends
    return min(ends[0], float(values.min())), max(ends[1], float(values.max()))


class CategoryColumn:
    """Counts a column of categories."""

    def __init__(self, name: str, n_fitted: int, encode: Encode) -> None:
        self.name, self._n_fitted, self._encode = name, n_fitted, encode
        # Rows and alerts by category.
        self._names = Names(_COUNTED, 2)
        self._unseen = 0

    def add(self, texts: Any, is_alert: Any) -> None:
        """Count rows: an Arrow array of text and a mask of the same length."""
        rows = _counts(texts)
        alerts = _counts(texts.filter(is_alert))
        for (name, n), at in zip(rows.items(), self._encode(list(rows)), strict=True):
            self._names.add(name, n, alerts.get(name, 0))
            if at < 0:
                self._unseen += n

    def facts(self, n: int, separates: bool) -> CategoryFacts:
        """Say what was found in ``n`` rows; whether it tells labelled ones apart is known."""
        counts = self._names.counts
        frequent = sorted(counts, key=lambda name: -counts[name][0])[:_FREQUENT]
        new = [at < 0 for at in self._encode(frequent)]
        unseen = self._unseen / n
        reading = "no new categories"
        if unseen > 0:
            reading = "few new categories"
        if unseen >= _SHIFTED:
            reading = "shifted" if unseen < _STRONGLY else "strongly shifted"
        return CategoryFacts(
            name=self.name,
            n_fitted=self._n_fitted,
            n_found=len(counts),
            is_all=self._names.is_all,
            unseen=unseen,
            frequent=tuple(
                Category(name, int(counts[name][0]), int(counts[name][1]), is_new)
                for name, is_new in zip(frequent, new, strict=True)
            ),
            reading=reading,
            separates=separates,
        )


def _counts(texts: Any) -> dict[str, int]:
    """Count texts, in the order in which they first come."""
    return {item["values"]: item["counts"] for item in pc.value_counts(texts).to_pylist()}
