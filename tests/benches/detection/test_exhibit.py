"""Alerts of the command line beside labelled windows."""

import json
from pathlib import Path

import numpy as np
import pytest

from benches.detection import exhibit
from benches.detection.families import nab

ROOT = Path(__file__).resolve().parent.parent.parent.parent


@pytest.fixture
def series():
    windows = np.array([[100, 120], [200, 219]])
    return nab.Series("a", 1_800.0 * np.arange(400), np.zeros(400), windows)


def test_alerts_are_counted_by_window(series):
    shown = exhibit.beside("made", series, [3, 59, 60, 99, 106, 120, 121])
    first, second = shown.windows
    assert (first.alerts, first.delay) == (2, 3.0)
    assert (first.first, first.last) == ("1970-01-03 02:00", "1970-01-03 12:00")
    assert (second.alerts, second.delay) == (0, None)
    # The benchmark judges from row 60 on.
    assert (shown.outside, shown.early) == (3, 2)
    assert [row[2:] for row in exhibit.rows([shown])[1:]] == [
        ["2", "3.0"],
        ["0", "none"],
        ["3", ""],
        ["2", ""],
    ]


def test_no_alert_is_an_answer(series):
    shown = exhibit.beside("made", series, [])
    assert [window.alerts for window in shown.windows] == [0, 0]
    assert (shown.outside, shown.early) == (0, 0)


def test_the_command_line_is_run_and_recorded(made_data, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    monkeypatch.setattr(exhibit, "FILES", {"made": "real/a.csv"})
    out = tmp_path / "exhibit.json"
    pictures = []
    for _ in range(2):
        assert exhibit.main(["--out", str(out), "--figures", str(tmp_path)]) == 0
        pictures.append((tmp_path / "stream-made.svg").read_bytes())
    assert pictures[0] == pictures[1]
    (shown,) = exhibit.load(out)
    # The planted value is in the window, five rows of 300 seconds behind its beginning.
    assert 300 in shown.alerts
    assert shown.windows[0].alerts >= 1
    assert shown.windows[0].delay == pytest.approx(5 / 12, abs=0.005)
    assert json.loads(out.read_text())["command"] == "fastrcf stream --time timestamp"
    assert "2014-01-02 00:35 to 2014-01-02 02:40" in capsys.readouterr().out


def test_what_the_command_refuses_is_told(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("timestamp,value\n2014-01-01 00:00:00,1\nnever,2\n")
    with pytest.raises(RuntimeError, match=r"stream --time timestamp < bad\.csv: .*never"):
        exhibit.alerted(path)


def test_absent_data_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FASTRCF_DATA", str(tmp_path))
    assert exhibit.main(["--out", str(tmp_path / "out.json")]) == 0
    assert capsys.readouterr().out.startswith("left out: no ")
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize(
    "name", ["nyc_taxi", pytest.param("machine_temperature", marks=pytest.mark.slow)]
)
def test_the_record_is_what_the_command_line_says_today(name, data):
    """`python -m benches.detection.exhibit` was run after the last change of the detector."""
    file = data / "nab" / "data" / exhibit.FILES[name]
    if not file.exists():
        pytest.skip(f"no {file}")
    (recorded,) = (one for one in exhibit.load(exhibit.RECORD) if one.name == name)
    assert exhibit.alerted(file) == recorded.alerts
    assert (ROOT / exhibit.FIGURES / f"stream-{name}.svg").read_text().startswith("<?xml")
