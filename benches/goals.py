"""What the project asks of itself, and whether it is met.

Ratios count on any machine; scoring a table without AVX-512 is asked half of them.
Goals in time were set on one core of a Zen 5 class processor with AVX-512; elsewhere
they are shown and not judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from benches.engines import (
    AheadFromParquet,
    ByRow,
    Detecting,
    Frozen,
    Isolation,
    JavaForest,
    Krcf,
    Living,
    Reader,
    Rust,
    RustAvx2,
)
from benches.record import Measurement, Results, Spread, paired_ratio
from benches.workloads import STEADY_WORKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benches.engines.protocol import Engine, Work

# What goals in time were set on: guests hide the model's name, so the family tells.
ZEN_5 = "AMD EPYC (family 26"
# Time on the wall over that of the thread, above which others had the core too.
BUSY = 1.1
# Which of our engines answers for a work.
OURS: dict[Work, type[Engine]] = {
    "score": Frozen,
    "process": Living,
    "insert": Living,
    "attribution": Frozen,
    "row": ByRow,
    "fit": Living,
    "load": Frozen,
}


@dataclass(frozen=True)
class Goal:
    """One figure asked for.

    Attributes
    ----------
    what : str
        In words.
    asked : float
        Least or greatest value.
    unit : str
        Behind the value.
    measure : callable
        Finds the value in results; None if it was not measured.
    at_least : bool
        Whether more is better.
    in_time : bool
        Whether it is for the class of processors that it was set for.
    of_avx512 : bool
        Whether it is for processors with AVX-512 only.
    share : float
        Part of `asked` that processors without AVX-512 are to reach.
    was_quiet : callable or None
        Where other work on the machine would spoil the value: whether there was
        none.
    """

    what: str
    asked: float
    unit: str
    measure: Callable[[Results], Spread | None]
    at_least: bool = True
    in_time: bool = False
    of_avx512: bool = False
    share: float = 1.0
    was_quiet: Callable[[Results], bool] | None = None


@dataclass(frozen=True)
class Verdict:
    """A goal beside what was measured.

    Attributes
    ----------
    goal : Goal
    asked : float
        Of this machine.
    found : Spread or None
        None if it was not measured.
    said : str
        "met", "missed", "not measured", "other machine" where a goal does not
        apply, or "busy machine" where other work spoilt the value.
    """

    goal: Goal
    asked: float
    found: Spread | None
    said: str


def judge(goal: Goal, results: Results) -> Verdict:
    """Compare a goal with its measured median."""
    found = goal.measure(results)
    # Also the levels above it, "avx512vbmi".
    has_avx512 = str(results.machine.get("simd")).startswith("avx512")
    asked = goal.asked if has_avx512 else goal.share * goal.asked
    if found is None:
        said = "not measured"
    elif (goal.in_time and not (has_avx512 and ZEN_5 in results.machine["processor"])) or (
        goal.of_avx512 and not has_avx512
    ):
        said = "other machine"
    elif goal.was_quiet is not None and not goal.was_quiet(results):
        said = "busy machine"
    else:
        met = found.middle >= asked if goal.at_least else found.middle <= asked
        said = "met" if met else "missed"
    return Verdict(goal, asked, found, said)


def verdicts(results: Results) -> list[Verdict]:
    """Judge all goals."""
    return [judge(goal, results) for goal in GOALS]


def text(results: Results) -> str:
    """Lay the verdicts out for a terminal."""
    lines = ["Goals (median, quartiles)"]
    for verdict in verdicts(results):
        goal = verdict.goal
        lines.append(f"  {goal.what:62}{wanted(verdict):>16}  {shown(verdict):32}{verdict.said}")
    return "\n".join(lines)


def wanted(verdict: Verdict) -> str:
    """Write what is asked of the machine."""
    sign = "≥" if verdict.goal.at_least else "≤"
    return f"{sign} {value(verdict.asked)} {verdict.goal.unit}".rstrip()


def shown(verdict: Verdict) -> str:
    """Write a measured value with its quartiles."""
    found = verdict.found
    if found is None:
        return ""
    middle = f"{value(found.middle)} {verdict.goal.unit}".rstrip()
    if found.low == found.high:
        return middle
    return f"{middle} ({value(found.low)} to {value(found.high)})"


def value(number: float) -> str:
    """Write a number with the digits that mean something."""
    if number >= 1000:
        return f"{float(f'{number:.3g}'):,.0f}"
    return f"{number:.3g}" if number < 100 else f"{number:.0f}"


def _ratio(work: Work, width: int, peer: type[Engine]) -> Callable[[Results], Spread | None]:
    return _between(f"{work}, d={width}", (peer, work), (OURS[work], work), width)


def _between(
    contest: str,
    above: tuple[type[Engine], Work],
    below: tuple[type[Engine], Work],
    width: int,
) -> Callable[[Results], Spread | None]:
    """How many times as long the first takes."""

    def measure(results: Results) -> Spread | None:
        theirs, ours = (
            results.find(contest, engine.name, work, n_columns=width)
            for engine, work in (above, below)
        )
        return None if theirs is None or ours is None else paired_ratio(theirs, ours)

    return measure


def _threads(engine: type[Engine], work: Work, width: int) -> Callable[[Results], Spread | None]:
    def measure(results: Results) -> Spread | None:
        one, two = (
            results.find(f"threads, d={width}", engine.name, work, n_threads=threads)
            for threads in (1, 2)
        )
        # On one core two threads show nothing.
        if one is None or two is None or results.machine.get("cores", 1) < 2:
            return None
        return paired_ratio(one, two)

    return measure


def _quiet(engine: type[Engine], work: Work, width: int) -> Callable[[Results], bool]:
    """Whether one thread got a core for itself: its clock beside the wall's."""

    def told(results: Results) -> bool:
        one = results.find(f"threads, d={width}", engine.name, work, n_threads=1)
        return one is not None and median(one.wall) <= BUSY * median(one.cpu)

    return told


