"""RADIUS accounting: start, interim and stop packets, or tables with one row a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from fastrcf.telecom.codes import distinct, rat, split_plmn, terminate_cause
from fastrcf.telecom.quality import Reason
from fastrcf.telecom.records import first_of, later, parts
from fastrcf.telecom.schema import Service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrcf.telecom.records import Table

# What tells a customer, the best first. One of them holds for the whole table: a fleet whose
# SIMs had now the one and now the other would be two.
_CUSTOMER: Final = ("customer", "apn", "nas")
_WRAP: Final = 1 << 32
# Acct-Status-Type (RFC 2866, 5.1).
_STATUS: Final = {
    "1": "start", "start": "start", "2": "stop", "stop": "stop", "3": "interim",
    "interim-update": "interim", "interimupdate": "interim", "interim": "interim",
    "alive": "interim",
}  # fmt: skip


def parse(table: Table) -> pl.DataFrame:
    """Make records of packets.

    Input is what the device sent. Gigawords count the times that the octets began
    again at 2^32 (RFC 2869, 5.1); where a source has none, a counter that falls
    within a session began again.
    """
    rows = table.frame.height
    status = (
        distinct(table.text("status"), lambda v: _STATUS.get(v.lower(), "other"), pl.String)
        if table.has("status")
        else pl.Series(["stop"] * rows, dtype=pl.String)
    )
    seconds = table.number("duration_s")
    event = table.time("event_ts")
    end = first_of(table.time("end_ts"), event)
    start = first_of(table.time("start_ts"), later(end, -seconds), end)
    if not table.has("event_ts"):
        end = first_of(end, later(start, seconds))
    is_start = pl.lit(status) == "start"
    volumes = {}
    for side in ("up", "down"):
        octets, turns = table.whole(f"bytes_{side}"), table.whole(f"gigawords_{side}")
        turned = pl.when(turns.abs() < 1 << 20).then(turns).fill_null(0) * _WRAP
        # A start packet has counted nothing yet.
        counted = pl.when(is_start & pl.lit(octets).is_null()).then(0).otherwise(pl.lit(octets))
        volumes[f"bytes_{side}"] = counted + turned
    operator, cell = table.locations("location", flags=False)
    visited = pl.select(split_plmn(pl.lit(table.text("visited_plmn")))).to_series()
    home = pl.select(split_plmn(pl.lit(table.text("home_plmn")))).to_series()
    session = table.text("session_id")
    other = pl.lit(status).is_null() | (pl.lit(status) == "other")
    reason = (
        pl.when(other)
        .then(pl.lit(Reason.STATUS.value))
        .when(pl.lit(session).is_null())
        .then(pl.lit(Reason.NO_SESSION.value))
        .when(pl.lit(seconds) < 0)
        .then(pl.lit(Reason.NEGATIVE_DURATION.value))
    )
    return parts(
        rows,
        volumes
        | {
            "session_id": session,
            "sim_id": table.text("sim_id"),
            "device_id": table.text("device_id"),
            "start_ts": start,
            "end_ts": end,
            "service": pl.lit(Service.DATA.value),
            "apn": table.text("apn"),
            "rat": table.mapped("rat", rat),
            "visited_plmn": first_of(visited, operator),
            "home_plmn": first_of(home, table.home("sim_id")),
            "cell": cell,
            "end_cause": pl.when(pl.lit(status) == "stop").then(
                pl.lit(table.mapped("end_cause", terminate_cause))
            ),
            "customer": table.text(customer_role(table.found)),
            "sequence": pl.when(is_start).then(-1).otherwise(pl.lit(seconds)),
            "last": pl.lit(status) == "stop",
            "wraps": pl.lit(not table.has("gigawords_up")),
            "reason": reason,
        },
    )


def customer_role(found: Mapping[str, str]) -> str:
    """Name what tells the customers of a table: its own column, else the APN, else the NAS."""
    return next((role for role in _CUSTOMER if role in found), "customer")


def notes(found: Mapping[str, str]) -> list[str]:
    """Say what a reader of the records should know of columns that were not there."""
    role = customer_role(found)
    if role == "customer":
        return []
    return [
        f"customers are told by {found[role]!r}; name another column by --column customer=NAME, "
        "or a list by --sims"
    ]
