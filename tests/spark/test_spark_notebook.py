"""The notebook on Spark, run from a clean kernel: what it says is so."""

import re

import pytest

pytest.importorskip("jupytext", reason="the notebooks' tools are not installed")
pl = pytest.importorskip("polars")

from fastrcf.telecom.detection import SessionDetector  # noqa: E402
from fastrcf.telecom.peers import PeerTable  # noqa: E402
from tests.notebooks.executed import Executed  # noqa: E402

NAME = "spark_fraud_detection"
PICTURES = 2


@pytest.mark.timeout(1_000)
def test_it_runs_and_shows_what_it_should(tmp_path):
    run = Executed(
        NAME, tmp_path, 800, sims=250, fraud=10.0, budget=4.0, master="local[2]", driver_memory="1g"
    )
    run.check(PICTURES)
    assert 20_000 < run.figures["sessions"] < 40_000
    assert run.figures["recall"] > 0.6
    assert run.figures["average precision"] > 0.3
    assert run.figures["difference from one machine"] == 0
    assert 0.4 < run.figures["cases"] / (4e-3 * run.figures["judged"]) < 1.6
    said = run.text()
    judged = f"{run.figures['judged']:,}"
    assert f"{judged} of {judged} sessions are in both" in said
    assert re.search(r"took Spark \d+ s and one machine \d+ s", said)

    alerts = pl.read_parquet(run.out / "alerts.parquet")
    assert len(alerts) == run.figures["alerts"]
    scores = pl.read_parquet(run.out / "scores" / "*.parquet")
    assert len(scores) == run.figures["judged"]
    detector = SessionDetector.load(run.out / "sessions.rcf")
    above = scores.filter(pl.col("score") > detector.threshold)
    assert len(pl.read_parquet(run.out / "alerting" / "*.parquet")) == len(above)
    assert PeerTable.load(run.out / "peers.parquet").timezone == "UTC"
    assert "Spark" in run.tables()[-1]


@pytest.mark.slow
@pytest.mark.timeout(2_700)
def test_a_million_sessions(tmp_path):
    run = Executed(NAME, tmp_path, 2_400, sims=10_000, master="local[2]")
    run.check(PICTURES)
    assert run.figures["sessions"] > 1_000_000
    assert run.figures["difference from one machine"] == 0
    assert run.figures["recall"] > 0.7
