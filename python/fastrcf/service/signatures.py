"""Requests signed by AWS's Signature Version 4, verified with botocore.

Amazon's documentation: "Create a signed AWS API request". botocore makes the canonical
request and the signature; here the parts of a request that came are put to it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from calendar import timegm
from typing import TYPE_CHECKING

from fastrcf.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ALGORITHM = "AWS4-HMAC-SHA256"
_HEADER = re.compile(
    ALGORITHM + r"\s+Credential=(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/,\s]+)"
    r"/(?P<service>[^/,\s]+)/aws4_request\s*,\s*SignedHeaders=(?P<signed>[a-z0-9;\-]+)\s*,"
    r"\s*Signature=(?P<signature>[0-9a-f]{64})\s*"
)
_TIME = "%Y%m%dT%H%M%SZ"


class SignatureRefused(Exception):
    """A request is not signed as it should be.

    Attributes
    ----------
    code : str
        AWS's word for it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Signatures:
    """Verifies signatures in the header ``authorization``.

    Parameters
    ----------
    secrets : mapping of str to str
        Secret key by access key.
    region, service : str
        What requests have to be signed for.
    skew_seconds : float, default 300
        How far a signature's time may be from ours, as for API Gateway.
    clock : callable
        Of :mod:`time`.

    Raises
    ------
    MissingExtraError
        Without botocore.
    """

    def __init__(
        self,
        secrets: Mapping[str, str],
        *,
        region: str,
        service: str = "execute-api",
        skew_seconds: float = 300.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        try:
            from botocore.auth import SigV4Auth
            from botocore.awsrequest import AWSRequest
            from botocore.credentials import Credentials
        except ImportError:
            raise MissingExtraError(
                "signatures are verified by botocore: pip install 'fastrcf[sagemaker]'"
            ) from None
        self._request = AWSRequest
        self._signers = {
            key: SigV4Auth(Credentials(key, secret), service, region)
            for key, secret in secrets.items()
        }
        self._region = region
        self._service = service
        self._skew = skew_seconds
        self._clock = clock

    def check(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]],
        body: bytes,
    ) -> str:
        """Verify a request.

        Parameters
        ----------
        method : str
        target : str
            Path and query as they came, not decoded.
        headers : iterable of (str, str)
            Names in lower case.
        body : bytes

        Returns
        -------
        str
            The access key that signed it.

        Raises
        ------
        SignatureRefused
        """
        given: dict[str, list[str]] = {}
        for name, value in headers:
            given.setdefault(name, []).append(value)
        found = self._parse(given)
        signer = self._signers.get(found["key"])
        if signer is None:
            raise SignatureRefused(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            )
        stamp = self._time(given, found)
        self._check_body(given, body)
        request = self._request(method, f"http://{given['host'][0]}{target}", data=body)
        for name in found["signed"].split(";"):
            if name not in given:
                raise _incomplete(f"the signed header {name} is not there")
            for value in given[name]:
                request.headers.add_header(name, value)
        request.context["timestamp"] = stamp
        text = signer.string_to_sign(request, signer.canonical_request(request))
        expected = signer.signature(text, request)
        if not hmac.compare_digest(expected, found["signature"]):
            raise SignatureRefused(
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided. "
                "Check your AWS Secret Access Key and signing method. Consult the service "
                "documentation for details.",
            )
        return found["key"]

    def _parse(self, given: Mapping[str, list[str]]) -> dict[str, str]:
        values = given.get("authorization", [])
        if not values:
            raise SignatureRefused(
                "MissingAuthenticationTokenException", "Missing Authentication Token"
            )
        found = _HEADER.fullmatch(values[0].strip()) if len(values) == 1 else None
        if found is None:
            raise _incomplete(
                "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' "
                "parameters."
            )
        if "host" not in found["signed"].split(";") or len(given.get("host", [])) != 1:
            raise _incomplete("'Host' must be a 'SignedHeader' in the AWS Authorization.")
        for name, expected in (("region", self._region), ("service", self._service)):
            if found[name] != expected:
                raise SignatureRefused(
                    "InvalidSignatureException",
                    f"Credential should be scoped to a valid {name}.",
                )
        return found.groupdict()

    def _time(self, given: Mapping[str, list[str]], found: Mapping[str, str]) -> str:
        stamp = (given.get("x-amz-date") or [""])[0]
        try:
            at = timegm(time.strptime(stamp, _TIME))
        except ValueError:
            raise _incomplete("'X-Amz-Date' is not there, or is no such time.") from None
        # Only a header that is signed says anything.
        if "x-amz-date" not in found["signed"].split(";") or found["date"] != stamp[:8]:
            raise SignatureRefused(
                "InvalidSignatureException",
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
                "from HTTP.",
            )
        if abs(self._clock() - at) > self._skew:
            when = "expired" if at < self._clock() else "not yet current"
            raise SignatureRefused("InvalidSignatureException", f"Signature {when}: {stamp}")
        return stamp

    def _check_body(self, given: Mapping[str, list[str]], body: bytes) -> None:
        """Hold the body to the digest that was signed, if one was told."""
        # A body that nobody signed is refused too: "UNSIGNED-PAYLOAD" is no digest.
        told = given.get("x-amz-content-sha256")
        if told is not None and told != [hashlib.sha256(body).hexdigest()]:
            raise SignatureRefused(
                "InvalidSignatureException",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )


def _incomplete(message: str) -> SignatureRefused:
    return SignatureRefused("IncompleteSignatureException", message)
