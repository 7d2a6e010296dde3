"""One self-contained HTML file that says what a detector found in a table.

Needs the extra ``report``: Jinja2, Matplotlib, and what reads tables.
"""

from __future__ import annotations

from fastrcf.errors import MissingExtraError

try:
    import jinja2 as _jinja2  # noqa: F401
    import matplotlib as _matplotlib  # noqa: F401
    import narwhals as _narwhals  # noqa: F401
    import pyarrow as _pyarrow  # noqa: F401
except ImportError as _error:
    raise MissingExtraError(f"reports need {_error.name}: pip install 'fastrcf[report]'") from None

from fastrcf.report.build import Report, build
from fastrcf.report.facts import Facts

__all__ = ["Facts", "Report", "build"]
