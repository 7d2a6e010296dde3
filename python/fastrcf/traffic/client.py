"""One request to the one URL, and what came of it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from fastrcf.errors import MissingExtraError
from fastrcf.traffic import answers

if TYPE_CHECKING:
    from fastrcf.traffic.payload import Payload
    from fastrcf.traffic.target import Target

try:
    import aiohttp
    from yarl import URL
except ImportError:
    raise MissingExtraError("traffic needs aiohttp: pip install 'fastrcf[cli]'") from None

# Bytes of an answer that are taken.
MOST_BYTES = 64 << 20


class Failed(Exception):
    """A request without a good answer.

    Attributes
    ----------
    kind : str
        ``connect``, ``tls``, ``reset``, ``timeout``, ``redirect``, ``status``, ``answer`` or
        ``protocol``.
    status : int or None
        Of HTTP.
    """

    def __init__(self, kind: str, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.kind, self.status = kind, status


class Client:
    """Asks one URL.

    Redirects are not followed, proxies of the environment not used, cookies not kept: no
    other address is ever called.

    Parameters
    ----------
    target : Target
        What is asked.
    connections : int
        Most at a time.
    timeout : float
        Seconds for a request, all of it.
    """

    def __init__(self, target: Target, connections: int, timeout: float) -> None:
        self._url = URL(target.url, encoded=True)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections),
            timeout=aiohttp.ClientTimeout(total=timeout, ceil_threshold=float("inf")),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "accept": "application/json, text/csv;q=0.5",
                "accept-encoding": "identity",
                "user-agent": "fastrcf-traffic",
            },
            auto_decompress=False,
            trust_env=False,
        )
        self._timeout = timeout

    async def ask(self, payload: Payload, headers: dict[str, str]) -> tuple[answers.Said, int]:
        """Send a request and read its answer.

        Returns
        -------
        said : Said
            What the answer says.
        size : int
            Its bytes.

        Raises
        ------
        Failed
            There is no good answer.
        """
        try:
            async with self._session.post(
                self._url, data=payload.body, headers=headers, allow_redirects=False
            ) as response:
                body = await _all(response)
                kind = response.headers.get("content-type", "")
                status = response.status
        except (TimeoutError, aiohttp.ServerTimeoutError):
            raise Failed("timeout", f"no answer within {self._timeout:g} s") from None
        except aiohttp.ClientSSLError as error:
            raise Failed("tls", str(error)) from None
        except aiohttp.ClientConnectorError as error:
            raise Failed("connect", str(error)) from None
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError, ConnectionError) as error:
            raise Failed("reset", str(error) or "the connection was reset") from None
        except aiohttp.ClientPayloadError as error:
            raise Failed("reset", f"the answer broke off: {error}") from None
        except aiohttp.ClientError as error:
            raise Failed("protocol", str(error) or type(error).__name__) from None
        if 300 <= status < 400:
            raise Failed("redirect", "redirects are not followed", status)
        if not 200 <= status < 300:
            raise Failed("status", _message(body), status)
        try:
            return answers.read(body, kind, payload.n_rows), len(body)
        except ValueError as error:
            raise Failed("answer", str(error), status) from None

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
        # Transports close in the loop's next rounds.
        await asyncio.sleep(0)


async def _all(response: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > MOST_BYTES:
            response.close()
            raise Failed(
                "answer", f"the answer has more than {MOST_BYTES >> 20} MiB", response.status
            )
        parts.append(part)
    return b"".join(parts)


def _message(body: bytes) -> str:
    """Find what an error's body says."""
    try:
        told: Any = json.loads(body)
        text = told.get("message") or told.get("Message") or told.get("error")
    except (ValueError, AttributeError, RecursionError):
        text = None
    return str(text) if text else body[:400].decode("utf-8", errors="replace")
