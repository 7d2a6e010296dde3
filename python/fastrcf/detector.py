"""The detector that users type: columns, scaling, threshold, reasons."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fastrcf import _fastrcf
from fastrcf._alert_rate import AlertRate, days_of, rate_of, span
from fastrcf._parameters import check_kind, count, flag, names, notes, number, seed
from fastrcf._refusals import named_columns, refuse_untyped
from fastrcf._tables import Table, as_batches, as_table
from fastrcf._writing import write
from fastrcf.detection import Detection, Reason, Relation, to_native
from fastrcf.errors import (
    InvalidInputError,
    InvalidParameterError,
    NotReadyError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from fastrcf._typing import Floats

SCALINGS = ("auto", "none", "standard", "robust", "log-robust", "log", "rank")
RELATIONS = ("auto", "off")
ALERT_RATE = 0.001


class Detector(AlertRate):
    """Finds unusual rows in tables and streams, and says why they are.

    Parameters
    ----------
    columns : sequence of str, optional
        Columns to look at; default: every one that holds numbers. Columns of
        text that are named here are taken as categories.
    categorical : sequence of str, default ()
        Further columns to take as categories, whatever they hold. A category
        counts by its rarity: ``log2(rows / its rows)``.
    scaling : str or mapping of str to str, default "auto"
        How columns are made comparable: ``"none"``, ``"standard"`` (mean and
        standard deviation), ``"robust"`` (median and quartiles),
        ``"log-robust"`` (the same of ``sign(x) ln(1 + |x|)``), ``"log"`` (that
        logarithm less its median), ``"rank"``, or ``"auto"``: half of the trees see
        log-robust where values are never negative and heavy-tailed, else standard;
        the other half log. A mapping says it by column, ``"auto"`` for the others.
    score : str, default "auto"
        What the score is: ``"auto"``, the local range and half the expected
        inverse depth, which ranks best on tables; or ``"expected_inverse_depth"``,
        ``"local_range"`` or ``"displacement"``, see :meth:`RandomCutForest.score`.
    relations : {"auto", "off"}, default "auto"
        Whether near-exact linear relations between columns of numbers, as
        ``max - min - width``, are looked for and watched like columns. They need at
        least ten rows a column, and at most 128 columns.
    alert_rate : float, default 0.001
        Share of rows that should be alerts, above 0 and at most 0.5.
    alerts_per_day : float, optional
        Alerts per day instead of ``alert_rate``; needs ``time_column``. It is made a share
        of rows, once, by the rows a day of the table that is fitted: on days of twice as
        many rows there are twice as many alerts. :class:`AlertLimit` keeps to a number by the day.
    time_column : str, optional
        A column of times (datetimes, numbers in seconds, or texts of either in ISO 8601).
        It is not looked at by the forest.
    track_threshold : bool, default True
        Whether the threshold follows the scores of a stream (:meth:`process`), so that
        alerts keep their rate as the world drifts: any ``10 / alert_rate`` rows have
        eight to twelve of them, as long as scores can be told apart.
    time_decay : float, default 0
        How fast a stream (:meth:`process`) makes the trees forget: a row weighs
        ``exp(-time_decay)`` less with each row that comes after it, at least 0 and at
        most 10⁶. With 0, rows of the stream and those that the detector was fitted to
        all weigh the same, so that after many rows it hardly learns any more; with
        ``1 / n`` the trees hold mostly what the last ``n`` rows were like, once as many
        have come as it was fitted to (65,536 at most count).
    n_trees : int, default 100
        Trees.
    sample_size : int, default 256
        Rows that each tree holds; fewer if there are fewer rows.
    random_state : None, int or numpy generator
        The same seed and rows give the same detector on any machine.
    n_threads : int, optional
        Threads; default: what the process may use. Never changes a result.

    Examples
    --------
    >>> import numpy as np, fastrcf
    >>> rng = np.random.default_rng(0)
    >>> table = {"amount": rng.lognormal(3, 1, 5000), "items": rng.poisson(3, 5000)}
    >>> detector = fastrcf.Detector(random_state=7).fit(table)
    >>> found = detector.detect({"amount": [20.0, 90000.0], "items": [3, 2]})
    >>> found["is_anomaly"].to_pylist()
    [False, True]
    >>> found["reasons"][1][0]["column"].as_py()
    'amount'
    """

    def __init__(
        self,
        columns: Sequence[str] | None = None,
        *,
        categorical: Sequence[str] = (),
        scaling: str | Mapping[str, str] = "auto",
        score: str = "auto",
        relations: str = "auto",
        alert_rate: float = ALERT_RATE,
        alerts_per_day: float | None = None,
        time_column: str | None = None,
        track_threshold: bool = True,
        time_decay: float = 0.0,
        n_trees: int = 100,
        sample_size: int = 256,
        random_state: Any = None,
        n_threads: int | None = None,
    ) -> None:
        if not isinstance(scaling, (str, Mapping)):
            raise InvalidParameterError(
                f"scaling: expected a name, or a mapping of columns to names, found {scaling!r}"
            )
        for name, kind in (
            scaling.items() if not isinstance(scaling, str) else [("scaling", scaling)]
        ):
            if kind not in SCALINGS:
                raise InvalidParameterError(f"{name}: {kind!r} is none of {', '.join(SCALINGS)}")
        if relations not in RELATIONS:
            raise InvalidParameterError(
                f"relations: {relations!r} is none of {', '.join(RELATIONS)}"
            )
        if (alerts_per_day is None) != (time_column is None):
            raise InvalidParameterError("alerts_per_day and time_column: one needs the other")
        if alerts_per_day is not None and alert_rate != ALERT_RATE:
            raise InvalidParameterError("alert_rate and alerts_per_day: give one of them")
        alert_rate = number("alert_rate", alert_rate)
        time_decay = number("time_decay", time_decay)
        if not 0 < alert_rate <= 0.5:
            raise InvalidParameterError(f"alert_rate: {alert_rate} is not above 0 and at most 0.5")
        if not 0 <= time_decay <= 1e6:
            raise InvalidParameterError(f"time_decay: {time_decay} is not between 0 and 1e6")
        if alerts_per_day is not None:
            alerts_per_day = number("alerts_per_day", alerts_per_day)
            if not 0 < alerts_per_day < float("inf"):
                raise InvalidParameterError(f"alerts_per_day: {alerts_per_day} is not above 0")
        self._wanted = None if columns is None else names("columns", columns)
        self._also = names("categorical", categorical)
        self._scaling = scaling
        self._per_day = alerts_per_day
        self._time = None if time_column is None else str(time_column)
        self._engine: dict[str, Any] = {
            "n_trees": count("n_trees", n_trees, 1),
            "sample_size": count("sample_size", sample_size, 2),
            "alert_rate": alert_rate,
            "score": check_kind(score, "score"),
            "relations": relations == "auto",
            "tracks": flag("track_threshold", track_threshold),
            "time_decay": time_decay,
            "seed": seed(random_state),
            "n_threads": 0 if n_threads is None else count("n_threads", n_threads, 1),
        }
        self._core: _fastrcf.Detector | None = None
        self._names: list[str] = []
        self._sums: list[str] = []
        self._categorical: set[str] = set()

    @classmethod
    def _of(cls, core: _fastrcf.Detector) -> Detector:
        """Wrap the engine's detector."""
        features = core.features()
        engine = core.parameters()
        detector = cls(
            [name for name, *_ in features],
            categorical=[name for name, _, kinds, _ in features if kinds >= 0],
            scaling={
                name: scalings[0] if len(scalings) == 1 else "auto"
                for name, scalings, kinds, _ in features
                if kinds < 0
            },
            score=core.score_kind,
            relations="auto" if core.seeks_relations else "off",
            track_threshold=core.tracks,
            time_decay=engine["time_decay"],
            alert_rate=core.alert_rate,
            n_trees=engine["n_trees"],
            sample_size=engine["sample_size"],
            random_state=engine["seed"],
        )
        detector._engine["n_threads"] = engine["n_threads"]
        detector._adopt(core)
        return detector

    def _adopt(self, core: _fastrcf.Detector) -> None:
        features = core.features()
        self._names = [name for name, *_ in features]
        self._sums = [sum_ for sum_, *_ in core.relations()]
        self._categorical = {name for name, _, kinds, _ in features if kinds >= 0}
        self._core = core

    def fit(self, table: Any) -> Detector:
        """Fit scalings, forest and threshold in one pass.

        Parameters
        ----------
        table : data frame, array, mapping of columns, or batches of any of them
            Rows to learn from; they may hold some anomalies. Beyond 65,536 rows
            a uniform sample of that size is kept.

        Returns
        -------
        Detector
            This one.

        Raises
        ------
        InvalidInputError
            Names row and column; the detector is as before.
        NotReadyError
            With fewer than two rows.
        InvalidParameterError
            If ``alerts_per_day`` are more than half of the table's rows a day.

        Warns
        -----
        UserWarning
            Names columns that are left out since they hold numbers as objects of pandas.
        """
        builder: _fastrcf.DetectorBuilder | None = None
        names: list[str] = []
        categorical: set[str] = set()
        first, last = [], []
        done = 0
        for batch in as_batches(table):
            if builder is None:
                names, categorical = self._choose(batch)
                builder = self._builder(names, categorical)
            with named_columns(names, table=batch):
                rows = batch.columns(names, categorical, builder.categories)
                with named_columns(names, done):
                    builder.add(rows)
            done += batch.n_rows
            if self._time is not None and batch.n_rows:
                low, high = span(batch, self._time)
                first.append(low)
                last.append(high)
        if builder is None or builder.n_seen < 2:
            rows = "1 row is" if done == 1 else f"{done} rows are"
            raise NotReadyError(f"{rows} too few to fit to: at least 2 are needed")
        days = None
        if self._per_day is not None:
            days = days_of(str(self._time), first, last)
            builder.set_alert_rate(rate_of(self._per_day, done, days))
        core = builder.finish()
        if days is not None:
            core.set_rows_per_day(done / days)
        self._adopt(core)
        return self

    def _choose(self, table: Table) -> tuple[list[str], set[str]]:
        if self._wanted is not None:
            names = list(self._wanted)
        else:
            refuse_untyped(table, {self._time, *self._also})
            names = [name for name in table.numeric() if name != self._time]
        names += [name for name in self._also if name not in names]
        for name in names:
            table.column(name)
        if len(set(names)) != len(names):
            raise InvalidParameterError("columns: a name occurs twice")
        if not names:
            raise InvalidInputError("the table has no column that holds numbers; name some")
        if not isinstance(self._scaling, str):
            unknown = [name for name in self._scaling if name not in names]
            if unknown:
                raise InvalidParameterError(f"scaling: {unknown[0]!r} is not among the columns")
        categorical = {name for name in names if name in self._also or table.is_text(name)}
        return names, categorical

    def _builder(self, names: list[str], categorical: set[str]) -> _fastrcf.DetectorBuilder:
        def kind(name: str) -> str | None:
            if name in categorical:
                return None
            if isinstance(self._scaling, str):
                return self._scaling
            return self._scaling.get(name, "auto")

        columns = [(name, kind(name)) for name in names]
        return _fastrcf.DetectorBuilder(columns, **self._engine)

    def _asked(self, x: Any) -> tuple[_fastrcf.Detector, Table]:
        core, table = self._fitted(), as_table(x)
        if table.frame is None:
            if len(table.names) != len(self._names):
                raise InvalidInputError(
                    f"expected {len(self._names)} columns in the fitted order, found "
                    f"{len(table.names)}: arrays have no names"
                )
            table = Table(self._names, table.n_rows, array=table.array, native=table.native)
        return core, table

    def _rows(self, core: _fastrcf.Detector, table: Table) -> Any:
        return table.columns(self._names, self._categorical, core.categories)

    def score(self, table: Any, *, kind: str | None = None) -> Floats:
        """Score rows: higher is more unusual.

        Parameters
        ----------
        table : data frame, array or mapping of columns
            Columns are found by name; arrays have them in the fitted order.
        kind : str, optional
            Another score than the detector's own, to compare with; the threshold
            is not of it. ``"expected_inverse_depth"`` is the scale of the
            open-source forests.

        Returns
        -------
        numpy.ndarray of float64, shape (n,)
            Of the kind that the detector was made with; see ``threshold``.
        """
        core, table = self._asked(table)
        with named_columns(self._names, table=table):
            rows = self._rows(core, table)
            return core.score(rows) if kind is None else core.score_by(check_kind(kind), rows)

    def detect(self, table: Any, *, reasons: bool = True) -> Any:
        """Score rows, tell which are anomalies, and say why.

        Parameters
        ----------
        table : data frame, array or mapping of columns
            As :meth:`score` takes it.
        reasons : bool, default True
            Whether to say why, which takes longer for an anomaly than its score does.

        Returns
        -------
        data frame of the table's kind, or Detection for arrays
            Columns ``score``; ``grade``: 0 for usual rows, 0.5 at the
            threshold, up to 1 (``1 - p ** (log(2) / -log(alert_rate))`` with
            ``p`` the expected share of rows that score higher); ``is_anomaly``;
            ``reasons``: for anomalies the columns that made the score, with
            share, direction, value and words; none without ``reasons``. Arrow for
            DuckDB and mappings.
        """
        core, table = self._asked(table)
        with named_columns(self._names, table=table):
            rows = self._rows(core, table)
            found = core.detect(rows) if reasons else core.judge(rows)
        return to_native(self._detection(found), table)

    def process(self, table: Any) -> Any:
        """Detect each row of a stream, then learn from it.

        Takes and returns what :meth:`detect` does. Reasons and threshold are those of
        the moment before a row is learnt. The threshold then follows the scores, unless
        the detector was made with ``track_threshold=False``: rows of long ago count
        less (ten expected alerts back a third), and the share of rows that is let
        through makes up for alerts that came early or late. Any ``10 / alert_rate``
        rows have at most twelve alerts: where there were twelve, a row is none, though
        its grade be above 0.5.
        """
        core, table = self._asked(table)
        with named_columns(self._names, table=table):
            rows = self._rows(core, table)
            return to_native(self._detection(core.process(rows)), table)

    def explain(self, table: Any) -> list[list[Reason]]:
        """Give the reasons of every row, anomaly or not, as many as a :class:`Detection` has."""
        core, table = self._asked(table)
        with named_columns(self._names, table=table):
            rows = self._rows(core, table)
            return [self._reasons(row) for row in core.reasons(rows)]

    def _detection(self, found: Any) -> Detection:
        score, grade, alerts, why = found
        is_anomaly = np.zeros(len(score), dtype=bool)
        is_anomaly[alerts] = True
        reasons: list[list[Reason]] = [[] for _ in range(len(score))]
        # Where none were asked for there are none.
        for row, row_reasons in zip(alerts.tolist(), why, strict=bool(why)):
            reasons[row] = self._reasons(row_reasons)
        return Detection(score, grade, is_anomaly, reasons)

    def _reasons(
        self, row: list[tuple[int, float, bool, float, list[float], list[float], str]]
    ) -> list[Reason]:
        out = []
        for feature, share, high, value, usual, near, text in row:
            name = (self._names + self._sums)[feature]
            if name in self._categorical:
                direction: Literal["rare", "common"] = "rare" if high else "common"
                out.append(Reason(name, share, direction, None, None, None, None, None, text))
            else:
                way: Literal["high", "low"] = "high" if high else "low"
                low, top = (None if np.isnan(x) else x for x in near)
                low_high = (usual[0], usual[1], low, top)
                out.append(Reason(name, share, way, value, *low_high, text))
        return out

    @property
    def columns(self) -> list[str]:
        """The columns looked at."""
        self._fitted()
        return list(self._names)

    @property
    def scaling(self) -> dict[str, str]:
        """How each column is scaled.

        ``"category"`` for categories, ``"standard + log"`` where half of the trees
        see it the one way and half the other.
        """
        return {
            name: "category" if kinds >= 0 else " + ".join(scalings)
            for name, scalings, kinds, _ in self._fitted().features()
        }

    @property
    def relations(self) -> list[Relation]:
        """The linear relations between columns that it watches."""
        return [
            Relation(text, {self._names[j]: weight for j, weight in terms}, usual, scale)
            for text, terms, usual, scale in self._fitted().relations()
        ]

    @property
    def threshold(self) -> float:
        """Score above which a row is an anomaly; a stream may have moved it.

        After a stream it is that of the moment, which makes up for alerts that came
        early or late: tables that are judged by it may have more or fewer of them.
        """
        return self._fitted().threshold

    @property
    def score_kind(self) -> str:
        """What the score is; see the parameter ``score``."""
        return str(self._engine["score"])

    @property
    def notes(self) -> Mapping[str, str]:
        """Texts by name that travel with the model: who made it, from what.

        They change nothing that it does. Assign a mapping to write others down;
        all together take at most 65,536 bytes.
        """
        return MappingProxyType({} if self._core is None else self._core.notes())

    @notes.setter
    def notes(self, given: Mapping[str, str]) -> None:
        self._fitted().set_notes(notes(given))

    @property
    def n_fitted(self) -> int:
        """Rows that it was fitted to."""
        return 0 if self._core is None else self._core.n_fitted

    @property
    def n_seen(self) -> int:
        """Rows that it was fitted to, and rows of streams since."""
        return 0 if self._core is None else self._core.n_seen

    def memory_usage(self) -> int:
        """Bytes that the detector takes."""
        return 0 if self._core is None else self._core.memory_usage()

    def save(self, path: str | PathLike[str]) -> None:
        """Write the detector to a model file, whole or not at all."""
        write(path, bytes(self))

    def __bytes__(self) -> bytes:
        return self._fitted().to_bytes()

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        state["_core"] = None if self._core is None else self._core.to_bytes()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if state["_core"] is not None:
            core = _fastrcf.loads(state["_core"])
            if not isinstance(core, _fastrcf.Detector):
                raise InvalidInputError("the pickled model is no detector")
            core.set_threads(self._engine["n_threads"])
            self._core = core

    def __repr__(self) -> str:
        if self._core is None:
            return "Detector(not fitted)"
        return (
            f"Detector({len(self._names)} columns, fitted to {self.n_fitted} rows, "
            f"threshold={self.threshold:.4g}, alert_rate={self.alert_rate:.3g})"
        )
