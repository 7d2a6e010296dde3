"""Notebooks run from a clean kernel, and what came of them.

Executed notebooks and their pages go to the folder that ``FASTRCF_NOTEBOOKS`` names, if it does:
continuous integration keeps them.
"""

import base64
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
# What tells whose machine it was.
PERSONAL = re.compile(r"/(home|root|Users|tmp|work|mnt)/|[A-Z]:\\\\Users|\b\d+\.\d+\.\d+\.\d+\b")


class Executed:
    """A notebook that ran.

    Attributes
    ----------
    notebook : NotebookNode
    page : str
        Its HTML.
    figures : dict
        What it wrote into ``figures.json``.
    out : Path
        What it wrote.
    seconds : float
    """

    def __init__(self, name, folder, timeout, label=None, env=(), own=False, **parameters):
        kept = Path(os.environ.get("FASTRCF_NOTEBOOKS", folder / "executed")).resolve()
        kept.mkdir(parents=True, exist_ok=True)
        label = f"{name}-{label or parameters.get('sims', 'own')}"
        ipynb, html = kept / f"{label}.ipynb", kept / f"{label}.html"
        self.out = folder / "found"
        given = {"out": str(self.out)} | parameters
        if not own:
            given = {"folder": str(folder / "data")} | given
        python = [str(ROOT / "python"), str(ROOT / "spark_udfs"), os.environ.get("PYTHONPATH", "")]
        done = subprocess.run(
            [
                sys.executable,
                NOTEBOOKS / "tools" / "run_notebook.py",
                NOTEBOOKS / f"{name}.ipynb",
                *(part for key, value in given.items() for part in ("-p", f"{key}={value}")),
                *("-o", ipynb, "--html", html, "--timeout", str(timeout)),
            ],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(python), **dict(env)},
            capture_output=True,
            text=True,
            timeout=timeout + 120,
        )
        assert done.returncode == 0, done.stderr
        self.seconds = float(re.search(r"ran in ([\d.]+) s", done.stderr)[1])
        self.notebook = nbformat.read(ipynb, as_version=4)
        self.page = html.read_text()
        self.path = html
        self.figures = json.loads((self.out / "figures.json").read_text())

    def outputs(self):
        """Give all outputs."""
        return [output for cell in self.notebook.cells for output in cell.get("outputs", [])]

    def text(self):
        """Give all that was printed."""
        return "".join(o.text for o in self.outputs() if o.output_type == "stream")

    def tables(self):
        """Give the HTML of all tables."""
        found = [o.data.get("text/html", "") for o in self.outputs() if "data" in o]
        return [html for html in found if "<table>" in html]

    def pictures(self):
        """Give all pictures, decoded."""
        from matplotlib.image import imread

        found = [o.data["image/png"] for o in self.outputs() if "image/png" in o.get("data", {})]
        return [imread(io.BytesIO(base64.b64decode(png)), format="png") for png in found]

    def check(self, n_pictures):
        """Hold the run to what any notebook has to be."""
        nbformat.validate(self.notebook)
        noise = [o.text for o in self.outputs() if o.get("name") == "stderr"]
        assert noise == [], noise
        assert [o for o in self.outputs() if o.output_type == "error"] == []
        pictures = self.pictures()
        assert len(pictures) == n_pictures
        for picture in pictures:
            assert min(picture.shape[:2]) > 150
            # Something is drawn, beyond a frame.
            assert (picture[..., :3].min(axis=2) < 0.7).mean() > 0.003
        said = self.text() + "".join(self.tables())
        assert PERSONAL.search(said) is None, PERSONAL.search(said)
        assert self.page.startswith("<!DOCTYPE html>")
        assert self.page.count("data:image/png;base64,") >= n_pictures
