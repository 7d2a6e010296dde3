"""What a person types next: a call that works, without a secret in it."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from fastrcf.detector import Detector
from fastrcf.forest import FrozenForest, RandomCutForest
from fastrcf.model_file import load

if TYPE_CHECKING:
    from fastrcf.stack.local.cloud import LocalCloud


def example_body(model: Any) -> str:
    """Write a request to ``/invocations`` for a usual row.

    Parameters
    ----------
    model : Detector, RandomCutForest or FrozenForest
    """
    if isinstance(model, Detector):
        usual = {name: quantiles for name, _, _, quantiles in model._fitted().features()}
        values = [f"{(usual.get(name) or [0.0] * 9)[4]:.6g}" for name in model.columns]
    else:
        assert isinstance(model, (RandomCutForest, FrozenForest))
        values = ["0"] * int(model.n_features or 0)
    metadata = ["2026-01-01 00:00:00", "an-id", "Web"]
    return json.dumps({"data": ",".join(values), "metadata": metadata})


def lines_for(cloud: LocalCloud) -> list[str]:
    """Say where the cloud is, what it writes, and how to call it."""
    url = f"{cloud.url}/invocations"
    body = shlex.quote(example_body(load(cloud.function.settings.model_uri)))
    call = f"curl -s {url} -H 'content-type: application/json' -d {body}"
    lines = [
        f"{cloud.url} answers as the stack does; Ctrl-C stops it",
        f"results: {cloud.firehose}/   the function's log: {cloud.log}",
    ]
    if cloud.auth == "key":
        call += f' -H "x-api-key: $(cat {shlex.quote(str(cloud.key_file))})"'
    if cloud.auth == "iam":
        file = shlex.quote(str(cloud.credentials_file))
        secret = f"sed -n 's/^aws_[a-z_]* = //p' {file} | paste -sd :"
        call += f' --aws-sigv4 aws:amz:{cloud.keys.region}:execute-api --user "$({secret})"'
        lines.append(f"credentials for AWS's tools: AWS_SHARED_CREDENTIALS_FILE={file}")
    return [*lines, call]
