"""Amounts, times and names of sessions as people say them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_LONGEST = 48
_SIZES = ("B", "kB", "MB", "GB", "TB", "PB")


def volume(n_bytes: float) -> str:
    """Write bytes with a decimal unit, two or three digits."""
    size, unit = float(n_bytes), 0
    while size >= 999.5 and unit + 1 < len(_SIZES):
        size, unit = size / 1000, unit + 1
    return f"{amount(size) if unit else f'{size:.0f}'} {_SIZES[unit]}"


def amount(x: float) -> str:
    """Write a number with two or three digits that count."""
    if abs(x) >= 100:
        return f"{x:,.0f}"
    text = f"{x:.1f}" if abs(x) >= 1 else f"{x:.2g}"
    return text.removesuffix(".0")


def lasting(seconds: float) -> str:
    """Write a length of time in the unit that fits."""
    for unit, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= (1.5 if unit > 3_600 else 1.0) * unit:
            return counted(seconds / unit, name)
    return counted(seconds, "second")


def counted(n: float, one: str) -> str:
    """Write how many of something there are."""
    said = amount(n)
    return f"{said} {one}{'' if said == '1' else 's'}"


def name(text: str) -> str:
    """Write a name of the data: printable, not too long."""
    shown = "".join(c if c.isprintable() else "\ufffd" for c in text[: _LONGEST + 1])
    return shown if len(text) <= _LONGEST else shown[:_LONGEST] + "…"


def names(some: Sequence[str], n: int, most: int = 3) -> str:
    """Write a few of ``n`` names, and how many more there are."""
    shown = [name(one) for one in some[:most]]
    more = n - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def short(identifier: str) -> str:
    """Write the start of a hash: enough to tell SIMs apart in one page."""
    return name(identifier[:8])


def moment(when: datetime) -> str:
    """Write a moment in UTC to the minute."""
    return when.strftime("%a %d %b %H:%M")
