"""At most so many alerts for an entity and day: those of highest score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F
from pyspark.sql.types import DateType, NumericType, TimestampNTZType, TimestampType

import fastrcf
from fastrcf_spark._features import PREFIX, column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import DataType

_DAY, _RANK = f"{PREFIX}day", f"{PREFIX}rank"
# Beyond, in seconds, there are no days.
_LAST = 1e18


@dataclass(frozen=True)
class Limit:
    """What is asked for.

    Attributes
    ----------
    per_day : int
        Alerts for an entity and day.
    entity, time : str
        The columns.
    """

    per_day: int
    entity: str
    time: str


def checked(
    df: DataFrame, per_day: int | None, entity: str | None, time: str | None
) -> Limit | None:
    """Take what is asked for; None where nothing is.

    Raises
    ------
    fastrcf.InvalidParameterError
        If one of the three lacks the others, or the number is below 1.
    fastrcf.InvalidInputError
        If there is no such column, the time is none, or the data frame is a stream.
    """
    if per_day is None and entity is None and time is None:
        return None
    if per_day is None or entity is None or time is None:
        raise fastrcf.InvalidParameterError(
            "per_day, entity and time_column: each needs the two others"
        )
    limit = Limit(fastrcf.AlertLimit(per_day).per_day, entity, time)
    types = {field.name: field.dataType for field in df.schema.fields}
    for name in (entity, time):
        if name not in types:
            raise fastrcf.InvalidInputError(f"the data frame has no column {name!r}")
    if not isinstance(types[time], (DateType, NumericType, TimestampNTZType, TimestampType)):
        raise fastrcf.InvalidInputError(
            f"column {time!r} holds {types[time].simpleString()}: expected times, dates, or "
            "numbers in seconds"
        )
    if df.isStreaming:
        raise fastrcf.InvalidInputError(
            "per_day looks at whole days of a table; of a stream use fastrcf.AlertLimit in "
            "foreachBatch"
        )
    return limit


def best(df: DataFrame, limit: Limit, prefix: str, key: Sequence[str]) -> DataFrame:
    """Leave each entity the alerts of highest score of a day; of equal ones the earliest.

    Others keep score and grade, are no alerts and have no reasons. Alerts without an entity or
    a time are left as they are.
    """
    is_anomaly, reasons = f"{prefix}is_anomaly", f"{prefix}reasons"
    day = _day(limit.time, df.schema[limit.time].dataType)
    window = Window.partitionBy(column(limit.entity), column(_DAY), column(is_anomaly)).orderBy(
        column(f"{prefix}score").desc(), column(limit.time).asc(), *[column(name) for name in key]
    )
    ranked = df.withColumn(_DAY, day).withColumn(_RANK, F.row_number().over(window))
    beyond = (
        column(is_anomaly)
        & (column(_RANK) > limit.per_day)
        & column(limit.entity).isNotNull()
        & column(_DAY).isNotNull()
    )
    changed = {is_anomaly: F.lit(False)}
    if reasons in df.columns:
        changed[reasons] = F.slice(column(reasons), 1, 0)
    return ranked.select(
        *[
            F.when(beyond, changed[name]).otherwise(column(name)).alias(name)
            if name in changed
            else column(name)
            for name in df.columns
        ]
    )


def _day(name: str, kind: DataType) -> Column:
    """Give the number of a day since 1970: of moments in UTC, as AlertLimit has it."""
    if isinstance(kind, TimestampType):
        return F.floor(F.unix_seconds(column(name)) / 86_400)
    if isinstance(kind, (DateType, TimestampNTZType)):
        return F.datediff(column(name).cast("date"), F.lit("1970-01-01").cast("date"))
    seconds = column(name).cast("double")
    return F.when(F.abs(seconds) <= _LAST, F.floor(seconds / 86_400))
