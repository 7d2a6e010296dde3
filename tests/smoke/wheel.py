"""Does a wheel work where nothing else is? ``python -I -W error tests/smoke/wheel.py WHEEL``.

Run by an interpreter that has this wheel and NumPy alone, as in ``make wheel``.
Needs nothing but what it tests.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.resources
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

LARGEST = 5_000_000
PLATFORMS = ("manylinux", "macosx", "win")
BARE = {"fastrcf", "numpy", "pip", "setuptools"}


def check_file(wheel: Path) -> None:
    """The file: small, for every Python from 3.11 on, and complete."""
    size = wheel.stat().st_size
    assert size < LARGEST, f"{wheel.name} takes {size} bytes, more than {LARGEST}"
    assert "-cp311-abi3-" in wheel.name, f"{wheel.name} is not for the stable ABI of Python 3.11"
    platform = wheel.stem.split("-")[-1]
    assert platform.startswith(PLATFORMS), f"{wheel.name}: nobody else can install {platform}"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    kept = ["fastrcf/py.typed", "fastrcf/_fastrcf.pyi", "licenses/LICENSE"]
    kept += [f"fastrcf/report/{name}" for name in ("page.html", "parts.html", "template.html")]
    kept += ["fastrcf/report/style.css", "fastrcf/sagemaker/agreement.html"]
    kept += [f"fastrcf/sagemaker/{name}.json" for name in ("prices", "registries")]
    kept += ["fastrcf/container/openapi.json"]
    # A link to the file in deployment/, which the wheel holds itself.
    kept += ["fastrcf/stack/fraud-detection-using-machine-learning.yaml"]
    for name in kept:
        assert any(entry.endswith(name) for entry in names), f"{wheel.name} lacks {name}"
    engines = [name for name in names if name.endswith((".so", ".pyd"))]
    assert len(engines) == 1, f"{wheel.name} holds {engines}, not one engine"
    roots = {name.split("/")[0] for name in names}
    strange = {root for root in roots if root != "fastrcf" and not root.startswith("fastrcf-")}
    assert not strange, f"{wheel.name} would also install {strange}"


def check_surroundings() -> None:
    """The interpreter: the installed package is tested, and NumPy is all it needs."""
    import fastrcf

    source = Path(__file__).resolve().parents[2]
    imported = Path(fastrcf.__file__).resolve()
    assert source / "python" not in imported.parents, f"{imported} is the source, not the wheel"
    assert fastrcf.__version__ == importlib.metadata.version("fastrcf")
    assert importlib.resources.files("fastrcf").joinpath("py.typed").is_file()
    found = {package.metadata["Name"].lower() for package in importlib.metadata.distributions()}
    assert found <= BARE, f"not a bare environment: it also has {sorted(found - BARE)}"


def check_command_line() -> None:
    """The command is there, and says what it lacks and how to add it."""
    command = [sys.executable, "-I", "-m", "fastrcf.cli", "--version"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 1, ended
    assert "pip install 'fastrcf[cli]'" in ended.stderr, ended.stderr
    assert "Traceback" not in ended.stderr, ended.stderr
    scripts = importlib.metadata.entry_points(group="console_scripts", name="fastrcf")
    assert [script.value for script in scripts] == ["fastrcf.cli:main"]


def check_forest() -> None:
    """The engine: learns, scores, explains, refuses and comes back from bytes."""
    import numpy as np

    import fastrcf

    rng = np.random.default_rng(7)
    rows = rng.normal(size=(2000, 5))
    rows[1500] = [0, 0, 30, 0, 0]
    forest = fastrcf.RandomCutForest(random_state=7)
    scores = forest.process(rows)
    assert np.isnan(scores[:64]).all()
    assert np.isfinite(scores[64:]).all()
    assert np.nanargmax(scores) == 1500
    assert (forest.freeze().score(rows) == forest.score(rows)).all()
    odd = fastrcf.RandomCutForest(random_state=7)
    odd.insert(rows[:1000])
    why = odd.attribution(rows[1500])
    assert why.total[0].argmax() == 2
    np.testing.assert_allclose(why.total.sum(axis=1), odd.score(rows[1500]), atol=1e-6)
    try:
        forest.insert([[0, 0, np.nan, 0, 0]])
    except fastrcf.InvalidInputError as error:
        said = str(error)
    else:
        said = "nothing"
    assert all(place in said for place in ("row 0", "column 2")), f"a NaN met: {said}"
    copy = pickle.loads(pickle.dumps(forest))
    more = rng.normal(size=(500, 5))
    assert (copy.process(more) == forest.process(more)).all()


def main() -> None:
    """Check each wheel's file, then the package that this interpreter imports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheels", type=Path, nargs="+", metavar="WHEEL")
    wheels = parser.parse_args().wheels
    for wheel in wheels:
        check_file(wheel)
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB")
    check_surroundings()
    check_command_line()
    check_forest()
    print(f"works in Python {sys.version.split()[0]} with NumPy alone")


if __name__ == "__main__":
    main()
