"""Parameters that several classes take, checked."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastrcf.errors import InvalidParameterError

# The score of the open-source forests.
DEPTH = "expected_inverse_depth"
KINDS = ("auto", DEPTH, "local_range", "displacement")
# Where models are compared: the score that a detector was made with, whichever it is.
OWN = "own"


def check_kind(kind: str, name: str = "kind") -> str:
    """Give the kind of a score, checked."""
    if kind not in KINDS:
        raise InvalidParameterError(f"{name}: {kind!r} is none of {', '.join(KINDS)}")
    return kind


def seed(random_state: Any) -> int:
    """Give the seed that a ``random_state`` stands for; a fresh one for None."""
    if random_state is None:
        return secrets.randbits(64)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(0, 2**64, dtype=np.uint64))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(0, 2**32, dtype=np.uint64))
    if isinstance(random_state, np.random.SeedSequence):
        return int(random_state.generate_state(1, np.uint64)[0])
    try:
        value = int(_counted(random_state))
    except (TypeError, ValueError, OverflowError):
        raise InvalidParameterError(
            f"random_state: expected None, an integer or a NumPy generator, found {random_state!r}"
        ) from None
    if not 0 <= value < 2**64 or value != random_state:
        raise InvalidParameterError(
            f"random_state: {random_state!r} is not an integer between 0 and 2**64 - 1"
        )
    return value


def notes(given: Any) -> dict[str, str]:
    """Give notes, whose names and texts are strings."""
    if not isinstance(given, Mapping):
        raise InvalidParameterError(f"notes: expected a mapping, found {type(given).__name__}")
    for name, text in given.items():
        if not isinstance(name, str) or not isinstance(text, str) or not is_unicode(name + text):
            raise InvalidParameterError(f"notes: {name!r}: {text!r} is not text")
    return dict(given)


def is_unicode(text: str) -> bool:
    """Whether text can be written: halves of a character cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def count(name: str, value: Any, least: int) -> int:
    """Give an integer parameter of at least ``least``."""
    try:
        number = int(_counted(value))
    except (TypeError, ValueError, OverflowError):
        raise InvalidParameterError(f"{name}: expected an integer, found {value!r}") from None
    if number != value or not least <= number < 2**32:
        raise InvalidParameterError(f"{name}: {value!r} is not an integer of at least {least}")
    return number


def number(name: str, value: Any) -> float:
    """Give a parameter that is a number; texts and truth values are none."""
    try:
        return float(_counted(value))
    except (TypeError, ValueError, OverflowError):
        raise InvalidParameterError(f"{name}: expected a number, found {value!r}") from None


def _counted(value: Any) -> Any:
    """Give a value back unless Python would count with it, or read a number out of it."""
    if isinstance(value, (str, bytes, bool, np.bool_)):
        raise TypeError
    return value


def flag(name: str, value: Any) -> bool:
    """Give a parameter that is a truth value; ``"no"`` would be true."""
    if not isinstance(value, (bool, np.bool_)):
        raise InvalidParameterError(f"{name}: expected True or False, found {value!r}")
    return bool(value)


def names(name: str, value: Any) -> list[str]:
    """Give a parameter that is a sequence of names; sets have no order."""
    if isinstance(value, (str, bytes)):
        raise InvalidParameterError(f"{name}: expected a sequence of names, found one string")
    if isinstance(value, (set, frozenset)) or not hasattr(value, "__iter__"):
        raise InvalidParameterError(f"{name}: expected a sequence of names, found {value!r}")
    given = [str(one) for one in value]
    for one in given:
        if not is_unicode(one):
            raise InvalidParameterError(f"{name}: {one!r} holds half a character")
    return given


def wilson(share: float, n: int) -> tuple[float, float]:
    """Give the 95 % interval of a share of n rows (Wilson 1927)."""
    z = 1.959964
    center = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return max(center - half, 0.0), min(center + half, 1.0)
