"""Pages opened in Chromium: no error, no request but the page itself, nothing cut off.

Needs ``playwright`` and a Chromium of the system. Where one lacks tests are skipped, and say why;
with ``FASTRCF_NEEDS_CHROMIUM`` they fail.
"""

from __future__ import annotations

import importlib
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

WIDE, NARROW = (1280, 900), (390, 844)


@dataclass
class Opened:
    """What a browser said of a page."""

    said: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    width: int = 0
    shown: int = 0
    texts: int = 0


def _lacks(why: str) -> None:
    """Skip a test, or fail it where nothing may lack."""
    if os.environ.get("FASTRCF_NEEDS_CHROMIUM"):
        pytest.fail(f"pages must be looked at here: {why}")
    pytest.skip(why)


@contextmanager
def browser():
    """Start Chromium; skip or fail without."""
    try:
        api = importlib.import_module("playwright.sync_api")
    except ImportError:
        _lacks("playwright is not installed")
    path = shutil.which("chromium")
    if path is None:
        _lacks("there is no chromium")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield chromium
        finally:
            chromium.close()


def visit(chromium, page: Path, *, size=WIDE, dark=False, unfold=False, shot: Path | None = None):
    """Open a file and give what came of it; ``unfold`` opens all that folds."""
    scheme = "dark" if dark else "light"
    context = chromium.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
    )
    out = Opened()
    try:
        tab = context.new_page()
        tab.on("console", lambda message: out.said.append(f"{message.type}: {message.text}"))
        tab.on("pageerror", lambda error: out.errors.append(str(error)))
        tab.on("request", lambda request: out.requests.append(request.url))
        tab.goto(page.as_uri())
        if unfold:
            tab.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
        out.width = tab.evaluate("document.documentElement.scrollWidth")
        out.shown = tab.evaluate("document.documentElement.clientWidth")
        out.texts = len(tab.inner_text("body"))
        if shot is not None:
            # What is seen first: pictures of pages as long as these take seconds.
            tab.screenshot(path=shot)
    finally:
        context.close()
    return out


def check(page: Path, shots: Path) -> None:
    """Open a page wide, narrow and dark: it is quiet, alone, and as wide as the screen."""
    with browser() as chromium:
        for name, size, dark in (
            ("wide", WIDE, False),
            ("narrow", NARROW, False),
            ("dark", WIDE, True),
        ):
            shot = shots / f"{page.stem}-{name}.png"
            seen = visit(chromium, page, size=size, dark=dark, shot=shot)
            assert seen.said == [], name
            assert seen.errors == [], name
            assert seen.requests == [page.as_uri()], name
            assert seen.width <= seen.shown, f"{name}: {seen.width} px of {seen.shown}"
            assert seen.texts > 100, name
            assert shot.stat().st_size > 5_000, name
        unfolded = visit(chromium, page, size=NARROW, unfold=True)
        assert unfolded.width <= unfolded.shown, "unfolded"
