"""Wheels of what is installed, so that the zip is tried without a package index."""

import platform
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import fastrcf

MACHINE = platform.machine()
ARCH = {"aarch64": "arm64", "x86_64": "x86_64"}.get(MACHINE, "")


def repack(name, folder):
    """Make a wheel of an installed distribution."""
    found = distribution(name)
    path = folder / f"{name}-{found.version}-cp39-abi3-linux_{MACHINE}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file in found.files or ():
            if file.suffix not in (".pyc",) and ".." not in file.parts:
                wheel.write(file.locate(), file.as_posix())
    return path


def own(folder):
    """Make a wheel of this package as it is imported here."""
    root = Path(fastrcf.__file__).parent
    path = folder / f"fastrcf-{fastrcf.__version__}-cp39-abi3-linux_{MACHINE}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file in sorted(root.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                wheel.write(file, f"fastrcf/{file.relative_to(root).as_posix()}")
    return path


def write(path, files):
    """Write a wheel of these files."""
    with zipfile.ZipFile(path, "w") as wheel:
        for name, data in files.items():
            wheel.writestr(name, data)
    return path
