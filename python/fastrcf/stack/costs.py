"""What a stack costs in a month, idle and under a load, by a dated table of prices."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker.comparison import HOURS
from fastrcf.sagemaker.cost import accept

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastrcf.sagemaker.cost import Prices
    from fastrcf.stack.template import Template

# Metrics that the function sends, which are paid for in hours in which there are requests.
METRICS = 10
# Firehose counts a record as a multiple of this many bytes; the results of a request share one.
_RECORD = 5120
# A line in the function's log for each request, and of a row's result in Firehose and in S3.
_LOG_BYTES, _RESULT_BYTES, _STORED_BYTES = 700, 300, 120
# X-Ray's own rule: a request a second, and of the others one in twenty.
_TRACED = 0.05


@dataclass(frozen=True)
class Load:
    """What is asked of a stack in a month.

    Attributes
    ----------
    requests : float
        A month.
    rows : float
        In each request.
    call_ms : float
        Milliseconds that the function takes for each.
    """

    requests: float = 0.0
    rows: float = 1.0
    call_ms: float = 10.0

    def __post_init__(self) -> None:
        if not (0 <= self.requests < 1e12 and 1 <= self.rows <= 1e6 and 0 <= self.call_ms <= 25e3):
            raise InvalidParameterError(
                "load: requests a month are 0 to 1e12, rows a request 1 to 1e6, milliseconds 0 to "
                "25,000"
            )


@dataclass(frozen=True)
class Item:
    """One line of a bill.

    Attributes
    ----------
    what, paid_for : str
        What it is, and how much of it.
    per_month : float or None
        In the table's currency; None where the table has no price.
    idle : bool
        Whether it is paid without a request too.
    """

    what: str
    paid_for: str
    per_month: float | None
    idle: bool


@dataclass(frozen=True)
class StackCost:
    """A month's bill; ``str`` gives a table.

    Attributes
    ----------
    items : tuple of Item
    prices : Prices
        The table that was used.
    region : str
        Where the stack is to be.
    """

    items: tuple[Item, ...]
    prices: Prices
    region: str

    @property
    def idle(self) -> float:
        """What is paid without a request."""
        return sum(item.per_month or 0.0 for item in self.items if item.idle)

    @property
    def total(self) -> float:
        """What is paid in all."""
        return sum(item.per_month or 0.0 for item in self.items)

    @property
    def notes(self) -> list[str]:
        """What the figures rest on."""
        table = self.prices
        told = [
            f"prices of {table.as_of} for {table.region}"
            + ("" if table.region == self.region else f"; {self.region} may differ"),
            "without the free tiers: ten alarms, three dashboards and the first requests are free "
            "in most accounts",
            "without tax, data out of AWS, keys of KMS, and objects that are stored",
        ]
        if table.source:
            told.append(f"the table says: {table.source}")
        return told

    def to_dict(self) -> dict[str, Any]:
        """Give it as what JSON can hold."""
        return {
            "currency": self.prices.currency,
            "idle_per_month": self.idle,
            "per_month": self.total,
            "items": [asdict(item) for item in self.items],
            "notes": self.notes,
        }

    def __str__(self) -> str:
        rows = [(item.what, _money(item.per_month), item.paid_for) for item in self.items]
        rows.append(("idle", _money(self.idle), "a month without a request"))
        if self.total > self.idle:
            rows.append(("in all", _money(self.total), "a month"))
        wide = [max(len(row[i]) for row in rows) for i in (0, 1)]
        lines = [f"{what:{wide[0]}}  {money:>{wide[1]}}  {told}" for what, money, told in rows]
        head = f"{self.prices.currency} a month, estimated"
        return "\n".join([head, *lines, *(f"* {note}" for note in self.notes)])


def stack_cost(
    template: Template, values: Mapping[str, str], load: Load, prices: Prices, region: str
) -> StackCost:
    """Tell what the resources of a template cost in a month.

    Parameters
    ----------
    template : Template
    values : mapping of str to str
        All parameters.
    load : Load
        What is asked of it.
    prices : Prices
    region : str
        Where; prices of another region than the table's are a guess.
    """
    resources = template.resources(values)
    price, items = prices.stack.get, []

    def add(what: str, paid_for: str, units: float, each: float | None, *, idle: bool) -> None:
        if units:
            items.append(Item(what, paid_for, None if each is None else units * each, idle))

    kinds = [one["Type"] for one in resources.values()]
    alarms = [one for one in resources.values() if one["Type"] == "AWS::CloudWatch::Alarm"]
    bands = sum("Metrics" in one["Properties"] for one in alarms)
    plain = len(alarms) - bands
    add("alarms", f"{plain} alarms", plain, price("alarm_month"), idle=True)
    add("alarm of drift", f"{bands} alarm on a band", bands, price("band_alarm_month"), idle=True)
    boards = kinds.count("AWS::CloudWatch::Dashboard")
    add("dashboard", f"{boards} dashboard", boards, price("dashboard_month"), idle=True)
    if "AWS::SageMaker::NotebookInstance" in kinds:
        kind = values["NotebookInstanceType"]
        hours = prices.instance_hours.get(kind)
        add("notebook", f"1 x {kind} for {HOURS:.0f} hours", HOURS, hours, idle=True)
    million, seconds = load.requests / 1e6, load.requests * load.call_ms / 1000
    asked = f"{load.requests:,.10g} requests"
    gb_seconds = seconds * int(values["MemorySize"]) / 1024
    arm = values["Architecture"] == "arm64"
    rate = price("lambda_arm_gb_seconds") if arm else prices.lambda_gb_seconds
    add("API", asked, million, price("rest_api_million_requests"), idle=False)
    add("function's calls", asked, million, prices.lambda_requests, idle=False)
    add("function's time", f"{gb_seconds:,.4g} GB s", gb_seconds, rate, idle=False)
    logged = load.requests * _LOG_BYTES / 2**30
    add("logs", f"{logged:,.4g} GB", logged, price("log_gb"), idle=False)
    traced = million * _TRACED
    add("traces", f"{traced * 1e6:,.10g} traces", traced, price("trace_million"), idle=False)
    if load.requests:
        add("metrics", f"{METRICS} metrics", METRICS, price("metric_month"), idle=False)
    if "AWS::KinesisFirehose::DeliveryStream" in kinds:
        records = math.ceil(load.rows * _RESULT_BYTES / _RECORD)
        taken = load.requests * records * _RECORD / 2**30
        kept = load.requests * load.rows * _STORED_BYTES / 2**30
        add(
            "Firehose",
            f"{taken:,.4g} GB in records of 5 KB",
            taken,
            price("firehose_gb"),
            idle=False,
        )
        add(
            "results",
            f"{kept:,.4g} GB more each month",
            kept,
            price("storage_gb_month"),
            idle=False,
        )
        # A file a minute at most, as the stream is buffered.
        files = min(load.requests, HOURS * 60) / 1000
        add("files", f"{1000 * files:,.6g} files", files, price("put_thousand"), idle=False)
    return StackCost(tuple(items), prices, region)


def accept_hourly(
    template: Template,
    values: Mapping[str, str],
    before: Mapping[str, str] | None,
    prices: Prices,
    region: str,
    accept_cost: bool,
    tell: Callable[[str], Any],
) -> None:
    """Stop before what is paid by the hour, unless that was accepted or is there already.

    Parameters
    ----------
    template : Template
    values : mapping of str to str
        Parameters of the stack that is to be.
    before : mapping of str to str or None
        Those of the stack that is there, if one is.
    prices, region
        As of :func:`stack_cost`.
    accept_cost : bool
        Whether the user has said so.
    tell : callable
        Gets the estimate.

    Raises
    ------
    CostNotAcceptedError
        If it was not: nothing has been made.
    """
    names = ("CreateSageMakerNotebookInstance", "NotebookInstanceType")
    if values[names[0]] != "true":
        return
    if before is not None and all(before.get(name) == values[name] for name in names):
        return
    accept(prices.instances("notebook", values[names[1]], 1, region), accept_cost, tell)


def _money(price: float | None) -> str:
    return "?" if price is None else f"{price:,.2f}"
