"""A session of an analyst through Spark Connect: fit, look at alerts, ask by SQL, fit each key.

Run it by ``python spark_udfs/examples/connect_session.py DATA -o MODEL``. By default it starts a
server of its own on this machine, which needs Java; ``--remote sc://HOST:15002`` is one that is
there, which reads DATA by its own paths. The model comes to this machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from fastrcf_spark import Watch, detect, detect_per_key, fit, fit_per_key, score_udf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from fastrcf import Detector


def parser() -> argparse.ArgumentParser:
    """Give the arguments."""
    made = argparse.ArgumentParser(
        description="Fit a detector through Spark Connect, look at its alerts, ask by SQL."
    )
    made.add_argument("data", help="folder or file of Parquet, where the server finds it")
    made.add_argument("-o", "--output", required=True, help="model file to write, on this disk")
    made.add_argument(
        "--remote", default="local[2]", help="sc://HOST:15002, or local[N] (default: local[2])"
    )
    made.add_argument("--columns", nargs="+", help="what to learn (default: all of numbers)")
    made.add_argument("--key", nargs="+", help="columns that tell rows apart")
    made.add_argument("--each", metavar="COLUMN", help="a detector for each value of it as well")
    made.add_argument("--alert-rate", type=float, default=0.001, help="share of alerts (0.001)")
    made.add_argument("--seed", type=int, default=0, help="of the sample and the forest (0)")
    return made


def main(argv: Sequence[str] | None = None) -> None:
    """Go through the session."""
    given = parser().parse_args(argv)
    if not Path(given.output).absolute().parent.is_dir():
        # Else it would be told when all has been done.
        raise SystemExit(f"{given.output}: there is no such folder on this disk")
    spark = SparkSession.builder.remote(given.remote).getOrCreate()
    events = spark.read.parquet(given.data)

    with Watch("fit") as watch:
        detector = fit(
            events,
            given.columns,
            key=given.key,
            alert_rate=given.alert_rate,
            seed=given.seed,
            watch=watch,
        )
    detector.save(given.output)
    print(watch)

    # Scored once, here; what is asked of the alerts below reads few rows.
    with Watch("detect") as watch:
        alerts = detect(events, detector, key=given.key or (), watch=watch).where("is_anomaly")
        shown = [*(given.key or []), *detector.columns[:4], "score", "grade"]
        found = alerts.orderBy(F.desc("score")).select(*shown).collect()
    print(watch)
    print(*shown)
    for row in found[:10]:
        print(*row)

    spark.udf.register("rcf_score", score_udf(detector, spark=spark))
    events.createOrReplaceTempView("events")
    names = ", ".join("`" + name.replace("`", "``") + "`" for name in detector.columns)
    query = f"SELECT count(*) AS n FROM events WHERE rcf_score({names}) > {detector.threshold!r}"
    (row,) = spark.sql(query).collect()
    print(f"by SQL: {row['n']:,} alerts")

    if given.each:
        each(events, given, detector)
    spark.stop()


def each(events: DataFrame, given: argparse.Namespace, fallback: Detector) -> None:
    """Fit a detector for each value of a column, and count alerts by it."""
    options = {"alert_rate": given.alert_rate, "seed": given.seed}
    with Watch("models") as watch:
        models = fit_per_key(events, given.each, fallback.columns, watch=watch, **options)
        # Here they are few: brought to the client they are fitted once. Elsewhere write a table.
        table = models.sparkSession.createDataFrame(models.toArrow(), models.schema)
    print(watch)
    judged = detect_per_key(
        events, table, given.each, columns=fallback.columns, fallback=fallback, keep=[given.each]
    )
    by_key = judged.where("is_anomaly").groupBy(given.each).count().orderBy(F.desc("count"))
    by_key.show(10, truncate=False)


if __name__ == "__main__":
    main()
