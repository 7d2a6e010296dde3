"""Bodies of five megabytes to ``/v1/score`` of ``fastrcf serve``: rows a second, and memory.

Each format has a server of its own, since memory that one has taken is there for the next.
``python -m benches.serve.service`` runs this with the rest.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from benches.serve import run, servers
from benches.serve.load import attack
from fastrcf.sagemaker.payload import csv_rows
from fastrcf.service.answers import ARROW
from fastrcf.service.core import LocalModel, Request, Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from fastrcf._typing import Singles

    # Starts a server of a model file; gives its address and its number.
    Start = Callable[[Path], AbstractContextManager[tuple[str, int]]]

PATH, ACCEPT = "/v1/score", "application/json"
# As many as a batch job would open: a body is read while another is scored.
CONNECTIONS = 3


# Rows a second that are asked for: as of the container's server, whose binary format is
# RecordIO.
ASKED = {"CSV": 250_000, "Arrow": 400_000}


class Large(NamedTuple):
    """A body of five megabytes.

    Attributes
    ----------
    words : str
        What it is, in the table.
    kind : str
        Its content type.
    body : bytes
    rows : int
    """

    words: str
    kind: str
    body: bytes
    rows: int


def bodies(rows: Singles, names: Sequence[str]) -> Iterator[Large]:
    """Write as many rows as give five megabytes, in each format."""
    lines = b"\n".join
    listed = [b"[" + line + b"]" for line in csv_rows(rows)]
    form = ", ".join(f"{json.dumps(name)}: %.9g" for name in names)
    named = [f"{{{form}}}".encode() % tuple(row) for row in rows.tolist()]
    for words, kind, parts, write in (
        ("CSV", "text/csv", csv_rows(rows), lines),
        ("JSON, by position", ACCEPT, listed, _rows),
        ("JSON, by name", ACCEPT, named, _rows),
        ("JSON lines, by position", "application/jsonlines", listed, lines),
    ):
        n = run.BATCH_BYTES // (sum(map(len, parts[:1000])) // 1000 + 1)
        yield Large(words, kind, write(parts[:n]), n)
    # Single precision, as the model takes it: each value is four bytes.
    n = run.BATCH_BYTES // (4 * len(names))
    table = pa.table({name: np.resize(rows[:, j], n) for j, name in enumerate(names)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=8192)
    yield Large("Arrow", ARROW, sink.getvalue().to_pybytes(), n)


def _rows(parts: list[bytes]) -> bytes:
    return b'{"rows": [' + b", ".join(parts) + b"]}"


def measure(model: Path, rows: Singles, start: Start, seconds: float) -> list[dict[str, Any]]:
    """Send each body for so many seconds; every answer has to be the right one.

    Returns
    -------
    list of dict
        Of each format: the load, ``rows`` and ``bytes`` of a body, ``engine`` (rows a second
        of the model alone), ``before`` (bytes of memory after the first small request),
        ``peak`` (the most while bodies came) and ``after`` (once all were answered).
    """
    local = LocalModel.load(model)
    service = Service(local)
    out = []
    for large in bodies(rows, local.names):
        headers = {"content-type": large.kind, "accept": ACCEPT}
        right = service.answer(Request("POST", PATH, headers, large.body))
        assert right.status == 200, right.body[:300]
        with start(model) as (url, pid):
            small = json.dumps(rows[0].tolist()).encode()
            attack(url, small, ACCEPT, seconds=0.5, path=PATH)
            before = servers.memory(pid)
            load = attack(
                url,
                large.body,
                large.kind,
                seconds=seconds,
                connections=CONNECTIONS,
                expected=right.body,
                path=PATH,
            )
            out.append(
                {
                    "words": large.words,
                    "rows": large.rows,
                    "bytes": len(large.body),
                    "engine": _engine(local, rows, large.rows),
                    **asdict(load),
                    "before": before,
                    "peak": servers.most_memory(pid),
                    "after": servers.memory(pid),
                }
            )
        print(out[-1], flush=True)
    return out


def _engine(model: LocalModel, rows: Singles, n: int) -> float:
    """Give the rows a second that the model alone scores of as many rows."""
    part = np.resize(rows, (n, rows.shape[1])).astype(float)
    times = []
    for _ in range(5):
        began = perf_counter()
        model.score(part)
        times.append(perf_counter() - began)
    return n / median(times)


def table(found: list[dict[str, Any]]) -> str:
    """Write the figures as a table."""
    if not found:
        return "Not measured yet."
    lines = [
        "| body of 5 MB | rows | rows a second | of the model alone | p99, ms | memory before, MB "
        "| at most | after | wrong |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for one in found:
        rate = one["good"] * one["rows"] / one["seconds"]
        before, peak, after = (one[name] / 1e6 for name in ("before", "peak", "after"))
        wrong = one["wrong"] + one["sent"] - one["good"]
        lines.append(
            f"| {one['words']} | {one['rows']:,} | {rate:,.0f} | {rate / one['engine']:.0%} | "
            f"{one['p99']:.0f} | {before:.0f} | {peak:.0f} | {after:.0f} | {wrong} |"
        )
    asked = [one for one in found if one["words"] in ASKED]
    told = [f"{ASKED[one['words']]:,} of {one['words']}: {_verdict(one)}" for one in asked]
    if told:
        lines += ["", f"Asked for are, rows a second, {'; '.join(told)}."]
    return "\n".join(lines)


def _verdict(one: dict[str, Any]) -> str:
    rate = one["good"] * one["rows"] / one["seconds"]
    return "met" if rate >= ASKED[one["words"]] else "**missed**"
