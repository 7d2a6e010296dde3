"""What comes together on a SIM: evidence of its sessions within some time.

Each session counts by how far its surprise is beyond what is usual. A SIM that sends two odd
sessions a night is as suspicious after two nights as one that sends many in an hour.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from fastrcf._typing import Floats

#: Sessions of a SIM within so long are taken together.
TOGETHER: Final = timedelta(hours=6)
#: The same for what goes on slowly: two nights.
SLOWLY: Final = timedelta(hours=36)
#: Surprise up to which a session adds nothing to what has come together (one in twenty), and how
#: much it can add: one session alone must not count twice.
USUAL: Final = 3.0
MOST: Final = 8.0


def come_together(
    features: pl.DataFrame, surprise: Floats, within: timedelta, *, adding: bool = False
) -> Floats:
    """Sum what the sessions of a SIM in some time are beyond the usual.

    Parameters
    ----------
    features : DataFrame
        ``sim_id`` and ``start_ts`` of sessions, in any order.
    surprise : ndarray of float64, shape (n,)
        Of each of them.
    within : timedelta
        The time before a session, its own begin with it.
    adding : bool
        Whether only a session that adds something itself has a sum, of those before it; others
        have 0. Over days it is needed: a SIM's healthy sessions are not to be blamed for those of
        the night before, nor is one odd session to count twice.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    beyond = np.clip(surprise - USUAL, 0.0, MOST)
    frame = features.select("sim_id", "start_ts").with_columns(beyond=pl.Series(beyond))
    ordered = frame.with_row_index("row").sort("sim_id", "start_ts", "row")
    summed = pl.col("beyond").rolling_sum_by("start_ts", within).over("sim_id")
    found = ordered.with_columns(summed.alias("together")).sort("row")["together"]
    # What is added and taken away again leaves a rest.
    together = np.asarray(found.to_numpy()).round(6)
    if not adding:
        return together
    return np.where(beyond > 0, (together - beyond).round(6), 0.0)
