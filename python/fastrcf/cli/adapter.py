"""``fastrcf sagemaker train``, ``deploy``, ``predict`` and ``delete``."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import pyarrow as pa

from fastrcf.cli.score import run
from fastrcf.cli.tables import Input
from fastrcf.cli.taking import chosen as choose
from fastrcf.cli.taking import spare
from fastrcf.errors import InvalidInputError
from fastrcf.sagemaker.channel import CSV, PARQUET, Channel
from fastrcf.sagemaker.cost import Prices
from fastrcf.sagemaker.deletion import delete as delete_all
from fastrcf.sagemaker.deployment import deploy as begin_endpoint
from fastrcf.sagemaker.endpoint import Endpoint, Serverless
from fastrcf.sagemaker.errors import JobFailedError, aws_errors, boto
from fastrcf.sagemaker.payload import MAX_PAYLOAD
from fastrcf.sagemaker.recordio import CONTENT_TYPE as RECORDIO
from fastrcf.sagemaker.training import MOST_TEXT, TrainingJob
from fastrcf.sagemaker.training import train as begin_training

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastrcf._typing import Floats
    from fastrcf.files import Clean, Format, Options, Role
    from fastrcf.sagemaker.channel import ChannelName


def open_session(profile: str | None, region: str | None) -> Any:
    """Give the session of a profile and region; boto3 looks for what is None."""
    with aws_errors("opening a session"):
        return boto().Session(profile_name=profile, region_name=region)


def _say(text: str) -> None:
    click.echo(text, err=True)


@contextmanager
def _told_if_left(text: str, but: type[Exception] | tuple[()] = ()) -> Iterator[None]:
    """Say what to do about what was begun, if waiting for it ends early."""
    try:
        yield
    except but:
        raise
    except BaseException:
        _say(text)
        raise


def train(
    data: str,
    *,
    read: Options,
    columns: Sequence[str],
    drop: Sequence[str],
    label: str | None,
    test: str | None,
    feature_dim: int | None,
    data_format: str | None,
    input_mode: str | None,
    hyperparameters: Sequence[tuple[str, str]],
    prices: str | None,
    poll: float,
    no_wait: bool,
    profile: str | None,
    region: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Begin a training job and wait; the other parameters are those of the adapter's train."""
    session = open_session(profile, region)
    x: Any
    tested: Any = None
    chosen: list[str] = []
    told: dict[str, Any]
    if in_s3(data):
        how = (data_format or "recordio", input_mode or "File", feature_dim)
        x = _channel("train", data, *how)
        if test is not None:
            tested = _channel("test", test, *how)
        told = {"data": data, "feature_dim": feature_dim}
        what = f"{data}, {feature_dim} columns"
    else:
        table = Input.of(data, read)
        chosen = choose(table, columns, drop, label)
        x, _ = _rows(table, chosen, None)
        if test is not None:
            tested = _rows(Input.of(test, read), chosen, label)
        told = {"rows": len(x), "feature_dim": len(chosen), "columns": chosen}
        what = f"{len(x):,} rows of {len(chosen)} columns"
    further = dict(hyperparameters)
    if chosen and given["image"] is not None and further.get("model") != "managed":
        # The container gets rows without names, and its reasons should have them.
        named = json.dumps(chosen, separators=(",", ":"), ensure_ascii=False)
        if len(named) <= MOST_TEXT:
            further.setdefault("feature_names", named)
        elif "feature_names" not in further:
            _say(
                f"the names of {len(chosen)} columns are longer than a hyperparameter may be: "
                "the model will call them x0, x1 and so on"
            )
    job = begin_training(
        x,
        test=tested,
        feature_dim=feature_dim,
        hyperparameters=further,
        session=session,
        prices=Prices.load(prices),
        tell=_say,
        **given,
    )
    if not no_wait:
        ends = f"aws sagemaker stop-training-job --training-job-name {job.name} ends it"
        with _told_if_left(f"{job.name} may go on and cost: {ends}", but=JobFailedError):
            job.wait(poll=poll, tell=_say)
    told = {"job": job.name, "status": job.status, **told}
    if told["status"] == "Completed":
        told |= {"model_data": job.model_data, "metrics": job.metrics}
    if as_json:
        click.echo(json.dumps(told))
        return
    click.echo(f"{job.name}: {told['status']}: {what}")
    if "model_data" in told:
        click.echo(f"model: {told['model_data']}")
        for name, value in job.metrics.items():
            click.echo(f"{name}: {value:.6g}")


