"""API keys: a file has their names and hashes, never the keys.

A key is 32 random bytes, so that one SHA-256 of it is as good as a slow hash of a word that
people choose: there is no list of likely keys to try.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from fastrcf import _fastrcf
from fastrcf.errors import FastRCFError
from fastrcf.serving.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "frcf_"
_BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LINE = re.compile(rf"({_NAME.pattern})\s+sha256:([0-9a-f]{{64}})")
_TOP = "# API keys of fastrcf serve: a name and the SHA-256 of its key a line.\n"


class KeyFileError(FastRCFError):
    """A file of keys that cannot be used."""


class ApiKeys:
    """Tells whose key a request has.

    Parameters
    ----------
    hashes : mapping of str to str
        Hexadecimal SHA-256 of each key by name; at least one.
    withdrawn : bool, default False
        Whether there may be none: nobody may ask then.
    """

    def __init__(self, hashes: Mapping[str, str], *, withdrawn: bool = False) -> None:
        if not (hashes or withdrawn):
            raise KeyFileError("there is no key: fastrcf serve --new-key NAME --api-keys FILE")
        self._hashes = [(name, text.encode()) for name, text in hashes.items()]

    def __len__(self) -> int:
        return len(self._hashes)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, withdrawn: bool = False) -> ApiKeys:
        """Read a file of keys, of which all may have been withdrawn.

        Raises
        ------
        KeyFileError
            Names the line.
        OSError
        """
        return cls(read(path), withdrawn=withdrawn)

    def head(self, headers: Mapping[str, str]) -> str:
        """Give the name of the key in ``X-Api-Key`` or ``Authorization: Bearer``.

        Raises
        ------
        Problem
            401 without a key, 403 for one that is not known.
        """
        key = headers.get("x-api-key", "")
        if not key:
            scheme, _, rest = headers.get("authorization", "").partition(" ")
            key = rest.strip() if scheme.lower() == "bearer" else ""
        if not key:
            raise Problem(
                401,
                "no_key",
                "a key is asked for: X-Api-Key, or Authorization: Bearer",
                headers={"www-authenticate": "Bearer"},
            )
        given = hash_of(key).encode()
        found = None
        # All are compared, each in the same time: how long it takes tells nothing.
        for name, known in self._hashes:
            if hmac.compare_digest(given, known):
                found = name
        if found is None:
            raise Problem(403, "unknown_key", "the key is not known")
        return found


def hash_of(key: str) -> str:
    """Give what a file has of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def read(path: str | os.PathLike[str]) -> dict[str, str]:
    """Give the hashes of a file by name."""
    hashes: dict[str, str] = {}
    try:
        text = Path(path).read_text("utf-8")
    except UnicodeDecodeError:
        raise KeyFileError(f"{path}: it is no file of keys: not UTF-8") from None
    for number, line in enumerate(text.splitlines(), 1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        found = _LINE.fullmatch(line)
        # Not shown: somebody may have put the key itself there.
        if found is None:
            raise KeyFileError(f"{path}, line {number}: expected NAME sha256:HASH")
        if found[1] in hashes:
            raise KeyFileError(f"{path}, line {number}: {found[1]!r} is there twice")
        hashes[found[1]] = found[2]
    return hashes


def new_key(path: str | os.PathLike[str], name: str) -> str:
    """Make a key, put its hash down in a file, and give it: nobody can tell it again.

    Parameters
    ----------
    path : path
        Made if it is not there, readable by its owner alone.
    name : str
        Letters, digits, ``.``, ``_`` and ``-``.

    Raises
    ------
    KeyFileError
        If the name cannot be one, or is there already.
    """
    if not _NAME.fullmatch(name):
        raise KeyFileError(f"{name!r}: a name has letters, digits, '.', '_' and '-', at most 64")
    path = Path(path)
    if path.exists() and name in read(path):
        raise KeyFileError(f"{path} has a key of {name!r} already: take its line out first")
    text = path.read_text("utf-8") if path.exists() else _TOP
    key = _PREFIX + secrets.token_urlsafe(_BYTES)
    if text and not text.endswith("\n"):
        text += "\n"
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    mode = path.stat().st_mode & 0o777
    _fastrcf.write_atomically(path, f"{text}{name} sha256:{hash_of(key)}\n".encode())
    path.chmod(mode)
    return key
