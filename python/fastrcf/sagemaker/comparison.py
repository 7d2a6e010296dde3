"""What a load costs in a month: the managed service, our container, and neither."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from fastrcf._parameters import count
from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker.endpoint import Serverless

if TYPE_CHECKING:
    import os

    from fastrcf.sagemaker.cost import Prices

# 365 days of 24 hours, by twelve: what price lists call a month.
HOURS = 730.0
MANAGED, OURS = "managed", "fastrcf's container"


@dataclass(frozen=True)
class Load:
    """What is asked of the service in a month.

    Parameters
    ----------
    rows : float
        Rows a month.
    requests : float, optional
        Calls a month that they come in; default: a row a call.
    hours : float, default 730
        Hours a month for which an endpoint is there, up to 744.
    instance : str, default "ml.c5.xlarge"
        Instance type of endpoints and of batch jobs.
    rows_per_second : float, optional
        Rows that one instance, function or machine with fastrcf scores in a second, as
        you measured. Without, what is paid by the second has no figure.
    managed_rows_per_second : float, optional
        The same of the managed service.
    call_ms : float, default 0
        Milliseconds that a call takes beside its rows.
    memory_mb : int, default 2048
        Of serverless endpoints and functions: 1024 to 6144 in steps of 1024.
    jobs : float, default 30
        Batch jobs a month.
    job_minutes : float, default 0
        Minutes of each that are paid for beside its rows.

    Raises
    ------
    InvalidParameterError
        If one is out of its range, or there are more calls than rows.
    """

    rows: float
    requests: float | None = None
    hours: float = HOURS
    instance: str = "ml.c5.xlarge"
    rows_per_second: float | None = None
    managed_rows_per_second: float | None = None
    call_ms: float = 0.0
    memory_mb: int = 2048
    jobs: float = 30.0
    job_minutes: float = 0.0

    def __post_init__(self) -> None:
        for name in ("rows", "requests", "rows_per_second", "managed_rows_per_second"):
            if getattr(self, name) is not None:
                _number(name, getattr(self, name), above=True)
        for name in ("call_ms", "jobs", "job_minutes"):
            _number(name, getattr(self, name), above=False)
        if _number("hours", self.hours, above=True) > 744:
            raise InvalidParameterError(f"hours: {self.hours!r} is more than a month's 744")
        if self.calls > self.rows:
            raise InvalidParameterError(
                f"requests: {self.calls:,.10g} calls for {self.rows:,.10g} rows: each has one at "
                "least"
            )
        Serverless(count("memory_mb", self.memory_mb, 1))

    @property
    def calls(self) -> float:
        """Calls a month."""
        return self.rows if self.requests is None else self.requests

    @property
    def rows_a_second(self) -> float:
        """Rows a second while an endpoint is there, if they came evenly."""
        return self.rows / (self.hours * 3600)

    def instances(self, rate: float | None) -> int:
        """Give the instances that carry the rows at ``rate`` rows a second; 1 if it is unknown."""
        return 1 if rate is None else max(1, math.ceil(self.rows_a_second / rate))

    def gb_seconds(self, rate: float) -> float:
        """Give the gigabyte seconds of all calls, each rounded up to a whole millisecond."""
        ms = self.call_ms + 1000 * self.rows / self.calls / rate
        # Ratios such as 1000 * 0.007 are a hair above the whole number that they mean.
        return self.calls * math.ceil(round(ms, 9)) / 1000 * self.memory_mb / 1024

    def job_hours(self, rate: float) -> float:
        """Give the instance hours of all batch jobs."""
        return self.rows / rate / 3600 + self.jobs * self.job_minutes / 60


@dataclass(frozen=True)
class Cost:
    """One way to carry a load.

    Attributes
    ----------
    way : str
        What it is.
    paid_for : str
        How much of what is paid for, or what is missing to tell.
    per_month : float or None
        In the table's currency; None if it cannot be told.
    """

    way: str
    paid_for: str
    per_month: float | None


@dataclass(frozen=True)
class CostComparison:
    """Every way to carry a load, and what was assumed; ``str`` gives a table.

    Attributes
    ----------
    load : Load
        What is asked.
    costs : tuple of Cost
        The ways.
    assumptions : tuple of str
        All that the figures rest on, as sentences.
    prices : Prices
        The table that was used.
    """

    load: Load
    costs: tuple[Cost, ...]
    assumptions: tuple[str, ...]
    prices: Prices

    def to_dict(self) -> dict[str, Any]:
        """Give it as what JSON can hold."""
        table = self.prices
        return {
            "prices": {"as_of": table.as_of, "region": table.region, "source": table.source},
            "currency": table.currency,
            "load": {**asdict(self.load), "requests": self.load.calls},
            "costs": [asdict(cost) for cost in self.costs],
            "assumptions": list(self.assumptions),
        }

    def __str__(self) -> str:
        told = [_money(cost.per_month) for cost in self.costs]
        head = f"{self.prices.currency} a month"
        wide = max(len(head), *map(len, told))
        name = max(len(cost.way) for cost in self.costs)
        lines = [f"{'':{name}}  {head:>{wide}}"]
        for cost, figure in zip(self.costs, told, strict=True):
            lines.append(f"{cost.way:{name}}  {figure:>{wide}}  {cost.paid_for}")
        return "\n".join([*lines, "", "Assumed:", *(f"* {text}" for text in self.assumptions)])


def compare_costs(load: Load, prices: Prices) -> CostComparison:
    """Compute what a load costs in a month, each way.

    Parameters
    ----------
    load : Load
        What is asked.
    prices : Prices
        The table of prices.

    Returns
    -------
    CostComparison

    Raises
    ------
    InvalidParameterError
        If the table does not have the instance type.
    """
    hour = prices.instance_hours.get(load.instance)
    if hour is None:
        known = ", ".join(sorted(prices.instance_hours))
        raise InvalidParameterError(
            f"instance: {load.instance!r} is not in the prices of {prices.as_of}, which have "
            f"{known}"
        )
    costs = []
    for who, rate in ((MANAGED, load.managed_rows_per_second), (OURS, load.rows_per_second)):
        option = "--rows-per-second" if who == OURS else "--managed-rows-per-second"
        n = load.instances(rate)
        costs.append(
            Cost(
                f"{who}: real-time endpoint",
                f"{n} x {load.instance} for {load.hours:,.10g} hours",
                n * load.hours * hour,
            )
        )
        ways: list[tuple[str, float | None, float | None]] = [
            (f"{who}: serverless endpoint", prices.serverless_gb_seconds, 0.0)
        ]
        if who == OURS:
            # The managed algorithm has no way out of SageMaker.
            ways.append(
                ("fastrcf in a Lambda function", prices.lambda_gb_seconds, prices.lambda_requests)
            )
        costs.extend(_by_call(load, way, rate, option, *price) for way, *price in ways)
        costs.append(_batch(load, f"{who}: batch transform", rate, option, hour))
    costs.append(Cost("fastrcf on this machine", "nothing to AWS", 0.0))
    return CostComparison(load, tuple(costs), tuple(_assumptions(load, prices)), prices)


def measured_rate(path: str | os.PathLike[str]) -> float:
    """Read the rows a second that ``make bench-serve`` measured, of CSV in 5 MB.

    Parameters
    ----------
    path : path
        The file ``benches/serve.json``.

    Raises
    ------
    InvalidParameterError
        If it is no such file.
    """
    try:
        lanes = json.loads(Path(path).read_text(encoding="utf-8"))["lanes"]
        rounds = [lane["csv"] for lane in lanes[0]["rounds"]]
        rate = median(r["good"] / r["seconds"] * r["rows"] for r in rounds)
        # Noise of the machine is far above one row.
        return _number("rows_per_second", round(rate) or rate, above=True)
    except (ValueError, LookupError, TypeError, ArithmeticError) as error:
        raise InvalidParameterError(f"{path}: no figures of the server: {error!r}") from None


def _money(amount: float | None) -> str:
    if amount is None:
        return "not known"
    # Less than a cent is not nothing.
    return f"{amount:.2g}" if 0 < amount < 0.01 else f"{amount:,.2f}"


def _number(name: str, value: Any, *, above: bool) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise InvalidParameterError(f"{name}: expected a number, found {value!r}") from None
    # The largest is far beyond any load, and keeps all products finite.
    if not (number > 0 if above else number >= 0) or number > 1e18:
        least = "more than 0" if above else "0 or more"
        raise InvalidParameterError(f"{name}: {value!r} is not {least} and at most 1e18")
    return number


def _by_call(
    load: Load,
    way: str,
    rate: float | None,
    option: str,
    second: float | None,
    million: float | None,
) -> Cost:
    if second is None or million is None:
        return Cost(way, "the table of prices does not have it", None)
    if rate is None:
        return Cost(way, f"needs {option}", None)
    used = load.gb_seconds(rate)
    text = f"{used:,.0f} GB seconds"
    if million:
        text += f", {load.calls:,.10g} calls"
    return Cost(way, text, used * second + load.calls / 1e6 * million)


def _batch(load: Load, way: str, rate: float | None, option: str, hour: float) -> Cost:
    if rate is None:
        return Cost(way, f"needs {option}", None)
    used = load.job_hours(rate)
    return Cost(way, f"{used:,.4g} hours of {load.instance}", used * hour)


def _assumptions(load: Load, prices: Prices) -> list[str]:
    def said(rate: float | None) -> str:
        return "not given" if rate is None else f"{rate:,.10g}"

    texts = [
        f"prices of {prices.as_of} for {prices.region}, without free tiers, discounts and taxes",
        f"{load.rows:,.10g} rows a month in {load.calls:,.10g} calls",
        f"rows a second: fastrcf {said(load.rows_per_second)}, managed "
        f"{said(load.managed_rows_per_second)}; the same on an instance, serverless and in a "
        "function, whose cores differ: measure where it will run",
        f"an instance costs the same whoever's image runs on it ({load.instance}, "
        f"{prices.instance_hours[load.instance]:.10g} {prices.currency} an hour); only the rows "
        "a second, and so the number of instances, differ",
        f"endpoints: {load.hours:,.10g} hours a month, rows spread evenly over them "
        f"({load.rows_a_second:,.4g} a second), one instance where rows a second are not given; "
        "peaks and spare instances need more",
        f"serverless and Lambda: {load.memory_mb:,} MB, calls of {load.call_ms:.10g} ms and their "
        "rows, rounded up to a millisecond each; cold starts and data passed are not counted",
        f"batch: {load.jobs:,.10g} jobs a month, each with {load.job_minutes:.10g} minutes beside "
        "its rows",
        "not counted: training, storage, transfer, logs, other services in front, people; of this "
        "machine: all of it",
    ]
    if prices.source:
        texts.append(f"the table says: {prices.source}")
    return texts
