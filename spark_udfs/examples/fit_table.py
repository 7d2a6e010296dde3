"""Fit a detector to a table and write it to a model file.

Run it by ``spark-submit spark_udfs/examples/fit_table.py DATA -o MODEL``, or by python, which
then starts Spark on this machine (or uses the server that SPARK_REMOTE names).
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

from fastrcf_spark import fit

if TYPE_CHECKING:
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Give the arguments."""
    made = argparse.ArgumentParser(
        description="Fit a detector to a table and write it to a model file."
    )
    made.add_argument("data", help="folder or file of the table, wherever Spark can read it")
    made.add_argument("-o", "--output", required=True, help="model file, on the driver's disk")
    made.add_argument(
        "--format",
        choices=("parquet", "csv"),
        default="parquet",
        help="of the table; CSV needs a line of names (default: parquet)",
    )
    made.add_argument("--columns", nargs="+", help="columns to learn (default: all of numbers)")
    made.add_argument("--categorical", nargs="+", default=[], help="columns that are categories")
    made.add_argument("--key", nargs="+", help="columns that tell rows apart")
    made.add_argument("--weight", help="column of weights")
    made.add_argument("--alert-rate", type=float, default=0.001, help="share of alerts (0.001)")
    made.add_argument("--seed", type=int, help="0 to 2**64 - 1 (default: a fresh one)")
    made.add_argument("--rows", type=int, help="rows of the sample (default: 65536)")
    made.add_argument("--trees", type=int, default=100, help="trees (100)")
    made.add_argument("--drop-bad-rows", action="store_true", help="instead of refusing them")
    return made


def main(argv: Sequence[str] | None = None) -> None:
    """Fit."""
    given = parser().parse_args(argv)
    if not Path(given.output).absolute().parent.is_dir():
        # Else it would be told when all has been done.
        raise SystemExit(f"{given.output}: there is no such folder on the driver's disk")
    logging.basicConfig(format="%(message)s")
    logging.getLogger("fastrcf_spark").setLevel(logging.INFO)
    spark = SparkSession.builder.appName("fastrcf: fit").getOrCreate()
    reader = spark.read.format(given.format)
    if given.format == "csv":
        reader = reader.option("header", True).option("inferSchema", True)
    detector = fit(
        reader.load(given.data),
        given.columns,
        categorical=given.categorical,
        key=given.key,
        weight=given.weight,
        alert_rate=given.alert_rate,
        seed=given.seed,
        n_rows=given.rows,
        missing="drop" if given.drop_bad_rows else "error",
        n_trees=given.trees,
    )
    detector.save(given.output)
    low, high = detector.alert_rate_interval
    print(f"{given.output}: {detector!r}")
    print(f"alert rate in 95 of 100 such fits: {low:.3g} to {high:.3g}")
    for name, text in detector.notes.items():
        print(f"{name}: {text}")


if __name__ == "__main__":
    main()
