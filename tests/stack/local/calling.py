"""Calls a local cloud, plainly and signed."""

import http.client
import json
from contextlib import contextmanager
from types import SimpleNamespace

from fastrcf.stack.local import LocalCloud
from tests.stack.conftest import ROW

GOOD = {"data": ROW, "metadata": ["2026-01-01, 00:00", "=1+1"]}
JSON = {"content-type": "application/json"}


class Caller:
    """Calls a local cloud."""

    def __init__(self, cloud):
        self.cloud = cloud

    def __call__(self, method, path, body=None, headers=None, stage="prod"):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        connection = http.client.HTTPConnection("127.0.0.1", self.cloud.port, timeout=30)
        try:
            connection.request(method, f"/{stage}{path}", body, headers or {})
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        kind = answer.getheader("content-type") or ""
        body = json.loads(data) if kind == "application/json" and data else data
        return SimpleNamespace(status=answer.status, body=body, headers=answer.headers)

    def signed(self, method, path, body=b"", *, now=None, keys=None, headers=None, sent=None):
        """Sign with botocore; ``sent`` goes out in place of the body that was signed."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        keys = keys or self.cloud.keys
        request = AWSRequest(
            method, f"{self.cloud.url}{path}", data=body, headers={**JSON, **(headers or {})}
        )
        credentials = Credentials(keys.access_key, keys.secret_key)
        with moved(now):
            SigV4Auth(credentials, "execute-api", keys.region).add_auth(request)
        return self(method, path, body if sent is None else sent, dict(request.headers))


@contextmanager
def moved(seconds):
    """Have botocore take another time for now."""
    import datetime

    import botocore.auth

    if seconds is None:
        yield
        return
    then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    kept = botocore.auth.get_current_datetime
    botocore.auth.get_current_datetime = lambda remove_tzinfo=True: then.replace(tzinfo=None)
    try:
        yield
    finally:
        botocore.auth.get_current_datetime = kept


@contextmanager
def behind(handler, model, tmp_path, **given_):
    """Have a gateway in front of another handler."""
    cloud = LocalCloud(model, tmp_path / "c", auth="none", **given_)
    cloud._gateway._handler, cloud._gateway._waits = handler, True
    with cloud:
        yield Caller(cloud)
