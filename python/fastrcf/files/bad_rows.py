"""What becomes of rows that cannot be used."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from fastrcf._writing import is_stream
from fastrcf.errors import InvalidInputError

if TYPE_CHECKING:
    from types import TracebackType


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used, and why.

    Attributes
    ----------
    file : str
        The file's name, ``"-"`` for standard input.
    row : int
        Zero-based number among the file's rows; a header is no row.
    column : str or None
        The first offending column, where there is one.
    reason : str
        What is wrong.
    content : Any
        The row: values by column, or the text as it stands in the file.
    """

    file: str
    row: int
    column: str | None
    reason: str
    content: Any

    def __str__(self) -> str:
        where = f"{self.file}: row {self.row}"
        if self.column is not None:
            where += f", column {self.column!r}"
        return f"{where}: {self.reason}"


class BadRows(Protocol):
    """Takes bad rows; raises where they are not to be passed over."""

    @property
    def count(self) -> int:
        """Bad rows so far."""

    @property
    def stops(self) -> bool:
        """Whether the first one ends everything."""

    def take(self, bad: BadRow) -> None:
        """Take one."""


class Refuse:
    """Stops at the first bad row."""

    count = 0
    stops = True

    def take(self, bad: BadRow) -> None:
        """Refuse it.

        Raises
        ------
        InvalidInputError
            Names file, row and column.
        """
        raise InvalidInputError(str(bad), row=bad.row)


class PassOver:
    """Lets bad rows go that were taken before: of a table that is read again."""

    count = 0
    stops = False

    def take(self, bad: BadRow) -> None:
        """Do nothing."""


class Aside:
    """Puts bad rows into a file of JSON lines, and counts them.

    The file is there, whole, once the ``with`` block has ended well, and not
    before. A device or a pipe, such as ``/dev/null``, gets them as they come.

    Parameters
    ----------
    path : path
        Where to put them.
    """

    stops = False

    def __init__(self, path: Path) -> None:
        self.count = 0
        self._path = Path(os.path.realpath(path))
        self._is_stream = is_stream(path)
        if self._is_stream:
            self._path = path
        self._unfinished = self._path.with_name(f".{self._path.name}.unfinished")
        self._file: IO[str] | None = None

    def __enter__(self) -> Aside:
        place, mode = (self._path, "a") if self._is_stream else (self._unfinished, "w")
        self._file = place.open(mode, encoding="utf-8")
        return self

    def take(self, bad: BadRow) -> None:
        """Put it aside."""
        self.count += 1
        if self._file is not None:
            print(json.dumps(asdict(bad), default=str), file=self._file)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._is_stream:
            return
        if kind is None:
            self._unfinished.replace(self._path)
        else:
            with suppress(FileNotFoundError):
                self._unfinished.unlink()
