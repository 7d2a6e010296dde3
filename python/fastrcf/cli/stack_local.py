"""``fastrcf stack local``: the whole path of the stack on loopback."""

from __future__ import annotations

from typing import Any

import click

from fastrcf.cli.options import MODEL_IN, Finite


@click.command()
@click.argument("model", type=MODEL_IN)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8800, show_default=True, help="0: any free."
)
@click.option(
    "--auth",
    type=click.Choice(["iam", "key", "none"]),
    default="iam",
    show_default=True,
    help="Who may call: signed requests, requests with a key, anyone.",
)
@click.option("--rate", type=Finite(0, min_open=True), help="Requests a second; more get 429.")
@click.option("--burst", type=click.IntRange(1), help="Requests at once.  [default: the rate]")
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    default="local-cloud",
    show_default=True,
    help="Folder for results, the function's log and keys.",
)
@click.option("--threshold", type=Finite(), help="Score of an alert.  [default: the model's own]")
@click.option("--cors", "origins", multiple=True, metavar="ORIGIN", help="May read answers.")
@click.option("--features", is_flag=True, help="Store rows beside their results.")
def local(model: str, out: str, **options: Any) -> None:
    """Emulate the stack on this machine: gateway, function, Firehose.

    Requests to it are authorised, throttled and checked as API Gateway does, then answered
    by the very handler of the Lambda function; results lie below OUT as Firehose would put
    them into a bucket. Nothing talks to AWS. Ctrl-C stops it.
    """
    from fastrcf.serving import check_extra

    if options["burst"] is not None and options["rate"] is None:
        raise click.UsageError("--burst needs --rate")
    check_extra()
    from fastrcf.service import logs
    from fastrcf.stack.local.cloud import LocalCloud
    from fastrcf.stack.local.hints import lines_for

    settings = {
        "FASTRCF_THRESHOLD": "" if options["threshold"] is None else repr(options["threshold"]),
        "FASTRCF_CORS_ORIGIN": ",".join(options["origins"]),
        "FASTRCF_DELIVER_FEATURES": "true" if options["features"] else "",
    }
    cloud = LocalCloud(
        model,
        out,
        auth=options["auth"],
        rate=options["rate"],
        burst=options["burst"],
        port=options["port"],
        settings=settings,
    )

    def started(url: str) -> None:
        for line in lines_for(cloud):
            click.echo(line)

    # What Python writes otherwise has the message of a defect, which may hold what came.
    logs.prepare("warning")
    cloud.run(started)
