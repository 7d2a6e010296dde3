"""AWS's thresholded forest, which grades values against a threshold that it learns."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from benches.detection.detectors.protocol import StreamDetector
from benches.engines.java import JavaForest
from benches.engines.protocol import Shape

if TYPE_CHECKING:
    from benches.detection.case import Rows

N_TREES, SAMPLE_SIZE, SHINGLE_SIZE = 50, 256, 8


class Graded(StreamDetector):
    """By its grade alone: 0 below its threshold, up to 1."""

    name: ClassVar[str] = "AWS thresholded forest, grade"
    settings: ClassVar[str] = (
        f"ThresholdedRandomCutForest 4.3.0 (Java), numberOfTrees={N_TREES}, "
        f"sampleSize={SAMPLE_SIZE}, shingleSize={SHINGLE_SIZE}, internalShinglingEnabled=true, "
        "transformMethod=NORMALIZE, forestMode=STANDARD, the rest by default; time is the row"
    )

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._java = JavaForest(Shape(N_TREES, SAMPLE_SIZE, seed=seed))

    def process(self, values: Rows, seconds: Rows) -> Rows:
        """Grade each value, then learn it."""
        grade, score = self._java.thresholded(values, SHINGLE_SIZE)
        return self.read(grade, score)

    def read(self, grade: Rows, score: Rows) -> Rows:
        """Make one number of a grade and a score."""
        return grade

    def close(self) -> None:
        """End the Java process."""
        self._java.close()


class GradedScore(Graded):
    """By its grade times its score, so that grades of 1 are told apart."""

    name: ClassVar[str] = "AWS thresholded forest, grade x score"
    settings: ClassVar[str] = Graded.settings

    def read(self, grade: Rows, score: Rows) -> Rows:
        """Make one number of a grade and a score."""
        product: Rows = grade * score
        return product
