"""One self-contained page that says what stands out in a week of sessions.

Needs the extra ``report``.
"""

from __future__ import annotations

import fastrcf.report  # noqa: F401  (says which extra is missing)
from fastrcf.telecom.report.build import Report, build
from fastrcf.telecom.report.facts import Facts, Made

__all__ = ["Facts", "Made", "Report", "build"]
