"""What every HTTP face of a model shares: bodies, answers, limits, problems, the server.

:mod:`fastrcf.container` speaks the managed service's protocol with it.
"""

from __future__ import annotations

from importlib.util import find_spec

from fastrcf.errors import MissingExtraError


def check_extra() -> None:
    """Refuse to go on without the packages of the extra ``serve``.

    Raises
    ------
    MissingExtraError
        Names the package and what adds it.
    """
    for name in ("msgspec", "starlette", "uvicorn", "httptools"):
        if find_spec(name) is None:
            raise MissingExtraError(f"serving needs {name}: pip install 'fastrcf[serve]'")
