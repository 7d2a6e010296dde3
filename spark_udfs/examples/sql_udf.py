"""Ask for scores in SQL: registers ``rcf_score`` and runs a query with it.

Run it by ``spark-submit spark_udfs/examples/sql_udf.py MODEL DATA``, or by python.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

import fastrcf
from fastrcf_spark import score_udf

if TYPE_CHECKING:
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Give the arguments."""
    made = argparse.ArgumentParser(
        description="Register rcf_score for SQL and run a query over a Parquet table."
    )
    made.add_argument("model", help="file of a detector, on the driver's disk")
    made.add_argument("data", help="folder or file of Parquet; in SQL it is called events")
    made.add_argument(
        "--sql",
        help="a query that uses rcf_score(columns in the fitted order) (default: the ten rows "
        "of the highest scores)",
    )
    made.add_argument("--null", action="store_true", help="give bad rows no score, do not fail")
    return made


def main(argv: Sequence[str] | None = None) -> None:
    """Query."""
    given = parser().parse_args(argv)
    spark = SparkSession.builder.appName("fastrcf: SQL").getOrCreate()
    detector = fastrcf.load(given.model)
    if not isinstance(detector, fastrcf.Detector):
        raise SystemExit(f"{given.model} holds a {type(detector).__name__}, not a Detector")
    rcf_score = score_udf(detector, missing="null" if given.null else "error", spark=spark)
    spark.udf.register("rcf_score", rcf_score)
    spark.read.parquet(given.data).createOrReplaceTempView("events")
    columns = ", ".join("`" + name.replace("`", "``") + "`" for name in detector.columns)
    sql = given.sql or f"SELECT *, rcf_score({columns}) AS score FROM events"
    result = spark.sql(sql)
    if not given.sql:
        result = result.orderBy("score", ascending=False).limit(10)
    result.show(truncate=False)


if __name__ == "__main__":
    main()
