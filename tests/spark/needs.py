"""What Spark's tests need."""

import importlib.util
import os
import shutil


def absent() -> str | None:
    """Say what is missing, and how to get it."""
    for module in ("pyspark", "fastrcf_spark"):
        if importlib.util.find_spec(module) is None:
            return f"no {module}: make test installs it"
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        return "no Java: apt-get install openjdk-17-jre-headless"
    return None
