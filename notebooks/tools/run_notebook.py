#!/usr/bin/env python
"""Runs a notebook from a clean kernel and keeps what it did.

    python notebooks/tools/run_notebook.py notebooks/NAME.ipynb -p sims=100 -o build/NAME.ipynb

An error in a cell, or a run that takes too long, ends it with exit code 1: the executed notebook,
its page and its JUnit file are written all the same, up to the cell that failed. What cannot be
uploaded afterwards stays on this machine, and ends it with exit code 1 too.
"""

from __future__ import annotations

import ast
import importlib.util
import math
import re
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from xml.etree import ElementTree

import click
import jupytext
import nbformat
import yaml
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbformat import NotebookNode

# nbclient takes whole seconds, and 0 for no limit.
_LEAST = 1
# The tags that papermill made common.
_DEFAULTS, _GIVEN = "parameters", "injected-parameters"


_S3 = "s3://"


class ParameterError(ValueError):
    """A parameter that the notebook does not have."""


class UploadError(Exception):
    """A file that was written, but could not be copied to S3."""


@dataclass(frozen=True)
class Run:
    """A notebook that ran.

    Attributes
    ----------
    notebook : NotebookNode
        With outputs, up to the cell that failed.
    seconds : float
        What the run took.
    failed : int or None
        Position of the cell that failed, if one did.
    error : str
        What went wrong; empty if nothing did.
    """

    notebook: NotebookNode
    seconds: float
    failed: int | None
    error: str


def read(path: Path) -> NotebookNode:
    """Read a notebook or its text form.

    Raises
    ------
    click.ClickException
        The file is none.
    """
    try:
        notebook: NotebookNode = jupytext.read(path)
        nbformat.validate(notebook)
    # Readers trip over what is no notebook in ways of their own.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise click.ClickException(f"{path} is no notebook: {reason}") from None
    return notebook


def with_parameters(notebook: NotebookNode, given: Mapping[str, Any]) -> NotebookNode:
    """Put values of parameters behind the cell that is tagged ``parameters``.

    Of a notebook that has run with some already, behind those too: the last ones count.

    Raises
    ------
    ParameterError
        The notebook has no such parameter.
    """
    if not given:
        return notebook
    tagged = [i for i, cell in enumerate(notebook.cells) if _DEFAULTS in _tags(cell)]
    before = [i for i, cell in enumerate(notebook.cells) if _GIVEN in _tags(cell)]
    try:
        known = _assigned(notebook.cells[tagged[0]].source) if tagged else []
    except SyntaxError as error:
        raise ParameterError(f"its cell of parameters is no plain Python: {error}") from None
    for name in given:
        if name not in known:
            raise ParameterError(
                f"the notebook has no parameter {name!r}; it has {', '.join(known) or 'none'}"
            )
    source = "\n".join(f"{name} = {value!r}" for name, value in given.items())
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": [_GIVEN]})
    notebook.cells.insert(max([tagged[0], *before]) + 1, cell)
    return notebook


def _tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def _assigned(source: str) -> list[str]:
    """Find the names that a cell gives values to."""
    names = []
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    return names


