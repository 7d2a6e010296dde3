"""Heads of requests that have no end, or take their time."""

import json
import socket
import time

import pytest

from fastrcf.container.app import single_model
from fastrcf.serving import server
from fastrcf.serving.heads import MOST_BYTES
from fastrcf.serving.limits import Limits
from fastrcf.serving.scorer import Scorer
from tests.serving.live import serving

PING = b"GET /ping HTTP/1.1\r\nhost: x\r\n"
ROW = b"POST /invocations HTTP/1.1\r\ncontent-type: text/csv\r\ncontent-length: 5\r\n\r\n1,2,3"


@pytest.fixture(scope="module")
def client(detector):
    with serving(lambda load: single_model(Scorer(detector), load)) as client:
        yield client


@pytest.fixture(scope="module")
def hasty(detector):
    limits = Limits(body_seconds=0.5)
    with serving(lambda load: single_model(Scorer(detector), load), limits) as client:
        yield client


def send_on(connection, least):
    """Send bytes piece by piece, as long as they are taken; give how many."""
    sent = 0
    while sent < least:
        sent += connection.send(b"a" * 4096)
        time.sleep(0.001)
    return sent


def said(answer):
    """Give status and JSON of one answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize("begun", [PING + b"x: ", PING + b"x: y\r\n" + b"z" * 100, b"GET /"])
def test_a_head_without_end_is_refused_and_the_connection_closed(client, begun):
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        connection.sendall(begun)
        with pytest.raises(OSError, match=r"reset|[Bb]roken"):
            send_on(connection, 100 * MOST_BYTES)
    assert client.ask("GET", "/ping")[0] == 200


def test_what_is_wrong_with_a_long_head_is_told(client):
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        connection.sendall(PING + b"x: ")
        time.sleep(0.2)
        # So much that all of it has been read once it is refused.
        send_on(connection, MOST_BYTES - 4096)
        time.sleep(0.2)
        connection.sendall(b"a" * 8192)
        status, told = said(connection.recv(1 << 16))
        assert connection.recv(1) == b""
    assert (status, told["error"]) == (431, "head_too_large")
    assert "65,536 bytes" in told["message"]


@pytest.mark.parametrize("first", [b"", PING + b"\r\n", ROW])
@pytest.mark.parametrize("begun", [b"G", PING, PING + b"x: y"])
def test_a_head_that_does_not_come_is_told(hasty, first, begun):
    began = time.monotonic()
    answer = hasty.raw(first + begun)
    assert 0.4 < time.monotonic() - began < 10
    if first:
        assert answer.startswith(b"HTTP/1.1 200")
        answer = answer[answer.index(b"HTTP/1.1 408") :]
    status, told = said(answer)
    assert (status, told["error"]) == (408, "too_slow")
    assert "head did not come within 0.5 seconds" in told["message"]


def test_heads_in_pieces_and_one_behind_the_other_are_taken(client):
    """Also where more comes at once than a head may have, since most of it is a body."""
    large = b"\n".join([b"1,2,3"] * 20_000)
    post = ROW.replace(b": 5", b": %d" % len(large)).replace(b"1,2,3", large)
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        for piece in (PING[:3], PING[3:20], PING[20:] + b"\r\n" + post[:-100]):
            connection.sendall(piece)
            time.sleep(0.05)
        connection.sendall(post[-100:] + PING)
        time.sleep(0.2)
        # A head that has begun a while ago and is whole in time.
        connection.sendall(b"connection: close\r\n\r\n")
        parts = []
        while part := connection.recv(1 << 16):
            parts.append(part)
    assert b"".join(parts).count(b"HTTP/1.1 200") == 3


def test_a_connection_that_says_nothing_is_closed(detector, monkeypatch):
    monkeypatch.setattr(server, "KEPT_SECONDS", 1)
    with serving(lambda load: single_model(Scorer(detector), load)) as client:
        began = time.monotonic()
        assert client.raw(b"") == b""
        assert 0.9 < time.monotonic() - began < 10
