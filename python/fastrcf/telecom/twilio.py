"""Data sessions of Twilio Wireless: one object each, updated while it lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from fastrcf.telecom.codes import plmn, rat
from fastrcf.telecom.records import first_of, parts
from fastrcf.telecom.schema import Service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrcf.telecom.records import Table


def parse(table: Table) -> pl.DataFrame:
    """Make records of data sessions.

    A session without an end lasts; it ends, as far as is known, with its last update.
    """
    ended = table.time("end_ts")
    start = table.time("start_ts")
    operator = plmn(pl.lit(table.text("mcc")), pl.lit(table.text("mnc")))
    cell = pl.lit(table.text("cell_id"))
    lasting = pl.lit(table.text("end_ts")).is_null() if _is_text(table) else pl.lit(ended).is_null()
    updated = first_of(table.time("updated_ts"), start)
    return parts(
        table.frame.height,
        {
            "session_id": table.text("session_id"),
            "sim_id": table.text("sim_id"),
            "device_id": table.text("device_id"),
            "start_ts": start,
            "end_ts": pl.when(lasting).then(pl.lit(updated)).otherwise(pl.lit(ended)),
            "service": pl.lit(Service.DATA.value),
            "bytes_up": table.volume("bytes_up"),
            "bytes_down": table.volume("bytes_down"),
            "rat": table.mapped("rat", rat),
            "visited_plmn": operator,
            "cell": pl.when(operator.is_not_null())
            .then(pl.concat_str(operator, pl.lit("--"), cell))
            .otherwise(cell),
            "cell_lat": table.number("cell_lat"),
            "cell_lon": table.number("cell_lon"),
            "customer": table.text("customer"),
            "last": ~lasting,
        },
    )


def notes(found: Mapping[str, str]) -> list[str]:
    """Say what a reader of the records should know of their columns."""
    return ["volumes are those that the source calls packets"]


def _is_text(table: Table) -> bool:
    return table.raw("end_ts").dtype == pl.String
