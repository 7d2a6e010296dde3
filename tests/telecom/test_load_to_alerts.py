"""Records without family and places, and lists that have them: all the way to alerts.

The same sessions are loaded twice: as records that have everything, and as RADIUS packets beside a
list of SIMs and one of cells. What comes of both has to be the same.
"""

from datetime import UTC, datetime

import polars as pl
import pytest

from fastrcf.cli import main
from fastrcf.telecom import generator
from fastrcf.telecom.detection import SessionDetector
from fastrcf.telecom.features import session_features
from fastrcf.telecom.loading import load_files

KEY = "a key that is only for these tests, long enough"
SPLIT = datetime(2026, 3, 5, tzinfo=UTC)
CAUSES = {
    "normal": "User-Request", "idle_timeout": "Idle-Timeout", "session_timeout": "Session-Timeout",
    "lost_carrier": "Lost-Carrier", "lost_service": "Lost-Service", "error": "NAS-Error",
    "admin": "Admin-Reset",
}  # fmt: skip


def network(text):
    """Write MCC-MNC, of five digits, as TS 24.008 does."""
    mcc, mnc = text.split("-")
    return f"{mcc[1]}{mcc[0]}f{mcc[2]}{mnc[1]}{mnc[0]}"


def octets(cell):
    """Write a cell as 3GPP-User-Location-Info: TAI and ECGI."""
    mcc, mnc, area, number = cell.split("-")
    operator = network(f"{mcc}-{mnc}")
    return f"82{operator}{int(area):04x}{operator}{int(number):08x}"


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    """Data sessions of 200 SIMs in whole seconds, with names of SIMs as operators have them."""
    folder = tmp_path_factory.mktemp("made")
    generator.generate(folder, generator.Parameters(sims=200, days=5, seed=3, fraud=3.0))
    frame = pl.scan_parquet(folder / "sessions" / "**" / "*.parquet", hive_partitioning=False)
    frame = frame.filter(pl.col("service") == "data").collect()
    frame = frame.with_columns(pl.col(pl.Categorical).cast(pl.String))
    first = [pl.col(name).first().over("sim_id") for name in ("tariff", "firmware")]
    number = pl.col("sim_id").rank("dense").cast(pl.Int64).cast(pl.String).str.zfill(10)
    return frame.with_columns(
        *first,
        pl.col("start_ts", "end_ts").dt.truncate("1s"),
        sim_id=pl.lit("26201") + number,
        device_id=pl.col("device_id").str.slice(0, 14),
        end_cause=pl.col("end_cause").replace("rejected", "error"),
    ).drop("duration_s", "cost", "sms_mo", "sms_mt", "label", "incident")


@pytest.fixture(scope="module")
def loaded(sessions, tmp_path_factory):
    """Folders of the sessions as they are, of packets with lists, and of packets alone."""
    place = tmp_path_factory.mktemp("loaded")
    sessions.write_parquet(place / "records.parquet")
    packets = sessions.select(
        pl.col("session_id").alias("Acct-Session-Id"),
        pl.lit("Stop").alias("Acct-Status-Type"),
        pl.col("sim_id").alias("3GPP-IMSI"),
        pl.col("device_id").alias("3GPP-IMEISV"),
        pl.col("end_ts").dt.epoch("s").alias("Event-Timestamp"),
        (pl.col("end_ts") - pl.col("start_ts")).dt.total_seconds().alias("Acct-Session-Time"),
        pl.col("bytes_up").mod(2**32).alias("Acct-Input-Octets"),
        (pl.col("bytes_up") // 2**32).alias("Acct-Input-Gigawords"),
        pl.col("bytes_down").mod(2**32).alias("Acct-Output-Octets"),
        (pl.col("bytes_down") // 2**32).alias("Acct-Output-Gigawords"),
        pl.col("apn").alias("Called-Station-Id"),
        pl.col("rat").alias("3GPP-RAT-Type"),
        pl.col("visited_plmn").str.replace("-", "").alias("3GPP-SGSN-MCC-MNC"),
        pl.col("home_plmn").str.replace("-", "").alias("3GPP-IMSI-MCC-MNC"),
        pl.col("cell")
        .map_elements(octets, return_dtype=pl.String)
        .alias("3GPP-User-Location-Info"),
        pl.col("end_cause").replace_strict(CAUSES).alias("Acct-Terminate-Cause"),
    )
    packets.write_csv(place / "packets.csv")
    sims = sessions.unique("sim_id", maintain_order=True)
    sims.select("sim_id", "family", "customer", "tariff", "firmware").write_csv(place / "sims.csv")
    cells = sessions.unique("cell", maintain_order=True)
    cells.select("cell", "cell_lat", "cell_lon").write_parquet(place / "cells.parquet")
    lists = {"sims": place / "sims.csv", "cells": place / "cells.parquet"}
    load_files(place / "records.parquet", place / "whole", key=KEY)
    report = load_files(place / "packets.csv", place / "joined", key=KEY, buckets=5, **lists)
    load_files(place / "packets.csv", place / "bare", key=KEY)
    assert report.schema == "radius"
    assert [told.missing for told in report.lists.values()] == [0, 0]
    return place


def read(folder):
    files = folder / "sessions" / "**" / "*.parquet"
    frame = pl.scan_parquet(files, hive_partitioning=False).collect()
    return frame.sort("start_ts", "sim_id", "session_id")


def test_packets_and_lists_give_the_records_that_have_all(loaded):
    text = pl.col(pl.Categorical).cast(pl.String)
    whole, joined = (read(loaded / name).with_columns(text) for name in ("whole", "joined"))
    assert joined.height > 5000
    assert whole.equals(joined)


def test_peers_and_speed_are_there(loaded):
    whole, joined, bare = (
        session_features(read(loaded / name)) for name in ("whole", "joined", "bare")
    )
    text = pl.col(pl.Categorical).cast(pl.String)
    assert whole.with_columns(text).equals(joined.with_columns(text))
    assert joined["family"].null_count() == 0
    assert joined["family"].n_unique() == 6
    assert (joined["has_peers"] > 0).sum() > 1000
    assert (joined["speed_kmh"] > 0).sum() > 10
    # This is what lists are for.
    assert bare["family"].null_count() == bare.height
    assert (bare["speed_kmh"] == 0).all()


def test_detection_is_that_of_the_records_that_have_all(loaded):
    def alerts(name):
        records = read(loaded / name)
        features = session_features(records)
        before = pl.col("start_ts") < SPLIT
        detector = SessionDetector(random_state=7, n_trees=20, alerts_per_thousand=5)
        detector.fit(features.filter(before), records.filter(before))
        found = detector.detect(features, records, since=SPLIT).alerts
        return found.with_columns(pl.col(pl.Categorical).cast(pl.String))

    joined = alerts("joined")
    assert joined.height > 3
    assert joined.equals(alerts("whole"))


def test_the_command_line_goes_on_with_what_was_loaded(loaded, tmp_path, capfd):
    out = tmp_path / "features"
    assert main(["sessions", "features", str(loaded / "joined"), "-o", str(out)]) == 0
    capfd.readouterr()
    features = pl.concat([pl.read_parquet(p) for p in (out / "features").glob("*.parquet")])
    assert features["family"].null_count() == 0
    assert (features["has_peers"] > 0).any()
    assert (features["speed_kmh"] > 0).any()
