"""What a run came to, for people and for machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastrcf.errors import InvalidParameterError
from fastrcf.traffic import bars

if TYPE_CHECKING:
    from fastrcf.traffic.histogram import Histogram
    from fastrcf.traffic.run import Ran
    from fastrcf.traffic.schedule import Schedule

_FORGIVEN = 0.1
QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.999)


@dataclass(frozen=True)
class Verdict:
    """What a run has to keep to.

    Attributes
    ----------
    error_budget : float
        Share of requests that may fail, in [0, 1].
    rate_tolerance : float
        How far the rate may be off, as a share.
    """

    error_budget: float = 0.01
    rate_tolerance: float = 0.02

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        for name in ("error_budget", "rate_tolerance"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidParameterError(f"{name} is {getattr(self, name)!r}, must be in [0, 1]")


@dataclass(frozen=True)
class Report:
    """A run, told.

    Attributes
    ----------
    url, form, started : str
        What was called, how, and since when (UTC).
    schedule : Schedule
        When requests were due.
    ran : Ran
        What came of them.
    verdict : Verdict
        What they had to keep to.
    """

    url: str
    form: str
    started: str
    schedule: Schedule
    ran: Ran
    verdict: Verdict

    @property
    def rate_sent(self) -> float:
        """Requests a second that were sent."""
        return self.ran.tally.sent / self.ran.seconds if self.ran.seconds > 0 else 0.0

    @property
    def rate_off(self) -> float:
        """How far fewer were sent than were due by then, as a share; 0 or less.

        Of a whole run, what was due is what was asked. Requests that are sent late stretch
        the run, and so lower the rate; a tenth of a second of it is forgiven, which says
        nothing of a rate.
        """
        tally, asked = self.ran.tally, self.schedule.rate
        if self.ran.interrupted or not self.ran.seconds:
            return tally.sent / tally.due - 1 if tally.due else 0.0
        seconds = max(self.schedule.duration, self.ran.seconds - _FORGIVEN)
        return min(0.0, tally.sent / seconds / asked - 1)

    @property
    def within_budget(self) -> bool:
        """Whether few enough requests failed."""
        return self.ran.tally.error_share <= self.verdict.error_budget

    @property
    def kept_rate(self) -> bool:
        """Whether requests were sent at the rate asked."""
        return abs(self.rate_off) <= self.verdict.rate_tolerance

    @property
    def is_good(self) -> bool:
        """Whether both hold."""
        return self.within_budget and self.kept_rate

    def to_dict(self) -> dict[str, Any]:
        """Give all figures as JSON holds them; latencies in milliseconds."""
        tally = self.ran.tally
        found: dict[str, Any] = {
            "url": self.url,
            "form": self.form,
            "started": self.started,
            "seconds": round(self.ran.seconds, 3),
            "interrupted": self.ran.interrupted,
            "seed": self.schedule.seed,
            "burst": self.schedule.burst,
            "requests": {
                "due": tally.due,
                "sent": tally.sent,
                "good": tally.good,
                "failed": tally.failed,
            },
            "rows": tally.rows,
            "rate": {
                "asked": self.schedule.rate,
                "sent": round(self.rate_sent, 3),
                "off": round(self.rate_off, 5),
                "kept": self.kept_rate,
            },
            "latency_ms": {
                "from_due": _figures(tally.from_due),
                "from_sent": _figures(tally.from_sent),
                "sent_late": _figures(tally.delay),
            },
            "bytes": {"sent": tally.bytes_sent, "received": tally.bytes_received},
            "errors": {
                "share": round(tally.error_share, 6),
                "budget": self.verdict.error_budget,
                "within_budget": self.within_budget,
                "kinds": [vars(failure) for failure in tally.failures],
            },
            "detection": None,
            "histogram_ms": [[round(s * 1e3, 3), count] for s, count in tally.from_due.buckets()],
            "good": self.is_good,
        }
        if tally.confusion.rows:
            told = tally.confusion
            found["detection"] = {
                "rows": told.rows,
                "frauds": told.true_alerts + told.missed,
                "alerts": told.true_alerts + told.false_alerts,
                "true_alerts": told.true_alerts,
                "precision": told.precision,
                "recall": told.recall,
            }
        return found

    def __str__(self) -> str:
        """Tell it to people."""
        return "\n".join(_lines(self))


def _figures(histogram: Histogram) -> dict[str, float | None]:
    found = {"mean": histogram.mean}
    found |= {f"p{100 * share:g}": histogram.quantile(share) for share in QUANTILES}
    found["max"] = histogram.most if histogram.count else None
    return {name: None if s is None else round(s * 1e3, 3) for name, s in found.items()}


def _lines(report: Report) -> list[str]:
    tally = report.ran.tally
    off = f"{report.rate_off:+.1%}"
    lines = [
        f"{report.url} ({report.form})" + (", interrupted" if report.ran.interrupted else ""),
        f"{tally.sent:,} requests in {report.ran.seconds:.1f} s: {report.rate_sent:,.1f} a second, "
        f"{report.schedule.rate:,g} asked ({off}{'' if report.kept_rate else ', not kept'})",
        f"{tally.good:,} good answers for {tally.rows:,} rows, {tally.failed:,} errors "
        f"({tally.error_share:.2%}, budget {report.verdict.error_budget:.2%})",
        "",
        "ms            " + "".join(f"{name:>10}" for name in _figures(tally.from_due)),
    ]
    for title, histogram in (
        ("from due", tally.from_due),
        ("from sent", tally.from_sent),
        ("sent late", tally.delay),
    ):
        shown = (
            "-" if value is None else f"{value:,.1f}" for value in _figures(histogram).values()
        )
        lines.append(f"{title:14}" + "".join(f"{value:>10}" for value in shown))
    drawn = bars.lines(tally.from_due)
    if drawn:
        lines += ["", f"{'ms from due':20}{'requests':>10}", *drawn]
    if tally.failures:
        lines += ["", f"{'error':12}{'status':>8}{'count':>10}  first one"]
        for one in tally.failures:
            status = "" if one.status is None else str(one.status)
            lines.append(f"{one.kind:12}{status:>8}{one.count:>10,}  {one.example}")
    told = tally.confusion
    if told.rows:
        alerts, frauds = told.true_alerts + told.false_alerts, told.true_alerts + told.missed
        lines += [
            "",
            f"{frauds:,} frauds in {told.rows:,} rows, {alerts:,} alerts: "
            f"precision {_share(told.precision)}, recall {_share(told.recall)}",
        ]
    return lines


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1%}"