def _as_fast_as_the_reader(results: Results) -> Spread | None:
    """Time of the reader alone over that of a fit on two cores, on the wall."""
    reader = results.find("parquet, d=30", Reader.name, "parquet")
    ours = results.find("parquet, d=30", AheadFromParquet.name, "parquet", n_threads=2)
    # Reading ahead needs a core more than reading.
    if reader is None or ours is None or results.machine.get("cores", 1) < 2:
        return None
    return paired_ratio(reader, ours)


def _reader_was_alone(results: Results) -> bool:
    """Whether the reader, which has one thread, got a core for itself."""
    found = results.find("parquet, d=30", Reader.name, "parquet")
    return found is not None and median(found.wall) <= BUSY * median(found.cpu)


def _one(
    contest: str, engine: type[Engine], work: Work, of: Callable[[Measurement], list[float]]
) -> Callable[[Results], Spread | None]:
    def measure(results: Results) -> Spread | None:
        found = results.find(contest, engine.name, work)
        return None if found is None else Spread.of(of(found))

    return measure


def _rate(found: Measurement) -> list[float]:
    return [1e6 / micros for micros in found.per_row]


def _micros(found: Measurement) -> list[float]:
    return list(found.per_row)


def _overhead(width: int) -> Callable[[Results], Spread | None]:
    """Microseconds that Python adds to one row, from the same rounds."""

    def measure(results: Results) -> Spread | None:
        python, rust = (
            results.find(f"row, d={width}", engine.name, "row") for engine in (ByRow, Rust)
        )
        if python is None or rust is None:
            return None
        pairs = zip(python.cpu, rust.cpu, strict=True)
        return Spread.of([above - below for above, below in pairs])

    return measure


def _resting(name: str) -> Callable[[Results], Spread | None]:
    def measure(results: Results) -> Spread | None:
        found = results.resting.get(name)
        return None if found is None else Spread(found, found, found)

    return measure


