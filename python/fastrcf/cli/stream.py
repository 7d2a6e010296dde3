"""``fastrcf stream``: score, then learn, line by line, for as long as lines come.

Lines are taken as they come: one alone at once, many that wait as one block.
The results are the same, since the forest's are.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastrcf.cli.limits import begun, limited, place
from fastrcf.cli.lines import Csv, Json, Lines
from fastrcf.cli.stream_models import (
    Answering,
    Clock,
    LearningModel,
    answering,
    check_resumed,
    streamed,
)
from fastrcf.errors import InvalidInputError
from fastrcf.files import BadRow
from fastrcf.files.sinks import check_place

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from fastrcf.cli.limits import Asked
    from fastrcf.files import Options

_INPUT = "-"


def stream(
    make: Callable[[], LearningModel],
    *,
    read: Options,
    columns: Sequence[str],
    given: dict[str, Any],
    state: str | None,
    save_every: int | None,
    skip_seen: bool,
    asked: Asked | None = None,
) -> None:
    """Answer standard input on standard output.

    Parameters
    ----------
    make : callable
        Gives the model to go on with where there is no saved state.
    read : Options
        How lines are read.
    columns : sequence of str
        Columns for a forest; default: all.
    given : dict
        Parameters of a new model that were given; a saved state must agree with them.
    state : str or None
        File to go on from if it is there, and to save to at the end, at a
        signal and at an error.
    save_every : int or None
        Rows between further savings.
    skip_seen : bool
        Whether the input starts with the rows that the state has seen.
    asked : Asked, optional
        How many alerts an entity may have in a day; what it has had is saved beside the state.
    """
    import fastrcf

    resumed = state is not None and Path(state).exists()
    if state is not None:
        check_place(Path(state))
    if resumed and state is not None:
        model = fastrcf.load(state)
        check_resumed(state, model, columns, given)
    else:
        model = make()
    if isinstance(model, fastrcf.FrozenForest):
        raise InvalidInputError("the model is a frozen forest, which does not learn")
    to_skip = streamed(model) if skip_seen else 0
    if skip_seen and not resumed:
        to_skip = 0
    lines = Lines()
    clock = Clock(model)
    limit = None if asked is None else begun(asked, state if resumed else None)

    def engine(names: list[str]) -> Answering:
        made = answering(model, columns, names, clock)
        if asked is None or limit is None:
            return made
        return limited(made, model, asked, limit, names)

    def save(state: str) -> None:
        model.save(state)
        if limit is not None:
            limit.save(place(state))

    flow = _Flow(Json() if read.format == "jsonl" else Csv(read), engine, read, to_skip)
    saved_at = flow.row
    try:
        for block in lines.blocks():
            flow.take(block)
            if state and save_every and flow.row - saved_at >= save_every:
                save(state)
                saved_at = flow.row
    finally:
        if state and model.n_seen:
            save(state)
            click.echo(f"{state}: saved after {streamed(model):,} rows", err=True)
        for line in clock.told():
            click.echo(line, err=True)
    if lines.stopped:
        raise KeyboardInterrupt


def _clash(names: Container[str], engine: Answering) -> str | None:
    """Find a name that an answer has too."""
    return next((name for name in engine.added if name in names), None)


class _Flow:
    """Rows on their way from input to output."""

    def __init__(
        self,
        lines: Csv | Json,
        make: Callable[[list[str]], Answering],
        read: Options,
        to_skip: int,
    ) -> None:
        self.row = 0
        self._lines = lines
        self._make = make
        self._bad = read.bad
        self._to_skip = to_skip
        self._names: list[str] = []
        self._engine: Answering | None = None

    def _begin(self, line: str) -> bool:
        self._names, is_header = self._lines.names(line)
        self._engine = self._make(self._names)
        clash = _clash(self._names, self._engine)
        if clash is not None:
            raise InvalidInputError(f"column {clash!r} is one that the answer adds: rename it")
        self._write(self._lines.header([*self._names, *self._engine.added]))
        return is_header

    def take(self, block: list[str]) -> None:
        """Answer a block of lines."""
        if not block:
            return
        if self._engine is None and self._begin(block[0]):
            block = block[1:]
        if self._engine is None:
            return
        good, values, refused = [], [], None
        for row in self._lines.rows(block, self._names):
            found = row if isinstance(row, str) else self._engine.values(row)
            clash = None if isinstance(row, str) else _clash(row, self._engine)
            if clash is not None:
                found = (clash, "the answer adds a column of this name")
            if self._to_skip:
                # What the state has seen are rows that could be used.
                self._to_skip -= isinstance(found, list)
                self.row += 1
                continue
            if isinstance(found, list) and isinstance(row, dict):
                good.append(row)
                values.append(found)
            else:
                column, reason = found if isinstance(found, tuple) else (None, str(found))
                bad = BadRow(_INPUT, self.row, column, reason, row)
                try:
                    self._bad.take(bad)
                except InvalidInputError as error:
                    refused = error
                    break
            self.row += 1
        if values:
            answers = self._engine.process(values)
            self._write(
                "".join(
                    self._lines.answer(row, added) for row, added in zip(good, answers, strict=True)
                )
            )
        if refused is not None:
            raise refused

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
