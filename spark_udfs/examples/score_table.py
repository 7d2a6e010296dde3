"""Score a Parquet table with a model file, and write the rows with their scores.

Run it by ``spark-submit spark_udfs/examples/score_table.py MODEL DATA -o OUT``, or by python.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

import fastrcf
from fastrcf_spark import Watch, detect, score

if TYPE_CHECKING:
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Give the arguments."""
    made = argparse.ArgumentParser(
        description="Score a Parquet table with a model file, and write rows with their scores."
    )
    made.add_argument(
        "model", help="model file: on the driver's disk, or s3://... and the like, read by Spark"
    )
    made.add_argument("data", help="folder or file of Parquet")
    made.add_argument("-o", "--output", required=True, help="folder to write Parquet to")
    made.add_argument("--columns", nargs="+", help="the model's inputs (default: its columns)")
    made.add_argument("--keep", nargs="+", help="columns to keep beside the score (default: all)")
    made.add_argument("--key", nargs="+", default=[], help="columns that errors name rows by")
    made.add_argument(
        "--reasons", action="store_true", help="write grade, is_anomaly and reasons as well"
    )
    made.add_argument("--null", action="store_true", help="give bad rows no score, do not fail")
    made.add_argument("--overwrite", action="store_true", help="replace what is there")
    return made


def refuse_within(output: str, data: str) -> None:
    """End where output would be among the data, or take their place."""
    # The scheme apart: s3 and s3a are one.
    places = [
        path.split(":", 1)[1] if ":/" in path else os.path.abspath(path) for path in (output, data)
    ]
    short, long = sorted((f"/{place.strip('/')}/" for place in places), key=len)
    if long.startswith(short):
        raise SystemExit(f"{output} is where the rows are, {data}: write to a folder apart")


def main(argv: Sequence[str] | None = None) -> None:
    """Score."""
    given = parser().parse_args(argv)
    refuse_within(given.output, given.data)
    spark = SparkSession.builder.appName("fastrcf: score").getOrCreate()
    if "://" in given.model:
        (file,) = spark.read.format("binaryFile").load(given.model).select("content").collect()
        model = fastrcf.loads(bytes(file["content"]))
    else:
        model = fastrcf.load(given.model)
    answer = detect if given.reasons else score
    with Watch("score") as watch:
        answer(
            spark.read.parquet(given.data),
            model,  # type: ignore[arg-type]
            given.columns,
            keep=given.keep or "all",
            key=given.key,
            missing="null" if given.null else "error",
            watch=watch,
        ).write.mode("overwrite" if given.overwrite else "errorifexists").parquet(given.output)
    print(watch)


if __name__ == "__main__":
    main()
