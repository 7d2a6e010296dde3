"""Files in the formats of the data, small, with anomalies that can be found."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benches.detection.families.card import COLUMNS
from benches.detection.families.handbook_features import PUBLISHED

DAY = 86_400
# Three weeks after the first one that can be fitted: one week that can be scored.
FIRST, DAYS = 35, 21


def planted(n, odd, width, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, width))
    labels = np.zeros(n, dtype=int)
    labels[rng.choice(n, odd, replace=False)] = 1
    rows[labels == 1] += 6
    return rows, labels


def adbench(data):
    (data / "adbench").mkdir(parents=True)
    for seed, name in enumerate(("2_second", "10_third", "1_first")):
        rows, labels = planted(120, 6, 3, seed)
        np.savez(data / "adbench" / f"{name}.npz", X=rows, y=labels)


def card(data):
    (data / "creditcard").mkdir(parents=True)
    rows, labels = planted(400, 60, 28)
    amounts = np.random.default_rng(1).exponential(50, 400)
    columns = {"Time": np.arange(400.0), **dict(zip(COLUMNS, rows.T, strict=True))}
    table = pa.table({**columns, "Amount": amounts, "Class": labels})
    pq.write_table(table, data / "creditcard" / "day1_sample.parquet")


def transactions(n=1_500, n_cards=30):
    """Rows in the order of time, 2 % frauds, large amounts at terminals with a known share."""
    rng = np.random.default_rng(2)
    seconds = FIRST * DAY + np.sort(rng.choice(DAYS * DAY, n, replace=False))
    fraud = rng.random(n) < 0.02
    columns = {name: rng.random(n) for name in PUBLISHED}
    columns |= {
        "TRANSACTION_ID": np.arange(n),
        "TX_DATETIME": np.datetime64("2018-04-01", "ns") + seconds.astype("timedelta64[s]"),
        "CUSTOMER_ID": rng.integers(n_cards, size=n),
        "TX_AMOUNT": np.where(fraud, 400.0, rng.exponential(40, n)),
        "TX_TIME_SECONDS": seconds,
        "TX_TIME_DAYS": seconds // DAY,
        "TX_FRAUD": fraud.astype(int),
        "TERMINAL_ID_RISK_7DAY_WINDOW": fraud * 0.9,
        "TERMINAL_ID_NB_TX_7DAY_WINDOW": np.full(n, 9.0),
    }
    return columns


def handbook(data):
    (data / "fraud_handbook").mkdir(parents=True)
    # Not in the order of time: the loader has to see to that.
    shuffled = np.random.default_rng(3).permutation(1_500)
    table = pa.table({name: column[shuffled] for name, column in transactions().items()})
    pq.write_table(table, data / "fraud_handbook" / "april_june.parquet")


def nsl_kdd(data):
    (data / "nsl_kdd").mkdir(parents=True)
    rows, labels = planted(300, 60, 38)
    lines = []
    for i, (row, label) in enumerate(zip(rows, labels, strict=True)):
        numbers = [f"{value:.4f}" for value in row]
        name = ("neptune", "guess_passwd")[i % 2] if label else "normal"
        lines.append(",".join([numbers[0], "tcp", "http", "SF", *numbers[1:], name, "20"]))
    (data / "nsl_kdd" / "KDDTrain+_20Percent.txt").write_text("\n".join(lines) + "\n")


def cicids(data):
    (data / "cicids").mkdir(parents=True)
    rows, labels = planted(300, 80, 5)
    path = data / "cicids" / "cic_0.01km.csv"
    head = "a,b,c,d,e,Labelb"
    np.savetxt(path, np.column_stack((rows, labels)), delimiter=",", header=head, comments="")


def skab(data):
    for run in (10, 2):
        rows, labels = planted(500, 20, 8, run)
        rows[:400], labels[:400] = planted(400, 0, 8, run)
        labels[450:455], rows[450:455] = 1, 6.0
        lines = ["datetime;" + ";".join("abcdefgh") + ";anomaly;changepoint"]
        for row, label in zip(rows, labels, strict=True):
            numbers = ";".join(f"{value:.4f}" for value in row)
            lines.append(f"2020-03-09 10:14:33;{numbers};{label:.1f};0.0")
        path = data / "skab" / "valve1" / f"{run}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")


def ecg(data):
    (data / "ecg").mkdir(parents=True)
    values = np.sin(np.arange(3_000) / 8)
    labels = np.zeros(3_000)
    values[1_500:1_600], labels[1_500:1_600] = 4.0, 1
    path = data / "ecg" / "MBA_ECG805_data.out"
    np.savetxt(path, np.column_stack((values, labels)), delimiter=",", fmt="%.5f")


def nab(data):
    root = data / "nab"
    for folder in ("labels", "config", "results", "data/real"):
        (root / folder).mkdir(parents=True)
    windows = {}
    rng = np.random.default_rng(4)
    for name in ("real/b.csv", "real/a.csv"):
        stamps = np.datetime64("2014-01-01T00:00:00") + 300 * np.arange(400).astype(
            "timedelta64[s]"
        )
        values = rng.normal(size=400)
        values[300] = 30.0
        lines = [f"{str(s).replace('T', ' ')},{v}" for s, v in zip(stamps, values, strict=True)]
        (root / "data" / name).write_text("\n".join(["timestamp,value", *lines]) + "\n")
        ends = [str(stamps[row]).replace("T", " ") + ".000000" for row in (295, 320)]
        windows[name] = [ends]
    (root / "labels" / "combined_windows.json").write_text(json.dumps(windows))
    matrix = {"tpWeight": 1.0, "fnWeight": 1.0, "fpWeight": 0.11, "tnWeight": 1.0}
    profiles = {
        "standard": matrix,
        "reward_low_FP_rate": {**matrix, "fpWeight": 0.22},
        "reward_low_FN_rate": {**matrix, "fnWeight": 2.0},
    }
    told = {name: {"CostMatrix": matrix} for name, matrix in profiles.items()}
    (root / "config" / "profiles.json").write_text(json.dumps(told))
    published = {"other": dict.fromkeys(profiles, 12.5), "null": dict.fromkeys(profiles, 0.0)}
    (root / "results" / "final_results.json").write_text(json.dumps(published))


ALL = (adbench, card, handbook, nsl_kdd, cicids, skab, ecg, nab)
