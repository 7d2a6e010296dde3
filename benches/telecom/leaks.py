"""How many leaks their own evidence can tell: ``python -m benches.telecom.leaks``.

Makes up a week for each seed, learns from its first four days what the view *session* finds rare
and what of it comes together over 36 hours, as the detector does, and looks at that alone: SIMs of
the other three days are ranked by it. An incident of exfiltration is told if it ranks above all but
so many healthy SIMs. No budget, no other kind and no other evidence is in the way, so it is a limit
of what can be told of leaks so.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click
import polars as pl

from fastrcf.telecom import week
from fastrcf.telecom.evidence import SLOW, VIEWS, Evidence
from fastrcf.telecom.feature_files import features_folder
from fastrcf.telecom.generator import Parameters, generate
from fastrcf.telecom.surprise import Tails
from fastrcf.telecom.timeline import local
from fastrcf.telecom.together import SLOWLY, come_together

if TYPE_CHECKING:
    from datetime import datetime

#: Healthy SIMs that may rank above.
ABOVE = (25, 50, 100, 200)


def ranked(features: pl.DataFrame, until: datetime) -> tuple[pl.Series, pl.DataFrame]:
    """Rank healthy SIMs and leaks by what has come together slowly.

    Parameters
    ----------
    features : DataFrame
        Of a week, with those of the view.
    until : datetime
        Where learning ends.

    Returns
    -------
    Series
        Of each healthy SIM, the highest first.
    DataFrame
        ``incident``, ``family`` and ``slow`` of each leak.
    """
    warm = pl.col("start_ts") >= pl.col("start_ts").min() + pl.duration(days=1)
    before = features.filter(warm & (pl.col("start_ts") < until))
    after = features.filter(pl.col("start_ts") >= until - SLOWLY)
    sims = local(before["sim_id"]).to_physical().cast(pl.Int64).to_numpy()
    evidence = Evidence.fit(before, VIEWS[SLOW], sims)
    learnt, found = (
        come_together(some, evidence.surprise(some), SLOWLY, adding=True)
        for some in (before, after)
    )
    slow = Tails.fit(learnt, before["family"], sims).surprise(found, after["family"])
    judged = after.select(
        "sim_id", "start_ts", "incident", pl.col("label", "family").cast(pl.String)
    ).with_columns(slow=pl.Series(slow))
    judged = judged.filter(pl.col("start_ts") >= until)
    by_sim = judged.group_by("sim_id").agg(
        pl.col("slow").max(), bad=pl.col("incident").is_not_null().any()
    )
    healthy = by_sim.filter(~pl.col("bad"))["slow"].sort(descending=True)
    leaks = judged.filter(pl.col("label") == "exfiltration").group_by("incident")
    return healthy, leaks.agg(pl.col("family").first(), pl.col("slow").max())


@click.command()
@click.option("--sims", default=10_000, show_default=True)
@click.option("--days", default=7, show_default=True)
@click.option("--seeds", default="1,2,3,4,5,6", show_default=True, help="A week for each.")
def main(sims: int, days: int, seeds: str) -> None:
    """Rank leaks among healthy SIMs, and print how many are told, by family."""
    found: list[pl.DataFrame] = []
    for seed in map(int, seeds.split(",")):
        with tempfile.TemporaryDirectory() as place:
            data, made = Path(place, "data"), Path(place, "features")
            generate(data, Parameters(sims=sims, days=days, seed=seed))
            features_folder(data, made)
            features = week.read_features(made, list(VIEWS[SLOW]))
        healthy, leaks = ranked(features, week.split(features))
        found.append(
            leaks.with_columns(
                (pl.col("slow") > healthy[min(n, len(healthy) - 1)]).alias(f"above all but {n}")
                for n in ABOVE
            )
        )
    told = pl.concat(found)
    by = [told.with_columns(family=pl.lit("all")), told]
    counts = (
        pl.concat(by).group_by("family").agg(pl.len().alias("leaks"), pl.col("^above.*$").sum())
    )
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=160, tbl_hide_dataframe_shape=True):
        print(counts.sort("leaks", descending=True))


if __name__ == "__main__":
    main()
