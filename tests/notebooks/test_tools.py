"""The tools that run notebooks and name their kernels."""

import importlib.util
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import nbformat
import pytest
from click.testing import CliRunner

TOOLS = Path(__file__).parents[2] / "notebooks" / "tools"
pytest.importorskip("jupytext", reason="the notebooks' tools are not installed")
# What Jupyter's packages warn of is theirs to mend.
pytestmark = pytest.mark.filterwarnings("default")

TEXT = """\
# ---
# jupyter:
#   kernelspec:
#     name: python3
#     display_name: Python 3 (ipykernel)
#     language: python
# ---
# %% [markdown]
# # Shares
# %% tags=["parameters"]
n = 4
wait: float = 0
# %%
import time

time.sleep(wait)
print("a share of", 1 / n)
# %%
print("the end")
"""


@cache
def loaded(tool):
    spec = importlib.util.spec_from_file_location(f"tool_{tool}", TOOLS / f"{tool}.py")
    # Its classes ask for the module that they are in.
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def call(tool, *arguments):
    """Give what a tool says; to start a process for it takes longer than what it does."""
    done = CliRunner().invoke(loaded(tool), [*map(str, arguments)], prog_name=f"{tool}.py")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return SimpleNamespace(returncode=done.exit_code, stdout=done.stdout, stderr=done.stderr)


def program(tool, *arguments):
    """Give what a tool says that is started as users start it."""
    return subprocess.run(
        [sys.executable, TOOLS / f"{tool}.py", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "shares.py"
    path.write_text(TEXT)
    return path


def outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return [
        o.text for c in notebook.cells for o in c.get("outputs", []) if o.output_type == "stream"
    ]


def test_what_a_notebook_did_is_kept(text, tmp_path):
    out, page, xml = tmp_path / "o" / "a.ipynb", tmp_path / "a.html", tmp_path / "a.xml"
    done = program("run_notebook", text, "-p", "n=8", "-o", out, "--html", page, "--junit", xml)
    assert done.returncode == 0, done.stderr
    assert outputs(out) == ["a share of 0.125\n", "the end\n"]
    assert "a share of 0.125" in page.read_text()
    suite = ElementTree.fromstring(xml.read_text())
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "0", "0")
    assert text.read_text() == TEXT


def test_an_error_is_a_failure_and_what_ran_before_is_kept(text, tmp_path):
    out, xml = tmp_path / "a.ipynb", tmp_path / "a.xml"
    done = call("run_notebook", text, "-p", "n=0", "-o", out, "--junit", xml)
    assert done.returncode == 1
    assert "shares.py failed in cell 3: ZeroDivisionError" in done.stderr
    assert outputs(out) == []
    suite = ElementTree.fromstring(xml.read_text())
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "1", "1")
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failed == ["cell 3: import time"]


def test_a_run_that_takes_too_long_ends(text):
    done = call("run_notebook", text, "-p", "wait=60", "--timeout", "3")
    assert done.returncode == 1
    assert "failed in cell 3: took more than 3 seconds" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-p", "m=1"], "has no parameter 'm'; it has n, wait"),
        (["-p", "n"], "'n' is not of the form name=value"),
        (["--upload", "bucket"], "does not begin with s3://"),
        (["--upload", "s3:///runs", "-o", "a.ipynb"], "names no bucket"),
        (["--upload", "s3://bucket"], "nothing to upload without --out"),
        (["--upload", "s3://b", "-o", "x/a", "--html", "y/a"], "have the same name"),
    ],
)
def test_wrong_use_is_told_before_anything_runs(text, arguments, said):
    done = call("run_notebook", text, *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_kernel_is_set_once(tmp_path):
    path = tmp_path / "a.ipynb"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A")])
    nbformat.write(notebook, path)
    before = path.read_bytes()
    checked = call("set_kernelspec", "--check", path)
    assert (checked.returncode, path.read_bytes()) == (1, before)
    assert call("set_kernelspec", path).stdout == f"{path}\n"
    written = path.read_bytes()
    assert json.loads(written)["metadata"]["kernelspec"]["name"] == "python3"
    again = call("set_kernelspec", path)
    assert (again.returncode, again.stdout, path.read_bytes()) == (0, "", written)
    assert call("set_kernelspec", "--check", path).returncode == 0
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_written_if_one_is_no_notebook(tmp_path):
    good, bad = tmp_path / "a.ipynb", tmp_path / "b.ipynb"
    nbformat.write(nbformat.v4.new_notebook(), good)
    before = good.read_bytes()
    bad.write_text("{")
    done = program("set_kernelspec", good, bad)
    assert done.returncode == 1
    assert "b.ipynb is no notebook" in done.stderr
    assert good.read_bytes() == before
