"""Events, a context, and clients that note what is asked of them."""

import json
import threading
from dataclasses import dataclass, field

from fastrcf.stack.function.clients import Clients
from fastrcf.stack.function.function import Function
from fastrcf.stack.function.settings import Settings
from fastrcf.stack.local.sink import FirehoseFiles


@dataclass
class Context:
    aws_request_id: str = "lambda-1"
    left: float = 10.0

    def get_remaining_time_in_millis(self):
        return int(self.left * 1000)


@dataclass
class Clock:
    """A clock that only sleeping moves."""

    now: float = 100.0
    slept: list = field(default_factory=list)

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


class Unreachable:
    """A client that must not be asked."""

    def __getattr__(self, name):
        raise AssertionError(f"{name} was called")


def clients(**given):
    made = Clients()
    for name in ("s3", "firehose", "endpoints", "shadows"):
        setattr(made, name, given.get(name, Unreachable()))
    return made


def function(model, *, lines=None, clock=None, made=None, **settings):
    """Make a function; names of settings are those of Settings.of, in small letters."""
    environment = {f"FASTRCF_{name.upper()}": value for name, value in settings.items()}
    environment.setdefault("FASTRCF_MODEL_URI", str(model))
    clock = clock or Clock()
    return Function(
        Settings.of(environment),
        made or clients(),
        clock=clock,
        sleep=clock.sleep,
        write=(lines if lines is not None else []).append,
    )


def files(folder, stream="results", **options):
    return FirehoseFiles(folder, stream, **options)


def stored(folder):
    """Give what Firehose was given, in order."""
    lines = []
    for path in sorted(folder.rglob("*.jsonl")):
        lines += [json.loads(line) for line in path.read_bytes().splitlines()]
    return lines


def event(path, body=None, *, method="POST", kind="application/json", **more):
    """Make an event of a REST API, as its documentation shows one."""
    headers = {"Content-Type": kind, "Host": "example.com"} if kind else {"Host": "example.com"}
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {"requestId": "gateway-1", "stage": "prod", "path": f"/prod{path}"},
        "body": body if body is None or isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
        **more,
    }


def told(result):
    """Give status and body of what the function gave back to a gateway."""
    return result["statusCode"], json.loads(result["body"])


def together(n, task):
    """Run a task on several threads at once; give what came."""
    came, wait = [], threading.Barrier(n)

    def run():
        wait.wait()
        came.append(task())

    threads = [threading.Thread(target=run) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return came
