"""The notebook on Spark, run from a clean kernel: what it says is so."""

import re

import pytest

pytest.importorskip("jupytext", reason="the notebooks' tools are not installed")
pl = pytest.importorskip("polars")

from fastrcf.telecom.detection import SessionDetector  # noqa: E402
from fastrcf.telecom.peers import PeerTable  # noqa: E402
from fastrcf.telecom.tell import title  # noqa: E402
from tests.notebooks.executed import Executed  # noqa: E402

NAME = "spark_fraud_detection"
PICTURES = 3


def told_in_words(run, alerts):
    """Hold the three cases to the alerts: a headline, sentences and reasons of each."""
    told = run.figures["told"]
    assert len(set(told)) == len(told) == 3
    assert set(told) <= set(alerts["kind"])
    (said,) = (
        "".join(o.text for o in cell.outputs if o.output_type == "stream")
        for cell in run.notebook.cells
        if cell.cell_type == "code" and "findings.reasons" in cell.source
    )
    parts = re.split(r"^\d\. ", said, flags=re.MULTILINE)[1:]
    assert len(parts) == 3
    for kind, part in zip(told, parts, strict=True):
        assert title(kind).lower() in part.split("\n")[0].lower()
        if kind == "silent_device":
            assert "times its longest gap" in part
            continue
        assert re.search(r"From .* UTC: [\d,]+ sessions?, .*stood\s+out", part)
        assert "This SIM" in part
        assert "SIM-days" in part
        shares = [int(share) for share in re.findall(r"^ +(\d+) %  \w+: ", part, re.MULTILINE)]
        assert shares
        assert shares == sorted(shares, reverse=True)
    # No more than the sessions of these SIMs came to the driver for it.
    read, sims = re.search(r"([\d,]+) sessions of ([\d,]+) SIMs were read", said).groups()
    assert 3 <= int(sims.replace(",", "")) < 125
    assert int(read.replace(",", "")) < run.figures["sessions"] / 2


def reported(run):
    """Hold the report to the alerts that Spark found."""
    page = (run.out / "report.html").read_text()
    assert f"{run.figures['judged']:,}" in page
    assert f"{run.figures['sessions']:,}" in page
    assert all(title(kind) in page for kind in run.figures["told"])


@pytest.mark.slow
@pytest.mark.timeout(1_000)
def test_it_runs_and_shows_what_it_should(tmp_path):
    run = Executed(
        NAME, tmp_path, 800, sims=250, fraud=10.0, budget=4.0, master="local[2]", driver_memory="1g"
    )
    run.check(PICTURES)
    assert 20_000 < run.figures["sessions"] < 40_000
    assert run.figures["recall"] > 0.6
    assert run.figures["recall"] == pytest.approx(run.figures["recall, one machine"])
    assert run.figures["average precision"] > 0.3
    assert run.figures["difference from one machine"] == 0
    assert 0.4 < run.figures["cases"] / (4e-3 * run.figures["judged"]) < 1.6
    said = run.text()
    judged = f"{run.figures['judged']:,}"
    assert f"{judged} of {judged} sessions are in both" in said
    assert re.search(r"took Spark \d+ s and one machine \d+ s", said)

    alerts = pl.read_parquet(run.out / "alerts.parquet")
    assert len(alerts) == run.figures["alerts"]
    silent = alerts.filter(pl.col("score").is_null())
    assert len(silent) == run.figures["silent"] > 0
    assert set(silent["kind"]) == {"silent_device"}
    told_in_words(run, alerts)
    reported(run)
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
