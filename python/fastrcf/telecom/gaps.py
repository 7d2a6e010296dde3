"""Gaps of a SIM: how long it was silent, and how long it usually is."""

from __future__ import annotations

from typing import Final

#: Gaps that say what is usual, as the engine's ``usual_gaps`` has it: their lower median, the
#: (m + 1) // 2-th smallest of m.
USUAL_OF: Final = 31
#: Below so many nothing is usual yet.
USUAL_FROM: Final = 3
#: No gap counts as longer: the longest window.
LONGEST_MS: Final = 7 * 24 * 3_600_000
