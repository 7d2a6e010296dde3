"""Counts instructions of three fixed workloads: ``python -m benches.guard`` (``make guard``).

Time wavers by a fifth on a shared machine; the number of instructions that a
program executes does not, so five per cent more of them are a change in the
code. callgrind counts those of `rust/core/examples/guard.rs`, inside the calls
that are measured and in the program itself: the C library picks its copies by
machine and is told beside, not judged. valgrind knows no AVX-512, so the guard
holds the AVX2 kernels (FASTRCF_SIMD=avx2).

The baseline, benches/guard.json, is that of one compiler. Another one may order
instructions otherwise, so it has three times the room.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benches import machine
from benches.engines.protocol import Unavailable
from benches.engines.rust import example

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BASELINE = Path(__file__).resolve().parent / "guard.json"
LEVEL = "avx2"
WORKLOADS = ("score", "process", "attribution")
# Growth that fails, with the baseline's compiler and with another one.
ROOM = 0.05
ROOM_OF_ANOTHER_COMPILER = 0.15


@dataclass(frozen=True)
class Baseline:
    """Counts that were accepted.

    Attributes
    ----------
    rustc : str
        Version of the compiler.
    instructions : mapping of str to int
        By workload.
    """

    rustc: str
    instructions: Mapping[str, int]


@dataclass(frozen=True)
class Count:
    """Instructions of one workload, in the program and in the libraries that it calls."""

    program: int
    libraries: int


def count(program: Path, workload: str) -> Count:
    """Run a workload under callgrind.

    Raises
    ------
    Unavailable
        If there is no valgrind, or its virtual processor has no AVX2.
    RuntimeError
        With what valgrind says, if the workload fails.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise Unavailable("valgrind is not on the PATH")
    with tempfile.TemporaryDirectory(prefix="fastrcf-guard-") as folder:
        out = Path(folder, "counts")
        done = subprocess.run(
            [
                valgrind,
                "--tool=callgrind",
                "--dump-line=no",
                f"--toggle-collect=guard::counted_{workload}*",
                f"--callgrind-out-file={out}",
                str(program),
                workload,
            ],
            capture_output=True,
            text=True,
            env={**os.environ, "FASTRCF_SIMD": LEVEL},
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"valgrind failed on {workload}:\n{done.stderr.strip()}")
        level = done.stdout.strip()
        if level != LEVEL:
            raise Unavailable(f"the kernels ran at level {level}, not {LEVEL}")
        return parse(out.read_text(), program)


def parse(profile: str, program: Path) -> Count:
    """Add up the instructions of a callgrind profile by object file.

    Costs of a call belong to the callee's own lines and are not counted again.

    Raises
    ------
    ValueError
        If nothing was counted: the measured function was not found.
    """
    names: dict[str, str] = {}
    costs: dict[str, int] = {}
    current, is_call = "", False
    for line in profile.splitlines():
        named = re.match(r"(c?)ob=\((\d+)\)(?: (.+))?", line)
        if named is not None:
            if named[3]:
                names[named[2]] = named[3]
            if not named[1]:
                current = named[2]
        elif line.startswith("calls="):
            is_call = True
        elif re.match(r"[\d+*-]", line):
            if not is_call:
                costs[current] = costs.get(current, 0) + int(line.split()[1])
            is_call = False
    own = sum(cost for key, cost in costs.items() if names.get(key) == str(program))
    if own == 0:
        raise ValueError("callgrind counted nothing inside the measured function")
    return Count(own, sum(costs.values()) - own)


def compare(counts: Mapping[str, Count], baseline: Baseline, rustc: str) -> list[str]:
    """Say which workloads execute too many instructions, a line each; none is good."""
    room = ROOM if rustc == baseline.rustc else ROOM_OF_ANOTHER_COMPILER
    wrong = []
    for workload, counted in counts.items():
        accepted = baseline.instructions.get(workload)
        if accepted is None:
            wrong.append(f"{workload}: no baseline")
        elif counted.program > accepted * (1 + room):
            growth = counted.program / accepted - 1
            wrong.append(f"{workload}: {growth:+.1%} instructions, at most {room:+.0%} allowed")
    return wrong


def load(path: Path) -> Baseline:
    """Read a baseline."""
    return Baseline(**json.loads(path.read_text()))


def table(counts: Mapping[str, Count], baseline: Baseline | None) -> str:
    """Lay counts out beside the baseline."""
    lines = [f"{'workload':14}{'instructions':>16}{'baseline':>16}{'change':>9}{'libraries':>14}"]
    for workload, counted in counts.items():
        accepted = None if baseline is None else baseline.instructions.get(workload)
        before = "" if accepted is None else f"{accepted:,}"
        change = "" if accepted is None else f"{counted.program / accepted - 1:+.2%}"
        lines.append(
            f"{workload:14}{counted.program:16,}{before:>16}{change:>9}{counted.libraries:14,}"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, compare and say what to do."""
    parser = argparse.ArgumentParser(prog="python -m benches.guard", description=__doc__)
    parser.add_argument("--accept", action="store_true", help="make these counts the baseline")
    options = parser.parse_args(arguments)
    try:
        program = example("guard")
    except Unavailable as reason:
        print(f"guard failed: {reason}")
        return 1
    try:
        counts = {workload: count(program, workload) for workload in WORKLOADS}
    except Unavailable as reason:
        print(f"guard skipped: {reason}")
        # Nothing was accepted, and whoever asked for it must know.
        return 1 if options.accept else 0
    rustc = machine.rustc() or "unknown"
    baseline = load(BASELINE) if BASELINE.exists() else None
    print(f"instructions with FASTRCF_SIMD={LEVEL}, rustc {rustc}")
    print(table(counts, baseline))
    if options.accept:
        accepted = Baseline(rustc, {name: counted.program for name, counted in counts.items()})
        BASELINE.write_text(json.dumps(asdict(accepted), indent=1) + "\n")
        print(f"accepted: {BASELINE.name} is written; commit it with the change that explains it")
        return 0
    if baseline is None:
        print("no baseline: make guard-accept")
        return 1
    if rustc != baseline.rustc:
        print(f"the baseline is of rustc {baseline.rustc}: {ROOM_OF_ANOTHER_COMPILER:.0%} of room")
    wrong = compare(counts, baseline, rustc)
    for line in wrong:
        print(f"FAILED: {line}")
    if any(
        counted.program < baseline.instructions[name] * (1 - ROOM)
        for name, counted in counts.items()
        if name in baseline.instructions
    ):
        print("Fewer than the baseline allows to lose again: make guard-accept holds the gain.")
    if wrong:
        print("If this is what the change has to cost: make guard-accept, and say why.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
