"""What an alert probably is: rules over the reasons of its sessions.

A forest says which features made a session unusual, and how much each did. Every kind of fraud or
fault has features that it drives in one direction (:data:`SIGNS`); a kind's **support** is the
share of the score that its signs explain, each with its weight. Some sessions bear a mark of a
kind (:data:`MARKS`), which counts however small its part of the score is: a SIM abroad is no less
so if it also sends a lot. The kind with the most support names the alert. It is a word for who
looks first, not a proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fastrcf.detection import Reason


class Kind(StrEnum):
    """Kinds of fraud and faults; also the labels of generated sessions."""

    STOLEN_SIM = "stolen_sim"
    CLONE = "clone"
    BOTNET = "botnet"
    RECONNECT_STORM = "reconnect_storm"
    ROAMING_MISUSE = "roaming_misuse"
    SMS_PUMPING = "sms_pumping"
    EXFILTRATION = "exfiltration"
    SILENT_DEVICE = "silent_device"
    TARIFF_ABUSE = "tariff_abuse"
    #: None of them explains enough.
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Sign:
    """A feature that a kind drives.

    Parameters
    ----------
    feature : str
        Its name in the catalogue.
    direction : {"high", "low"}
        Which way.
    weight : float
        What its share counts: 1 for what many kinds do, 3 for what hardly another does.
    """

    feature: str
    direction: str
    weight: float


def _signs(**weights: float) -> tuple[Sign, ...]:
    """Write ``feature=3`` for high values, ``feature=-3`` for low ones."""
    return tuple(
        Sign(name, "high" if weight > 0 else "low", abs(weight)) for name, weight in weights.items()
    )


#: The signs of each kind; section "Kinds" of docs/telecom.md says why.
SIGNS: Final[Mapping[Kind, tuple[Sign, ...]]] = {
    Kind.STOLEN_SIM: _signs(
        device_new=3,
        devices_24h=2,
        device_changed=2,
        bytes_ratio_24h=1.5,
        bytes_ratio_1h=1,
        bytes_z=0.5,
        up_share=-1,
        log_bytes_down=1,
        apn_new=1,
    ),
    Kind.CLONE: _signs(
        log_overlap=2,
        overlap_s=2,
        log_speed=2,
        speed_kmh=2,
        distance_km=1,
        device_changed=0.5,
    ),
    Kind.BOTNET: _signs(
        sessions_ratio_1h=2,
        bytes_ratio_1h=1.5,
        bytes_z=1,
        up_share=1,
        log_bytes_up=1,
        short_share_24h=1,
        group_burst_share=2,
        sessions_ratio_24h=1,
        sessions_z=1,
        session_up_ratio=1,
    ),
    Kind.RECONNECT_STORM: _signs(
        zero_bytes=2,
        zero_share_24h=3,
        failed_share_24h=2.5,
        is_abnormal_end=2,
        sessions_z=1,
        sessions_1h=1,
        sessions_24h=1,
        sessions_ratio_1h=0.5,
        sessions_ratio_24h=0.5,
    ),
    Kind.ROAMING_MISUSE: _signs(
        plmn_fleet_new=4,
        plmn_new=3,
        plmn_fleet_share=-2,
        plmn_changed=1.5,
        country_changed=2,
        is_abroad=2,
        is_roaming=1,
        log_speed=1,
        log_cost=1.5,
    ),
    Kind.SMS_PUMPING: _signs(sms_mo_1h=3, sms_mo_24h=3, sms_mo_ratio_24h=3, is_message=2),
    Kind.EXFILTRATION: _signs(
        night_up_ratio_24h=3,
        log_night_up_24h=2.5,
        bytes_up_ratio_24h=2,
        session_way_ratio=1.5,
        session_up_ratio=1,
        hour_surprise_7d=0.5,
        bytes_z=1.5,
        sessions_z=1,
        up_share=1,
        is_night=1,
        night_share_7d=1.5,
    ),
    Kind.SILENT_DEVICE: _signs(gap_ratio=2.5, gap_s=2.5, log_gap=2, gap_z=2),
    Kind.TARIFF_ABUSE: _signs(
        concurrency_24h=3,
        bytes_z=2.5,
        log_overlap=1.75,
        log_duration=2,
        session_length_ratio=0.75,
        hour_entropy_7d=1.5,
        log_bytes_24h=1,
        log_bytes_7d=1.5,
        bytes_ratio_24h=0.5,
    ),
}


@dataclass(frozen=True)
class Mark:
    """What a session of a kind plainly is, and hardly any other.

    Parameters
    ----------
    feature : str
        Its name in the catalogue.
    direction : {"high", "low"}
        Which way it is beyond the bound.
    bound : float
        In the feature's unit.
    support : float
        What it counts, in shares of a score.
    """

    feature: str
    direction: str
    bound: float
    support: float


#: The mark of each kind that has one; section "Kinds" of docs/telecom.md says why.
MARKS: Final[Mapping[Kind, Mark]] = {
    # Four hundred kilometres an hour between two cells: no way by road or rail.
    Kind.CLONE: Mark("log_speed", "high", 6.0, 0.8),
    # A network that has less than one in a hundred of the fleet's sessions.
    Kind.ROAMING_MISUSE: Mark("plmn_fleet_share", "low", 0.01, 0.5),
    # A second device within a day.
    Kind.STOLEN_SIM: Mark("devices_24h", "high", 1.0, 0.3),
    # More than one session open all day long.
    Kind.TARIFF_ABUSE: Mark("concurrency_24h", "high", 1.0, 0.5),
}

#: Kinds whose sessions send or move more than usual: on one SIM a leak or an abuse.
SENDING: Final = frozenset({Kind.EXFILTRATION, Kind.TARIFF_ABUSE, Kind.BOTNET})
#: SIMs of one fleet that begin to do so together and are a botnet.
CROWD: Final = 5

_SENDING_NAMES: Final = tuple(sorted(SENDING))

#: Support below which an alert has no name.
LEAST_SUPPORT: Final = 0.15

_BY_FEATURE: Final = {
    feature: tuple(
        (kind, sign) for kind, signs in SIGNS.items() for sign in signs if sign.feature == feature
    )
    for feature in {sign.feature for signs in SIGNS.values() for sign in signs}
}


def alike(column: str) -> pl.Expr:
    """Give kinds one name where the first session of an alert cannot tell them apart."""
    return pl.when(pl.col(column).is_in(_SENDING_NAMES)).then(pl.lit("sending")).otherwise(column)


def support(
    reasons: Iterable[Reason], features: Mapping[str, float | None] | None = None
) -> dict[Kind, float]:
    """Tell how much of a score each kind explains.

    Parameters
    ----------
    reasons : iterable of Reason
        Of one session.
    features : mapping of str to float, optional
        Its features, or some, for marks.

    Returns
    -------
    dict of Kind to float
        Sums of shares times weights, and of marks; at least 0.
    """
    total = dict.fromkeys(SIGNS, 0.0)
    for reason in reasons:
        for kind, sign in _BY_FEATURE.get(reason.column, ()):
            if sign.direction == reason.direction:
                total[kind] += sign.weight * reason.share
    for kind, mark in MARKS.items():
        value = (features or {}).get(mark.feature)
        if value is not None and (
            value > mark.bound if mark.direction == "high" else value < mark.bound
        ):
            total[kind] += mark.support
    return total


def name(
    sessions: Iterable[Iterable[Reason]],
    features: Iterable[Mapping[str, float | None]] = (),
) -> tuple[Kind, dict[Kind, float]]:
    """Name an alert by its sessions.

    Parameters
    ----------
    sessions : iterable
        The reasons of each session.
    features : iterable of mapping, optional
        The features of each; without them marks do not count.

    Returns
    -------
    Kind
        The one with the most support; ``UNKNOWN`` below :data:`LEAST_SUPPORT`.
    dict of Kind to float
        The mean support of each.
    """
    each = [support(why, row) for why, row in zip_longest(sessions, features)]
    if not each:
        return Kind.UNKNOWN, {}
    mean = {kind: sum(one[kind] for one in each) / len(each) for kind in SIGNS}
    best = max(mean, key=lambda kind: mean[kind])
    return (best if mean[best] >= LEAST_SUPPORT else Kind.UNKNOWN), mean


def marked(features: pl.DataFrame) -> Iterator[dict[str, float | None]]:
    """Give of each session the features that marks are of, those that are there."""
    names = [mark.feature for mark in MARKS.values() if mark.feature in features.columns]
    if not names:
        return ({} for _ in range(len(features)))
    return features.select(names).iter_rows(named=True)
