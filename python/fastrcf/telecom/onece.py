"""Usage records of 1NCE: at most one in 15 minutes, one at the close, one per message."""

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
    """Make records of usage records.

    Each holds what was used since the one before. In records of messages the volumes
    count messages: tx are those that the device sent.
    """
    traffic = pl.lit(table.text("traffic")).str.to_lowercase()
    is_sms = traffic.is_in(["6", "sms"]).fill_null(False)
    up, down = table.volume("bytes_up"), table.volume("bytes_down")
    sent, received = table.whole("bytes_up"), table.whole("bytes_down")
    start = table.time("start_ts")
    end = table.time("end_ts")
    cell_operator = pl.select(
        plmn(pl.lit(table.text("mcc")), pl.lit(table.text("mnc")))
    ).to_series()
    return parts(
        table.frame.height,
        {
            "session_id": table.text("session_id"),
            "sim_id": table.text("sim_id"),
            "device_id": table.text("device_id"),
            "start_ts": start,
            # A message has no length.
            "end_ts": pl.when(is_sms).then(pl.lit(start)).otherwise(pl.lit(end)),
            "service": pl.when(is_sms)
            .then(pl.lit(Service.SMS.value))
            .otherwise(pl.lit(Service.DATA.value)),
            "bytes_up": pl.when(is_sms).then(0).otherwise(pl.lit(up)),
            "bytes_down": pl.when(is_sms).then(0).otherwise(pl.lit(down)),
            "sms_mo": pl.when(is_sms).then(pl.lit(sent)),
            "sms_mt": pl.when(is_sms).then(pl.lit(received)),
            "apn": table.text("apn"),
            "rat": table.mapped("rat", rat),
            "visited_plmn": cell_operator,
            "home_plmn": first_of(table.home("imsi"), table.home("sim_id")),
            "tariff": table.text("tariff"),
            "cost": table.number("cost"),
            "customer": table.text("customer"),
            "family": table.text("family"),
            "sequence": table.whole("sequence"),
        },
    )


def notes(found: Mapping[str, str]) -> list[str]:
    """Say what a reader of the records should know of columns that were not there.

    Flat records tell the country by ``operator_country_id``, which is the platform's own number
    and not an MCC (ITU-T E.212). The platform's API resolves it (``GET /countries``) for its
    customers alone, so it is not guessed here.
    """
    if "visited_plmn" in found or {"mcc", "mnc"} <= found.keys():
        return []
    return [
        "the visited network (visited_plmn) is not known: no column has the country's MCC, and "
        "operator_country_id is the platform's own number; join the mcc that GET /countries of "
        "its API has for it, and name that by --column mcc=NAME"
    ]
