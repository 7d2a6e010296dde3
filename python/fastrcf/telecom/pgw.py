"""Tables of PGW-CDRs: partial records of a bearer, each with its own volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from fastrcf.telecom.codes import closing_cause, plmn, rat, split_plmn
from fastrcf.telecom.quality import Reason
from fastrcf.telecom.records import first_of, later, parts
from fastrcf.telecom.schema import Service

if TYPE_CHECKING:
    from fastrcf.telecom.records import Table


def parse(table: Table) -> pl.DataFrame:
    """Make records of the rows of a table.

    A cause for closing such as a limit of volume or time ends a record and not the
    bearer. Without a cause it is not known whether the bearer ended.
    """
    seconds = table.number("duration_s")
    start = table.time("start_ts")
    end = first_of(table.time("end_ts"), later(start, seconds))
    operator, cell = table.locations("location", flags=True)
    joined = pl.select(
        pl.coalesce(
            plmn(pl.lit(table.text("mcc")), pl.lit(table.text("mnc"))),
            split_plmn(pl.lit(table.text("visited_plmn"))),
        )
    ).to_series()
    code = table.text("end_cause")
    cause = table.mapped("end_cause", closing_cause)
    return parts(
        table.frame.height,
        {
            "session_id": table.text("session_id"),
            "sim_id": table.text("sim_id"),
            "device_id": table.text("device_id"),
            "start_ts": start,
            "end_ts": end,
            "service": pl.lit(Service.DATA.value),
            "bytes_up": table.volume("bytes_up"),
            "bytes_down": table.volume("bytes_down"),
            "apn": table.text("apn"),
            "rat": table.mapped("rat", rat),
            "visited_plmn": first_of(joined, operator),
            "home_plmn": table.home("sim_id"),
            "cell": cell,
            "end_cause": cause,
            "tariff": table.text("tariff"),
            "customer": table.text("customer"),
            "sequence": table.whole("sequence"),
            "last": pl.when(pl.lit(code).is_not_null()).then(pl.lit(cause).is_not_null()),
            "reason": pl.when(pl.lit(seconds) < 0).then(pl.lit(Reason.NEGATIVE_DURATION.value)),
        },
    )
