"""Keyed hashes in the place of what names a SIM, a device or a person."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NoReturn

import polars as pl

from fastrcf.errors import InvalidInputError, InvalidParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_VARIABLE: Final = "FASTRCF_IDENTIFIER_KEY"
#: Fewest characters of a key.
KEY_LENGTH: Final = 32
Kind = Literal["sim", "device", "person"]

_HOW: Final = (
    f"make one with 'fastrcf sessions key -o FILE' and name it by --key-file FILE, or put it into "
    f"the environment as {KEY_VARIABLE}; --plain-identifiers (hash_identifiers=False) keeps "
    "identifiers as they are"
)


class KeyedHash:
    """Replaces identifiers by 32 hexadecimal digits that only the key's owner can repeat.

    The hash is BLAKE2b of 128 bits (RFC 7693) with the key, and with another
    personalization for each kind. Equal identifiers in different spellings have
    equal hashes; see :func:`normal_sim` and :func:`normal_device`.

    The key is in no repr, no message and no pickle.

    Parameters
    ----------
    key : str or bytes
        At least 32 characters.
    """

    __slots__ = ("_key",)

    def __init__(self, key: str | bytes) -> None:
        secret = key.encode() if isinstance(key, str) else bytes(key)
        secret = secret.strip()
        if len(secret) < KEY_LENGTH:
            raise InvalidParameterError(
                f"the key for identifiers has {len(secret)} characters; at least {KEY_LENGTH} "
                "are needed"
            )
        # BLAKE2b takes keys of at most 64 bytes.
        self._key = hashlib.blake2b(secret, digest_size=64).digest()

    def __repr__(self) -> str:
        return "KeyedHash(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a KeyedHash is not pickled: its key would go with it")

    @classmethod
    def from_environment(cls) -> KeyedHash:
        """Take the key from the environment (``FASTRCF_IDENTIFIER_KEY``).

        Raises
        ------
        InvalidParameterError
            If it is not there; says how to make one.
        """
        key = os.environ.get(KEY_VARIABLE)
        if not key:
            raise InvalidParameterError(f"there is no key to hash identifiers with: {_HOW}")
        return cls(key)

    @classmethod
    def from_file(cls, path: str | Path) -> KeyedHash:
        """Take the key from a file that nobody else can read.

        Raises
        ------
        InvalidInputError
            If others can read the file, or it is too short.
        """
        place = Path(path)
        with place.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
                raise InvalidInputError(
                    f"{path}: others can read this key (mode {stat.S_IMODE(mode):o}); "
                    "'chmod 600' it"
                )
            key = file.read(1 << 16)
        try:
            return cls(key)
        except InvalidParameterError as error:
            raise InvalidInputError(f"{path}: {error}") from None

    def digest(self, value: str, kind: Kind) -> str:
        """Hash one identifier."""
        text = _NORMAL[kind](value)
        return hashlib.blake2b(
            text.encode(), digest_size=16, key=self._key, person=kind.encode()
        ).hexdigest()

    def column(self, values: pl.Series, kind: Kind) -> pl.Series:
        """Hash a column of text; each distinct value is hashed once, null stays null."""
        known = values.unique().drop_nulls()
        if not len(known):
            return values
        hashed = pl.Series([self.digest(value, kind) for value in known.to_list()])
        table = pl.DataFrame({"_known": known, "_hashed": hashed})
        frame = values.alias("_known").to_frame()
        joined = frame.join(table, on="_known", how="left", maintain_order="left")
        return joined["_hashed"].alias(values.name)


def create_key(path: str | Path) -> None:
    """Write a new random key of 256 bits into a new file that only its owner can read.

    Raises
    ------
    FileExistsError
        If the file is there: what was hashed with its key could not be repeated.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32) + "\n")


def normal_sim(value: str) -> str:
    """Write an IMSI or ICCID in the one form that is hashed.

    Spaces, hyphens and filling ``F`` go. The check digit of an ICCID goes: the last
    of 19 or 20 digits, if it is right by the Luhn formula (ISO/IEC 7812-1).
    """
    text = re.sub(r"[\s-]", "", value)
    bare = re.sub(r"[Ff]+$", "", text)
    if not bare.isdecimal():
        return text
    while bare.startswith("89") and len(bare) in (19, 20) and _luhn(bare):
        bare = bare[:-1]
    return bare


def normal_device(value: str) -> str:
    """Write an IMEI (14 or 15 digits) or IMEISV (16) as the 14 that name the device."""
    text = re.sub(r"[\s/-]", "", value)
    bare = re.sub(r"[Ff]+$", "", text)
    return bare[:14] if bare.isdecimal() and 14 <= len(bare) <= 16 else text


def normal_person(value: str) -> str:
    """Write a number or address of a person without spaces and signs in front."""
    return re.sub(r"[\s()-]", "", value).removeprefix("+").removeprefix("00").lower()


def _luhn(digits: str) -> bool:
    total = sum(int(d) for d in digits[-1::-2])
    return (total + sum(sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])) % 10 == 0


_NORMAL: Final[dict[Kind, Callable[[str], str]]] = {
    "sim": normal_sim,
    "device": normal_device,
    "person": normal_person,
}
