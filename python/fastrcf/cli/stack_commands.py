"""The options of ``fastrcf stack template``, ``deploy``, ``status``, ``destroy`` and ``cost``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastrcf.cli.adapter_commands import PAIR, account

if TYPE_CHECKING:
    from fastrcf.cli.options import Command

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_prefix = click.option(
    "--prefix",
    default="fraud-detection",
    show_default=True,
    help="The stack's name, and first part of all others.",
)
_poll = click.option(
    "--poll",
    type=click.FloatRange(0),
    default=5.0,
    show_default=True,
    help="Seconds between two questions whether it is done.",
)
_prices = click.option(
    "--prices", type=_FILE, metavar="FILE", help="Table of prices in place of the built-in one."
)


def _once(context: click.Context, option: click.Parameter, given: Any) -> Any:
    names = [name for name, _ in given]
    for name in names:
        if names.count(name) > 1:
            raise click.BadParameter(f"{name} is given {names.count(name)} times")
    return given


def _settings(command: Command) -> Command:
    return click.option(
        "--set",
        "given",
        type=PAIR,
        multiple=True,
        callback=_once,
        metavar="NAME=VALUE",
        help="A parameter of the stack, such as AuthMode=APIKEY; docs/deploy.md lists them.",
    )(command)


def _load(command: Command) -> Command:
    for option in (
        click.option(
            "--call-ms",
            type=click.FloatRange(0, 25000),
            default=10.0,
            show_default=True,
            help="Milliseconds that the function takes for a request.",
        ),
        click.option(
            "--rows-per-request",
            "rows",
            type=click.FloatRange(1, 1e6),
            default=1.0,
            show_default=True,
            help="Rows of a request, for what is stored.",
        ),
        click.option(
            "--requests-per-month",
            "requests",
            type=click.FloatRange(0, 1e12),
            default=0,
            help="Beside what an idle stack costs.",
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("file", required=False, type=_FILE)
@_settings
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
@click.option("--check", is_flag=True, help="Print what is wrong with it instead, if anything.")
def template(file: Path | None, given: Any, out: Path | None, check: bool) -> int:
    """Print the CloudFormation template, for who deploys by the console or other tools.

    FILE is an edited one in place of the package's. Parameters that are given are its
    defaults. The name of the API's deployment is written anew, so that an update deploys
    what has changed: give AuthMode, CorsOrigin and SolutionPrefix here rather than later.
    """
    from fastrcf.cli.stack_run import template as run

    return run(file, dict(given), out, check=check)


@click.command()
@click.argument(
    "model", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@_prefix
@_settings
@click.option("--code", type=_FILE, metavar="ZIP", help="The function's zip, ready made.")
@click.option(
    "--wheel", type=_FILE, metavar="WHL", help="fastrcf's wheel to make it of; default: in dist."
)
@click.option(
    "--from-index", is_flag=True, help="Without a wheel pip may download fastrcf by name."
)
@click.option(
    "--notebooks",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Upload it for the notebook.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask before the stack is changed.")
@click.option("--accept-cost", is_flag=True, help="Go on though something is paid by the hour.")
@click.option("--show-key", is_flag=True, help="Print the API key at the end.")
@_prices
@_poll
@account
@_as_json
def deploy(model: Path | None, **options: Any) -> int:
    """Deploy the API with MODEL, or change what is deployed.

    What would change is shown and asked for before it is done. Parameters that are not
    given stay as they are; without MODEL, so does the model. Nothing to change is no error.
    """
    from fastrcf.cli.stack_run import deploy as run

    return run(model, **options)


@click.command()
@_prefix
@click.option("--show-key", is_flag=True, help="Print the API key.")
@account
@_as_json
def status(**options: Any) -> int:
    """Tell how the stack, its alarms and its model are, and what was changed by hand.

    Exit code 1 if an alarm is on.
    """
    from fastrcf.cli.stack_run import status as run

    return run(**options)


@click.command()
@_prefix
@click.option("--dry-run", is_flag=True, help="Only tell what would be deleted.")
@click.option("--keep-data", is_flag=True, help="Keep the buckets.")
@click.option("--keep-logs", is_flag=True, help="Keep log groups that outlive the stack.")
@click.option("--untagged", is_flag=True, help="Also what has a fitting name but not the tag.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@_poll
@account
@_as_json
def destroy(**options: Any) -> int:
    """Delete the stack and all that belongs to it, with its data.

    It can be interrupted and run again. At the end it names what still has the tag.
    """
    from fastrcf.cli.stack_run import destroy as run

    return run(**options)


@click.command()
@_settings
@_load
@_prices
@click.option("--region", default="us-east-1", show_default=True)
@_as_json
def cost(**options: Any) -> None:
    """Estimate what the stack costs in a month; nothing is asked of AWS."""
    from fastrcf.cli.stack_run import cost as run

    run(**options)


COMMANDS = (template, deploy, status, destroy, cost)
