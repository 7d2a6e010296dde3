"""What Spark's tests need, and which Spark they run on."""

import importlib.metadata
import importlib.util
import os
import shutil
import socket
from pathlib import Path

import pytest

# Queries of tests are small and each another: to compile what they run once for long takes the
# JVM more time than it saves, and more than all of the tests' own work. What it did compile stays:
# room for little is the default of a JVM that compiles so little.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=240m"


def absent() -> str | None:
    """Say what is missing, and how to get it."""
    for module in ("pyspark", "fastrcf_spark"):
        if importlib.util.find_spec(module) is None:
            return f"no {module}: make test installs it"
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        return "no Java: apt-get install openjdk-17-jre-headless"
    return None


def home(folder: Path) -> Path:
    """Make a home of Spark whose Python is the one that is installed.

    Spark's own is an archive, of which nothing that Python compiled is kept: each process that
    Spark starts would take a second and more to import it.
    """
    import pyspark

    if not folder.exists():
        folder.mkdir()
        for path in Path(pyspark.__file__).parent.iterdir():
            if path.name != "python":
                (folder / path.name).symlink_to(path)
    return folder


def free_port() -> int:
    """Give a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _version() -> tuple[int, int]:
    try:
        major, minor = importlib.metadata.version("pyspark").split(".")[:2]
    except importlib.metadata.PackageNotFoundError:
        return (0, 0)
    return int(major), int(minor)


SPARK = _version()
needs_spark_4 = pytest.mark.skipif(SPARK < (4, 0), reason="Spark 4.0 and newer have it")
