"""Names of columns as Spark tells them apart: without case, unless a session minds it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import fastrcf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import DataType

CASE = "spark.sql.caseSensitive"


def listed(names: str | Sequence[str]) -> list[str]:
    """Give one name, or several, as a list.

    Raises
    ------
    fastrcf.InvalidInputError
        If something else is among them, such as a Column, which Spark takes elsewhere.
    """
    found = [names] if isinstance(names, str) else list(names)
    for name in found:
        if not isinstance(name, str):
            raise fastrcf.InvalidInputError(
                f"columns are given by their names: expected text, found {name!r}"
            )
    return found


def types(df: DataFrame) -> dict[str, DataType]:
    """Give the types of a data frame's columns by their names.

    Raises
    ------
    fastrcf.InvalidInputError
        If a name occurs twice, or it is no data frame of Spark.
    """
    check_frame(df)
    fields = df.schema.fields
    for name, times in Counter(field.name for field in fields).items():
        if times > 1:
            raise fastrcf.InvalidInputError(
                f"{times} columns of the data frame have the same name, {name!r}: rename or drop "
                "all but one"
            )
    return {field.name: field.dataType for field in fields}


def check_frame(df: Any, what: str = "df") -> None:
    """Refuse what is no data frame of Spark, classic or Connect: a table of pandas, or a path."""
    if not (hasattr(df, "isStreaming") and hasattr(df, "schema")):
        kind = f"{type(df).__module__.partition('.')[0]}.{type(df).__qualname__}"
        raise fastrcf.InvalidInputError(
            f"{what}: expected a data frame of Spark, found {kind.removeprefix('builtins.')}; "
            "spark.createDataFrame makes one of a table in memory, spark.read one of files"
        )


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
