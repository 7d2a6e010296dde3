"""Where in a data frame a model's inputs are, and how they are sent to the workers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    ByteType,
    DataType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    NumericType,
    ShortType,
    StringType,
    StructField,
)

import fastrcf
from fastrcf_spark import _names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

    from fastrcf_spark._shipping import Model

# What columns made for the workers are called; no column of a user may be called so.
PREFIX = "__fastrcf_"
PACKED = f"{PREFIX}values"
SIZE_CHECK = "spark.sql.execution.arrow.maxBytesPerBatch"
_NO_CHECK = (1 << 31) - 1

log = logging.getLogger("fastrcf_spark")
_told = False


@dataclass(frozen=True)
class Features:
    """A model's inputs in a data frame.

    Attributes
    ----------
    names : tuple of str
        What the inputs are called, in the model's order.
    kind : {"columns", "array", "vector"}
        Whether each is a column, or all are in one.
    columns : tuple of str
        The columns that hold them: as many as names, or one.
    types : tuple of DataType
        Of these columns.
    """

    names: tuple[str, ...]
    kind: Literal["columns", "array", "vector"]
    columns: tuple[str, ...]
    types: tuple[DataType, ...]

    def text(self) -> list[str]:
        """Name the columns of text: categories."""
        pairs = zip(self.columns, self.types, strict=True)
        return [name for name, kind in pairs if isinstance(kind, StringType)]

    def numbers(self) -> list[str]:
        """Name the columns of numbers that are columns of their own."""
        text = set(self.text())
        return [name for name in self.columns if name not in text]


def column(name: str) -> Column:
    """Give a column by its name, whatever signs are in it."""
    return F.col(quoted(name))


def find(df: DataFrame, model: Model, columns: str | Sequence[str] | None) -> Features:
    """Find a model's inputs in a data frame.

    Parameters
    ----------
    df : DataFrame
    model : Detector or forest
    columns : str, sequence of str or None
        Columns of numbers (or text, for categories); or one column that holds all inputs as
        an array or a vector, in the fitted order. Default: a detector's own columns.

    Raises
    ------
    fastrcf.InvalidInputError
        If columns are missing, too few, too many or of a wrong type.
    """
    if isinstance(model, fastrcf.Detector):
        fitted, width = model.columns, len(model.columns)
    else:
        fitted, width = None, int(model.n_features or 0)
    _names.check_frame(df)
    types = {field.name: field.dataType for field in df.schema.fields}
    if columns is None:
        if fitted is None:
            raise fastrcf.InvalidInputError("a forest knows no names: name its columns")
        columns = fitted
    wanted = _names.listed(columns)
    _known(wanted, types)
    if len(wanted) == 1 and _holds_all(types[wanted[0]]):
        kind: Literal["array", "vector"] = (
            "array" if isinstance(types[wanted[0]], ArrayType) else "vector"
        )
        names = fitted if fitted is not None else [f"element {j}" for j in range(width)]
        return Features(tuple(names), kind, (wanted[0],), (types[wanted[0]],))
    if len(wanted) == 1 and isinstance(types[wanted[0]], ArrayType):
        raise fastrcf.InvalidInputError(
            f"column {wanted[0]!r} holds {types[wanted[0]].simpleString()}, not an array of numbers"
        )
    if fitted is not None:
        if sorted(wanted) != sorted(fitted):
            raise fastrcf.InvalidInputError(
                f"the detector was fitted to the columns {_some(fitted)}; found {_some(wanted)}"
            )
        wanted = fitted
    elif len(wanted) != width:
        raise fastrcf.InvalidInputError(
            f"the forest has {width} columns, {len(wanted)} are given: {_some(wanted)}"
        )
    categories = _categories(model)
    for name in wanted:
        if name in categories and isinstance(types[name], BooleanType):
            # Engines write these in ways of their own; a detector's are "true" and "false".
            raise fastrcf.InvalidInputError(
                f"column {name!r} is a category and holds boolean: cast it to string"
            )
        if not _is_number(types[name]) and not (
            isinstance(types[name], StringType) and name in categories
        ):
            raise fastrcf.InvalidInputError(
                f"column {name!r} holds {types[name].simpleString()}, not numbers"
            )
    return Features(tuple(wanted), "columns", tuple(wanted), tuple(types[n] for n in wanted))


def _known(names: Sequence[str], types: dict[str, DataType]) -> None:
    for name in names:
        if name not in types:
            raise fastrcf.InvalidInputError(
                f"the data frame has no column {name!r}; it has {_some(list(types))}"
            )
    if len(set(names)) < len(names):
        raise fastrcf.InvalidInputError("columns: a name occurs twice")


def _holds_all(kind: DataType) -> bool:
    return is_vector(kind) or (isinstance(kind, ArrayType) and _is_number(kind.elementType))


def is_vector(kind: DataType) -> bool:
    """Whether a type is that of the vectors of Spark's machine learning."""
    return type(kind).__name__ == "VectorUDT"


def _is_number(kind: DataType) -> bool:
    return isinstance(kind, (NumericType, BooleanType, DecimalType))


def _categories(model: Model) -> set[str]:
    if not isinstance(model, fastrcf.Detector):
        return set()
    return {name for name, scaling in model.scaling.items() if scaling == "category"}


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:12])
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def quoted(name: str) -> str:
    """Give a column's name as SQL has it, whatever signs are in it."""
    return "`" + name.replace("`", "``") + "`"


