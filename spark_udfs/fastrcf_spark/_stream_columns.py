"""How the columns of a stream come out of Spark's stateful operator.

The operator takes pandas data frames and makes Arrow data of them. Columns that are Arrow data
already pass through it as they are, if they are of a plain type; times and dates do as whole
numbers, which Spark makes them of and back without loss. With other types, rows come out in
packets, which one more Python worker for each task takes apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql.types import (
    BinaryType,
    BooleanType,
    ByteType,
    DataType,
    DateType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    ShortType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

_PLAIN = {
    BinaryType,
    BooleanType,
    ByteType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    ShortType,
    StringType,
}
_NUMBERS: dict[type, DataType] = {DateType: IntegerType(), TimestampType: LongType()}
PACKETS = StructType([StructField("rows", BinaryType())])


def are_plain(fields: Sequence[StructField]) -> bool:
    """Tell whether columns of these types pass through the operator as Arrow data."""
    return all(type(field.dataType) in _PLAIN | set(_NUMBERS) for field in fields)


def into(expression: Column, field: StructField) -> Column:
    """Make a plain column of one."""
    if isinstance(field.dataType, TimestampType):
        return F.unix_micros(expression)
    return F.unix_date(expression) if isinstance(field.dataType, DateType) else expression


def plain(fields: Sequence[StructField]) -> StructType:
    """Give the types of columns as the operator gives them, by number."""
    return _numbered(fields, [_NUMBERS.get(type(f.dataType), f.dataType) for f in fields])


def unpacked(fields: Sequence[StructField]) -> StructType:
    """Give the types of columns out of packets, by number."""
    return _numbered(fields, [f.dataType for f in fields])


def _numbered(fields: Sequence[StructField], kinds: Sequence[DataType]) -> StructType:
    numbered = enumerate(zip(fields, kinds, strict=True))
    return StructType(
        [StructField(f"r{i}", kind, f.nullable, f.metadata) for i, (f, kind) in numbered]
    )


def restored(df: DataFrame, fields: Sequence[StructField]) -> DataFrame:
    """Make the columns that they were of plain ones."""
    columns = []
    for i, field in enumerate(fields):
        column = F.col(f"r{i}")
        if isinstance(field.dataType, TimestampType):
            column = F.timestamp_micros(column).alias(f"r{i}", metadata=field.metadata)
        elif isinstance(field.dataType, DateType):
            column = F.date_from_unix_date(column).alias(f"r{i}", metadata=field.metadata)
        columns.append(column)
    return df.select(*columns)
