"""What hours of cells and operators tell of incidents: ``python -m benches.telecom.places``.

Makes up a week for each seed, learns from its first four days and judges the other three, as
``fastrcf sessions detect`` does, and looks at the same days place by place: at one event for every
thousand sessions, as many as cases may open, and at the few that the report shows. An event tells
of an incident if at least so many of the sessions in its hours are part of it (``--part``). As
chance has it is what the same number of hours, drawn by chance among those with a session, tell.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import polars as pl

from fastrcf.telecom import week
from fastrcf.telecom.generator import Parameters, generate
from fastrcf.telecom.peers import PeerTable
from fastrcf.telecom.place_hours import LEVELS
from fastrcf.telecom.places import PlaceDetector

if TYPE_CHECKING:
    from datetime import datetime

    from fastrcf._typing import Floats

#: Draws behind what chance tells.
DRAWS = 20


def of_hours(sessions: pl.DataFrame, level: str, part: float) -> pl.DataFrame:
    """Give the incidents that the hours of places tell of: ``place``, ``hour``, ``incident``.

    Parameters
    ----------
    sessions : DataFrame
        Judged sessions with what happened.
    level : str
        Kind of places.
    part : float
        Share of an hour's sessions.
    """
    name = pl.col("cell").cast(pl.String)
    if level == "operator":
        both = pl.col("visited_plmn", "rat").cast(pl.String).fill_null("")
        name = pl.concat_str(both, separator=" ").str.strip_chars()
    hour = pl.col("start_ts").dt.truncate("1h")
    of = sessions.select("incident", place=name, hour=hour).drop_nulls("place")
    all_of_it = of.group_by("place", "hour").agg(n=pl.len())
    some = of.drop_nulls("incident").group_by("place", "hour", "incident").agg(own=pl.len())
    told = some.join(all_of_it, on=["place", "hour"])
    return told.filter(pl.col("own") >= part * pl.col("n")).select("place", "hour", "incident")


def best(scored: pl.DataFrame, n_events: float) -> pl.DataFrame:
    """Give the hours with the highest scores, of so many events: hours in a row are one."""
    ranked = scored.sort("score", descending=True)
    low, high = 0, len(ranked)
    while high - low > 1:
        middle = (low + high) // 2
        some = ranked.head(middle).sort("place", "hour")
        apart = some.select(
            (pl.col("hour").diff().over("place").dt.total_hours() != 1).fill_null(True)
        )
        low, high = (middle, high) if apart.to_series().sum() <= n_events else (low, middle)
    return ranked.head(low)


def by_chance(scored: pl.DataFrame, told: pl.DataFrame, n: int, rng: np.random.Generator) -> Floats:
    """Count incidents that hours drawn by chance tell of."""
    there = scored.filter(pl.col("sessions") > 0)
    draws = [
        there[rng.choice(len(there), min(n, len(there)), replace=False)]
        .join(told, on=["place", "hour"])["incident"]
        .n_unique()
        for _ in range(DRAWS)
    ]
    return np.array(draws, float)


def judge(sims: int, days: int, seed: int, part: float) -> list[dict[str, object]]:
    """Give a row for each level and budget of a week."""
    with tempfile.TemporaryDirectory() as place:
        data, made = Path(place, "data"), Path(place, "out")
        generate(data, Parameters(sims=sims, days=days, seed=seed))
        run = week.run(data, made, random_state=seed, compare=False)
        until: datetime = run.until
        columns = ("start_ts", "cell", "visited_plmn", "rat", "incident")
        judged = week.read_sessions(data, columns).filter(pl.col("start_ts") >= until)
        peers = PeerTable.load(made / "features" / "peers.parquet")
        known = pl.read_parquet(data / "incidents.parquet")
    found = set(run.findings.alerting["incident"].drop_nulls())
    silent = run.findings.alerts.filter(pl.col("score").is_null())["sim_id"]
    gone = known.filter(pl.col("label") == "silent_device").explode("sim_ids")
    found |= set(gone.filter(pl.col("sim_ids").is_in(silent.implode()))["incident"])
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for level in LEVELS:
        told = of_hours(judged, level, part)
        detector = PlaceDetector(level, random_state=seed).fit(peers, until)
        scored = detector.score(peers, until)
        shown = scored.filter(pl.col("score") > detector.threshold)
        for budget, some in (
            ("1 event a 1,000 sessions", best(scored, len(judged) / 1000)),
            ("1 hour in 1,000", shown),
        ):
            hit = set(some.join(told, on=["place", "hour"])["incident"])
            chance = by_chance(scored, told, len(some), rng)
            rows.append(
                {
                    "seed": seed,
                    "level": level,
                    "budget": budget,
                    "hours": len(some),
                    "of": len(scored),
                    "incidents": judged["incident"].drop_nulls().n_unique(),
                    "alerts find": len(found),
                    "places tell of": len(hit),
                    "by chance": float(chance.mean()),
                    "not found by alerts": len(hit - found),
                }
            )
    return rows


@click.command()
@click.option("--sims", default=10_000, show_default=True)
@click.option("--days", default=7, show_default=True)
@click.option("--seeds", default="11,12,13", show_default=True, help="A week for each.")
@click.option("--part", default=0.2, show_default=True, help="Share of an event's sessions.")
def main(sims: int, days: int, seeds: str, part: float) -> None:
    """Judge weeks place by place, and print what is told of incidents."""
    rows = [row for seed in map(int, seeds.split(",")) for row in judge(sims, days, seed, part)]
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=160, tbl_hide_dataframe_shape=True):
        print(pl.DataFrame(rows))


if __name__ == "__main__":
    main()
