"""An AWS on this machine, and clients whose every call is written down beforehand."""

import datetime
import json
import threading
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

boto3 = pytest.importorskip("boto3", reason="boto3 is not installed (extra sagemaker)")

from botocore.exceptions import ClientError, ReadTimeoutError  # noqa: E402, F401
from botocore.stub import ANY, Stubber  # noqa: E402, F401

from fastrcf.sagemaker import Channel  # noqa: E402
from fastrcf.sagemaker._session import Clients  # noqa: E402

REGION = "eu-west-1"
ROLE = "arn:aws:iam::123456789012:role/fastrcf-tests"
ARN = "arn:aws:sagemaker:eu-west-1:123456789012"
NOW = datetime.datetime(2026, 1, 1)
IMAGE = "438346466558.dkr.ecr.eu-west-1.amazonaws.com/randomcutforest:1"
DATA = Channel("train", "s3://b/d/", n_features=3, n_objects=2)


def quiet(text):
    """Hear an estimate, and say nothing of it."""


@cache
def session(region=REGION):
    """One for all tests: it keeps what it has read of AWS's interfaces."""
    return boto3.Session("id", "secret", region_name=region)


@contextmanager
def stubbed(*names, region=REGION):
    """Clients whose calls must be those that are added, in this order, and no other."""
    clients = Clients.of(session(region))
    stubs = [Stubber(getattr(clients, name)) for name in names]
    for stub in stubs:
        stub.activate()
    yield (clients, *stubs)
    for stub in stubs:
        stub.assert_no_pending_responses()


class Container:
    """An HTTP server in the place of an endpoint; ``answer(request)`` gives what it says."""

    def __init__(self, answer):
        self.requests = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = {"path": self.path, "headers": self.headers, "body": body}
                owner.requests.append(request)
                status, content_type, out, *more = answer(request)
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(out)))
                for key, value in (more[0] if more else {}).items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(out)

            def log_message(self, *given):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        return self

    def __exit__(self, *given):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def sums_as_json(request):
    """Score each row of CSV by its sum, exactly in single precision."""
    rows = [[float(x) for x in line.split(b",")] for line in request["body"].splitlines()]
    scores = [{"score": sum(row)} for row in rows]
    return 200, "application/json", json.dumps({"scores": scores}).encode()
