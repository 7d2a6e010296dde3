"""Names in JSON that typed decoders pass over: those that are there twice, and unknown ones.

Nothing is read again unless the quotes of a body are more than what was read accounts for.
"""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, Any

from fastrcf.serving.problems import bad_input

if TYPE_CHECKING:
    from fastrcf.serving.problems import Problem

# An escape of JSON; its group is half of a character, without the other half.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F]|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
# Characters of a name that are looked at, and shown.
_LONGEST = 80
# Different names of a body that are compared with known ones, which takes longer than to read them.
_MOST_OTHERS = 1000
_SPACE = re.compile(r"\s*")


class Pairs(list[tuple[str, Any]]):
    """An object's names and values, as they stand there."""

    def twice(self) -> str | None:
        """Give a name that is there twice, if there is one."""
        seen: set[str] = set()
        for name, _ in self:
            if name in seen:
                return name
            seen.add(name)
        return None


# Numbers are not looked at: a long one must not take the time that whole numbers take.
_decoder = json.JSONDecoder(object_pairs_hook=Pairs, parse_int=float)


def as_pairs(body: bytes, what: str = "JSON") -> list[Any]:
    """Read values of JSON, one after the other, with objects as :class:`Pairs`.

    Parameters
    ----------
    body : bytes
        What a typed decoder has read already.
    what : str
        What it should be, for messages.

    Raises
    ------
    Problem
        400: the typed decoder does not look at what it passes over.
    """
    found: list[Any] = []
    try:
        text, place = body.decode().strip(), 0
        while place < len(text):
            value, place = _decoder.raw_decode(text, place)
            found.append(value)
            place = _SPACE.match(text, place).end()  # type: ignore[union-attr]
    except (ValueError, RecursionError) as error:
        raise broken(body, what, error) from None
    return found


def check(
    pairs: Any, known: tuple[str, ...], place: str, *, others: set[str] | None, row: int | None
) -> None:
    """Refuse an object with a name twice, or one that may be meant for a known one.

    Parameters
    ----------
    pairs : Pairs, or anything that is no object and is passed over
    known : tuple of str
    place : str
        Where it is, for messages; empty for the body itself.
    others : set of str, or None
        Names unlike the known ones that the body has so far; None refuses them.
    row : int or None

    Raises
    ------
    Problem
        400.
    """
    if not isinstance(pairs, Pairs):
        return
    name = pairs.twice()
    if name is not None:
        raise _bad(place, f"{_shown(name)} is there twice", row)
    for name, _ in pairs:
        if name in known or (
            others is not None and (name in others or len(others) >= _MOST_OTHERS)
        ):
            continue
        near = difflib.get_close_matches(name[:_LONGEST].lower(), known, 1, 0.8)
        if near:
            raise _bad(place, f'{_shown(name)} is not known; is "{near[0]}" meant?', row)
        if others is None:
            listed = ", ".join(known)
            raise _bad(place, f"{_shown(name)} is not known; known are {listed}", row)
        others.add(name)


def within(pairs: Any, name: str) -> Any:
    """Give what an object has under a name; None if it has not, or is no object."""
    return dict(pairs).get(name) if isinstance(pairs, Pairs) else None


def broken(
    body: bytes,
    what: str,
    error: Exception,
    row: int | None = None,
    column: int | None = None,
) -> Problem:
    """Give the problem of a body that is not what it should be.

    Parameters
    ----------
    body : bytes
    what : str
        What it should be: JSON, or JSON lines.
    error : Exception
        What the decoder says.
    row, column : int or None
        Where it is, if that is known.
    """
    for escape in _ESCAPE.finditer(body):
        if escape[1]:
            half = "\\" + escape[1].decode()
            return bad_input(
                f"the body is no {what}: {half} at byte {escape.start()} is half of a character"
            )
    places = (("row", row), ("column", column))
    where = ", ".join(f"{name} {place}" for name, place in places if place is not None)
    said = f"the body is no {what}: {error}"
    return bad_input(f"{where}: {said}" if where else said, row, column)


def _bad(place: str, what: str, row: int | None) -> Problem:
    where = [*([] if row is None else [f"row {row}"]), *([place] if place else [])]
    return bad_input(": ".join([", ".join(where), what] if where else [what]), row)


def _shown(name: str) -> str:
    return json.dumps(name[:_LONGEST], ensure_ascii=False)
