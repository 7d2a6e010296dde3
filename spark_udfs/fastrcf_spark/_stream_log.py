"""Logs of a stream's forests: which version of a forest is at rest, and what led to it.

A version has a name: a digest of the name of the version before it and of the rows that this
one has learnt beyond it. So versions of one name are the same forest, bit for bit, whoever made
them; rows of a task that failed lead to a name that no log has, unless another task has learnt
just these rows again.

A log names its base, which is at rest in full, and holds the rows learnt since, in parts: those
of a micro-batch each, with the name of the version that they led to.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import fastrcf

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERSION = 3
NAME = 16
# Version, whether rows have times, the latest one as an integer or a floating point number, the
# clock at the last use in milliseconds, the length of the base, columns, the base's name; parts.
_HEAD = struct.Struct(f"<BB8sqII{NAME}s")
# Rows, bytes of a value, name.
_PART = struct.Struct(f"<IB{NAME}s")


class Part(NamedTuple):
    """Rows of a micro-batch that a forest has learnt."""

    name: bytes
    """Of the version that they led to."""
    n_rows: int
    width: int
    """Bytes of a value: 4 where float32 is exact, else 8."""
    packed: bytes

    def rows(self, n_columns: int) -> NDArray[np.float64]:
        """Give the rows, shape (n, d)."""
        values = np.frombuffer(self.packed, np.float32 if self.width == 4 else np.float64)
        return values.astype(np.float64).reshape(self.n_rows, n_columns)


class Log(NamedTuple):
    """What has become of a forest since it was last at rest in full."""

    base: bytes
    """The name of the version that is at rest in full."""
    length: int
    """Of the base, in bytes."""
    n_columns: int
    parts: tuple[Part, ...] = ()
    time: bytes | None = None
    """The latest time of a row."""
    noted: int = 0
    """The last use that was noted, by the clock in milliseconds; 0: none was."""

    @property
    def name(self) -> bytes:
        """Of the version that is at rest."""
        return self.parts[-1].name if self.parts else self.base

    def since(self, name: bytes) -> NDArray[np.float64] | None:
        """Give the rows that a version lacks, shape (n, d); None if the log does not know it."""
        names = [self.base, *(part.name for part in self.parts)]
        if name not in names:
            return None
        parts = self.parts[names.index(name) :]
        if not parts:
            return np.empty((0, self.n_columns))
        return np.concatenate([part.rows(self.n_columns) for part in parts])

    def written(self) -> bytes:
        """Give the log as bytes, which :func:`read` takes."""
        timed, time = self.time is not None, self.time or bytes(8)
        pieces = [
            _HEAD.pack(VERSION, timed, time, self.noted, self.length, self.n_columns, self.base)
        ]
        for part in self.parts:
            pieces += [_PART.pack(part.n_rows, part.width, part.name), part.packed]
        return b"".join(pieces)


def read(data: bytes) -> Log:
    """Read a log of this version.

    Raises
    ------
    fastrcf.ModelFileError
        If its bytes are not those that were written.
    """
    try:
        _, timed, time, noted, length, n_columns, base = _HEAD.unpack_from(data)
        parts, name, at = [], base, _HEAD.size
        while at < len(data):
            n_rows, width, of = _PART.unpack_from(data, at)
            end = at + _PART.size + n_rows * n_columns * width
            packed = data[at + _PART.size : end]
            # A version is called by what led to it: so rows that changed are told.
            name = _named(n_rows, width, name, packed)
            if name != of:
                raise fastrcf.ModelFileError("its log is damaged: rows in it have changed")
            parts.append(Part(name, n_rows, width, packed))
            at = end
    except struct.error:
        raise fastrcf.ModelFileError(f"its log is damaged: {len(data)} bytes are too few") from None
    return Log(base, length, n_columns, tuple(parts), time if timed else None, noted)


def noted(data: bytes, now: int) -> bytes | None:
    """Note a use in a log of this version that notes none; None where it notes one."""
    if data[:1] != bytes([VERSION]) or len(data) < _HEAD.size:
        return None
    version, timed, time, before, *rest = _HEAD.unpack_from(data)
    return None if before else _HEAD.pack(version, timed, time, now, *rest) + data[_HEAD.size :]


def _named(n_rows: int, width: int, before: bytes, packed: bytes) -> bytes:
    """Name the version that has learnt packed rows after another one."""
    made = _PART.pack(n_rows, width, before) + packed
    return hashlib.blake2b(made, digest_size=NAME).digest()


def first(forest: dict[str, Any]) -> bytes:
    """Name the version that has learnt nothing, of a forest with given parameters."""
    return hashlib.blake2b(repr(sorted(forest.items())).encode(), digest_size=NAME).digest()


def part(name: bytes, rows: NDArray[np.float64]) -> Part:
    """Make a part of rows, shape (n, d), that the version of a name has learnt."""
    with np.errstate(over="ignore"):
        single = rows.astype(np.float32)
    exact = bool((single == rows).all())
    width, packed = (4, single.tobytes()) if exact else (8, rows.tobytes())
    return Part(_named(len(rows), width, name, packed), len(rows), width, packed)
