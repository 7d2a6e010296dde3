"""EXPoSE: how similar a value is to the fading mean of those before it (Schneider et al. 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from sklearn.kernel_approximation import RBFSampler

from benches.detection.detectors.protocol import StreamDetector

if TYPE_CHECKING:
    from benches.detection.case import Rows

GAMMA, N_COMPONENTS, DRAWN_BY, DECAY = 0.5, 20_000, 290, 0.01
# Rows whose features are made at once.
BLOCK = 64


class Expose(StreamDetector):
    """One less the similarity in random Fourier features, brought into 0 to 1."""

    name: ClassVar[str] = "expose, rewritten"
    settings: ClassVar[str] = (
        f"RBFSampler(gamma={GAMMA}, n_components={N_COMPONENTS}, random_state={DRAWN_BY}), "
        f"decay {DECAY}, as published"
    )
    is_seeded: ClassVar[bool] = False

    def process(self, values: Rows, seconds: Rows) -> Rows:
        """Take each value into the mean, then score it."""
        kernel = RBFSampler(gamma=GAMMA, n_components=N_COMPONENTS, random_state=DRAWN_BY)
        kernel.fit(values[:1, None])
        similar = np.empty(len(values))
        mean = kernel.transform(values[:1, None])[0]
        for start in range(0, len(values), BLOCK):
            for row, feature in enumerate(kernel.transform(values[start : start + BLOCK, None])):
                mean += DECAY * (feature - mean)
                similar[start + row] = feature @ mean
        scores: Rows = (1.0 - similar + 0.02) / 1.04
        return scores
