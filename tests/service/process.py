"""``fastrcf serve`` as a process of its own."""

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field

COMMAND = [sys.executable, "-m", "fastrcf.cli", "serve"]


@dataclass
class Running:
    """A server: its process, its address, and lines of its log that were read."""

    process: subprocess.Popen
    url: str
    log: list = field(default_factory=list)

    def ask(self, path, body=None, **headers):
        """Give status, headers and body of an answer."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        body = json.dumps(body).encode() if body is not None and type(body) is not bytes else body
        if body is not None:
            names.setdefault("content-type", "application/json")
        request = urllib.request.Request(self.url + path, body, names)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()

    def lines(self):
        """Wait for its end; give all further lines of its log."""
        rest = self.process.stderr.read()
        self.process.wait(20)
        return [json.loads(line) for line in rest.splitlines()]

    def wait_for(self, words):
        """Read the log until a message has these words; give its line."""
        for text in self.process.stderr:
            line = json.loads(text)
            self.log.append(line)
            if words in line["message"]:
                return line
        raise AssertionError(f"{words!r} is not in {self.log}")


@contextmanager
def started(*arguments, **environment):
    """Start a server; give it once it answers."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments), "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        running = Running(process, "")
        line = running.wait_for("serving model")
        running.url = re.search(r"http://[\d.:]+", line["message"])[0]
        yield running
    finally:
        process.kill()
        process.communicate()


def failed(*arguments, **environment):
    """Give the exit code and standard error of a server that cannot start."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments), "--port", "0"],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, **environment},
    )
    return done.returncode, done.stderr
