"""An archive of all that a worker needs beside Spark, NumPy, Arrow and pandas.

For clusters whose workers cannot be given packages in another way::

    python -m fastrcf_spark.archive fastrcf.tar.gz
    spark-submit --archives fastrcf.tar.gz#fastrcf_lib ...

or, in a session of Spark 4.0 or newer and of Spark Connect::

    spark.addArtifacts("fastrcf.tar.gz#fastrcf_lib", archive=True)

The functions of this package find it by the name behind the ``#``.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import io
import os
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from fastrcf_spark._shipping import ARCHIVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PACKAGES = ("fastrcf", "fastrcf_spark", "narwhals")


def write(out: str | os.PathLike[str], wheels: Iterable[str | os.PathLike[str]] = ()) -> Path:
    """Write the archive, the same bytes for the same files.

    Parameters
    ----------
    out : path
        A ``.tar.gz``.
    wheels : iterable of path
        Wheels whose packages are taken instead of what is installed here: workers of another
        processor or C library need another engine.

    Returns
    -------
    Path
        Of the archive.

    Raises
    ------
    FileNotFoundError
        If a package is neither installed nor in a wheel.
    """
    found = dict(_from_wheels(wheels))
    given = {name.partition("/")[0] for name in found}
    for package in PACKAGES:
        if package not in given:
            found.update(_installed(package))
    out = Path(out)
    # Without the time of writing in it: what is the same is sent once.
    with (
        out.open("wb") as raw,
        gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name in sorted(found):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(found[name]), 0o755 if name.endswith(".so") else 0o644
            archive.addfile(info, io.BytesIO(found[name]))
    return out


def _from_wheels(wheels: Iterable[str | os.PathLike[str]]) -> Iterator[tuple[str, bytes]]:
    for path in wheels:
        with zipfile.ZipFile(path) as wheel:
            for name in wheel.namelist():
                if name.partition("/")[0] in PACKAGES and not name.endswith("/"):
                    yield name, wheel.read(name)


def _installed(package: str) -> Iterator[tuple[str, bytes]]:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"{package} is not installed here: pip install {package}")
    root = Path(spec.submodule_search_locations[0])
    for path in root.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"{package}/{path.relative_to(root).as_posix()}", path.read_bytes()


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the archive that the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m fastrcf_spark.archive",
        description="Pack fastrcf for Spark workers that do not have it.",
    )
    parser.add_argument("out", help="the archive, a .tar.gz")
    parser.add_argument(
        "--wheel",
        action="append",
        default=[],
        help="a wheel to take packages from, for workers of another processor; may be repeated",
    )
    given = parser.parse_args(arguments)
    path = write(given.out, given.wheel)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    print(f"spark-submit --archives {path}#{ARCHIVE} ...")
    print("or, in a session of Spark 4.0 or newer and of Spark Connect:")
    print(f"spark.addArtifacts('{path}#{ARCHIVE}', archive=True)")


if __name__ == "__main__":
    main()
