"""Keys as text, and the inputs of models of keys, as Spark's own expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pyspark.sql import functions as F
from pyspark.sql.types import (
    BinaryType,
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    IntegralType,
    MapType,
    StringType,
    TimestampNTZType,
    TimestampType,
)

import fastrcf
from fastrcf_spark import _names
from fastrcf_spark._features import (
    PREFIX,
    Features,
    _holds_all,
    _is_number,
    _known,
    column,
    is_vector,
    numbers,
    packed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

KEY = f"{PREFIX}key"
_KINDS = (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    IntegralType,
    StringType,
    TimestampNTZType,
    TimestampType,
)


def check_table(df: DataFrame, who: str) -> None:
    """Refuse a stream, and what is no data frame."""
    _names.check_frame(df)
    if df.isStreaming:
        raise fastrcf.InvalidInputError(
            f"{who} takes tables; for streams there are process_stream and score, or call it on "
            "the batches of foreachBatch"
        )


def checked(df: DataFrame, keys: str | Sequence[str], whose: str = "the data frame") -> list[str]:
    """Give the names of key columns, once it is sure that they can be keys.

    Raises
    ------
    fastrcf.InvalidInputError
        If a column is missing, occurs twice, or is of a type that cannot be a key.
    """
    names = _names.listed(keys)
    types = {field.name: field.dataType for field in df.schema.fields}
    if not names:
        raise fastrcf.InvalidInputError("keys: name at least one column")
    if len(set(names)) < len(names):
        raise fastrcf.InvalidInputError("keys: a name occurs twice")
    for name in names:
        if name not in types:
            raise fastrcf.InvalidInputError(f"keys: {whose} has no column {name!r}")
        if not isinstance(types[name], _KINDS):
            raise fastrcf.InvalidInputError(
                f"keys: column {name!r} holds {types[name].simpleString()}; keys are text, whole "
                "numbers, decimals, booleans, dates, times or bytes"
            )
    return names


def check_alike(df: DataFrame, models: DataFrame, names: Sequence[str]) -> None:
    """Make sure that a table of models has the key columns of a data frame, written alike.

    Raises
    ------
    fastrcf.InvalidInputError
        As :func:`checked`, and if equal values would have other texts in the two. Text itself
        goes with what is cast to text.
    """
    _names.check_frame(models, "models")
    checked(models, names, "the table of models")
    for name in names:
        kinds = [table.schema[name].dataType for table in (df, models)]
        forms = {_form(kind) for kind in kinds}
        if len(forms) > 1 and not (
            "text" in forms and forms.isdisjoint({BinaryType.__name__, TimestampType.__name__})
        ):
            here, there = (kind.simpleString() for kind in kinds)
            raise fastrcf.InvalidInputError(
                f"keys: column {name!r} holds {here} in the data frame and {there} in the table of "
                "models, which are written differently: cast one to the type of the other"
            )


def _form(kind: DataType) -> str:
    """Name how the values of a type are written as a part of a key."""
    if isinstance(kind, StringType):
        return "text"
    if isinstance(kind, DecimalType) and kind.scale:
        return f"decimals of {kind.scale} places"
    if isinstance(kind, (DecimalType, IntegralType)):
        return "whole numbers"
    return type(kind).__name__


def text(df: DataFrame, keys: Sequence[str]) -> Column:
    """Give the key of a row as text; null is a key of its own.

    Each part has its length before it, so that ("a", "bc") is not ("ab", "c"). The text goes
    into the state of streams: what it is for a key must never change.
    """
    if not keys:
        return F.lit("")
    parts = [_part(column(name), df.schema[name].dataType) for name in keys]
    return F.concat(
        *[
            F.coalesce(F.concat(F.length(part).cast("string"), F.lit(":"), part), F.lit("-"))
            for part in parts
        ]
    )


def _part(value: Column, kind: DataType) -> Column:
    if isinstance(kind, BinaryType):
        return F.hex(value)
    if isinstance(kind, TimestampType):
        # As text it would depend on the session's time zone.
        return F.unix_micros(value).cast("string")
    return value.cast("string")


def chosen(
    df: DataFrame, columns: str | Sequence[str] | None, keys: Sequence[str], spared: Sequence[str]
) -> Features:
    """Find the inputs of models that are not there yet.

    Parameters
    ----------
    df : DataFrame
    columns : str, sequence of str or None
        Columns of numbers, or of text for categories; or one that holds all as an array or a
        vector. Default: all columns of numbers that are neither keys nor spared.
    keys, spared : sequence of str
        Columns that are no inputs unless they are named.

    Raises
    ------
    fastrcf.InvalidInputError
        If columns are missing or of a wrong type, or there are none.
    """
    types = _names.types(df)
    if columns is None:
        out = {*keys, *spared}
        columns = [name for name in types if name not in out and _is_number(types[name])]
        if not columns:
            raise fastrcf.InvalidInputError("the data frame has no column of numbers; name some")
    wanted = _names.listed(columns)
    _known(wanted, types)
    if not wanted:
        raise fastrcf.InvalidInputError("columns: name at least one")
    kinds = tuple(types[name] for name in wanted)
    if len(wanted) == 1 and _holds_all(kinds[0]):
        kind: Literal["array", "vector"] = "vector" if is_vector(kinds[0]) else "array"
        return Features((), kind, (wanted[0],), kinds)
    for name, each in zip(wanted, kinds, strict=True):
        if not _is_number(each) and not isinstance(each, StringType):
            raise fastrcf.InvalidInputError(
                f"column {name!r} holds {each.simpleString()}, not numbers"
            )
    return Features(tuple(wanted), "columns", tuple(wanted), kinds)


def fault(features: Features) -> Column:
    """Say in words what no model can use of a row; null where it is good."""
    if features.kind != "columns":
        values = packed(features)
        bad = values.isNull() | F.exists(values, _unusable)
        return F.when(bad, F.lit(f"column {features.columns[0]!r}: a value is {_WRONG}"))
    result = F.lit(None).cast("string")
    for name, kind in zip(features.columns, features.types, strict=True):
        if isinstance(kind, StringType):
            bad, words = column(name).isNull(), "null"
        else:
            bad, words = _unusable(numbers(name, kind)), _WRONG
        result = F.coalesce(result, F.when(bad, F.lit(f"column {name!r}: the value is {words}")))
    return result


_WRONG = "null, NaN, infinite or beyond 1e30"


def _unusable(value: Column) -> Column:
    # Spark takes NaN for larger than all numbers.
    return value.isNull() | (F.abs(value) > F.lit(1e30))


def named(df: DataFrame, keys: Sequence[str]) -> Column:
    """Name the key of a row in words."""
    parts = []
    for i, name in enumerate(keys):
        value = _part(column(name), df.schema[name].dataType)
        parts += [F.lit(f"{', ' if i else ''}{name}="), F.coalesce(value, F.lit("null"))]
    return F.concat(*parts) if parts else F.lit("the stream")


def hashed(df: DataFrame, features: Features, names: Sequence[str], seed: int = 0) -> Column:
    """Give 64 bits of a row's inputs and of further columns: the same in any partition."""
    types = {field.name: field.dataType for field in df.schema.fields}
    usable = [name for name in names if not _has_map(types[name])]
    inputs = (
        [column(name) for name in features.columns if name not in usable]
        if features.kind == "columns"
        else [packed(features)]
    )
    return F.xxhash64(F.lit(seed), *inputs, *[column(name) for name in usable])


def _has_map(kind: DataType) -> bool:
    if isinstance(kind, MapType) or type(kind).__name__ in ("VariantType", "VectorUDT"):
        return True
    inner = getattr(kind, "elementType", None)
    if inner is not None:
        return _has_map(inner)
    return any(_has_map(field.dataType) for field in getattr(kind, "fields", ()))
