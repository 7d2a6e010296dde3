"""The engine of this project without Python around it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from benches.engines.pipe import PipeEngine
from benches.engines.protocol import Unavailable, Work

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent.parent


def example(name: str, *, symbols: bool = False) -> Path:
    """Build an example of the Rust crate in release mode, and give its path.

    Parameters
    ----------
    name : str
        Of the example.
    symbols : bool
        Whether addresses can be turned into functions; in a folder of its own, so that
        nothing else is built again.

    Raises
    ------
    Unavailable
        If there is no cargo, or the build fails.
    """
    cargo = shutil.which("cargo")
    if cargo is None:
        raise Unavailable("cargo not on the PATH")
    words = ["build", "--release", "--locked", "--package", "fastrcf", "--example", name]
    variables = dict(os.environ)
    if symbols:
        words += ["--target-dir", "target/profile"]
        variables |= {"CARGO_PROFILE_RELEASE_DEBUG": "1"}
    done = subprocess.run(
        [cargo, *words, "--message-format", "json-render-diagnostics"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=variables,
        check=False,
    )
    if done.returncode != 0:
        raise Unavailable(f"cargo build failed:\n{done.stderr}")
    for line in done.stdout.splitlines():
        said = json.loads(line)
        if said.get("executable") and said["target"]["name"] == name:
            return Path(said["executable"])
    raise Unavailable(f"cargo built no example {name}")


class Rust(PipeEngine):
    """The Rust crate alone, driven through files."""

    name: ClassVar[str] = "fastrcf in Rust"
    settings: ClassVar[str] = (
        "Forest and FrozenForest, float32 rows, n_threads=1; timed inside its process"
    )
    whole_tables: ClassVar[bool] = True
    works: ClassVar[Mapping[Work, int]] = {
        "score": 4_000,
        "row": 1_000,
        "process": 1_000,
        "insert": 2_000,
        "attribution": 200,
    }

    @classmethod
    def command(cls) -> Sequence[str]:
        """Give the example's path."""
        return [str(example("line"))]


class RustAvx2(Rust):
    """The same, held to AVX2."""

    name: ClassVar[str] = "fastrcf in Rust, AVX2"
    settings: ClassVar[str] = "the same with FASTRCF_SIMD=avx2"
    works: ClassVar[Mapping[Work, int]] = {"score": 4_000, "process": 1_000, "attribution": 200}
    variables: ClassVar[Mapping[str, str]] = {"FASTRCF_SIMD": "avx2"}


class RustPortable(Rust):
    """The same, held to what the compiler's baseline has."""

    name: ClassVar[str] = "fastrcf in Rust, portable"
    settings: ClassVar[str] = "the same with FASTRCF_SIMD=portable"
    works: ClassVar[Mapping[Work, int]] = {"score": 4_000}
    variables: ClassVar[Mapping[str, str]] = {"FASTRCF_SIMD": "portable"}
