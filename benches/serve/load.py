"""Load from Vegeta (go install), which keeps its rate however slow the answers are."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Where `make bench-serve` puts it.
PROGRAM = "vegeta"


@dataclass(frozen=True)
class Load:
    """What came of a load.

    Attributes
    ----------
    sent, good : int
        Requests that were sent, and answered with 200.
    seconds : float
        From the first request to the last answer.
    statuses : dict of str to int
        Answers by status; 0: no answer.
    p50, p99, most : float
        Latencies of all answers, in milliseconds.
    wrong : int
        Answers 200 that were not the expected ones.
    """

    sent: int
    good: int
    seconds: float
    statuses: dict[str, int]
    p50: float
    p99: float
    most: float
    wrong: int

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.good / self.seconds


def attack(
    url: str,
    body: bytes,
    content_type: str,
    *,
    seconds: float,
    rate: float = 0,
    connections: int = 16,
    expected: bytes | None = None,
    path: str = "/invocations",
    headers: Mapping[str, str] | None = None,
) -> Load:
    """Send the same request again and again.

    Parameters
    ----------
    url, body, content_type
        The request, a POST.
    seconds : float
        How long.
    rate : float, default 0
        Requests a second, kept up whatever becomes of those before; 0: each
        connection sends the next one once it has its answer.
    connections : int
        At most.
    expected : bytes, optional
        What every answer 200 has to be.
    path : str, default "/invocations"
    headers : mapping of str to str, optional
        Further ones.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise RuntimeError(f"{PROGRAM} is not there: make bench-serve installs it (needs go)")
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "body").write_bytes(body)
        command = [program, "attack", "-targets", str(folder / "targets")]
        command += ["-body", str(folder / "body"), "-duration", f"{seconds}s"]
        command += ["-rate", f"{rate:.0f}/1s" if rate else "0", "-timeout", "60s"]
        command += ["-max-workers", str(connections), "-workers", str(min(connections, 64))]
        command += ["-connections", str(connections), "-output", str(folder / "results")]
        (folder / "targets").write_text(
            f"POST {url}{path}\nContent-Type: {content_type}\nAccept: application/json\n"
            + "".join(f"{name}: {value}\n" for name, value in (headers or {}).items())
        )
        # Of two cores the server has more use: the load's garbage is collected rarely.
        subprocess.run(command, check=True, env={**os.environ, "GOGC": "400"})
        report = json.loads(_told(program, "report", "-type", "json", str(folder / "results")))
        wrong = 0
        if expected is not None:
            for line in _told(program, "encode", str(folder / "results")).splitlines():
                result = json.loads(line)
                if result["code"] == 200:
                    wrong += base64.b64decode(result["body"] or "") != expected
    latencies = report["latencies"]
    statuses = {str(status): n for status, n in report["status_codes"].items()}
    return Load(
        sent=report["requests"],
        good=statuses.get("200", 0),
        seconds=(report["duration"] + report["wait"]) / 1e9,
        statuses=statuses,
        p50=latencies["50th"] / 1e6,
        p99=latencies["99th"] / 1e6,
        most=latencies["max"] / 1e6,
        wrong=wrong,
    )


def _told(program: str, *words: str) -> str:
    done = subprocess.run([program, *words], check=True, capture_output=True, text=True)
    return done.stdout
