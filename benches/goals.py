"""What the project asks of itself, and whether it is met.

Ratios count on any machine; scoring a table without AVX-512 is asked half of them.
Goals in time were set on one core of a Zen 5 class processor with AVX-512; elsewhere
they are shown and not judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benches import measures
from benches.engines import (
    ByRow,
    Detecting,
    Frozen,
    Isolation,
    JavaForest,
    Krcf,
    Living,
    Rust,
    RustAvx2,
)
from benches.workloads import STEADY_WORKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benches.record import Results, Spread

# What goals in time were set on: guests hide the model's name, so the family tells.
ZEN_5 = "AMD EPYC (family 26"


@dataclass(frozen=True)
class Goal:
    """One figure asked for.

    Attributes
    ----------
    what : str
        In words.
    asked : float or None
        Least or greatest value; None for what only stands beside others.
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
    stretch : float or None
        What would be better still, where the project has said so.
    was_quiet : callable or None
        Where other work on the machine would spoil the value: whether there was
        none.
    """

    what: str
    asked: float | None
    unit: str
    measure: Callable[[Results], Spread | None]
    at_least: bool = True
    in_time: bool = False
    of_avx512: bool = False
    share: float = 1.0
    stretch: float | None = None
    was_quiet: Callable[[Results], bool] | None = None


@dataclass(frozen=True)
class Verdict:
    """A goal beside what was measured.

    Attributes
    ----------
    goal : Goal
    asked : float or None
        Of this machine.
    found : Spread or None
        None if it was not measured.
    said : str
        "met", "missed", "not measured", "other machine" where a goal does not
        apply, "busy machine" where other work spoilt the value, or "not judged"
        where nothing is asked.
    """

    goal: Goal
    asked: float | None
    found: Spread | None
    said: str

    @property
    def stretched(self) -> bool:
        """Whether what would be better still is reached as well."""
        goal = self.goal
        return (
            self.said == "met"
            and self.found is not None
            and goal.stretch is not None
            and _reaches(goal, self.found, goal.stretch)
        )


def judge(goal: Goal, results: Results) -> Verdict:
    """Compare a goal with its measured median."""
    found = goal.measure(results)
    # Also the levels above it, "avx512vbmi".
    has_avx512 = str(results.machine.get("simd")).startswith("avx512")
    asked = goal.asked
    if asked is not None and not has_avx512:
        asked *= goal.share
    if found is None:
        said = "not measured"
    elif asked is None:
        said = "not judged"
    elif (goal.in_time and not (has_avx512 and ZEN_5 in results.machine["processor"])) or (
        goal.of_avx512 and not has_avx512
    ):
        said = "other machine"
    elif goal.was_quiet is not None and not goal.was_quiet(results):
        said = "busy machine"
    else:
        said = "met" if _reaches(goal, found, asked) else "missed"
    return Verdict(goal, asked, found, said)


def _reaches(goal: Goal, found: Spread, asked: float) -> bool:
    return found.middle >= asked if goal.at_least else found.middle <= asked


def verdicts(results: Results) -> list[Verdict]:
    """Judge all goals."""
    return [judge(goal, results) for goal in GOALS]


def text(results: Results) -> str:
    """Lay the verdicts out for a terminal."""
    lines = ["Goals (median, quartiles)"]
    for verdict in verdicts(results):
        goal = verdict.goal
        lines.append(f"  {goal.what:78}{wanted(verdict):>16}  {shown(verdict):32}{judged(verdict)}")
    return "\n".join(lines)


def wanted(verdict: Verdict) -> str:
    """Write what is asked of the machine."""
    return _written(verdict.goal, verdict.asked)


def stretch(verdict: Verdict) -> str:
    """Write what would be better still."""
    return _written(verdict.goal, verdict.goal.stretch)


def judged(verdict: Verdict) -> str:
    """Write the verdict, with what is reached beyond it."""
    return f"{verdict.said}, stretch too" if verdict.stretched else verdict.said


def _written(goal: Goal, asked: float | None) -> str:
    if asked is None:
        return ""
    return f"{'≥' if goal.at_least else '≤'} {value(asked)} {goal.unit}".rstrip()


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


def _all() -> Iterator[Goal]:
    for width, isolation, rate, further in ((8, 4.0, 1.1e6, 1.5e6), (30, 1.5, 450e3, 700e3)):
        d = f"d = {width}"
        for peer, asked in ((JavaForest, 40.0), (Krcf, 40.0), (Isolation, isolation)):
            yield Goal(
                f"score, {d}: times as fast as {peer.name}",
                asked,
                "",
                measures.ratio("score", width, peer),
                share=0.5,
            )
        yield Goal(
            f"score, {d}: rows per second",
            rate,
            "",
            measures.one(f"score, d={width}", Frozen, "score", measures.rate),
            in_time=True,
            stretch=further,
        )
        yield Goal(
            f"score, {d}: share of its speed with AVX2 alone",
            0.5,
            "",
            measures.between(f"score, d={width}", (Rust, "score"), (RustAvx2, "score"), width),
            of_avx512=True,
        )
    for width, micros, further in ((8, 11.0, 8.0), (30, 18.0, 13.0)):
        d = f"d = {width}"
        for peer in (JavaForest, Krcf):
            yield Goal(
                f"stream, {d}: times as fast as {peer.name}",
                9.0,
                "",
                measures.ratio("process", width, peer),
            )
            # Ours takes an array, theirs a row a call: this is the same on both sides.
            yield Goal(
                f"stream, {d}, a row a call on both sides: times as fast as {peer.name}",
                None,
                "",
                measures.ratio("process", width, peer, ByRow),
            )
        yield Goal(
            f"stream, {d}: time of a row",
            micros,
            "µs",
            measures.one(f"process, d={width}", Living, "process", measures.micros),
            at_least=False,
            in_time=True,
            stretch=further,
        )
    for width, micros in ((8, 6.0), (30, 10.0)):
        d = f"d = {width}"
        yield Goal(
            f"one row, frozen, in Rust, {d}",
            micros,
            "µs",
            measures.one(f"row, d={width}", Rust, "row", measures.micros),
            at_least=False,
            in_time=True,
        )
        yield Goal(
            f"one row, frozen, what Python adds, {d}",
            3.0,
            "µs",
            measures.overhead(width),
            at_least=False,
            in_time=True,
        )
    for width in (8, 30):
        for peer in (JavaForest, Krcf):
            yield Goal(
                f"score, d = {width}, a row a call on both sides: times as fast as {peer.name}",
                None,
                "",
                measures.ratio("row", width, peer),
            )
        yield Goal(
            f"local range, d = {width}: times as fast as the full score",
            1.0,
            "",
            measures.between(
                f"local_range, d={width}", (Frozen, "score"), (Frozen, "local_range"), width
            ),
        )
    yield Goal(
        f"attribution, d = 30: times as fast as {JavaForest.name}",
        10.0,
        "",
        measures.ratio("attribution", 30, JavaForest),
    )
    for width in (8, 30):
        for engine, work in STEADY_WORKS:
            name = "score" if work == "score" else "stream"
            yield Goal(
                f"two threads, {name}, d = {width}: times as fast as one",
                1.8,
                "",
                measures.threads(engine, work, width),
                was_quiet=measures.was_quiet(engine, work, width),
            )
    for engine, work in STEADY_WORKS:
        name = "score" if work == "score" else "stream"
        yield Goal(
            f"two threads, {name}, d = 8, calls of 1 to 100,000 rows: least times as fast as one",
            # Never slower than one, but for the noise of small calls.
            0.95,
            "",
            measures.slowest_call(engine, work, 8),
            was_quiet=measures.calls_were_quiet(engine, work, 8),
        )
    yield Goal(
        "fit 10 million rows, d = 30, uniform",
        1.0,
        "s",
        measures.one(
            "fit, d=30", Living, "fit", lambda found: [10 * micros for micros in found.per_row]
        ),
        at_least=False,
        in_time=True,
    )
    yield Goal(
        "fit 10 million rows from Parquet, d = 30, two cores: reader's time / ours",
        0.9,
        "",
        measures.as_fast_as_the_reader,
        was_quiet=measures.reader_was_alone,
    )
    for width in (8, 30):
        yield Goal(
            f"Detector, d = {width}: its rows per second / the forest's",
            0.8,
            "",
            measures.between(f"detect, d={width}", (Frozen, "score"), (Detecting, "score"), width),
        )
    yield Goal(
        "detect, d = 30, 0.1 % alerts: times as long as score",
        1.15,
        "",
        measures.between("detect, d=30", (Detecting, "detect"), (Detecting, "score"), 30),
        at_least=False,
    )
    yield Goal(
        "one update of a threshold, at the rate of alerts where it takes longest",
        100.0,
        "ns",
        measures.threshold,
        at_least=False,
    )
    yield Goal(
        "a frozen forest opens, d = 30",
        1.0,
        "ms",
        measures.one(
            "load, d=30", Frozen, "load", lambda found: [us / 1e3 for us in found.per_row]
        ),
        at_least=False,
        in_time=True,
    )
    for what, asked, unit, name in (
        ("living forest, d = 30", 4.0, "MB", "living_mb"),
        ("small forest at rest: 30 trees of 64 rows, d = 4", 60.0, "kB", "small_resting_kb"),
        ("import fastrcf", 150.0, "ms", "import_ms"),
        ("wheel", 5.0, "MB", "wheel_mb"),
    ):
        yield Goal(what, asked, unit, measures.resting(name), at_least=False)


GOALS = tuple(_all())
