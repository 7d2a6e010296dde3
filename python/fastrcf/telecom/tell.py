"""Stories in words: what happened and what is usual, in a few plain sentences."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fastrcf.telecom.saying import amount, counted, lasting, moment, name, names, volume

if TYPE_CHECKING:
    from fastrcf.telecom.report.facts import PlaceHours
    from fastrcf.telecom.story import Happened, Story

#: What a kind is called.
TITLES: Final = {
    "stolen_sim": "stolen SIM",
    "clone": "cloned SIM",
    "botnet": "part of a botnet",
    "reconnect_storm": "reconnect storm",
    "roaming_misuse": "roaming misuse",
    "sms_pumping": "SMS pumping",
    "exfiltration": "slow exfiltration",
    "silent_device": "silent device",
    "tariff_abuse": "tariff abuse",
    "unknown": "no known kind",
}
_LEADS: Final = {
    "stolen_sim": "Probably a stolen SIM",
    "clone": "Probably a cloned SIM",
    "botnet": "Probably part of a botnet",
    "reconnect_storm": "Probably a reconnect storm",
    "roaming_misuse": "Probably roaming misuse",
    "sms_pumping": "Probably SMS pumping",
    "exfiltration": "Probably slow exfiltration",
    "silent_device": "Silent device",
    "tariff_abuse": "Probably tariff abuse",
    "unknown": "Unusual, of no known kind",
}


def title(kind: str) -> str:
    """Name a kind."""
    return TITLES.get(kind) or name(kind).replace("_", " ")


def told(story: Story) -> Story:
    """Give a story its words."""
    lead = _LEADS.get(story.kind) or f"Probably {title(story.kind)}"
    if story.silence is not None:
        return replace(story, headline=f"{lead}: {_quiet(story)}.", sentences=_silent(story))
    if story.happened is None:
        return replace(story, headline=f"{lead}.", sentences=())
    return replace(
        story, headline=f"{lead}: {_main(story, story.happened)}.", sentences=_sentences(story)
    )


def _quiet(story: Story) -> str:
    silence = story.silence
    if silence is None:
        return "no session"
    quiet = (silence.until - silence.since).total_seconds()
    return (
        f"no session for {lasting(quiet)}; its longest gap in the week before was "
        f"{lasting(silence.usual_gap_s)}"
    )


def _silent(story: Story) -> tuple[str, ...]:
    silence = story.silence
    if silence is None:
        return ()
    said = [
        f"Its last session ended {moment(silence.since)} UTC; it has been quiet for "
        f"{amount(silence.ratio)} times its longest gap."
    ]
    if silence.fleet_sims and silence.peers_quiet is not None:
        others = max(0, silence.peers_quiet - 1)
        said.append(
            f"Of the {silence.fleet_sims:,} SIMs of its fleet and family, "
            f"{'no other was' if not others else f'{others:,} more were'} "
            "quiet for longer than usual when this was told."
        )
    if story.usual is not None:
        said.append(f"It usually has {counted(story.usual.sessions, 'session')} a day.")
    return tuple(said)


def _time(did: Happened) -> str:
    return f"in {lasting(max(did.seconds, 1.0))}"


def _main(story: Story, did: Happened) -> str:
    """Say what matters most for the kind, beside what is usual."""
    usual, family = story.usual, story.family_usual
    kind = story.kind
    if did.sms_sent and (kind == "sms_pumping" or did.bytes_up + did.bytes_down == 0):
        sent = f"{counted(did.sms_sent, 'message')} sent {_time(did)}"
        return sent + (
            "" if usual is None else f"; it usually sends {amount(usual.sms_sent)} a day"
        )
    if kind == "clone":
        marks = [counted(did.devices.n, "device")] if did.devices.n > 1 else []
        if did.speed_kmh > 200:
            marks.append(
                f"{amount(did.distance_km)} km from cell to cell at {amount(did.speed_kmh)} km/h"
            )
        if did.overlap_s > 60:
            marks.append(f"sessions at the same time for {lasting(did.overlap_s)}")
        if marks:
            return ", ".join(marks)
    if kind == "reconnect_storm" and did.zero_bytes + did.failed:
        said_usual = "" if usual is None else f"; it usually has {amount(usual.sessions)} a day"
        return (
            f"{counted(did.sessions, 'session')} {_time(did)}, {did.zero_bytes:,} without a byte "
            f"and {did.failed:,} that failed{said_usual}"
        )
    if kind == "roaming_misuse" and did.networks.n:
        where = names(did.networks.names, did.networks.n)
        before = "" if usual is None else f"; in the week before: {_networks(story)}"
        return f"{volume(did.bytes_up + did.bytes_down)} {_time(did)} in network {where}{before}"
    if did.bytes_up + did.bytes_down == 0:
        return f"{counted(did.sessions, 'session')} {_time(did)} without a byte"
    if kind in ("botnet", "exfiltration") or (
        kind not in ("stolen_sim", "tariff_abuse") and did.bytes_up > did.bytes_down
    ):
        said_main, own, of = f"{volume(did.bytes_up)} sent {_time(did)}", "sends", "bytes_up"
    elif kind == "tariff_abuse":
        said_main, own, of = (
            f"{volume(did.bytes_up + did.bytes_down)} {_time(did)}, "
            f"the longest session {lasting(did.longest_s)}",
            "moves",
            "bytes",
        )
    else:
        said_main, own, of = (
            f"{volume(did.bytes_down)} received {_time(did)}",
            "receives",
            "bytes_down",
        )
    parts = []
    if usual is not None:
        day = usual.bytes - usual.bytes_up if of == "bytes_down" else getattr(usual, of)
        parts.append(f"this SIM usually {own} {volume(day)} a day")
    if family is not None:
        parts.append(f"95 % of its family's days are below {volume(getattr(family, of).high)}")
    return said_main + ("; " + ", ".join(parts) if parts else "")


def _stood(sessions: int, alerting: int) -> str:
    if sessions == alerting:
        which = "which" if sessions == 1 else "all of which"
        return f"{counted(sessions, 'session')}, {which} stood out"
    return f"{counted(sessions, 'session')}, of which {alerting:,} stood out"


def _networks(story: Story) -> str:
    usual = story.usual
    if usual is None or not usual.networks.n:
        return "none known"
    return names(usual.networks.names, usual.networks.n)


def _sentences(story: Story) -> tuple[str, ...]:
    did, usual, family = story.happened, story.usual, story.family_usual
    if did is None:
        return ()
    said = [
        f"From {moment(did.since)} to {moment(did.until)} UTC: "
        f"{_stood(did.sessions, story.sessions)}; "
        f"{volume(did.bytes_up)} sent, {volume(did.bytes_down)} received."
    ]
    if usual is None:
        said.append("This SIM was not seen in the week before.")
    else:
        share = "" if usual.up_share is None else f", {100 * usual.up_share:.0f} % of it sent"
        said.append(
            f"This SIM usually: {counted(usual.sessions, 'session')} and {volume(usual.bytes)} a "
            f"day{share}."
        )
    if family is not None:
        said.append(
            f"Its family ({name(family.family)}), 5 to 95 % of SIM-days: "
            f"{amount(family.sessions.low)} to {amount(family.sessions.high)} sessions, "
            f"{volume(family.bytes.low)} to {volume(family.bytes.high)}."
        )
    if did.new_devices:
        said.append(
            f"{counted(did.new_devices, 'device')} that this SIM was not seen in during the week "
            "before."
        )
    if did.new_networks:
        said.append(
            f"Network {names(did.networks.names, did.networks.n)}; in the week before "
            f"{_networks(story)}."
        )
    if did.failed and did.failed >= 0.2 * did.sessions:
        before = "" if usual is None else f", usually {100 * usual.failed_share:.0f} %"
        said.append(f"{100 * did.failed / did.sessions:.0f} % of sessions failed{before}.")
    if did.speed_kmh > 200 and story.kind != "clone":
        said.append(
            f"{amount(did.distance_km)} km from cell to cell at {amount(did.speed_kmh)} km/h."
        )
    if did.sms_sent > 3 and story.kind != "sms_pumping":
        said.append(f"{did.sms_sent:,} messages sent.")
    if usual is not None and usual.sms_last_day > max(3.0, 3 * usual.sms_sent):
        said.append(
            f"{usual.sms_last_day:,} messages sent in the 24 hours before; usually "
            f"{amount(usual.sms_sent)} a day."
        )
    if did.cost and did.cost >= 0.01:
        said.append(f"Cost: {amount(did.cost)}.")
    return tuple(said)


def place(hours: PlaceHours) -> str:
    """Say what is unlike the usual at a cell or an operator: how many, what failed, how slow."""
    said = [f"{counted(hours.sessions, 'session')}, usually {amount(hours.usual_sessions)}"]
    if hours.failed_share > hours.usual_failed_share:
        share, before = 100 * hours.failed_share, round(100 * hours.usual_failed_share, 1)
        said.append(f"{share:.0f} % of them failed, usually {amount(before)} %")
    now, usual = hours.throughput, hours.usual_throughput
    if now is not None and usual is not None and now < usual:
        said.append(f"{volume(now)}/s, usually {volume(usual)}/s")
    return "; ".join(said)


def case(of: list[Story], sims: int) -> str:
    """Say what a case is in one sentence; of one alert its headline."""
    if len(of) == 1:
        return of[0].headline
    first = of[0]
    lead = _LEADS.get(first.kind) or f"Probably {title(first.kind)}"
    fleet = f" of fleet {name(first.customer)}" if first.customer else ""
    since, until = min(s.opened for s in of), max(s.opened for s in of)
    hours = lasting(max(60.0, (until - since).total_seconds()))
    within = f"within {hours}" if until > since else "at once"
    what = ""
    if first.silence is not None:
        what = f"; the longest: {_quiet(first).split(';')[0]}"
    elif first.happened is not None:
        what = f"; the highest: {_main(first, first.happened)}"
    if sims == 1:
        return f"{lead}: one SIM{fleet}, {len(of)} alerts {within}{what}."
    return f"{lead}: {sims:,} SIMs{fleet} {within}{what}."