def run(notebook: NotebookNode, folder: Path, timeout: float, kernel: str | None = None) -> Run:
    """Execute all cells in a new kernel.

    Parameters
    ----------
    notebook : NotebookNode
        What to run; changed in place.
    folder : Path
        Where it runs.
    timeout : float
        Seconds for the whole of it.
    kernel : str, optional
        Another kernel than the notebook names.
    """
    started = time.monotonic()

    def left(_: object) -> int:
        return max(_LEAST, int(timeout - (time.monotonic() - started)))

    client = NotebookClient(
        notebook,
        timeout_func=left,
        kernel_name=kernel or notebook.metadata.get("kernelspec", {}).get("name", "python3"),
        extra_arguments=["--Application.log_level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
        record_timing=True,
    )
    error, failed = "", None
    try:
        client.execute()
    except CellExecutionError as raised:
        error = f"{raised.ename}: {raised.evalue}"
    except CellTimeoutError:
        error = f"took more than {timeout:g} seconds"
    except DeadKernelError as raised:
        error = f"the kernel died: {raised}"
    except NoSuchKernel as raised:
        raise click.ClickException(
            f"there is no kernel {raised.name!r} here (jupyter kernelspec list): --kernel names "
            "another, set_kernelspec.py puts it into notebooks"
        ) from None
    if error:
        failed = _last_started(notebook)
    return Run(notebook, time.monotonic() - started, failed, error)


def _last_started(notebook: NotebookNode) -> int | None:
    """Find the cell that was running when all ended."""
    started = [i for i, cell in enumerate(notebook.cells) if cell.metadata.get("execution")]
    return started[-1] if started else None


def junit(done: Run, name: str) -> bytes:
    """Write a run as JUnit's XML: a test for each cell of code."""
    suite = ElementTree.Element("testsuite", name=name, time=f"{done.seconds:.3f}")
    counts = {"tests": 0, "failures": 0, "skipped": 0}
    for i, cell in enumerate(done.notebook.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        counts["tests"] += 1
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=name,
            name=f"cell {i}: {cell.source.strip().splitlines()[0][:60]}",
            time=f"{_seconds(cell):.3f}",
        )
        if i == done.failed:
            counts["failures"] += 1
            ElementTree.SubElement(case, "failure", message=_printable(done.error))
        elif done.error and (done.failed is None or i > done.failed):
            counts["skipped"] += 1
            ElementTree.SubElement(case, "skipped", message="not reached")
    suite.attrib.update({kind: str(count) for kind, count in counts.items()})
    return bytes(ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True))


def _printable(text: str) -> str:
    """Leave out what XML cannot hold: errors come in colours."""
    return "".join(c for c in text if c.isprintable() or c in "\n\t")


