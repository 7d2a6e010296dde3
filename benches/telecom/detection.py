"""How many incidents are found, by kind: ``python -m benches.telecom.detection``.

Makes up a week for each seed, learns from its first four days and judges the other three, as
``fastrcf sessions detect`` does. Beside it, on the same days: three simple rules, and others on
the same features. Each of them may open as many cases as ours did, with the threshold that is best
for it on the judged days themselves. ``python -m benches.telecom.report`` writes the page.
"""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import polars as pl

from benches import machine
from benches.telecom.others import OTHERS
from benches.telecom.record import OURS, RESULTS, RULE, Results, WeekResult
from fastrcf.telecom import baselines, week
from fastrcf.telecom.generator import Parameters, generate
from fastrcf.telecom.report.gather import confusion, labels
from fastrcf.telecom.timeline import KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastrcf.telecom.evaluation import IncidentEvaluation

#: What the simple rules look at.
RULED = (
    "session_id",
    "sim_id",
    "device_id",
    "start_ts",
    "bytes_up",
    "bytes_down",
    "visited_plmn",
    "family",
    "customer",
    "label",
    "incident",
)


def rivals(
    run: week.Week, data: Path, made: Path, seed: int, absent: dict[str, str]
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Score the judged sessions by the rules and by other packages.

    Parameters
    ----------
    run : Week
        Ours: its features and its split are theirs too.
    data, made : Path
        The records, and what ours wrote.
    seed : int
    absent : dict of str to str
        Told who is not installed.

    Yields
    ------
    (str, DataFrame)
        A name, and the sessions as :func:`fastrcf.telecom.baselines.judged` takes them.
    """
    ruled = baselines.rules(week.read_sessions(data, RULED), run.until)
    yield from ((RULE + name, scored) for name, scored in ruled.items())
    features = week.read_features(made / "features", run.detector.features)
    before = pl.col("start_ts") < run.until
    after = features.filter(~before)
    keys = after.select(name for name in KEYS if name in after.columns)
    columns = pl.col(run.detector.features).cast(pl.Float64)
    scores = baselines.isolation_forest(features, run.detector.features, run.until, seed)
    yield "IsolationForest", keys.with_columns(score=pl.Series(scores))
    tables = (features.filter(before), after)
    train, judged = (each.select(columns.fill_null(float("nan"))).to_numpy() for each in tables)
    for name, score in OTHERS.items():
        try:
            scores = score(train, judged, seed)
        except ImportError as error:
            absent[name] = f"{error.name} is not installed"
            continue
        yield name, keys.with_columns(score=pl.Series(scores))


def judge(results: Results, seed: int) -> None:
    """Make a week up, let all judge it, and add what they found."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        data, made = Path(place, "data"), Path(place, "out")
        generate(data, Parameters(sims=results.sims, days=results.days, seed=seed))
        run = week.run(
            data,
            made,
            alerts_per_thousand=results.alerts_per_thousand,
            random_state=seed,
            compare=False,
        )
        known = pl.read_parquet(data / "incidents.parquet")
        if run.evaluation is None:
            raise RuntimeError("a made-up week has no labels")
        found: dict[str, IncidentEvaluation] = {OURS: run.evaluation}
        n_cases = run.findings.alerts["case"].n_unique()
        for name, scored in rivals(run, data, made, seed, results.absent):
            found[name] = baselines.judged(scored, known, run.detector.alert_rule, n_cases)
    results.weeks.append(
        WeekResult(
            seed=seed,
            sessions=run.sessions,
            judged=len(run.findings.scored),
            labelled=run.evaluation.labelled,
            until=run.until.isoformat(),
            seconds=round(time.monotonic() - started, 1),
            detectors={name: one.to_dict() for name, one in found.items()},
        )
    )
    count(run, known, results.confusion)


def count(run: week.Week, known: pl.DataFrame, into: dict[str, dict[str, int]]) -> None:
    """Count all alerts, as the report does: silent SIMs and false alarms too."""
    kinds = tuple((kind, 0) for kind in run.findings.alerts["kind"].unique().sort())
    for label, given in confusion(run.findings, labels(run.findings, known), kinds):
        row = into.setdefault(label, {})
        for (kind, _), n in zip(kinds, given, strict=True):
            if n:
                row[kind] = row.get(kind, 0) + n


@click.command()
@click.option("--sims", default=10_000, show_default=True)
@click.option("--days", default=7, show_default=True)
@click.option("--seeds", default="11,12,13", show_default=True, help="A week for each.")
@click.option("--alerts-per-thousand", default=1.0, show_default=True)
@click.option(
    "--json",
    "out",
    type=click.Path(path_type=Path),
    default=RESULTS,
    help="Where to write it; default: where the page is made from.",
)
def main(sims: int, days: int, seeds: str, alerts_per_thousand: float, out: Path) -> None:
    """Judge weeks, write what was found, and print it."""
    from benches.telecom import report

    began = datetime.now(UTC).isoformat(timespec="seconds")
    results = Results(began, machine.describe(), sims, days, alerts_per_thousand)
    for seed in map(int, seeds.split(",")):
        judge(results, seed)
        # Each week is kept once it is judged: a run may be stopped.
        results.save(out)
    for part in report.PARTS.values():
        print(part(results), end="\n\n")


if __name__ == "__main__":
    main()
