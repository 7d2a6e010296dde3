"""What has to be found and read for some features, so that nothing else is.

Features are formulas over facts, and facts are found in columns. Who asks for few features should
not pay for all facts, nor send columns that none of them looks at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastrcf.telecom.feature import WINDOWS
from fastrcf.telecom.timeline import KEYS, NEEDED, READ
from fastrcf.telecom.windows import CHANGED, DISTINCT, NEW

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fastrcf.telecom.feature import Feature

_VOLUME: Final = ("bytes_up", "bytes_down")
_FILLED: Final = ("service", *_VOLUME)
_NETWORKS: Final = ("visited_plmn", "home_plmn")
_PLACES: Final = ("cell_lat", "cell_lon")
#: Where facts come from, beside the names and times of records. A sum over a window comes from
#: where its amount does.
_FOUND_IN: Final[dict[str, Sequence[str]]] = {
    "bytes_up": ("bytes_up",),
    "bytes_down": ("bytes_down",),
    "bytes": _VOLUME,
    "night_up": ("bytes_up",),
    "is_sms": ("service",),
    "is_voice": ("service",),
    "short": ("service",),
    "overlap_ms": ("service",),
    "empty": _FILLED,
    "filled": _FILLED,
    "steps_up": _FILLED,
    "steps_down": _FILLED,
    "steps_ms": _FILLED,
    "sms_mo": ("sms_mo",),
    "sms_mt": ("sms_mt",),
    "failed": ("end_cause",),
    "cost": ("cost",),
    "roaming": _NETWORKS,
    "abroad": _NETWORKS,
    "country_changed": ("visited_plmn",),
    **{f"{name}_changed": (column,) for name, column in CHANGED.items()},
    **{f"{name}_new": (column,) for name, column in NEW.items()},
    **{counted: (column,) for counted, column in DISTINCT.items()},
    "distance_km": _PLACES,
    **dict.fromkeys(
        ("plmn_records", "plmn_days", "has_plmn", "customer_records"), ("customer", "visited_plmn")
    ),
}
#: The same of facts that are looked up, by the first word of their names.
_LOOKED_UP_BY: Final = {"cell": ("cell",), "operator": ("visited_plmn", "rat")}
_OF_PEERS: Final = ("peer", "group")


def facts(features: Iterable[Feature]) -> frozenset[str]:
    """Name the facts that formulas are written over."""
    return frozenset[str]().union(*(feature.facts for feature in features))


def columns(
    features: Iterable[Feature], group: Sequence[str], keep: Sequence[str] = KEYS
) -> tuple[str, ...]:
    """Name the columns of records that features are found in, in the order of the schema.

    Parameters
    ----------
    features : iterable of Feature
    group : sequence of str
        Columns that make a group of peers.
    keep : sequence of str
        Columns that are passed on.
    """
    found = {*NEEDED, *keep}
    for fact in facts(features):
        found.update(_columns_of(fact, group))
    return tuple(name for name in dict.fromkeys([*READ, *keep]) if name in found)


def _columns_of(fact: str, group: Sequence[str]) -> Sequence[str]:
    amount, _, last = fact.rpartition("_")
    known = _FOUND_IN.get(amount if last in WINDOWS else fact)
    if known is not None:
        return known
    first = fact.partition("_")[0]
    return group if first in _OF_PEERS else _LOOKED_UP_BY.get(first, ())
