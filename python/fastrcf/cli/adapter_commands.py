"""Options of ``fastrcf sagemaker train``, ``deploy``, ``predict`` and ``delete``."""

from __future__ import annotations

from typing import Any

import click

from fastrcf.cli.options import FORMAT, OUT, Command, NamesOption, reading, refuse_given

_columns = click.option(
    "--columns", cls=NamesOption, help="Columns to take; default: all that hold numbers."
)
_drop = click.option("--drop", cls=NamesOption, help="Columns not to take.")
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
# Options of ``train`` for a table here, those of reading among them, and for data in S3.
_OF_READING = ("input_format", "no_header", "names", "delimiter", "encoding", "skip_bad_rows")
_OF_TABLES = ("columns", "drop", "label", "format", *_OF_READING)
_OF_S3 = ("feature_dim", "data_format", "input_mode")
TARGET_MODEL = "Which model of a multi-model endpoint."
_REQUEST_FORMATS = click.Choice(["csv", "json", "jsonlines", "recordio"])


class Pair(click.ParamType):  # type: ignore[type-arg]
    """A name and a value."""

    name = "name=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split them at the first equals sign."""
        name, equals, text = str(value).partition("=")
        if not equals or not name:
            self.fail(f"{value!r}: expected NAME=VALUE", param, ctx)
        return name, text


PAIR = Pair()


def account(command: Command) -> Command:
    """Add the options that say whose AWS it is."""
    command = click.option("--region", help="Default: that of the profile.")(command)
    return click.option("--profile", help="Of the AWS configuration; default: the default.")(
        command
    )


def calling(command: Command) -> Command:
    """Add the options that say how an endpoint is called."""
    for option in reversed(
        [
            click.option(
                "--request-format",
                "format",
                type=_REQUEST_FORMATS,
                default="csv",
                show_default=True,
                help="How rows are sent.",
            ),
            click.option("--max-payload", type=click.IntRange(1), help="Most bytes of a request."),
            click.option(
                "--workers",
                type=click.IntRange(1),
                default=4,
                show_default=True,
                help="Requests at a time.",
            ),
            click.option(
                "--url",
                "runtime_url",
                help="Where it is called in place of AWS: a container on this machine.",
            ),
        ]
    ):
        command = option(command)
    return command


def _paid(command: Command) -> Command:
    for option in reversed(
        [
            click.option(
                "--accept-cost", is_flag=True, help="Go on; without, only the estimate is shown."
            ),
            click.option(
                "--prices",
                type=click.Path(exists=True, dir_okay=False),
                metavar="FILE",
                help="Table of prices in place of the built-in one.",
            ),
            click.option(
                "--poll",
                type=click.FloatRange(0),
                default=15.0,
                show_default=True,
                help="Seconds between two questions whether it is done.",
            ),
            click.option("--no-wait", is_flag=True, help="Do not wait until it is done."),
        ]
    ):
        command = option(command)
    return command


@click.command()
@click.argument("data")
@click.option("--role", required=True, metavar="ARN", help="Role that the job takes on.")
@click.option("--output", required=True, metavar="S3URI", help="Prefix for data and model.")
@_columns
@_drop
@click.option("--label", help="Column of labels: not trained on.")
@click.option("--test", metavar="DATA", help="Labelled rows to measure on; needs --label.")
@click.option(
    "--trees",
    "num_trees",
    type=int,
    default=100,
    show_default=True,
    help="50 to 1000; with --image any number.",
)
@click.option(
    "--sample-size",
    "num_samples_per_tree",
    type=int,
    default=256,
    show_default=True,
    help="Rows that each tree is built from, 1 to 2048; with --image any number.",
)
@click.option("--image", metavar="URI", help="This package's container, in your registry.")
@click.option(
    "--hyperparameter",
    "hyperparameters",
    type=PAIR,
    multiple=True,
    metavar="NAME=VALUE",
    help="Another one, which that container takes; may be given again.",
)
@click.option("--name", help="Of the job; default: a new one.")
@click.option("--instance-type", default="ml.c5.xlarge", show_default=True)
@click.option("--instances", "instance_count", type=click.IntRange(1), default=1, show_default=True)
@click.option(
    "--max-seconds",
    type=click.IntRange(1),
    default=3600,
    show_default=True,
    help="After which AWS stops it.",
)
@click.option("--spot", is_flag=True, help="Take spare capacity, which may be interrupted.")
@click.option(
    "--upload-format",
    "format",
    type=click.Choice(["recordio", "csv"]),
    default="recordio",
    show_default=True,
)
@click.option(
    "--feature-dim",
    type=click.IntRange(1),
    help="Columns of data that is in S3 already, which needs it.",
)
@click.option(
    "--data-format",
    type=click.Choice(["recordio", "csv", "parquet"]),
    help="Of data that is in S3 already; parquet with --image.  [default: recordio]",
)
@click.option(
    "--input-mode",
    type=click.Choice(["File", "Pipe", "FastFile"]),
    help="How such data comes to the job; FastFile with --image.  [default: File]",
)
@_paid
@account
@_as_json
@reading
def train(data: str, **options: Any) -> None:
    """Train the managed random cut forest, or with --image this package's, on DATA.

    DATA is uploaded below --output, or is a prefix s3://BUCKET/PREFIX that a job
    takes as it is. A training job begins, and its states are shown until it is done. It
    costs money: --accept-cost.
    """
    from fastrcf.cli.adapter import in_s3
    from fastrcf.cli.adapter import train as run

    test = options["test"]
    if test is not None and in_s3(test) != in_s3(data):
        raise click.UsageError("DATA and --test are both in S3, or both on this machine")
    if in_s3(data):
        refuse_given(_OF_TABLES, "is for a table on this machine: data in S3 is taken as it is")
        if options["feature_dim"] is None:
            raise click.UsageError("data in S3 needs --feature-dim")
    else:
        refuse_given(_OF_S3, "is for data that is in S3 already: --upload-format says how rows go")
        if test is not None and options["label"] is None:
            raise click.UsageError("--test needs --label")
    names = [name for name, _ in options["hyperparameters"]]
    for name in names:
        if names.count(name) > 1:
            raise click.UsageError(f"--hyperparameter {name} is given twice")
    run(data, **options)


