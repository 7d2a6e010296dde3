"""Counts of what came of requests; bounded, however many there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastrcf.traffic.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Sequence

# Kinds of errors that are told apart; further ones are counted together.
_MOST_KINDS = 40
_MOST_TEXT = 200


@dataclass
class Failure:
    """A kind of error.

    Attributes
    ----------
    kind : str
        Such as ``status``, ``timeout``, ``reset``.
    status : int or None
        Of HTTP, where there was an answer.
    count : int
        How often.
    example : str
        What the first one said.
    """

    kind: str
    status: int | None
    count: int
    example: str


@dataclass
class Confusion:
    """Decisions against the truth, by rows."""

    true_alerts: int = 0
    false_alerts: int = 0
    missed: int = 0
    passed: int = 0

    def add(self, alerts: Sequence[bool], truth: Sequence[bool]) -> None:
        """Count rows."""
        for alert, is_fraud in zip(alerts, truth, strict=True):
            if alert:
                self.true_alerts += is_fraud
                self.false_alerts += not is_fraud
            else:
                self.missed += is_fraud
                self.passed += not is_fraud

    @property
    def rows(self) -> int:
        """Rows that were counted."""
        return self.true_alerts + self.false_alerts + self.missed + self.passed

    @property
    def precision(self) -> float | None:
        """Share of alerts that are frauds; None without alerts."""
        alerts = self.true_alerts + self.false_alerts
        return self.true_alerts / alerts if alerts else None

    @property
    def recall(self) -> float | None:
        """Share of frauds that are alerts; None without frauds."""
        frauds = self.true_alerts + self.missed
        return self.true_alerts / frauds if frauds else None


@dataclass
class Tally:
    """What came of requests so far.

    Attributes
    ----------
    due, sent, good, failed : int
        Requests; those that no slot was free for are due and failed, but not sent.
    rows : int
        Of good answers.
    in_flight : int
        Requests that wait for their answers.
    bytes_sent, bytes_received : int
        Of bodies.
    from_due, from_sent, delay : Histogram
        Seconds to the answer's end, failed or not, from when the request was due and from
        when it was sent; and from due to sent.
    """

    due: int = 0
    sent: int = 0
    good: int = 0
    failed: int = 0
    rows: int = 0
    in_flight: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    last_sent: float = 0.0
    from_due: Histogram = field(default_factory=Histogram)
    from_sent: Histogram = field(default_factory=Histogram)
    delay: Histogram = field(default_factory=Histogram)
    confusion: Confusion = field(default_factory=Confusion)
    _failures: dict[tuple[str, int | None], Failure] = field(default_factory=dict)

    def fail(self, kind: str, status: int | None, text: str) -> None:
        """Count an error."""
        self.failed += 1
        key = (kind, status)
        if key not in self._failures and len(self._failures) >= _MOST_KINDS:
            key = ("other", None)
        found = self._failures.setdefault(key, Failure(*key, 0, printable(text)))
        found.count += 1

    @property
    def failures(self) -> list[Failure]:
        """Kinds of errors, the most frequent first."""
        return sorted(self._failures.values(), key=lambda one: -one.count)

    @property
    def error_share(self) -> float:
        """Of the requests whose end is known, those that failed."""
        ended = self.good + self.failed
        return self.failed / ended if ended else 0.0


def printable(text: Any) -> str:
    """Make a text of a server safe to show: one line, no control characters."""
    shown = "".join(c if c.isprintable() else " " for c in str(text)[: 2 * _MOST_TEXT])
    return shown[:_MOST_TEXT].strip()
