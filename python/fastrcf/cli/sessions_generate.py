"""``fastrcf sessions generate``: labelled session records from a seed."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from fastrcf.cli.progress import progress
from fastrcf.errors import MissingExtraError

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path


def generate(
    folder: Path,
    *,
    sims: int,
    days: int,
    seed: int,
    start: dt.date,
    fraud: float,
    n_threads: int | None,
    resume: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Generate and say what was made; the parameters are those of the generator."""
    try:
        from fastrcf.telecom.generator import Parameters
        from fastrcf.telecom.generator import generate as run
    except ImportError as error:
        if error.name is None or error.name.startswith("fastrcf"):
            raise
        raise MissingExtraError(
            f"session records need {error.name}: pip install 'fastrcf[tables]'"
        ) from None
    parameters = Parameters(sims=sims, days=days, seed=seed, start=start, fraud=fraud)
    started = time.monotonic()
    with progress("generating") as tell:
        made = run(
            folder,
            parameters,
            n_threads=n_threads,
            resume=resume,
            overwrite=overwrite,
            progress=tell,
        )
    seconds = time.monotonic() - started
    if as_json:
        facts = {**asdict(made), "folder": str(folder), "seconds": round(seconds, 3)}
        click.echo(json.dumps(facts, indent=1))
        return
    share = made.labelled / max(1, made.sessions)
    what = f"{made.sessions:,} sessions of {sims:,} SIMs in {days} days"
    click.echo(f"{what}, {made.n_bytes / 1e6:,.0f} MB, in {seconds:.1f} s")
    click.echo(f"{made.incidents} incidents with {made.labelled:,} sessions ({share:.2%})")
    for label, count in made.labels.items():
        click.echo(f"  {label:16} {count:>10,}")
    click.echo(f"written to {folder}")