def numbers(name: str, kind: DataType) -> Column:
    """Give a column of numbers as floating point: float stays, the others become double."""
    return column(name) if isinstance(kind, FloatType) else column(name).cast("double")


def packed(features: Features) -> Column:
    """Give all inputs that are numbers as one array."""
    by_name = dict(zip(features.columns, features.types, strict=True))
    if features.kind == "vector":
        from pyspark.ml.functions import vector_to_array

        vector = column(features.columns[0])
        # Spark's own refuses what is missing, in words that name neither row nor column.
        return F.when(vector.isNotNull(), vector_to_array(vector, "float64"))
    if features.kind == "array":
        name, kind = features.columns[0], features.types[0]
        inner = kind.elementType if isinstance(kind, ArrayType) else kind
        plain = isinstance(inner, FloatType) or inner.simpleString() == "double"
        return column(name) if plain else column(name).cast("array<double>")
    names = features.numbers()
    given = [quoted(name) for name in names]
    if not all(isinstance(by_name[name], FloatType) for name in names):
        given = [f"CAST({name} AS DOUBLE)" for name in given]
    # As text: of ten thousand columns each would be several calls to the JVM.
    return F.expr(f"array({', '.join(given)})")


def sent(
    df: DataFrame, features: Features, kept: Sequence[str]
) -> tuple[dict[str, Column], dict[str, Any]]:
    """Choose what is sent to the workers, and say how they find the inputs in it.

    Spark 4 measures a batch after every row by walking through all its columns, which takes
    time where there are many; an array is one column to it. So numbers
    are packed into an array, unless the check is off or most of them are kept anyway.

    Returns
    -------
    dict of str to Column
        What to select, by name.
    dict
        ``names``, ``columns`` and ``packed`` for ``_worker.inputs``.
    """
    chosen = {name: column(name) for name in kept}
    text = features.text()
    plan: dict[str, Any] = {
        "names": list(features.names),
        "columns": list(features.columns),
        "text": text,
        "packed": None,
    }
    if features.kind == "columns":
        n_packed = len(set(chosen) | set(text)) + 1
        n_apart = len(set(chosen) | set(features.columns))
        if not features.numbers() or _unchecked(df) or 2 * n_packed > n_apart:
            for name, kind in zip(features.columns, features.types, strict=True):
                # A kept column is sent once, as it is; the worker makes it floating point.
                if name not in chosen:
                    chosen[name] = column(name) if name in text else numbers(name, kind)
            return chosen, plan
    for name in text:
        chosen.setdefault(name, column(name))
    chosen[PACKED] = packed(features)
    plan["packed"] = PACKED
    return chosen, plan


def carried(df: DataFrame, features: Features, kept: Sequence[str]) -> dict[str, Column]:
    """Find the kept columns that may travel in the array of inputs alone, and come back from it.

    Kept inputs are else sent as they are, and Spark measures each of them after every row. What
    a double holds exactly comes out of the array as it was.

    Returns
    -------
    dict of str to Column
        By name, what gives the column again of the array that is called ``PACKED``; empty where
        an array would not pay, or Spark measures nothing.
    """
    if features.kind != "columns" or _unchecked(df):
        return {}
    places = {name: place for place, name in enumerate(features.numbers())}
    fields = {field.name: field for field in df.schema.fields}
    found = {
        name: _taken(fields[name], places[name])
        for name in kept
        if name in places and isinstance(fields[name].dataType, _EXACT)
    }
    # The other columns, those of text and the array.
    left = len((set(kept) - set(found)) | set(features.text())) + 1
    return found if 2 * left <= len(set(kept) | set(features.columns)) else {}


_EXACT = (ByteType, DoubleType, FloatType, IntegerType, ShortType)


def _taken(field: StructField, place: int) -> Column:
    kind = field.dataType.simpleString()
    value = f"CAST(get({quoted(PACKED)}, {place}) AS {kind})"
    if not field.nullable:
        # What cannot be missing stays so in the schema.
        value = f"coalesce({value}, CAST(0 AS {kind}))"
    return F.expr(value).alias(field.name, metadata=field.metadata)


def _unchecked(df: DataFrame) -> bool:
    """Whether Spark does not measure batches, or how to stop it has been told."""
    global _told
    spark = df.sparkSession
    if spark.version.startswith("3."):
        return True
    try:
        # Asked with a default, Spark gives this in place of its own where nothing is set.
        value = spark.conf.get(SIZE_CHECK)
    except Exception:
        # Serverless Spark tells nobody its settings.
        return False
    if _bytes(value) in (None, _NO_CHECK) or _bytes(value) <= 0:
        return True
    if not _told:
        _told = True
        log.info(
            "Spark measures Arrow batches after every row, column by column, which takes time; "
            "spark.conf.set(%r, %d) stops it (rows a batch stay bounded by "
            "spark.sql.execution.arrow.maxRecordsPerBatch)",
            SIZE_CHECK,
            _NO_CHECK,
        )
    return False


def _bytes(value: str | None) -> Any:
    """Read a size as Spark writes it."""
    text = str(value).strip().lower().removesuffix("b")
    scale = {"k": 10, "m": 20, "g": 30, "t": 40}.get(text[-1:], 0)
    try:
        return int(text[:-1] if scale else text) << scale
    except ValueError:
        return None
