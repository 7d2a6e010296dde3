"""How a stack's API is called: from a shell, without a secret in the line, and from Python."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from fastrcf.sagemaker.errors import ServiceError, aws_errors, boto
from fastrcf.stack._clients import StackClients
from fastrcf.traffic.auth import Auth, KeyAuth, choose
from fastrcf.traffic.target import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastrcf.stack.config import Config


def curl_line(
    outputs: Mapping[str, str], columns: Sequence[str] = (), *, detect: bool = True
) -> str:
    """Give a line for curl that scores one row.

    Signatures are made of the shell's own credentials; a key is asked for when the line
    runs, so neither is in the shell's history.

    Parameters
    ----------
    outputs : mapping of str to str
        Of the stack.
    columns : sequence of str, optional
        The model's; the row has 0 for each.
    detect : bool, default True
        Whether alerts are asked for, which need a threshold; else scores alone.
    """
    row = dict.fromkeys(columns, 0) if columns else {"COLUMN": 0}
    body = shlex.quote(json.dumps({"rows": [row]}, ensure_ascii=False))
    region = outputs["Region"]
    route = "detect" if detect else "score"
    words = [f"curl -s {outputs['ApiUrl']}/v1/{route}", "-H 'content-type: application/json'"]
    if outputs["AuthMode"] == "IAM":
        words.append(f"--aws-sigv4 aws:amz:{region}:execute-api")
        words.append('--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"')
        words.append('${AWS_SESSION_TOKEN:+-H "x-amz-security-token: $AWS_SESSION_TOKEN"}')
    else:
        words.append(f'-H "x-api-key: $({key_command(outputs)})"')
    return " \\\n  ".join([*words, f"-d {body}"])


def key_command(outputs: Mapping[str, str]) -> str:
    """Give the command of AWS's own tool that shows the API key."""
    return (
        f"aws apigateway get-api-key --api-key {outputs['ApiKeyId']} --include-value "
        f"--query value --output text --region {outputs['Region']}"
    )


def read_key(clients: StackClients, outputs: Mapping[str, str]) -> str:
    """Ask for the API key itself.

    Raises
    ------
    ServiceError
        If the stack has none, or AWS refuses.
    """
    if "ApiKeyId" not in outputs:
        raise ServiceError("the stack has no API key: its callers sign (AuthMode IAM)")
    with aws_errors("asking for the API key"):
        told = clients.gateway.get_api_key(apiKey=outputs["ApiKeyId"], includeValue=True)
    return str(told["value"])


def auth(config: Config, session: Any = None) -> Auth:
    """Make what proves to a deployed API who calls, the way its stack wants it.

    Parameters
    ----------
    config : Config
        With ``api_url``, ``auth_mode`` and ``region``, and ``api_key_id`` where the mode is
        APIKEY: the stack's outputs give them all.
    session : boto3.Session, optional
        Asks for the key. Default: boto3's. Signatures are of the credentials that botocore
        finds.

    Raises
    ------
    InvalidParameterError
        Names a value that is missing.
    ServiceError
        If AWS does not tell the key.
    """
    config.need("api_url", "auth_mode", "region")
    if config.auth_mode == "IAM":
        return choose("sigv4", parse(config.api_url), region=config.region)
    config.need("api_key_id")
    if session is None:
        with aws_errors("opening a session"):
            session = boto().Session(region_name=config.region)
    return KeyAuth(read_key(StackClients.of(session), {"ApiKeyId": config.api_key_id}))
