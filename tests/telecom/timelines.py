"""Timelines of SIMs to compute features of: ordinary ones, and those that break things."""

from __future__ import annotations

import numpy as np
import polars as pl

from fastrcf.telecom.schema import EndCause, polars_schema

# 2026-03-25; on the fifth day, a Sunday, Europe's clocks go forward.
START = 1_774_396_800_000_000
SECOND = 1_000_000
DAY = 86_400 * SECOND
# 2026-10-21; on the fifth day, a Sunday, Europe's clocks go back.
AUTUMN = START + 210 * DAY
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
    received = np.random.default_rng(seed + 1).integers(0, 3, n)
    return build(
        sim_id=np.char.add("sim", sim.astype(str)),
        device_id=some(np.char.add("dev", (sim + (rng.random(n) < 0.05)).astype(str)), 0.05),
        start=start,
        lasting=lasting,
        service=service,
        bytes_up=(volume * up).astype(np.int64),
        bytes_down=(volume * (1 - up)).astype(np.int64),
        sms_mo=some(np.where(message, 1, 0), 0.2),
        sms_mt=np.where(message, received, 0),
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


def adversarial(n_sims: int = 60, seed: int = 1) -> pl.DataFrame:
    """Records out of order: ties, gaps to the microsecond, values that come and go.

    Every fourth SIM has one session alone. Of records that begin together some end together, too,
    so that their ids, which are in no order, tell which is first; some last for days.
    """
    rng = np.random.default_rng(seed)
    hour = 3_600 * SECOND
    steps = [0, 0, 0, 1, SECOND, 600 * SECOND, hour - 1, hour, DAY - 1, DAY, 7 * DAY - 1, 7 * DAY]
    likely = [0.15, 0.15, 0.1, 0.1, 0.1, 0.2, 0.04, 0.06, 0.03, 0.05, 0.01, 0.01]
    counts = np.where(np.arange(n_sims) % 4 == 0, 1, rng.integers(2, 60, n_sims))
    sim = np.repeat(np.arange(n_sims), counts)
    # Whole hours, so that peers of all SIMs meet in the same hours and quarters.
    start = np.concatenate(
        [
            START + rng.integers(0, 96) * hour + np.cumsum(rng.choice(steps, n, p=likely))
            for n in counts
        ]
    )
    n = len(sim)

    def some(*values: object) -> list:
        return [values[i] for i in rng.integers(0, len(values), n)]

    return build(
        session_id=[f"s{i:07d}" for i in rng.permutation(n)],
        sim_id=[f"sim{i}" for i in sim],
        device_id=some("d", "e", None),
        start=start,
        lasting=some(0, 0, 1, 5 * SECOND, 900 * SECOND, 2 * DAY),
        service=some("data", "data", "sms", "voice"),
        bytes_up=some(0, 1, 1_000_000, 1 << 40),
        bytes_down=some(0, 7, 1_000_000),
        sms_mo=some(0, 1, None),
        sms_mt=some(0, 2, None),
        apn=some("x", "y", None),
        rat=some("LTE", "GSM", None),
        visited_plmn=some("262-01", "262-02", "208-01", None),
        home_plmn=some("262-01", None),
        cell=some("c1", "c2", "c3", None),
        cell_lat=some(48.0, 49.5, None),
        cell_lon=some(2.0, 13.25, None),
        end_cause=some("normal", "error", None),
        customer=some("k", "k", None),
        family=some("meter", "tracker"),
    )[rng.permutation(n)]


def moved(records: pl.DataFrame, by: int) -> pl.DataFrame:
    """Have the same happen ``by`` microseconds later."""
    return records.with_columns(pl.col("start_ts", "end_ts") + pl.duration(microseconds=by))


def one_sim(n: int, every: int = 1) -> pl.DataFrame:
    """Records of one SIM, one each ``every`` seconds, that are alike but for their cell."""
    place = np.arange(n)
    return build(
        sim_id=["a"] * n,
        start=START + place * every * SECOND,
        lasting=np.full(n, SECOND // 2),
        bytes_up=np.ones(n, np.int64),
        bytes_down=np.full(n, 2),
        cell=np.char.add("c", (place % 5).astype(str)),
        visited_plmn=["262-01"] * n,
    )
