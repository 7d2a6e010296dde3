"""The notebooks as they are kept: in step with their texts, bare, of one kernel."""

import ast

import nbformat
import pytest

pytest.importorskip("jupytext", reason="the notebooks' tools are not installed")

from tests.notebooks.executed import NOTEBOOKS, PERSONAL
from tests.notebooks.test_tools import call, program

# What Jupyter's packages warn of is theirs to mend.
pytestmark = pytest.mark.filterwarnings("default")
NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


def test_every_notebook_has_its_text():
    assert {"local_fraud_detection_1week", "spark_fraud_detection"} <= set(NAMES)
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.py")) == NAMES


def test_notebooks_are_what_their_texts_say():
    checked = program("pair", "--check", *sorted(NOTEBOOKS.glob("*.py")))
    assert (checked.returncode, checked.stdout) == (0, "")


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_kept_bare(name):
    path = NOTEBOOKS / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert len([cell for cell in code if "parameters" in cell.metadata.get("tags", [])]) == 1
    assert PERSONAL.search(path.read_text().replace("127.0.0.1", "")) is None
    for cell in code:
        ast.parse(cell.source)
    # Links lead to something.
    for cell in notebook.cells:
        for part in cell.source.split("](")[1:]:
            target = part.split(")")[0]
            assert target.startswith("https://") or (NOTEBOOKS / target).exists(), target


def test_pairs_are_made_either_way(tmp_path):
    text = tmp_path / "a.py"
    text.write_text((NOTEBOOKS / f"{NAMES[0]}.py").read_text())
    assert call("pair", "--check", text).returncode == 1
    assert not text.with_suffix(".ipynb").exists()
    assert call("pair", text).stdout == f"{text.with_suffix('.ipynb')}\n"
    made = text.with_suffix(".ipynb").read_bytes()
    assert made == (NOTEBOOKS / f"{NAMES[0]}.ipynb").read_bytes()
    again = call("pair", text)
    assert (again.returncode, again.stdout) == (0, "")

    # Changed in Jupyter, and run there.
    notebook = nbformat.reads(made.decode(), as_version=4)
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    code.source += "\nadded = 1"
    code.outputs = [nbformat.v4.new_output("stream", text="seen\n")]
    code.execution_count = 3
    nbformat.write(notebook, text.with_suffix(".ipynb"))
    before = text.read_text()
    assert call("pair", "--check", text).returncode == 1
    assert call("pair", "--back", text).stdout == f"{text}\n"
    assert "added = 1\n" in text.read_text()
    assert text.read_text().replace("added = 1\n", "", 1) == before
    assert call("pair", text).returncode == 0
    bare = text.with_suffix(".ipynb").read_text()
    assert "seen" not in bare
    assert "added = 1" in bare
    missing = call("pair", tmp_path / "nothing.py")
    assert missing.returncode == 1
    assert "there is no" in missing.stderr
