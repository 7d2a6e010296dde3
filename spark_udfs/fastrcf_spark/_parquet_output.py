"""Results of ``score_parquet`` that workers write, and read again, where Spark has no way to.

Spark reaches a bucket only with Hadoop's classes for it. Workers reach it by the file system
that they read the inputs from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from fastrcf_spark import _part_files
from fastrcf_spark._shipping import deferred

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyarrow import fs
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

    from fastrcf_spark.watch import Watch

_WORKER = "_parquet_worker"
#: What a task tells of its file.
_TOLD = f"{_part_files.FIELDS}, alerts long, bad_rows long"


def write(
    spark: SparkSession,
    plan: Mapping[str, Any],
    system: fs.FileSystem,
    path: str,
    schema: pa.Schema,
    watch: Watch | None,
) -> list[str]:
    """Have the workers score and write; give the paths of the files.

    Parameters
    ----------
    spark : SparkSession
    plan : dict
        What ``_parquet_worker.score_pieces`` takes, and ``uris`` and ``threshold``.
    system : pyarrow.fs.FileSystem
    path : str
        A folder there, which must not exist.
    schema : pyarrow.Schema
        Of the files.
    watch : Watch, optional

    Raises
    ------
    fastrcf.InvalidParameterError
        If the folder is there already.
    """
    folder = _part_files.Folder(system, path)
    if watch is not None:
        watch.begin(spark)
    told = dict.fromkeys(("rows", "alerts", "bad_rows"), 0)
    with folder.making() as names:
        given = {**plan, "output": folder.plan, "schema": schema}
        for row in tasks(spark, len(plan["tasks"]), "write_pieces", given, _TOLD).collect():
            names.append(row["name"])
            for what in told:
                told[what] += row[what]
        if not names:
            # Who reads it later finds its columns.
            names.append("part-00000-empty.parquet")
            with system.open_output_stream(f"{folder.plan['folder']}/{names[0]}") as file:
                pq.write_table(schema.empty_table(), file)
        found = sorted(names)
    if watch is not None:
        watch.end(**told)
    return [f"{path}/{name}" for name in found]


def read(
    spark: SparkSession, system: fs.FileSystem, files: Sequence[str], schema: StructType
) -> DataFrame:
    """Read files by the workers, one a task."""
    numbered = ", ".join(f"r{i} {f.dataType.simpleString()}" for i, f in enumerate(schema.fields))
    plan = {"system": system, "files": list(files)}
    rows = tasks(spark, len(files), "read_files", plan, numbered)
    return rows.toDF(*[field.name for field in schema.fields])


def tasks(
    spark: SparkSession, n: int, function: str, plan: Mapping[str, Any], schema: Any
) -> DataFrame:
    """Run a function of the worker in ``n`` tasks, each with its number."""
    # A range has its numbers one a partition, and no shuffle merges them.
    numbers = spark.range(0, n, 1, max(1, n))
    return numbers.mapInArrow(deferred(function, dict(plan), _WORKER), schema)
