#!/usr/bin/env python
"""Keeps notebooks and their text forms in step.

    python notebooks/tools/pair.py notebooks/*.py
    python notebooks/tools/pair.py --check notebooks/*.py

What people write and review is the text (``NAME.py``, jupytext's percent form); ``NAME.ipynb``
beside it is made from it, without outputs, the same bytes each time. ``--back`` goes the other way,
for those who changed the notebook in Jupyter without jupytext's extension. ``--check`` writes
nothing and ends with exit code 1 if something would be written.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import click
import jupytext
import nbformat

_KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
_FORMATS = "ipynb,py:percent"


def notebook_of(text: str) -> str:
    """Make the notebook of a text: without outputs, cells with names that follow from them."""
    read = jupytext.reads(text, fmt="py:percent")
    cells = []
    for number, cell in enumerate(read.cells):
        name = hashlib.sha256(f"{number} {cell.cell_type} {cell.source}".encode()).hexdigest()[:12]
        tags = cell.metadata.get("tags")
        made = {"id": name, "metadata": {"tags": list(tags)} if tags else {}}
        if cell.cell_type == "code":
            cells.append(nbformat.v4.new_code_cell(cell.source, **made))
        else:
            cells.append(nbformat.v4.new_markdown_cell(cell.source, **made))
    notebook = nbformat.v4.new_notebook(
        cells=cells,
        metadata={
            "jupytext": {"formats": _FORMATS},
            "kernelspec": _KERNEL,
            "language_info": {"name": "python"},
        },
    )
    nbformat.validate(notebook)
    return str(nbformat.writes(notebook)).rstrip("\n") + "\n"


def text_of(notebook: str) -> str:
    """Make the text of a notebook."""
    read = nbformat.reads(notebook, as_version=4)
    read.metadata = {
        "jupytext": {
            "formats": _FORMATS,
            "text_representation": {"extension": ".py", "format_name": "percent"},
            "notebook_metadata_filter": "kernelspec,jupytext,-jupytext.text_representation"
            ".format_version,-jupytext.text_representation.jupytext_version"
            ",-jupytext.notebook_metadata_filter",
        },
        "kernelspec": _KERNEL,
    }
    return str(jupytext.writes(read, fmt="py:percent"))


def _replace(path: Path, content: str) -> None:
    """Replace a file as a whole."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(content, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument(
    "texts",
    nargs=-1,
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
)
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if something would be.")
@click.option("--back", is_flag=True, help="Make the texts of the notebooks.")
def main(texts: tuple[Path, ...], check: bool, back: bool) -> None:
    """Make the notebooks of TEXTS."""
    made = []
    for text in texts:
        source, target = text.with_suffix(".py"), text.with_suffix(".ipynb")
        if back:
            source, target = target, source
        if not source.exists():
            raise click.ClickException(f"there is no {source}")
        make = text_of if back else notebook_of
        try:
            content = make(source.read_text(encoding="utf-8"))
        # Readers trip over what is no notebook in ways of their own.
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise click.ClickException(f"{source} cannot be read: {reason}") from None
        if not target.exists() or target.read_text(encoding="utf-8") != content:
            made.append((source, target, content))
    for source, target, content in made:
        if check:
            click.echo(f"{target} is not what {source} says")
        else:
            _replace(target, content)
            click.echo(target)
    if check and made:
        sys.exit(1)


if __name__ == "__main__":
    main()
