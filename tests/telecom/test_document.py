"""What docs/telecom.md shows runs, from one piece to the next."""

import re
from pathlib import Path

import pytest

from fastrcf.cli import main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "telecom.md"


# No piece looks at the report.
@pytest.mark.usefixtures("no_pictures")
def test_the_pieces_run_one_after_the_other(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pieces = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(pieces) == 3
    assert main(["sessions", "generate", "--sims", "100", "--seed", "1", "-o", "week"]) == 0
    assert main(["sessions", "detect", "week", "-o", "out"]) == 0
    names = {}
    for number, piece in enumerate(pieces):
        capsys.readouterr()
        exec(compile(piece, f"telecom.md, {number}", "exec"), names)
    findings, friday = names["findings"], names["friday"]
    assert len(findings.alerts) > 5
    assert findings.scored["start_ts"].min() >= friday
    assert names["events"].judged > 100
    # An alert that opens is told with its first reason.
    assert ": " in capsys.readouterr().out
