"""Bodies of requests: the seed's contract, and the service's own forms."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import numpy as np

from fastrcf.errors import InvalidParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fastrcf.traffic.rows import Row, Rows

# "seed": {data, metadata, model}; "rows": JSON of rows by name; "csv": rows as text alone.
Form = Literal["seed", "rows", "csv"]
FORMS: tuple[Form, ...] = ("seed", "rows", "csv")
CHANNELS = ("Mobile", "Web", "Store")
_JSON, _CSV = "application/json", "text/csv"
# Where the time of sending goes: bodies are made long before.
_LATER = "0000-00-00T00:00:00.000+00:00"
_LATER_BYTES = _LATER.encode()
_SEED = b'{"data":'
_encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True)
class Payload:
    """A request's body.

    Attributes
    ----------
    body : bytes
        As it is sent.
    content_type : str
        Of the body.
    n_rows : int
        Rows in it.
    truth : tuple of bool or None
        Which of them are frauds, where that is known.
    """

    body: bytes
    content_type: str
    n_rows: int
    truth: tuple[bool, ...] | None

    def now(self) -> Payload:
        """Give it with the time of now in its metadata, if it has them."""
        # They come behind the rows, which may hold anything.
        at = self.body.rfind(_LATER_BYTES)
        if at < 0 or not self.body.startswith(_SEED):
            return self
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds").encode()
        body = self.body[:at] + stamp + self.body[at + len(stamp) :]
        return replace(self, body=body)


def form_of(url: str) -> Form:
    """Tell from a URL's path what it takes.

    Raises
    ------
    InvalidParameterError
        The path says nothing.
    """
    path = urlsplit(url).path.rstrip("/")
    if path.endswith("/invocations"):
        return "seed"
    if path.endswith(("/v1/score", "/v1/detect")):
        return "rows"
    raise InvalidParameterError(
        f"the path {path or '/'!r} does not tell which form requests have: it ends neither with "
        "/invocations nor with /v1/score or /v1/detect; give --form"
    )


@dataclass(frozen=True)
class Maker:
    """Makes bodies of rows.

    Attributes
    ----------
    form : Form
        What they look like.
    names : list of str
        The rows' columns.
    rows_per_request : int
        At least 1.
    model : str or None
        Which model the seed's contract asks for; None asks for all.
    by_position : bool
        Rows without the names of their columns, in JSON.
    seed : int
        Of channels and identifiers in the metadata.
    """

    form: Form
    names: list[str]
    rows_per_request: int = 1
    model: str | None = None
    by_position: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what makes no body."""
        if self.form not in FORMS:
            raise InvalidParameterError(f"form {self.form!r} is none of {', '.join(FORMS)}")
        if self.rows_per_request < 1:
            raise InvalidParameterError(
                f"rows_per_request is {self.rows_per_request!r}, must be at least 1"
            )
        if self.model is not None and self.form != "seed":
            raise InvalidParameterError("--model: only the form 'seed' names a model")
        if self.by_position and self.form != "rows":
            raise InvalidParameterError("--by-position: only the form 'rows' names columns")

    def payloads(
        self, rows: Rows, is_over: Callable[[], bool] = lambda: False
    ) -> Iterator[Payload]:
        """Yield bodies as rows come, until nobody wants more, be it amid a body."""
        rng = np.random.default_rng([self.seed, 4])
        taken: list[Row] = []
        truth: list[bool] = []
        number = 0
        for block in rows.blocks():
            if is_over():
                return
            known = block.truth or [False] * len(block.rows)
            for row, is_fraud in zip(block.rows, known, strict=True):
                taken.append(row)
                truth.append(is_fraud)
                if len(taken) < self.rows_per_request:
                    continue
                yield Payload(
                    self._body(taken, rng, number),
                    _CSV if self.form == "csv" else _JSON,
                    len(taken),
                    tuple(truth) if block.truth is not None else None,
                )
                number += 1
                taken, truth = [], []

    def _body(self, rows: list[Row], rng: np.random.Generator, number: int) -> bytes:
        if self.form == "csv":
            return as_csv(rows).encode()
        if self.form == "rows":
            # Row by row: one call for a large body would hold up all that is sent meanwhile.
            shown = (
                _encode(row if self.by_position else dict(zip(self.names, row, strict=True)))
                for row in rows
            )
            return f'{{"rows":[{",".join(shown)}]}}'.encode()
        asked: dict[str, Any] = {
            "data": as_csv(rows).rstrip("\n"),
            "metadata": [
                _LATER,
                f"traffic-{self.seed}-{number:08d}",
                CHANNELS[rng.integers(len(CHANNELS))],
            ],
        }
        if self.model is not None:
            asked["model"] = self.model
        return _encode(asked).encode()


def as_csv(rows: Iterable[Row]) -> str:
    """Write rows as lines of CSV; what is missing is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in rows:
        writer.writerow(row)
    return out.getvalue()
