"""Rows to send: a table's, read in pieces and again from its start, or a simulator's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fastrcf.errors import InvalidInputError
from fastrcf.traffic import cards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fastrcf.files import Clean, Options, Role

# Small: turning rows into Python's values holds up what is being sent.
BLOCK = 64
# Frauds of a table that are kept, to be mixed in; the later ones are not looked for.
MOST_FRAUDS = 10_000

Row = list[Any]


@dataclass(frozen=True)
class Block:
    """Some rows.

    Attributes
    ----------
    rows : list of list
        Numbers, text, or None where a value is missing.
    truth : list of bool or None
        Which rows are frauds, where that is known.
    """

    rows: list[Row]
    truth: list[bool] | None


class Rows(Protocol):
    """An endless supply of rows.

    Attributes
    ----------
    names : list of str
        Their columns.
    """

    names: list[str]

    def blocks(self) -> Iterator[Block]:
        """Yield rows without end."""
        ...


class Simulated:
    """Made-up card transactions.

    Parameters
    ----------
    seed : int
        The same seed gives the same rows.
    fraud_share : float, optional
        Default: that of the public table.
    columns : sequence of str
        Which of :data:`fastrcf.traffic.cards.COLUMNS`, in which order; default: all.
    """

    def __init__(
        self, seed: int = 0, fraud_share: float | None = None, columns: Sequence[str] = ()
    ) -> None:
        self.names = list(columns) or list(cards.COLUMNS)
        for name in self.names:
            if name not in cards.COLUMNS:
                raise InvalidInputError(
                    f"there is no column {name!r} in what is made up; it has Time, V1 to V28 and "
                    "Amount (give rows of your own with --data)"
                )
        self._seed = seed
        self._share = cards.FRAUD_SHARE if fraud_share is None else fraud_share

    def blocks(self) -> Iterator[Block]:
        """Yield rows without end."""
        rng = np.random.default_rng([self._seed, 2])
        taken = [cards.COLUMNS.index(name) for name in self.names]
        while True:
            values, truth = cards.rows(BLOCK, rng, self._share)
            yield Block(values[:, taken].tolist(), truth.tolist())


class Replayed:
    """The rows of a table in files, in order, over and over.

    Parameters
    ----------
    data : str
        A file, a folder or a pattern; not standard input, which ends.
    options : Options
        How it is read.
    columns : sequence of str
        Which columns; default: all but the label.
    label : str, optional
        Column that tells frauds.
    truth : callable, optional
        Makes truth values of the label's texts.
    fraud_share : float, optional
        Chance of a row to be a fraud: normal rows are taken in order and frauds mixed in,
        also in order. Default: all rows as they come.
    seed : int
        Of the mixing.

    Raises
    ------
    InvalidInputError
        The table has no rows, lacks a column, or lacks frauds that are to be mixed in.
    """

    def __init__(
        self,
        data: str,
        options: Options,
        columns: Sequence[str] = (),
        label: str | None = None,
        truth: Callable[[list[str]], Sequence[bool]] | None = None,
        fraud_share: float | None = None,
        seed: int = 0,
    ) -> None:
        from fastrcf.files import find_files, open_source

        if data == "-":
            raise InvalidInputError("--data: standard input can be read once only; give a file")
        if fraud_share is not None and label is None:
            raise InvalidInputError(
                "--fraud-share with --data needs --label: which rows are frauds"
            )
        self._files, self._options = find_files(data), options
        source = open_source(self._files[0], options)
        for name in (*columns, *(() if label is None else (label,))):
            if name not in source.names:
                raise InvalidInputError(f"{self._files[0]}: there is no column {name!r}")
        self.names = list(columns) or [name for name in source.names if name != label]
        self._label, self._truth = label, truth
        self._share, self._seed = fraud_share, seed
        self._frauds = [] if fraud_share is None else self._all_frauds()
        if next(self._once(), None) is None:
            raise InvalidInputError(f"{data}: there are no rows")

    def blocks(self) -> Iterator[Block]:
        """Yield rows without end."""
        if self._share is None:
            while True:
                yield from self._once()
        yield from self._mixed(self._share)

    def _once(self) -> Iterator[Block]:
        from fastrcf.files import clean, open_source

        roles: dict[str, Role] = {} if self._label is None else {self._label: "label"}
        columns = [*self.names, *roles]
        for file in self._files:
            source = open_source(file, self._options)
            numbers = {name for name in self.names if source.kinds.get(name) == "number"}
            for batch in source.batches(columns):
                good = clean(batch, roles, self._options.bad)
                for start in range(0, len(good.rows), BLOCK):
                    yield self._block(good, start, numbers)

    def _block(self, good: Clean, start: int, numbers: set[str]) -> Block:
        columns = []
        for name in self.names:
            made = _number if name in numbers else _plain
            columns.append(
                [made(value) for value in good.origin[name].slice(start, BLOCK).to_pylist()]
            )
        rows = [list(row) for row in zip(*columns, strict=True)]
        if self._label is None:
            return Block(rows, None)
        return Block(rows, self._told(good.table[self._label].slice(start, BLOCK).to_pylist()))

    def _told(self, labels: list[str]) -> list[bool]:
        assert self._truth is not None
        return [bool(one) for one in self._truth(labels)]

    def _all_frauds(self) -> list[Row]:
        found: list[Row] = []
        normal = False
        for block in self._once():
            assert block.truth is not None
            found += [
                row for row, is_fraud in zip(block.rows, block.truth, strict=True) if is_fraud
            ]
            normal = normal or not all(block.truth)
            if len(found) >= MOST_FRAUDS and normal:
                break
        if (not found and self._share) or (not normal and self._share != 1):
            which = "normal rows" if found else "frauds"
            raise InvalidInputError(f"--fraud-share: column {self._label!r} tells of no {which}")
        return found[:MOST_FRAUDS]

    def _mixed(self, share: float) -> Iterator[Block]:
        rng = np.random.default_rng([self._seed, 3])
        normal, next_fraud = self._normal(), 0
        while True:
            truth = (rng.random(BLOCK) < share).tolist()
            rows = []
            for is_fraud in truth:
                if is_fraud:
                    rows.append(self._frauds[next_fraud % len(self._frauds)])
                    next_fraud += 1
                else:
                    rows.append(next(normal))
            yield Block(rows, truth)

    def _normal(self) -> Iterator[Row]:
        while True:
            for block in self._once():
                assert block.truth is not None
                for row, is_fraud in zip(block.rows, block.truth, strict=True):
                    if not is_fraud:
                        yield row


def _plain(value: Any) -> Any:
    """Make a value one that JSON has: times as text, what is no number as missing."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (int, str)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _number(value: Any) -> Any:
    """Make a number of a text, as CSV has them; what is none goes as it is, to be refused there."""
    if not isinstance(value, str):
        return _plain(value)
    if not value.strip():
        return None
    try:
        number = float(value)
    except ValueError:
        return value
    return number if math.isfinite(number) else None
