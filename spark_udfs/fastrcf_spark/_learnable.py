"""Which columns of a data frame a detector can be fitted to, and which of its rows."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    AtomicType,
    BooleanType,
    DateType,
    DecimalType,
    NumericType,
    StringType,
    TimestampNTZType,
    TimestampType,
)

import fastrcf
from fastrcf_spark import _names
from fastrcf_spark._features import PACKED, Features, column, is_vector, numbers, packed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import DataType

# What a detector takes: magnitudes above are refused.
LARGEST = 1e30
# Columns that an error shows of a row that has no key.
_SHOWN = 4
# Columns above which Spark plans them longer, one by one, than it reads them.
_MOST_APART = 1_000


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What a fit reads of a data frame.

    Attributes
    ----------
    features : Features
        The columns to learn; without names where they are in one array, whose length is not
        known before rows are read.
    categorical : tuple of str
        Columns of numbers that are categories.
    key : tuple of str
        Columns that tell rows apart.
    weight, time : str or None
    types : dict of str to DataType
        Of all columns.
    gathered : bool
        Whether the array of features was made of columns, which errors name.
    """

    features: Features
    categorical: tuple[str, ...]
    key: tuple[str, ...]
    weight: str | None
    time: str | None
    types: dict[str, DataType]
    gathered: bool = False

    def values(self) -> list[Column]:
        """Give the columns of the sample, in order, without names."""
        features = self.features
        if features.kind != "columns":
            return [packed(features)]
        text = set(features.text())
        pairs = zip(features.columns, features.types, strict=True)
        return [column(name) if name in text else numbers(name, kind) for name, kind in pairs]

    def identity(self) -> list[Column]:
        """Give the columns that tell rows apart: the key, else all that can be hashed."""
        if self.key:
            return [column(name) for name in self.key]
        return [column(name) for name, kind in self.types.items() if _hashable(kind)]


def inputs(
    df: DataFrame,
    columns: str | Sequence[str] | None,
    categorical: Sequence[str],
    names: Sequence[str] | None,
    key: str | Sequence[str] | None,
    weight: str | None,
    time: str | None,
) -> Inputs:
    """Find what a fit reads.

    Raises
    ------
    fastrcf.InvalidInputError
        If columns are missing or of a wrong type.
    """
    types = _names.types(df)
    keys = tuple(_names.listed(key or ()))
    for what, given in (("key", keys), ("weight", (weight,)), ("time_column", (time,))):
        for name in given:
            if name is not None and name not in types:
                raise fastrcf.InvalidInputError(f"{what}: the data frame has no column {name!r}")
    for name in keys:
        if not _hashable(types[name]):
            raise fastrcf.InvalidInputError(
                f"key: column {name!r} holds {types[name].simpleString()}, which has no hash"
            )
    if weight is not None and not _is_number(types[weight]):
        raise fastrcf.InvalidInputError(
            f"weight: column {weight!r} holds {types[weight].simpleString()}, not numbers"
        )
    clocks = (TimestampType, TimestampNTZType, DateType, NumericType)
    if time is not None and not isinstance(types[time], clocks):
        raise fastrcf.InvalidInputError(
            f"time_column: column {time!r} holds {types[time].simpleString()}, neither times nor "
            "numbers in seconds"
        )
    apart = {*keys, weight, time}
    features = _features(types, columns, categorical, names, apart)
    return Inputs(features, tuple(categorical), keys, weight, time, types)


def gathered(df: DataFrame, found: Inputs) -> tuple[DataFrame, Inputs]:
    """Put thousands of columns of numbers into one array, which Spark plans as one column.

    It plans columns one by one in every pass, and takes minutes for ten thousand of them.
    Columns of text stay apart, and so do numbers beside them.
    """
    features = found.features
    if features.kind != "columns" or len(features.columns) <= _MOST_APART or features.text():
        return df, found
    beside = {*found.key, found.weight, found.time} - {None}
    if not found.key:
        # All columns tell rows apart: those that are not learnt, too.
        beside |= found.types.keys() - set(features.columns)
    kept = [name for name in found.types if name in beside]
    one = df.select(*[column(name) for name in kept], packed(features).alias(PACKED))
    types = {field.name: field.dataType for field in one.schema.fields}
    array = Features(features.names, "array", (PACKED,), (types[PACKED],))
    return one, dataclasses.replace(found, features=array, types=types, gathered=True)


