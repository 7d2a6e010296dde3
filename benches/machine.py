"""What the figures were measured on."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from fastrcf import _fastrcf

PACKAGES = (
    "fastrcf",
    "numpy",
    "pyarrow",
    "krcf",
    "rcf3",
    "rrcf",
    "river",
    "scikit-learn",
    "isotree",
    "pyod",
    "pyspark",
    "uvicorn",
)


def describe() -> dict[str, Any]:
    """Say processor, instruction set in use, system, build and versions."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "simd": _fastrcf.simd_level(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "engine": _digest(Path(_fastrcf.__file__ or "")),
        "rustc": rustc(),
        "java": _first_line("java", "-version"),
        "versions": versions,
    }


def rustc() -> str | None:
    """Version of the Rust compiler on the PATH, None without one."""
    said = _first_line("rustc", "--version")
    return None if said is None else said.split()[1]


def _digest(path: Path) -> str:
    """Tell one build of the engine from another."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _processor() -> str:
    """Model of the first processor with its family, since guests hide the name."""
    cpus = Path("/proc/cpuinfo")
    if not cpus.exists():
        return platform.processor() or platform.machine()
    found: dict[str, str] = {}
    for line in cpus.read_text().split("\n\n")[0].splitlines():
        key, _, said = line.partition(":")
        found[key.strip()] = said.strip()
    name = found.get("model name", platform.machine())
    if "cpu family" in found:
        name += f" (family {found['cpu family']}, model {found.get('model', '?')})"
    return name


def _first_line(*command: str) -> str | None:
    """Ask a program for its version; java answers on standard error."""
    program = shutil.which(command[0])
    if program is None:
        return None
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
    said = (done.stdout or done.stderr).splitlines()
    return said[0] if said else None
