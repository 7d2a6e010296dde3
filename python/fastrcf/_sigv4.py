"""AWS's signatures of version 4, made and verified a thousand times a second.

botocore makes an object of each request and derives the key anew; here a key is derived once
a day, which is how long AWS means it to last. The form: AWS's reference, "Create a signed AWS
API request". botocore says what a path's normal form is, and the tests hold both to it.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHM = "AWS4-HMAC-SHA256"
#: Form of the header ``x-amz-date``, for :func:`time.strftime`; the first eight are the day.
TIME = "%Y%m%dT%H%M%SZ"
# Yesterday's keys and today's, of several callers; more are never of use at a time.
_MOST_KEYS = 64


class Scope:
    """What signatures are for, with the keys that were derived for it.

    Parameters
    ----------
    region, service : str
    """

    def __init__(self, region: str, service: str) -> None:
        self.region, self.service = region, service
        self._keys: dict[tuple[str, str], bytes] = {}

    def of(self, day: str) -> str:
        """Give the scope of a day, as signatures name it."""
        return f"{day}/{self.region}/{self.service}/aws4_request"

    def signature(
        self,
        secret: str,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body_digest: str,
    ) -> str:
        """Give the signature of a request.

        Parameters
        ----------
        secret : str
            The caller's secret key.
        method : str
        target : str
            Path and query, percent-encoded as they are sent.
        headers : mapping of str to str
            Those that are signed, by their names in lower case; ``x-amz-date`` is one.
        body_digest : str
            SHA-256 of the body, in hexadecimal digits.

        Returns
        -------
        str
            64 hexadecimal digits.
        """
        path, _, query = target.partition("?")
        names = sorted(headers)
        request = "\n".join(
            (
                method.upper(),
                _path(path),
                _query(query),
                # Spaces at the ends, and several in a row, are not signed.
                *(f"{name}:{' '.join(headers[name].split())}" for name in names),
                "",
                ";".join(names),
                body_digest,
            )
        )
        date = headers["x-amz-date"]
        day = date[:8]
        digest = sha256(request.encode()).hexdigest()
        text = f"{ALGORITHM}\n{date}\n{self.of(day)}\n{digest}"
        return hmac.new(self._key(secret, day), text.encode(), sha256).hexdigest()

    def _key(self, secret: str, day: str) -> bytes:
        key = self._keys.get((secret, day))
        if key is None:
            key = f"AWS4{secret}".encode()
            for part in (day, self.region, self.service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            if len(self._keys) >= _MOST_KEYS:
                self._keys.clear()
            self._keys[secret, day] = key
        return key


@lru_cache(256)
def _path(path: str) -> str:
    from botocore.utils import normalize_url_path

    # Encoded once more: what is signed is the encoded form of the path as it is sent.
    return quote(normalize_url_path(path), safe="/~")


def _query(query: str) -> str:
    if not query:
        return ""
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&"))
    return "&".join(f"{name}={value}" for name, value in pairs)
