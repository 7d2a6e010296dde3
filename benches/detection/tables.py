"""Tables of what was found, for a terminal and for documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benches.detection import episodes
from benches.detection.detectors import Isolation, Series
from benches.detection.families import FAMILIES, adbench, nab
from benches.detection.goals import WORDS
from benches.detection.paired import compare

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benches.detection.record import Results

PROFILES = {
    "standard": "standard",
    "reward_low_FP_rate": "few false alerts",
    "reward_low_FN_rate": "few misses",
}
# Of the published results, those that are not there as examples of no skill.
NO_SKILL = frozenset({"null", "random"})

Row = list[str]


def families(results: Results) -> Iterator[tuple[str, list[Row]]]:
    """Give each family of tables with a head and a row for each detector."""
    for family in FAMILIES:
        names = results.detectors(family.name)
        if not names:
            continue
        measures = [m for m in WORDS if results.mean(family.name, names[0], m) is not None]
        rows: list[Row] = [
            [
                "detector",
                *(WORDS[m] for m in measures),
                *(f"ahead of IsolationForest, {WORDS[m]}" for m in measures[:2]),
                "seconds a case",
            ]
        ]
        rows += [_row(results, family.name, name, measures) for name in names]
        yield family.name, rows


def _row(results: Results, family: str, name: str, measures: Sequence[str]) -> Row:
    cells = [name]
    for measure in measures:
        mean = results.mean(family, name, measure)
        seeds = results.by_seed(family, name, measure)
        spread = f" ({min(seeds):.3f} to {max(seeds):.3f})" if len(seeds) > 1 else ""
        cells.append("not all" if mean is None else f"{mean:.3f}{spread}")
    for measure in measures[:2]:
        found = compare(
            results.by_case(family, name, measure),
            results.by_case(family, Isolation.name, measure),
        )
        if found is None or name == Isolation.name:
            cells.append("")
        elif found.of < 2:
            cells.append(f"{found.won} of {found.of}")
        else:
            cells.append(f"{found.won} of {found.of}, p {found.p:.2g}")
    times = [one.seconds for one in results.found if (one.family, one.detector) == (family, name)]
    return [*cells, f"{sum(times) / len(times):.2g}"]


def series(results: Results) -> list[Row]:
    """Give a head and a row for each detector of series, measured here or published, best first."""
    measured = [
        (name, "measured", {profile: results.mean(nab.NAME, name, profile) for profile in PROFILES})
        for name in results.detectors(nab.NAME)
    ]
    if results.by_case(episodes.NAME, Series.name, "standard"):
        means = {p: results.mean(episodes.NAME, Series.name, p) for p in PROFILES}
        measured.append((f"{Series.name}, {episodes.MEAN}", "measured", means))
    published = [
        (name, "published", {profile: values.get(profile) for profile in PROFILES})
        for name, values in results.recorded.items()
        if name not in NO_SKILL
    ]
    every = sorted([*measured, *published], key=lambda one: -(one[2]["standard"] or 0.0))
    rows: list[Row] = [["detector", "", *PROFILES.values()]]
    for name, source, values in every:
        cells = ("" if value is None else f"{value:.1f}" for value in values.values())
        rows.append([name, source, *cells])
    return rows if measured else []


def lengths(results: Results) -> list[Row]:
    """Give the detector of series with episodes of several lengths, and the mean."""
    return episodes.rows(results, PROFILES)


def sets(results: Results) -> list[Row]:
    """Give ADBench set by set: a head, and ROC AUC / average precision of each detector."""
    names = results.detectors(adbench.NAME)
    if not names:
        return []
    pairs = {
        name: (
            results.by_case(adbench.NAME, name, "auc"),
            results.by_case(adbench.NAME, name, "ap"),
        )
        for name in names
    }
    rows: list[Row] = [["set", "rows x columns", "anomalies", *names]]
    for case in pairs[names[0]][0]:
        n_rows, _, width, odd = results.shapes[f"{adbench.NAME}, {case}"]
        row = [case, f"{n_rows:,} x {width}", f"{odd / n_rows:.1%}"]
        for auc, ap in pairs.values():
            row.append(f"{auc[case]:.3f} / {ap[case]:.3f}" if case in auc else "")
        rows.append(row)
    return rows


def missing(results: Results) -> list[str]:
    """Say what was left out, and why."""
    told = [f"{name}: {why.splitlines()[0]}" for name, why in results.absent.items()]
    return told + [f"{what}: failed, {why.splitlines()[0]}" for what, why in results.failed.items()]


def text(results: Results) -> str:
    """Lay everything out for a terminal."""
    parts = [(name, rows) for name, rows in families(results)]
    of_series = series(results)
    if of_series:
        parts.append((nab.NAME, of_series))
    of_lengths = lengths(results)
    if of_lengths:
        parts.append((episodes.NAME, of_lengths))
    lines: list[str] = []
    for name, rows in parts:
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines.append(name)
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            lines.append(f"  {'  '.join(cells)}".rstrip())
        lines.append("")
    return "\n".join([*lines, *(f"left out: {told}" for told in missing(results))])
