"""What is told of an alert and of a case, as typed values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Some:
    """Different names of one kind.

    Attributes
    ----------
    n : int
        How many there are.
    names : tuple of str
        The most frequent, up to :data:`MOST_NAMES`.
    """

    n: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Happened:
    """What a SIM did from the first to the last session of an alert.

    Attributes
    ----------
    since, until : datetime
        Start of the first and latest end of all of these sessions.
    sessions, zero_bytes, failed : int
        All sessions, those without a byte, and those that ended abnormally.
    bytes_up, bytes_down : int
        Sent and received by the device.
    duration_s, longest_s, overlap_s : float
        Seconds of all sessions, of the longest, and the most that one began before the end of one
        before it.
    sms_sent, sms_received : int
        Messages.
    cost : float or None
        As billed; None if no session says.
    distance_km, speed_kmh : float
        The farthest from cell to cell, and the fastest, from the session before on; 0 without
        places.
    networks, countries, devices, cells, end_causes : Some
        Countries are mobile country codes.
    new_networks, new_devices : int
        Those that the SIM had not had in the seven days before; 0 without such days.
    hours : tuple of int
        Hours of the day (UTC) in which sessions began.
    """

    since: datetime
    until: datetime
    sessions: int
    zero_bytes: int
    failed: int
    bytes_up: int
    bytes_down: int
    duration_s: float
    longest_s: float
    overlap_s: float
    sms_sent: int
    sms_received: int
    cost: float | None
    distance_km: float
    speed_kmh: float
    networks: Some
    countries: Some
    devices: Some
    cells: Some
    end_causes: Some
    new_networks: int
    new_devices: int
    hours: tuple[int, ...]

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return (self.until - self.since).total_seconds()

    @property
    def up_share(self) -> float | None:
        """Share of the bytes that were sent."""
        total = self.bytes_up + self.bytes_down
        return self.bytes_up / total if total else None


@dataclass(frozen=True)
class Usual:
    """What a SIM did in the seven days before an alert.

    Attributes
    ----------
    days : float
        For how long it was seen, at least 1: what rates divide by.
    sessions, bytes, bytes_up, sms_sent : float
        A day.
    sms_last_day : int
        Messages sent in the 24 hours before the alert.
    failed_share : float
        Of sessions that ended abnormally.
    up_share : float or None
        Share of bytes that were sent; None without bytes.
    networks, devices : Some
    hours : tuple of int
        Hours of the day (UTC) in which sessions began.
    """

    days: float
    sessions: float
    bytes: float
    bytes_up: float
    sms_sent: float
    sms_last_day: int
    failed_share: float
    up_share: float | None
    networks: Some
    devices: Some
    hours: tuple[int, ...]


@dataclass(frozen=True)
class Range:
    """Where values are: 5 % are below ``low``, half below ``middle``, 95 % below ``high``."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class FamilyUsual:
    """What is usual for a family: of its SIM-days in the training time.

    Attributes
    ----------
    family : str
    sims, sim_days : int
        SIMs, and days on which they had sessions.
    sessions, bytes, bytes_up, bytes_down, sms_sent : Range
        A SIM and day.
    """

    family: str
    sims: int
    sim_days: int
    sessions: Range
    bytes: Range
    bytes_up: Range
    bytes_down: Range
    sms_sent: Range


@dataclass(frozen=True)
class Silence:
    """How a SIM fell silent.

    Attributes
    ----------
    since, until : datetime
        The end of its last session, and up to when none came.
    usual_gap_s : float
        Its longest gap in the seven days before, or the least that counts.
    ratio : float
        How many times as long it has been quiet.
    fleet_sims, peers_quiet : int or None
        SIMs of its fleet, and those that were quiet for longer than usual with it.
    """

    since: datetime
    until: datetime
    usual_gap_s: float
    ratio: float
    fleet_sims: int | None
    peers_quiet: int | None


@dataclass(frozen=True)
class Story:
    """One alert for a person.

    Attributes
    ----------
    alert, case : int
    sim_id, kind : str
    customer, family, cell : str or None
    opened, last : datetime
    sessions : int
        Sessions above the threshold; 0 for a silent SIM.
    score : float or None
        The highest; None for a silent SIM.
    happened : Happened or None
        None for a silent SIM.
    usual : Usual or None
        None if the SIM was not seen before.
    family_usual : FamilyUsual or None
        None if the family was not seen in the training time.
    silence : Silence or None
        Of a silent SIM.
    headline : str
        One sentence.
    sentences : tuple of str
        A few more.
    """

    alert: int
    case: int
    sim_id: str
    kind: str
    customer: str | None
    family: str | None
    cell: str | None
    opened: datetime
    last: datetime
    sessions: int
    score: float | None
    happened: Happened | None
    usual: Usual | None
    family_usual: FamilyUsual | None
    silence: Silence | None
    headline: str = ""
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """Alerts of one fleet and kind that opened shortly after one another.

    Attributes
    ----------
    case : int
    kind : str
    customer, family : str or None
        None if they differ.
    stories : tuple of Story
        Of its alerts, the most important first.
    sims : int
    opened, last : datetime
    importance : float
        As :func:`cases` says.
    sentence : str
    """

    case: int
    kind: str
    customer: str | None
    family: str | None
    stories: tuple[Story, ...]
    sims: int
    opened: datetime
    last: datetime
    importance: float
    sentence: str
