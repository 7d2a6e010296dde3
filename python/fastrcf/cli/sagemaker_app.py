"""The commands under ``fastrcf sagemaker`` and their options."""

from __future__ import annotations

from typing import Any

import click

from fastrcf._parameters import DEPTH, KINDS, OWN
from fastrcf.cli import adapter_commands
from fastrcf.cli.costs import costs
from fastrcf.cli.options import MODEL_IN, MODEL_OUT, OUT, NamesOption, reading, refuse_given

# Options of ``compare`` that are for an endpoint, as Endpoint calls them.
_CALLING = {
    "target_model": "model",
    "format": "format",
    "max_payload": "max_payload",
    "workers": "workers",
    "runtime_url": "runtime_url",
}


@click.group()
def sagemaker() -> None:
    """Compare with Amazon SageMaker's random cut forest, and leave or join it."""


sagemaker.add_command(adapter_commands.train)
sagemaker.add_command(adapter_commands.deploy)
sagemaker.add_command(adapter_commands.predict)
sagemaker.add_command(adapter_commands.delete)
sagemaker.add_command(costs)


@sagemaker.command()
@click.argument("data")
@click.option("-o", "--out", type=MODEL_OUT, required=True, help="File of the forest to write.")
@click.option("--num-trees", type=int, default=100, show_default=True, help="50 to 1000.")
@click.option("--num-samples-per-tree", type=int, default=256, show_default=True, help="1 to 2048.")
@click.option("--columns", cls=NamesOption, help="Columns to take; default: all numbers.")
@click.option("--drop", cls=NamesOption, help="Columns not to take.")
@click.option("--label", help="Column of labels: not taken; the service's figures are printed.")
@click.option("--positive", cls=NamesOption, help="Labels of anomalies.")
@click.option("--normal", cls=NamesOption, help="Labels of all that is none.")
@click.option("--seed", "random_state", type=int, default=0, show_default=True)
@reading
def fit(data: str, out: str, **options: Any) -> None:
    """Build on this machine the forest that the managed service would make of DATA.

    Its trees hold what the service's would: blocks of rows in the order of DATA, or a
    random sample if there are more rows than trees take.
    """
    from fastrcf.cli.managed import fit as run

    if options["label"] is None:
        refuse_given(("positive", "normal"), "says what labels mean: it needs --label")
    run(data, out, **options)


@sagemaker.command()
@click.argument("model", type=MODEL_IN)
@click.option(
    "--recorded",
    type=click.Path(dir_okay=False, exists=True),
    multiple=True,
    help="Their scores; again for more files of one training, by row numbers.",
)
@click.option("--endpoint", metavar="NAME", help="An endpoint that is asked for theirs.")
@click.option("--model", "target_model", help=adapter_commands.TARGET_MODEL)
@adapter_commands.calling
@click.option("--data", required=True, help="The rows that were scored.")
@click.option("-o", "--out", type=OUT, required=True, help="HTML file to write, or -.")
@click.option(
    "--score", "score_column", default="score", show_default=True, help="Column of their scores."
)
@click.option(
    "--index", "index_column", help="Column of row numbers, from 0.  [default: index, if there]"
)
@click.option("--columns", cls=NamesOption, help="Columns for a forest; default: all numbers.")
@click.option(
    "--kind",
    type=click.Choice([OWN, *KINDS]),
    default=DEPTH,
    show_default=True,
    help="What a detector is asked for: own is what a container with model=detector serves.",
)
@click.option("--top", type=click.IntRange(1), help="Highest rows to compare.")
@click.option("--max-scale", "scale", type=float, help="How far the scale may be from 1.  [0.1]")
@click.option("--min-correlation", "correlation", type=float, help="[default: 0.98]")
@click.option("--min-rank", "rank", type=float, help="Least rank correlation.  [default: 0.9]")
@click.option("--min-overlap", "overlap", type=float, help="Of the highest rows.  [default: 0.8]")
@adapter_commands.account
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reading
def compare(model: str, data: str, **options: Any) -> int:
    """Tell how far MODEL's scores agree with the managed service's, or with an endpoint's.

    Theirs come from a file (the service's JSON or JSON lines, or CSV), or from an
    endpoint. Exit codes: 0 they agree, 3 they differ, 4 too little to decide.
    """
    from fastrcf.cli.managed import compare as run

    if bool(options["recorded"]) == (options["endpoint"] is not None):
        raise click.UsageError("give --recorded or --endpoint, one of them")
    if options["endpoint"] is None:
        refuse_given(_CALLING, "says how an --endpoint is called, and none is given")
    calling = {_CALLING[name]: options.pop(name) for name in _CALLING}
    # Those that are not given have the defaults of an endpoint.
    options["calling"] = {name: value for name, value in calling.items() if value is not None}
    return run(model, data, **options)
