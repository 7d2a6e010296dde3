"""The detector of time series: one pass, no look-ahead, one series or many."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from fastrcf import _fastrcf
from fastrcf import _series_input as read
from fastrcf._parameters import count, names, notes, number, seed
from fastrcf._refusals import named_columns, refuse_untyped
from fastrcf._series_warnings import count_dropped, warn_of_drops, warn_of_order
from fastrcf._writing import write
from fastrcf.detection import Detection, Reason, to_native
from fastrcf.errors import InvalidInputError, InvalidParameterError, NotFittedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from fastrcf._tables import Table

_Core: TypeAlias = "_fastrcf.SeriesDetector | _fastrcf.SeriesSet"
# Of a single column; several are judged row by row unless asked otherwise.
EPISODE, HABITUATION = 100, 6000.0
# With habituation, which makes scores smaller, and without.
THRESHOLD, PLAIN_THRESHOLD = 0.075, 0.3


class SeriesDetector:
    """Finds anomalies in time series as they come.

    Each row is scored by the rows before it, then learnt: one pass, no look-ahead,
    memory that does not grow. It needs no fitting. What the score is, and what the
    parameters do to it, is in docs/series.md.

    Parameters
    ----------
    columns : sequence of str, optional
        Columns to look at; default: every one that holds numbers.
    time_column : str, optional
        Column of times: datetimes, or numbers in seconds. They may be irregular, have
        gaps, repeat or go back; only the slot of the period is read from them. Without
        them there are no slots.
    key_column : str, optional
        Column that tells series apart. Each is as if it were alone.
    period : "day", float or None, default "day"
        After how many seconds a series repeats. A value is compared with its slot: the
        hour of the day; of other periods a 24th or, if longer than a day, an hour. None
        compares with all earlier rows.
    threshold : float, optional
        Score from which on a row is an anomaly, above 0; default 0.075 with
        habituation and 0.3 without. Smaller samples give larger scores.
    alert_rate : float, optional
        Share of rows that should be anomalies, instead of a threshold: above 0 and at
        most 0.5, with episodes at most one row of each. The threshold follows the scores.
        With ``key_column`` it is the share of the rows of all series together, whose
        scores are compared.
    alerts_per_day : float, optional
        The same by the rows of a day, which are followed by ``time_column``.
    trailing : int, default 48
        Rows of the window whose mean and standard deviation are looked at, 2 to 4096.
    warm_up : int, default 32
        Rows that are learnt before the first is scored, 2 to 4096.
    episode : int, None or "auto", default "auto"
        Rows after a find that are part of it unless they are clearly more unusual;
        None for no episodes. ``"auto"``: 100 for one column, None for several.
    habituation : float, None or "auto", default "auto"
        Rows after which a past find makes others like it count only 1/e as much less;
        None for no habituation. ``"auto"``: 6000 where there are episodes, else None.
    kappa, exponent : float, default 0.5 and 0.45
        With ``c`` past finds like it, a find counts ``(1 + c / kappa) ** -exponent``.
    n_trees : int, default 50
        Trees.
    sample_size : int, default 2048
        Rows that each tree holds: how long the detector remembers. A series of one
        column takes about 9 MB by default, and 90 bytes a tree and row (docs/series.md).
    time_decay : float, default 1e-4
        Decay of a row's weight with each row that passes.
    max_series : int, default 100
        Most series of a ``key_column`` that are held. One more takes the place of the
        one whose last row is the longest ago, with a warning; see ``n_dropped``.
    random_state : None, int or numpy generator
        The same seed and rows give the same scores on any machine.
    n_threads : int, optional
        Threads; default: what the process may use. Never changes a result.

    Examples
    --------
    >>> import numpy as np, fastrcf
    >>> load = np.sin(np.arange(2000) * 0.3)
    >>> load[1500] = 4.0
    >>> detector = fastrcf.SeriesDetector(sample_size=256, random_state=7)
    >>> found = detector.process(load)
    >>> bool(found.is_anomaly[1500])
    True
    """

    def __init__(
        self,
        columns: Sequence[str] | None = None,
        *,
        time_column: str | None = None,
        key_column: str | None = None,
        period: Literal["day"] | float | None = "day",
        threshold: float | None = None,
        alert_rate: float | None = None,
        alerts_per_day: float | None = None,
        trailing: int = 48,
        warm_up: int = 32,
        episode: int | Literal["auto"] | None = "auto",
        habituation: float | Literal["auto"] | None = "auto",
        kappa: float = 0.5,
        exponent: float = 0.45,
        n_trees: int = 50,
        sample_size: int = 2048,
        time_decay: float = 1e-4,
        max_series: int = 100,
        random_state: Any = None,
        n_threads: int | None = None,
    ) -> None:
        if isinstance(period, str) and period != "day":
            raise InvalidParameterError(f"period: {period!r} is neither 'day' nor seconds")
        self._wanted = None if columns is None else names("columns", columns)
        if self._wanted == []:
            raise InvalidParameterError("columns: expected at least one name")
        if self._wanted is not None and len(set(self._wanted)) != len(self._wanted):
            raise InvalidParameterError("columns: a name occurs twice")
        self._time = None if time_column is None else str(time_column)
        self._key = None if key_column is None else str(key_column)
        self._max_series = count("max_series", max_series, 1)
        self._episode = _rows("episode", episode)
        self._habituation = _time("habituation", habituation)
        self._threshold = None if threshold is None else number("threshold", threshold)
        asked = {"alert_rate": alert_rate, "alerts_per_day": alerts_per_day}
        budget = {
            name: None if value is None else number(name, value) for name, value in asked.items()
        }
        _one_of(threshold, budget)
        if alerts_per_day is not None and time_column is None:
            raise InvalidParameterError("alerts_per_day: needs time_column")
        if period == "day":
            period = read.DAY
        self._engine: dict[str, Any] = {
            "n_trees": count("n_trees", n_trees, 1),
            "sample_size": count("sample_size", sample_size, 2),
            "time_decay": number("time_decay", time_decay),
            "period": None if period is None else number("period", period),
            "trailing": count("trailing", trailing, 2),
            "warm_up": count("warm_up", warm_up, 2),
            "kappa": number("kappa", kappa),
            "exponent": number("exponent", exponent),
            **budget,
            "seed": seed(random_state),
            "n_threads": 0 if n_threads is None else count("n_threads", n_threads, 1),
        }
        self._core: _Core | None = None
        self._names: list[str] = []
        self._lock = threading.Lock()
        # Parameters are checked at once, if only as those of one column.
        made = self._make(self._wanted or [read.UNNAMED])
        if self._wanted is not None:
            self._core, self._names = made, self._wanted

    @classmethod
    def _of(cls, core: _Core) -> SeriesDetector:
        """Wrap the engine's detector."""
        engine = core.parameters()
        if engine["alert_rate"] is not None or engine["alerts_per_day"] is not None:
            # Where the threshold began follows from the other parameters.
            engine.pop("threshold")
        detector = cls(
            core.columns(),
            random_state=engine.pop("seed"),
            n_threads=engine.pop("n_threads") or None,
            max_series=core.max_series if isinstance(core, _fastrcf.SeriesSet) else 100,
            **engine,
        )
        detector._core = core
        return detector

    def _parameters(self, names: list[str]) -> dict[str, Any]:
        episode, habituation = self._episode, self._habituation
        if episode == "auto":
            episode = EPISODE if len(names) == 1 else None
        if habituation == "auto":
            habituation = None if episode is None else HABITUATION
        threshold = self._threshold
        if threshold is None:
            threshold = PLAIN_THRESHOLD if habituation is None else THRESHOLD
        return {
            **self._engine,
            "episode": episode,
            "habituation": habituation,
            "threshold": threshold,
            "time_column": self._time,
            "key_column": self._key,
        }

    def _make(self, names: list[str]) -> _Core:
        parameters = self._parameters(names)
        if self._key is None:
            return _fastrcf.SeriesDetector(names, parameters)
        return _fastrcf.SeriesSet(names, parameters, self._max_series)

    def process(self, table: Any) -> Any:
        """Score each row by those before it, then learn it.

        Parameters
        ----------
        table : data frame, array, mapping of columns, or one series
            Rows in the order in which they came, which may be one row or many: the
            results are the same. An array or a list of one dimension is one column.

        Returns
        -------
        data frame of the table's kind, or Detection for arrays
            Columns ``score``: by how much a find that begins or grows at this row stands
            out, 0 for rows that tell nothing new, NaN for the warm-up and rows with a
            missing value, which are not learnt; ``grade``: ``score / (score +
            threshold)``, or where a number of alerts is asked for ``1 - p ** (log(2) /
            -log(alert_rate))`` with ``p`` the share of rows that score higher these days;
            0.5 at the threshold, up to 1, 0 where there is no score; ``is_anomaly``:
            whether the score is at least the threshold, or above one that follows the
            scores; ``reasons``: for anomalies the parts of the context that made the
            score, in words. Arrow for DuckDB and mappings.

        Raises
        ------
        InvalidInputError
            Names row and column; nothing has changed.

        Warns
        -----
        UserWarning
            Before anything has changed: if series will be dropped to hold others, and of rows
            out of the order of time where alerts a day are asked for.
        """
        seen = read.as_rows(table)
        # One thread at a time brings it to life; rows of the others come after.
        with self._lock if self._core is None else nullcontext():
            core = self._core
            names = self._choose(seen) if core is None else self._names
            values = read.values(seen, names)
            times = None if self._time is None else read.times(seen, self._time, self._has_days)
            keys = None if self._key is None else read.keys(seen, self._key)
            made = self._make(names) if core is None else core
            if keys is not None and isinstance(made, _fastrcf.SeriesSet):
                warn_of_drops(count_dropped(made, keys), self._max_series)
            if times is not None and self._engine["alerts_per_day"] is not None:
                warn_of_order(times, str(self._time))
            with named_columns(names):
                if isinstance(made, _fastrcf.SeriesDetector):
                    found = made.process(values, times)
                else:
                    found = made.process(keys or [], values, times)
            self._names = names
            self._core = made
        return to_native(self._detection(found), seen)

    @property
    def _has_days(self) -> bool:
        """Whether a second of its times has to be one."""
        return self._engine["period"] == read.DAY or self._engine["alerts_per_day"] is not None

    def _choose(self, table: Table) -> list[str]:
        others = (self._time, self._key)
        refuse_untyped(table, others)
        names = [name for name in table.numeric() if name not in others]
        if not names:
            raise InvalidInputError("the table has no column that holds numbers; name some")
        return names

    def _detection(self, found: Any) -> Detection:
        score, grade, alerts, why = found
        is_anomaly = np.zeros(len(score), dtype=bool)
        is_anomaly[alerts] = True
        reasons: list[list[Reason]] = [[] for _ in range(len(score))]
        for row, parts in zip(alerts.tolist(), why, strict=True):
            reasons[row] = [
                Reason(
                    self._names[column],
                    share,
                    "high" if high else "low",
                    value,
                    None if np.isnan(usual[0]) else usual[0],
                    None if np.isnan(usual[1]) else usual[1],
                    None,
                    None,
                    text,
                )
                for column, share, high, value, usual, _, text in parts
            ]
        return Detection(score, grade, is_anomaly, reasons)

    def _begun(self) -> _Core:
        if self._core is None:
            raise NotFittedError("this detector has seen no row and does not know its columns")
        return self._core

    @property
    def columns(self) -> list[str]:
        """The columns looked at; known from the first row on unless they were named."""
        self._begun()
        return list(self._names)

    @property
    def time_column(self) -> str | None:
        """The column of times."""
        return self._time

    @property
    def key_column(self) -> str | None:
        """The column that tells series apart."""
        return self._key

    @property
    def threshold(self) -> float:
        """Score from which on a row is an anomaly; may be set at any time.

        Until columns are known, by default that of a single column. Where a number of
        alerts is asked for, the score above which the next row is one if there is room
        for it; it cannot be set then.
        """
        core = self._core
        if core is not None:
            return core.threshold
        return float(self._parameters([read.UNNAMED])["threshold"])

    @threshold.setter
    def threshold(self, threshold: float) -> None:
        threshold = number("threshold", threshold)
        _one_of(threshold, self._engine)
        if self._core is None:
            before, self._threshold = self._threshold, threshold
            try:
                self._make([read.UNNAMED])
            except InvalidParameterError:
                self._threshold = before
                raise
        else:
            self._core.set_threshold(threshold)

    @property
    def alert_rate(self) -> float | None:
        """Share of rows that should be anomalies; None where a threshold decides.

        Of ``alerts_per_day`` the share by the rows of the last days, None before time has
        passed.
        """
        return self._engine["alert_rate"] if self._core is None else self._core.alert_rate

    @property
    def alerts_per_day(self) -> float | None:
        """Alerts of a day that were asked for."""
        asked: float | None = self._engine["alerts_per_day"]
        return asked

    @property
    def confidence(self) -> float:
        """How far the alerts of a young detector can be trusted, between 0 and 1.

        The part of its memory that it has filled: below a third of 2,048 rows alerts come
        several times as often (docs/series.md); of several series their mean. Where a
        number of alerts is asked for, a tenth for each that was to be expected so far.
        """
        return 0.0 if self._core is None else self._core.confidence

    @property
    def n_seen(self) -> int:
        """Rows seen."""
        return self._counts()[0]

    @property
    def n_missing(self) -> int:
        """Rows with a missing value, of the series held: neither scored nor learnt."""
        return self._counts()[1]

    @property
    def n_repeated(self) -> int:
        """Rows, of the series held, whose time is that of the row before."""
        return self._counts()[2]

    @property
    def n_backward(self) -> int:
        """Rows, of the series held, whose time is before that of the row before."""
        return self._counts()[3]

    def _counts(self) -> tuple[int, int, int, int]:
        return (0, 0, 0, 0) if self._core is None else self._core.counts()

    def _set(self) -> _fastrcf.SeriesSet | None:
        return self._core if isinstance(self._core, _fastrcf.SeriesSet) else None

    @property
    def n_series(self) -> int:
        """Series held; 1 without a ``key_column`` once a row has come."""
        held = self._set()
        return min(1, self.n_seen) if held is None else held.n_series

    @property
    def n_dropped(self) -> int:
        """Series dropped to hold others; each begins anew if it comes back."""
        held = self._set()
        return 0 if held is None else held.n_dropped

    def series(self) -> list[str]:
        """Give the keys of the series held, sorted; none without a ``key_column``."""
        held = self._set()
        return [] if held is None else sorted(held.keys())

    @property
    def notes(self) -> Mapping[str, str]:
        """Texts by name that travel with the model, as those of a Detector."""
        return MappingProxyType({} if self._core is None else self._core.notes())

    @notes.setter
    def notes(self, given: Mapping[str, str]) -> None:
        self._begun().set_notes(notes(given))

    def memory_usage(self) -> int:
        """Bytes that the detector takes."""
        return 0 if self._core is None else self._core.memory_usage()

    def save(self, path: str | PathLike[str]) -> None:
        """Write the detector to a model file, whole or not at all."""
        write(path, bytes(self))

    def __bytes__(self) -> bytes:
        return self._begun().to_bytes()

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        state["_core"] = None if self._core is None else self._core.to_bytes()
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()
        if state["_core"] is not None:
            core = _fastrcf.loads(state["_core"])
            if not isinstance(core, (_fastrcf.SeriesDetector, _fastrcf.SeriesSet)):
                raise InvalidInputError("the pickled model is no detector of series")
            core.set_threads(self._engine["n_threads"])
            self._core = core

    def __repr__(self) -> str:
        if self._core is None:
            return "SeriesDetector(no row seen)"
        held = "" if self._set() is None else f"{self.n_series} series, "
        return (
            f"SeriesDetector({len(self._names)} columns, {held}{self.n_seen} rows seen, "
            f"threshold={self.threshold:.4g})"
        )


def _one_of(threshold: float | None, budget: Mapping[str, Any]) -> None:
    """Refuse to have alerts decided by more than one of these."""
    asked = [name for name in ("alert_rate", "alerts_per_day") if budget[name] is not None]
    if threshold is not None:
        asked.append("threshold")
    if len(asked) > 1:
        raise InvalidParameterError(f"{asked[0]} and {asked[1]}: give one of them")


def _rows(name: str, value: Any) -> int | Literal["auto"] | None:
    if value is None or value == "auto":
        return None if value is None else "auto"
    return count(name, value, 1)


def _time(name: str, value: Any) -> float | Literal["auto"] | None:
    if value is None or value == "auto":
        return None if value is None else "auto"
    return number(name, value)
