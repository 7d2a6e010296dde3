"""The commands and their options; the work is done in the modules beside."""

from __future__ import annotations

from typing import Any

import click

import fastrcf
from fastrcf.cli.container_app import container
from fastrcf.cli.options import (
    FORMAT,
    MODEL_IN,
    MODEL_OUT,
    OUT,
    Command,
    NamesOption,
    reading,
    refuse_given,
)
from fastrcf.cli.sagemaker_app import sagemaker
from fastrcf.cli.serve import serve
from fastrcf.cli.sessions_app import sessions
from fastrcf.cli.stack_app import stack
from fastrcf.cli.traffic_app import traffic
from fastrcf.detector import SCALINGS

_EPILOG = (
    "DATA is a file (CSV, Parquet, Arrow IPC or JSON lines, also compressed), a folder, a pattern, "
    "or - for standard input."
)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG + " --debug, anywhere, shows where an error came from.",
)
@click.version_option(fastrcf.__version__, prog_name="fastrcf")
def app() -> None:
    """Find unusual rows in tables and streams, and say why they are."""


_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _output(command: Command) -> Command:
    command = click.option(
        "-o", "--out", type=OUT, required=True, help="File to write, or - for standard output."
    )(command)
    command = click.option(
        "--output-format", type=FORMAT, help="Format of the output; default: by the ending."
    )(command)
    return click.option(
        "--keep",
        cls=NamesOption,
        help="Columns of DATA to pass on to the output; 'all' for all.",
    )(command)


_per_day = click.option(
    "--per-day",
    type=click.IntRange(1),
    help="Most alerts for an entity and day; needs --entity and --time.",
)
_entity = click.option("--entity", help="Column that says whose alerts are counted: a card, a SIM.")


def _asked(options: dict[str, Any], time: str | None, needs: bool) -> Any:
    """Take out what is asked for of an entity's alerts; None without --per-day."""
    per_day, entity = options.pop("per_day"), options.pop("entity")
    if per_day is None:
        if entity is not None:
            raise click.UsageError("--entity needs --per-day")
        return None
    if needs and (entity is None or time is None):
        raise click.UsageError("--per-day needs --entity and --time")
    from fastrcf.cli.limits import Asked

    return Asked(per_day, entity, time)


_forest_columns = click.option(
    "--columns",
    cls=NamesOption,
    help="Columns for a forest, which knows no names; default: all that hold numbers.",
)


@app.command(epilog=_EPILOG)
@click.argument("data")
@click.option("-o", "--out", type=MODEL_OUT, required=True, help="Model file to write.")
@click.option("--columns", cls=NamesOption, help="Columns to look at; default: all numbers.")
@click.option("--categorical", cls=NamesOption, help="Columns to take as categories.")
@click.option("--drop", cls=NamesOption, help="Columns not to look at.")
@click.option("--label", help="Column of labels: not looked at.")
@click.option("--time", "time_column", help="Column of times: not looked at.")
@click.option(
    "--scaling",
    type=click.Choice(SCALINGS),
    default="auto",
    show_default=True,
    help="How columns are made comparable.",
)
@click.option(
    "--alert-rate",
    type=float,
    default=0.001,
    show_default=True,
    help="Share of rows that should be alerts.",
)
@click.option("--alerts-per-day", type=float, help="Alerts per day instead; needs --time.")
@click.option(
    "--time-decay",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="How fast a stream makes the trees forget: 1/N to hold what the last N rows were like.",
)
@click.option("--trees", "n_trees", type=int, default=100, show_default=True)
@click.option(
    "--sample-size", type=int, default=256, show_default=True, help="Rows that each tree holds."
)
@click.option("--seed", "random_state", type=int, default=0, show_default=True)
@click.option("--threads", "n_threads", type=click.IntRange(1), help="Default: all there are.")
@click.option(
    "--note",
    "notes",
    type=(str, str),
    multiple=True,
    metavar="NAME TEXT",
    help="Something to put down in the model.",
)
@_as_json
@reading
def train(data: str, out: str, **options: Any) -> None:
    """Train a detector on DATA: no labels are needed."""
    from fastrcf.cli.train import train as run

    if options["alerts_per_day"] is not None and options["time_column"] is None:
        raise click.UsageError("--alerts-per-day needs --time")
    run(data, out, **options)


