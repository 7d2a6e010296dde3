"""Where requests go: one URL, checked before anything is sent."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastrcf.errors import InvalidParameterError

# API Gateway names its region in the host.
_GATEWAY = re.compile(r"[a-z0-9]+\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$")


@dataclass(frozen=True)
class Target:
    """The URL that is called, and no other.

    Attributes
    ----------
    url : str
        As it is called.
    shown : str
        Without its query, for reports.
    host : str
        Its host.
    is_encrypted, is_loopback : bool
        Whether it is https, and whether it is this machine.
    region : str or None
        Of AWS, where the host tells.
    """

    url: str
    shown: str
    host: str
    is_encrypted: bool
    is_loopback: bool
    region: str | None


def parse(url: str) -> Target:
    """Check a URL.

    Raises
    ------
    InvalidParameterError
        It is no http or https URL with a host, or holds a password.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidParameterError(f"URL: {error}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidParameterError("the URL must begin with http:// or https:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise InvalidParameterError("the URL holds a user or password: give --auth instead")
    if port == 0:
        raise InvalidParameterError("the URL's port is 0")
    if any(c.isspace() or not c.isprintable() for c in url):
        raise InvalidParameterError("the URL holds a space or a control character")
    found = _GATEWAY.fullmatch(host)
    return Target(
        url=parts._replace(fragment="").geturl(),
        shown=parts._replace(fragment="", query="").geturl(),
        host=host,
        is_encrypted=parts.scheme == "https",
        is_loopback=_is_loopback(host),
        region=found[1] if found else None,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
