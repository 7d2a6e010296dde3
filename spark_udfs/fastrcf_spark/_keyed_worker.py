"""What runs on the workers for models of keys.

Functions take a plan of plain values first, which ``_shipping.deferred`` sends along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import fastrcf
from fastrcf_spark import _cache, _worker

if TYPE_CHECKING:
    from collections.abc import Iterator


def fit_key(plan: dict[str, Any], count: pa.Table, rows: pa.Table) -> pa.Table:
    """Fit a detector to the rows of one key.

    Parameters
    ----------
    plan : dict
    count : pyarrow.Table
        One row: the key and how many rows it has.
    rows : pyarrow.Table
        Those to draw from, with their places in the sample.
    """
    order = np.argsort(rows.column(plan["order"]).to_numpy(), kind="stable")
    rows = rows.take(pa.array(order[: plan["max_rows"]]))
    model = None
    if len(rows) >= plan["min_rows"]:
        model = _fitted(plan, count, rows)
    keys = [_in_utc(count.column(f"k{i}")) for i in range(len(plan["keys"]))]
    answer = [
        pa.array([model], pa.binary()),
        count.column(plan["rows"]),
        pa.array([0 if model is None else len(rows)], pa.int64()),
    ]
    names = [f"k{i}" for i in range(len(keys))] + ["model", "n_rows", "n_fitted"]
    return pa.table([*keys, *answer], names=names)


def _in_utc(keys: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give times as Spark wants them back of groups: it sends them in the session's zone."""
    kind = keys.type
    moments = pa.types.is_timestamp(kind) and kind.tz is not None
    return keys.cast(pa.timestamp(kind.unit, "UTC")) if moments else keys


def _fitted(plan: dict[str, Any], count: pa.Table, rows: pa.Table) -> bytes:
    batch = rows.combine_chunks().to_batches()[0]
    try:
        names = plan["names"]
        if names:
            detector = fastrcf.Detector(names, **plan["detector"], n_threads=_worker.n_threads())
            return bytes(detector.fit(_worker._table(_worker.inputs(plan, batch), names)))
        matrix = _worker.unpacked(batch.column(plan["packed"]), _width(batch, plan))
        detector = fastrcf.Detector(**plan["detector"], n_threads=_worker.n_threads())
        return bytes(detector.fit(matrix))
    except fastrcf.FastRCFError as error:
        of = ", ".join(
            f"{name}={count.column(f'k{i}')[0].as_py()!r}" for i, name in enumerate(plan["keys"])
        )
        raise type(error)(f"the rows of {of}: {error}") from None


def _width(batch: pa.RecordBatch, plan: dict[str, Any]) -> int:
    return len(batch.column(plan["packed"])[0])


