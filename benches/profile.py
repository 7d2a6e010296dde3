"""Where work spends instructions and time: ``python -m benches.profile`` (``make profile``).

callgrind counts instructions, at AVX2, since valgrind knows no AVX-512; perf samples
time at the best instruction set of the machine, where perf is there and allowed to.
Both give addresses; addr2line tells which functions are inlined at each, and the first
rule of `PHASES` that names one of them says what it belongs to. What no rule names is
shown as the rest.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benches import machine
from benches.engines.protocol import Unavailable
from benches.engines.rust import example

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FIGURES = Path(__file__).resolve().parent / "profile.json"
LEVEL = "avx2"
TREES = 100
REST = "rest"


@dataclass(frozen=True)
class Workload:
    """Work on rows of so many columns.

    Attributes
    ----------
    what : str
        In words.
    work : str
        Its name in `rust/core/examples/profile.rs`.
    width : int
        Columns.
    counted : int
        Rows under callgrind.
    sampled : tuple of int
        Rows, and how often, under perf.
    """

    what: str
    work: str
    width: int
    counted: int
    sampled: tuple[int, int]


WORKLOADS = (
    Workload("score a table", "score", 8, 16_384, (65_536, 60)),
    Workload("score a table", "score", 30, 16_384, (65_536, 25)),
    Workload("stream", "process", 8, 4_096, (16_384, 15)),
    Workload("stream", "process", 30, 4_096, (16_384, 10)),
    Workload("one row a call", "row", 8, 512, (16_384, 40)),
    Workload("one row a call", "row", 30, 512, (16_384, 25)),
)

# By work: what a function that is inlined, or called, stands for. The first that fits.
PHASES: Mapping[str, Sequence[tuple[str, str]]] = {
    "score": (
        (
            "rows in, and their ranks",
            r"convert|load_(rows|checked)|turn_(body|columns)|rank|gathered|all_within",
        ),
        ("rows sorted by leaf", r"sort|joined|by_array|partition|places|leaves$|go_down|masks"),
        ("boxes", r"union_sums|^split$|^step$"),
        ("leaves", r"^leaf$|equal_rows"),
        ("rows into lanes, scores out", r"score_part_body|add_scores"),
    ),
    "process": (
        ("draws: which rows stay", r"^plan$|^exp$|^log|^expm1$|sift_down"),
        ("rows in", r"convert|load_|all_within"),
        ("boxes lent and taken back", r"exchange_bounds|inner_nodes"),
        ("deletion", r"remove_leaf"),
        ("insertion", r"^insert$|random_cut|split_above|new_leaf|new_inner|still_holding"),
        ("ways down", r"descend|^find$|forget_through"),
        ("boxes on the way up", r"score_group|score_path"),
    ),
    "row": (
        ("ways down", r"^descend|^down$"),
        ("boxes on the way up", r"climb|union_sums|settle|within|^up$"),
        ("the call", r"add_scores|score_with|few_scores|intake|convert|load|check|all_within"),
    ),
}
# What prepares the forest is sampled too where it is not what is measured.
BEFORE = r"mixture|run_member_body|^plan$|^update$|build_bounds|inner_nodes|^build$"
LIBRARIES = "C library"


@dataclass(frozen=True)
class Profile:
    """What a workload spends.

    Attributes
    ----------
    what, width
        Of the workload.
    instructions : mapping of str to float
        Per row and tree, by phase.
    time : mapping of str to float
        Share, by phase; empty where perf could not be asked.
    level : str
        Instruction set of `time`.
    """

    what: str
    width: int
    instructions: Mapping[str, float]
    time: Mapping[str, float]
    level: str


def phase(work: str, chain: Iterable[str]) -> str:
    """Say what functions belong to, that lie in each other, the outermost first."""
    names = list(chain)
    for name, rule in PHASES[work]:
        if any(re.search(rule, function) for function in names):
            return name
    return REST


def instructions(program: Path, workload: Workload) -> Counter[int]:
    """Count instructions by address under callgrind.

    Raises
    ------
    Unavailable
        If there is no valgrind, or its virtual processor has no AVX2.
    RuntimeError
        If the program fails.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise Unavailable("valgrind is not on the PATH")
    with tempfile.TemporaryDirectory(prefix="fastrcf-profile-") as folder:
        out = Path(folder, "counts")
        words = [workload.work, str(workload.width), str(workload.counted), "1"]
        done = subprocess.run(
            [
                valgrind,
                "--tool=callgrind",
                "--dump-instr=yes",
                "--compress-pos=no",
                "--toggle-collect=*Forests::profiled*",
                f"--callgrind-out-file={out}",
                str(program),
                *words,
            ],
            capture_output=True,
            text=True,
            env={**os.environ, "FASTRCF_SIMD": LEVEL},
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"valgrind failed on {words}:\n{done.stderr.strip()}")
        if done.stdout.strip() != LEVEL:
            raise Unavailable(f"the kernels ran at level {done.stdout.strip()}, not {LEVEL}")
        return counted(out.read_text(), program)


def counted(profile: str, program: Path) -> Counter[int]:
    """Add up a callgrind profile by address; 0 is all that is not the program's own.

    Costs of a call belong to the callee's own lines and are not counted again.
    """
    costs: Counter[int] = Counter()
    own, is_call, names = False, False, dict[str, str]()
    for line in profile.splitlines():
        if (of := re.match(r"(c?)ob=\((\d+)\)(?: (.+))?", line)) is not None:
            name = names.setdefault(of[2], of[3])
            own = own if of[1] else name == str(program)
        elif line.startswith("calls="):
            is_call = True
        elif (found := re.match(r"(0x[0-9a-f]+) \S+ (\d+)", line)) is not None:
            if not is_call:
                costs[int(found[1], 16) if own else 0] += int(found[2])
            is_call = False
    return costs


