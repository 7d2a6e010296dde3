"""A server on loopback, on a thread of the test, and a small client."""

import http.client
import json
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field

from fastrcf.serving.limits import Limits, Load
from fastrcf.serving.server import listen, run


@dataclass
class Client:
    """Asks a server one thing at a time."""

    port: int
    load: Load
    headers: dict = field(default_factory=dict)

    def ask(self, method, path, body=None, **headers):
        """Give status, headers and body of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, {**self.headers, **names})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def invoke(self, body, content_type, path="/invocations", **headers):
        """Give the status, and the body as JSON where it is that."""
        body = body.encode() if isinstance(body, str) else body
        status, told, answer = self.ask("POST", path, body, content_type=content_type, **headers)
        is_json = told.get("content-type") == "application/json"
        return status, json.loads(answer) if is_json and answer else answer

    def raw(self, data, wait=20.0):
        """Send bytes as they are; give all that comes until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as connection:
            connection.sendall(data)
            parts = []
            while part := connection.recv(1 << 16):
                parts.append(part)
            return b"".join(parts)


@contextmanager
def serving(application, limits=None):
    """Serve what ``application`` makes of a load, on a free port."""
    load = Load(limits or Limits())
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    ready = threading.Event()
    servers = []
    thread = threading.Thread(
        target=run,
        args=(application(load), listener, load),
        kwargs={"started": lambda url: ready.set(), "stop": servers.append},
    )
    thread.start()
    try:
        assert ready.wait(20)
        yield Client(port, load)
    finally:
        for stop in servers:
            stop()
        thread.join(20)
        assert not thread.is_alive()
