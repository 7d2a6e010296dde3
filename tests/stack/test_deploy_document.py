"""docs/deploy.md: what it shows runs, and says what there is."""

import re
from pathlib import Path

import pytest

pytest.importorskip("yaml", reason="PyYAML is not installed (extra cli)")

from fastrcf.cli import main
from fastrcf.stack.template import FILE, Template

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def test_its_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = {}
    exec(compile(code, "deploy.md", "exec"), names)
    assert names["config"].auth_mode == "IAM"


def test_its_bill_is_the_commands(capsys):
    assert main(["stack", "cost", "--requests-per-month", "1e6"]) == 0
    (shown,) = re.findall(r"```\n(USD a month, estimated\n.*?)```", PAGE, re.DOTALL)
    told = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("*")]
    assert told == shown.splitlines()


def test_its_table_has_all_parameters_and_their_defaults():
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|", PAGE, re.MULTILINE)
    named = {name: default for names, default in rows for name in re.findall(r"`(\w+)`", names)}
    of_commands = {"SolutionPrefix", "CodeBucket", "CodeKey"}
    assert set(named) == set(Template.load().parameters) - of_commands
    template = Template.load()
    for names, default in rows:
        for name, told in zip(
            re.findall(r"`(\w+)`", names),
            re.sub(r"`| days| MB", "", default).split(", "),
            strict=False,
        ):
            if template.defaults.get(name):
                assert told == template.defaults[name], name


def test_the_file_in_the_package_is_a_link_to_the_one_that_people_read():
    link = ROOT / "python" / "fastrcf" / "stack" / FILE
    assert link.resolve() == ROOT / "deployment" / FILE


def test_exceptions_of_checkov_have_reasons():
    skips = [
        skip
        for one in Template.load().content["Resources"].values()
        for skip in one.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]
    assert len(skips) == 6
    assert all(len(skip["comment"]) > 40 for skip in skips)
    assert "6 exceptions with their reasons" in PAGE
