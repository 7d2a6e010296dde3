"""The commands under ``fastrcf sessions`` and their options."""

from __future__ import annotations

from typing import Any

import click

from fastrcf.cli import sessions_load
from fastrcf.cli.options import NAMES


@click.group()
def sessions() -> None:
    """Sessions of IoT and telecom networks."""


sessions.add_command(sessions_load.load)
sessions.add_command(sessions_load.key)


@sessions.command()
@click.argument("data", type=click.Path(exists=True))
@click.option(
    "-o", "--out", type=click.Path(), required=True, help="Folder to make for the features."
)
@click.option(
    "--timezone",
    metavar="TZ",
    default="UTC",
    show_default=True,
    help="Zone whose hours and days count, as Europe/Berlin.",
)
@click.option(
    "--group",
    type=NAMES,
    default=("customer", "family"),
    help="One or two of customer, family, tariff and apn: what makes SIMs peers.  "
    "[default: customer,family]",
)
@click.option(
    "--peers",
    type=click.Path(exists=True, dir_okay=False),
    help="Table of peers of earlier days; default: made of DATA.",
)
@click.option("--no-peers", is_flag=True, help="Leave out features that need peers.")
@click.option("--columns", type=NAMES, default=(), help="Features to compute; default: all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def features(data: str, out: str, **options: Any) -> None:
    """Compute the features of the sessions in DATA, a folder or a Parquet file.

    The output has a folder features of Parquet files, with all records of a SIM in one file,
    and peers.parquet, what was known of peers and places.
    """
    from fastrcf.cli.sessions_features import features as run

    if options["peers"] and options["no_peers"]:
        raise click.UsageError("--peers and --no-peers exclude each other")
    run(data, out, **options)
