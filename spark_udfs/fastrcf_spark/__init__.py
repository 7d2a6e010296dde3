"""Random cut forests on Spark: fit, score and explain tables and streams of any size."""

from fastrcf_spark.tables import detect, score
from fastrcf_spark.watch import Watch

__all__ = [
    "Watch",
    "detect",
    "score",
]
