"""Numbers and values as people read them."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Any

# Longer texts of data are cut: a report is not the place to read them.
_LONGEST = 120


def number(x: float) -> str:
    """Write a number with about four digits that count."""
    magnitude = abs(x)
    if magnitude >= 1e15 or 0 < magnitude < 1e-4:
        return f"{x:.3e}"
    if magnitude >= 1000:
        return f"{x:,.0f}"
    digits = 6 if magnitude < 0.01 else 4
    for least, fewer in ((1.0, 3), (10.0, 2), (100.0, 1)):
        if magnitude >= least:
            digits = fewer
    text = f"{x:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def share(x: float) -> str:
    """Write a share in percent."""
    percent = 100.0 * x
    if percent == 0 or percent >= 0.995:
        return f"{percent:.1f}".removesuffix(".0") + " %"
    return f"{percent:.2g} %" if percent >= 1e-4 else f"{percent:.0e} %"


def counted(n: int, one: str, many: str | None = None) -> str:
    """Write how many of something there are."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def listed(names: list[str], most: int = 6) -> str:
    """Write some names, and how many more there are."""
    shown = ", ".join(plain(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def value(x: Any) -> str:
    """Write any value of a table."""
    if x is None:
        return ""
    if isinstance(x, bool):
        return "true" if x else "false"
    if isinstance(x, float):
        # Whole in a table: an identifier is not to be rounded.
        return str(int(x)) if x.is_integer() and abs(x) < 1e15 else f"{x:.10g}"
    return plain(str(x))


def plain(text: str) -> str:
    """Make text of data fit to be shown: no control characters, not too long.

    Characters that turn the direction of what follows could make a value look
    like another one.
    """
    shown = "".join("\ufffd" if _is_hidden(c) else c for c in text[: _LONGEST + 1])
    return shown if len(text) <= _LONGEST else shown[:_LONGEST] + "…"


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn")


def moment(microseconds: float) -> str:
    """Write a moment given in microseconds since 1970."""
    try:
        when = datetime.fromtimestamp(microseconds / 1e6, tz=UTC)
    except (OverflowError, ValueError, OSError):
        return number(microseconds)
    return when.strftime("%Y-%m-%d %H:%M:%S").removesuffix(" 00:00:00")
