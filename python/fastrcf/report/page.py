"""What all pages of this package share: the frame, its parts, filters and style."""

from __future__ import annotations

import functools
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

import fastrcf
from fastrcf.report import words

if TYPE_CHECKING:
    from collections.abc import Callable

SIGNS = {"high": "▲", "low": "▼", "rare": "◆", "common": "◇"}
_HERE = "fastrcf.report"
_SHARED = ("page.html", "parts.html")


def page(
    name: str, package: str = _HERE, filters: dict[str, Callable[..., Any]] | None = None, **of: Any
) -> str:
    """Fill a template that extends ``page.html``.

    Parameters
    ----------
    name, package : str
        The template, and the package that it is a file of.
    filters : dict of str to callable, optional
        Filters of its own.
    **of
        What it shows.
    """
    environment = _environment(package, tuple((filters or {}).items()))
    text = environment.get_template(name).render(**of)
    # A figure and its unit stay in one line.
    return re.sub(r"(?<=\d) %", "\u00a0%", text).rstrip() + "\n"


@functools.cache
def _environment(
    package: str, filters: tuple[tuple[str, Callable[..., Any]], ...]
) -> jinja2.Environment:
    """Make what fills a package's templates; it keeps them compiled."""

    def part(wanted: str) -> str:
        return _text(_HERE if wanted in _SHARED else package, wanted)

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(part),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=words.number,
        share=words.share,
        plain=words.plain,
        percent=_percent,
        **dict(filters),
    )
    environment.globals.update(
        counted=words.counted,
        signs=SIGNS,
        style=Markup(_text(_HERE, "style.css")),
        version=fastrcf.__version__,
    )
    return environment


def _text(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")


def _percent(x: float) -> str:
    """Write a share as a width for a bar."""
    return f"{min(100.0, max(0.0, 100.0 * x)):.1f}%"
