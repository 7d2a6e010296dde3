"""What goes in and out of the core, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from fastrcf._typing import Floats


@dataclass(frozen=True, slots=True)
class Request:
    """A request, whatever brought it.

    Attributes
    ----------
    method, path : str
        The path without the query, decoded.
    headers : mapping of str to str
        Names in lower case.
    body : bytes
        The whole body, as it came.
    query : mapping of str to str
        The last value of each name.
    request_id : str
        Given back as the header ``x-request-id``, where there is one.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer.

    Attributes
    ----------
    status : int
    body : bytes
    headers : dict of str to str
        Names in lower case; ``content-type`` always.
    """

    status: int
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Answered:
    """What observers are told once rows are scored.

    Attributes
    ----------
    route : str
        The path.
    scores : numpy.ndarray of float64, shape (n,)
        NaN where there is none yet; no rows where the forest was not asked.
    grades : numpy.ndarray of float64, shape (n,), or None
    alerts : numpy.ndarray of bool, shape (n,), or None
    metadata : list of str or None
        What the seed's contract sends beside the rows.
    model_version : str
    request_id : str
    seconds : float
        From the request to its scores.
    output : dict, list of dict or None
        What the seed's contract answers; a list for several rows.
    """

    route: str
    scores: Floats
    grades: Floats | None
    alerts: NDArray[Any] | None
    metadata: list[str] | None
    model_version: str
    request_id: str
    seconds: float
    output: dict[str, Any] | list[dict[str, Any]] | None


@dataclass(frozen=True)
class ServiceLimits:
    """What a request may ask for at most.

    Attributes
    ----------
    body : int
        Bytes of a body; more is answered with 413.
    rows : int
        Rows of a body; more is answered with 413.
    """

    body: int = 32 << 20
    rows: int = 100_000