@app.command(epilog=_EPILOG)
@click.argument("model", type=MODEL_IN)
@click.argument("data")
@_forest_columns
@_output
@reading
def score(model: str, data: str, out: str, **options: Any) -> None:
    """Score each row of DATA: higher is more unusual.

    The output has the number of each row in DATA, from 0, and its score.
    """
    from fastrcf.cli.score import score as run

    run(fastrcf.load(model), data, out, **options)


@app.command(epilog=_EPILOG)
@click.argument("model", type=MODEL_IN)
@click.argument("data")
@click.option("--only-alerts", is_flag=True, help="Write only the rows that are alerts.")
@_per_day
@_entity
@click.option("--time", "time_column", help="Column of times, for --per-day.")
@_output
@reading
def detect(model: str, data: str, out: str, **options: Any) -> None:
    """Score each row of DATA, tell which are alerts, and why.

    The output has the number of each row in DATA, from 0, its score, its grade
    (0 for usual rows, 0.5 at the threshold, up to 1), whether it is an alert,
    and for alerts the columns that made it one.
    """
    from fastrcf.cli.score import detect as run

    time = options.pop("time_column")
    options["asked"] = _asked(options, time, needs=True)
    if time is not None and options["asked"] is None:
        raise click.UsageError("--time needs --per-day")
    run(fastrcf.load(model), data, out, **options)


@app.command(epilog=_EPILOG)
@click.argument("model", type=MODEL_IN)
@click.argument("data")
@click.option("--label", required=True, help="Column that says which rows are anomalies.")
@click.option("--positive", cls=NamesOption, help="Labels of anomalies.")
@click.option("--normal", cls=NamesOption, help="Labels of all that is none.")
@click.option("--time", "time_column", help="Column of times, for figures per day.")
@click.option(
    "--bootstrap",
    "n_bootstrap",
    type=click.IntRange(0),
    help="Resamples behind the intervals; 0 for none.",
)
@click.option("--seed", "random_state", type=int, default=0, show_default=True)
@_forest_columns
@_as_json
@reading
def evaluate(model: str, data: str, **options: Any) -> None:
    """Tell how well a model's scores find the rows that DATA labels."""
    from fastrcf.cli.evaluation import evaluate as run

    if options["n_bootstrap"] is None:
        del options["n_bootstrap"]
    run(fastrcf.load(model), data, **options)


@app.command(epilog=_EPILOG)
@click.argument("model", type=MODEL_IN)
@click.argument("data")
@click.option(
    "-o", "--out", type=OUT, required=True, help="HTML file to write, or - for standard output."
)
@click.option("--label", help="Column that says which rows are anomalies.")
@click.option("--positive", cls=NamesOption, help="Labels of anomalies.")
@click.option("--normal", cls=NamesOption, help="Labels of all that is none.")
@click.option("--time", "time_column", help="Column of times, for scores over time.")
@click.option("--keep", cls=NamesOption, help="Columns of DATA to show for alerts.")
@click.option(
    "--top", type=click.IntRange(1), default=50, show_default=True, help="Alerts to show, at most."
)
@reading
def report(model: str, data: str, out: str, **options: Any) -> None:
    """Write one HTML page on DATA: scores, alerts and why, drift, labels.

    The page needs no network and nothing beside it.
    """
    from fastrcf.cli.report import report as run

    if options["label"] is None and (options["positive"] or options["normal"]):
        raise click.UsageError("--positive and --normal need --label")
    run(fastrcf.load(model), model, data, out, **options)


@app.command()
@click.argument("model", type=MODEL_IN)
@_as_json
def inspect(model: str, as_json: bool) -> None:
    """Tell what a model file holds."""
    from fastrcf.cli.inspection import inspect as run

    run(model, as_json=as_json)


