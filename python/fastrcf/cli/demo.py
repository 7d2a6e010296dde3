"""``fastrcf demo``: the whole way from a table to rows to look at, told as it goes."""

from __future__ import annotations

import heapq
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich import box
from rich.console import Console
from rich.table import Table

import fastrcf
from fastrcf.cli.evaluation import truth
from fastrcf.cli.tables import Input, model_roles
from fastrcf.cli.train import fit
from fastrcf.errors import InvalidInputError
from fastrcf.files import PassOver, find_files, open_sink
from fastrcf.files.formats import STANDARD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastrcf import Detector
    from fastrcf.files import Options

_SHOWN = 10
_OWN_ROWS = 200_000
_STREAMED = 20_000


@dataclass
class _Clock:
    """What each step took, in seconds."""

    steps: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.steps.append((name, time.perf_counter() - started))


@dataclass
class _Scored:
    """What scoring a table leaves in memory."""

    scores: list[Any] = field(default_factory=list)
    labels: list[Any] = field(default_factory=list)
    first: list[dict[str, Any]] = field(default_factory=list)
    alerts: int = 0
    rows: int = 0


def demo(
    data: str | None,
    *,
    read: Options,
    label: str | None,
    drop: Sequence[str],
    categorical: Sequence[str],
    alert_rate: float,
    out: str,
    random_state: int,
) -> None:
    """Train on a table, score it, show the rows to look at first and why.

    Parameters
    ----------
    data : str or None
        The table; None makes a labelled one up.
    read : Options
        How it is read.
    label : str or None
        Its column of labels, which only the evaluation sees.
    drop, categorical : sequence of str
        Columns not to look at, and columns that are categories.
    alert_rate : float
        Share of rows that should be alerts.
    out : str
        Folder for the model and the alerts.
    random_state : int
        Seed.
    """
    console, clock, folder = (
        Console(width=None if Console().is_terminal else 120),
        _Clock(),
        Path(out),
    )
    if data == STANDARD:
        raise InvalidInputError("-: DATA is read several times; put it into a file")
    if data is not None:
        find_files(data)
    folder.mkdir(parents=True, exist_ok=True)
    if data is None:
        from fastrcf.cli.demo_data import transactions

        data = str(folder / "transactions.parquet")
        with clock.step("make up a week of card transactions"):
            pq.write_table(transactions(_OWN_ROWS, random_state), data)
        label, categorical, drop, alert_rate = "fraud", ["shop"], ["time"], 0.004
        console.print("No DATA was given: a week of card transactions was made up, 0.4 % of them")
        console.print(f"fraud of three kinds, and put into {data}.\n")

    with clock.step("train"):
        detector, left_out = fit(
            Input.of(data, read),
            drop=drop,
            categorical=categorical,
            label=label,
            alert_rate=alert_rate,
            random_state=random_state,
        )
    _tell_trained(console, detector, data, label, [*drop, *left_out])
    # Bad rows have been told.
    read = replace(read, bad=PassOver())

    model = folder / "model.rcf"
    with clock.step("save"):
        detector.save(model)
    with clock.step("open"):
        opened = fastrcf.load(model)
    assert isinstance(opened, fastrcf.Detector)

    alerts = folder / "alerts.csv"
    with clock.step("score, explain and write the alerts"):
        scored = _score(opened, Input.of(data, read), label, alerts)
    console.print(
        f"[bold]Scored[/bold] {scored.rows:,} rows; {scored.alerts:,} are alerts, "
        f"written with their reasons to {alerts}.\n"
    )
    _tell_first(console, scored.first, label)

    if label is not None:
        with clock.step("evaluate"):
            result = fastrcf.evaluate(np.concatenate(scored.scores), np.concatenate(scored.labels))
        console.print("[bold]Evaluation[/bold] against the labels, which training did not see:\n")
        console.print(str(result), highlight=False)
        console.print()

    with clock.step("stream: score each row, then learn it"):
        streamed = _stream(opened, Input.of(data, read))
    _tell_times(console, clock, scored.rows, streamed, model)


