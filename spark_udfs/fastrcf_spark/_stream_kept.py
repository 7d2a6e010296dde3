"""Forests that a worker still has from tasks before."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import fastrcf

# Bytes of memory that the forests which a worker keeps may take.
KEPT = 1 << 28


class Kept:
    """Forests that a worker keeps, by key, with the names of their versions.

    A micro-batch goes through all keys in turn, and so does the next one: where they are more
    than can be kept, the one that was used last longest ago is the one that is needed next. So
    what has to go is drawn at random.

    Parameters
    ----------
    limit : int
        Bytes of memory that they may take.
    """

    def __init__(self, limit: int = KEPT) -> None:
        self._limit = limit
        self._taken = 0
        self._forests: dict[str, tuple[bytes, fastrcf.RandomCutForest, int, int]] = {}
        self._keys: list[str] = []
        self._draw = random.Random(0)

    def __contains__(self, key: str) -> bool:
        return key in self._forests

    def take(self, key: str) -> tuple[bytes, fastrcf.RandomCutForest] | None:
        """Take the forest of a key out, with the name of its version."""
        found = self._forests.pop(key, None)
        if found is None:
            return None
        name, forest, memory, place = found
        self._taken -= memory
        last = self._keys.pop()
        if last != key:
            self._keys[place] = last
            self._forests[last] = (*self._forests[last][:3], place)
        return name, forest

    def put(self, key: str, name: bytes, forest: fastrcf.RandomCutForest) -> None:
        """Keep a forest in place of the one of its key."""
        self.take(key)
        memory = forest.memory_usage()
        self._forests[key] = name, forest, memory, len(self._keys)
        self._keys.append(key)
        self._taken += memory
        while self._taken > self._limit:
            self.take(self._draw.choice(self._keys))


KEEPER = Kept()
