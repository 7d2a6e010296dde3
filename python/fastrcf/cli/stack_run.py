"""What the commands under ``fastrcf stack`` do."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastrcf.cli import DONE, FAILED, stack_show
from fastrcf.cli.adapter import open_session
from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker.cost import Prices
from fastrcf.sagemaker.errors import ServiceError
from fastrcf.stack import plan as planning
from fastrcf.stack._clients import StackClients
from fastrcf.stack.calling import curl_line, key_command, read_key
from fastrcf.stack.costs import Load, accept_hourly, stack_cost
from fastrcf.stack.deploy import deploy as run_deployment
from fastrcf.stack.destroy import destroy as run_destruction
from fastrcf.stack.names import check_prefix
from fastrcf.stack.rules import problems
from fastrcf.stack.status import read_status
from fastrcf.stack.template import Template

if TYPE_CHECKING:
    from collections.abc import Sequence

# Stand in where a bucket and a key are not known yet.
_NO_CODE = {"CodeBucket": "code-bucket", "CodeKey": "code.zip"}


def _say(text: str) -> None:
    click.echo(text, err=True)


def template(file: Path | None, given: dict[str, str], out: Path | None, *, check: bool) -> int:
    """Print a template, or what is wrong with it."""
    try:
        read = Template.load() if file is None else Template(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise InvalidParameterError(f"{file}: it is no template: not UTF-8") from None
    if given:
        read.check({**_NO_CODE, **given})
        read = read.with_defaults(given)
    if check:
        found = problems(read)
        click.echo("\n".join(found) if found else "nothing wrong")
        return FAILED if found else DONE
    stamped = read.stamped(given)
    if out is None:
        click.echo(stamped.text, nl=False)
    else:
        out.write_text(stamped.text, encoding="utf-8")
    return DONE


def deploy(
    model: Path | None,
    *,
    prefix: str,
    given: Sequence[tuple[str, str]],
    code: Path | None,
    wheel: Path | None,
    from_index: bool,
    notebooks: Path | None,
    yes: bool,
    accept_cost: bool,
    show_key: bool,
    prices: Path | None,
    poll: float,
    profile: str | None,
    region: str | None,
    as_json: bool,
) -> int:
    """Check, package, upload, show, ask, execute; exit code 1 if it was declined."""
    if not (yes or sys.stdin.isatty()):
        raise InvalidParameterError("nobody can be asked here: --yes goes on without")
    if code is not None and (wheel is not None or from_index):
        raise click.UsageError(
            "--code is the whole zip: --wheel and --from-index are for making one"
        )
    wanted = planning.Wanted(check_prefix(prefix), model, code, dict(given), notebooks)
    if model is not None:
        # Before AWS is asked, and before minutes of packaging.
        planning.check_model(model)
    if code is not None:
        planning.check_code(code)
    clients = StackClients.of(open_session(profile, region))
    _say(f"account {clients.account}, region {clients.region}")
    table = Prices.load(prices)
    with tempfile.TemporaryDirectory() as folder:
        early = planning.make_plan(clients, wanted, "0" * 64)
        if show_key and early.parameters["AuthMode"] != "APIKEY":
            raise InvalidParameterError(
                "--show-key: the API has no key while AuthMode is IAM: its callers sign"
            )
        before = early.stack.parameters if early.stack else None
        accept_hourly(
            early.template, early.parameters, before, table, clients.region, accept_cost, _say
        )
        arch = early.parameters["Architecture"]
        made = code or _package(arch, wheel, from_index, Path(folder))
        plan = planning.make_plan(clients, wanted, planning.check_code(made, arch))
        cost = stack_cost(plan.template, plan.parameters, Load(), table, clients.region)

        def confirm(proposed: Any) -> bool:
            stack_show.show_changes(plan, proposed, cost)
            return yes or click.confirm("Go on?", err=True)

        done = run_deployment(
            clients,
            plan,
            wanted,
            made,
            confirm=confirm,
            tell=_say,
            on_event=lambda event: _say(f"  {event}"),
            poll=poll,
        )
    if done.outcome == "declined":
        _say("nothing was changed")
        return FAILED
    assert done.stack is not None
    outputs = done.stack.outputs
    line = curl_line(outputs, plan.columns, detect=plan.has_threshold)
    key = unread = None
    if show_key:
        try:
            key = read_key(clients, outputs)
        except ServiceError as error:
            # What was deployed is told first.
            unread = error
    if as_json:
        told = {"outcome": done.outcome, "outputs": outputs, "curl": line}
        click.echo(json.dumps({**told, "api_key": key} if key else told))
        if unread is not None:
            raise unread
        return DONE
    _say(
        f"stack {prefix}: nothing to change"
        if done.outcome == "unchanged"
        else f"stack {prefix}: {done.outcome}"
    )
    stack_show.show_outputs(outputs)
    click.echo(f"\nTry it:\n{line}")
    if key:
        click.echo(f"\nAPI key: {key}")
    elif "ApiKeyId" in outputs:
        click.echo(f"\nThe key is shown by:\n{key_command(outputs)}")
    _say(f"\nfastrcf stack destroy --prefix {prefix} ends it and its cost")
    if unread is not None:
        raise unread
    return DONE


def _package(arch: str, wheel: Path | None, from_index: bool, folder: Path) -> Path:
    from fastrcf.stack import package

    return package.build(
        folder,
        arch="arm64" if arch == "arm64" else "x86_64",
        wheel=wheel,
        from_index=from_index,
        tell=_say,
    )


def status(
    *, prefix: str, show_key: bool, profile: str | None, region: str | None, as_json: bool
) -> int:
    """Tell how a stack is; exit code 1 if it is broken or an alarm is on."""
    clients = StackClients.of(open_session(profile, region))
    found = read_status(clients, check_prefix(prefix))
    if as_json:
        told = found.to_dict()
        if show_key:
            told["api_key"] = read_key(clients, found.stack.outputs)
        click.echo(json.dumps(told))
    else:
        stack_show.show_status(found)
        if show_key:
            click.echo(f"API key: {read_key(clients, found.stack.outputs)}")
    return FAILED if found.ringing or found.stack.is_broken else DONE


def destroy(
    *,
    prefix: str,
    dry_run: bool,
    keep_data: bool,
    keep_logs: bool,
    untagged: bool,
    yes: bool,
    poll: float,
    profile: str | None,
    region: str | None,
    as_json: bool,
) -> int:
    """Delete a stack and what belongs to it; exit code 1 if something is still there."""
    check_prefix(prefix)
    clients = StackClients.of(open_session(profile, region))
    where = f"{prefix} in account {clients.account}, region {clients.region}"
    if not (dry_run or yes):
        if not sys.stdin.isatty():
            raise InvalidParameterError("nobody can be asked here: --yes goes on without")
        what = "the stack and its logs" if keep_data else "the stack, its data and its logs"
        click.echo(f"This deletes {what}: {where}", err=True)
        if click.prompt("Type the prefix to go on", err=True) != prefix:
            _say("nothing was deleted")
            return FAILED
    result = run_destruction(
        clients,
        prefix,
        dry_run=dry_run,
        keep_data=keep_data,
        keep_logs=keep_logs,
        untagged=untagged,
        tell=(lambda step: None) if as_json else (lambda step: click.echo(str(step))),
        tell_count=lambda bucket, count: _say(f"  {bucket}: {count:,} deleted"),
        on_event=lambda event: _say(f"  {event}"),
        poll=poll,
    )
    if as_json:
        steps = [asdict(step) for step in result.steps]
        click.echo(json.dumps({"steps": steps, "leftovers": result.leftovers}))
    else:
        stack_show.show_leftovers(result, where, dry_run)
    return FAILED if result.failed else DONE


def cost(
    *,
    given: Sequence[tuple[str, str]],
    requests: float,
    rows: float,
    call_ms: float,
    prices: Path | None,
    region: str,
    as_json: bool,
) -> None:
    """Estimate a month."""
    read = Template.load()
    values = read.check({**_NO_CODE, **dict(given)})
    found = stack_cost(read, values, Load(requests, rows, call_ms), Prices.load(prices), region)
    click.echo(json.dumps(found.to_dict()) if as_json else str(found))
