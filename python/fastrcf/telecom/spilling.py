"""What a load puts on disk: records by buckets of SIMs in between, sessions by days at last."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl
import pyarrow.parquet as pq

from fastrcf.files import guess_format, open_whole
from fastrcf.telecom.identifiers import normal_sim
from fastrcf.telecom.schema import arrow_schema
from fastrcf.telecom.stitching import PARTS

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What the file of records put aside tells of each.
TOLD: Final = (
    "reason", "file", "row", "session_id", "sim_id", "device_id", "start_ts", "end_ts",
    "bytes_up", "bytes_down",
)  # fmt: skip


class Spill:
    """Records, or rows of a list, on disk by buckets of SIMs.

    Parameters
    ----------
    folder : Path
        Is made.
    buckets : int
        How many.
    schema : Schema
        Their columns.
    """

    def __init__(self, folder: Path, buckets: int, schema: pl.Schema = PARTS) -> None:
        folder.mkdir()
        self._schema = schema
        self._folder = folder
        self._buckets = buckets
        self._writers: dict[int, pq.ParquetWriter] = {}

    def __enter__(self) -> Spill:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def path(self, bucket: int) -> Path:
        """Name the file of a bucket."""
        return self._folder / f"{bucket}.parquet"

    def write(self, frame: pl.DataFrame, hashed: bool | None) -> None:
        """Add rows; ``hashed`` says whether their SIMs are, None puts all into one bucket."""
        if not frame.height:
            return
        if self._buckets == 1 or hashed is None:
            self._append(0, frame)
            return
        number = bucket_of(frame["sim_id"], self._buckets, hashed=hashed)
        parted = frame.with_columns(_bucket=number).partition_by(
            "_bucket", as_dict=True, include_key=False
        )
        for (bucket,), part in parted.items():
            self._append(int(bucket), part)

    def _append(self, bucket: int, frame: pl.DataFrame) -> None:
        rows = frame.to_arrow()
        if bucket not in self._writers:
            path = self.path(bucket)
            self._writers[bucket] = pq.ParquetWriter(path, rows.schema, compression="lz4")
        self._writers[bucket].write_table(rows)

    def read(self, bucket: int) -> pl.DataFrame | None:
        """Give the rows of a bucket, None if there are none."""
        path = self.path(bucket)
        return pl.read_parquet(path).cast(dict(self._schema)) if path.exists() else None  # type: ignore[arg-type]

    def close(self) -> None:
        """Finish the files: what is read must be closed before."""
        with ExitStack() as stack:
            for writer in self._writers.values():
                stack.callback(writer.close)
        if self._writers:
            self._writers = {}


def bucket_of(sims: pl.Series, buckets: int, *, hashed: bool) -> pl.Series:
    """Give the number of the bucket of each SIM.

    Parameters
    ----------
    sims : Series of String
        SIMs.
    buckets : int
        How many buckets there are.
    hashed : bool
        Whether SIMs are hashes: their first 32 bits decide then, and a hash of the form
        that all spellings of a SIM have otherwise.
    """
    known = sims.unique().drop_nulls()
    digits = (
        known.to_list()
        if hashed
        else [
            hashlib.blake2b(normal_sim(sim).encode(), digest_size=4).hexdigest()
            for sim in known.to_list()
        ]
    )
    numbers = pl.Series([int(text[:8], 16) % buckets for text in digits], dtype=pl.Int32)
    return sims.replace_strict(known, numbers, default=0, return_dtype=pl.Int32)


def write_days(sessions: pl.DataFrame, folder: Path, bucket: int, truth: bool) -> None:
    """Write the sessions of a bucket of SIMs, each day's to a file of its own."""
    days = sessions.with_columns(_day=pl.col("start_ts").dt.date()).partition_by(
        "_day", as_dict=True, include_key=False, maintain_order=True
    )
    schema = arrow_schema(truth=truth)
    for (day,), part in days.items():
        below = folder / f"date={day}"
        below.mkdir(parents=True, exist_ok=True)
        table = part.to_arrow().cast(schema)
        pq.write_table(table, below / f"part-{bucket:05}.parquet", compression="zstd")


def write_aside(records: Path, out: str) -> None:
    """Write the records put aside as Parquet or CSV; ``records`` is there if there are any."""
    frame = (
        pl.read_parquet(records)
        if records.exists()
        else pl.DataFrame(schema={name: PARTS[name] for name in TOLD})
    )
    with open_whole(out) as file:
        if guess_format(out) == "csv":
            frame.write_csv(file)
        else:
            frame.write_parquet(file)


@contextmanager
def unfinished(out: Path) -> Iterator[Path]:
    """Give a folder to work in, and leave nothing of it."""
    fresh = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    work = out / f".sessions.{os.getpid()}.unfinished"
    try:
        work.mkdir()
        yield work
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        if fresh:
            shutil.rmtree(out, ignore_errors=True)
        raise
    shutil.rmtree(work, ignore_errors=True)