def _seconds(cell: NotebookNode) -> float:
    timing = cell.metadata.get("execution", {})
    start, end = timing.get("iopub.status.busy"), timing.get("shell.execute_reply")
    if start is None or end is None:
        return 0.0
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def page(notebook: NotebookNode) -> str:
    """Write an executed notebook as one HTML page that asks nobody for anything."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="", mermaid_js_url="")
    text, _ = exporter.from_notebook_node(notebook)
    return str(text)


def upload(paths: list[Path], target: str) -> list[str]:
    """Copy files below ``s3://bucket/prefix``; returns where they are.

    Raises
    ------
    UploadError
        Names the first file that could not be copied.
    """
    import boto3
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, prefix = target.removeprefix(_S3).partition("/")
    places = []
    for path in paths:
        key = f"{prefix.rstrip('/')}/{path.name}".lstrip("/")
        try:
            boto3.client("s3").upload_file(
                str(path), bucket, key, ExtraArgs={"ContentType": _kind(path)}
            )
        except (Boto3Error, BotoCoreError, ClientError) as error:
            raise UploadError(f"{path} is not uploaded: {error}") from None
        places.append(f"{_S3}{bucket}/{key}")
    return places


def _kind(path: Path) -> str:
    """Give the content type of a file, so that a browser shows a page as one."""
    kinds = {".html": "text/html; charset=utf-8", ".xml": "application/xml"}
    return kinds.get(path.suffix, "application/json")


def _check_target(target: str, paths: tuple[Path | None, ...]) -> None:
    """Refuse, before anything runs, what could not be uploaded after it."""

    def refuse(why: str) -> None:
        raise click.BadParameter(why, param_hint="--upload")

    if not target.startswith(_S3):
        refuse(f"{target!r} does not begin with {_S3}")
    if not target.removeprefix(_S3).partition("/")[0]:
        refuse(f"{target!r} names no bucket")
    written = [path for path in paths if path is not None]
    if not written:
        refuse("there is nothing to upload without --out, --html or --junit")
    names = [path.name for path in written]
    if len(set(names)) < len(names):
        refuse("two of the files that are written have the same name")
    if importlib.util.find_spec("boto3") is None:
        refuse("it needs boto3: pip install 'fastrcf[sagemaker]'")


def _parameters(_: object, __: object, given: tuple[str, ...]) -> dict[str, Any]:
    values = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name.isidentifier():
            raise click.BadParameter(f"{one!r} is not of the form name=value")
        if name in values:
            raise click.BadParameter(f"{name} is given twice")
        values[name] = _value(one, value)
    return values


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML in which 1e-5 is a number, and a date is the text that it is."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {
        first: [pair for pair in pairs if not pair[0].endswith(":timestamp")]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def _value(given: str, text: str) -> Any:
    """Read the value of a parameter, which has to be one that a cell can hold."""
    try:
        # A loader of SafeLoader's: nothing is made but plain values.
        value = yaml.load(text, _Loader)
        # To YAML 12:30 is a number of base 60.
        if type(value) in (int, float) and ":" in text:
            value = text.strip()
        if ast.literal_eval(repr(value)) == value:
            return value
    except yaml.YAMLError:
        raise click.BadParameter(f"{given!r}: its value is no YAML; quotes make it text") from None
    except (ValueError, SyntaxError):
        pass
    raise click.BadParameter(f"{given!r}: its value is none that a cell can hold")


def _finite(_: object, __: object, given: float) -> float:
    if not math.isfinite(given):
        raise click.BadParameter(f"{given} is not finite")
    return given


def _check_places(notebook: Path, places: tuple[Path | None, ...]) -> None:
    """Refuse, before anything runs, to write one file over another."""
    seen = {notebook.resolve(): "the notebook itself"}
    for path in places:
        if path is not None:
            if path.resolve() in seen:
                raise click.UsageError(f"{path} is {seen[path.resolve()]}: write to another file")
            seen[path.resolve()] = "written already"


_OUT = click.Path(dir_okay=False, path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--out", type=_OUT, help="The executed notebook.")
@click.option("--html", type=_OUT, help="It as a page.")
@click.option("--junit", "xml", type=_OUT, help="Its cells as tests.")
@click.option(
    "-p", "--parameter", "given", multiple=True, callback=_parameters, help="name=value, as YAML."
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=1800.0,
    show_default=True,
    callback=_finite,
    help="Seconds for the whole run.",
)
@click.option("--kernel", help="Another kernel than the notebook names.")
@click.option("--upload", "target", help="s3://bucket/prefix: where to copy what was written.")
def main(
    notebook: Path,
    out: Path | None,
    html: Path | None,
    xml: Path | None,
    given: dict[str, Any],
    timeout: float,
    kernel: str | None,
    target: str | None,
) -> None:
    """Run NOTEBOOK, or its text form, from a clean kernel."""
    _check_places(notebook, (out, html, xml))
    if target is not None:
        _check_target(target, (out, html, xml))
    try:
        ready = with_parameters(read(notebook), given)
    except ParameterError as error:
        raise click.UsageError(str(error)) from None
    done = run(ready, notebook.resolve().parent, timeout, kernel)
    written = []
    for path, make in (
        (out, lambda: nbformat.writes(done.notebook).encode()),
        (html, lambda: page(done.notebook).encode()),
        (xml, lambda: junit(done, notebook.stem)),
    ):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(make())
            written.append(path)
    # First how it ended: that is wanted whatever becomes of the upload.
    if done.error:
        where = "" if done.failed is None else f" in cell {done.failed}"
        click.echo(f"{notebook.name} failed{where}: {done.error}", err=True)
    else:
        click.echo(f"{notebook.name} ran in {done.seconds:.1f} s", err=True)
    try:
        for place in upload(written, target) if target else written:
            click.echo(place)
    except UploadError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    if done.error:
        sys.exit(1)


if __name__ == "__main__":
    main()
