"""How far goals are out of reach: what of the time would have to go, and what takes it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benches import goals
from benches.profile import REST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benches.goals import Verdict
    from benches.profile import Profile
    from benches.record import Results

# What goals begin with, and the profiled work that they are about.
WORKS = {"score": "score a table", "stream": "stream"}


def table(results: Results, profiles: Sequence[Profile]) -> str:
    """Lay out what each missed ratio to a peer would take.

    Parameters
    ----------
    results : Results
        The bench's figures.
    profiles : sequence of Profile
        Where the same work's time goes, perhaps on another machine.

    Returns
    -------
    str
        A table, or a sentence where no such goal is missed.
    """
    lines = [
        "| goal | measured of asked | of our time would have to go | where it goes |",
        "|---|---:|---:|---|",
    ]
    for verdict in goals.verdicts(results):
        profile = _profile(verdict, profiles)
        if verdict.said != "missed" or profile is None:
            continue
        assert verdict.found is not None
        assert verdict.asked is not None
        has, asked = verdict.found.middle, verdict.asked
        lines.append(
            f"| {verdict.goal.what} | {goals.value(has)} of {goals.value(asked)} "
            f"| {1 - has / asked:.0%} | {_parts(profile)} |"
        )
    return "\n".join(lines) if len(lines) > 2 else "No ratio to a peer is missed."


def _profile(verdict: Verdict, profiles: Sequence[Profile]) -> Profile | None:
    """Find the profile of the work that a ratio to a peer is about."""
    found = re.match(r"(\w+), d = (\d+): times as fast as", verdict.goal.what)
    if found is None:
        return None
    of = (WORKS.get(found[1]), int(found[2]))
    return next((made for made in profiles if (made.what, made.width) == of), None)


def _parts(profile: Profile) -> str:
    """Name what takes a tenth of the time or more, the dearest first."""
    dear = sorted(profile.time.items(), key=lambda part: -part[1])
    return ", ".join(f"{name} {share:.0%}" for name, share in dear if share >= 0.1 and name != REST)
