"""Forests of a stream's keys: at rest in Spark's state, and awake in a worker.

At rest is a key as two values. One is its forest in full, the base, in the dense form, which is
dear to read and to write. The other is a small log (:mod:`_stream_log`): the rows learnt since,
and the names of the versions that they led to. Forests are functions of the rows that they have
learnt, bit for bit; so the log alone is written until it is too long.

A worker keeps the forests that it had last (:mod:`_stream_kept`). If the log names a worker's
version, the worker learns the rows behind it, if any, and has the version at rest: after a task
that was tried again, or after micro-batches that other workers had. A version that the log does
not name came of rows that were not committed, or is older than the base; then the base is read.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import fastrcf
from fastrcf import _dense
from fastrcf_spark import _stream_log, _worker
from fastrcf_spark._keyed_worker import readable
from fastrcf_spark._stream_kept import KEEPER
from fastrcf_spark._stream_log import NAME, VERSION, Log

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A log may take this share of what its base takes; with more the forest is written anew.
_LEARNT = 1 / 8
# A key's last use is noted anew when this share of the time to live has passed; a bucket is
# searched for what is too old when the other has.
_NOTED, _SWEPT = 1 / 16, 1 / 4


class Living(NamedTuple):
    """A key's forest, awake."""

    forest: fastrcf.RandomCutForest
    log: Log | None = None
    """As it is at rest; none of a new forest."""

    def latest(self, kind: np.dtype[Any]) -> Any:
        """Give the latest time that was learnt; None where rows had none."""
        if self.log is None or self.log.time is None:
            return None
        return np.frombuffer(self.log.time, kind)[0]


def _not_whole(key: str, why: str) -> str:
    return f"the state of the key {readable(key)} is not whole: {why}"


class Forests:
    """The forests of a bucket's keys.

    Parameters
    ----------
    plan : dict
    logs, bases : pyspark.sql.streaming.MapState
        What is at rest, by key.
    used : pyspark.sql.streaming.MapState, optional
        When keys were last used, where they age.
    """

    def __init__(self, plan: dict[str, Any], logs: Any, bases: Any, used: Any = None) -> None:
        self._forest = plan["forest"]
        self._logs = logs
        self._bases = bases
        self._used = used
        self._ttl = plan["ttl"]
        self._now = int(time.time() * 1000)

    def wake(self, key: str) -> Living:
        """Give the forest of a key: a new one where there is none, or it is too old.

        Raises
        ------
        fastrcf.ModelFileError
            If the state is of another version, or not whole.
        """
        # Spark's log has a line for each value that is asked for and not there.
        there = key in KEEPER or self._logs.containsKey((key,))
        found = self._logs.getValue((key,)) if there else None
        if found is None:
            return self._new()
        data = bytes(found[0])
        if data[:1] != bytes([VERSION]):
            version = data[0] if data else 0
            raise fastrcf.ModelFileError(
                f"the state of the key {readable(key)} is of version {version}, not {VERSION}"
            )
        try:
            log = _stream_log.read(data)
        except fastrcf.ModelFileError as error:
            raise fastrcf.ModelFileError(_not_whole(key, str(error))) from None
        kept = KEEPER.take(key)
        # A query without a time to live has noted no use.
        if self._ttl is not None and log.noted and self._now - log.noted > self._ttl:
            return self._new()
        lacking = log.since(kept[0]) if kept else None
        if kept is None or lacking is None:
            forest, lacking = self._base(key, log), log.since(log.base)
        else:
            forest = kept[1]
        if lacking is not None and len(lacking):
            forest.insert(lacking)
        return Living(forest, log)

    def _new(self) -> Living:
        return Living(fastrcf.RandomCutForest(**self._forest, n_threads=_worker.n_threads()))

    def _base(self, key: str, log: Log) -> fastrcf.RandomCutForest:
        found = self._bases.getValue((key,))
        data = bytes(found[0]) if found else b""
        if data[:NAME] != log.base:
            raise fastrcf.ModelFileError(_not_whole(key, "its log is that of another forest"))
        try:
            return _dense.loads(data[NAME:], n_threads=_worker.n_threads())
        except fastrcf.ModelFileError as error:
            raise fastrcf.ModelFileError(_not_whole(key, str(error))) from None

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
        forest, log = living
        new = log is None
        if log is None:
            log = Log(_stream_log.first(self._forest), 0, rows.shape[1])
        if latest is not None:
            log = log._replace(time=latest.tobytes())
        if self._ttl is None:
            log = log._replace(noted=0)
        elif new or self._now - log.noted >= _NOTED * self._ttl:
            log = log._replace(noted=self._now)
            self._used.updateValue((key,), (self._now,))
        log = log._replace(parts=(*log.parts, _stream_log.part(log.name, rows)))
        data = log.written()
        if len(data) > _LEARNT * log.length:
            base = log.name + _dense.dumps(forest)
            self._bases.updateValue((key,), (base,))
            log = log._replace(base=log.name, length=len(base), parts=())
            data = log.written()
        self._logs.updateValue((key,), (data,))
        KEEPER.put(key, log.name, forest)

    def keep(self, key: str, living: Living) -> None:
        """Keep a forest that has learnt nothing since it was given."""
        if living.log is not None:
            KEEPER.put(key, living.log.name, living.forest)

    def sweep(self, swept: Any) -> None:
        """Remove the forests that are too old, if it is time to look for them.

        Keys that queries without a time to live used last are as old as the first look at them.
        """
        if swept.exists() and self._now - swept.get()[0] < _SWEPT * self._ttl:
            return
        ages = {key: self._now - when for (key,), (when,) in self._used.iterator()}
        for (key,) in list(self._logs.keys()):
            if key not in ages:
                self._note(key)
        for key, age in ages.items():
            if age > self._ttl and not self._note(key):
                for state in (self._used, self._logs, self._bases):
                    state.removeKey((key,))
        swept.update((self._now,))

    def _note(self, key: str) -> bool:
        """Take a key for used now, if queries without a time to live used it last."""
        found = self._logs.getValue((key,))
        data = None if found is None else _stream_log.noted(bytes(found[0]), self._now)
        if data is None:
            return False
        self._logs.updateValue((key,), (data,))
        self._used.updateValue((key,), (self._now,))
        return True
