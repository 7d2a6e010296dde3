"""The commands under ``fastrcf sagemaker``."""

from __future__ import annotations

import click

from fastrcf.cli import adapter_commands


@click.group()
def sagemaker() -> None:
    """Compare with Amazon SageMaker's random cut forest, and leave or join it."""


sagemaker.add_command(adapter_commands.train)
sagemaker.add_command(adapter_commands.deploy)
sagemaker.add_command(adapter_commands.predict)
sagemaker.add_command(adapter_commands.delete)
