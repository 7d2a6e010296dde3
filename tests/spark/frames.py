"""Arrow tables as data frames and back, on every version of Spark."""

import pyarrow as pa
from pyspark.sql import functions as F

from tests.spark.needs import SPARK


def frame(spark, table: pa.Table):
    """Make a data frame of a table."""
    if SPARK >= (4, 0):
        return spark.createDataFrame(table)
    from pyspark.sql.pandas.types import from_arrow_schema

    return spark.createDataFrame(table.to_pylist(), from_arrow_schema(table.schema))


def arrow(df) -> pa.Table:
    """Bring a data frame's rows to the driver."""
    if hasattr(df, "toArrow"):
        return df.toArrow()
    from pyspark.sql.pandas.types import to_arrow_schema

    rows = [row.asDict(recursive=True) for row in df.collect()]
    return pa.Table.from_pylist(rows, to_arrow_schema(df.schema))


def by_id(df) -> pa.Table:
    """Bring a data frame's rows to the driver, in the order of their numbers."""
    return arrow(df).sort_by("id")


# Rows whose amount cannot be used, and what it is.
WRONG = {77: None, 978: float("nan"), 1879: float("inf"), 2780: 1e35}


def spoilt(df, rows=tuple(WRONG)):
    """Give rows amounts that cannot be used."""
    amount = F.col("amount")
    for row in rows:
        amount = F.when(F.col("id") == row, F.lit(WRONG[row]).cast("double")).otherwise(amount)
    return df.withColumn("amount", amount)
