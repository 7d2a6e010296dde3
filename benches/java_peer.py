"""AWS's Java forest, in a process of its own that obeys a line protocol."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, ClassVar

import numpy as np

from benches.peers import Peer, Rows, Shape, Timed, Work

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = Path(__file__).resolve().parent / "java"


def missing() -> str | None:
    """Say what keeps the Java forest from running here; None if nothing does."""
    absent = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    return f"{' and '.join(absent)} not on the PATH" if absent else None


def class_path() -> str:
    """Build the Maven project if its sources are newer, and give its class path.

    Raises
    ------
    RuntimeError
        With Maven's output, if the build fails.
    """
    jar = PROJECT / "target" / "peer.jar"
    sources = [PROJECT / "pom.xml", *PROJECT.glob("src/**/*.java")]
    if not jar.exists() or jar.stat().st_mtime < max(path.stat().st_mtime for path in sources):
        done = subprocess.run(
            [shutil.which("mvn") or "mvn", "--quiet", "--batch-mode", "package"],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"mvn package failed in {PROJECT}:\n{done.stdout}{done.stderr}")
    return os.pathsep.join((str(jar), str(jar.parent / "lib" / "*")))


class JavaForest(Peer):
    """AWS's open-source Java forest, release 4.3.0."""

    name: ClassVar[str] = "AWS Java 4.3.0"
    rows: ClassVar[Mapping[Work, int]] = {"score": 8_000, "process": 4_000, "insert": 6_000}

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self._folder = tempfile.TemporaryDirectory(prefix="fastrcf-peer-")
        # One collector thread, as all forests here have one thread to work with.
        self._process = subprocess.Popen(
            ["java", "-XX:+UseSerialGC", "-Xmx2g", "-cp", class_path(), "fastrcf.peer.Peer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> JavaForest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def build(self, rows: Rows) -> None:
        """Make a new forest that has taken ``rows`` in, in order."""
        shape = self.shape
        words = (shape.n_trees, shape.sample_size, shape.decay, shape.seed, rows.shape[1])
        self._ask("build", *map(str, words), self._file(rows))

    def run(self, work: Work, rows: Rows) -> Timed:
        """Do one work on rows, timed inside the Java process."""
        words = [work, self._file(rows)]
        out = Path(self._folder.name, "scores")
        if work != "insert":
            words.append(str(out))
        wall, cpu = self._ask(*words)
        return Timed(cpu, wall, None if work == "insert" else np.fromfile(out, "<f8"))

    def close(self) -> None:
        """End the process and remove its files."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait(timeout=30)
        self._folder.cleanup()

    def _file(self, rows: Rows) -> str:
        path = Path(self._folder.name, "rows")
        rows.astype("<f4").tofile(path)
        return str(path)

    def _ask(self, *words: str) -> tuple[int, int]:
        """Give a command; its wall and thread nanoseconds."""
        print("\t".join(words), file=_open(self._process.stdin), flush=True)
        answer = _open(self._process.stdout).readline().rstrip("\n").split("\t")
        if answer[0] != "ok":
            raise RuntimeError(f"the Java forest failed on {words[0]}: {' '.join(answer[1:])}")
        return int(answer[1]), int(answer[2])


def _open(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise RuntimeError("the Java forest's process has no pipes")
    return stream
