"""Timelines of SIMs to compute features of: ordinary ones, and those that break things."""

from __future__ import annotations

import numpy as np
import polars as pl

from fastrcf.telecom.schema import EndCause, polars_schema

# 2026-03-25; on the fifth day, a Sunday, Europe's clocks go forward.
START = 1_774_396_800_000_000
SECOND = 1_000_000
DAY = 86_400 * SECOND
CAUSES = [str(end) for end in EndCause]


def build(**columns) -> pl.DataFrame:
    """Make records out of what is given; the rest is null or plain."""
    n = len(columns["sim_id"])
    start = np.asarray(columns.pop("start"), np.int64)
    lasting = np.asarray(columns.pop("lasting", np.zeros(n)), np.int64)
    given = {
        "session_id": [f"s{i:07d}" for i in range(n)],
        "start_ts": start,
        "end_ts": start + lasting,
        "duration_s": lasting / SECOND,
        "service": ["data"] * n,
        "bytes_up": np.zeros(n, np.int64),
        "bytes_down": np.zeros(n, np.int64),
        **columns,
    }
    schema = polars_schema()
    return pl.DataFrame(
        [
            pl.Series(name, given[name]).cast(dtype)
            if name in given
            else pl.Series(name, [None] * n, dtype=dtype)
            for name, dtype in schema.items()
        ]
    )


def ordinary(n_sims: int = 40, n: int = 4_000, days: float = 9, seed: int = 1) -> pl.DataFrame:
    """Records of a fleet, unordered, with most of what can happen."""
    rng = np.random.default_rng(seed)
    sim = rng.integers(0, n_sims, n)
    # Some come in bursts, some on the whole second and so at one time.
    start = START + rng.integers(0, int(days * DAY), n)
    burst = rng.random(n) < 0.3
    start[burst] = START + (sim[burst] % 7 + 1) * DAY + rng.integers(0, 3_600, burst.sum()) * SECOND
    cell = rng.integers(0, 12, n) + (sim % 3) * 10
    plmn = np.array(["262-01", "262-02", "208-01", "310-410", "208-10"])[cell % 5]

    def some(values: np.ndarray, missing: float) -> list:
        return [
            None if gone else v
            for v, gone in zip(values.tolist(), rng.random(n) < missing, strict=True)
        ]

    service = rng.choice(["data", "sms", "voice"], n, p=[0.85, 0.1, 0.05])
    message = service == "sms"
    lasting = np.where(message, 0, rng.exponential(900, n) * SECOND).astype(np.int64)
    volume = np.where(service == "data", rng.lognormal(7, 3, n), 0)
    volume[rng.random(n) < 0.1] = 0
    up = rng.random(n)
    return build(
        sim_id=np.char.add("sim", sim.astype(str)),
        device_id=some(np.char.add("dev", (sim + (rng.random(n) < 0.05)).astype(str)), 0.05),
        start=start,
        lasting=lasting,
        service=service,
        bytes_up=(volume * up).astype(np.int64),
        bytes_down=(volume * (1 - up)).astype(np.int64),
        sms_mo=some(np.where(message, 1, 0), 0.2),
        apn=some(rng.choice(["iot", "m2m.net"], n, p=[0.97, 0.03]), 0.02),
        rat=some(rng.choice(["LTE", "LTE-M", "GSM"], n, p=[0.8, 0.15, 0.05]), 0.05),
        visited_plmn=some(plmn, 0.05),
        home_plmn=some(np.full(n, "262-01"), 0.01),
        cell=some(np.char.add("c", cell.astype(str)), 0.1),
        cell_lat=some(48 + cell * 0.7, 0.1),
        cell_lon=some(2 + cell * 1.1, 0.1),
        end_cause=some(rng.choice(CAUSES, n), 0.1),
        cost=some(rng.exponential(0.1, n), 0.5),
        tariff=some(rng.choice(["a", "b"], n), 0.1),
        customer=np.char.add("k", (sim % 3).astype(str)),
        family=np.where(sim % 2 == 0, "meter", "tracker"),
        firmware=some(np.where(start > START + 4 * DAY, "v2", "v1"), 0.1),
    )
