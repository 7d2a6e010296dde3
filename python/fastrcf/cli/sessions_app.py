"""The commands under ``fastrcf sessions`` and their options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fastrcf.cli import sessions_load
from fastrcf.cli.options import NamesOption

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path


@click.group()
def sessions() -> None:
    """Work with session records of IoT and telecom networks."""


class _Date(click.ParamType):  # type: ignore[type-arg]
    name = "date"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.date:
        import datetime as dt

        if isinstance(value, dt.date):
            return value
        try:
            return dt.date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a date like 2026-03-02", param, ctx)


def _folder(ctx: click.Context, param: click.Parameter, value: str) -> Path:
    from pathlib import Path

    return Path(value)


@sessions.command()
@click.option("--sims", type=click.IntRange(1, 4_000_000_000), required=True, help="How many SIMs.")
@click.option("--days", type=click.IntRange(1, 3660), default=7, show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), default=0, show_default=True)
@click.option("--start", type=_Date(), default="2026-03-02", show_default=True, help="First day.")
@click.option(
    "-o",
    "--out",
    "folder",
    type=click.Path(file_okay=False),
    callback=_folder,
    required=True,
    help="Folder to write into.",
)
@click.option(
    "--fraud",
    type=click.FloatRange(0, 100),
    default=1.0,
    show_default=True,
    help="Incidents, relative to the usual number.",
)
@click.option("--no-fraud", is_flag=True, help="No incidents at all.")
@click.option("--threads", "n_threads", type=click.IntRange(1), help="Default: all there are.")
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier generation.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def generate(
    sims: int,
    days: int,
    seed: int,
    start: dt.date,
    folder: Path,
    fraud: float,
    no_fraud: bool,
    n_threads: int | None,
    resume: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Make up labelled session records, as Parquet by day.

    The same seed, sizes and start give the same bytes on any machine and number of
    threads. Some 14 sessions a SIM and day; nine kinds of frauds and faults are labelled,
    outages, holidays and roll-outs are not.
    """
    from fastrcf.cli.sessions_generate import generate as run

    if no_fraud and fraud != 1.0:
        raise click.UsageError("--fraud and --no-fraud exclude each other")
    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite exclude each other")
    run(
        folder,
        sims=sims,
        days=days,
        seed=seed,
        start=start,
        fraud=0.0 if no_fraud else fraud,
        n_threads=n_threads,
        resume=resume,
        overwrite=overwrite,
        as_json=as_json,
    )


sessions.add_command(sessions_load.key)
sessions.add_command(sessions_load.load)


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
    cls=NamesOption,
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
@click.option("--columns", cls=NamesOption, help="Features to compute; default: all.")
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


def _moment(ctx: click.Context, param: click.Parameter, value: dt.datetime | None) -> Any:
    from datetime import UTC

    return None if value is None else value.replace(tzinfo=UTC)


_PER_THOUSAND = click.option(
    "--alerts-per-thousand",
    type=click.FloatRange(0, 100, min_open=True),
    help="Cases a thousand sessions; default: 1.",
)
_PER_DAY = click.option(
    "--alerts-per-day",
    type=click.FloatRange(0, min_open=True),
    help="Cases a day instead.",
)


def _one_budget(options: dict[str, Any]) -> None:
    if options["alerts_per_thousand"] is not None and options["alerts_per_day"] is not None:
        raise click.UsageError("--alerts-per-thousand, --alerts-per-day: give one of them")


@sessions.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False), callback=_folder)
@click.option(
    "-o",
    "--out",
    type=click.Path(file_okay=False),
    callback=_folder,
    required=True,
    help="Folder for the features, the detector, the alerts and the report.",
)
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    callback=_moment,
    help="Learn from what began before (UTC), judge the rest; default: four sevenths of the days.",
)
@click.option("--timezone", metavar="TZ", default="UTC", show_default=True)
@_PER_THOUSAND
@_PER_DAY
@click.option("--seed", "random_state", type=int, default=7, show_default=True)
@click.option(
    "--resume",
    is_flag=True,
    help="Keep the features that an earlier run left in OUT, if DATA is as it was then.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def detect(data: Path, out: Path, **options: Any) -> None:
    """Find what is wrong in the session records in DATA, and report it.

    DATA is a folder that `generate` or `load` made. Where incidents.parquet lies in it, what was
    found is compared with it.
    """
    from fastrcf.cli.sessions_run import detect as run

    _one_budget(options)
    run(data, out, **options)


@sessions.command()
@click.option(
    "-o",
    "--out",
    type=click.Path(file_okay=False),
    callback=_folder,
    default="fastrcf-demo",
    show_default=True,
    help="Folder for everything; what an earlier demo left there is replaced.",
)
@click.option("--sims", type=click.IntRange(100, 10_000_000), default=10_000, show_default=True)
@click.option("--days", type=click.IntRange(3, 60), default=7, show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=7, show_default=True)
@_PER_THOUSAND
@_PER_DAY
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def demo(out: Path, **options: Any) -> None:
    """Make up a week of sessions and find what is wrong in it.

    From records to explained alerts and a report, each step with its time.
    """
    from fastrcf.cli.sessions_run import demo as run

    _one_budget(options)
    run(out, **options)
