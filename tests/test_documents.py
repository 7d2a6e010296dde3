"""What documents show runs, and what they name is there."""

import re
import runpy
import shlex
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

import fastrcf
from fastrcf.cli.app import app

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md"]


def test_the_readmes_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # The other piece needs Spark: tests/spark runs what docs/spark.md shows.
    code, _ = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["found"]["is_anomaly"].to_pylist() == [False, True]
    assert names["found"]["reasons"][1][0]["text"].as_py().startswith("amount = 90000: higher")
    assert (tmp_path / "model.rcf").exists()


def test_small_forests_kept_as_bytes_go_on_as_if_awake():
    page = (ROOT / "docs" / "small-forests.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names, stored = {}, {}
    exec(compile(code, "small-forests.md", "exec"), names)
    awake = fastrcf.RandomCutForest(30, 64, random_state=1)
    rows = np.random.default_rng(5).normal(size=(150, 4))
    scores = []
    for row in rows:
        names["process"](stored, "other", -row)
        scores.append(names["process"](stored, "key", row))
    expected = awake.process(rows)
    np.testing.assert_array_equal(np.ravel(scores), expected)
    assert np.isfinite(expected[-50:]).all()
    assert stored["key"] == bytes(awake)


def test_the_questions_are_answered_as_told():
    page = (ROOT / "docs" / "questions.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {}
    exec(compile(code, "questions.md", "exec"), names)
    gap, odd, thin = names["gap"], names["odd"], names["thin"]
    assert gap.lower[0, 1] < 5 < gap.upper[0, 1]
    assert abs(gap.values[0, 1] - 5) < 0.1
    unlike = np.abs(odd - names["alike"].points[0].mean(axis=0))
    assert np.argmax(unlike) == 1
    assert 1000 < thin.values[0] / thin.values[1] < 10_000
    assert thin.high[1, 1] > 0.9 * thin.values[1]
    ahead = names["ahead"]
    expected = 50 + 30 * np.sin(np.arange(2000, 2012) * 2 * np.pi / 24)
    assert ((ahead.lower[:, 0] < expected) & (expected < ahead.upper[:, 0])).all()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_and_targets_that_are_shown_exist(page):
    text = page.read_text()
    targets = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:^|`)make ([a-z]+(?:-[a-z]+)*)", text, re.MULTILINE)):
        assert re.search(rf"^{target}:", targets, re.MULTILINE), target
    for line in re.findall(
        r"fastrcf ((?:train|score|detect|evaluate|inspect|stream|report) .*)", text
    ):
        command = line.split()[0]
        help_text = CliRunner().invoke(app, [command, "--help"]).output
        for option in re.findall(r"--[a-z][a-z-]+", line.split("fastrcf")[0]):
            assert option in help_text, f"{command} {option}"


SHOWN = r"fastrcf ((?:stack|traffic|serve)(?: [^`]*)?)"


def lines_of(text):
    """Command lines that a page shows: of its blocks, whole; and within sentences, as they are."""
    fence = ""
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("```"):
            fence = "" if fence else line
        elif fence in ("```", "```sh"):
            found = re.fullmatch(rf"(?:[A-Z_]+=\S+ )*{SHOWN}", line)
            if found:
                yield found[1], True
        elif not fence:
            # In a table bars stand for "or".
            yield from ((one, False) for one in re.findall(f"`{SHOWN}`", line) if "|" not in one)


def check_line(line, whole):
    """Have click read a line, up to what the shell does with its output.

    Raises
    ------
    click.UsageError
        For options and values that the command does not take, and arguments that it lacks.
    """
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = []
    for word in lexer:
        if word in ("&", "|", ">", "&&", ">>"):
            break
        words.append(word)
    command, context = app, click.Context(app)
    while isinstance(command, click.Group) and words:
        name = words.pop(0)
        command = command.get_command(context, name)
        if command is None:
            raise click.UsageError(f"there is no command {name}")
        context = click.Context(command, parent=context)
    if isinstance(command, click.Group):
        return
    given, rest, _ = command.make_parser(context).parse_args(words)
    if rest:
        raise click.UsageError(f"too much: {rest}")
    for param in command.params:
        value = given.get(param.name)
        if param.value_is_missing(value):
            if whole and param.required:
                raise click.UsageError(f"{param.name} is missing")
        elif not isinstance(param.type, click.Path) and not getattr(param, "is_flag", False):
            param.type_cast_value(context, value)


# interface.md is a synopsis: several commands a line, with brackets.
@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.stem != "interface"], ids=lambda page: page.name
)
def test_lines_of_the_service_and_its_stack_are_what_the_commands_take(page):
    for line, whole in lines_of(page.read_text()):
        try:
            check_line(line, whole)
        except click.UsageError as error:
            pytest.fail(f"fastrcf {line}: {error.format_message()}")


def test_enough_lines_are_read():
    counts = {page.name: len(list(lines_of(page.read_text()))) for page in PAGES}
    for name, least in {"deploy": 8, "local-cloud": 5, "traffic": 5, "service": 5}.items():
        assert counts[f"{name}.md"] >= least, name


@pytest.mark.parametrize(
    "line",
    [
        "stack lokal model.rcf",
        "stack local model.rcf --prot 8800",
        "stack local model.rcf --auth sigv4",
        "stack local",
        "traffic http://127.0.0.1/invocations --rate fast",
        "traffic http://127.0.0.1/invocations more --rate 5 > report.json",
        "serve model.rcf --learn --state",
    ],
)
def test_a_wrong_line_is_seen(line):
    ((found, whole),) = lines_of(f"```sh\nVARIABLE=x fastrcf {line}\n```\n")
    assert (found, whole) == (line, True)
    with pytest.raises(click.UsageError):
        check_line(found, whole)


def test_the_picture_is_what_its_source_draws():
    source = runpy.run_path(str(ROOT / "docs" / "figures" / "architecture.py"))
    assert (ROOT / "docs" / "figures" / "architecture.svg").read_text() == source["draw"]()
