"""Which columns of a table go to SageMaker's forest, and where its answers may not go."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fastrcf.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastrcf.cli.tables import Input

# Kinds of columns that hold no numbers, in words.
_LEFT_OUT = {
    "text": "of text",
    "time": "of dates and times",
    "other": "of durations, lists and the like",
    "empty": "without a value in the first rows",
}


def chosen(
    table: Input, columns: Sequence[str], drop: Sequence[str], label: str | None = None
) -> list[str]:
    """Name the columns to take, and tell on standard error which hold no numbers.

    Parameters
    ----------
    table : Input
    columns : sequence of str
        Those that are asked for; none for all that hold numbers.
    drop : sequence of str
        Those not to take.
    label : str or None
        The column of labels, which is not taken either.

    Raises
    ------
    InvalidInputError
        If one is not there, asked for twice or also that of labels, or none is left.
    """
    names, file = table.first.names, table.first.file
    for option, asked in (("--columns", columns), ("--drop", drop), ("--label", [label])):
        for name in asked:
            if name is not None and name not in names:
                shown = ", ".join(map(repr, names[:12])) + (" and more" if len(names) > 12 else "")
                raise InvalidInputError(
                    f"{file}: {option}: there is no column {name!r}; it has {shown}"
                )
    twice = next((name for name in columns if list(columns).count(name) > 1), None)
    if twice is not None:
        raise InvalidInputError(f"--columns: {twice!r} is there twice")
    if label is not None and label in columns:
        raise InvalidInputError(f"{label!r} is a column to take and that of labels")
    away = {*drop, label}
    taken = [name for name in columns or table.numeric() if name not in away]
    if not taken:
        raise InvalidInputError(f"{file}: no column holds numbers; choose with --columns")
    if not columns:
        for kind, what in _LEFT_OUT.items():
            left = [n for n in names if table.first.kinds[n] == kind and n not in away]
            if left:
                click.echo(f"columns {what} were left out: {', '.join(left)}", err=True)
    return taken


def spare(table: Input, out: str) -> None:
    """Refuse to write over the table.

    Raises
    ------
    InvalidInputError
    """
    place = Path(out)
    for file in table.files:
        if file != "-" and out != "-" and place.exists() and place.samefile(file):
            raise InvalidInputError(f"-o {out}: this is DATA, which would be lost; name another")
