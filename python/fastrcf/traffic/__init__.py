"""Load for a scoring service: requests as customers send them, and what came of them.

It knows HTTP alone, and calls the one URL that it is given.
"""

from __future__ import annotations

from fastrcf.traffic.send import send

__all__ = ["send"]
