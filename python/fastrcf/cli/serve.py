"""``fastrcf serve`` and its options."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from fastrcf.cli.options import MODEL_IN, Finite, refuse_given

_FILE = click.Path(dir_okay=False, path_type=Path)
_ORIGIN = re.compile(r"(?P<scheme>https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?")
_USUAL = (("http", "80"), ("https", "443"))
_ORIGIN_HELP = (
    "Origin of pages that may ask, as https://example.org; * for any. May be given several times."
)


@click.command()
@click.argument("model", type=MODEL_IN, required=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 for all networks.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 for any."
)
@click.option(
    "--max-body", type=click.IntRange(1), default=32 << 20, show_default=True, metavar="BYTES"
)
@click.option("--max-rows", type=click.IntRange(1), default=100_000, show_default=True)
@click.option(
    "--timeout",
    type=Finite(0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds that a body may take to come, and its answer after that.",
)
@click.option("--threshold", type=Finite(), help="Score of an alert, rather than the model's own.")
@click.option("--api-keys", type=_FILE, metavar="FILE", help="Ask for a key; names and hashes.")
@click.option(
    "--new-key", metavar="NAME", help="Make a key for NAME, put it down in --api-keys, and end."
)
@click.option("--auth", type=click.Choice(["none", "sigv4"]), help="sigv4: as for AWS.")
@click.option("--region", default="us-east-1", show_default=True, help="Of sigv4.")
@click.option("--aws-service", default="execute-api", show_default=True, help="Of sigv4.")
@click.option(
    "--credentials",
    type=_FILE,
    metavar="FILE",
    help="What callers sign with, as AWS's tools keep it.  [default: the environment's]",
)
@click.option("--cors", "origins", multiple=True, metavar="ORIGIN", help=_ORIGIN_HELP)
@click.option("--learn", is_flag=True, help="Learn each row once it is scored; needs --state.")
@click.option(
    "--state", type=_FILE, metavar="FILE", help="Where the learning model goes on, and is saved."
)
@click.option(
    "--save-every",
    type=Finite(0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="Between savings: a kill loses no more.",
)
@click.option("--reload", is_flag=True, help="Load MODEL anew when its file changes.")
@click.option("--access-log/--no-access-log", default=True, help="A line of JSON for each request.")
@click.option("--public-metrics", is_flag=True, help="/metrics needs no key and no signature.")
def serve(model: str | None, **given: Any) -> None:
    """Answer for MODEL over HTTP, until Ctrl-C or SIGTERM.

    A page is at /, scores are at /v1/score, alerts and reasons at /v1/detect, figures
    for Prometheus at /metrics, the interface at /openapi.json. SIGHUP loads model and keys
    anew. Without --api-keys or --auth anybody may ask who reaches the port.
    """
    _check(model, given)
    if given["new_key"] is not None:
        _new_key(given["api_keys"], given["new_key"])
        return
    from fastrcf.serving import check_extra

    check_extra()
    from fastrcf.service import logs
    from fastrcf.service.run import Settings
    from fastrcf.service.run import serve as run
    from fastrcf.serving.limits import Limits

    logs.prepare()
    assert model is not None
    run(
        Settings(
            model=Path(model),
            host=given["host"],
            port=given["port"],
            limits=Limits(
                body=given["max_body"],
                held=max(Limits.held, given["max_body"]),
                body_seconds=given["timeout"],
            ),
            max_rows=given["max_rows"],
            seconds=given["timeout"],
            threshold=given["threshold"],
            api_keys=given["api_keys"],
            sigv4=given["auth"] == "sigv4",
            region=given["region"],
            aws_service=given["aws_service"],
            credentials=given["credentials"],
            origins=given["origins"],
            state=given["state"] if given["learn"] else None,
            interval=given["save_every"],
            reload=given["reload"],
            access_log=given["access_log"],
            public_metrics=given["public_metrics"],
        )
    )


def _check(model: str | None, given: dict[str, Any]) -> None:
    if given["new_key"] is not None:
        if given["api_keys"] is None:
            raise click.UsageError("--new-key needs --api-keys FILE, where it is put down")
        if model is not None:
            raise click.UsageError("--new-key makes a key and serves nothing: leave MODEL out")
        return
    if model is None:
        raise click.UsageError("Missing argument 'MODEL'.")
    if given["api_keys"] is not None and given["auth"] is not None:
        raise click.UsageError("--api-keys and --auth: one of them")
    if given["auth"] != "sigv4":
        refuse_given(("credentials", "region", "aws_service"), "is of --auth sigv4")
    if not given["learn"]:
        refuse_given(("save_every",), "is of --learn")
    if given["learn"] != (given["state"] is not None):
        raise click.UsageError("--learn and --state FILE: one needs the other")
    if given["learn"] and given["reload"]:
        raise click.UsageError("--reload: a model that learns is not replaced")
    for origin in given["origins"]:
        found = _ORIGIN.fullmatch(origin)
        if origin != "*" and found is None:
            raise click.UsageError(
                f"--cors {origin}: expected * or https://host, in lower case as browsers send it, "
                "with a port but without a path; --cors again for another"
            )
        if found is not None and (found["scheme"], found["port"]) in _USUAL:
            raise click.UsageError(f"--cors {origin}: browsers leave out :{found['port']}")


def _new_key(path: Path, name: str) -> None:
    from fastrcf.service.keys import new_key

    key = new_key(path, name)
    click.echo(key)
    click.echo(f"{path} has its hash: the key itself is shown this once", err=True)
