"""Features of sessions one by one, as they come: the same values as those of tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from fastrcf.errors import InvalidParameterError
from fastrcf.telecom import catalogue, checked
from fastrcf.telecom.feature import DAY_MS, WINDOWS, Values
from fastrcf.telecom.peers import SCHEMA, PeerTable
from fastrcf.telecom.stream_peers import LivePeers
from fastrcf.telecom.stream_sim import Sim, read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class FeatureStream:
    """Computes features record by record; it can be pickled and goes on where it was.

    A record that comes late sees what is before it in its SIM's order, and is put in its place
    for those after it; that costs about as much as to push all records that are kept of its SIM.
    Peers count it if its day is at most one day past. Memory is half a kilobyte and more for each
    record that is kept: those of the last 7 days and ``late_days``.

    Parameters
    ----------
    timezone : str, default "UTC"
        IANA name of the zone whose hours and days count.
    peers : PeerTable, "learn" or None, default "learn"
        What is known of peers at first: a table, or nothing; None: without the features that
        need it.
    learn : bool, default True
        Whether records are counted as peers of later ones. False: the table stays as it is.
    group : sequence of str, default ("customer", "family")
        What makes a group of peers, where there is no table.
    features : sequence of str, optional
        Which; default: all.
    late_days : float, default 1
        How late a record may be on its SIM, in [0, 365].
    most_records : int, default 200,000
        Records of a SIM that are kept at most; windows of a SIM with more see only these.

    Raises
    ------
    InvalidParameterError
        If a parameter is out of its range.
    """

    def __init__(
        self,
        *,
        timezone: str = "UTC",
        peers: PeerTable | Literal["learn"] | None = "learn",
        learn: bool = True,
        group: Sequence[str] = ("customer", "family"),
        features: Sequence[str] | None = None,
        late_days: float = 1.0,
        most_records: int = 200_000,
    ) -> None:
        try:
            self._zone = ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise InvalidParameterError(f"timezone: {timezone!r} is none") from None
        if not 0 <= late_days <= 365:
            raise InvalidParameterError(f"late_days: {late_days} is not in [0, 365]")
        if most_records < 2:
            raise InvalidParameterError(f"most_records: {most_records} is less than 2")
        if peers == "learn":
            peers = PeerTable(SCHEMA.to_frame(), timezone=timezone, group=group)
        if isinstance(peers, PeerTable) and peers.timezone != timezone:
            raise InvalidParameterError(
                f"peers: the table has days of {peers.timezone}, not of {timezone}"
            )
        self._peers = None if peers is None else LivePeers(peers, learn=learn)
        self._features = catalogue.chosen(
            None if features is None else list(features), peers=peers is not None
        )
        self._keep = (WINDOWS["7d"] + int(late_days * DAY_MS)) * 1000
        self._most = most_records
        self._sims: dict[str, Sim] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in order."""
        return tuple(feature.name for feature in self._features)

    @property
    def n_records(self) -> int:
        """Records that are kept."""
        return sum(len(sim) for sim in self._sims.values())

    def push(self, record: Mapping[str, Any]) -> dict[str, float]:
        """Take a record and give its features.

        Parameters
        ----------
        record : mapping
            The columns of the schema; times are datetimes with a zone, or microseconds since
            1970.

        Returns
        -------
        dict
            By name; single precision, as the features of tables.

        Raises
        ------
        InvalidInputError
            If it has no session_id, sim_id, start_ts or end_ts, a value is not as the schema has
            it, or it is later than may be. Nothing has changed.
        """
        row = checked.record(record)
        start, end, name = row["start_ts"], row["end_ts"], row["sim_id"]
        sim = self._sims.get(name)
        if sim is None:
            sim = Sim(self._keep, self._most)
        facts = sim.push(read(row, start, end, start + self._offset(start)))
        self._sims[name] = sim
        if self._peers is not None:
            facts |= self._peers.facts(row, facts, start)
        values = Values(facts)
        found = np.array([f.value(values) for f in self._features]).astype(np.float32)
        return dict(zip(self.names, found.tolist(), strict=True))

    def forget(self, before: datetime) -> int:
        """Drop SIMs without a record since then; returns how many."""
        time = checked.micros(before, "before")
        old = [name for name, sim in self._sims.items() if sim.last_start < time]
        for name in old:
            del self._sims[name]
        return len(old)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_features": list(self.names)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        features = catalogue.chosen(state["_features"], peers=True)
        self.__dict__ |= state | {"_features": features}

    def _offset(self, start: int) -> int:
        there = (_EPOCH + timedelta(microseconds=start)).astimezone(self._zone)
        offset = there.utcoffset()
        return 0 if offset is None else offset // _MICROSECOND
