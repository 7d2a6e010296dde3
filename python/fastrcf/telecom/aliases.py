"""Which columns of what operators have become the session record.

Names are compared without regard to case and to ``-``, ``_``, ``.`` and spaces, so
``Acct-Session-Id``, ``acct_session_id`` and ``AcctSessionId`` are one.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from fastrcf.errors import InvalidInputError
from fastrcf.telecom.schema import COLUMNS, TRUTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: How the records of one session are joined: their volumes added, the latest
#: counter taken, or not at all.
Joining = Literal["sum", "latest", "none"]


@dataclass(frozen=True)
class Field:
    """One value that a source has.

    Parameters
    ----------
    role : str
        What it is here: a canonical column, or something that one is made of.
    names : tuple of str
        What sources call it; the first that a table has is taken.
    meaning : str
        Its unit and how it becomes what the record holds.
    """

    role: str
    names: tuple[str, ...]
    meaning: str = ""


@dataclass(frozen=True)
class SourceSchema:
    """What records of one kind look like.

    Parameters
    ----------
    name, title, reference : str
        Short name, full name, and where it is described.
    joining : Joining
        How the records of one session are joined.
    fields : tuple of Field
        What it has.
    needs : tuple of tuple of str
        Of each group one role at least must be there.
    marks : tuple of str
        Roles that tell it from other sources; all must be there to recognise it.
    positions : tuple of str
        Names of the columns where files have no line of names.
    common : tuple of str
        Roles that are of :data:`COMMON`: the record's own columns, which records of this kind
        do not have by themselves.
    option, parameter : str
        How a user names its columns, on the command line and in Python.
    """

    name: str
    title: str
    reference: str
    joining: Joining
    fields: tuple[Field, ...]
    needs: tuple[tuple[str, ...], ...]
    marks: tuple[str, ...]
    positions: tuple[str, ...] = field(default=())
    common: tuple[str, ...] = field(default=())
    option: str = "--column"
    parameter: str = "columns"

    @property
    def roles(self) -> tuple[str, ...]:
        """Names of its fields."""
        return tuple(part.role for part in self.fields)


RADIUS: Final = SourceSchema(
    "radius",
    "RADIUS accounting",
    "RFC 2866, RFC 2869, 3GPP TS 29.061",
    "latest",
    (
        Field("session_id", ("Acct-Session-Id", "acctsessionid", "3GPP-Charging-ID")),
        Field("status", ("Acct-Status-Type",), "Start, Interim-Update, Stop; or 1, 3, 2"),
        Field("sim_id", ("3GPP-IMSI", "imsi", "User-Name")),
        Field("device_id", ("3GPP-IMEISV", "imeisv", "imei")),
        Field("event_ts", ("Event-Timestamp", "timestamp"), "s since 1970 or text"),
        Field("start_ts", ("acctstarttime", "start_ts"), "of tables with one row a session"),
        Field("end_ts", ("acctstoptime", "end_ts"), "of tables with one row a session"),
        Field("duration_s", ("Acct-Session-Time",), "s; tells the start where none was seen"),
        Field("bytes_up", ("Acct-Input-Octets",), "bytes from the device, modulo 2^32"),
        Field("bytes_down", ("Acct-Output-Octets",), "bytes to the device, modulo 2^32"),
        Field("gigawords_up", ("Acct-Input-Gigawords",), "times 2^32 bytes are added"),
        Field("gigawords_down", ("Acct-Output-Gigawords",), "times 2^32 bytes are added"),
        Field("apn", ("Called-Station-Id", "apn")),
        Field("rat", ("3GPP-RAT-Type",), "number of TS 29.061 or its name"),
        Field("visited_plmn", ("3GPP-SGSN-MCC-MNC", "3GPP-SGSN-MCCMNC"), "MCC and MNC"),
        Field("home_plmn", ("3GPP-IMSI-MCC-MNC", "3GPP-GGSN-MCC-MNC"), "else from the IMSI"),
        Field("location", ("3GPP-User-Location-Info", "3GPP-Location-Info"), "hexadecimal"),
        Field("end_cause", ("Acct-Terminate-Cause",), "number or name of RFC 2866"),
        Field("customer", ("customer", "organisation"), "else the APN, else the NAS"),
        Field("nas", ("NAS-Identifier",), "the customer, where nothing else tells it"),
    ),
    (("session_id",), ("sim_id",), ("status", "start_ts"), ("event_ts", "start_ts"),
     ("bytes_up",), ("bytes_down",)),
    ("session_id", "bytes_up"),
)  # fmt: skip

PGW: Final = SourceSchema(
    "pgw",
    "PGW-CDR table",
    "3GPP TS 32.298; the tables of operators",
    "sum",
    (
        Field("session_id", ("chargingID", "charging_id", "pGWchargingID"), "one per bearer"),
        Field("sim_id", ("servedIMSI", "served_imsi", "imsi")),
        Field("device_id", ("servedIMEISV", "servedIMEI", "imeisv", "imei")),
        Field("start_ts", ("START_TIME", "startTime", "recordOpeningTime")),
        Field("end_ts", ("STOP_TIME", "stopTime", "end_time"), "else start and duration"),
        Field("duration_s", ("DURATION_SEC", "duration"), "s"),
        Field(
            "sequence", ("recordSequenceNumber", "sequence_number", "localSequenceNumber"),
            "number of a partial record",
        ),
        Field("bytes_up", ("UPLINK_BYTES", "dataVolumeGPRSUplink", "datavolumeFBCUplink",
                           "volume_uplink"), "bytes of this partial record"),
        Field("bytes_down", ("DOWNLINK_BYTES", "dataVolumeGPRSDownlink",
                             "datavolumeFBCDownlink", "volume_downlink"), "bytes, as above"),
        Field("apn", ("APN_ID", "accessPointNameNI", "apn")),
        Field("rat", ("RAT_TYPE", "rATType"), "number of TS 29.274"),
        Field("mcc", ("ULI_MCC", "mcc")),
        Field("mnc", ("ULI_MNC", "mnc")),
        Field("visited_plmn", ("servingNodePLMNIdentifier", "visited_plmn"), "MCC and MNC"),
        Field("location", ("userLocationInformation", "uli"), "hexadecimal, TS 29.274"),
        Field("end_cause", ("CAUSE_FOR_CLOSING", "causeForRecClosing"), "TS 32.298"),
        Field("tariff", ("ratingGroup", "rating_group", "tariff")),
        Field("customer", ("customer", "account", "enterprise")),
    ),
    (("sim_id",), ("start_ts",), ("end_ts", "duration_s"), ("bytes_up",), ("bytes_down",)),
    ("sim_id", "bytes_up"),
)  # fmt: skip

ONCE: Final = SourceSchema(
    "1nce",
    "1NCE usage records",
    "1NCE Data Streamer, usage records of platform 1.0 and 2.0",
    "sum",
    (
        Field("session_id", ("ipcan_session_id", "session_id", "pdp_context_id"),
              "new and old name; without it each record stands alone"),
        Field("sequence", ("id",), "one per record: the same again is a repeat"),
        Field("sim_id", ("sim_id", "sim.id", "sim.iccid", "imsi", "imsi_id")),
        Field("imsi", ("imsi", "imsi.imsi"), "for the home network"),
        Field("device_id", ("endpoint_imei", "endpoint.imei")),
        Field("start_ts", ("start_timestamp",), "ISO 8601"),
        Field("end_ts", ("end_timestamp",), "ISO 8601"),
        Field("bytes_up", ("volume_tx", "volume.tx"), "bytes, or MB: see volume_unit"),
        Field("bytes_down", ("volume_rx", "volume.rx"), "as volume_tx"),
        Field("traffic", ("traffic_type_id", "traffic_type.id"), "5 data, 6 messages"),
        Field("apn", ("apn", "pdp_context.apn")),
        Field("rat", ("rat_type", "rat_type.id", "rat_type.description"), "platform 2.0"),
        Field("mcc", ("operator.country.mcc", "operator_country_mcc", "operator_mcc"),
              "not operator_country_id, which is the platform's own number of a country"),
        Field("mnc", ("operator_mnc", "operator.mnc")),
        Field("tariff", ("tariff_ratezone_id", "tariff.ratezone.id", "tariff_id", "tariff.id")),
        Field("cost", ("cost",), "EUR"),
        Field("customer", ("customer", "organisation_id", "organisation.id")),
        Field("family", ("family", "endpoint_tags", "endpoint.tags")),
    ),
    (("sim_id",), ("start_ts",), ("end_ts",), ("bytes_up",), ("bytes_down",)),
    ("start_ts", "end_ts", "bytes_up"),
)  # fmt: skip

TWILIO: Final = SourceSchema(
    "twilio",
    "Twilio DataSession",
    "Twilio Wireless, DataSession resource",
    "none",
    (
        Field("session_id", ("sid",)),
        Field("sim_id", ("sim_sid",)),
        Field("device_id", ("imei",)),
        Field("start_ts", ("start",), "ISO 8601, GMT"),
        Field("end_ts", ("end",), "ISO 8601, GMT; empty while the session lasts"),
        Field("updated_ts", ("last_updated",), "end of what is known of a lasting session"),
        Field("bytes_up", ("packets_uploaded",), "packets of volume, see below"),
        Field("bytes_down", ("packets_downloaded",), "as packets_uploaded"),
        Field("rat", ("radio_link",)),
        Field("mcc", ("operator_mcc",)),
        Field("mnc", ("operator_mnc",)),
        Field("cell_id", ("cell_id",)),
        Field("cell_lat", ("cell_location_estimate.lat", "cell_lat")),
        Field("cell_lon", ("cell_location_estimate.lon", "cell_location_estimate.lng",
                           "cell_lon")),
        Field("customer", ("customer", "account_sid")),
    ),
    (("session_id",), ("sim_id",), ("start_ts",), ("end_ts",), ("bytes_up",),
     ("bytes_down",)),
    ("session_id", "sim_id", "bytes_up"),
)  # fmt: skip

ULTIROAM: Final = SourceSchema(
    "ultiroam",
    "Ultiroam data log",
    "Ultiroam, CDR Data: 16 fields between semicolons, no line of names",
    "none",
    (
        Field("date", ("date",), "local date of the start, DD-MM-YYYY"),
        Field("time", ("time",), "local time of the start"),
        Field("customer", ("customer", "gsm_port", "port"), "the port that the SIM is in"),
        Field("apn", ("apn",)),
        Field("error", ("error_code", "error"), "CME error of the module; 0 for none"),
        Field("bytes_up", ("upload_volume", "upload"), "bytes"),
        Field("bytes_down", ("download_volume", "download"), "bytes"),
        Field("duration_s", ("duration",), "s"),
        Field("sim_id", ("iccid", "imsi")),
        Field("visited_plmn", ("plmn",), "MCC and MNC"),
        Field("area", ("lac",)),
        Field("cell_id", ("celid", "cell_id", "cellid")),
        Field("rat", ("network",), "band: GSM900, WCDMA2100, LTEB20"),
        Field("imsi", ("imsi",), "for the home network"),
    ),
    (("date",), ("time",), ("duration_s",), ("sim_id",), ("bytes_up",), ("bytes_down",)),
    ("date", "time", "bytes_up", "sim_id"),
    (
        "date", "time", "gsm_port", "apn", "ip_address", "error_code", "upload_volume",
        "download_volume", "duration", "iccid", "reserved", "plmn", "lac", "celid", "network",
        "imsi",
    ),
)  # fmt: skip

CANONICAL: Final = SourceSchema(
    "canonical",
    "the session record itself",
    "fastrcf.telecom.schema",
    "none",
    tuple(Field(c.name, (c.name,), c.meaning) for c in (*COLUMNS, *TRUTH)),
    (("sim_id",), ("start_ts",), ("end_ts", "duration_s"), ("bytes_up",), ("bytes_down",)),
    ("sim_id", "start_ts", "bytes_up", "bytes_down"),
)

#: Columns of the record that tables may have whatever kind they are, mostly because an operator
#: joined them. A source that has one by itself names it above.
COMMON: Final = (
    Field("device_id", ("device_id", "imei", "imeisv")),
    Field("sms_mo", ("sms_mo",), "messages that the device sent"),
    Field("sms_mt", ("sms_mt",), "messages to the device"),
    Field("apn", ("apn",)),
    Field("visited_plmn", ("visited_plmn", "plmn"), "MCC and MNC"),
    Field("home_plmn", ("home_plmn",), "MCC and MNC; else from the IMSI"),
    Field("cell", ("cell",), "MCC-MNC-area-cell, or the cell in the visited network"),
    Field("cell_lat", ("cell_lat", "cell_latitude"), "degrees"),
    Field("cell_lon", ("cell_lon", "cell_longitude", "cell_lng"), "degrees"),
    Field("end_cause", ("end_cause",), "a name of fastrcf.telecom.schema.EndCause"),
    Field("tariff", ("tariff", "tariff_plan", "rate_plan", "rate_plan_sid")),
    Field("cost", ("cost",), "currency"),
    Field("customer", ("customer", "fleet")),
    Field("family", ("family", "device_family", "device_type")),
    Field("firmware", ("firmware", "firmware_version", "fw_version", "software_version")),
)


def _whole(schema: SourceSchema) -> SourceSchema:
    """Add the columns of the record that a source does not have by itself."""
    extra = tuple(part for part in COMMON if part.role not in schema.roles)
    common = tuple(part.role for part in extra)
    return replace(schema, fields=(*schema.fields, *extra), common=common)


#: In order of recognition where two fit equally.
SOURCES: Final = {
    schema.name: _whole(schema) for schema in (CANONICAL, RADIUS, PGW, ONCE, TWILIO, ULTIROAM)
}


def plain(name: str) -> str:
    """Write a name as names are compared."""
    return re.sub(r"[-_.\s]", "", name).lower()


def resolve(
    schema: SourceSchema, columns: Iterable[str], given: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Find the table's column for each role that it has.

    Parameters
    ----------
    schema : SourceSchema
        The kind of records.
    columns : iterable of str
        The table's columns.
    given : mapping of str to str, optional
        Columns by role, which take precedence.

    Raises
    ------
    InvalidInputError
        If a given column or role does not exist.
    """
    present = list(columns)
    spelt: dict[str, str] = {}
    for column in present:
        spelt.setdefault(plain(column), column)
    found: dict[str, str] = {}
    for part in schema.fields:
        name = next((spelt[plain(n)] for n in part.names if plain(n) in spelt), None)
        if name is not None:
            found[part.role] = name
    for role, column in (given or {}).items():
        if role not in schema.roles:
            raise InvalidInputError(
                f"{schema.title} has no {role!r}{_near(role, schema.roles)}; it has "
                + ", ".join(schema.roles)
            )
        if plain(column) not in spelt:
            raise InvalidInputError(f"there is no column {column!r}{_near(column, present)}")
        found[role] = column if column in present else spelt[plain(column)]
    return found


