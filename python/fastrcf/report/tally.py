"""Bad rows, counted by column on their way to where they go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastrcf.report.facts import SetAside

if TYPE_CHECKING:
    from fastrcf.files import BadRow, BadRows

# Columns that have a line of their own.
_MOST = 200


class Tally:
    """Counts the bad rows that another takes.

    Parameters
    ----------
    inner : BadRows
        Takes them; one that refuses stops the run.
    """

    def __init__(self, inner: BadRows) -> None:
        self._inner = inner
        self._found: dict[str | None, tuple[int, str]] = {}

    @property
    def count(self) -> int:
        """Bad rows so far."""
        return self._inner.count

    @property
    def stops(self) -> bool:
        """Whether the other one ends everything at the first."""
        return self._inner.stops

    def take(self, bad: BadRow) -> None:
        """Count one and pass it on."""
        self._inner.take(bad)
        column = bad.column
        if column not in self._found and len(self._found) >= _MOST:
            column = None
        rows, example = self._found.get(column, (0, str(bad)))
        self._found[column] = (rows + 1, example)

    def facts(self) -> tuple[SetAside, ...]:
        """Say what was taken, most rows first."""
        found = sorted(self._found.items(), key=lambda item: -item[1][0])
        return tuple(SetAside(column, rows, example) for column, (rows, example) in found)
