"""Tables that the commands under ``fastrcf stack`` show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fastrcf.stack.names import TAG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastrcf.stack.changes import ChangeSet
    from fastrcf.stack.costs import StackCost
    from fastrcf.stack.destroy import Destroyed
    from fastrcf.stack.plan import Plan
    from fastrcf.stack.status import Status

_STYLES = {"Add": "green", "Modify": "yellow", "Remove": "red"}


def _console() -> Console:
    # What leads to a decision goes where it is asked for; a pipe gets whole names.
    console = Console(stderr=True)
    return console if console.is_terminal else Console(stderr=True, width=240)


def show_changes(plan: Plan, proposed: ChangeSet, cost: StackCost) -> None:
    """Show what would change, with which parameters, and what it costs."""
    console = _console()
    console.print(plan_table(proposed))
    before = plan.stack.parameters if plan.stack else plan.template.defaults
    changed = Table("parameter", box=None, pad_edge=False)
    for head in ("before", "then"):
        changed.add_column(head, overflow="fold")
    for name, value in plan.parameters.items():
        if before.get(name) != value:
            changed.add_row(name, Text(before.get(name) or "-"), Text(value or "-"))
    if changed.row_count:
        console.print()
        console.print(changed)
    console.print()
    console.print(Text(str(cost)))


def plan_table(proposed: ChangeSet) -> Table:
    """Give a change set as a table, by type and name."""
    table = Table("", "resource", "type", "replaced", box=None, pad_edge=False)
    for change in sorted(proposed.changes, key=lambda one: (one.type, one.resource)):
        table.add_row(
            Text(change.action, _STYLES.get(change.action, "")),
            change.resource,
            change.type,
            # What replacement means for data: the old one goes.
            {"True": "yes", "Conditional": "perhaps"}.get(change.replacement, ""),
        )
    return table


def show_outputs(outputs: Mapping[str, str]) -> None:
    """Print outputs, one a line."""
    wide = max(map(len, outputs), default=0)
    for name in sorted(outputs):
        click.echo(f"{name:{wide}}  {outputs[name]}")


def show_status(found: Status) -> None:
    """Print how a stack is."""
    stack, model = found.stack, found.model
    reason = f" ({stack.reason})" if stack.reason else ""
    click.echo(f"stack {stack.name}: {stack.status}{reason}")
    click.echo(f"API: {stack.outputs.get('ApiUrl', 'none yet')}")
    if model.problem:
        click.echo(f"model {model.uri}: {model.problem}")
    else:
        version = f", version {model.version_id}" if model.version_id else ""
        size = f"{model.size / 2**20:,.1f} MB"
        click.echo(f"model {model.uri}: of {model.modified}, {size}{version}")
    click.echo(f"template: {found.template}")
    for drift in found.drift:
        click.echo(
            f"changed by hand: {drift.name} is {drift.found!r}, the stack says {drift.expected!r}"
        )
    click.echo(f"alarms: {len(found.ringing)} of {len(found.alarms)} on")
    for alarm in found.alarms:
        told = f": {alarm.reason}" if alarm.state == "ALARM" and alarm.reason else ""
        click.echo(f"  {alarm.name}: {alarm.state}{told}")
    for problem in found.problems:
        click.echo(f"not known: {problem}", err=True)


def show_leftovers(result: Destroyed, where: str, dry_run: bool) -> None:
    """Say what is left."""
    if not result.steps:
        click.echo(f"there is nothing of {where}")
    if result.failed:
        click.echo("not all was deleted, run it again:", err=True)
        for step in result.failed:
            click.echo(f"  {step}", err=True)
    if result.leftovers is None:
        click.echo(f"AWS does not let these credentials search for the tag {TAG}", err=True)
        return
    has = "has" if dry_run else "still has"
    if result.leftovers:
        click.echo(f"{has} the tag {TAG} (AWS's index is some minutes behind):")
        for arn in result.leftovers:
            click.echo(f"  {arn}")
    else:
        click.echo(f"nothing {has} the tag {TAG}")
