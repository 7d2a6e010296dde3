"""What codes of networks stand for: operators, radio access, causes, locations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import polars as pl

from fastrcf.telecom.schema import EndCause, Rat

if TYPE_CHECKING:
    from collections.abc import Callable

#: Countries (MCC) whose networks (MNC) have three digits (ITU-T E.212 assignments).
THREE_DIGITS: Final = frozenset(
    (
        "302", "310", "311", "312", "313", "314", "316", "334", "342", "344", "346", "348",
        "352", "354", "356", "358", "360", "365", "366", "376", "708", "722", "732", "750",
    )
)  # fmt: skip
#: Countries with networks of both two and three digits: an IMSI alone does not tell.
MIXED_DIGITS: Final = frozenset(["315", "338", "350", "374", "405", "502", "710", "714"])

#: 3GPP-RAT-Type (TS 29.061) and RAT Type (TS 29.274).
RAT_NUMBERS: Final = {
    1: Rat.UMTS,
    2: Rat.GSM,
    3: Rat.WIFI,
    4: Rat.WIFI,
    5: Rat.UMTS,
    6: Rat.LTE,
    8: Rat.NB_IOT,
    9: Rat.LTE_M,
    10: Rat.NR,
    51: Rat.NR,
}
# In this order: LTE-M and NB-IoT are called LTE as well.
_RAT_WORDS: Final = (
    (r"NB-?IOT|CATNB|NB1|NB2", Rat.NB_IOT),
    (r"LTE-?M$|LTE-?M[^A-Z]|CATM|EMTC|LTE-?M1|CAT-M", Rat.LTE_M),
    (r"^NR|5G|NGRAN|NG-RAN", Rat.NR),
    (r"LTE|E-?UTRAN|4G", Rat.LTE),
    (r"WCDMA|UMTS|UTRAN|HSPA|HSDPA|3G", Rat.UMTS),
    (r"GSM|GERAN|GPRS|EDGE|2G", Rat.GSM),
    (r"WLAN|WI-?FI|GAN", Rat.WIFI),
)

#: Acct-Terminate-Cause (RFC 2866, 5.10).
TERMINATE_CAUSES: Final = {
    1: ("user request", EndCause.NORMAL),
    2: ("lost carrier", EndCause.LOST_CARRIER),
    3: ("lost service", EndCause.LOST_SERVICE),
    4: ("idle timeout", EndCause.IDLE_TIMEOUT),
    5: ("session timeout", EndCause.SESSION_TIMEOUT),
    6: ("admin reset", EndCause.ADMIN),
    7: ("admin reboot", EndCause.ADMIN),
    8: ("port error", EndCause.ERROR),
    9: ("nas error", EndCause.ERROR),
    10: ("nas request", EndCause.ADMIN),
    11: ("nas reboot", EndCause.ADMIN),
    12: ("port unneeded", EndCause.NORMAL),
    13: ("port preempted", EndCause.ADMIN),
    14: ("port suspended", EndCause.ADMIN),
    15: ("service unavailable", EndCause.REJECTED),
    16: ("callback", EndCause.NORMAL),
    17: ("user error", EndCause.ERROR),
    18: ("host request", EndCause.NORMAL),
}
_TERMINATE_WORDS: Final = {
    name.replace(" ", ""): cause for name, cause in TERMINATE_CAUSES.values()
} | {cause.value.replace("_", ""): cause for cause in EndCause}

#: CauseForRecClosing (TS 32.298) of records that end a bearer.
CLOSING_CAUSES: Final = {
    0: EndCause.NORMAL,
    4: EndCause.ERROR,
    5: EndCause.ADMIN,
    20: EndCause.ADMIN,
    52: EndCause.REJECTED,
}
_CLOSING_WORDS: Final = {
    "normalrelease": 0,
    "partialrecord": 1,
    "abnormalrelease": 4,
    "camelinitcallrelease": 5,
    "volumelimit": 16,
    "timelimit": 17,
    "servingnodechange": 18,
    "sgsnchange": 18,
    "maxchangecond": 19,
    "managementintervention": 20,
    "intrasgsnintersystemchange": 21,
    "ratchange": 22,
    "mstimezonechange": 23,
    "sgsnplmnidchange": 24,
    "unauthorizedrequestingnetwork": 52,
    "listofdownstreamnodechange": 59,
}


class Location(NamedTuple):
    """Where a session was: MCC-MNC, and MCC-MNC-area-cell."""

    plmn: str | None
    cell: str | None


def distinct(values: pl.Series, function: Callable[[str], Any], dtype: Any) -> pl.Series:
    """Map each value of a text column by a function that is called once per distinct value."""
    known = values.unique().drop_nulls()
    made = pl.Series([function(value) for value in known.to_list()], dtype=dtype)
    if not len(known):
        return pl.Series(values.name, [None] * len(values), dtype=dtype)
    return values.replace_strict(known, made, default=None, return_dtype=dtype)


def rat(value: str) -> str:
    """Name the radio access technology that a number or a word stands for.

    Parameters
    ----------
    value : str
        A number of TS 29.061 or TS 29.274, or a word such as ``"EUTRAN"``,
        ``"LTEB20"`` or ``"WCDMA2100"``.
    """
    text = value.strip().upper().replace("_", "-").replace(" ", "")
    if re.fullmatch(r"\d+(\.0+)?", text):
        return RAT_NUMBERS.get(int(float(text)), Rat.UNKNOWN).value
    for pattern, name in _RAT_WORDS:
        if re.search(pattern, text):
            return name.value
    return Rat.UNKNOWN.value


def terminate_cause(value: str) -> str:
    """Name the end that an Acct-Terminate-Cause stands for: its number or its name."""
    text = re.sub(r"[-_ ]", "", value.strip().lower())
    if text.isdecimal():
        return TERMINATE_CAUSES.get(int(text), ("", EndCause.UNKNOWN))[1].value
    return _TERMINATE_WORDS.get(text, EndCause.UNKNOWN).value


def closing_cause(value: str) -> str | None:
    """Name the end that a CauseForRecClosing stands for; None if the bearer goes on."""
    text = re.sub(r"[-_ ]", "", value.strip().lower())
    number = int(text) if text.isdecimal() else _CLOSING_WORDS.get(text)
    if number is None:
        return EndCause.UNKNOWN.value
    if number in CLOSING_CAUSES:
        return CLOSING_CAUSES[number].value
    # 1 and 16 to 24, 59: limits and changes that close a record and not the bearer.
    return None if number == 1 or 16 <= number <= 27 or number == 59 else EndCause.UNKNOWN.value


def plmn(mcc: pl.Expr, mnc: pl.Expr) -> pl.Expr:
    """Join a country and a network, both text: ``"262-01"``.

    A country is filled to three digits, a network of one digit to two: a reader
    may have taken the zeros away. What is no such number becomes null.
    """
    country = mcc.str.strip_chars().str.strip_suffix(".0").str.zfill(3)
    network = mnc.str.strip_chars().str.strip_suffix(".0").str.zfill(2)
    # A country where all networks have three digits had its zeros taken away.
    network = (
        pl.when(country.is_in(sorted(THREE_DIGITS))).then(network.str.zfill(3)).otherwise(network)
    )
    fits = country.str.contains(r"^[2-79]\d\d$") & network.str.contains(r"^\d{2,3}$")
    return pl.when(fits).then(pl.concat_str(country, pl.lit("-"), network))


def split_plmn(text: pl.Expr) -> pl.Expr:
    """Write ``"26201"``, ``"262-01"`` or ``"262 01"`` as ``"262-01"``; null if it is none."""
    digits = text.str.replace_all(r"[^0-9]", "")
    fits = digits.str.contains(r"^[2-79]\d{4,5}$")
    joined = pl.concat_str(digits.str.slice(0, 3), pl.lit("-"), digits.str.slice(3))
    return pl.when(fits).then(joined)


def home_plmn(imsi: pl.Expr, lengths: dict[str, int] | None = None) -> pl.Expr:
    """Tell the network of a SIM by the first digits of its IMSI.

    The digits of the network (MNC) are two or three. Where ``lengths`` names the
    country it decides; else three in the countries of :data:`THREE_DIGITS`,
    unknown (null) in those of :data:`MIXED_DIGITS`, and two in all others.

    Parameters
    ----------
    imsi : Expr
        Text. What is no IMSI (15 digits, or 14) gives null.
    lengths : dict of str to int, optional
        Digits of the MNC by MCC, for instance ``{"405": 3}``.
    """
    given = lengths or {}
    three = sorted((THREE_DIGITS - set(given)) | {m for m, n in given.items() if n == 3})
    unknown = sorted(MIXED_DIGITS - set(given))
    mcc = imsi.str.slice(0, 3)
    digits = pl.when(mcc.is_in(three)).then(3).otherwise(2)
    joined = pl.concat_str(mcc, pl.lit("-"), imsi.str.slice(3, digits))
    fits = imsi.str.contains(r"^[2-79]\d{13,14}$") & ~mcc.is_in(unknown)
    return pl.when(fits).then(joined)


def _bcd_plmn(octets: bytes) -> str | None:
    """Read three octets: MCC digits 2 and 1, MNC digit 3 and MCC digit 3, MNC 2 and 1."""
    nibbles = [n for octet in octets for n in (octet & 15, octet >> 4)]
    mcc, third, mnc = (nibbles[0], nibbles[1], nibbles[2]), nibbles[3], (nibbles[4], nibbles[5])
    digits = (*mcc, *mnc) if third == 15 else (*mcc, *mnc, third)
    if any(digit > 9 for digit in digits):
        return None
    return "".join(map(str, mcc)) + "-" + "".join(map(str, digits[3:]))


# Parts of a location in octets (TS 29.274, 8.21): area and cell behind the three of the PLMN.
_PARTS: Final = {
    "CGI": (2, 2),
    "SAI": (2, 2),
    "RAI": (2, 2),
    "TAI": (2, 0),
    "ECGI": (0, 4),
    "LAI": (2, 0),
    "NCGI": (0, 5),
    "TAI5": (3, 0),
}
# Geographic Location Type of TS 29.061, 16.4.7.2.
_TYPES: Final = {
    0: ("CGI",),
    1: ("SAI",),
    2: ("RAI",),
    128: ("TAI",),
    129: ("ECGI",),
    130: ("TAI", "ECGI"),
    135: ("NCGI",),
    136: ("TAI5",),
    137: ("TAI5", "NCGI"),
}
_FLAGS: Final = ("CGI", "SAI", "RAI", "TAI", "ECGI", "LAI")


def location(value: str, *, flags: bool = False) -> Location:
    """Decode a 3GPP-User-Location-Info that is written in hexadecimal digits.

    Parameters
    ----------
    value : str
        With or without ``0x`` in front.
    flags : bool
        Whether the first octet holds flags (TS 29.274, as in PGW-CDRs), and not
        a type (TS 29.061, as in RADIUS). Octets of 128 and more are types always.

    Returns
    -------
    Location
        Of nothing, where the text is none or is cut off.
    """
    text = value.strip().lower().removeprefix("0x")
    if not re.fullmatch(r"([0-9a-f]{2}){5,}", text):
        return Location(None, None)
    octets = bytes.fromhex(text)
    first = octets[0]
    if flags and first < 128:
        parts = tuple(name for bit, name in enumerate(_FLAGS) if first >> bit & 1)
    else:
        parts = _TYPES.get(first, ())
    operator: str | None = None
    area: int | None = None
    cell: int | None = None
    at = 1
    for name in parts:
        area_octets, cell_octets = _PARTS[name]
        end = at + 3 + area_octets + cell_octets
        if end > len(octets):
            return Location(None, None)
        operator = _bcd_plmn(octets[at : at + 3]) or operator
        if area_octets:
            area = int.from_bytes(octets[at + 3 : at + 3 + area_octets])
        if cell_octets and name != "RAI":
            number = int.from_bytes(octets[at + 3 + area_octets : end])
            # The highest four bits of ECGI and NCGI are spare.
            cell = number & ((1 << 28) - 1) if name == "ECGI" else number
            cell = number & ((1 << 36) - 1) if name == "NCGI" else cell
        at = end
    if operator is None:
        return Location(None, None)
    known = [None if part is None else str(part) for part in (area, cell)]
    full = None if cell is None else f"{operator}-{known[0] or ''}-{known[1]}"
    return Location(operator, full)
