"""Parquet files scored by workers that read them without Spark's own reader."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import functions as F
from pyspark.sql import types as T

import fastrcf
from fastrcf_spark import _inputs, _names, _parquet_files, _parquet_output
from fastrcf_spark._features import column
from fastrcf_spark._shipping import loaded, ship
from fastrcf_spark.tables import check_missing
from fastrcf_spark.udf import categories

if TYPE_CHECKING:
    from os import PathLike

    from pyarrow import fs
    from pyspark.sql import DataFrame, SparkSession

    from fastrcf_spark._shipping import Model
    from fastrcf_spark.tables import Missing
    from fastrcf_spark.watch import Watch

# Rows that a task is given if nobody says otherwise: a second or so.
ROWS_PER_TASK = 1 << 18
# Footers read at once.
_READERS = 16
# Bytes behind a footer that is not encrypted itself, of a file that has encrypted columns.
_SIGNATURE = 28
# No file system has it in names.
_BETWEEN = "\0"


@dataclass(frozen=True)
class _Footer:
    """What the end of a file says.

    Attributes
    ----------
    types : dict of str to DataType
        Of its columns, by name; dictionaries as what they hold.
    groups : list of int
        Rows of its row groups.
    """

    types: dict[str, pa.DataType]
    groups: list[int]


def score_parquet(
    spark: SparkSession,
    paths: str | PathLike[str] | Sequence[str | PathLike[str]],
    model: Model | bytes | str | PathLike[str],
    columns: str | Sequence[str] | None = None,
    *,
    output: str | PathLike[str] | None = None,
    keep: Sequence[str] = (),
    row_id: tuple[str, str] | None = ("file_path", "row_index"),
    score: str = "score",
    missing: Missing = "error",
    partitions: int | None = None,
    filesystem: fs.FileSystem | None = None,
    watch: Watch | None = None,
) -> DataFrame:
    """Score plain Parquet files: workers are sent row groups to read, instead of rows.

    Columns never pass through the JVM, which saves what :func:`fastrcf_spark.score` over
    ``spark.read.parquet`` pays for it; docs/benchmarks-spark.md tells how much. Scores are the
    same.

    What is read is what the files hold, and nothing else that a catalogue or a table format
    knows about them: **no row filters, no column masks, no deletion vectors, no schema
    evolution, no column mapping, and no partition columns out of the names of folders**. What
    can be seen to need these is refused: folders of Delta, Iceberg and Hudi tables and of
    streams' output, also where only one of their files is named; files with encrypted footers;
    files whose needed columns differ; and columns that the names of folders hold.

    Parameters
    ----------
    spark : SparkSession
        Classic or Connect.
    paths : str, path, or sequence of them
        Files, folders with all that is below them, or patterns (``*``, ``?`` and ``[]`` within
        a name; in URIs ``*`` alone): local paths and URIs that ``pyarrow.fs`` opens
        (``s3://``, ``gs://``, ``abfss://``, ``hdfs://``). This process lists files and reads
        their footers, the workers read them: both must see them by the same paths. Names that
        begin with ``_`` or ``.`` are left out.
    model : Detector, RandomCutForest or FrozenForest, or its bytes or its file
    columns : str or sequence of str, optional
        As :func:`fastrcf_spark.score` takes them, vectors included.
    output : str or path, optional
        Where Spark writes the result as Parquet, which must not be there yet. The result is
        then what was written, read again. With ``filesystem`` it is a path there: the workers
        write it, and read it again, so that Spark needs no classes of Hadoop for a bucket.
    keep : sequence of str, default ()
        Columns of the files that the result has before the score: numbers, text, bytes, truth
        values, dates and times.
    row_id : tuple of two str, or None
        What the columns are called that tell rows apart: the file, as a URI, and the row in it,
        counted from 0. They are Spark's ``_metadata.file_path`` and ``_metadata.row_index``.
        None: neither is there.
    score : str, default "score"
        What the column of scores is called; a double.
    missing : {"error", "null", "impute"}, default "error"
        As :func:`fastrcf_spark.score` takes it; errors name file and row.
    partitions : int, optional
        Tasks that the row groups are spread over, evenly by rows. No row group is split: files
        of few large ones keep few workers busy. Default: one task for every 262,144 rows.
    filesystem : pyarrow.fs.FileSystem, optional
        Where all paths are, ``output`` among them, for those that need keys or addresses of
        their own. It is sent to
        the workers, keys included. ``file_path`` is then the path there, not a URI.
    watch : Watch, optional
        Counts rows, alerts and bad rows.

    Returns
    -------
    DataFrame
        ``row_id``'s columns, kept ones and the score. Files are listed at once; nothing is
        scored before an action asks for it, unless ``output`` is given.

    Raises
    ------
    fastrcf.InvalidInputError
        If there are no files, or they are refused; the file and the column are named.
    """
    model = loaded(model)
    check_missing(missing, model)
    if partitions is not None and (partitions < 1 or int(partitions) != partitions):
        raise fastrcf.InvalidParameterError(f"partitions: {partitions} is no whole number from 1")
    if isinstance(keep, str):
        raise fastrcf.InvalidParameterError(f"keep: a list of names, found {keep!r}")
    if row_id is not None and (isinstance(row_id, str) or len(row_id) != 2):
        raise fastrcf.InvalidParameterError(f"row_id: two names or None, found {row_id!r}")
    systems, files, uris = _listed(paths, filesystem)
    names, given = _named(model, columns)
    kept = list(dict.fromkeys(keep))
    _free(spark, [*(row_id or ()), score], kept)
    footers = _footers([(systems[system], path) for system, path in files])
    types = _common(files, footers, [*given, *kept])
    _check_inputs(model, names, [types[name] for name in given])
    fields = [_kept(name, types[name], files[0][1]) for name in kept]
    tasks = spread([footer.groups for footer in footers], partitions)
    plan = {
        "model": ship(spark, model),
        "systems": systems,
        "files": files,
        "tasks": tasks,
        "inputs": names,
        "columns": given,
        "categories": categories(model),
        "named": isinstance(model, fastrcf.Detector),
        "read": list(dict.fromkeys([*given, *kept])),
        "kept": [(name, kind) for name, (_, kind) in zip(kept, fields, strict=True)],
        "row_id": row_id is not None,
        "missing": missing,
    }
    result = _mapped(spark, plan, [field for field, _ in fields], row_id, score, uris)
    if output is not None and filesystem is not None:
        written_as: list[tuple[str, pa.DataType]] = []
        if row_id is not None:
            written_as = [(row_id[0], pa.string()), (row_id[1], pa.int64())]
        written_as += [(name, kind) for name, (_, kind) in zip(kept, fields, strict=True)]
        schema = pa.schema([*written_as, (score, pa.float64())])
        plan |= {"uris": uris, "threshold": _threshold(model)}
        place = str(output).rstrip("/")
        written = _parquet_output.write(spark, plan, filesystem, place, schema, watch)
        return _parquet_output.read(spark, filesystem, written, result.schema)
    if watch is not None:
        result = watch.over_scores(result, score, model)
    if output is None:
        return result
    try:
        result.write.mode("error").parquet(str(output))
    except Exception as error:
        if "[PATH_ALREADY_EXISTS]" in str(error):
            # Spark would have a mode set, which there is not.
            raise fastrcf.InvalidParameterError(f"{output} is there already") from None
        if "No FileSystem for scheme" not in str(error) and "ClassNotFound" not in str(error):
            raise
        raise fastrcf.InvalidInputError(
            f"this Spark cannot write to {output}: it lacks Hadoop's classes for it. Give a "
            "filesystem of pyarrow.fs, and the workers write there"
        ) from error
    return spark.read.schema(result.schema).parquet(str(output))


def spread(groups: Sequence[Sequence[int]], tasks: int | None) -> list[list[tuple[int, ...]]]:
    """Spread row groups over tasks, evenly by rows.

    The largest first, each to the task that has the fewest rows: no task has more than 4/3 of
    what the best division would give it (Graham 1969).

    Parameters
    ----------
    groups : sequence of sequence of int
        Rows of each file's row groups.
    tasks : int or None
        At most; default: one for every ``ROWS_PER_TASK`` rows.

    Returns
    -------
    list of list of tuple
        By task: file, row group, its first row in the file and its rows, in that order.
    """
    pieces = []
    for file, rows in enumerate(groups):
        first = 0
        for group, n_rows in enumerate(rows):
            if n_rows:
                pieces.append((file, group, first, n_rows))
            first += n_rows
    wanted = -(-sum(piece[3] for piece in pieces) // ROWS_PER_TASK) if tasks is None else tasks
    spreads: list[list[tuple[int, ...]]] = [[] for _ in range(min(wanted, len(pieces)))]
    heap = [(0, task) for task in range(len(spreads))]
    for piece in sorted(pieces, key=lambda piece: (-piece[3], piece)):
        rows_there, task = heapq.heappop(heap)
        spreads[task].append(piece)
        heapq.heappush(heap, (rows_there + piece[3], task))
    # A file is opened once a task.
    return [sorted(task) for task in spreads]


def _listed(
    paths: Any, filesystem: fs.FileSystem | None
) -> tuple[list[fs.FileSystem], list[tuple[int, str]], list[str]]:
    """List files: their file systems, which of these and where there, and their URIs."""
    systems: list[fs.FileSystem] = []
    found: dict[tuple[int, str], str] = {}
    for path in _parquet_files.as_paths(paths):
        place = _parquet_files.located(path, filesystem)
        if place.system not in systems:
            systems.append(place.system)
        number = systems.index(place.system)
        for file in _parquet_files.files(place.system, place.path):
            # A file that two patterns match counts once.
            found.setdefault((number, file), place.uri(file))
    return systems, list(found), list(found.values())


def _footers(files: Iterable[tuple[fs.FileSystem, str]]) -> list[_Footer]:
    with ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(lambda file: _footer(*file), files))


def _footer(system: fs.FileSystem, path: str) -> _Footer:
    with system.open_input_file(path) as file:
        size = file.size()
        file.seek(max(0, size - 8))
        end = file.read(8)
        if end[4:] not in (b"PAR1", b"PARE"):
            raise fastrcf.InvalidInputError(f"{path} is no Parquet file ({size} bytes)")
        file.seek(0)
        if end[4:] == b"PARE":
            raise _encrypted(path)
        try:
            metadata = pq.read_metadata(file)
            schema = metadata.schema.to_arrow_schema()
            groups = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        except (OSError, pa.ArrowException) as error:
            raise fastrcf.InvalidInputError(f"{path} has a damaged footer: {error}") from None
    if int.from_bytes(end[:4], "little") - metadata.serialized_size == _SIGNATURE:
        raise _encrypted(path)
    times = Counter(schema.names)
    # A name that occurs twice tells nothing.
    types = {field.name: _plain(field.type) for field in schema if times[field.name] == 1}
    for i in range(len(metadata.schema)):
        leaf = metadata.schema.column(i)
        if leaf.physical_type == "INT96" and leaf.path in types:
            # Times as Hive wrote them: moments, whatever Arrow says of them.
            types[leaf.path] = pa.timestamp("us", "UTC")
    return _Footer(types, groups)


def _encrypted(path: str) -> fastrcf.InvalidInputError:
    return fastrcf.InvalidInputError(
        f"{path} is encrypted: let Spark read it, which has the keys: "
        "score(spark.read.parquet(...), model)"
    )


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _common(
    files: Sequence[tuple[int, str]], footers: Sequence[_Footer], needed: Sequence[str]
) -> dict[str, pa.DataType]:
    """Give the types of needed columns, which must be the same in every file."""
    first = footers[0].types
    for (_, path), footer in zip(files, footers, strict=True):
        folders = _parquet_files.partitions(path)
        for name in needed:
            if name in folders:
                raise fastrcf.InvalidInputError(
                    f"{path}: Spark takes column {name!r} from the folders' names, which is not "
                    "done here: use score(spark.read.parquet(...), model)"
                )
            if name not in footer.types:
                raise fastrcf.InvalidInputError(
                    f"{path} has no column {name!r}; it has {_inputs.some(list(footer.types))}"
                )
            if name in first and footer.types[name] != first[name]:
                raise fastrcf.InvalidInputError(
                    f"{path}: column {name!r} holds {footer.types[name]}, in {files[0][1]} it "
                    f"holds {first[name]}"
                )
    return {name: first[name] for name in needed}


def _named(model: Model, columns: str | Sequence[str] | None) -> tuple[list[str], list[str]]:
    """Give the names of a model's inputs, and the columns that hold them."""
    fitted = model.columns if isinstance(model, fastrcf.Detector) else None
    if columns is None:
        if fitted is None:
            raise fastrcf.InvalidInputError("a forest knows no names: name its columns")
        return fitted, fitted
    given = [columns] if isinstance(columns, str) else list(columns)
    if len(set(given)) < len(given):
        raise fastrcf.InvalidInputError("columns: a name occurs twice")
    width = len(fitted) if fitted is not None else int(getattr(model, "n_features", 0) or 0)
    if len(given) == 1 and (width > 1 or given != fitted):
        # Whether it holds them all is seen in the files.
        return fitted or [f"element {j}" for j in range(width)], given
    if fitted is not None and sorted(given) != sorted(fitted):
        raise fastrcf.InvalidInputError(
            f"the detector was fitted to the columns {_inputs.some(fitted)}; found "
            f"{_inputs.some(given)}"
        )
    if len(given) != width:
        raise fastrcf.InvalidInputError(
            f"the forest has {width} columns, {len(given)} are given: {_inputs.some(given)}"
        )
    return (fitted, fitted) if fitted is not None else (given, given)


def _threshold(model: Model) -> float | None:
    return model.threshold if isinstance(model, fastrcf.Detector) else None


def _check_inputs(model: Model, names: Sequence[str], types: Sequence[pa.DataType]) -> None:
    named = isinstance(model, fastrcf.Detector)
    _inputs.found([pa.array([], kind) for kind in types], names, categories(model), named)


def _free(spark: SparkSession, added: Sequence[str], kept: Sequence[str]) -> None:
    for place, name in enumerate(added):
        other = _names.namesake(spark, name, [*added[:place], *kept])
        if other is not None:
            raise fastrcf.InvalidInputError(
                f"two columns of the result are called {other!r}{_names.same(name, other)}: choose "
                "other names, or do not keep it"
            )


_PLAIN_TYPES: list[tuple[pa.DataType, pa.DataType, T.DataType]] = [
    (pa.bool_(), pa.bool_(), T.BooleanType()),
    (pa.int8(), pa.int8(), T.ByteType()),
    (pa.int16(), pa.int16(), T.ShortType()),
    (pa.int32(), pa.int32(), T.IntegerType()),
    (pa.int64(), pa.int64(), T.LongType()),
    (pa.uint8(), pa.int16(), T.ShortType()),
    (pa.uint16(), pa.int32(), T.IntegerType()),
    (pa.uint32(), pa.int64(), T.LongType()),
    (pa.uint64(), pa.decimal128(20, 0), T.DecimalType(20, 0)),
    (pa.float32(), pa.float32(), T.FloatType()),
    (pa.float64(), pa.float64(), T.DoubleType()),
    (pa.string(), pa.string(), T.StringType()),
    (pa.large_string(), pa.string(), T.StringType()),
    (pa.string_view(), pa.string(), T.StringType()),
    (pa.binary(), pa.binary(), T.BinaryType()),
    (pa.large_binary(), pa.binary(), T.BinaryType()),
    (pa.date32(), pa.date32(), T.DateType()),
]


def _kept(name: str, kind: pa.DataType, path: str) -> tuple[T.StructField, pa.DataType]:
    """Give a kept column's type in Spark, as Spark reads it, and that of what is sent."""
    for held, sent, spark_type in _PLAIN_TYPES:
        if kind == held:
            return T.StructField(name, spark_type), sent
    if pa.types.is_decimal(kind) and kind.precision <= 38:
        decimal = pa.decimal128(kind.precision, kind.scale)
        return T.StructField(name, T.DecimalType(kind.precision, kind.scale)), decimal
    if pa.types.is_timestamp(kind) and kind.unit in ("ms", "us"):
        if kind.tz is not None:
            return T.StructField(name, T.TimestampType()), pa.timestamp("us", "UTC")
        return T.StructField(name, T.TimestampNTZType()), pa.timestamp("us")
    raise fastrcf.InvalidInputError(
        f"keep: column {name!r} of {path} holds {kind}, which cannot be kept: join the scores to "
        "Spark's reading by _metadata.file_path and _metadata.row_index"
    )


def _mapped(
    spark: SparkSession,
    plan: dict[str, Any],
    kept: Sequence[T.StructField],
    row_id: tuple[str, str] | None,
    score: str,
    uris: Sequence[str],
) -> DataFrame:
    fields = [*kept, T.StructField(score, T.DoubleType())]
    if row_id is not None:
        fields = [
            T.StructField(row_id[0], T.IntegerType(), False),
            T.StructField(row_id[1], T.LongType(), False),
            *fields,
        ]
    schema = T.StructType(
        [T.StructField(f"r{i}", f.dataType, f.nullable) for i, f in enumerate(fields)]
    )
    scored = _parquet_output.tasks(spark, len(plan["tasks"]), "score_pieces", plan, schema)
    names = [field.name for field in fields]
    if row_id is None:
        return scored.toDF(*names)
    # Files come from the workers as numbers, and get their names here: those are long.
    listed = F.split(F.lit(_BETWEEN.join(uris)), _BETWEEN)
    chosen = [F.get(listed, column("r0")), *(column(f"r{i}") for i in range(1, len(fields)))]
    return scored.select(
        *(expression.alias(name) for expression, name in zip(chosen, names, strict=True))
    )
