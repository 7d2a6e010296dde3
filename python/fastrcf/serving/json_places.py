"""Which row and column of a body it is where JSON breaks off."""

from __future__ import annotations

import re

# Strings are walked through mark by mark: an expression for a whole one would take memory for
# each of its escapes.
_MARK = re.compile(rb'\\.|["\[\]{},]', re.DOTALL)
_BYTE = re.compile(r"\(byte (\d+)\)")
# No way to write a row has more brackets around its values.
_DEEPEST = 8
_LONGEST = len(b"instances")
# What comes before the place is walked through, in seconds that others wait.
_MOST_BYTES = 8 << 20


def broken_at(body: bytes, error: Exception, *, lines: bool) -> tuple[int | None, int | None]:
    """Give row and column, as far as they can be told.

    Parameters
    ----------
    body : bytes
        What is no JSON.
    error : Exception
        What msgspec says, which names the byte.
    lines : bool
        Whether rows stand one after the other, rather than below ``instances``.
    """
    found = _BYTE.search(str(error))
    if found is None and "truncated" not in str(error):
        return None, None
    end = int(found[1]) if found else len(body)
    if end > _MOST_BYTES:
        return None, None
    # Of what is open: its bracket, the name before it, and the commas in it.
    around: list[tuple[bytes, bytes]] = []
    commas: list[int] = []
    n_whole, name, begun = 0, b"", -1
    for match in _MARK.finditer(body, 0, end):
        mark = match[0]
        if begun >= 0:
            if mark == b'"':
                name = body[begun : min(match.start(), begun + _LONGEST + 1)]
                begun = -1
        elif mark == b'"':
            begun = match.end()
        elif mark in (b"[", b"{"):
            if len(around) == _DEEPEST:
                return None, None
            around.append((mark, name))
            commas.append(0)
            name = b""
        elif mark == b"," and commas:
            commas[-1] += 1
        elif mark in (b"]", b"}") and around:
            around.pop()
            commas.pop()
            n_whole += not around
    if lines:
        return n_whole, _column(around, commas)
    if around[1:2] != [(b"[", b"instances")]:
        return None, None
    return commas[1], _column(around[2:], commas)


def _column(around: list[tuple[bytes, bytes]], commas: list[int]) -> int | None:
    """Give the column, if what is open of a row is the list of its values."""
    is_row = len(around) == 1 and around[0][0] == b"["
    return commas[-1] if is_row or around[1:] == [(b"[", b"features")] else None
