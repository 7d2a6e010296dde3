"""A small server on loopback that answers, or misbehaves, as it is told."""

import json
import socket
import struct
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Request:
    """What came, and when."""

    method: str
    path: str
    headers: dict
    body: bytes
    at: float = field(default_factory=time.perf_counter)

    @property
    def json(self):
        return json.loads(self.body)


def answered(body=None, status=200, content_type="application/json", headers=()):
    """Write an answer as bytes."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"HTTP/1.1 {status} Said",
        f"content-type: {content_type}",
        f"content-length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def scored(request):
    """Answer the seed's contract: an alert where the last column is above 1000."""
    rows = [line.split(",") for line in request.json["data"].splitlines()]
    found = [
        {"anomaly_detector": {"score": 1.5, "grade": 0.1, "is_anomaly": float(row[-1]) > 1000}}
        for row in rows
    ]
    return answered(found[0] if len(found) == 1 else found)


RESET, HANG = object(), object()


@dataclass
class Server:
    """A server, a thread for each connection."""

    port: int
    requests: list = field(default_factory=list)
    connections: int = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/invocations"


@contextmanager
def serving(answer=scored, wait=0.0):
    """Serve; ``answer`` takes a request and gives bytes, RESET or HANG."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    server = Server(listener.getsockname()[1])
    over = threading.Event()

    def talk(connection):
        with connection, connection.makefile("rb") as stream:
            try:
                while (request := read(stream)) is not None:
                    server.requests.append(request)
                    if wait:
                        over.wait(wait)
                    said = answer(request)
                    if said is HANG:
                        over.wait()
                        return
                    if said is RESET:
                        # No farewell: the other side gets a reset.
                        linger = struct.pack("ii", 1, 0)
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                        return
                    connection.sendall(said)
            except OSError:
                return

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            server.connections += 1
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield server
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()


def read(stream):
    """Read a request; None at the end."""
    first = stream.readline().decode().split()
    if len(first) < 2:
        return None
    headers = {}
    while line := stream.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    return Request(first[0], first[1], headers, body)
