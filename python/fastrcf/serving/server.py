"""The server under every HTTP face: Uvicorn, in this process, with a graceful stop.

One process: what a model learns, or which models are loaded, is then one thing, and
large bodies are worked on by threads that the interpreter's lock does not hold up.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING

from fastrcf.errors import FastRCFError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from fastrcf.serving.limits import Load

log = logging.getLogger("fastrcf.serving")
# Load balancers keep connections for a minute and must not find them closed.
KEPT_SECONDS = 75
# For what a thread is about to finish when the server has stopped.
_LAST_SECONDS = 1.0


def listen(host: str, port: int) -> socket.socket:
    """Open the port, 0 for any that is free.

    Raises
    ------
    FastRCFError
        If it is taken or not allowed, with what to do.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise FastRCFError(f"{host}:{port}: {error.strerror}; --port takes another") from None
    return listener


def run(
    app: ASGIApp,
    listener: socket.socket,
    load: Load,
    *,
    started: Callable[[str], None] = lambda address: None,
    stop: Callable[[Callable[[], None]], None] = lambda end: None,
) -> None:
    """Answer requests until SIGTERM or Ctrl-C, then end those that were begun.

    Parameters
    ----------
    app : ASGI application
    listener : socket
        From :func:`listen`; closed at the end.
    load : Load
        Learns how many requests wait.
    started : callable
        Told the address once requests are taken.
    stop : callable
        Given a function that stops the server as SIGTERM does; for servers on threads
        that get no signals.

    Raises
    ------
    MissingExtraError
        Without the extra ``serve``.
    """
    try:
        import uvicorn

        from fastrcf.serving.heads import limited
    except ImportError:
        raise MissingExtraError(
            "a server needs further packages: pip install 'fastrcf[serve]'"
        ) from None

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            host, port, *_ = listener.getsockname()
            started(f"http://{f'[{host}]' if ':' in host else host}:{port}")

    config = uvicorn.Config(
        app,
        http=limited(load.limits.body_seconds),
        loop="asyncio" if sys.platform == "win32" else "uvloop",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEPT_SECONDS,
        timeout_graceful_shutdown=round(load.limits.stop_seconds),
    )
    server = Server(config)

    def end(*_: object) -> None:
        server.should_exit = True

    stop(end)
    load.waiting = lambda: len(server.server_state.tasks)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    if threading.current_thread() is threading.main_thread():
        # Until Uvicorn has a handler of its own; what stopped it it raises once more at the end.
        signal.signal(signal.SIGTERM, end)
    with listener:
        server.run([listener])


def leave(load: Load) -> None:
    """End the process if threads still work for requests that were cut; else return.

    The interpreter waits for threads when it ends, however long they take: longer than
    the platform waits before it kills. To be called last, once all is saved. On another
    thread than the main one nothing is ended: the process is not the server's alone.

    Parameters
    ----------
    load : Load
        Of the server that has stopped.
    """
    left = load.end(_LAST_SECONDS)
    if not left or threading.current_thread() is not threading.main_thread():
        return
    log.warning("requests whose scoring is cut: %d", left)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
