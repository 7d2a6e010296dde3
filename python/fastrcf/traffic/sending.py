"""The load generator as a function."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from fastrcf.traffic import auth as auths
from fastrcf.traffic.payload import Maker, form_of
from fastrcf.traffic.report import Report, Verdict
from fastrcf.traffic.rows import Simulated
from fastrcf.traffic.run import Limits, run
from fastrcf.traffic.schedule import Schedule, how_many
from fastrcf.traffic.target import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastrcf.traffic.auth import Auth
    from fastrcf.traffic.payload import Form
    from fastrcf.traffic.rows import Rows
    from fastrcf.traffic.tally import Tally


def send(
    url: str,
    *,
    rate: float = 10.0,
    duration: float | None = None,
    requests: int | None = None,
    burst: float = 1.0,
    period: float = 10.0,
    seed: int = 0,
    rows: Rows | None = None,
    form: Form | None = None,
    rows_per_request: int = 1,
    model: str | None = None,
    by_position: bool = False,
    auth: Auth | None = None,
    timeout: float = 10.0,
    max_in_flight: int = 256,
    error_budget: float = 0.01,
    rate_tolerance: float = 0.02,
    tell: Callable[[Tally, float], None] | None = None,
) -> Report:
    """Send requests to a URL at a rate, and report.

    Parameters
    ----------
    url : str
        What is called; nothing else ever is.
    rate : float
        Requests a second, on average.
    duration : float, optional
        Seconds of sending; default 10, or as long as ``requests`` take.
    requests : int, optional
        How many, at most.
    burst, period : float
        Peak rate over mean rate, and seconds from burst to burst; see
        :class:`~fastrcf.traffic.schedule.Schedule`.
    seed : int
        Of times, rows and metadata: the same seed sends the same.
    rows : Rows, optional
        What is sent; default: :class:`~fastrcf.traffic.rows.Simulated`.
    form : {"seed", "rows", "csv"}, optional
        What bodies look like; default: by the URL's path.
    rows_per_request : int
        Rows in a body.
    model : str, optional
        Which model the seed's contract asks for.
    by_position : bool
        Send rows without the names of their columns.
    auth : Auth, optional
        Who asks, of :func:`fastrcf.traffic.auth.choose`; default: nobody.
    timeout : float
        Seconds for an answer.
    max_in_flight : int
        Requests at a time.
    error_budget, rate_tolerance : float
        What the run has to keep to, as shares.
    tell : callable, optional
        Told the counts and the seconds that passed, some times a second.

    Returns
    -------
    Report

    Raises
    ------
    InvalidParameterError
        Something is out of its range; nothing has been sent.
    InvalidInputError
        Rows cannot be read.
    """
    target = parse(url)
    verdict = Verdict(error_budget, rate_tolerance)
    schedule = Schedule(rate, how_many(rate, duration, requests), burst, period, seed)
    rows = Simulated(seed) if rows is None else rows
    maker = Maker(form or form_of(url), rows.names, rows_per_request, model, by_position, seed)
    limits = Limits(timeout, max_in_flight)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    payloads = partial(maker.payloads, rows)
    ran = run(target, schedule, payloads, auth or auths.NoAuth(), limits, tell)
    return Report(target.shown, maker.form, started, schedule, ran, verdict)
