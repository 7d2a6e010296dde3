"""``fastrcf inspect``: what a model file holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

import fastrcf


def inspect(path: str, *, as_json: bool) -> None:
    """Print what a model file holds."""
    described = describe(path)
    if as_json:
        click.echo(json.dumps(described))
        return
    columns = described.pop("columns", None)
    relations = described.pop("relations", [])
    described |= {f"note: {name}": text for name, text in described.pop("notes").items()}
    width = max(map(len, described))
    for name, value in described.items():
        click.echo(f"{name:{width}}  {_shown(value)}")
    if columns is not None:
        click.echo()
        _table(columns)
    for relation in relations:
        usual, variation = _shown(relation["usual"]), _shown(relation["variation"])
        click.echo(f"  {relation['sum']} is usually {usual}, within {variation}")


def describe(path: str) -> dict[str, Any]:
    """Give what a model file holds as plain values."""
    model = fastrcf.load(path)
    kinds = {
        fastrcf.Detector: "detector",
        fastrcf.RandomCutForest: "living forest",
        fastrcf.FrozenForest: "frozen forest",
        fastrcf.SeriesDetector: "detector of series",
    }
    described: dict[str, Any] = {
        "file": path,
        "kind": kinds[type(model)],
        "file_bytes": Path(path).stat().st_size,
        "memory_bytes": model.memory_usage(),
    }
    if isinstance(model, fastrcf.Detector):
        described |= {
            "rows_fitted": model.n_fitted,
            "rows_streamed": model.n_seen - model.n_fitted,
            "alert_rate": model.alert_rate,
            "threshold": model.threshold,
            "score": model.score_kind,
        }
        if model.rows_per_day is not None:
            described |= {
                "rows_per_day": model.rows_per_day,
                "alerts_per_day": model.alerts_per_day,
            }
    elif isinstance(model, fastrcf.SeriesDetector):
        described |= {
            "rows_seen": model.n_seen,
            "rows_missing": model.n_missing,
            "rows_of_a_repeated_time": model.n_repeated,
            "rows_of_an_earlier_time": model.n_backward,
            "series": model.n_series,
            "series_dropped": model.n_dropped,
            "watched": ", ".join(model.columns),
        }
    else:
        described |= {
            "rows_seen": model.n_seen,
            "is_ready": model.is_ready,
            "n_features": model.n_features,
        }
    described["notes"] = dict(model.notes)
    core = model._core
    if core is not None:
        described |= {k: v for k, v in core.parameters().items() if k != "n_threads"}
    if isinstance(model, fastrcf.SeriesDetector):
        # Where a number of alerts is asked for, the parameter is where it began.
        described |= {"threshold": model.threshold, "confidence": model.confidence}
    if isinstance(model, fastrcf.Detector):
        described["columns"] = [
            {"name": name, "categories": kinds_}
            if kinds_ >= 0
            else {"name": name, "scaling": " + ".join(scalings), "quantiles": quantiles}
            for name, scalings, kinds_, quantiles in model._fitted().features()
        ]
        described["relations"] = [
            {"sum": relation.text, "usual": relation.usual, "variation": relation.variation}
            for relation in model.relations
        ]
    return described


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value:,}" if isinstance(value, int) and value < 10**15 else str(value)


def _table(columns: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("column", overflow="fold")
    table.add_column("scaling")
    for name in ("least", "1 %", "median", "99 %", "largest"):
        table.add_column(name, justify="right")
    for column in columns:
        if "categories" in column:
            table.add_row(column["name"], f"{column['categories']} categories")
        else:
            quantiles = [column["quantiles"][i] for i in (0, 1, 4, 7, 8)]
            table.add_row(column["name"], column["scaling"], *(f"{q:.5g}" for q in quantiles))
    Console(width=None if Console().is_terminal else 120).print(table)