def samples(program: Path, workload: Workload) -> Counter[int]:
    """Count samples of time by address under perf; none where perf cannot be asked."""
    perf, none = shutil.which("perf"), Counter[int]()
    if perf is None:
        return none
    rows, times = workload.sampled
    words = [workload.work, str(workload.width), str(rows), str(times)]
    with tempfile.TemporaryDirectory(prefix="fastrcf-profile-") as folder:
        data = str(Path(folder, "samples"))
        record = [perf, "record", "-q", "-e", "cpu-clock", "-F", "4000", "-o", data]
        done = subprocess.run([*record, str(program), *words], capture_output=True, check=False)
        if done.returncode != 0:
            return none
        script = [perf, "script", "-i", data, "-F", "ip,sym,symoff,dso", "--show-mmap-events"]
        said = subprocess.run(script, capture_output=True, text=True, check=False).stdout
    return sampled(said, program)


def sampled(script: str, program: Path) -> Counter[int]:
    """Add up what ``perf script`` says by address in the file."""
    start = None
    costs: Counter[int] = Counter()
    for line in script.splitlines():
        mapped = re.search(r"\[(0x[0-9a-f]+)\(\S+\) @ (\S+) .*r-xp (\S+)", line)
        if mapped is not None and mapped[3] == str(program):
            start = int(mapped[1], 16) - int(mapped[2], 0)
        found = re.match(r"\s*([0-9a-f]+) .*\((.+)\)$", line)
        if found is not None:
            own = found[2] == str(program) and start is not None
            costs[int(found[1], 16) - (start or 0) if own else 0] += 1
    return costs


def offset(program: Path) -> int:
    """Give what has to be added to a place in the file to have its address."""
    said = subprocess.run(["readelf", "-lW", str(program)], capture_output=True, text=True)
    found = re.search(r"LOAD\s+(0x\w+)\s+(0x\w+)\s+\S+\s+\S+\s+\S+\s+R E", said.stdout)
    return 0 if found is None else int(found[2], 16) - int(found[1], 16)


def chains(program: Path, addresses: Sequence[int]) -> dict[int, list[str]]:
    """Name the functions at each address, the outermost first."""
    said = subprocess.run(
        ["addr2line", "-i", "-f", "-a", "-C", "-e", str(program)],
        input="\n".join(map(hex, addresses)),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    found: dict[int, list[str]] = {}
    functions: list[str] = []
    lines = iter(said)
    for line in lines:
        if line.startswith("0x"):
            functions = found.setdefault(int(line, 16), [])
        else:
            functions.insert(0, short(line))
            next(lines, None)
    return found


def short(function: str) -> str:
    """Cut a function's name to its last part, without types."""
    before = None
    while before != function:
        before, function = function, re.sub(r"<[^<>]*>", "", function)
    return function.rsplit("::", 1)[-1]


def by_phase(work: str, costs: Counter[int], program: Path, moved: int) -> Counter[str]:
    """Add up costs by phase."""
    named = chains(program, [at + moved for at in costs if at])
    phases: Counter[str] = Counter()
    for at, cost in costs.items():
        chain = named.get(at + moved, [])
        if at == 0:
            phases[LIBRARIES] += cost
        elif work == "process" or not any(re.search(BEFORE, name) for name in chain):
            phases[phase(work, chain)] += cost
    return phases


def measure(program: Path, workload: Workload) -> Profile:
    """Profile a workload."""
    counts = by_phase(workload.work, instructions(program, workload), program, 0)
    found = samples(program, workload)
    times = by_phase(workload.work, found, program, offset(program)) if found else Counter[str]()
    per = workload.counted * TREES
    return Profile(
        workload.what,
        workload.width,
        {name: round(count / per, 1) for name, count in counts.most_common()},
        {name: round(n / times.total(), 3) for name, n in times.most_common()},
        best_level(program) if times else "",
    )


def best_level(program: Path) -> str:
    """Ask which instruction set a program takes."""
    words = [str(program), "row", "1", "1", "1"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def table(profiles: Sequence[Profile]) -> str:
    """Lay profiles out for a page."""
    parts = []
    for profile in profiles:
        total = sum(profile.instructions.values())
        head = f"**{profile.what}, d = {profile.width}**: {total:.0f} instructions a row and tree"
        lines = [head, "", f"| | instructions (AVX2) | time ({profile.level or 'not sampled'}) |"]
        lines.append("|---|---:|---:|")
        names = sorted(
            {*profile.instructions, *profile.time},
            key=lambda name: (name == REST, -profile.time.get(name, 0)),
        )
        for name in names:
            share = f"{profile.time[name]:.0%}" if name in profile.time else ""
            lines.append(f"| {name} | {profile.instructions.get(name, 0):.1f} | {share} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def page() -> str:
    """Lay the last run's profiles out, and say on what time was sampled."""
    processor = json.loads(FIGURES.read_text()).get("processor")
    where = f"Time was sampled on {processor}.\n\n" if processor else ""
    return where + table(load())


def load() -> list[Profile]:
    """Read the profiles of the last run."""
    return [Profile(**profile) for profile in json.loads(FIGURES.read_text())["profiles"]]


def main() -> int:
    """Profile all workloads and keep the figures."""
    try:
        program = example("profile", symbols=True)
        profiles = [measure(program, workload) for workload in WORKLOADS]
    except Unavailable as reason:
        print(f"not profiled: {reason}")
        return 1
    figures = {
        "rustc": machine.rustc(),
        "processor": machine.describe()["processor"],
        "profiles": [asdict(profile) for profile in profiles],
    }
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    print(table(profiles))
    return 0


if __name__ == "__main__":
    sys.exit(main())
