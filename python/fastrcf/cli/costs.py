"""``fastrcf sagemaker costs``: what a load costs, each way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

# Where `make bench-serve` puts what it measured, seen from the root of the repository.
MEASURED = Path("benches", "serve.json")
_ABOVE = click.FloatRange(0, min_open=True)
_FILE = click.Path(exists=True, dir_okay=False)


@click.command()
@click.option("--rows-per-month", "rows", type=_ABOVE, required=True)
@click.option(
    "--requests-per-month", "requests", type=_ABOVE, help="Calls.  [default: a row a call]"
)
@click.option(
    "--requests-per-second", "rate", type=_ABOVE, help="The same, over a month of 730 hours."
)
@click.option(
    "--hours",
    type=click.FloatRange(0, 744, min_open=True),
    default=730.0,
    show_default=True,
    help="Hours a month for which an endpoint is there.",
)
@click.option("--instance", default="ml.c5.xlarge", show_default=True, metavar="TYPE")
@click.option(
    "--rows-per-second",
    type=_ABOVE,
    help="That fastrcf scores, as you measured.  [default: what `make bench-serve` wrote, if any]",
)
@click.option(
    "--managed-rows-per-second", type=_ABOVE, help="That the managed service scores, likewise."
)
@click.option(
    "--call-ms",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="What a call takes beside its rows.",
)
@click.option(
    "--memory",
    "memory_mb",
    type=int,
    default=2048,
    show_default=True,
    help="Of serverless endpoints and functions, in MB.",
)
@click.option(
    "--jobs", type=click.FloatRange(0), default=30.0, show_default=True, help="Batch jobs a month."
)
@click.option(
    "--job-minutes",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="Minutes of each beside its rows.",
)
@click.option(
    "--prices", type=_FILE, metavar="FILE", help="Table of prices in place of the built-in one."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def costs(rate: float | None, prices: str | None, as_json: bool, **load: Any) -> None:
    """Tell what a load costs in a month: managed, in our container, and without SageMaker.

    Nothing is asked of AWS: prices are those of a dated table.
    """
    from fastrcf.sagemaker.comparison import HOURS, Load, compare_costs, measured_rate
    from fastrcf.sagemaker.cost import Prices

    if rate is not None:
        if load["requests"] is not None:
            raise click.UsageError("give --requests-per-month or --requests-per-second, not both")
        load["requests"] = rate * HOURS * 3600
    if load["rows_per_second"] is None and MEASURED.is_file():
        load["rows_per_second"] = measured_rate(MEASURED)
        click.echo(f"rows a second of fastrcf: those of {MEASURED}", err=True)
    found = compare_costs(Load(**load), Prices.load(prices))
    click.echo(json.dumps(found.to_dict()) if as_json else str(found))