def score_runs(plan: dict[str, Any], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Score runs of rows of one key each, the model before them where there is one."""
    runs = _Runs(plan)
    for batch in batches:
        if batch.num_rows:
            yield from runs.answers(batch)


class _Runs:
    """Follows the runs of a partition, which batches cut anywhere."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self._current: tuple[str, int] | None = None
        # The model of the run as bytes until a row asks for it.
        self._bytes: bytes | None = None
        self._model: Any = None
        self._plan = plan
        self._headed = False

    def answers(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Give the rows of a batch, if there are any, with what their models say."""
        keys, salts, heads, models = (batch.column(name) for name in self.plan["run"])
        is_head = heads.to_numpy() == 1
        starts = _starts(keys, salts)
        ends = np.append(starts[1:], batch.num_rows)
        found: list[list[pa.Array]] = []
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            run = (keys[start].as_py(), salts[start].as_py())
            if run != self._current:
                self._current, self._headed = run, False
                self._bytes = self._model = None
            n_heads = int(is_head[start:end].sum())
            if n_heads:
                if n_heads > 1 or self._headed:
                    raise fastrcf.InvalidInputError(
                        f"the table of models has the key {readable(run[0])} twice"
                    )
                self._headed = True
                self._bytes = models[start].as_py()
            if end > start + n_heads:
                found.append(self._ask(batch.slice(start + n_heads, end - start - n_heads)))
        if found:
            results = [pa.concat_arrays(parts) for parts in zip(*found, strict=True)]
            rows = batch.filter(pa.array(~is_head)) if is_head.any() else batch
            yield _worker._beside(rows, self.plan["kept"], results)

    def _ask(self, rows: pa.RecordBatch) -> list[pa.Array]:
        used = "key"
        if self._model is None and self._bytes is not None:
            self._adopt(_model(self._bytes, self._key()))
        if self._bytes is None:
            used = "none" if self.plan["fallback"] is None else "fallback"
            if self._model is None and used == "fallback":
                self._adopt(_cache.model(self.plan["fallback"], _worker.n_threads()))
        n = rows.num_rows
        if used == "none":
            answers = [pa.nulls(n, kind) for kind in _types(self.plan)]
        else:
            answers = self._answers(rows)
        return [*answers, pa.array([used] * n, pa.string())]

    def _adopt(self, model: Any) -> None:
        """Take a model, whose inputs are found by its own names."""
        self._model = model
        detects = isinstance(model, fastrcf.Detector)
        if self.plan["function"] == "detect" and not detects:
            raise fastrcf.InvalidInputError(
                f"detect_per_key needs detectors: the key {self._key()} has a "
                f"{type(model).__name__}"
            )
        if self.plan["by_name"]:
            # Detectors find their inputs by name, and count them as they were fitted.
            asked = model.columns if detects else self.plan["names"]
            self._plan = self.plan | {"asked": asked}
        else:
            names = model.columns if detects else [f"element {j}" for j in range(model.n_features)]
            self._plan = self.plan | {"names": names}

    def _key(self) -> str:
        return "" if self._current is None else readable(self._current[0])

    def _answers(self, rows: pa.RecordBatch) -> list[pa.Array]:
        model, plan = self._model, self._plan

        def score(inputs: Any) -> list[pa.Array]:
            if isinstance(model, fastrcf.Detector):
                # A matrix is in the order of this query, not in that of this detector.
                inputs = _worker._table(inputs, plan["names"])
            return [pa.array(model.score(inputs), pa.float64())]

        def detect(inputs: Any) -> list[pa.Array]:
            found = model.detect(_worker._table(inputs, plan["names"]))
            return _worker._detection(found, plan["reasons"])

        return _worker._answers(plan, rows, 0, detect if plan["function"] == "detect" else score)


def readable(key: str) -> str:
    """Give the text of a key (``_keys.text``) as people read it: its parts, null as null."""
    parts: list[str] = []
    while key:
        if key[0] == "-":
            parts, key = [*parts, "null"], key[1:]
            continue
        size, _, rest = key.partition(":")
        parts, key = [*parts, repr(rest[: int(size)])], rest[int(size) :]
    return f"({', '.join(parts)})"


def _model(data: bytes, key: str) -> Any:
    try:
        model = fastrcf.loads(data, n_threads=_worker.n_threads())
    except fastrcf.ModelFileError as error:
        raise fastrcf.ModelFileError(f"the model of the key {key}: {error}") from None
    return model.freeze() if isinstance(model, fastrcf.RandomCutForest) else model


def _starts(keys: pa.Array, salts: pa.Array) -> Any:
    """Find where runs of equal keys and salts begin."""
    n = len(keys)
    changes = pc.or_(
        pc.not_equal(keys.slice(1), keys.slice(0, n - 1)),
        pc.not_equal(salts.slice(1), salts.slice(0, n - 1)),
    )
    return np.append(0, np.flatnonzero(changes.to_numpy(zero_copy_only=False)) + 1)


def _types(plan: dict[str, Any]) -> list[pa.DataType]:
    if plan["function"] == "score":
        return [pa.float64()]
    kinds = [pa.float64(), pa.float64(), pa.bool_()]
    return [*kinds, _reasons()] if plan["reasons"] else kinds


def _reasons() -> pa.DataType:
    """Give the type of what a detector gives as reasons."""
    detector = fastrcf.Detector(n_trees=1, sample_size=2, random_state=0)
    found = detector.fit({"x": [0.0, 1.0, 2.0]}).detect(pa.table({"x": [0.0]}))
    return found.schema.field("reasons").type
