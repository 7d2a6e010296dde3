"""Forests of a stream's keys: at rest in Spark's state, and those that a worker still has.

At rest is a forest in its dense form, which is dear to write, and behind it the rows that it has
learnt since. A forest that learns these rows again is the same, bit for bit. All of a key is one
value: to ask Spark for another one costs more than its bytes.

A worker keeps the forests that it had last. One of them is used only if what is at rest is, byte
for byte, what the worker put there together with it; so a task that is tried again, or a bucket
that comes back from another worker, gets its forest from the state.
"""

from __future__ import annotations

import struct
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import fastrcf
from fastrcf import _dense
from fastrcf_spark import _worker
from fastrcf_spark._keyed_worker import readable

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERSION = 2
# Version, flags, the latest time of a row as an integer or a floating point number, the clock at
# the last use in milliseconds, the length of the dense form; then this, and rows learnt since.
_HEAD = struct.Struct("<BB8sqI")
_TIMED, _DOUBLE = 1, 2
# Rows may take this share of what the forest at rest takes; with more it is written anew.
_LEARNT = 1 / 16
# A key's last use is noted anew when this share of the time to live has passed; a bucket is
# searched for what is too old when the other has.
_NOTED, _SWEPT = 1 / 16, 1 / 4
# Bytes of memory that the forests which a worker keeps may take.
KEPT = 1 << 26


class Living(NamedTuple):
    """A key's forest, awake."""

    forest: fastrcf.RandomCutForest
    time: bytes | None = None
    """The latest time of a row."""
    noted: int | None = None
    """The last use that was noted, by the clock."""
    dense: bytes = b""
    """The forest as it was last written; empty where it was not yet."""
    learnt: NDArray[np.float64] | None = None
    """Rows that it has learnt since."""

    def latest(self, kind: np.dtype[Any]) -> Any:
        """Give the latest time that was learnt; None where rows had none."""
        return None if self.time is None else np.frombuffer(self.time, kind)[0]


class Kept:
    """Forests that a worker keeps, the last used ones.

    Parameters
    ----------
    limit : int
        Bytes of memory that they may take.
    """

    def __init__(self, limit: int = KEPT) -> None:
        self._limit = limit
        self._taken = 0
        self._forests: OrderedDict[str, tuple[bytes, Living, int]] = OrderedDict()

    def __contains__(self, key: str) -> bool:
        return key in self._forests

    def take(self, key: str, at_rest: bytes) -> Living | None:
        """Take the forest of a key out, if it is the one that is at rest."""
        found = self._forests.pop(key, None)
        if found is None:
            return None
        self._taken -= found[2]
        return found[1] if found[0] == at_rest else None

    def put(self, key: str, at_rest: bytes, living: Living) -> None:
        """Keep a forest, with what is at rest of it."""
        self.take(key, b"")
        memory = living.forest.memory_usage() + 2 * len(at_rest)
        self._forests[key] = at_rest, living, memory
        self._taken += memory
        while self._taken > self._limit:
            _, (_, _, memory) = self._forests.popitem(last=False)
            self._taken -= memory


KEEPER = Kept()


class Forests:
    """The forests of a bucket's keys.

    Parameters
    ----------
    plan : dict
    states : pyspark.sql.streaming.MapState
        What is at rest, by key.
    used : pyspark.sql.streaming.MapState, optional
        When keys were last used, where they age.
    """

    def __init__(self, plan: dict[str, Any], states: Any, used: Any = None) -> None:
        self._plan = plan
        self._states = states
        self._used = used
        self._ttl = plan["ttl"]
        self._now = int(time.time() * 1000)

    def wake(self, key: str) -> Living:
        """Give the forest of a key: a new one where there is none, or it is too old."""
        # Spark's log has a line for each value that is asked for and not there.
        there = key in KEEPER or self._states.containsKey((key,))
        found = self._states.getValue((key,)) if there else None
        if found is None:
            return self._new()
        at_rest = bytes(found[0])
        version = at_rest[0]
        if version != VERSION:
            raise fastrcf.ModelFileError(
                f"the state of the key {readable(key)} is of version {version}, not {VERSION}"
            )
        _, flags, latest, noted, length = _HEAD.unpack_from(at_rest)
        living = KEEPER.take(key, at_rest)
        if self._ttl is not None and self._now - noted > self._ttl:
            return self._new()
        if living is not None:
            return living
        end = _HEAD.size + length
        dense = at_rest[_HEAD.size : end]
        forest = _dense.loads(dense, n_threads=_worker.n_threads())
        learnt = _rows(at_rest[end:], flags, forest.n_features)
        if learnt is not None:
            forest.insert(learnt)
        return Living(forest, latest if flags & _TIMED else None, noted, dense, learnt)

    def _new(self) -> Living:
        return Living(
            fastrcf.RandomCutForest(**self._plan["forest"], n_threads=_worker.n_threads())
        )

    def rest(self, key: str, living: Living, rows: NDArray[np.float64], latest: Any) -> None:
        """Put the forest of a key to rest, with rows that it has learnt and their latest time.

        Parameters
        ----------
        key : str
        living : Living
            As it was given.
        rows : array of float64, shape (n, d)
        latest : scalar of 8 bytes, optional
        """
        if latest is not None:
            living = living._replace(time=latest.tobytes())
        noted = living.noted
        if self._ttl is None:
            noted = 0
        elif noted is None or self._now - noted >= _NOTED * self._ttl:
            noted = self._now
            self._used.updateValue((key,), (noted,))
        learnt = rows if living.learnt is None else np.concatenate([living.learnt, rows])
        living = living._replace(noted=noted, learnt=learnt)
        at_rest = _at_rest(living)
        behind = len(at_rest) - _HEAD.size - len(living.dense)
        if not living.dense or behind > _LEARNT * len(living.dense):
            living = living._replace(dense=_dense.dumps(living.forest), learnt=None)
            at_rest = _at_rest(living)
        self._states.updateValue((key,), (at_rest,))
        KEEPER.put(key, at_rest, living)

    def keep(self, key: str, living: Living) -> None:
        """Keep a forest that has learnt nothing since it was given."""
        if living.dense:
            KEEPER.put(key, _at_rest(living), living)

    def sweep(self, swept: Any) -> None:
        """Remove the forests that are too old, if it is time to look for them."""
        if not swept.exists():
            swept.update((self._now,))
        elif self._now - swept.get()[0] >= _SWEPT * self._ttl:
            ages = [(key[0], self._now - when[0]) for key, when in self._used.iterator()]
            for key, age in ages:
                if age > self._ttl:
                    self._used.removeKey((key,))
                    self._states.removeKey((key,))
            swept.update((self._now,))


def _at_rest(living: Living) -> bytes:
    """Give what is at rest of a forest: rows as float32 where that is exact."""
    flags, packed = 0, b""
    if living.learnt is not None:
        with np.errstate(over="ignore"):
            single = living.learnt.astype(np.float32)
        exact = bool((single == living.learnt).all())
        flags, packed = (0, single.tobytes()) if exact else (_DOUBLE, living.learnt.tobytes())
    flags |= _TIMED * (living.time is not None)
    latest, length = living.time or bytes(8), len(living.dense)
    head = _HEAD.pack(VERSION, flags, latest, living.noted, length)
    return head + living.dense + packed


def _rows(data: bytes, flags: int, n_features: int | None) -> NDArray[np.float64] | None:
    if not data:
        return None
    rows = np.frombuffer(data, np.float64 if flags & _DOUBLE else np.float32)
    return rows.astype(np.float64).reshape(-1, n_features or 1)
