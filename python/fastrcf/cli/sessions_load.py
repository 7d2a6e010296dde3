"""``fastrcf sessions load`` and ``key``: an operator's records to session records."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from fastrcf.cli.options import FORMAT, Finite

_KINDS = click.Choice(["auto", "canonical", "radius", "pgw", "1nce", "twilio", "ultiroam"])


def _pairs(
    context: click.Context, param: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    pairs = {}
    for text in given:
        role, equals, column = text.partition("=")
        if not equals or not role or not column:
            raise click.BadParameter(f"{text!r} is not ROLE=COLUMN")
        pairs[role] = column
    return pairs


@click.command()
@click.argument("data")
@click.option(
    "-o", "--out", type=click.Path(file_okay=False), required=True, help="Folder to write."
)
@click.option(
    "--schema", type=_KINDS, default="auto", show_default=True, help="Kind of the records."
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="ROLE=COLUMN",
    callback=_pairs,
    help="Column of DATA for a role, such as sim_id=MY_COL; may be repeated.",
)
@click.option(
    "--sims",
    metavar="FILE",
    help="List of SIMs, named as in DATA, with family, customer, tariff or firmware.",
)
@click.option(
    "--sims-column",
    "sims_columns",
    multiple=True,
    metavar="ROLE=COLUMN",
    callback=_pairs,
    help="Column of the list of SIMs for a role; may be repeated.",
)
@click.option("--cells", metavar="FILE", help="List of cells with latitude and longitude.")
@click.option(
    "--cells-column",
    "cells_columns",
    multiple=True,
    metavar="ROLE=COLUMN",
    callback=_pairs,
    help="Column of the list of cells for a role; may be repeated.",
)
@click.option("--key-file", type=click.Path(dir_okay=False), help="Key to hash identifiers with.")
@click.option("--plain-identifiers", is_flag=True, help="Keep SIMs and devices as they are.")
@click.option("--timezone", default="UTC", show_default=True, help="Of times that name none.")
@click.option(
    "--time-unit", type=click.Choice(["s", "ms", "us", "ns"]), help="Of times that are numbers."
)
@click.option(
    "--volume-unit", type=click.IntRange(1), default=1, show_default=True, help="In bytes."
)
@click.option(
    "--max-days",
    type=Finite(0, min_open=True, max=36500),
    default=31.0,
    show_default=True,
    help="Longer sessions are put aside.",
)
@click.option("--drop-open", is_flag=True, help="Put sessions aside whose end was not seen.")
@click.option(
    "--buckets", type=click.IntRange(1, 4096), help="Parts of the SIMs.  [default: by size]"
)
@click.option(
    "--put-aside",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Parquet or CSV file for records that cannot be used.",
)
@click.option("--input-format", type=FORMAT, help="Format of DATA; default: by the ending.")
@click.option("--delimiter", help="Between CSV fields; default: by the first line.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def load(
    data: str,
    out: str,
    max_days: float,
    drop_open: bool,
    key_file: str | None,
    plain_identifiers: bool,
    input_format: Any,
    delimiter: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Make session records of an operator's records in DATA.

    Writes OUT/sessions/date=YYYY-MM-DD/part-NNNNN.parquet and OUT/load.json. SIMs and
    devices are hashed with a key: of --key-file, or of FASTRCF_IDENTIFIER_KEY.
    """
    from fastrcf.cli.progress import progress
    from fastrcf.files import Options
    from fastrcf.telecom.identifiers import KeyedHash
    from fastrcf.telecom.loading import load_files

    if key_file is not None and plain_identifiers:
        raise click.UsageError("--key-file and --plain-identifiers: give one of them")
    key = None if key_file is None else KeyedHash.from_file(key_file)
    read = Options(format=input_format, delimiter=delimiter, batch_rows=1 << 18)
    with progress("loading") as tell:
        report = load_files(
            data,
            out,
            key=key,
            hash_identifiers=not plain_identifiers,
            max_duration=timedelta(days=max_days),
            keep_open=not drop_open,
            read=read,
            tell=tell,
            **options,
        )
    click.echo(json.dumps(report.to_dict()) if as_json else str(report))


@click.command()
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="New file.")
def key(out: Path) -> None:
    """Make a key to hash identifiers with, in a file that only you can read."""
    from fastrcf.telecom.identifiers import create_key

    create_key(out)
    click.echo(f"{out}: a new key; keep it apart from the data, and keep it")