def _all() -> Iterator[Goal]:
    for width, isolation, rate in ((8, 4.0, 1.1e6), (30, 1.5, 450e3)):
        d = f"d = {width}"
        for peer, asked in ((JavaForest, 40.0), (Krcf, 40.0), (Isolation, isolation)):
            yield Goal(
                f"score, {d}: times as fast as {peer.name}",
                asked,
                "",
                _ratio("score", width, peer),
                share=0.5,
            )
        yield Goal(
            f"score, {d}: rows per second",
            rate,
            "",
            _one(f"score, d={width}", Frozen, "score", _rate),
            in_time=True,
        )
        yield Goal(
            f"score, {d}: share of its speed with AVX2 alone",
            0.5,
            "",
            _between(f"score, d={width}", (Rust, "score"), (RustAvx2, "score"), width),
            of_avx512=True,
        )
    for width, micros in ((8, 11.0), (30, 18.0)):
        d = f"d = {width}"
        for peer in (JavaForest, Krcf):
            yield Goal(
                f"stream, {d}: times as fast as {peer.name}",
                9.0,
                "",
                _ratio("process", width, peer),
            )
        yield Goal(
            f"stream, {d}: time of a row",
            micros,
            "µs",
            _one(f"process, d={width}", Living, "process", _micros),
            at_least=False,
            in_time=True,
        )
    for width, micros in ((8, 6.0), (30, 10.0)):
        d = f"d = {width}"
        yield Goal(
            f"one row, frozen, in Rust, {d}",
            micros,
            "µs",
            _one(f"row, d={width}", Rust, "row", _micros),
            at_least=False,
            in_time=True,
        )
        yield Goal(
            f"one row, frozen, what Python adds, {d}",
            3.0,
            "µs",
            _overhead(width),
            at_least=False,
            in_time=True,
        )
    yield Goal(
        f"attribution, d = 30: times as fast as {JavaForest.name}",
        10.0,
        "",
        _ratio("attribution", 30, JavaForest),
    )
    for width in (8, 30):
        for engine, work in STEADY_WORKS:
            name = "score" if work == "score" else "stream"
            yield Goal(
                f"two threads, {name}, d = {width}: times as fast as one",
                1.8,
                "",
                _threads(engine, work, width),
                was_quiet=_quiet(engine, work, width),
            )
    yield Goal(
        "fit 10 million rows, d = 30, uniform",
        1.0,
        "s",
        _one("fit, d=30", Living, "fit", lambda found: [10 * micros for micros in found.per_row]),
        at_least=False,
        in_time=True,
    )
    yield Goal(
        "fit 10 million rows from Parquet, d = 30, two cores: reader's time / ours",
        0.9,
        "",
        _as_fast_as_the_reader,
        was_quiet=_reader_was_alone,
    )
    for width in (8, 30):
        yield Goal(
            f"Detector, d = {width}: its rows per second / the forest's",
            0.8,
            "",
            _between(f"detect, d={width}", (Frozen, "score"), (Detecting, "score"), width),
        )
    yield Goal(
        "detect, d = 30, 0.1 % alerts: times as long as score",
        1.15,
        "",
        _between("detect, d=30", (Detecting, "detect"), (Detecting, "score"), 30),
        at_least=False,
    )
    yield Goal(
        "a frozen forest opens, d = 30",
        1.0,
        "ms",
        _one("load, d=30", Frozen, "load", lambda found: [us / 1e3 for us in found.per_row]),
        at_least=False,
        in_time=True,
    )
    for what, asked, unit, name in (
        ("living forest, d = 30", 4.0, "MB", "living_mb"),
        ("small forest at rest: 30 trees of 64 rows, d = 4", 60.0, "kB", "small_resting_kb"),
        ("import fastrcf", 150.0, "ms", "import_ms"),
        ("wheel", 5.0, "MB", "wheel_mb"),
    ):
        yield Goal(what, asked, unit, _resting(name), at_least=False)


GOALS = tuple(_all())
