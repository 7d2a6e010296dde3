"""From a plan to a stack: uploads, a change set, its execution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastrcf.stack import changes, events
from fastrcf.stack.names import TAG
from fastrcf.stack.uploads import make_bucket, upload, upload_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fastrcf.stack._clients import StackClients
    from fastrcf.stack.plan import Plan, Wanted
    from fastrcf.stack.state import Stack


@dataclass(frozen=True)
class Deployed:
    """What came of it.

    Attributes
    ----------
    outcome : str
        "created", "updated", "unchanged" or "declined".
    stack : Stack or None
        As it is now; None if there is none.
    """

    outcome: str
    stack: Stack | None


def deploy(
    clients: StackClients,
    plan: Plan,
    wanted: Wanted,
    code: Path,
    *,
    confirm: Callable[[changes.ChangeSet], bool],
    tell: Callable[[str], Any],
    on_event: Callable[[events.Event], Any],
    poll: float = 5.0,
    timeout: float = 3600.0,
) -> Deployed:
    """Upload, propose, and once confirmed, execute. A repeated call goes on where one stopped.

    Parameters
    ----------
    clients : StackClients
    plan : Plan
    wanted : Wanted
        What the plan was made of.
    code : Path
        The function's zip.
    confirm : callable
        Is shown the change set; False leaves everything as it is but for what is
        uploaded.
    tell, on_event : callable
        Get what is done as text, and every event.
    poll, timeout : float
        Seconds between two questions, and until it is given up.

    Raises
    ------
    StackFailedError
        With CloudFormation's reasons; it has rolled back by itself.
    ServiceError
        If AWS refuses a call.
    """
    names, bucket = plan.names, plan.names.code_bucket
    if make_bucket(clients, bucket, names.prefix, plan.parameters["KmsKeyArn"]):
        tell(f"made bucket {bucket}")
    if upload(clients, bucket, plan.parameters["CodeKey"], code):
        tell(f"uploaded the function's code, {code.stat().st_size / 2**20:.1f} MB")
    model = wanted.model
    if model is not None and upload(clients, bucket, plan.model_key, model):
        tell(f"uploaded the model, {model.stat().st_size / 2**20:.1f} MB")
    # Larger than what a call takes, so CloudFormation reads it from the bucket.
    key = f"templates/{plan.template.digest}.yaml"
    upload(clients, bucket, key, plan.template.text.encode())
    tell("asking CloudFormation what would change")
    proposed = changes.propose(
        clients,
        names.prefix,
        _url(clients, bucket, key),
        plan.parameters,
        {TAG: names.prefix},
        is_new=plan.is_new,
        poll=min(poll, 3.0),
    )
    stack = plan.stack
    if proposed.changes:
        agreed = False
        try:
            agreed = confirm(proposed)
        finally:
            # Also where the question is interrupted.
            if not agreed:
                changes.discard(clients, proposed)
        if not agreed:
            return Deployed("declined", plan.stack)
        last = events.newest(clients, proposed.stack_id)
        changes.execute(clients, proposed)
        try:
            stack = events.follow(
                clients, proposed.stack_id, last, poll=poll, timeout=timeout, tell=on_event
            )
        except KeyboardInterrupt:
            tell(
                "CloudFormation goes on by itself: fastrcf stack status --prefix "
                f"{names.prefix} --region {names.region} tells how far it is"
            )
            raise
    if wanted.notebooks is not None:
        count = upload_folder(clients, names.model_bucket, "notebooks", wanted.notebooks)
        tell(f"uploaded {count} files for the notebook, which takes them at its next start")
    if not proposed.changes:
        return Deployed("unchanged", stack)
    return Deployed("created" if plan.is_new else "updated", stack)


def _url(clients: StackClients, bucket: str, key: str) -> str:
    partition = clients.session.get_partition_for_region(clients.region)
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    return f"https://{bucket}.s3.{clients.region}.{suffix}/{key}"
