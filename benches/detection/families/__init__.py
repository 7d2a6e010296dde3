"""The data, one file a family."""

from __future__ import annotations

from functools import partial

from benches.detection.case import Family
from benches.detection.families import adbench, card, cicids, ecg, handbook, nsl_kdd, skab

# In the order in which tables show them.
FAMILIES: tuple[Family, ...] = (
    Family(adbench.NAME, adbench.cases),
    Family(card.NAME, card.cases),
    *(Family(name, partial(handbook.cases, name), is_large=True) for name in handbook.FEATURES),
    Family(nsl_kdd.NAME, nsl_kdd.cases),
    Family(cicids.NAME, cicids.cases),
    Family(skab.NAME, skab.cases),
    Family(ecg.NAME, ecg.cases),
)
