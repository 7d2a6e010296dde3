"""How far two places are from one another, once for tables and for single records.

A fact and no formula of a feature, since three features are made of it, and most records are where
the one before was.
"""

from __future__ import annotations

import math
from typing import Any, Final

_EARTH_KM: Final = 2 * 6371.0088
_RADIAN: Final = math.pi * (1 / 180)


def haversine_km(v: Any, f: Any) -> Any:
    """Great circle between ``lat``, ``lon`` and ``previous_lat``, ``previous_lon``, in degrees."""
    half_lat = f.sin((v.lat - v.previous_lat) * (_RADIAN * 0.5))
    half_lon = f.sin((v.lon - v.previous_lon) * (_RADIAN * 0.5))
    across = f.cos(v.lat * _RADIAN) * f.cos(v.previous_lat * _RADIAN)
    square = half_lat * half_lat + across * (half_lon * half_lon)
    return f.asin(f.sqrt(f.clip(square, 0.0, 1.0))) * _EARTH_KM
