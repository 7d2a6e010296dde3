"""The session record: what every part of the telecom application reads and writes.

A record is one data session of a SIM, or one message that it sent or received, as an operator's
accounting closes it. Loaders bring what operators have to this form (``aliases.py``), the
generator writes it, features are computed from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    import pyarrow as pa


class Service(StrEnum):
    """What a record accounts for."""

    DATA = "data"
    SMS = "sms"
    VOICE = "voice"


class EndCause(StrEnum):
    """Why a session ended, whatever an operator calls it (RADIUS: Acct-Terminate-Cause)."""

    NORMAL = "normal"
    IDLE_TIMEOUT = "idle_timeout"
    SESSION_TIMEOUT = "session_timeout"
    LOST_CARRIER = "lost_carrier"
    LOST_SERVICE = "lost_service"
    ERROR = "error"
    ADMIN = "admin"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


#: Ends that a healthy device seldom has.
ABNORMAL: Final = (
    EndCause.LOST_CARRIER,
    EndCause.LOST_SERVICE,
    EndCause.ERROR,
    EndCause.REJECTED,
)


class Rat(StrEnum):
    """Radio access technologies."""

    GSM = "GSM"
    UMTS = "UMTS"
    LTE = "LTE"
    LTE_M = "LTE-M"
    NB_IOT = "NB-IoT"
    NR = "NR"
    WIFI = "WiFi"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Column:
    """One column of the session record.

    Parameters
    ----------
    name : str
        Its name.
    dtype : polars data type
        Its type.
    unit : str
        Its unit; empty for names and categories.
    meaning : str
        What it holds.
    required : bool
        Whether a record without it is refused. Other columns may be null or absent.
    personal : bool
        Whether it names a person, a SIM or a device; hashed with a key on load.
    """

    name: str
    dtype: pl.DataType
    unit: str
    meaning: str
    required: bool = False
    personal: bool = False


_TIME = pl.Datetime("us", "UTC")
_NAME = pl.Categorical()

#: The canonical session record, in order.
COLUMNS: Final = (
    Column("session_id", pl.String(), "", "one name for each session", required=True),
    Column("sim_id", pl.String(), "", "the SIM (IMSI or ICCID)", required=True, personal=True),
    Column("device_id", pl.String(), "", "the device (IMEI or IMEISV)", personal=True),
    Column("start_ts", _TIME, "UTC", "when the session began", required=True),
    Column("end_ts", _TIME, "UTC", "when it ended; start_ts for a message", required=True),
    Column("duration_s", pl.Float64(), "s", "end_ts - start_ts", required=True),
    Column("service", _NAME, "", "data, sms or voice", required=True),
    Column("bytes_up", pl.Int64(), "bytes", "sent by the device", required=True),
    Column("bytes_down", pl.Int64(), "bytes", "received by the device", required=True),
    Column("sms_mo", pl.Int32(), "messages", "sent by the device"),
    Column("sms_mt", pl.Int32(), "messages", "received by the device"),
    Column("apn", _NAME, "", "access point name"),
    Column("rat", _NAME, "", "radio access technology"),
    Column("visited_plmn", _NAME, "", "network in use: MCC-MNC, both as text"),
    Column("home_plmn", _NAME, "", "network of the SIM: MCC-MNC, both as text"),
    Column("cell", _NAME, "", "cell in use: MCC-MNC-area-cell"),
    Column("cell_lat", pl.Float64(), "degrees", "latitude of the cell, WGS 84"),
    Column("cell_lon", pl.Float64(), "degrees", "longitude of the cell, WGS 84"),
    Column("end_cause", _NAME, "", "why the session ended"),
    Column("tariff", _NAME, "", "tariff or rate zone"),
    Column("cost", pl.Float64(), "currency", "what the session cost, as the operator bills it"),
    Column("customer", _NAME, "", "whose SIM it is: the fleet"),
    Column("family", _NAME, "", "what the device is: meter, tracker, ..."),
    Column("firmware", _NAME, "", "version of the device's software"),
)

#: What only generated records have; no feature looks at it.
TRUTH: Final = (
    Column("label", _NAME, "", "kind of the incident that the session is part of; null for none"),
    Column("incident", pl.Int32(), "", "number of that incident; null for none"),
)

NAMES: Final = tuple(column.name for column in COLUMNS)
REQUIRED: Final = tuple(column.name for column in COLUMNS if column.required)
PERSONAL: Final = tuple(column.name for column in COLUMNS if column.personal)


def polars_schema(*, truth: bool = False) -> pl.Schema:
    """Return the record as a Polars schema.

    Parameters
    ----------
    truth : bool
        With the columns of generated records.
    """
    columns = (*COLUMNS, *TRUTH) if truth else COLUMNS
    return pl.Schema({column.name: column.dtype for column in columns})


def arrow_schema(*, truth: bool = False) -> pa.Schema:
    """Return the record as an Arrow schema, as files hold it: categories are dictionaries."""
    import pyarrow as pa

    types = {
        pl.String(): pa.string(),
        _TIME: pa.timestamp("us", "UTC"),
        _NAME: pa.dictionary(pa.int32(), pa.string()),
        pl.Int32(): pa.int32(),
        pl.Int64(): pa.int64(),
        pl.Float64(): pa.float64(),
    }
    columns = (*COLUMNS, *TRUTH) if truth else COLUMNS
    return pa.schema([pa.field(c.name, types[c.dtype], nullable=not c.required) for c in columns])