def _features(
    types: dict[str, DataType],
    columns: str | Sequence[str] | None,
    categorical: Sequence[str],
    names: Sequence[str] | None,
    apart: set[str | None],
) -> Features:
    if columns is None:
        wanted = [name for name, kind in types.items() if _is_number(kind) and name not in apart]
    else:
        wanted = _names.listed(columns)
    wanted += [name for name in categorical if name not in wanted]
    if not wanted:
        raise fastrcf.InvalidInputError("the data frame has no column that holds numbers")
    for name in wanted:
        if name not in types:
            raise fastrcf.InvalidInputError(f"the data frame has no column {name!r}")
    if len(set(wanted)) < len(wanted):
        raise fastrcf.InvalidInputError("columns: a name occurs twice")
    kinds = tuple(types[name] for name in wanted)
    if len(wanted) == 1 and _holds_all(kinds[0]):
        if categorical:
            raise fastrcf.InvalidInputError(
                "categorical: elements of an array are numbers; give categories as columns"
            )
        whole: Literal["array", "vector"] = "array" if isinstance(kinds[0], ArrayType) else "vector"
        return Features(tuple(names or ()), whole, (wanted[0],), kinds)
    if names is not None:
        raise fastrcf.InvalidInputError("names: they are for the elements of one array or vector")
    for name, kind in zip(wanted, kinds, strict=True):
        if not isinstance(kind, StringType) and not _is_number(kind):
            raise fastrcf.InvalidInputError(
                f"column {name!r} holds {kind.simpleString()}, neither numbers nor text"
            )
        if name in categorical and isinstance(kind, BooleanType):
            # Engines write true and false in ways of their own.
            raise fastrcf.InvalidInputError(
                f"categorical: column {name!r} holds booleans, which are learnt as 0 and 1; cast "
                "it to string to have categories"
            )
    return Features(tuple(wanted), "columns", tuple(wanted), kinds)


def _is_number(kind: DataType) -> bool:
    return isinstance(kind, (NumericType, BooleanType, DecimalType))


def _holds_all(kind: DataType) -> bool:
    return is_vector(kind) or (isinstance(kind, ArrayType) and _is_number(kind.elementType))


def _hashable(kind: DataType) -> bool:
    text = kind.simpleString()
    return not any(word in text for word in ("map<", "variant", "geography", "geometry"))


def suspect(found: Inputs) -> Column:
    """Say of a row, cheaply, whether something may be wrong with it.

    A sum is null, NaN or too large where one of its terms is; it costs a tenth of asking every
    column. It errs on the safe side for rows of values near the largest.
    """
    features = found.features
    terms: list[Column] = []
    if features.kind == "columns":
        text = set(features.text())
        for name in features.columns:
            there = F.when(column(name).isNotNull(), F.lit(0.0))
            terms.append(there if name in text else F.abs(column(name).cast("double")))
    else:
        array = packed(features)
        # Null where an element is: 2e30 is none of those that are not above 1e30.
        high = F.array_max(array).cast("double") <= LARGEST
        low = F.array_min(array).cast("double") >= -LARGEST
        whole = ~F.array_contains(array.cast("array<double>"), F.lit(2 * LARGEST))
        terms.append(F.when(high & low & whole, F.lit(0.0)))
    if found.weight is not None:
        terms.append(F.when(_weighs(column(found.weight).cast("double")), F.lit(0.0)))
    if found.time is not None:
        terms.append(F.when(_dated(found), F.lit(0.0)))
    return ~F.coalesce(_balanced(terms) <= LARGEST, F.lit(False))


def _weighs(weight: Column) -> Column:
    return (weight > 0) & (weight <= LARGEST)


def _dated(found: Inputs) -> Column:
    assert found.time is not None
    time = column(found.time)
    if isinstance(found.types[found.time], NumericType):
        return F.abs(time.cast("double")) <= LARGEST
    return time.isNotNull()


def _balanced(terms: list[Column]) -> Column:
    """Add up, in a tree that is not deep: thousands of columns would overflow a stack."""
    while len(terms) > 1:
        pairs = [terms[i : i + 2] for i in range(0, len(terms), 2)]
        terms = [pair[0] + pair[1] if len(pair) == 2 else pair[0] for pair in pairs]
    return terms[0]


