"""What was missed, and by how much: ``python -m benches.telecom.missed``.

Judges the weeks that :mod:`benches.telecom.detection` judges and tells of each incident of a kind
whether it was found, its family and its strength (0 to 1); how many more sessions its SIMs had in
it than they have in as much time else, and how much more each sends; and how many healthy SIMs of
the judged days have a session that scores higher than its highest: so many more would have to be
looked at before it is.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import polars as pl

from benches.telecom.detection import RULED
from fastrcf.telecom import week
from fastrcf.telecom.generator import Parameters, generate

_HOUR = 3_600_000_000


def told(run: week.Week, sessions: pl.DataFrame, known: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Tell of each judged incident of a kind.

    Parameters
    ----------
    run : Week
        Judged.
    sessions : DataFrame
        Its records.
    known : DataFrame
        Its incidents.
    kind : str
        Label.

    Returns
    -------
    DataFrame
        ``incident``, ``family``, ``strength``, ``sims``, ``found``; ``times_sessions`` and
        ``times_sent``, against the same SIMs before the judged days; ``above``, healthy SIMs.
    """
    scored = run.findings.scored
    highest = scored.group_by("sim_id").agg(
        pl.col("score").max(), bad=pl.col("incident").is_not_null().any()
    )
    healthy = highest.filter(~pl.col("bad"))["score"].sort()
    judged = scored.filter(pl.col("label").cast(pl.String) == kind)
    incidents = judged.group_by("incident").agg(
        pl.col("family").first().cast(pl.String),
        pl.col("score").max(),
        sims=pl.col("sim_id").n_unique(),
    )
    start = pl.col("start_ts").to_physical()
    spans = (
        sessions.join(incidents.select("incident"), on="incident", how="semi")
        .group_by("incident", "sim_id")
        .agg(pl.len(), pl.col("bytes_up"), hours=(start.max() - start.min()) / _HOUR)
    )
    during = spans.group_by("incident").agg(
        rate=pl.col("len").sum() / pl.col("hours").sum().clip(0.1),
        sent=pl.col("bytes_up").explode().median(),
    )
    before = sessions.filter(pl.col("start_ts") < run.until, pl.col("incident").is_null())
    hours = before.select((start.max() - start.min()) / _HOUR).item()
    usual = (
        before.join(spans.select("sim_id", of="incident"), on="sim_id")
        .group_by(incident="of")
        .agg(
            usual_rate=pl.len() / (hours * pl.col("sim_id").n_unique()),
            usual_sent=pl.col("bytes_up").median().clip(1),
        )
    )
    found = run.findings.alerting.select("incident").drop_nulls().unique()
    return (
        incidents.join(during, on="incident")
        .join(usual, on="incident", how="left")
        .join(found.with_columns(found=True), on="incident", how="left")
        .join(known.select("incident", strength="size"), on="incident", how="left")
        .select(
            "incident",
            "family",
            pl.col("strength").round(2),
            "sims",
            pl.col("found").fill_null(False),
            times_sessions=(pl.col("rate") / pl.col("usual_rate")).round(1),
            times_sent=(pl.col("sent") / pl.col("usual_sent")).round(2),
            above=len(healthy) - pl.lit(healthy).search_sorted(pl.col("score"), side="right"),
        )
    )


@click.command()
@click.option("--kind", default="botnet", show_default=True)
@click.option("--sims", default=10_000, show_default=True)
@click.option("--days", default=7, show_default=True)
@click.option("--seeds", default="11,12,13", show_default=True, help="A week for each.")
def main(kind: str, sims: int, days: int, seeds: str) -> None:
    """Judge weeks and print what is told of a kind's incidents."""
    weeks: list[pl.DataFrame] = []
    for seed in map(int, seeds.split(",")):
        with tempfile.TemporaryDirectory() as place:
            data, made = Path(place, "data"), Path(place, "out")
            generate(data, Parameters(sims=sims, days=days, seed=seed))
            run = week.run(data, made, random_state=seed, compare=False)
            known = pl.read_parquet(data / "incidents.parquet")
            sessions = week.read_sessions(data, RULED)
            weeks.append(
                told(run, sessions, known, kind).select(pl.lit(seed).alias("week"), pl.all())
            )
    found = pl.concat(weeks).sort("found", "above", descending=[False, True])
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=160, tbl_hide_dataframe_shape=True):
        print(found)


if __name__ == "__main__":
    main()
