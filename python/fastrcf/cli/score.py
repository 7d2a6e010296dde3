"""``fastrcf score`` and ``fastrcf detect``: a table in, scores out."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import pyarrow as pa

from fastrcf.cli.limits import Waiting
from fastrcf.cli.tables import Input, check_detector, model_roles
from fastrcf.errors import InvalidInputError
from fastrcf.files import Clean, open_sink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastrcf.cli.limits import Asked
    from fastrcf.files import Format, Options, Role


def score(
    model: Any,
    data: str,
    out: str,
    *,
    read: Options,
    output_format: Format | None,
    keep: Sequence[str],
    columns: Sequence[str],
) -> None:
    """Write a score per row; see :func:`run` for the other parameters."""

    def answer(batch: Clean) -> pa.Table:
        return pa.table({"score": model.score(batch.table)})

    run(model, data, out, answer, "scoring", read, output_format, keep, columns)


def detect(
    detector: Any,
    data: str,
    out: str,
    *,
    read: Options,
    output_format: Format | None,
    keep: Sequence[str],
    only_alerts: bool,
    asked: Asked | None = None,
) -> None:
    """Write score, grade, decision and reasons per row, or per alert.

    At most so many alerts for an entity and day, where ``asked`` for.
    """
    check_detector(detector, ", or use fastrcf score")
    alerts = 0

    def answer(batch: Clean) -> pa.Table:
        nonlocal alerts
        found = detector.detect(batch.table)
        alerts += sum(found["is_anomaly"].to_pylist())
        return found

    wanted = "is_anomaly" if only_alerts else None
    with nullcontext() if asked is None else Waiting(asked, only_alerts) as waiting:
        rows = run(
            *(detector, data, out, answer, "detecting", read, output_format, keep, (), wanted),
            waiting=waiting,
        )
    said = f"{alerts:,} alerts in {rows:,} rows"
    if waiting is not None and asked is not None:
        said = (
            f"{alerts - waiting.dropped:,} alerts in {rows:,} rows; {waiting.dropped:,} more "
            f"were beyond {asked.per_day:,} for an entity and day"
        )
    click.echo(said, err=True)


def run(
    model: Any,
    data: str | Input,
    out: str,
    answer: Callable[[Clean], pa.Table],
    what: str,
    read: Options,
    output_format: Format | None,
    keep: Sequence[str],
    columns: Sequence[str],
    only: str | None = None,
    roles: dict[str, Role] | None = None,
    waiting: Waiting | None = None,
) -> int:
    """Take a table through ``answer``, batch by batch.

    Parameters
    ----------
    model, data, out
        The model, the table (opened already, if its columns were looked at: standard input
        can be opened once) and the output file.
    answer : callable
        Gives the new columns for a batch.
    what : str
        For the progress bar.
    read, output_format
        How the table is read and written.
    keep : sequence of str
        Columns to pass on, ``["all"]`` for all.
    columns : sequence of str
        Columns for a forest, which knows no names.
    only : str, optional
        A new column of truth values: only rows where it holds are written.
    roles : dict of str to Role, optional
        What columns are for, where the model does not say.
    waiting : Waiting, optional
        Keeps answers until the last is there.

    Returns
    -------
    int
        Rows that were answered.
    """
    table = data if isinstance(data, Input) else Input.of(data, read)
    roles = model_roles(model, table, columns) if roles is None else roles
    roles = roles if waiting is None else waiting.roles(roles)
    kept = list(keep)
    if kept == ["all"] and "all" not in table.first.names:
        kept = table.first.names
    n = 0
    with open_sink(out, output_format) as sink:
        for batch in table.batches(roles, what, kept):
            new = answer(batch)
            result: dict[str, Any] = {}
            if len(table.files) > 1:
                result["file"] = pa.array([batch.file] * new.num_rows, pa.string())
            result["row"] = batch.rows
            for name, column in [
                *((name, batch.origin[name]) for name in kept),
                *zip(new.column_names, new.columns, strict=True),
            ]:
                if name in result:
                    raise InvalidInputError(
                        f"--keep: the output has a column {name!r} of its own; leave it out"
                    )
                result[name] = column
            rows = pa.table(result)
            if waiting is not None:
                waiting.add(batch, rows)
            else:
                sink.write(rows if only is None else rows.filter(rows[only]))
            n += new.num_rows
        for rows in () if waiting is None else waiting.tables():
            sink.write(rows)
        if n == 0:
            # So that the output has its columns all the same.
            dtypes: dict[Role, pa.DataType] = {
                "number": pa.float64(),
                "category": pa.string(),
                "time": pa.timestamp("us"),
            }
            nothing = pa.table({name: pa.array([], dtypes[r]) for name, r in roles.items()})
            rows = answer(Clean(nothing, nothing, "", np.array([], np.int64)))
            sink.write(rows.add_column(0, "row", pa.array([], pa.int64())))
    return n
