"""What a detector of sessions found: sessions with their scores, alerts, reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from fastrcf.telecom import kinds
from fastrcf.telecom.rollup import rolled_up

if TYPE_CHECKING:
    from fastrcf.detection import Reason


@dataclass(frozen=True)
class Findings:
    """What a detector of sessions found.

    Attributes
    ----------
    scored : DataFrame
        Every session: what it is, its ``score``, and the ``threshold`` of its day.
    alerting : DataFrame
        Sessions above the threshold: also ``alert``, ``opens`` and ``case``.
    alerts : DataFrame
        A row for each alert in the order in which they opened: ``alert``, ``case``, ``sim_id``,
        ``customer``, ``family``, ``cell``, ``opened``, ``opened_as`` (the kind of its first
        session, which its case goes by), ``last``, ``sessions``, ``score`` (the highest), ``kind``
        (by all of its sessions), ``support``. Alerts of silent SIMs have no score and no sessions,
        but ``quiet_from``, ``usual_gap``, ``ratio``, ``fleet_sims`` and ``peers_quiet``.
    reasons : dict of int to list of Reason
        Of each alert, the largest part first: of the session with the highest score.
    threshold : float
        The lowest of the days' thresholds; NaN where it is not known.
    """

    scored: pl.DataFrame
    alerting: pl.DataFrame
    alerts: pl.DataFrame
    reasons: dict[int, list[Reason]]
    threshold: float = float("nan")

    def by(self, level: str) -> pl.DataFrame:
        """Roll scores and alerts up to SIMs, fleets or cells.

        Parameters
        ----------
        level : {"sim", "fleet", "cell"}
            Or the column that says which one a session is of: ``sim_id``, ``customer``, ``cell``.

        Returns
        -------
        DataFrame
            A row for each with a judged session or an alert, the first to look at first: its
            column; ``score``, the highest of its sessions, null without any; ``sessions``, judged;
            ``alerts``, and the ``cases`` that they are part of; ``silent``, those of them for
            silence; ``first`` and ``last``, when the first alert opened and the last one's last
            session was. Fleets and cells also have ``sims``, ``sims_alerting`` (those of them
            with an alert), ``share`` and ``share_low``.

        Raises
        ------
        InvalidParameterError
            If there is no such level.
        InvalidInputError
            If the sessions do not say which one they are of.

        Notes
        -----
        An alert is of the fleet and the cell of its first session; one for silence, of the last
        session before it. SIMs are ordered by alerts, then by score. Of fleets and cells the
        highest score is no measure, since more sessions have a higher one by chance alone: they
        are ordered by ``share_low``, the lower end of Wilson's interval of 95 % of the share of
        their SIMs that alert. So 30 of 100 SIMs come before 1 of 1, and a fleet of any size can
        be compared with another. Sessions of no known fleet or cell are left out.
        """
        return rolled_up(self, level)


def summaries(alerting: pl.DataFrame) -> pl.DataFrame:
    """Give each alert in a row: what its first session is, and what came after."""
    names = [name for name in ("customer", "family", "cell") if name in alerting.columns]
    return (
        alerting.sort("start_ts", "session_id")
        .group_by("alert", maintain_order=True)
        .agg(
            pl.col("sim_id").first(),
            *(pl.col(name).first().cast(pl.String) for name in names),
            opened=pl.col("start_ts").first(),
            opened_as=pl.col("kind").first(),
            last=pl.col("start_ts").last(),
            sessions=pl.len().cast(pl.Int64),
            score=pl.col("score").max(),
            session_id=pl.col("session_id").sort_by("score").last(),
        )
        .sort("alert")
    )


def of_silence(found: pl.DataFrame, first: int) -> pl.DataFrame:
    """Give silences as alerts, numbered from ``first``."""
    names = [name for name in ("customer", "family", "cell") if name in found.columns]
    return found.select(
        (pl.int_range(pl.len(), dtype=pl.UInt32) + first).alias("alert"),
        "sim_id",
        *(pl.col(name).cast(pl.String) for name in names),
        "opened",
        last=pl.col("quiet_from") + pl.col("quiet"),
        sessions=pl.lit(0, pl.Int64),
        kind=pl.lit(str(kinds.Kind.SILENT_DEVICE)),
        opened_as=pl.lit(str(kinds.Kind.SILENT_DEVICE)),
        quiet_from=pl.col("quiet_from"),
        usual_gap=pl.col("usual_gap"),
        ratio=pl.col("ratio"),
        fleet_sims=pl.col("fleet_sims"),
        peers_quiet=pl.col("peers_quiet"),
    )
