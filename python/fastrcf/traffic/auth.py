"""Who asks: nobody, the holder of a key, or an AWS identity."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from fastrcf._sigv4 import ALGORITHM, TIME, Scope
from fastrcf.errors import InvalidInputError, InvalidParameterError, MissingExtraError

if TYPE_CHECKING:
    from fastrcf.traffic.target import Target

KINDS = ("none", "key", "sigv4")
# What API Gateway's signatures are made for.
SERVICE = "execute-api"
_KEY_BYTES = 4096


class Auth(Protocol):
    """Adds to a request's headers what tells who asks."""

    def headers(self, url: str, body: bytes, content_type: str) -> dict[str, str]:
        """Give all headers of a request."""
        ...


class NoAuth:
    """Nobody is named."""

    def headers(self, url: str, body: bytes, content_type: str) -> dict[str, str]:
        """Give all headers of a request."""
        return {"content-type": content_type}


class KeyAuth:
    """A key in the header ``x-api-key``."""

    def __init__(self, key: str) -> None:
        if not key or not key.isascii() or not key.isprintable():
            raise InvalidInputError("the API key is empty or has characters that no header holds")
        self._key = key

    def headers(self, url: str, body: bytes, content_type: str) -> dict[str, str]:
        """Give all headers of a request."""
        return {"content-type": content_type, "x-api-key": self._key}


class SigV4Auth:
    """AWS's signature, version 4.

    Parameters
    ----------
    credentials : botocore.credentials.Credentials
        Those that expire are renewed as botocore does.
    region : str
        For which it is signed.
    """

    def __init__(self, credentials: Any, region: str) -> None:
        self._credentials, self._scope = credentials, Scope(region, SERVICE)

    def headers(self, url: str, body: bytes, content_type: str) -> dict[str, str]:
        """Give all headers of a request but the host's, which is signed too."""
        host, target = _place(url)
        # Of one moment: others are renewed behind our back.
        caller = self._credentials.get_frozen_credentials()
        date = time.strftime(TIME, time.gmtime())
        headers = {"content-type": content_type, "x-amz-date": date}
        if caller.token:
            headers["x-amz-security-token"] = caller.token
        signed = {**headers, "host": host}
        digest = sha256(body).hexdigest()
        made = self._scope.signature(caller.secret_key, "POST", target, signed, digest)
        headers["authorization"] = (
            f"{ALGORITHM} Credential={caller.access_key}/{self._scope.of(date[:8])}, "
            f"SignedHeaders={';'.join(sorted(signed))}, Signature={made}"
        )
        return headers


@lru_cache(16)
def _place(url: str) -> tuple[str, str]:
    """Give the host as clients send it, without the scheme's own port, and path with query."""
    parts = urlsplit(url)
    usual = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return parts.netloc.lower().removesuffix(usual), parts._replace(scheme="", netloc="").geturl()


def choose(
    kind: str,
    target: Target,
    key_env: str | None = None,
    key_file: str | None = None,
    region: str | None = None,
) -> Auth:
    """Make what signs requests.

    Parameters
    ----------
    kind : {"none", "key", "sigv4"}
    target : Target
        Its host may tell the region.
    key_env, key_file : str, optional
        Where the key is: a variable of the environment, or a file.
    region : str, optional
        For signatures; default: the host's, then the profile's.

    Raises
    ------
    InvalidParameterError, InvalidInputError
        What is needed is not there, or is for another kind.
    MissingExtraError
        Signatures need botocore.
    """
    if kind not in KINDS:
        raise InvalidParameterError(f"auth {kind!r} is none of {', '.join(KINDS)}")
    if kind != "key" and (key_env or key_file):
        raise InvalidParameterError("--key-env and --key-file are for --auth key")
    if kind != "sigv4" and region:
        raise InvalidParameterError("--region is for --auth sigv4")
    if kind == "key":
        return KeyAuth(read_key(key_env, key_file))
    return _signed(target, region) if kind == "sigv4" else NoAuth()


def read_key(key_env: str | None, key_file: str | None) -> str:
    """Read a key from where it is kept: never from the command line, which others can see."""
    if (key_env is None) == (key_file is None):
        raise InvalidParameterError("--auth key: give --key-env or --key-file, one of them")
    if key_env is not None:
        if key_env not in os.environ:
            raise InvalidInputError(f"--key-env: the environment has no variable {key_env}")
        return os.environ[key_env].strip()
    assert key_file is not None
    with Path(key_file).open("rb") as file:
        held = file.read(_KEY_BYTES + 1)
    if len(held) > _KEY_BYTES:
        raise InvalidInputError(f"{key_file}: a key has at most {_KEY_BYTES} bytes")
    return held.decode("utf-8", errors="replace").strip()


def _signed(target: Target, region: str | None) -> Auth:
    try:
        import botocore.session
    except ImportError:
        raise MissingExtraError(
            "signatures need botocore: pip install 'fastrcf[sagemaker]'"
        ) from None
    session = botocore.session.get_session()
    credentials = session.get_credentials()
    if credentials is None:
        raise InvalidInputError(
            "--auth sigv4: there are no AWS credentials; set AWS_PROFILE, or AWS_ACCESS_KEY_ID "
            "and AWS_SECRET_ACCESS_KEY"
        )
    region = region or target.region or session.get_config_variable("region")
    if not region:
        raise InvalidParameterError("--auth sigv4: the host names no region; give --region")
    return SigV4Auth(credentials, region)
