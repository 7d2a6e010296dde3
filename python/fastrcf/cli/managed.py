"""``fastrcf sagemaker fit`` and ``compare``: the managed service's forest, here and there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import pyarrow as pa

import fastrcf
from fastrcf.cli.evaluation import truth
from fastrcf.cli.tables import Input, model_roles
from fastrcf.cli.taking import chosen, spare
from fastrcf.errors import InvalidInputError
from fastrcf.files import check_place
from fastrcf.files.formats import STANDARD
from fastrcf.sagemaker import Limits, ManagedForest, managed_metrics
from fastrcf.sagemaker import compare as compared
from fastrcf.sagemaker.managed_file import is_managed
from fastrcf.sagemaker.recorded import read_parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastrcf.files import Options, Role
    from fastrcf.sagemaker.recorded import Recorded

CODES = {"agree": 0, "differ": 3, "undecided": 4}


def fit(
    data: str,
    out: str,
    *,
    read: Options,
    num_trees: int,
    num_samples_per_tree: int,
    columns: Sequence[str],
    drop: Sequence[str],
    label: str | None,
    positive: Sequence[str],
    normal: Sequence[str],
    random_state: int,
) -> None:
    """Fit a managed forest to a table and write it.

    Parameters
    ----------
    data, out : str
        The table, and the file to write.
    read : Options
        How the table is read.
    num_trees, num_samples_per_tree, random_state : int
        Of :class:`fastrcf.sagemaker.ManagedForest`.
    columns, drop : sequence of str
        Columns to take, or not to take.
    label : str or None
        A column of labels, which is not taken.
    positive, normal : sequence of str
        Labels of anomalies, or labels of all that is none.
    """
    forest = ManagedForest(num_trees, num_samples_per_tree, random_state=random_state)
    check_place(Path(out))
    table = Input.of(data, read)
    spare(table, out)
    names = chosen(table, columns, drop, label)
    roles: dict[str, Role] = dict.fromkeys(names, "number")
    if label is not None:
        roles[label] = "label"
    parts, labels = [], []
    for batch in table.batches(roles, "reading"):
        parts.append(np.column_stack([batch.table[name].to_numpy() for name in names]))
        if label is not None:
            labels.append(truth(batch.table[label].to_pylist(), label, positive, normal))
    if not parts:
        raise InvalidInputError(f"{data}: there are no rows")
    rows = np.concatenate(parts)
    forest.fit(rows)
    forest.save(out)
    plan = forest.plan
    how = "blocks in the order of the rows" if plan.kind == "blocks" else "a random sample"
    click.echo(
        f"{out}: {plan.num_trees} trees of {plan.tree_size} rows, {how}; {plan.n_rows:,} rows of "
        f"{len(names)} columns, {plan.n_unused:,} in no tree",
        err=True,
    )
    if label is not None:
        click.echo(str(managed_metrics(forest.score(rows), np.concatenate(labels))))


def compare(
    model: str,
    data: str,
    *,
    read: Options,
    recorded: Sequence[str],
    endpoint: str | None,
    calling: Mapping[str, Any],
    profile: str | None,
    region: str | None,
    out: str,
    score_column: str,
    index_column: str | None,
    columns: Sequence[str],
    kind: str,
    top: int | None,
    as_json: bool,
    **limits: float | None,
) -> int:
    """Compare a model's scores with the service's, write the page, and give the exit code.

    Parameters
    ----------
    model, data, out : str
        The model's file, the table, and the page to write.
    read : Options
        How the table is read.
    recorded : sequence of str
        Files with their scores; empty where an endpoint is asked.
    endpoint : str or None
        The name of one that is asked for them.
    calling : mapping
        How it is called, as of :class:`fastrcf.sagemaker.Endpoint`.
    profile, region : str or None
        Of the session that an endpoint is called by.
    score_column, index_column : str
        Columns of a CSV file of scores.
    columns : sequence of str
        Columns for a forest.
    kind : str
        What a detector is asked for, as of :func:`fastrcf.sagemaker.compare`.
    top : int or None
        Highest rows to compare.
    as_json : bool
        Whether to print JSON.
    **limits
        Of :class:`fastrcf.sagemaker.Limits`; None for the default.
    """
    asked = Limits(**{k: v for k, v in limits.items() if v is not None})  # type: ignore[arg-type]
    if out != STANDARD:
        check_place(Path(out))
    ours = _model(model)
    known = None
    if recorded:
        known = read_parts(recorded, score=score_column, index=index_column)
    table = Input.of(data, read)
    spare(table, out)
    rows, numbers = _rows(table, model_roles(ours, table, columns), known, data)
    theirs: Any = None if known is None else known.scores
    if endpoint is not None:
        theirs = _endpoint(endpoint, calling, profile, region).predict(rows)
    found = compared(
        ours,
        theirs,
        rows,
        rows=numbers,
        top=top,
        limits=asked,
        kind=kind,
        ours_name=Path(model).name,
        theirs_name=endpoint or ", ".join(Path(one).name for one in recorded),
    )
    found.to_html(out)
    # What goes to standard output with the page would be no page.
    click.echo(json.dumps(found.to_dict()) if as_json else str(found), err=out == STANDARD)
    return CODES[found.verdict]


def _model(path: str) -> Any:
    core = getattr(fastrcf.load(path), "_core", None)
    return ManagedForest.load(path) if is_managed(core) else fastrcf.load(path)


def _endpoint(
    name: str, calling: Mapping[str, Any], profile: str | None, region: str | None
) -> Any:
    from fastrcf.cli.adapter import open_session
    from fastrcf.sagemaker.endpoint import Endpoint

    return Endpoint(name, open_session(profile, region), **calling)


def _rows(
    table: Input, roles: dict[str, Role], known: Recorded | None, data: str
) -> tuple[pa.Table, Any]:
    """Read the rows that were scored, and their numbers; only those are kept.

    Raises
    ------
    InvalidInputError
        If a row that was scored is not there, or their number is another one.
    """
    wanted = None if known is None else known.rows
    if wanted is not None and len(table.files) > 1:
        raise InvalidInputError(f"{data}: rows are recorded by number: give one file")
    parts, numbers, n = [], [], 0
    for batch in table.batches(roles, "reading"):
        part, places = batch.table.select(list(roles)), batch.rows
        n += len(places)
        if wanted is not None:
            some = np.flatnonzero(np.isin(places, wanted))
            part, places = part.take(some), places[some]
        parts.append(part)
        numbers.append(places)
    found = np.concatenate(numbers) if numbers else np.zeros(0, np.int64)
    if known is not None and wanted is None and n != len(known.scores):
        raise InvalidInputError(
            f"{data}: {n:,} rows, but {len(known.scores):,} scores are recorded; name the column "
            "of row numbers with --index"
        )
    if wanted is not None and len(found) != len(wanted):
        missing = int(np.setdiff1d(wanted, found)[0])
        raise InvalidInputError(f"{data}: row {missing} is recorded, but cannot be read here")
    if not len(found):
        raise InvalidInputError(f"{data}: there are no rows")
    whole = pa.concat_tables(parts).combine_chunks()
    return whole, found if len(table.files) == 1 else np.arange(len(found))
