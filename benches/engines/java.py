"""AWS's Java forest, built by Maven from `benches/java`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from benches.engines.pipe import PipeEngine
from benches.engines.protocol import Unavailable, Work
from benches.rows import mixture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

# Seconds after which a work that wavers is measured as it is.
MOST = 6
# Rows of the warm-up: works that learn have forgotten the first when they come again.
WARM_UP_ROWS = 20_000
PROJECT = Path(__file__).resolve().parent.parent / "java"


def class_path() -> str:
    """Build the Maven project if its sources are newer, and give its class path.

    Raises
    ------
    Unavailable
        Names what is missing, or holds Maven's output if the build fails.
    """
    absent = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if absent:
        raise Unavailable(f"{' and '.join(absent)} not on the PATH")
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
            raise Unavailable(f"mvn package failed in {PROJECT.name}:\n{done.stdout}{done.stderr}")
    return os.pathsep.join((str(jar), str(jar.parent / "lib" / "*")))


class JavaForest(PipeEngine):
    """AWS's open-source Java forest, release 4.3.0."""

    name: ClassVar[str] = "AWS Java 4.3.0"
    settings: ClassVar[str] = (
        "RandomCutForest, float[] rows, a call each (it has no other), "
        "parallelExecutionEnabled=false, -XX:+UseSerialGC -Xmx2g; timed inside the JVM; "
        "before it is measured each work is repeated until three repetitions of 0.2 s agree within "
        "3 %: 1 s at least, 6 s at most"
    )
    works: ClassVar[Mapping[Work, int]] = {
        "score": 300,
        "row": 300,
        "process": 300,
        "insert": 300,
        "attribution": 100,
    }
    one_row_a_call: ClassVar[bool] = True

    def settle(self, work: Work, n_columns: int) -> str | None:
        """Let the JVM compile what it will, on rows of the same kind."""
        said = "score" if work == "row" else work
        rows = mixture(WARM_UP_ROWS, n_columns, seed=4)
        *_, repetitions, agreed = self._ask("warm", said, self._file(rows), str(MOST * 10**9))
        if agreed:
            return None
        return f"its time still changed by more than 3 % after {MOST} s ({repetitions} repetitions)"

    @classmethod
    def command(cls) -> Sequence[str]:
        """Give the JVM's command line; one collector thread, as all here have one thread."""
        return ["java", "-XX:+UseSerialGC", "-Xmx2g", "-cp", class_path(), "fastrcf.peer.Peer"]

    def thresholded(
        self, values: NDArray[np.float64], shingle_size: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Let a new ThresholdedRandomCutForest of this shape grade a series.

        Parameters
        ----------
        values : ndarray of float64, shape (n,)
        shingle_size : int
            Values that its trees see together.

        Returns
        -------
        grade, score : ndarray of float64, shape (n,)
            Of each value from those before it; 0 while the forest says nothing.
        """
        series, out = (Path(self._folder.name, name) for name in ("series", "answer"))
        values.astype("<f8").tofile(series)
        shape = self.shape
        numbers = (shape.n_trees, shape.sample_size, shingle_size, shape.seed)
        self._ask("thresholded", *map(str, numbers), str(series), str(out))
        grade, score = np.fromfile(out, "<f8").reshape(-1, 2).T
        return grade, score
