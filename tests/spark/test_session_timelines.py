"""Features on Spark of timelines that break things, held to those of one machine."""

import numpy as np
import pyarrow.parquet as pq
import pytest

# Environments of older versions of Spark go without it.
pl = pytest.importorskip("polars")

from fastrcf.telecom import features as embedded  # noqa: E402
from fastrcf.telecom.peers import PeerTable  # noqa: E402
from fastrcf_spark import fit_peers, session_features  # noqa: E402
from tests.spark.frames import frame  # noqa: E402
from tests.spark.test_sessions import polars, same, table  # noqa: E402
from tests.telecom.timelines import (  # noqa: E402
    AUTUMN,
    START,
    adversarial,
    moved,
    one_sim,
    ordinary,
)

BERLIN = "Europe/Berlin"


def in_files(spark, records: pl.DataFrame, folder, n: int):
    """Read records back from files that know nothing of SIMs or of time."""
    folder.mkdir()
    for i in range(n):
        part = table(records[i::n])
        pq.write_table(part, folder / f"part-{i}.parquet", row_group_size=max(97, len(part) // 5))
    return spark.read.parquet(str(folder))


def held(df, records: pl.DataFrame, timezone: str) -> pl.DataFrame:
    """Hold features and the peers in them to one machine's, bit for bit; gives the latter."""
    expected = embedded.session_features(records, timezone=timezone)
    same(polars(session_features(df, timezone=timezone)), expected)
    counts = PeerTable.fit(records, timezone=timezone).counts
    assert fit_peers(df, timezone=timezone).counts.equals(counts)
    return expected


@pytest.mark.parametrize("by", [0, AUTUMN - START], ids=["spring", "autumn"])
def test_where_clocks_change(spark, by):
    records = moved(ordinary(n_sims=12, n=900, seed=21), by)
    expected = held(frame(spark, table(records)).repartition(3), records, BERLIN)
    # The clocks change within these days, and hours tell: no fixed distance to UTC does as well.
    assert records["start_ts"].dt.convert_time_zone(BERLIN).dt.dst_offset().n_unique() == 2
    for fixed in ("Etc/GMT-1", "Etc/GMT-2"):
        other = embedded.session_features(records, timezone=fixed, features=["hour_sin"])
        assert not other["hour_sin"].equals(expected["hour_sin"])


@pytest.mark.parametrize("by", [0, AUTUMN - START], ids=["spring", "autumn"])
def test_ties_gaps_and_sims_of_one_session_in_files_out_of_order(classic, tmp_path, by):
    records = moved(adversarial(n_sims=100), by)
    counts = records.group_by("sim_id").len()["len"]
    assert (counts == 1).sum() >= 15
    assert records.select("sim_id", "start_ts", "end_ts").is_duplicated().sum() > 50
    assert not records["start_ts"].is_sorted()
    held(in_files(classic, records, tmp_path / "in", 5), records, BERLIN)
    # From one file, the other way round.
    held(in_files(classic, records.reverse(), tmp_path / "reversed", 1), records, "UTC")


def test_sims_of_one_session_alone(classic):
    records = ordinary(n_sims=400, n=2_000, seed=3).unique("sim_id", keep="any")
    assert len(records) > 300
    expected = held(frame(classic, table(records)).repartition(4), records, BERLIN)
    assert (expected["sessions_7d"] == 1).all()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_sim_with_a_million_sessions(classic, tmp_path):
    records = one_sim(1_000_000)
    order = np.random.default_rng(4).permutation(len(records))
    df = in_files(classic, records[order], tmp_path / "in", 4)
    found = session_features(df, timezone=BERLIN, output=tmp_path / "out")
    assert found.count() == len(records)
    got = pl.read_parquet(tmp_path / "out" / "part-*.parquet").sort("session_id")
    same(got, embedded.session_features(records, timezone=BERLIN))
