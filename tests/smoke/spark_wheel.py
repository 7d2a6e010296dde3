"""Does fastrcf-spark's wheel hold what it should? ``python -I tests/smoke/spark_wheel.py WHEEL``.

Run by an interpreter that has this wheel alone, as in ``make spark-wheel``. Needs nothing but what
it tests; with the packages that the wheel asks for beside it, imports every module.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import sys
import zipfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "spark_udfs"
NEEDED = ("fastrcf", "narwhals", "numpy", "pandas", "pyarrow", "pyspark")


def check_file(wheel: Path) -> None:
    """The file: for every Python and system, complete, and nothing else."""
    assert wheel.name.endswith("-py3-none-any.whl"), f"{wheel.name} is not for all systems"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = SOURCE / "fastrcf_spark"
    wanted = {path.relative_to(SOURCE).as_posix() for path in package.rglob("*.py")}
    wanted.add("fastrcf_spark/py.typed")
    assert wanted <= names, f"{wheel.name} lacks {sorted(wanted - names)}"
    info = {name for name in names - wanted if ".dist-info/" in name}
    assert any(name.endswith("licenses/LICENSE") for name in info), f"{wheel.name} has no license"
    assert names == wanted | info, f"{wheel.name} also holds {sorted(names - wanted - info)}"


def check_metadata() -> None:
    """What pip is told: the version, and that Spark is an extra."""
    asked = importlib.metadata.requires("fastrcf-spark") or []
    always = [line for line in asked if "extra ==" not in line]
    assert any(line.startswith("fastrcf[tables]") for line in always), always
    assert not any(line.startswith("pyspark") for line in always), always
    assert {"connect", "pyspark"} <= {
        line.partition("extra ==")[2].strip(" '\"") for line in asked if "extra ==" in line
    }


def check_imports() -> int:
    """The installed package is imported, not its source; every module where all is there."""
    import fastrcf_spark

    imported = Path(fastrcf_spark.__file__).resolve()
    assert SOURCE not in imported.parents, f"{imported} is the source, not the wheel"
    assert "score" in dir(fastrcf_spark)
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        return 1
    modules = sorted(path.stem for path in imported.parent.glob("*.py") if path.stem != "__init__")
    for module in modules:
        importlib.import_module(f"fastrcf_spark.{module}")
    for name in fastrcf_spark.__all__:
        assert callable(getattr(fastrcf_spark, name))
    return 1 + len(modules)


def main() -> None:
    """Check each wheel's file, then the package that this interpreter imports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheels", type=Path, nargs="+", metavar="WHEEL")
    for wheel in parser.parse_args().wheels:
        check_file(wheel)
        print(f"{wheel.name}: {wheel.stat().st_size / 1e3:.0f} kB")
    check_metadata()
    print(f"{check_imports()} modules import in Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