@click.command()
@click.argument("model")
@click.option("--role", required=True, metavar="ARN", help="Role that the container takes on.")
@click.option("--name", help="Of the endpoint; default: a new one.")
@click.option("--instance-type", default="ml.c5.xlarge", show_default=True)
@click.option("--instances", "instance_count", type=click.IntRange(1), default=1, show_default=True)
@click.option("--serverless", is_flag=True, help="Pay for calls rather than for hours.")
@click.option("--memory", "memory_mb", type=int, default=2048, show_default=True, help="In MB.")
@click.option("--concurrency", "max_concurrency", type=int, default=5, show_default=True)
@click.option("--multi-model", is_flag=True, help="MODEL is a prefix with many models.")
@click.option("--image", help="Default: that of the job, else the managed one.")
@click.option(
    "--delete-after",
    type=click.FloatRange(0.02),
    metavar="HOURS",
    help="Have AWS delete the endpoint then; needs --scheduler-role.",
)
@click.option("--scheduler-role", metavar="ARN", help="Role that EventBridge Scheduler takes on.")
@_paid
@account
@_as_json
def deploy(model: str, **options: Any) -> None:
    """Make an endpoint of MODEL: a training job's name, or s3://.../model.tar.gz.

    It costs money until it is deleted: --accept-cost, --delete-after.
    """
    from fastrcf.cli.adapter import deploy as run

    if options["serverless"]:
        refuse_given(("instance_type", "instance_count"), "does not go with --serverless")
    else:
        refuse_given(("memory_mb", "max_concurrency"), "is of --serverless, which is not given")
    run(model, **options)


@click.command()
@click.argument("endpoint")
@click.argument("data")
@click.option(
    "-o", "--out", type=OUT, required=True, help="File to write, or - for standard output."
)
@click.option("--output-format", type=FORMAT, help="Format of the output; default: by the ending.")
@click.option("--keep", cls=NamesOption, help="Columns of DATA to pass on; 'all' for all.")
@_columns
@_drop
@click.option("--model", help=TARGET_MODEL)
@calling
@account
@reading
def predict(endpoint: str, data: str, out: str, **options: Any) -> None:
    """Have ENDPOINT score each row of DATA."""
    from fastrcf.cli.adapter import predict as run

    run(endpoint, data, out, **options)


@click.command()
@click.argument("endpoint")
@click.option(
    "--data",
    is_flag=True,
    help="Its model.tar.gz in S3 too, and the rows that train uploaded for it.",
)
@click.option(
    "--job", is_flag=True, help="ENDPOINT is a training job: delete its rows and model in S3."
)
@click.option("--dry-run", is_flag=True, help="Only tell what would be deleted.")
@click.option(
    "--wait",
    type=click.FloatRange(0, 86400),
    default=3600.0,
    show_default=True,
    help="Seconds to wait for an endpoint that is being created or changed.",
)
@click.option(
    "--poll",
    type=click.FloatRange(0, 3600),
    default=15.0,
    show_default=True,
    help="Seconds between two questions.",
)
@account
@_as_json
def delete(endpoint: str, **options: Any) -> None:
    """Delete ENDPOINT, its configuration and its models.

    What is gone already is passed over. What is being created or changed is waited for,
    since AWS does not delete it before.
    """
    from fastrcf.cli.adapter import delete as run

    if options["job"] and options["data"]:
        raise click.UsageError("--job is its data already: give it without --data")

    run(endpoint, **options)
