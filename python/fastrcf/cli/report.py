"""``fastrcf report``: one page that says what a detector found in a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastrcf.cli.evaluation import truth
from fastrcf.cli.tables import Input, add_roles, check_detector, model_roles
from fastrcf.errors import InvalidInputError
from fastrcf.files import check_place
from fastrcf.files.formats import STANDARD
from fastrcf.report import Report
from fastrcf.report.build import as_times
from fastrcf.report.gather import Chunk, Gatherer
from fastrcf.report.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastrcf.files import Options


def report(
    detector: Any,
    model: str,
    data: str,
    out: str,
    *,
    read: Options,
    label: str | None,
    positive: Sequence[str],
    normal: Sequence[str],
    time_column: str | None,
    keep: Sequence[str],
    top: int,
) -> None:
    """Look at a table once and write the page.

    Parameters
    ----------
    detector : Detector
        The model.
    model, data, out : str
        Its file, the table, and the page to write.
    read : Options
        How the table is read.
    label, time_column : str or None
        Columns of labels and times, if any.
    positive, normal : sequence of str
        Labels of anomalies, or labels of all that is none.
    keep : sequence of str
        Columns whose values are shown for rows to look at.
    top : int
        Rows to look at, at most.
    """
    check_detector(detector)
    if out != STANDARD:
        check_place(Path(out))
    tally = Tally(read.bad)
    table = Input.of(data, replace(read, bad=tally))
    roles = model_roles(detector, table)
    names = list(roles)
    add_roles(roles, label, time_column)
    gatherer = Gatherer(detector, name=model, keep=keep, label=label, time=time_column, top=top)
    for batch in table.batches(roles, "scoring", keep):
        gatherer.add(
            Chunk(
                table=batch.table.select(names),
                origin=batch.origin,
                file=batch.file,
                rows=batch.rows,
                labels=None
                if label is None
                else truth(batch.table[label].to_pylist(), label, positive, normal),
                times=None
                if time_column is None
                else as_times(batch.table[time_column].combine_chunks()),
            )
        )
    try:
        made = Report(gatherer.facts(tally.facts()))
    except InvalidInputError as error:
        raise InvalidInputError(f"{data}: {error}") from None
    made.save(out)
    alerts = made.facts.scores.alerts.rows
    click.echo(f"{out}: {alerts:,} alerts in {made.facts.data.n_rows:,} rows", err=True)
    for warning in made.facts.warnings:
        click.echo(f"note: {warning}", err=True)