def _score(detector: Detector, table: Input, label: str | None, alerts: Path) -> _Scored:
    """Detect in batches; keeps scores, labels and the highest rows."""
    roles = model_roles(detector, table)
    names = list(roles)
    if label is not None:
        roles[label] = "label"
    scored = _Scored()
    heap: list[tuple[float, int, dict[str, Any]]] = []
    with open_sink(str(alerts)) as sink:
        for batch in table.batches(roles, "scoring"):
            found = detector.detect(batch.table.select(names))
            scores = found["score"].to_numpy()
            scored.scores.append(scores)
            if label is not None:
                scored.labels.append(truth(batch.table[label].to_pylist(), label))
            rows = pa.table({"row": batch.rows})
            for name, column in zip(found.column_names, found.columns, strict=True):
                rows = rows.append_column(name, column)
            sink.write(rows.filter(found["is_anomaly"]))
            scored.alerts += int(found["is_anomaly"].to_numpy(zero_copy_only=False).sum())
            for i in np.argsort(-scores, kind="stable")[:_SHOWN].tolist():
                said = {
                    "row": int(batch.rows[i]),
                    "score": float(scores[i]),
                    "grade": found["grade"][i].as_py(),
                    "label": None if label is None else bool(scored.labels[-1][i]),
                    "reasons": _reasons(detector, batch.table.select(names).slice(i, 1)),
                }
                heapq.heappush(heap, (float(scores[i]), -scored.rows - i, said))
            heap = heapq.nlargest(_SHOWN, heap)
            heapq.heapify(heap)
            scored.rows += len(scores)
    scored.first = [said for _, _, said in sorted(heap, key=lambda item: item[:2], reverse=True)]
    return scored


def _reasons(detector: Detector, row: pa.Table) -> list[fastrcf.Reason]:
    return detector.explain(row)[0]


def _stream(detector: Detector, table: Input) -> int:
    """Take the first rows as a stream; returns how many."""
    rows = 0
    for batch in table.batches(model_roles(detector, table), "streaming"):
        part = batch.table.slice(0, _STREAMED - rows)
        detector.process(part)
        rows += part.num_rows
        if rows >= _STREAMED:
            break
    return rows


def _tell_trained(
    console: Console, detector: Detector, data: str, label: str | None, away: Sequence[str]
) -> None:
    not_seen = [*away, *([f"{label} (the label)"] if label else [])]
    console.print(
        f"[bold]Trained[/bold] on {detector.n_fitted:,} rows of {data}, looking at "
        f"{len(detector.columns)} columns"
        + (f" and not at {', '.join(not_seen)}" if not_seen else "")
        + "."
    )
    console.print(
        f"No labels were used. A row is an alert if it scores above {detector.threshold:.3f}: "
        f"{detector.alert_rate:.2%} of rows like these.\n"
    )


def _tell_first(console: Console, first: Sequence[dict[str, Any]], label: str | None) -> None:
    table = Table(title="Rows to look at first", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("row", justify="right")
    table.add_column("score", justify="right")
    table.add_column("grade", justify="right")
    if label is not None:
        table.add_column(label)
    table.add_column("why (share of the score)")
    for said in first:
        why = "\n".join(f"{r.share:4.0%}  {r.text}" for r in said["reasons"])
        cells = [f"{said['row']:,}", f"{said['score']:.2f}", f"{said['grade']:.2f}"]
        if label is not None:
            cells.append("yes" if said["label"] else "no")
        table.add_row(*cells, why)
    console.print(table)


def _tell_times(console: Console, clock: _Clock, scored: int, streamed: int, model: Path) -> None:
    rates = {"score": scored, "train": scored, "stream": streamed}
    table = Table(title="What each step took", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("step")
    table.add_column("seconds", justify="right")
    table.add_column("rows/s", justify="right")
    for name, seconds in clock.steps:
        rows = rates.get(name.partition(",")[0].partition(":")[0])
        table.add_row(name, f"{seconds:.3f}", "" if rows is None else f"{rows / seconds:,.0f}")
    console.print(table)
    console.print(f"The model is {model} ({model.stat().st_size / 1e6:.1f} MB). Go on with:")
    console.print(f"  fastrcf inspect {model}")
    console.print(f"  fastrcf detect {model} YOUR_TABLE -o alerts.csv --only-alerts")
