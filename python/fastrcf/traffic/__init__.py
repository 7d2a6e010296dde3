"""Load for a scoring service: requests as customers send them, and what came of them.

It knows HTTP alone, and calls the one URL that it is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastrcf.traffic.sending import send

__all__ = ["send"]


def __getattr__(name: str) -> Any:
    # Made-up transactions are to be had without an HTTP client.
    if name == "send":
        from fastrcf.traffic.sending import send

        return send
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
