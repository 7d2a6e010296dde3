"""The servers that are measured: the container's, and the plainest one with the same handler."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic, sleep
from typing import IO, TYPE_CHECKING

from fastrcf.container import artifact
from fastrcf.serving.invocation import Question, answer
from fastrcf.serving.problems import as_problem
from fastrcf.serving.scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS, PLAIN = "fastrcf container serve", "http.server, same handler"


@contextmanager
def started(name: str, root: Path) -> Iterator[tuple[str, int, float]]:
    """Start a server as a process of its own.

    Yields
    ------
    url : str
    pid : int
    seconds : float
        From the start of the process to its first answer.
    """
    command = {
        OURS: [sys.executable, "-m", "fastrcf.cli", "container", "serve", "--root", str(root)],
        PLAIN: [sys.executable, "-m", "benches.serve.servers", str(root / "model")],
    }[name]
    began = monotonic()
    # A pipe that nobody reads would be full of refusals soon, and hold the server up.
    with (
        TemporaryFile("w+") as log,
        subprocess.Popen(
            command,
            stdout=log,
            env={**os.environ, "SAGEMAKER_BIND_TO_PORT": "0", "FASTRCF_HOST": "127.0.0.1"},
        ) as process,
    ):
        try:
            while not (found := re.search(r"http://[\d.]+:\d+", _text(log))):
                if process.poll() is not None or monotonic() - began > 60:
                    raise RuntimeError(f"{name} did not start")
                sleep(0.002)
            yield found[0], process.pid, monotonic() - began
        finally:
            process.terminate()
            process.wait(40)


def _text(file: IO[str]) -> str:
    """Read what another process has written into a file."""
    return os.pread(file.fileno(), 1 << 16, 0).decode(errors="replace")


def memory(pid: int) -> int:
    """Give the bytes that a process holds in memory."""
    return _of_status(pid, "VmRSS:")


def most_memory(pid: int) -> int:
    """Give the most bytes that a process has held in memory."""
    return _of_status(pid, "VmHWM:")


def _of_status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) << 10
    raise RuntimeError(f"process {pid} has no memory")


def main(folder: str) -> None:
    """Serve by the standard library: a thread for each connection, no limits."""
    scorer = Scorer(artifact.load(folder))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            try:
                question = Question.of(
                    self.headers.get("content-type", ""), self.headers.get("accept", "")
                )
                status, found = 200, answer(scorer, question, body)
            except Exception as error:
                problem = as_problem(error)
                if problem is None:
                    raise
                status, found = problem.status, problem.body()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(found)))
            self.end_headers()
            self.wfile.write(found)

        def log_message(self, *given: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 2048
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
