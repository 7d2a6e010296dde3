"""How well three simple rules find the labelled incidents: ``python -m benches.telecom.rules``.

A rule may give one alert for every thousand sessions. It gives them to the sessions with the
highest scores that reach its threshold; among equal scores chance decides, by a hash. An incident
is found when one of its sessions is an alert.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from fastrcf.telecom.generator import LABELS, Parameters, generate
from fastrcf.telecom.rules import RULES, scores

BUDGET = 1e-3


def figures(folder: Path) -> dict[str, dict[str, Any]]:
    """Return each rule's recall by type, over incidents that have sessions, and its precision."""
    columns = [
        "session_id",
        "sim_id",
        "device_id",
        "start_ts",
        "bytes_up",
        "bytes_down",
        "visited_plmn",
        "family",
        "label",
        "incident",
    ]
    table = pl.read_parquet(folder / "sessions" / "**" / "*.parquet", columns=columns)
    scored = scores(table)
    most = int(BUDGET * len(scored))
    kinds = (
        scored.filter(pl.col("incident").is_not_null())
        .group_by(pl.col("label").cast(pl.String))
        .agg(pl.col("incident").n_unique())
    )
    incidents = dict(kinds.iter_rows())
    found: dict[str, dict[str, Any]] = {}
    for rule in RULES:
        name = f"rule_{rule.name}"
        above = scored.filter(pl.col(name) >= rule.threshold)
        alerts = above.sort(name, pl.col("session_id").hash(7), descending=[True, False])
        alerts = alerts.head(most)
        hits = alerts.filter(pl.col("incident").is_not_null())
        by_kind = dict(
            hits.group_by(pl.col("label").cast(pl.String))
            .agg(pl.col("incident").n_unique())
            .iter_rows()
        )
        found[rule.name] = {
            "meaning": rule.meaning,
            "above_threshold": len(above),
            "alerts": len(alerts),
            "precision": len(hits) / max(1, len(alerts)),
            "recall": {
                label: by_kind.get(label, 0) / incidents[label]
                for label in LABELS
                if label in incidents
            },
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="of generated sessions")
    parser.add_argument("--sims", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", dest="as_json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder
        if folder is None:
            folder = Path(temporary) / "sessions"
            generate(folder, Parameters(given.sims, given.days, given.seed))
        found = figures(folder)
    if given.as_json:
        print(json.dumps(found, indent=1))
        return
    print(f"{'':16}" + "".join(f"{name:>12}" for name in found))
    for label in LABELS:
        shares = (rule["recall"].get(label) for rule in found.values())
        print(
            f"{label:16}" + "".join("          --" if s is None else f"{s:12.2f}" for s in shares)
        )
    for name in ("precision", "alerts", "above_threshold"):
        values = (rule[name] for rule in found.values())
        text = "12.3f" if name == "precision" else "12,d"
        print(f"{name:16}" + "".join(f"{value:{text}}" for value in values))


if __name__ == "__main__":
    main()
