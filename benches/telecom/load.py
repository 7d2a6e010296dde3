"""How fast records are loaded: ``python -m benches.telecom.load --records 1000000``.

Makes records of each source, of made-up SIMs, and prints records per second for a table
in memory and for a Parquet and a CSV file, with hashes, and the largest memory of the process.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from fastrcf.telecom.loading import load, load_files

if TYPE_CHECKING:
    from collections.abc import Callable

_KEY = "a key for measurements only, with enough characters"
_START = 1_790_000_000
_WEEK = 7 * 86_400


def _base(n: int, parts: int) -> dict[str, pl.Series]:
    """Draw sessions of ``parts`` records each, of one SIM in 200 sessions."""
    rng = np.random.default_rng(5)
    number = np.arange(n) // parts
    part = np.arange(n) % parts
    sims = rng.integers(0, max(1, n // 200), n // parts + 1)[number]
    start = _START + rng.integers(0, _WEEK, n // parts + 1)[number]
    return {
        "session": pl.Series(number).cast(pl.String),
        "part": pl.Series(part),
        "sim": pl.Series(262_010_000_000_000 + sims).cast(pl.String),
        "imei": pl.Series(35_000_000_000_000 + sims).cast(pl.String),
        "start": pl.Series(start + 900 * part),
        "up": pl.Series(rng.integers(0, 100_000, n)),
        "down": pl.Series(rng.integers(0, 100_000, n)),
        "cell": pl.Series(rng.integers(0, 5000, n)),
    }


def _iso(seconds: pl.Series) -> pl.Series:
    return pl.from_epoch(seconds).dt.strftime("%Y-%m-%dT%H:%M:%SZ")


def radius(n: int) -> pl.DataFrame:
    """Make start, interim and stop packets with locations in octets."""
    b = _base(n, 3)
    place = pl.Series([f"0x8262f210000162f210{cell:08x}" for cell in range(5000)])
    return pl.DataFrame(
        {
            "Acct-Session-Id": b["session"],
            "Acct-Status-Type": b["part"].replace_strict([0, 1, 2], ["Start", "Interim", "Stop"]),
            "3GPP-IMSI": b["sim"],
            "3GPP-IMEISV": b["imei"],
            "Event-Timestamp": b["start"],
            "Acct-Session-Time": b["part"] * 900,
            "Acct-Input-Octets": b["up"] * b["part"],
            "Acct-Output-Octets": b["down"] * b["part"],
            "Acct-Input-Gigawords": b["part"] * 0,
            "Acct-Output-Gigawords": b["part"] * 0,
            "3GPP-User-Location-Info": place.gather(b["cell"]),
            "3GPP-RAT-Type": b["part"] * 0 + 6,
            "Acct-Terminate-Cause": b["part"] * 0 + 1,
        }
    )


def pgw(n: int) -> pl.DataFrame:
    """Make partial records, two of a bearer, with times as text."""
    b = _base(n, 2)
    return pl.DataFrame(
        {
            "chargingID": b["session"],
            "SERVED_IMSI": b["sim"],
            "recordSequenceNumber": b["part"],
            "START_TIME": pl.from_epoch(b["start"]).dt.strftime("%Y-%m-%d %H:%M:%S"),
            "DURATION_SEC": b["part"] * 0 + 900,
            "UPLINK_BYTES": b["up"],
            "DOWNLINK_BYTES": b["down"],
            "CAUSE_FOR_CLOSING": 17 * (1 - b["part"]),
            "RAT_TYPE": b["part"] * 0 + 8,
        }
    )


def once(n: int) -> pl.DataFrame:
    """Make flat usage records, two of a session."""
    b = _base(n, 2)
    return pl.DataFrame(
        {
            "id": pl.Series(np.arange(n)),
            "ipcan_session_id": b["session"],
            "sim_id": b["sim"],
            "endpoint_imei": b["imei"],
            "start_timestamp": _iso(b["start"]),
            "end_timestamp": _iso(b["start"] + 900),
            "volume_tx": b["up"],
            "volume_rx": b["down"],
            "traffic_type_id": b["part"] * 0 + 5,
        }
    )


def twilio(n: int) -> pl.DataFrame:
    """Make data sessions."""
    b = _base(n, 1)
    return pl.DataFrame(
        {
            "sid": b["session"],
            "sim_sid": b["sim"],
            "imei": b["imei"],
            "start": _iso(b["start"]),
            "end": _iso(b["start"] + 60),
            "packets_uploaded": b["up"],
            "packets_downloaded": b["down"],
            "radio_link": pl.Series(["LTE"] * n),
        }
    )


def ultiroam(n: int) -> pl.DataFrame:
    """Make lines of a log."""
    b = _base(n, 1)
    return pl.DataFrame(
        {
            "date": pl.from_epoch(b["start"]).dt.strftime("%d-%m-%Y"),
            "time": pl.from_epoch(b["start"]).dt.strftime("%H:%M:%S"),
            "error_code": b["part"],
            "upload_volume": b["up"],
            "download_volume": b["down"],
            "duration": b["part"] + 60,
            "iccid": b["sim"],
            "plmn": pl.Series(["26201"] * n),
            "lac": b["part"] + 1,
            "celid": b["cell"],
            "network": pl.Series(["LTEB20"] * n),
        }
    )


_SOURCES: dict[str, Callable[[int], pl.DataFrame]] = {
    "radius": radius,
    "pgw": pgw,
    "1nce": once,
    "twilio": twilio,
    "ultiroam": ultiroam,
}


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--source", choices=list(_SOURCES), action="append")
    given = parser.parse_args()
    print("source     way       seconds  records/s  sessions")
    with tempfile.TemporaryDirectory() as folder:
        for name in given.source or _SOURCES:
            frame = _SOURCES[name](given.records)
            began = time.perf_counter()
            loaded = load(frame, schema=name, key=_KEY)
            _tell(name, "memory", time.perf_counter() - began, frame.height, loaded.report.kept)
            for ending in ("parquet", "csv"):
                path = Path(folder) / f"{name}.{ending}"
                frame.write_parquet(path) if ending == "parquet" else frame.write_csv(path)
                began = time.perf_counter()
                report = load_files(path, Path(folder) / f"{name}-{ending}", schema=name, key=_KEY)
                _tell(name, ending, time.perf_counter() - began, report.read, report.kept)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"largest memory: {peak} MiB")


def _tell(name: str, way: str, seconds: float, read: int, kept: int) -> None:
    print(f"{name:10} {way:9} {seconds:7.2f}  {read / seconds:9,.0f}  {kept:8,}", flush=True)


if __name__ == "__main__":
    main()
