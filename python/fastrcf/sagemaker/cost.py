"""What a thing will cost, said before it is made, and made only if that is accepted."""

from __future__ import annotations

import difflib
import json
import os
import sys
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker.errors import CostNotAcceptedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# A file of the user's own in place of the one in the package.
VARIABLE = "FASTRCF_PRICES"


@dataclass(frozen=True)
class Prices:
    """A dated table of prices.

    Attributes
    ----------
    as_of : str
        The day that the table is of.
    region, currency : str
        Where and in what the prices are.
    instance_hours : mapping of str to float
        Price of an hour by instance type.
    serverless_gb_seconds : float
        Price of a second of serverless inference with one gigabyte.
    lambda_gb_seconds, lambda_requests : float or None
        Price of a second of a Lambda function with one gigabyte, and of a million of its
        calls; None where the table does not have it.
    stack : mapping of str to float
        What a stack of an API, its function and what watches them is paid by; names say
        for how much. May be empty.
    source : str
        Where the prices are from.
    """

    as_of: str
    region: str
    currency: str
    instance_hours: Mapping[str, float]
    serverless_gb_seconds: float
    lambda_gb_seconds: float | None = None
    lambda_requests: float | None = None
    stack: Mapping[str, float] = field(default_factory=dict)
    source: str = ""

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None) -> Prices:
        """Read a table.

        Parameters
        ----------
        path : path, optional
            A JSON file like ``prices.json`` in this package; default: the one that
            the variable FASTRCF_PRICES names, else that one.

        Raises
        ------
        InvalidParameterError
            If the file is not such a table.
        """
        chosen = path or os.environ.get(VARIABLE)
        data = (
            Path(chosen).read_bytes()
            if chosen
            else files("fastrcf.sagemaker").joinpath("prices.json").read_bytes()
        )
        try:
            table = json.loads(data, object_pairs_hook=_once)
            for name in table:
                near = difflib.get_close_matches(name, cls.__dataclass_fields__, 1, 0.8)
                if near and name != near[0]:
                    raise ValueError(f"{name!r} is not known; is {near[0]!r} meant?")
            return cls(
                as_of=str(table["as_of"]),
                region=str(table["region"]),
                currency=str(table["currency"]),
                instance_hours={str(k): _price(v) for k, v in table["instance_hours"].items()},
                serverless_gb_seconds=_price(table["serverless_gb_seconds"]),
                lambda_gb_seconds=_price_if_any(table.get("lambda_gb_seconds")),
                lambda_requests=_price_if_any(table.get("lambda_requests")),
                stack={str(k): _price(v) for k, v in table.get("stack", {}).items()},
                source=str(table.get("source", "")),
            )
        except KeyError as error:
            raise InvalidParameterError(
                f"{chosen}: no table of prices: {error} is missing"
            ) from None
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise InvalidParameterError(f"{chosen}: no table of prices: {error}") from None

    def instances(
        self,
        what: str,
        kind: str,
        n: int,
        region: str,
        hours: float | None = None,
        until: str = "it is deleted",
    ) -> Estimate:
        """Estimate what instances cost.

        Parameters
        ----------
        what : str
            What they are for.
        kind : str
            Instance type.
        n : int
            How many.
        region : str
            Where; prices of another region than the table's are a guess.
        hours : float, optional
            At most how long; None if that is not known.
        until : str, default "it is deleted"
            What ends them then.
        """
        price = self.instance_hours.get(kind)
        per_hour = None if price is None else price * n
        return Estimate(what, f"{n} x {kind}", per_hour, hours, self, region, until)

    def serverless(self, what: str, memory_mb: int, region: str) -> Estimate:
        """Estimate an hour of uninterrupted calls of a serverless endpoint; idle costs nothing."""
        per_hour = 3600 * self.serverless_gb_seconds * memory_mb / 1024
        text = f"serverless, {memory_mb} MB, for an hour of calls one after the other"
        return Estimate(what, text, per_hour, None, self, region)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} is there twice")
    return out


def _price(value: Any) -> float:
    price = float(value)
    if not 0 <= price < 1e9:
        raise ValueError(f"{value!r} is no price")
    return price


def _price_if_any(value: Any) -> float | None:
    return None if value is None else _price(value)


@dataclass(frozen=True)
class Estimate:
    """What something will cost.

    Attributes
    ----------
    what, of : str
        What it is, and what is paid for.
    per_hour : float or None
        Price of an hour; None where the table does not have it.
    hours : float or None
        At most how long; None if that is not known.
    prices : Prices
        The table.
    region : str
        Where it will be.
    until : str
        What ends it where no hours do.
    """

    what: str
    of: str
    per_hour: float | None
    hours: float | None
    prices: Prices
    region: str
    until: str = "it is deleted"

    @property
    def most(self) -> float | None:
        """The most it can cost; None where that is not known."""
        if self.per_hour is None or self.hours is None:
            return None
        return self.per_hour * self.hours

    def __str__(self) -> str:
        table = f"prices of {self.prices.as_of} for {self.prices.region}"
        if self.per_hour is None:
            return f"{self.what}: {self.of}: not in the {table}"
        each = f"{self.per_hour:.4g} {self.prices.currency} an hour"
        if self.most is None:
            text = f"{self.what}: {self.of}: about {each}, until {self.until}"
        else:
            text = (
                f"{self.what}: {self.of}: about {each}, at most {self.most:.4g} "
                f"{self.prices.currency} in {self.hours:.4g} hours"
            )
        other = "" if self.region == self.prices.region else f", {self.region} may differ"
        return f"{text} ({table}{other})"


def accept(
    estimate: Estimate, accept_cost: bool, tell: Callable[[str], Any] | None = None
) -> Estimate:
    """Say what something costs, and stop unless that was accepted.

    Parameters
    ----------
    estimate : Estimate
        What it costs.
    accept_cost : bool
        Whether the user has said so.
    tell : callable, optional
        Gets the estimate as text; default: standard error.

    Raises
    ------
    CostNotAcceptedError
        If it was not.
    """
    if accept_cost is not True:
        raise CostNotAcceptedError(
            f"{estimate}; nothing was created: accept_cost=True (--accept-cost) goes on"
        )
    if tell is None:
        print(estimate, file=sys.stderr)
    else:
        tell(str(estimate))
    return estimate
