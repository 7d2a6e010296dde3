"""Random cut forests on Spark: fit, score and explain tables and streams of any size."""

from fastrcf_spark.fitting import fit
from fastrcf_spark.keyed import detect_per_key, fit_per_key, score_per_key
from fastrcf_spark.parquet import score_parquet
from fastrcf_spark.pipeline import RandomCutForestEstimator, RandomCutForestModel
from fastrcf_spark.streaming import process_stream
from fastrcf_spark.tables import detect, score
from fastrcf_spark.udf import score_udf
from fastrcf_spark.watch import Watch

__all__ = [
    "RandomCutForestEstimator",
    "RandomCutForestModel",
    "Watch",
    "detect",
    "detect_per_key",
    "fit",
    "fit_per_key",
    "process_stream",
    "score",
    "score_parquet",
    "score_per_key",
    "score_udf",
]
