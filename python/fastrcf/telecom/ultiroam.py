"""The data log of Ultiroam: a line for each session, with local date and time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from fastrcf.telecom.codes import rat, split_plmn
from fastrcf.telecom.quality import Reason
from fastrcf.telecom.records import first_of, later, parts
from fastrcf.telecom.schema import EndCause, Service

if TYPE_CHECKING:
    from fastrcf.telecom.records import Table


def parse(table: Table) -> pl.DataFrame:
    """Make records of lines. Any error of the module is an error of the session."""
    seconds = table.number("duration_s")
    local = pl.select(
        pl.concat_str(pl.lit(table.text("date")), pl.lit(" "), pl.lit(table.text("time")))
    ).to_series()
    start = table.clock.read(local.alias("date and time"))
    visited = pl.select(split_plmn(pl.lit(table.text("visited_plmn")))).to_series()
    error = pl.lit(table.text("error"))
    cell = pl.concat_str(
        pl.lit(visited), pl.lit("-"), pl.lit(table.text("area")).fill_null(""), pl.lit("-"),
        pl.lit(table.text("cell_id")),
    )  # fmt: skip
    return parts(
        table.frame.height,
        {
            "sim_id": table.text("sim_id"),
            "start_ts": start,
            "end_ts": later(start, seconds),
            "service": pl.lit(Service.DATA.value),
            "bytes_up": table.volume("bytes_up"),
            "bytes_down": table.volume("bytes_down"),
            "apn": table.text("apn"),
            "rat": table.mapped("rat", rat),
            "visited_plmn": visited,
            "home_plmn": first_of(table.home("imsi"), table.home("sim_id")),
            "cell": cell,
            "end_cause": pl.when(error.is_in(["0", "0.0"]))
            .then(pl.lit(EndCause.NORMAL.value))
            .when(error.is_not_null())
            .then(pl.lit(EndCause.ERROR.value)),
            "customer": table.text("customer"),
            "last": pl.lit(True),
            "reason": pl.when(pl.lit(seconds) < 0).then(pl.lit(Reason.NEGATIVE_DURATION.value)),
        },
    )
