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
        (["-p", "n=1", "-p", "n=2"], "n is given twice"),
        (["-p", "n=[1, 2"], "its value is no YAML"),
        (["-p", "n=.nan"], "its value is none that a cell can hold"),
        (["--timeout", "nan"], "nan is not finite"),
        (["--timeout", "0"], "0.0 is not in the range x>0"),
        (["-o", "."], "is a directory"),
        (["-o", "a.ipynb", "--html", "./a.ipynb"], "is written already"),
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


def test_the_notebook_itself_is_not_written(text):
    done = call("run_notebook", text, "-o", text)
    assert (done.returncode, text.read_text()) == (2, TEXT)
    assert "is the notebook itself" in done.stderr


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("1e-5", 1e-5),
        ("-2E3", -2000.0),
        ("'1e-5'", "1e-5"),
        ("2026-01-01", "2026-01-01"),
        ("12:30", "12:30"),
        ("true", True),
        ("s3://bucket/a b", "s3://bucket/a b"),
        ("[1, a]", [1, "a"]),
    ],
)
def test_values_of_parameters(given, value):
    loaded("run_notebook")
    read = sys.modules["tool_run_notebook"]._value(f"n={given}", given)
    assert (read, type(read)) == (value, type(value))


def test_the_last_parameters_count(text, tmp_path):
    first, second = tmp_path / "1.ipynb", tmp_path / "2.ipynb"
    assert call("run_notebook", text, "-p", "n=8", "-o", first).returncode == 0
    assert call("run_notebook", first, "-p", "n=5", "-o", second).returncode == 0
    assert outputs(second)[0] == "a share of 0.2\n"


def test_a_kernel_that_is_not_there_is_said(text):
    done = call("run_notebook", text, "--kernel", "nowhere")
    assert done.returncode == 1
    assert "there is no kernel 'nowhere' here" in done.stderr


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"cells": 5}', b"\xff\xfe", b"no"])
@pytest.mark.parametrize("tool", ["run_notebook", "set_kernelspec", "pair --back"])
def test_what_is_no_notebook_is_said(tmp_path, tool, content):
    path = tmp_path / "a.ipynb"
    path.write_bytes(content)
    done = call(*tool.split(), path)
    assert done.returncode == 1
    assert f"{path} is no notebook: " in done.stderr or f"{path} cannot be read: " in done.stderr
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_and_a_mode_stay(tmp_path):
    path, link = tmp_path / "a.ipynb", tmp_path / "b.ipynb"
    nbformat.write(nbformat.v4.new_notebook(), path)
    path.chmod(0o640)
    link.symlink_to(path)
    assert call("set_kernelspec", "--kernel", "other", link).returncode == 0
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert json.loads(path.read_text())["metadata"]["kernelspec"]["name"] == "other"
    for name in ("", "my kernel"):
        done = call("set_kernelspec", "--kernel", name, path)
        assert done.returncode == 2
        assert "is no name of a kernel" in done.stderr


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
