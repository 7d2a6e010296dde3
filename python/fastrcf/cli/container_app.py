"""The commands under ``fastrcf container`` and their options."""

from __future__ import annotations

import click

_root = click.option(
    "--root",
    type=click.Path(file_okay=False),
    envvar="FASTRCF_CONTAINER_ROOT",
    help="Folder of the contract.  [default: /opt/ml]",
)


@click.group()
def container() -> None:
    """Be the container that Amazon SageMaker starts, to train or to serve."""


@container.command()
@_root
def train(root: str | None) -> int:
    """Run the training job that is described below the root.

    Exit codes: 0 the model is written, 1 output/failure says why not, 143 stopped.
    """
    from fastrcf.container.train import train as run

    return run(root)


@container.command()
@_root
def serve(root: str | None) -> None:
    """Answer requests for the model below the root, until SIGTERM.

    The environment says the rest: SAGEMAKER_BIND_TO_PORT (8080), SAGEMAKER_MULTI_MODEL and
    others; docs/container.md lists them.
    """
    from fastrcf.serving import check_extra

    check_extra()
    from fastrcf.container.serve import serve as run

    run(root)
