"""Programs whose tasks come to grief: faulty.py MASTER FOLDER PROGRAM. test_faults.py runs them.

A master of ``connect:local[2]`` is one of a Spark Connect server, which the program starts.

Programs of their own, since a process has one Spark; what they define is sent to the workers.
"""

import os
import signal
import sys
import time
from pathlib import Path

from pyspark import TaskContext
from pyspark.sql import SparkSession

import fastrcf
from fastrcf_spark import _parquet_output, process_stream, score, score_parquet, tables
from fastrcf_spark.streaming import PROVIDER, ROCKSDB
from tests.spark.needs import JAVA_OPTIONS
from tests.spark.streams import FOREST, INPUTS


def processed(spark, folder, spoilt):
    """Process the stream in a folder; ``spoilt`` sees its scores before they are written."""
    source = f"{folder}/in"
    stream = spark.readStream.schema(spark.read.parquet(source).schema)
    stream = stream.option("maxFilesPerTrigger", 1).parquet(source)
    scored = process_stream(stream, "sim", INPUTS, time_column="time", **FOREST)
    # The forests of a task have learnt its rows by then, and nothing is committed.
    query = (
        scored.mapInArrow(spoilt, scored.schema)
        .writeStream.format("parquet")
        .option("path", f"{folder}/out")
        .option("checkpointLocation", f"{folder}/checkpoint")
        .trigger(availableNow=True)
        .start()
    )
    assert query.awaitTermination(400)
    # The folder may hold files of attempts that failed, which Spark tells from others.
    spark.read.parquet(f"{folder}/out").write.parquet(f"{folder}/rows")


def lose_the_driver(spark, folder):
    """Process a stream; until the file ``on`` is there, rows beyond 400 wait for the end."""

    def waiting(batches):
        for batch in batches:
            yield batch
            if max(batch.column(0).to_pylist(), default=0) < 400 or Path(f"{folder}/on").exists():
                continue
            Path(f"{folder}/waiting").touch()
            # As long as Spark, who starts this process, lives.
            spark_itself = os.getppid()
            while os.getppid() == spark_itself:
                time.sleep(0.1)
            os._exit(0)

    processed(spark, folder, waiting)


def lose_an_executor(spark, folder):
    """Process a stream; the first task that sees a row beyond 400 kills its executor, once."""
    marker = f"{folder}/killed"

    def dying(batches):
        for batch in batches:
            yield batch
            if max(batch.column(0).to_pylist(), default=0) < 400:
                continue
            try:
                os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            pid = os.getpid()
            while "CoarseGrainedExecutorBackend" not in Path(f"/proc/{pid}/cmdline").read_text():
                pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            os.kill(pid, signal.SIGKILL)
            time.sleep(60)

    processed(spark, folder, dying)


def try_tasks_twice_at_once(spark, folder):
    """Write scores, of which the first task is slow: Spark starts it a second time meanwhile."""

    def slowed(plain, name):
        def deferred(*arguments):
            run = plain(*arguments)

            def slow(batches):
                task = TaskContext.get()
                place, attempt = task.partitionId(), task.attemptNumber()
                Path(f"{folder}/{name}-{place}-{attempt}").touch()
                for batch in run(batches):
                    yield batch
                    # Behind rows that are on their way to the file already.
                    if (place, attempt) == (0, 0):
                        time.sleep(60)

            return slow

        return deferred

    tables.deferred = slowed(tables.deferred, "score")
    _parquet_output.deferred = slowed(_parquet_output.deferred, "score_parquet")
    model = fastrcf.load(f"{folder}/model.rcf")
    rows = spark.read.parquet(f"{folder}/in").repartition(4)
    score(rows, model, keep=["id"]).write.parquet(f"{folder}/score")
    score_parquet(
        spark,
        f"{folder}/in",
        model,
        keep=["id"],
        row_id=None,
        partitions=4,
        output=f"{folder}/score_parquet",
    )


if __name__ == "__main__":
    master, place, program = sys.argv[1:]
    through, _, remote = master.partition("connect:")
    builder = SparkSession.builder
    session = (
        (builder.master(through) if through else builder.remote(remote))
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.executor.memory", "512m")
        .config("spark.executor.extraJavaOptions", JAVA_OPTIONS)
        .config("spark.scheduler.minRegisteredResourcesRatio", 1)
        .config("spark.cores.max", 2)
        .config("spark.sql.shuffle.partitions", 2)
        .config("spark.speculation", program == "try_tasks_twice_at_once")
        .config("spark.speculation.interval", "100ms")
        .config("spark.speculation.quantile", 0.5)
        .config("spark.speculation.multiplier", 1.1)
        .config(PROVIDER, ROCKSDB)
        .getOrCreate()
    )
    if through:
        session.sparkContext.setLogLevel("ERROR")
    # As users run Spark; tests that share a session go without.
    assert session.conf.get("spark.sql.codegen.wholeStage") == "true"
    assert session.conf.get("spark.sql.codegen.factoryMode") == "FALLBACK"
    globals()[program](session, place)
    print("done")
    session.stop()