def first_bad(found: Inputs) -> Column:
    """Give the place of the first column (or element) that is bad, null for good rows.

    The weight's place is behind the columns, the time's behind that.
    """
    features = found.features
    asked: list[Column] = []
    if features.kind == "columns":
        text = set(features.text())
        for name in features.columns:
            sound = F.abs(column(name).cast("double")) <= LARGEST
            asked.append(column(name).isNotNull() if name in text else sound)
        bad = [_where_not(sound, place) for place, sound in enumerate(asked)]
    else:
        array = packed(features)
        sound = F.transform(array, lambda x: F.coalesce(F.abs(x) <= LARGEST, F.lit(False)))
        place = F.array_position(sound, False).cast("int") - 1
        bad = [F.when(array.isNull(), -1), F.when(place >= 0, place)]
    behind = 1 << 24
    if found.weight is not None:
        bad.append(_where_not(_weighs(column(found.weight).cast("double")), behind))
    if found.time is not None:
        bad.append(_where_not(_dated(found), behind + 1))
    return F.coalesce(*bad, F.lit(None).cast("int"))


def _where_not(sound: Column, place: int) -> Column:
    return F.when(~F.coalesce(sound, F.lit(False)), F.lit(place))


def refusal(df: DataFrame, found: Inputs, n_bad: int, n_rows: int) -> fastrcf.InvalidInputError:
    """Name a row that is bad: the first by its key, the same whatever the partitioning."""
    features = found.features
    plain = [name for name, kind in found.types.items() if isinstance(kind, AtomicType)]
    shown = found.key or tuple(plain[:_SHOWN])
    values = [column(name).cast("string") for name in shown]
    checked = [*features.columns, *(n for n in (found.weight, found.time) if n is not None)]
    texts = [_text(features, name) for name in checked]
    by = [column(name) for name in found.key] if found.key else [F.xxhash64(*found.identity())]
    row = (
        df.withColumn("__fastrcf_bad", first_bad(found))
        .where(column("__fastrcf_bad").isNotNull())
        .orderBy(*by)
        .limit(1)
        .select(
            column("__fastrcf_bad").alias("place"),
            F.array(*values).cast("array<string>").alias("key"),
            F.array(*texts).alias("values"),
        )
        .collect()[0]
    )
    where = ", ".join(f"{name}={value}" for name, value in zip(shown, row["key"], strict=True))
    name, value, place = _culprit(found, checked, row["place"], row["values"])
    return fastrcf.InvalidInputError(
        f"{n_bad:,} of {n_rows:,} rows cannot be learnt from; the first by its "
        f"{'key' if found.key else 'hash'}: {where}, {name}: {value}. missing='drop' "
        "(handleInvalid='skip' in a pipeline) leaves such rows out",
        column=place,
    )


def _text(features: Features, name: str) -> Column:
    if features.kind == "columns" or name != features.columns[0]:
        return column(name).cast("string")
    # Of an array only the element that is named.
    array, place = packed(features), column("__fastrcf_bad")
    element = F.element_at(array, F.greatest(place, F.lit(0)) + 1)
    return F.when(array.isNotNull() & (place < F.size(array)), element.cast("string"))


def _culprit(
    found: Inputs, checked: list[str], place: int, values: list[str | None]
) -> tuple[str, str, int | None]:
    features = found.features
    behind = place - (1 << 24)
    if behind >= 0:
        name = found.weight if behind == 0 else found.time
        what = "weight" if behind == 0 else "time_column"
        value = values[checked.index(str(name), len(features.columns))]
        wanted = "; weights are above 0 and at most 1e30" if behind == 0 else ""
        return f"{what} {name!r}", _wrong(value) + wanted, None
    if features.kind == "columns":
        return f"column {features.columns[place]!r}", _wrong(values[place]), place
    if found.gathered:
        return f"column {features.names[place]!r}", _wrong(values[0]), place
    column_ = f"column {features.columns[0]!r}"
    if place < 0:
        return column_, f"the {features.kind} is missing", None
    return f"{column_}, element {place}", _wrong(values[0]), place


def _wrong(value: str | None) -> str:
    return "the value is missing" if value is None else f"the value {value} cannot be used"


def length_refused(found: Inputs, low: int, high: int) -> fastrcf.InvalidInputError:
    """Say that arrays have different lengths."""
    return fastrcf.InvalidInputError(
        f"column {found.features.columns[0]!r}: the shortest {found.features.kind} has {low} "
        f"elements, the longest {high}; all must have the same"
    )
