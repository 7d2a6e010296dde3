"""Limits of a request's head, which Uvicorn takes however long it is or takes."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fastrcf.serving.problems import Problem

if TYPE_CHECKING:
    import asyncio

# Uvicorn's own other parser takes as much; and what comes at once is read before it is counted.
MOST_BYTES = 1 << 16


def limited(seconds: float) -> type[HttpToolsProtocol]:
    """Make a protocol that gives a head so many seconds, and 64 KiB.

    More is answered with 431 and 408, and the connection closed; one that says nothing is
    closed when one would be that says nothing more.
    """

    class Limited(HttpToolsProtocol):
        # Whether the head of the request that came last has come as a whole.
        _is_whole = True
        _n_bytes = 0
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            self._unset_keepalive_if_required()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            self._is_whole = False
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._is_whole = True
            super().on_headers_complete()

        def data_received(self, data: bytes) -> None:
            # A head that begins here may follow the body of another request.
            self._n_bytes = 0 if self._is_whole else self._n_bytes + len(data)
            super().data_received(data)
            if self._is_whole:
                self._stop()
            elif self._n_bytes > MOST_BYTES:
                said = f"the head has more than {MOST_BYTES:,} bytes"
                self._refuse(Problem(431, "head_too_large", said))
            elif self._timer is None:
                self._timer = self.loop.call_later(seconds, self._too_slow)

        def _too_slow(self) -> None:
            said = f"the head did not come within {seconds:g} seconds"
            self._refuse(Problem(408, "too_slow", said))

        def _stop(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _refuse(self, problem: Problem) -> None:
            self._stop()
            # An answer that is under way ends with the connection.
            if not self.transport.is_closing() and (
                self.cycle is None or self.cycle.response_complete
            ):
                self.transport.write(_answer(problem))
            self.transport.close()

    return Limited


def _answer(problem: Problem) -> bytes:
    body = problem.body()
    head = (
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n"
        "content-type: application/json\r\n"
        f"content-length: {len(body)}\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode() + body
