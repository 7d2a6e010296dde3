"""Where the managed algorithm's image is, region by region."""

from __future__ import annotations

import json
import logging
import re
import sys
from contextlib import redirect_stdout
from functools import lru_cache
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

from fastrcf.errors import InvalidParameterError

log = logging.getLogger("fastrcf.sagemaker")
# Of version 3, and of version 2.
_OF_THE_SDK = ("sagemaker.core.image_uris", "sagemaker.image_uris")
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

    Where Amazon's SDK is installed (extra ``sagemaker-sdk``), the SDK is asked, so that
    its newer regions are known; it is imported at the first call, and not before. Else,
    or where its import fails, a table in this package answers.

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
    sdk = _sdk()
    if sdk is None:
        return from_table(region, version)
    try:
        return str(sdk.retrieve(_table()["repository"], region, version=version))
    except Exception as error:
        # An older SDK may lack a region that the table has.
        log.debug("Amazon's SDK tells no image for %s: %s", region, error)
        if not isinstance(error, ValueError) or region in _table()["accounts"]:
            return from_table(region, version)
        raise InvalidParameterError(f"region: {error}") from None


def _sdk() -> Any:
    """Give the module of Amazon's SDK that tells images; None where it is not installed."""
    for name in _OF_THE_SDK:
        if name in sys.modules:
            return sys.modules[name]
    return _imported() if _is_installed() else None


def _is_installed() -> bool:
    # To look runs nothing; a file sagemaker.py, such as a user's own program, is no SDK.
    try:
        spec = find_spec("sagemaker")
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.submodule_search_locations is not None


@lru_cache(maxsize=1)
def _imported() -> Any:
    """Import it, which takes seconds, and once; None where that fails."""
    for name in _OF_THE_SDK:
        try:
            # It tells of its configuration on standard output, which may be a command's.
            with redirect_stdout(sys.stderr):
                return import_module(name)
        except Exception as error:
            log.debug("Amazon's SDK: %s cannot be imported: %s", name, error)
    return None


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
