"""Random cut forests as stages of Spark's pipelines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pyspark import keyword_only
from pyspark.ml import Estimator, Model
from pyspark.ml.util import MLReadable, MLWritable
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BooleanType, DataType, StringType

import fastrcf
from fastrcf_spark import _features, _names
from fastrcf_spark._features import PREFIX, column
from fastrcf_spark._params import EstimatorParams, ModelParams
from fastrcf_spark._persistence import StageReader, StageWriter
from fastrcf_spark.tables import detect
from fastrcf_spark.udf import score_udf

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# What a forest takes: magnitudes above are refused.
_LARGEST = 1e30


class RandomCutForestEstimator(Estimator[Any], EstimatorParams, MLReadable[Any], MLWritable):
    """Fits a detector to a data frame, as a stage of a pipeline.

    Pure Python over data frames: it runs on classic Spark and through Spark Connect, and needs
    nothing on the server.

    Parameters
    ----------
    inputCols : list of str, optional
        Columns of numbers, or of text for categories. They spare the work of a
        ``VectorAssembler``, and reasons name them.
    featuresCol : str, default "features"
        One column that holds all inputs as a vector or an array; used where ``inputCols`` is
        not set. Inputs take the names that a ``VectorAssembler`` gave them.
    scoreCol : str, default "score"
        The column of scores (double; higher is more unusual), which evaluators take as
        ``rawPredictionCol``.
    predictionCol : str, default "prediction"
        The column of 1.0 for rows above the threshold and 0.0 for others; "" for none.
    gradeCol : str, default ""
        The column of grades; with it every column of the table passes through Python.
    alertRate : float, default 0.001
        Share of rows that should be alerts, above 0 and at most 0.5.
    numTrees : int, default 100
    sampleSize : int, default 256
        Rows that each tree holds.
    scaling, scoreKind, relations : str, default "auto"
        ``scaling``, ``score`` and ``relations`` of :class:`fastrcf.Detector`.
    categoricalCols : list of str, optional
        Further columns to take as categories.
    keyCols : list of str, optional
        Columns that tell rows apart; see ``key`` of :func:`fastrcf_spark.fit`.
    weightCol : str, optional
        Column of weights of rows.
    seed : int, default 0
        The same seed and rows give the same model.
    handleInvalid : {"error", "keep", "skip"}, default "error"
        What happens to rows with a value that is null, NaN, infinite or beyond 1e30: the query
        fails; score, prediction and grade are null; or they are left out. ``fit`` leaves them
        out unless it is "error".
    """

    _input_kwargs: dict[str, Any]

    @keyword_only
    def __init__(
        self,
        *,
        inputCols: list[str] | None = None,
        featuresCol: str = "features",
        scoreCol: str = "score",
        predictionCol: str = "prediction",
        gradeCol: str = "",
        alertRate: float = 0.001,
        numTrees: int = 100,
        sampleSize: int = 256,
        scaling: Any = "auto",
        scoreKind: str = "auto",
        relations: str = "auto",
        categoricalCols: list[str] | None = None,
        keyCols: list[str] | None = None,
        weightCol: str | None = None,
        seed: int = 0,
        handleInvalid: str = "error",
    ) -> None:
        super().__init__()
        self.setParams(**self._input_kwargs)

    @keyword_only
    def setParams(
        self,
        *,
        inputCols: list[str] | None = None,
        featuresCol: str = "features",
        scoreCol: str = "score",
        predictionCol: str = "prediction",
        gradeCol: str = "",
        alertRate: float = 0.001,
        numTrees: int = 100,
        sampleSize: int = 256,
        scaling: Any = "auto",
        scoreKind: str = "auto",
        relations: str = "auto",
        categoricalCols: list[str] | None = None,
        keyCols: list[str] | None = None,
        weightCol: str | None = None,
        seed: int = 0,
        handleInvalid: str = "error",
    ) -> RandomCutForestEstimator:
        """Set parameters by name."""
        self._set(**self._input_kwargs)
        return self

    def _fit(self, dataset: DataFrame) -> RandomCutForestModel:
        from fastrcf_spark.fitting import fit

        columns = self.inputs()
        names = vector_names(dataset, columns) if isinstance(columns, str) else None
        detector = fit(
            dataset,
            columns,
            alert_rate=self.getAlertRate(),
            seed=self.getSeed(),
            key=self.getKeyCols() if self.isSet(self.keyCols) else None,
            weight=self.getWeightCol() if self.isSet(self.weightCol) else None,
            missing="error" if self.getHandleInvalid() == "error" else "drop",
            names=names,
            categorical=self.getCategoricalCols() if self.isSet(self.categoricalCols) else (),
            n_trees=self.getNumTrees(),
            sample_size=self.getSampleSize(),
            scaling=self.getScaling(),
            score=self.getScoreKind(),
            relations=self.getRelations(),
        )
        model = RandomCutForestModel(detector)
        model._resetUid(self.uid)
        self._copyValues(model)
        # Of further columns, which are categories, the model has to be given the values too.
        if isinstance(columns, str):
            model._set(featuresCol=columns)
        else:
            model._set(inputCols=detector.columns)
        return model

    def write(self) -> StageWriter:
        """Give what writes this estimator."""
        return StageWriter(self)

    @classmethod
    def read(cls) -> StageReader:
        """Give what reads such an estimator."""
        return StageReader(cls)


class RandomCutForestModel(Model, ModelParams, MLReadable[Any], MLWritable):
    """A detector as a stage of a pipeline.

    Parameters
    ----------
    detector : Detector, optional
        A fitted one, from anywhere: ``RandomCutForestModel(fastrcf.load("m.rcf"))``. Its
        columns are the inputs unless ``featuresCol`` is set.
    """

    def __init__(self, detector: fastrcf.Detector | None = None) -> None:
        super().__init__()
        self._detector: fastrcf.Detector | None = None
        if detector is not None:
            self._take(detector)
            self._setDefault(inputCols=detector.columns)

    def _take(self, detector: object) -> None:
        if not isinstance(detector, fastrcf.Detector):
            raise fastrcf.InvalidInputError(f"expected a Detector, found {type(detector).__name__}")
        self._detector = detector
        self._setDefault(alertRate=detector.alert_rate)

    def _adopt(self, data: bytes) -> None:
        self._take(fastrcf.loads(data))

    @property
    def detector(self) -> fastrcf.Detector:
        """The fitted detector; a copy with another threshold where ``alertRate`` was changed."""
        if self._detector is None:
            raise fastrcf.NotFittedError("this model has no detector: fit or load one")
        rate = self.getAlertRate()
        if math.isclose(rate, self._detector.alert_rate, rel_tol=1e-12):
            return self._detector
        moved = fastrcf.loads(bytes(self._detector))
        assert isinstance(moved, fastrcf.Detector)
        moved.alert_rate = rate
        return moved

    def _transform(self, dataset: DataFrame) -> DataFrame:
        detector, columns = self.detector, self.inputs()
        found = _features.find(dataset, detector, columns)
        score, grade = self.getScoreCol(), self.getGradeCol()
        if not score:
            raise fastrcf.InvalidParameterError("scoreCol: '' is no name of a column")
        prediction = str(self.getPredictionCol())
        added = [name for name in (score, prediction, grade) if name]
        for place, name in enumerate(added):
            there = [*dataset.columns, *added[:place]]
            other = _names.namesake(dataset.sparkSession, name, there)
            if other is not None:
                raise fastrcf.InvalidInputError(
                    f"output column {other!r} exists already{_names.same(name, other)}"
                )
        invalid = self.getHandleInvalid()
        if invalid == "skip":
            dataset = dataset.where(usable(found))
        # Rows that are left out before may still be asked about, where Spark moves the filter.
        missing: Any = "error" if invalid == "error" else "null"
        if grade:
            return self._graded(dataset, detector, columns, missing)
        rcf = score_udf(detector, missing=missing, spark=dataset.sparkSession)
        scored = dataset.withColumn(score, rcf(*(column(name) for name in found.columns)))
        if prediction:
            above = (column(score) > detector.threshold).cast("double")
            scored = scored.withColumn(prediction, above)
        return scored

    def _graded(
        self, dataset: DataFrame, detector: fastrcf.Detector, columns: Any, missing: Any
    ) -> DataFrame:
        kept = list(dataset.columns)
        judged = detect(dataset, detector, columns, reasons=False, prefix=PREFIX, missing=missing)
        prediction = str(self.getPredictionCol())
        outputs = [
            (self.getScoreCol(), column(f"{PREFIX}score")),
            (prediction, column(f"{PREFIX}is_anomaly").cast("double")),
            (self.getGradeCol(), column(f"{PREFIX}grade")),
        ]
        return judged.select(
            *(column(name) for name in kept),
            *(values.alias(name) for name, values in outputs if name),
        )

    def write(self) -> StageWriter:
        """Give what writes this model."""
        if self._detector is None:
            raise fastrcf.NotFittedError("this model has no detector: fit or load one")
        return StageWriter(self, bytes(self._detector))

    @classmethod
    def read(cls) -> StageReader:
        """Give what reads such a model."""
        return StageReader(cls)


def vector_names(df: DataFrame, name: str) -> list[str] | None:
    """Name a vector's elements as the assembler did that made it, where it tells."""
    field = next((field for field in df.schema.fields if field.name == name), None)
    known = (field.metadata or {}).get("ml_attr", {}) if field is not None else {}
    attributes = [one for kind in known.get("attrs", {}).values() for one in kind]
    names = {one.get("idx"): one.get("name") for one in attributes}
    if not names or set(names) != set(range(int(known.get("num_attrs", 0)))):
        return None
    ordered = [names[j] for j in range(len(names))]
    return ordered if all(ordered) and len(set(ordered)) == len(ordered) else None


def usable(features: _features.Features) -> Column:
    """Tell the rows that a model can score."""
    if features.kind != "columns":
        elements = _features.packed(features)
        good = (F.size(elements) == len(features.names)) & F.forall(elements, _is_finite)
    else:
        good = F.lit(True)
        for name, kind in zip(features.columns, features.types, strict=True):
            good = good & _is_usable(column(name), kind)
    return F.coalesce(good, F.lit(False))


def _is_usable(values: Column, kind: DataType) -> Column:
    if isinstance(kind, (StringType, BooleanType, ArrayType)):
        return values.isNotNull()
    return _is_finite(values.cast("double"))


def _is_finite(value: Column) -> Column:
    # To Spark, NaN is above every number.
    return F.coalesce(F.abs(value) <= _LARGEST, F.lit(False))
