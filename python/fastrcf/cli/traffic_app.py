"""The options of ``fastrcf traffic``."""

from __future__ import annotations

from typing import Any

import click

from fastrcf.cli.options import NamesOption, reading

_ABOVE = click.FloatRange(0, min_open=True)
_SHARE = click.FloatRange(0, 1)


@click.command()
@click.argument("url")
@click.option("--rate", type=_ABOVE, default=10.0, show_default=True, help="Requests a second.")
@click.option("--duration", type=_ABOVE, metavar="S", help="Seconds.  [default: 10]")
@click.option("--requests", type=click.IntRange(1), metavar="N", help="Requests, at most.")
@click.option(
    "--burst",
    type=click.FloatRange(1),
    default=1.0,
    show_default=True,
    help="Peak rate over mean rate: at 3, all come in the first third of each period.",
)
@click.option(
    "--period", type=_ABOVE, default=10.0, show_default=True, help="Seconds from burst to burst."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--data", help="Rows to send, over and over; default: made-up card transactions.")
@click.option("--columns", cls=NamesOption, help="Columns to send; default: all.")
@click.option("--label", help="Column of DATA that says which rows are frauds: not sent.")
@click.option("--positive", cls=NamesOption, help="Labels of frauds.")
@click.option("--normal", cls=NamesOption, help="Labels of all that is none.")
@click.option(
    "--fraud-share", type=_SHARE, metavar="P", help="Share of frauds; default: as they come."
)
@click.option(
    "--form",
    type=click.Choice(["seed", "rows", "csv"]),
    help="Of bodies: {data, metadata, model}, JSON of rows, or CSV; default: by the path of URL.",
)
@click.option("--rows-per-request", type=click.IntRange(1), default=1, show_default=True)
@click.option("--by-position", is_flag=True, help="JSON of rows without names of columns.")
@click.option("--model", help="Which model the form 'seed' asks for; default: all there are.")
@click.option(
    "--auth", type=click.Choice(["none", "key", "sigv4"]), default="none", show_default=True
)
@click.option("--key-env", metavar="NAME", help="Variable of the environment with the API key.")
@click.option("--key-file", type=click.Path(exists=True, dir_okay=False), help="File with it.")
@click.option("--region", help="For signatures; default: that of the host, then the profile.")
@click.option(
    "--timeout", type=_ABOVE, default=10.0, show_default=True, help="Seconds for an answer."
)
@click.option(
    "--max-in-flight",
    type=click.IntRange(1, 10_000),
    default=256,
    show_default=True,
    help="Requests at a time.",
)
@click.option(
    "--error-budget",
    type=_SHARE,
    default=0.01,
    show_default=True,
    help="Share of requests that may fail.",
)
@click.option(
    "--rate-tolerance",
    type=_SHARE,
    default=0.02,
    show_default=True,
    help="How far the rate may be off, as a share.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reading
def traffic(url: str, **options: Any) -> int:
    """Send requests to URL at a rate, as customers would, and report.

    Times are drawn beforehand, and latency counts from when a request was due, so
    that a slow service is not spared. Ctrl-C ends it with its report. Exit codes:
    0 all kept, 1 too many errors or the rate not kept.
    """
    from fastrcf.cli.traffic import traffic as run

    return run(url, **options)