def deploy(
    model: str,
    *,
    serverless: bool,
    memory_mb: int,
    max_concurrency: int,
    delete_after: float | None,
    prices: str | None,
    poll: float,
    no_wait: bool,
    profile: str | None,
    region: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Begin an endpoint and wait; the other parameters are those of the adapter's deploy."""
    session = open_session(profile, region)
    source: Any = model if model.startswith("s3://") else TrainingJob.of(model, session)
    endpoint = begin_endpoint(
        source,
        serverless=Serverless(memory_mb, max_concurrency) if serverless else None,
        delete_after=None if delete_after is None else 3600 * delete_after,
        prices=Prices.load(prices),
        session=session,
        tell=_say,
        **given,
    )
    ends = f"fastrcf sagemaker delete {endpoint.name} ends it and its cost"
    with _told_if_left(ends):
        if not no_wait:
            endpoint.wait(poll=poll, tell=_say)
        status = endpoint.status
    if as_json:
        click.echo(json.dumps({"endpoint": endpoint.name, "status": status}))
        return
    click.echo(f"{endpoint.name}: {status}")
    _say(ends)


def predict(
    endpoint: str,
    data: str,
    out: str,
    *,
    read: Options,
    output_format: Format | None,
    keep: Sequence[str],
    columns: Sequence[str],
    drop: Sequence[str],
    max_payload: int | None,
    profile: str | None,
    region: str | None,
    **calling: Any,
) -> None:
    """Write a score per row; the other parameters are those of Endpoint."""
    table = Input.of(data, read)
    spare(table, out)
    chosen = choose(table, columns, drop)
    asked = Endpoint(
        endpoint,
        open_session(profile, region),
        max_payload=max_payload or MAX_PAYLOAD,
        **calling,
    )

    def answer(batch: Clean) -> pa.Table:
        if not len(batch.rows):
            return pa.table({"score": pa.array([], pa.float64())})
        return pa.table({"score": asked.predict(batch.table)})

    # A detector knows its columns; an endpoint takes those that are given.
    roles: dict[str, Role] = dict.fromkeys(chosen, "number")
    n = run(asked, table, out, answer, "predicting", read, output_format, keep, (), roles=roles)
    click.echo(f"{n:,} rows scored by {endpoint}", err=True)


def delete(
    endpoint: str,
    *,
    data: bool,
    job: bool,
    dry_run: bool,
    wait: float,
    poll: float,
    profile: str | None,
    region: str | None,
    as_json: bool,
) -> None:
    """Delete an endpoint and what belongs to it, or a job's data, and tell of each."""
    session = open_session(profile, region)
    if job:
        result = TrainingJob.of(endpoint, session).delete_data(dry_run=dry_run)
    else:
        result = delete_all(
            endpoint,
            data=data,
            dry_run=dry_run,
            wait=wait,
            poll=poll,
            tell=_say,
            session=session,
        )
    if as_json:
        click.echo(json.dumps([asdict(step) for step in result.steps]))
        return
    click.echo(str(result))


def in_s3(data: str) -> bool:
    """Whether data is in S3 already, and not on this machine."""
    return data.startswith("s3://")


def _channel(
    name: ChannelName, uri: str, data_format: str, mode: Any, feature_dim: int | None
) -> Channel:
    types = {"recordio": RECORDIO, "csv": CSV[name], "parquet": PARQUET}
    return Channel(name, uri, types[data_format], n_features=feature_dim, input_mode=mode)


def _rows(table: Input, columns: Sequence[str], label: str | None) -> tuple[Any, Floats | None]:
    """Read all rows, in single precision, and their labels."""
    roles: dict[str, Role] = dict.fromkeys([*columns, *([label] if label else [])], "number")
    parts: list[Any] = []
    labels: list[Any] = []
    for batch in table.batches(roles, "reading"):
        columns_ = [batch.table[name].to_numpy() for name in columns]
        parts.append(np.column_stack(columns_).astype(np.float32))
        if label:
            labels.append(batch.table[label].to_numpy())
    if not parts:
        raise InvalidInputError(f"{table.first.file}: there are no rows")
    return np.concatenate(parts), np.concatenate(labels) if label else None
