"""``fastrcf train``: a detector from a table."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import fastrcf
from fastrcf._separation import Separation
from fastrcf.cli.evaluation import arrays, codes, told
from fastrcf.cli.options import as_options
from fastrcf.cli.tables import Input
from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.files import check_place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastrcf import Detector
    from fastrcf.files import Options, Role


def train(
    data: str,
    out: str,
    *,
    read: Options,
    columns: Sequence[str],
    categorical: Sequence[str],
    drop: Sequence[str],
    label: str | None,
    time_column: str | None,
    notes: Sequence[tuple[str, str]],
    as_json: bool,
    **parameters: Any,
) -> None:
    """Fit a detector and save it.

    Parameters
    ----------
    data, out : str
        The table and the model file.
    read : Options
        How the table is read.
    columns, categorical, drop : sequence of str
        Columns to look at (default: all with numbers), those of them that are
        categories, and those not to look at.
    label, time_column : str or None
        Columns that are not looked at either.
    notes : sequence of (str, str)
        Names and texts to put down in the model beside its origin.
    as_json : bool
        Whether to print JSON.
    **parameters
        Of :class:`fastrcf.Detector`.
    """
    check_place(Path(out))
    started = time.perf_counter()
    table = Input.of(data, read)
    separation = None if label is None else Separation()
    detector, left_out = fit(
        table,
        separation=separation,
        columns=columns,
        categorical=categorical,
        drop=drop,
        label=label,
        time_column=time_column,
        **parameters,
    )
    detector.notes = {
        "trained by": f"fastrcf {fastrcf.__version__}",
        "trained on": Path(data).name if data != "-" else "standard input",
        **({"label": label} if label is not None else {}),
        **dict(notes),
    }
    detector.save(out)
    summary = {
        "model": out,
        "rows": detector.n_fitted,
        "columns": detector.columns,
        "threshold": detector.threshold,
        "alert_rate": detector.alert_rate,
        "seconds": round(time.perf_counter() - started, 3),
    }
    summary["warnings"] = [] if separation is None else told(separation, label or "")
    if as_json:
        click.echo(json.dumps(summary))
        return
    click.echo(
        f"{out}: fitted to {detector.n_fitted:,} rows of {len(detector.columns)} columns "
        f"in {summary['seconds']:.1f} s"
    )
    click.echo(
        f"rows that score above {detector.threshold:.4g} are alerts: "
        f"{detector.alert_rate:.4%} of rows like these"
    )
    between = detector.alerts_per_day_interval
    if between is not None:
        click.echo(
            f"{detector.alerts_per_day:.4g} alerts a day ({between[0]:.3g} to {between[1]:.3g}) "
            f"where a day has {detector.rows_per_day:,.0f} rows"
        )
    for kind, what, how in (
        ("text", "of text", " (--categorical takes them in)"),
        ("empty", "without a value in the first rows", " (--columns takes them in)"),
        ("time", "of dates and times", " (--categorical takes them in as they stand)"),
        ("other", "of durations, lists and the like", ""),
    ):
        names = [name for name in left_out if table.first.kinds[name] == kind]
        if names:
            click.echo(f"columns {what} were left out: {', '.join(names)}{how}", err=True)


def fit(
    table: Input,
    *,
    columns: Sequence[str] = (),
    categorical: Sequence[str] = (),
    drop: Sequence[str] = (),
    label: str | None = None,
    time_column: str | None = None,
    separation: Separation | None = None,
    **parameters: Any,
) -> tuple[Detector, list[str]]:
    """Fit a detector; returns it with the columns of no numbers that were left out.

    A ``separation`` gets the rows with their labels, which nothing else looks at.
    """
    from fastrcf import Detector

    names = table.first.names
    _known(names, {"--columns": columns, "--categorical": categorical, "--drop": drop})
    _known(names, {"--label": [label] if label else [], "--time": [time_column or names[0]]})
    away = {*drop, label, time_column}
    for name in (*columns, *categorical):
        if name in away:
            raise click.UsageError(
                f"{name!r} is to be looked at (--columns, --categorical) and not to be (--drop, "
                "--label, --time)"
            )
    chosen = list(columns) or table.numeric(without=[*drop, label or "", time_column or ""])
    chosen += [name for name in categorical if name not in chosen]
    chosen = [name for name in chosen if name not in away]
    if not chosen:
        raise InvalidInputError(
            f"{table.first.file}: no column holds numbers; name some with --categorical"
        )
    kinds = table.first.kinds
    roles: dict[str, Role] = {
        name: "category" if name in categorical or kinds[name] == "text" else "number"
        for name in chosen
    }
    per_day = parameters.get("alerts_per_day") is not None
    try:
        detector = Detector(
            chosen,
            categorical=[name for name in chosen if roles[name] == "category"],
            time_column=time_column if per_day else None,
            **parameters,
        )
    except InvalidParameterError as error:
        raise as_options(error) from None
    if per_day and time_column is not None:
        roles[time_column] = "time"

    def batches() -> Iterator[Any]:
        known: dict[str, int] = {}
        also = [label] if separation is not None and label is not None else []
        for batch in table.batches(roles, "training", also=also):
            yield batch.table
            if separation is None or label not in batch.origin.column_names:
                continue
            if separation.is_open:
                separation.add(arrays(batch.table, chosen), codes(batch.origin[label], known))

    detector.fit(batches())
    left_out = [
        name for name in names if kinds[name] != "number" and name not in roles and name not in away
    ]
    return detector, [] if columns else left_out


def _known(names: Sequence[str], asked: dict[str, Sequence[str]]) -> None:
    for option, wanted in asked.items():
        for name in wanted:
            if name not in names:
                raise InvalidInputError(
                    f"{option}: there is no column {name!r}; the table has "
                    + ", ".join(map(repr, names[:12]))
                    + (f" and {len(names) - 12} more" if len(names) > 12 else "")
                )
