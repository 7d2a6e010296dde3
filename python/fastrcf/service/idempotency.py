"""Answers by the client's key of a request, so that no request is learnt twice.

Memory is bounded: of the oldest requests first the answers are forgotten, then the keys.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from fastrcf.errors import ModelFileError
from fastrcf.service.messages import Request, Response
from fastrcf.serving.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

HEADER = "idempotency-key"
REPLAYED = "idempotent-replayed"
_KEY = re.compile(r"[!-~]{1,255}")
_MAGIC = "fastrcf-keys-1"


class Kept(msgspec.Struct, array_like=True):
    """A request that was answered with 200.

    Attributes
    ----------
    digest : bytes
        SHA-256 of what was asked.
    headers : dict of str to str
    body : bytes or None
        None once the answer is forgotten.
    """

    digest: bytes
    headers: dict[str, str]
    body: bytes | None


class _File(msgspec.Struct):
    magic: str
    model: str
    kept: list[tuple[str, Kept]]


_decode = msgspec.msgpack.Decoder(_File)


class Answers:
    """Remembers answers by key; for one thread at a time.

    Parameters
    ----------
    keys : int, default 100_000
        Keys that are remembered at most.
    held : int, default 16 MiB
        Bytes of their answers at most.
    """

    def __init__(self, keys: int = 100_000, held: int = 16 << 20) -> None:
        self._most, self._most_held = keys, held
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        # Keys whose answers are there, the oldest first.
        self._whole: OrderedDict[str, int] = OrderedDict()
        self._held = 0

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, key: str, digest: bytes) -> Response | None:
        """Give the first answer to a key, None if it is new.

        Raises
        ------
        Problem
            422, if another request had this key; 409, if the answer is forgotten.
        """
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.digest != digest:
            raise Problem(422, "key_reused", "another request had this Idempotency-Key")
        if kept.body is None:
            raise Problem(
                409,
                "answer_forgotten",
                "the rows of this Idempotency-Key were learnt; their answer is no longer kept",
            )
        return Response(200, kept.body, {**kept.headers, REPLAYED: "true"})

    def keep(self, key: str, digest: bytes, response: Response) -> None:
        """Remember an answer."""
        self._put(key, Kept(digest, response.headers, response.body))

    def _put(self, key: str, kept: Kept) -> None:
        self._kept[key] = kept
        if kept.body is not None:
            size = len(kept.body)
            self._whole[key] = size
            self._held += size
        while self._held > self._most_held and self._whole:
            oldest, size = self._whole.popitem(last=False)
            self._held -= size
            self._kept[oldest].body = None
        while len(self._kept) > self._most:
            oldest, _ = self._kept.popitem(last=False)
            self._held -= self._whole.pop(oldest, 0)

    def __bytes__(self) -> bytes:
        return self.to_bytes("")

    def to_bytes(self, model: str) -> bytes:
        """Write all, with the version of the model that they are of."""
        return msgspec.msgpack.encode(_File(_MAGIC, model, list(self._kept.items())))

    def fill(self, kept: Iterable[tuple[str, Kept]]) -> None:
        """Take what :func:`read` gave."""
        for key, one in kept:
            self._put(key, one)


def read(data: bytes) -> tuple[str, list[tuple[str, Kept]]]:
    """Read what :meth:`Answers.to_bytes` wrote: the model's version, and keys.

    Raises
    ------
    ModelFileError
    """
    try:
        file = _decode.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ModelFileError("this is no file of keys that fastrcf serve --learn wrote") from None
    if file.magic != _MAGIC:
        raise ModelFileError("this file of keys is of another version")
    return file.model, file.kept


def key_of(request: Request) -> str:
    """Give a request's key, empty if it has none.

    Raises
    ------
    Problem
        400, if it is longer than 255 characters, or others than visible ones of ASCII.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return ""
    if not _KEY.fullmatch(key):
        raise Problem(
            400, "invalid_key", "Idempotency-Key: expected 1 to 255 visible characters of ASCII"
        )
    return key


def digest_of(request: Request) -> bytes:
    """Give a hash of all that an answer depends on."""
    headers = request.headers
    told = (
        request.path,
        sorted(request.query.items()),
        headers.get("content-type", ""),
        headers.get("accept", ""),
        headers.get("x-amzn-sagemaker-custom-attributes", ""),
        # May be there rather than in the body.
        headers.get("model", ""),
    )
    return sha256(msgspec.msgpack.encode(told) + request.body).digest()