def missing(schema: SourceSchema, found: Mapping[str, str]) -> list[tuple[str, ...]]:
    """List the groups of roles of which a table has none."""
    return [group for group in schema.needs if not any(role in found for role in group)]


def check(
    schema: SourceSchema, columns: Sequence[str], given: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Find the columns as :func:`resolve` does, and refuse a table that lacks some.

    Raises
    ------
    InvalidInputError
        Names what is missing, what it may be called, and the nearest columns.
    """
    found = resolve(schema, columns, given)
    lacking = missing(schema, found)
    if lacking:
        raise InvalidInputError(_lacking(schema, lacking, columns))
    return found


def recognise(columns: Sequence[str], given: Mapping[str, str] | None = None) -> SourceSchema:
    """Tell the kind of records by a table's columns.

    Raises
    ------
    InvalidInputError
        If none fits; says what the nearest one lacks.
    """
    scored = []
    for order, schema in enumerate(SOURCES.values()):
        usable = {r: c for r, c in (given or {}).items() if r in schema.roles}
        found = resolve(schema, columns, usable)
        fits = not missing(schema, found) and all(role in found for role in schema.marks)
        share = len(set(found.values())) / max(1, len(columns))
        lacks = len(missing(schema, found))
        scored.append((not fits, lacks if not fits else 0, -share, order, schema))
    best = min(scored, key=lambda item: item[:4])
    if best[0]:
        schema = best[4]
        usable = {r: c for r, c in (given or {}).items() if r in schema.roles}
        lacking = missing(schema, resolve(schema, columns, usable))
        raise InvalidInputError(
            "the columns fit none of "
            + ", ".join(SOURCES)
            + "; nearest: "
            + _lacking(schema, lacking, columns)
        )
    return best[4]


def _lacking(schema: SourceSchema, lacking: list[tuple[str, ...]], columns: Sequence[str]) -> str:
    names = {part.role: part.names for part in schema.fields}
    told = []
    for group in lacking:
        known = [name for role in group for name in names[role]]
        near = [column for name in known for column in _nearest(name, columns)]
        hint = f"; nearest here: {', '.join(dict.fromkeys(near))}" if near else ""
        told.append(f"{' or '.join(group)} (known as {', '.join(known)}{hint})")
    return (
        f"{schema.title} without {'; '.join(told)}. "
        f"Name columns by {schema.option} {lacking[0][0] if lacking else 'sim_id'}=MY_COLUMN "
        f"({schema.parameter}={{...}})"
    )


def _nearest(name: str, columns: Sequence[str]) -> list[str]:
    spelt = {plain(column): column for column in columns}
    near = difflib.get_close_matches(plain(name), spelt, n=2, cutoff=0.65)
    return [spelt[match] for match in near]


def _near(name: str, names: Sequence[str]) -> str:
    near = _nearest(name, names)
    return f" (near: {', '.join(near)})" if near else ""
