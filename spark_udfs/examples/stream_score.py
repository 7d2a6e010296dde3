"""Score the files of a folder as they come, with a model that stays as it is.

Run it by ``spark-submit spark_udfs/examples/stream_score.py MODEL FOLDER -o OUT --checkpoint C``,
or by python. Started again with the same checkpoint it goes on where it ended.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

import fastrcf
from fastrcf_spark import score

if TYPE_CHECKING:
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Give the arguments."""
    made = argparse.ArgumentParser(
        description="Score the Parquet files of a folder as they come, with a fixed model."
    )
    made.add_argument("model", help="model file, on the driver's disk")
    made.add_argument("folder", help="where files come; one must be there, for the columns")
    made.add_argument("-o", "--output", required=True, help="folder to write Parquet to")
    made.add_argument("--checkpoint", required=True, help="folder where the query notes how far")
    made.add_argument("--columns", nargs="+", help="the model's inputs (default: its columns)")
    made.add_argument("--keep", nargs="+", help="columns to keep beside the score (default: all)")
    made.add_argument(
        "--every",
        metavar="TIME",
        help="look for files so often, as '10 seconds', until stopped (default: score what is "
        "there and end)",
    )
    made.add_argument("--files", type=int, default=100, help="files a batch at most (100)")
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
    """Score a stream."""
    given = parser().parse_args(argv)
    for made in (given.output, given.checkpoint):
        refuse_within(made, given.folder)
    spark = SparkSession.builder.appName("fastrcf: stream").getOrCreate()
    schema = spark.read.parquet(given.folder).schema
    rows = (
        spark.readStream.schema(schema)
        .option("maxFilesPerTrigger", given.files)
        .parquet(given.folder)
    )
    # A row that cannot be scored gets null: a stream that fails at it would fail for ever.
    scored = score(
        rows,
        fastrcf.load(given.model),  # type: ignore[arg-type]
        given.columns,
        keep=given.keep or "all",
        missing="null",
    )
    writer = scored.writeStream.format("parquet").option("checkpointLocation", given.checkpoint)
    if given.every:
        writer = writer.trigger(processingTime=given.every)
    else:
        writer = writer.trigger(availableNow=True)
    query = writer.start(given.output)
    try:
        query.awaitTermination()
    except KeyboardInterrupt:
        query.stop()
    done = sum(batch["numInputRows"] for batch in query.recentProgress)
    print(f"stream: {done:,} rows in the last {len(query.recentProgress)} batches")


if __name__ == "__main__":
    main()
