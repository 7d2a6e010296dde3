"""Where the managed algorithm's image is, region by region."""

from __future__ import annotations

import json
import re
import sys
from functools import lru_cache
from importlib.resources import files
from typing import Any

from fastrcf.errors import InvalidParameterError

# A shell whose variable is not set gives nothing, or the next option.
_URI = re.compile(r"[^\s/-][^\s/]*/\S+")


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    text = files("fastrcf.sagemaker").joinpath("registries.json").read_text()
    table: dict[str, Any] = json.loads(text)
    return table


def regions() -> list[str]:
    """Name the regions that have the algorithm."""
    return sorted(_table()["accounts"])


def image_uri(region: str, version: str = "1") -> str:
    """Give the address of the managed random cut forest's image.

    Where a program has imported Amazon's SDK already, the SDK is asked, so that
    its newer regions are known; else a table in this package answers.

    Parameters
    ----------
    region : str
        Such as ``eu-west-1``.
    version : str, default "1"
        The image's tag; there has only ever been this one.

    Raises
    ------
    InvalidParameterError
        If the region does not have it.
    """
    sdk = sys.modules.get("sagemaker.core.image_uris") or sys.modules.get("sagemaker.image_uris")
    if sdk is not None:
        try:
            return str(sdk.retrieve("randomcutforest", region, version=version))
        except ValueError as error:
            raise InvalidParameterError(f"region: {error}") from None
    return from_table(region, version)


def check_image(uri: str) -> str:
    """Give the address of an image, if it can be one.

    Raises
    ------
    InvalidParameterError
        If it cannot.
    """
    if not isinstance(uri, str) or len(uri) > 255 or not _URI.fullmatch(uri):
        raise InvalidParameterError(f"image: expected REGISTRY/REPOSITORY:TAG, found {uri!r}")
    return uri


def is_managed(uri: str) -> bool:
    """Whether an image is the managed algorithm's, by the name of its repository."""
    name: str = _table()["repository"]
    return uri.rpartition("/")[2].partition(":")[0] == name


def from_table(region: str, version: str = "1") -> str:
    """Give the address that this package's own table has; see :func:`image_uri`."""
    table = _table()
    if region not in table["accounts"]:
        raise InvalidParameterError(
            f"region: {region!r} does not have the algorithm; these have: {', '.join(regions())}"
        )
    domain = next(d for prefix, d in table["domains"].items() if region.startswith(prefix))
    return f"{table['accounts'][region]}.dkr.ecr.{region}.{domain}/{table['repository']}:{version}"
