"""The commands under ``fastrcf stack``."""

from __future__ import annotations

import click

from fastrcf.cli.stack_commands import COMMANDS
from fastrcf.cli.stack_local import local
from fastrcf.cli.stack_package import package


@click.group()
def stack() -> None:
    """Deploy the REST API and what stands behind it to AWS, or run it on this machine."""


for command in (*COMMANDS, local, package):
    stack.add_command(command)
