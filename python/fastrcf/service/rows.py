"""Rows of a model from bodies of every format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastrcf.service.answers import ARROW
from fastrcf.service.arrow_rows import ArrowRows
from fastrcf.service.columns import Columns
from fastrcf.service.csv_rows import CsvRows
from fastrcf.service.json_rows import JsonRows
from fastrcf.serving.media import CSV, JSON
from fastrcf.serving.problems import bad_input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrcf.serving.media import Media

_EXTRA = {"": False, "refuse": False, "ignore": True}


class Rows:
    """Reads bodies as rows of one model.

    Parameters
    ----------
    columns : Columns
        The model's.
    limit : int
        Most rows of a body.
    """

    def __init__(self, columns: Columns, limit: int) -> None:
        self.columns = columns
        self._json = JsonRows(columns, limit)
        self._csv = CsvRows(columns, limit)
        self._arrow = ArrowRows(columns, limit)

    def read(self, body: bytes, media: Media, extra: bool) -> Any:
        """Read the rows of a body.

        Parameters
        ----------
        body : bytes
        media : Media
            Its format, one of :data:`fastrcf.service.answers.BODIES`.
        extra : bool
            Whether other columns than the model's are passed over.

        Returns
        -------
        numpy.ndarray of shape (n, d), or Arrow table of these columns
            At least one row.

        Raises
        ------
        Problem
            4xx, with row and column where there are any.
        """
        if media.kind == JSON:
            return self._json.json(body, extra=extra)
        if media.kind == CSV:
            return self._csv.read(body, media.parameters, extra=extra)
        if media.kind == ARROW:
            return self._arrow.read(body, extra=extra)
        return self._json.lines(body, extra=extra)

    def csv(self, text: bytes) -> Any:
        """Read a text of CSV."""
        return self._csv.read(text, {}, extra=False)

    def json(self, text: bytes) -> Any:
        """Read a text of JSON."""
        return self._json.json(text, extra=False)


def extra_of(query: Mapping[str, str]) -> bool:
    """Read the parameter ``extra``: whether other columns are passed over.

    Raises
    ------
    Problem
    """
    wanted = query.get("extra", "")
    if wanted not in _EXTRA:
        raise bad_input("extra: expected refuse or ignore")
    return _EXTRA[wanted]
