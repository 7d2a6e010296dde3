"""All features of a session record, in order; names are fixed."""

from __future__ import annotations

from typing import Final

from fastrcf.telecom import peer_features, rolling_features, row_features, sequence_features
from fastrcf.telecom.feature import Feature

#: Of a SIM's own records.
OWN: Final = (
    *row_features.FEATURES,
    *sequence_features.FEATURES,
    *rolling_features.FEATURES,
)
#: Of peers and places as well.
FEATURES: Final = (*OWN, *peer_features.FEATURES)
NAMES: Final = tuple(feature.name for feature in FEATURES)
OWN_NAMES: Final = tuple(feature.name for feature in OWN)


def catalogue() -> str:
    """Write the features as a Markdown table: name, unit, formula, meaning."""
    lines = ["| feature | unit | formula | what it is for |", "|---|---|---|---|"]
    group = ""
    for feature in FEATURES:
        if feature.group != group:
            group = feature.group
            lines.append(f"| **{group}** | | | |")
        cells = (f"`{feature.name}`", feature.unit, feature.formula, feature.meaning)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def chosen(names: list[str] | tuple[str, ...] | None, *, peers: bool) -> tuple[Feature, ...]:
    """Give the features of these names, in the catalogue's order; all without names.

    Raises
    ------
    InvalidParameterError
        If there is no such feature, or it needs peers and there are none.
    """
    from fastrcf.errors import InvalidParameterError

    there = FEATURES if peers else OWN
    if names is None:
        return there
    known = {feature.name for feature in there}
    for name in names:
        if name not in known:
            why = "needs peers" if name in NAMES else "is no feature"
            raise InvalidParameterError(f"features: {name!r} {why}")
    return tuple(feature for feature in there if feature.name in set(names))
