"""Random cut forests on Spark: fit, score and explain tables and streams of any size."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

if _TYPE_CHECKING:
    from fastrcf_spark.fitting import fit
    from fastrcf_spark.keyed import detect_per_key, fit_per_key, score_per_key
    from fastrcf_spark.parquet import score_parquet
    from fastrcf_spark.pipeline import RandomCutForestEstimator, RandomCutForestModel
    from fastrcf_spark.session_findings import detect_sessions
    from fastrcf_spark.session_scores import score_sessions
    from fastrcf_spark.session_silence import quiet_times
    from fastrcf_spark.sessions import fit_peers, session_features
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
    "detect_sessions",
    "fit",
    "fit_peers",
    "fit_per_key",
    "process_stream",
    "quiet_times",
    "score",
    "score_parquet",
    "score_per_key",
    "score_sessions",
    "score_udf",
    "session_features",
]

# Each is imported when it is first asked for: a worker, which needs none of them, starts in a
# fraction of the time.
_FROM = {
    "RandomCutForestEstimator": "pipeline",
    "RandomCutForestModel": "pipeline",
    "Watch": "watch",
    "detect": "tables",
    "detect_per_key": "keyed",
    "detect_sessions": "session_findings",
    "fit": "fitting",
    "fit_peers": "sessions",
    "fit_per_key": "keyed",
    "process_stream": "streaming",
    "quiet_times": "session_silence",
    "score": "tables",
    "score_parquet": "parquet",
    "score_per_key": "keyed",
    "score_sessions": "session_scores",
    "score_udf": "udf",
    "session_features": "sessions",
}


def __getattr__(name: str) -> _Any:
    if name not in _FROM:
        raise AttributeError(f"module 'fastrcf_spark' has no attribute {name!r}")
    found = getattr(_import_module(f"fastrcf_spark.{_FROM[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
