"""Python's bytecode for the function's zip, which Lambda's read-only folder never gets.

Without it every cold start compiles NumPy anew, which takes longer than all else in it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Where Lambda unpacks the zip: what tracebacks show.
_TASK = "/var/task"


def interpreter(version: str) -> str | None:
    """Find a Python of this version, which alone makes its bytecode.

    Parameters
    ----------
    version : str
        As in ``3.13``.
    """
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found = shutil.which(f"python{version}")
    # What stands under that name may choose among versions, and not have this one.
    asked = "import sys; print('%d.%d' % sys.version_info[:2])"
    if found is not None and _said(found, "-c", asked).strip() != version:
        return None
    return found


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def compiled(held: Mapping[str, bytes], python: str) -> dict[str, bytes]:
    """Compile sources.

    Parameters
    ----------
    held : mapping of str to bytes
        Files by their place in the zip.
    python : path
        Which Python compiles.

    Returns
    -------
    dict of str to bytes
        The compiled files by their place; none of a source that is no Python of that
        version. They are taken without a look at the source, whose time a zip does not keep.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for place, data in held.items():
            if place.endswith(".py"):
                path = folder / place
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        command = [python, "-s", "-S", "-m", "compileall", "-q", "-j", "1"]
        command += ["--invalidation-mode", "unchecked-hash", "-s", name, "-p", _TASK, name]
        # Of the caller's variables none may change the bytes, as PYTHONNODEBUGRANGES would.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        # The order of a set's members is in the bytecode, and depends on the seed.
        environment["PYTHONHASHSEED"] = "0"
        # It fails where a file does not compile, such as a template of a package: that file
        # is then compiled by whoever imports it.
        subprocess.run(command, env=environment, capture_output=True, check=False)
        return {
            path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.pyc")
        }
