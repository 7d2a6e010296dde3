"""What still carries a stack's tag."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastrcf.sagemaker.errors import aws_errors
from fastrcf.stack.names import TAG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastrcf.stack._clients import StackClients


def tagged(clients: StackClients, prefix: str, types: Sequence[str] = ()) -> tuple[str, ...]:
    """Give the ARNs of what has the tag, sorted.

    AWS's index of tags is minutes behind: it may name what has just been deleted. It
    does not know IAM's roles in most regions.

    Parameters
    ----------
    clients : StackClients
    prefix : str
        Value of the tag.
    types : sequence of str, optional
        Such as ``sagemaker:endpoint``; default: all.
    """
    with aws_errors(f"searching for what has the tag {TAG}"):
        pages = clients.tagging.get_paginator("get_resources").paginate(
            TagFilters=[{"Key": TAG, "Values": [prefix]}], ResourceTypeFilters=list(types)
        )
        return tuple(
            sorted(one["ResourceARN"] for page in pages for one in page["ResourceTagMappingList"])
        )
