"""What the bench of the input path measures, and how it is written down."""

import json

import numpy as np
import pytest

from benches import inputs


def test_every_layout_is_measured_and_written_down(tmp_path, capsys):
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    out = tmp_path / "inputs.json"
    assert inputs.page(inputs.load(out)) == "Not measured yet."
    assert inputs.main(["--rows", "3000", "--rounds", "2", "--out", str(out)]) == 0
    figures = inputs.load(out)
    assert figures == json.loads(out.read_text())
    names = [taken["name"] for taken in figures["inputs"]]
    assert len(set(names)) == len(names) > 10
    assert all(len(taken["plain"]) == len(taken["seconds"]) == 2 for taken in figures["inputs"])
    page = inputs.page(figures)
    assert all(f"| {name} |" in page for name in names)
    assert page in capsys.readouterr().out


def test_figures_are_bytes_a_second():
    taken = inputs.Taken("x", 2_000_000_000, (0.5, 0.25, 1.0), (1.0, 1.0, 1.0))
    assert taken.cells() == ["x", "2000", "4", "2", "0.5 (0.375 to 0.75)"]


def test_what_is_not_understood_is_not_timed():
    x = np.ones((50, inputs.COLUMNS))
    good, bad = inputs.Layout("good", x, [x]), inputs.Layout("bad", 2 * x, [x])
    inputs.check([good], 50)
    with pytest.raises(RuntimeError, match="bad"):
        inputs.check([good, bad], 50)
