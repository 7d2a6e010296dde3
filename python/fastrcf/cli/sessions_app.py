"""The commands under ``fastrcf sessions``."""

from __future__ import annotations

import click

from fastrcf.cli import sessions_load


@click.group()
def sessions() -> None:
    """Session records of IoT and telecom networks."""


sessions.add_command(sessions_load.load)
sessions.add_command(sessions_load.key)
