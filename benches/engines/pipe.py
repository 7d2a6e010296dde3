"""Engines in a process of their own that obeys a line protocol.

A command is a line, its fields separated by tabs; rows and answers pass through
plain little-endian files. See `java/` and `rust/core/examples/line.rs`.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from abc import abstractmethod
from pathlib import Path
from typing import IO, TYPE_CHECKING, ClassVar

import numpy as np

from benches.engines.protocol import Engine, Rows, Shape, Timed, Work

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class PipeEngine(Engine):
    """An engine that times itself in its own process.

    Attributes
    ----------
    one_row_a_call : bool
        Whether its way to score a table is a call for each row anyway.
    variables : mapping of str to str
        Environment variables that its process gets besides ours.
    """

    one_row_a_call: ClassVar[bool] = False
    variables: ClassVar[Mapping[str, str]] = {}

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        command = self.command()
        self._folder = tempfile.TemporaryDirectory(prefix="fastrcf-bench-")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.variables},
        )

    @classmethod
    @abstractmethod
    def command(cls) -> Sequence[str]:
        """Give the program and its arguments, built if need be.

        Raises
        ------
        Unavailable
            If it cannot be built or run here.
        """

    def __enter__(self) -> PipeEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def build(self, rows: Rows) -> None:
        """Make a new forest that has taken ``rows`` in, in order."""
        shape = self.shape
        words = (shape.n_trees, shape.sample_size, shape.decay, shape.seed, rows.shape[1])
        self._ask("build", *map(str, words), self._file(rows))

    def run(self, work: Work, rows: Rows, batch: int | None = None) -> Timed:
        """Do one work on rows, timed inside the process."""
        if batch is not None:
            raise ValueError(f"{self.name}: has no batches of a chosen size")
        said: str = "score" if work == "row" and self.one_row_a_call else work
        out = Path(self._folder.name, "answer")
        wall, cpu = self._ask(said, self._file(rows), str(out))[:2]
        if work == "insert":
            return Timed(cpu, wall, None)
        answer = np.fromfile(out, "<f8")
        return Timed(cpu, wall, answer.reshape(len(rows), -1) if work == "attribution" else answer)

    def close(self) -> None:
        """End the process and remove its files."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def _file(self, rows: Rows) -> str:
        path = Path(self._folder.name, "rows")
        rows.astype("<f4").tofile(path)
        return str(path)

    def _ask(self, *words: str) -> list[int]:
        """Give a command; its wall and thread nanoseconds, and what it says beside."""
        print("\t".join(words), file=_open(self._process.stdin), flush=True)
        answer = _open(self._process.stdout).readline().rstrip("\n").split("\t")
        if answer[0] != "ok":
            raise RuntimeError(f"{self.name} failed on {words[0]}: {' '.join(answer[1:])}")
        return [int(word) for word in answer[1:]]


def _open(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise RuntimeError("the engine's process has no pipes")
    return stream