@app.command()
@click.option("--model", type=MODEL_IN, help="Model to go on with, rather than an empty forest.")
@click.option(
    "--state",
    type=MODEL_OUT,
    help="Go on from FILE if it is there; save to it at the end or when interrupted.",
    metavar="FILE",
)
@click.option("--save-every", type=click.IntRange(1), help="Rows between further savings.")
@click.option("--skip-seen", is_flag=True, help="The input starts with rows that FILE has seen.")
@click.option(
    "--columns", cls=NamesOption, help="Columns to look at; default: all, or all numbers."
)
@click.option(
    "--time",
    "time_column",
    help="Column of times: the rows are a time series, or a --model's alerts have days.",
)
@click.option("--key", "key_column", help="Column that tells time series apart.")
@click.option(
    "--period",
    help="Of a series: day, none, or the seconds after which it repeats.  [default: day]",
)
@click.option(
    "--threshold",
    type=float,
    help="Of a series: score of an alert.  [default: 0.075; 0.3 for several columns]",
)
@click.option(
    "--alert-rate",
    type=float,
    help="Of a series, instead of --threshold: share of rows that should be alerts.",
)
@click.option(
    "--alerts-per-day",
    type=float,
    help="The same by the rows of a day, of all series together; needs --time.",
)
@_per_day
@_entity
@click.option("--shingle", "shingle_size", type=int, help="Of a forest.  [default: 1]")
@click.option("--trees", "n_trees", type=int, help="[default: 100, for a series 50]")
@click.option("--sample-size", type=int, help="[default: 256, for a series 2048]")
@click.option(
    "--sampling",
    type=click.Choice(["decay", "uniform", "window"]),
    help="Of a forest.  [default: decay]",
)
@click.option(
    "--time-decay",
    type=float,
    help="Decay per row.  [default: 0.1 / sample size, for a series 0.0001]",
)
@click.option(
    "--max-series", type=click.IntRange(1), help="Series of a --key held.  [default: 100]"
)
@click.option("--seed", "random_state", type=int, default=0, show_default=True)
@reading
def stream(model: str | None, **options: Any) -> None:
    """Score each line of standard input, then learn it.

    Lines are CSV (with --input-format jsonl: JSON) and come out with the score
    behind them, or with score, grade, decision and reasons if the model is a
    detector or, with --time or --key, the rows are a time series. Scores are
    empty until enough rows have come.
    """
    from fastrcf.cli.stream import stream as run
    from fastrcf.cli.stream_models import new_model
    from fastrcf.cli.tables import of_csv

    names = (
        "time_column key_column period threshold alert_rate alerts_per_day shingle_size n_trees "
        "sample_size sampling time_decay max_series random_state"
    )
    given = {name: options.pop(name) for name in names.split()}
    if options["read"].format not in (None, "csv", "jsonl"):
        raise click.UsageError("--input-format: streams are csv or jsonl")
    given_of_csv = of_csv(options["read"])
    if options["read"].encoding != "utf-8":
        raise click.UsageError("--encoding: streams are UTF-8")
    if options["read"].format == "jsonl" and given_of_csv:
        raise click.UsageError(f"{given_of_csv[0]} is of CSV: the stream is jsonl")
    if options["state"] is None and (options["save_every"] or options["skip_seen"]):
        raise click.UsageError("--save-every and --skip-seen need --state")

    if model is not None:
        # Times may be those of --per-day.
        new = set(given) - {"time_column"}
        refuse_given(new, "is of a new model, and --model gives one")
    options["asked"] = _asked(options, given["time_column"], needs=False)

    def make() -> Any:
        return fastrcf.load(model) if model else new_model(options["columns"], given)

    run(make, given=given, **options)


@app.command(epilog=_EPILOG)
@click.argument("data", required=False)
@click.option("--label", help="Column of labels; only the evaluation looks at it.")
@click.option("--drop", cls=NamesOption, help="Columns not to look at.")
@click.option("--categorical", cls=NamesOption, help="Columns to take as categories.")
@click.option("--alert-rate", type=float, default=0.001, show_default=True)
@click.option("-o", "--out", type=click.Path(file_okay=False), default="demo", show_default=True)
@click.option("--seed", "random_state", type=int, default=7, show_default=True)
@reading
def demo(data: str | None, **options: Any) -> None:
    """Train on DATA, score it, and show what stands out and why.

    Without DATA, a labelled week of card transactions is made up.
    """
    from fastrcf.cli.demo import demo as run

    run(data, **options)


app.add_command(sagemaker)
app.add_command(container)
app.add_command(sessions)
app.add_command(stack)
app.add_command(serve)
app.add_command(traffic)
