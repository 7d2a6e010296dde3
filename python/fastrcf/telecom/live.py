"""Sessions judged one by one, as they come: the scores of tables, without waiting for the night.

A record's features come from :class:`~fastrcf.telecom.stream.FeatureStream`; its score is the
detector's, of what the SIM did in the hours before. Alerts open as they do in tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

import polars as pl

from fastrcf.errors import InvalidInputError, InvalidParameterError, NotFittedError
from fastrcf.telecom import kinds
from fastrcf.telecom.stream import FeatureStream
from fastrcf.telecom.timeline import KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fastrcf.detection import Reason
    from fastrcf.telecom.detection import SessionDetector
    from fastrcf.telecom.peers import PeerTable

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES: Final = tuple(name for name in KEYS if name not in ("start_ts", "label", "incident"))


@dataclass(frozen=True)
class Judged:
    """What is said of one session.

    Attributes
    ----------
    session_id, sim_id : str
        As the record has them.
    start_ts : datetime
        When it began, UTC.
    score : float
        As ``SessionDetector.score`` gives it.
    alerting : bool
        Whether it is above the threshold.
    opens : bool
        Whether it opens an alert; false of those that join one.
    kind : str
        What an alerting session probably is, by its own reasons; empty of others.
    reasons : list of Reason
        Of an alerting session, the largest part first; empty of others.
    features : dict of str to float
        What the detector looks at, by name.
    """

    session_id: str
    sim_id: str
    start_ts: datetime
    score: float
    alerting: bool
    opens: bool
    kind: str
    reasons: list[Reason]
    features: dict[str, float]


class SessionStream:
    """Judges sessions record by record; it can be pickled and goes on where it was.

    Parameters
    ----------
    detector : SessionDetector
        Fitted, or loaded.
    threshold : float, optional
        Sessions above it alert; default: the one that was fitted. It stays as it is.
    timezone, peers, learn, group, late_days, most_records
        As :class:`~fastrcf.telecom.stream.FeatureStream` takes them.

    Raises
    ------
    NotFittedError
        If the detector has not learnt anything.
    InvalidParameterError
        If the threshold is no number, or the detector needs peers and there are to be none.

    Notes
    -----
    Push what a SIM did in the week before, too, and leave out what is said of it: a stream that
    begins empty knows no habits. Of sessions of a SIM that begin at the same instant each sees
    those that came before it or with it, where a table shows all of them to each. SIMs that fall
    silent send no record: ``silence.py`` tells them of tables.
    """

    def __init__(
        self,
        detector: SessionDetector,
        *,
        threshold: float | None = None,
        timezone: str = "UTC",
        peers: PeerTable | Literal["learn"] | None = "learn",
        learn: bool = True,
        group: tuple[str, ...] = ("customer", "family"),
        late_days: float = 1.0,
        most_records: int = 200_000,
    ) -> None:
        self.threshold = detector.threshold if threshold is None else float(threshold)
        if threshold is None and self.threshold != self.threshold:
            raise NotFittedError("fit the detector first, or load one")
        if self.threshold != self.threshold:
            raise InvalidParameterError("threshold: NaN is no threshold")
        self.detector = detector
        self._features = FeatureStream(
            timezone=timezone,
            peers=peers,
            learn=learn,
            group=group,
            features=detector.features,
            late_days=late_days,
            most_records=most_records,
        )
        # Of each SIM: its sessions of the last hours with their features, and its last alert.
        self._keep = detector.look_back + timedelta(days=late_days)
        self._lately: dict[str, list[dict[str, Any]]] = {}
        self._alerted: dict[str, datetime] = {}

    def push(self, record: Mapping[str, Any]) -> Judged:
        """Take a record and judge it.

        Parameters
        ----------
        record : mapping
            As ``FeatureStream.push`` takes it.

        Raises
        ------
        InvalidInputError
            If the record is none, or later than may be. Nothing has changed.
        """
        answer = self.push_all([record])[0]
        if isinstance(answer, InvalidInputError):
            raise answer
        return answer

    def push_all(self, records: Iterable[Mapping[str, Any]]) -> list[Judged | InvalidInputError]:
        """Take records in their order and judge each; many times faster than one by one.

        Parameters
        ----------
        records : iterable of mapping
            As ``FeatureStream.push`` takes them.

        Returns
        -------
        list of Judged or InvalidInputError
            One for each record. One that is refused is answered by why, and changes nothing.
        """
        answers: list[Judged | InvalidInputError | None] = []
        rows: list[dict[str, Any]] = []
        # All of them before the first changes anything: what gives them may fail.
        for record in list(records):
            try:
                found = self._features.push(record)
            except InvalidInputError as error:
                answers.append(error)
                continue
            row = {name: _text(record.get(name)) for name in _NAMES}
            rows.append(row | {"start_ts": _moment(record["start_ts"])} | found)
            answers.append(None)
        told = iter(self._judged(rows))
        return [next(told) if answer is None else answer for answer in answers]

    def _judged(self, rows: list[dict[str, Any]]) -> list[Judged]:
        """Judge new rows, after what their SIMs did in the hours before."""
        if not rows:
            return []
        earlier = self._earlier(rows)
        frame = self._frame([*earlier, *rows])
        scores = self.detector.score(frame)["score"].to_list()[len(earlier) :]
        above = [i for i, score in enumerate(scores) if score > self.threshold]
        why = (
            dict(
                zip(
                    above,
                    self.detector.explain(frame[[len(earlier) + i for i in above]]),
                    strict=True,
                )
            )
            if above
            else {}
        )
        return [
            self._told(row, score, why.get(i))
            for i, (row, score) in enumerate(zip(rows, scores, strict=True))
        ]

    def _earlier(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Give the rows kept of the SIMs of new ones, as far as they count, and keep the new."""
        first: dict[str, datetime] = {}
        for row in rows:
            sim, start = row["sim_id"], row["start_ts"]
            first[sim] = min(start, first.get(sim, start))
        earlier = [
            one
            for sim, start in first.items()
            for one in self._lately.get(sim, ())
            if one["start_ts"] > start - self.detector.look_back
        ]
        for row in rows:
            self._lately.setdefault(row["sim_id"], []).append(row)
        for sim in first:
            kept = self._lately[sim]
            newest = max(one["start_ts"] for one in kept)
            self._lately[sim] = [one for one in kept if one["start_ts"] > newest - self._keep]
        return earlier

    def _told(self, row: dict[str, Any], score: float, why: list[Reason] | None) -> Judged:
        sim, start = row["sim_id"], row["start_ts"]
        kind, opens = "", False
        if why is not None:
            kind = str(kinds.name([why], [row])[0])
            last = self._alerted.get(sim)
            opens = last is None or start - last > self.detector.alert_rule.quiet
            self._alerted[sim] = start if last is None else max(last, start)
        return Judged(
            session_id=row["session_id"],
            sim_id=sim,
            start_ts=start,
            score=score,
            alerting=why is not None,
            opens=opens,
            kind=kind,
            reasons=why or [],
            features={name: row[name] for name in self.detector.features},
        )

    def forget(self, before: datetime) -> int:
        """Drop SIMs without a record since then; returns how many."""
        n = self._features.forget(before)
        self._lately = {
            sim: rows
            for sim, rows in self._lately.items()
            if max(one["start_ts"] for one in rows) >= before
        }
        # An alert that is over needs not be remembered.
        over = before - self.detector.alert_rule.quiet
        self._alerted = {sim: at for sim, at in self._alerted.items() if at >= over}
        return n

    @property
    def n_records(self) -> int:
        """Records that are kept for features."""
        return self._features.n_records

    def _frame(self, rows: list[dict[str, Any]]) -> pl.DataFrame:
        types: dict[str, Any] = dict.fromkeys(_NAMES, pl.String)
        types |= {"start_ts": pl.Datetime("us", "UTC")}
        types |= dict.fromkeys(self.detector.features, pl.Float32)
        return pl.DataFrame(rows, schema=types)


def _text(value: Any) -> str | None:
    return None if value is None or value != value else str(value)


def _moment(when: Any) -> datetime:
    if isinstance(when, datetime):
        return when.astimezone(UTC)
    return _EPOCH + timedelta(microseconds=int(when))
