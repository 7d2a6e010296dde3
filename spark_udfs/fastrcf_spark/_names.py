"""Names of columns as Spark tells them apart: without case, unless a session minds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import SparkSession

CASE = "spark.sql.caseSensitive"


def listed(names: str | Sequence[str]) -> list[str]:
    """Give one name, or several, as a list."""
    return [names] if isinstance(names, str) else list(names)


def namesake(spark: SparkSession, name: str, names: Sequence[str]) -> str | None:
    """Find among names the one that is the same to Spark; None where there is none."""
    if name in names:
        return name
    alike = [other for other in names if other.lower() == name.lower()]
    # Through Connect the session is asked over the network: only where it matters.
    return alike[0] if alike and not _minds_case(spark) else None


def same(name: str, other: str) -> str:
    """Say of another name that it is the same to Spark, where people may not think so."""
    return "" if name == other else f", to Spark the same as {name!r}"


def _minds_case(spark: SparkSession) -> bool:
    try:
        return str(spark.conf.get(CASE)).lower() == "true"
    except Exception:
        # Serverless Spark tells nobody its settings.
        return False
