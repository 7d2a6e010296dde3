"""The local cloud as a process under load: from Vegeta, and from our own traffic generator."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from threading import Event, Thread
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benches.serve.load import attack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastrcf._typing import Singles

RATE = 1000
# Seconds between two looks at a process's memory.
_EVERY = 5.0


def seed(rows: Singles) -> str:
    """Write rows as the seed's contract has them."""
    data = "\n".join(",".join(map(str, row)) for row in rows.tolist())
    return json.dumps({"data": data, "metadata": ["2026-01-01 00:00:00", "an-id", "Web"]})


@contextmanager
def local(path: Path, folder: Path, auth: str) -> Iterator[tuple[str, int]]:
    """Start ``fastrcf stack local`` as a process; give its address and number."""
    command = [sys.executable, "-m", "fastrcf.cli", "stack", "local", str(path)]
    command += ["--port", "0", "--auth", auth, "--out", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[0], process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def headers_for(url: str, body: bytes, folder: Path, auth: str) -> dict[str, str]:
    """Give what a request of this body needs; a signature holds for five minutes."""
    if auth == "none":
        return {}
    if auth == "key":
        return {"x-api-key": (folder / "api-key").read_text().strip()}
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.session import Session

    session = Session()
    session.set_config_variable("credentials_file", str(folder / "credentials"))
    request = AWSRequest("POST", f"{url}/invocations", data=body)
    SigV4Auth(session.get_credentials(), "execute-api", "us-east-1").add_auth(request)
    return dict(request.headers)


def memory(pid: int) -> int:
    """Give the memory that a process holds, in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def sustained(path: Path, rows: Singles, folder: Path, auth: str, seconds: float) -> dict[str, Any]:
    """Send requests at the rate that is asked, and count what was stored."""
    body = seed(rows[:1]).encode()
    with local(path, folder, auth) as (url, pid):
        headers = headers_for(url, body, folder, auth)
        attack(url, body, "application/json", seconds=2, rate=RATE / 4, headers=headers)
        kept, used = stored(folder), processor(pid)
        with watching(pid) as held:
            load = attack(
                url,
                body,
                "application/json",
                seconds=seconds,
                rate=RATE,
                connections=64,
                headers=headers,
            )
        used = processor(pid) - used
    return {
        **asdict(load),
        "memory": held,
        "stored": stored(folder) - kept,
        "cpu_ms": used / load.sent * 1e3,
    }


# What the generator and the local cloud call the same way to ask.
GENERATED = {"none": "none", "key": "key", "iam": "sigv4"}


def generated(path: Path, folder: Path, auth: str, seconds: float) -> dict[str, Any]:
    """Have ``fastrcf traffic`` send its own rows, each request with a signature of its own.

    Parameters
    ----------
    path : Path
        A model of thirty columns.
    folder : Path
        Gets results and keys.
    auth : {"none", "key", "iam"}
    seconds : float
        Of the load; before it comes a short one, to warm both up.

    Returns
    -------
    dict
        The generator's report (``traffic``), results ``stored``, and seconds of a core for a
        request, in milliseconds (``cpu_ms``), of the local cloud alone.
    """
    with local(path, folder, auth) as (url, pid):
        _traffic(url, folder, auth, 2, RATE // 4)
        kept, used = stored(folder), processor(pid)
        report = _traffic(url, folder, auth, seconds, RATE)
        used = processor(pid) - used
    sent = report["requests"]["sent"]
    return {
        "traffic": {name: value for name, value in report.items() if name != "histogram_ms"},
        "stored": stored(folder) - kept,
        "cpu_ms": used / sent * 1e3,
    }


def _traffic(url: str, folder: Path, auth: str, seconds: float, rate: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "fastrcf.cli", "traffic", f"{url}/invocations", "--json"]
    command += ["--rate", str(rate), "--duration", str(seconds), "--auth", GENERATED[auth]]
    if auth == "key":
        command += ["--key-file", str(folder / "api-key")]
    if auth == "iam":
        command += ["--region", "us-east-1"]
    environment = {**os.environ, "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials")}
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        environment.pop(name, None)
    # The exit code says whether the report is good, and the report says why.
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if not done.stdout:
        raise RuntimeError(f"fastrcf traffic: {done.stderr}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@contextmanager
def watching(pid: int) -> Iterator[list[tuple[float, int]]]:
    """Note the memory of a process: seconds since the beginning, and bytes."""
    held: list[tuple[float, int]] = []
    began, over = perf_counter(), Event()

    def watch() -> None:
        while True:
            held.append((perf_counter() - began, memory(pid)))
            if over.wait(_EVERY):
                break

    thread = Thread(target=watch)
    thread.start()
    try:
        yield held
    finally:
        over.set()
        thread.join()
        held.append((perf_counter() - began, memory(pid)))


def processor(pid: int) -> float:
    """Give the seconds that a process has had of a core."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stored(folder: Path) -> int:
    """Count the results that the local cloud has stored."""
    files = (folder / "firehose").rglob("*.jsonl")
    return sum(file.read_bytes().count(b"\n") for file in files)
