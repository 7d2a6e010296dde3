"""How many incidents are found, by kind: ``python -m benches.telecom.detection``.

Makes up a week for each seed, learns from its first four days and judges the other three, as
``fastrcf sessions detect`` does. Beside it scikit-learn's IsolationForest on the same features, its
threshold the best for the judged days at the same number of cases; and pyod's ECOD where installed.
"""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
import polars as pl

from fastrcf._parameters import wilson
from fastrcf.telecom import baselines, week
from fastrcf.telecom.generator import Parameters, generate
from fastrcf.telecom.timeline import KEYS

if TYPE_CHECKING:
    from fastrcf.telecom.evaluation import IncidentEvaluation


def ecod(run: week.Week, folder: Path, known: pl.DataFrame) -> IncidentEvaluation | None:
    """Judge pyod's ECOD on the same features, if it is installed."""
    try:
        from pyod.models.ecod import ECOD
    except ImportError:
        return None
    lazy = pl.scan_parquet(folder / "features" / "features" / "part-*.parquet")
    columns = run.detector.features
    features = lazy.select(
        [*(n for n in KEYS if n in lazy.collect_schema().names()), *columns]
    ).collect()
    before = pl.col("start_ts") < run.until
    model = ECOD().fit(features.filter(before).select(columns).to_numpy())
    judged = features.filter(~before)
    scores = model.decision_function(judged.select(columns).to_numpy())
    return baselines.judged(
        judged.with_columns(score=pl.Series(scores)),
        known,
        run.detector.alert_rule,
        run.findings.alerts["case"].n_unique(),
        n_bootstrap=0,
    )


@click.command()
@click.option("--sims", default=10_000, show_default=True)
@click.option("--days", default=7, show_default=True)
@click.option("--seeds", default="11,12,13", show_default=True, help="A week for each.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Where to write it.")
def main(sims: int, days: int, seeds: str, out: Path | None) -> None:
    """Print recall by kind, precision and average precision."""
    found: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    other: dict[str, list[float]] = defaultdict(list)
    confusion: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for seed in map(int, seeds.split(",")):
        with tempfile.TemporaryDirectory() as place:
            data, made = Path(place, "data"), Path(place, "out")
            generate(data, Parameters(sims=sims, days=days, seed=seed))
            run = week.run(data, made, random_state=seed)
            known = pl.read_parquet(data / "incidents.parquet")
            results = {"fastrcf": run.evaluation, **dict(run.baselines)}
            results["pyod ECOD"] = ecod(run, made, known)
            for name, result in results.items():
                if result is None:
                    continue
                for one in result.kinds:
                    counts = found[name][one.kind]
                    counts[0], counts[1] = counts[0] + one.found, counts[1] + one.incidents
                other[f"{name}: average precision"].append(result.average_precision.value or 0.0)
                if result.cases:
                    other[f"{name}: sessions a case"].append(result.sessions / result.cases)
                    other[f"{name}: precision of cases"].append(
                        (result.true_cases or 0) / result.cases
                    )
            _confuse(run, confusion)
    names = list(found)
    print(f"{sims:,} SIMs, {days} days, seeds {seeds}: incidents found of those judged\n")
    print(f"{'kind':<18}" + "".join(f"{name:>40}" for name in names))
    for kind in found["fastrcf"]:
        cells = []
        for name in names:
            n, of = found[name][kind]
            low, high = wilson(n / of, of) if of else (0.0, 1.0)
            cells.append(f"{n} of {of} ({n / max(1, of):.2f}; {low:.2f} to {high:.2f})")
        print(f"{kind:<18}" + "".join(f"{cell:>40}" for cell in cells))
    print()
    for name, values in other.items():
        print(f"{name:<55}" + "  ".join(f"{value:.3g}" for value in values))
    print("\nalerts of incidents, by kind and by the name that they were given")
    for kind, given in confusion.items():
        ranked = sorted(given.items(), key=lambda item: -item[1])
        print(f"{kind:<18}" + ", ".join(f"{name} {n}" for name, n in ranked))
    if out is not None:
        plain = {"found": found, "other": other, "confusion": confusion}
        out.write_text(json.dumps(plain, indent=1))


def _confuse(run: week.Week, confusion: dict[str, dict[str, int]]) -> None:
    """Count by which kind an alert was named, for those that are part of an incident."""
    truth = (
        run.findings.alerting.filter(pl.col("label").is_not_null())
        .group_by("alert")
        .agg(pl.col("label").cast(pl.String).mode().first())
    )
    for label, kind in run.findings.alerts.join(truth, on="alert").select("label", "kind").rows():
        confusion[label][kind] += 1


if __name__ == "__main__":
    main()
