"""Tests that need Chromium say so without it, and may not be skipped where it has to be."""

import sys

import pytest

from tests.browser import browser


@pytest.mark.parametrize("lacking", ["chromium", "playwright"])
@pytest.mark.parametrize("needed", [False, True])
def test_what_lacks_is_told(monkeypatch, tmp_path, lacking, needed):
    if lacking == "chromium":
        pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
        monkeypatch.setenv("PATH", str(tmp_path))
        why = "there is no chromium"
    else:
        monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
        why = "playwright is not installed"
    if needed:
        monkeypatch.setenv("FASTRCF_NEEDS_CHROMIUM", "1")
        expected = pytest.fail.Exception
    else:
        monkeypatch.delenv("FASTRCF_NEEDS_CHROMIUM", raising=False)
        expected = pytest.skip.Exception
    with pytest.raises(expected, match=why), browser():
        pass
