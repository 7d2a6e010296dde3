"""``fastrcf traffic``: requests at a rate, and what came of them."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from fastrcf.cli import DONE, FAILED
from fastrcf.cli.evaluation import truth
from fastrcf.cli.options import refuse_given
from fastrcf.errors import InvalidParameterError
from fastrcf.traffic import bars
from fastrcf.traffic.auth import choose
from fastrcf.traffic.rows import Replayed, Simulated
from fastrcf.traffic.target import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fastrcf.files import Options
    from fastrcf.traffic.rows import Rows
    from fastrcf.traffic.tally import Tally

# Say how a table is read.
_OF_A_TABLE = (
    "input_format",
    "no_header",
    "names",
    "delimiter",
    "encoding",
    "skip_bad_rows",
)
# Lines of the histogram while it runs: a small terminal has 24.
_BARS = 8


def traffic(
    url: str,
    *,
    read: Options,
    data: str | None,
    columns: Sequence[str],
    label: str | None,
    positive: Sequence[str],
    normal: Sequence[str],
    fraud_share: float | None,
    seed: int,
    auth: str,
    key_env: str | None,
    key_file: str | None,
    region: str | None,
    as_json: bool,
    **load: Any,
) -> int:
    """Send requests and print the report.

    Parameters
    ----------
    url : str
        What is called.
    read, data, columns, label, positive, normal, fraud_share
        The rows: of a table, or made up.
    seed : int
        Of times, rows and metadata.
    auth, key_env, key_file, region
        Who asks.
    as_json : bool
        Whether to print JSON.
    **load
        Of :func:`fastrcf.traffic.send`.

    Returns
    -------
    int
        1 where errors exceed their budget or the rate was not kept.
    """
    from fastrcf.traffic import send

    target = parse(url)
    asks = choose(auth, target, key_env, key_file, region)
    if auth == "key" and not (target.is_encrypted or target.is_loopback):
        click.echo("the key travels unencrypted: the URL is no https", err=True)
    rows: Rows
    if data is None:
        if label is not None or positive or normal:
            raise click.UsageError("--label, --positive and --normal need --data")
        refuse_given(_OF_A_TABLE, "needs --data")
        rows = Simulated(seed, fraud_share, columns)
    else:
        rows = Replayed(
            data,
            read,
            columns,
            label,
            lambda texts: truth(texts, str(label), positive, normal).tolist(),
            fraud_share,
            seed,
        )
    with live() as tell:
        try:
            report = send(url, rows=rows, seed=seed, auth=asks, tell=tell, **load)
        except InvalidParameterError as error:
            raise click.UsageError(str(error)) from None
    click.echo(json.dumps(report.to_dict(), allow_nan=False) if as_json else str(report))
    return DONE if report.is_good else FAILED


@contextmanager
def live() -> Iterator[Callable[[Tally, float], None] | None]:
    """Show counts on standard error while the block runs, if that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), transient=True, auto_refresh=False) as shown:
        yield lambda tally, seconds: shown.update(table(tally, seconds), refresh=True)


def table(tally: Tally, seconds: float) -> Any:
    """Make a table of counts so far, with a histogram of latencies and the first errors."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    counts = Table(box=box.SIMPLE)
    for name in ("seconds", "sent", "a second", "in flight", "errors", "p50 ms", "p99 ms"):
        counts.add_column(name, justify="right")
    quantiles = [tally.from_due.quantile(share) for share in (0.5, 0.99)]
    counts.add_row(
        f"{seconds:,.0f}",
        f"{tally.sent:,}",
        f"{tally.sent / seconds:,.0f}" if seconds > 0 else "-",
        f"{tally.in_flight:,}",
        f"{tally.failed:,}",
        *("-" if q is None else f"{q * 1e3:,.1f}" for q in quantiles),
    )
    errors = [
        Text(f"  {one.kind} {one.status or ''} {one.count:,}  {one.example}", no_wrap=True)
        for one in tally.failures[:5]
    ]
    drawn = [Text(f"  {line}", no_wrap=True) for line in bars.lines(tally.from_due, _BARS)]
    return Group(counts, *drawn, *errors)
