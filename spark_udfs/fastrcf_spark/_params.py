"""Parameters of the stages of pipelines, as Spark's machine learning names such things."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import (
    HasFeaturesCol,
    HasHandleInvalid,
    HasInputCols,
    HasPredictionCol,
    HasSeed,
    HasWeightCol,
)

import fastrcf

INVALID = ("error", "keep", "skip")


def _param(name: str, doc: str, convert: Any) -> Any:
    return Param(Params._dummy(), name, doc, typeConverter=convert)


def _scaling(value: Any) -> str | dict[str, str]:
    return dict(value) if isinstance(value, Mapping) else TypeConverters.toString(value)


def _invalid(value: Any) -> str:
    text: str = TypeConverters.toString(value)
    if text not in INVALID:
        raise fastrcf.InvalidParameterError(
            f"handleInvalid: {text!r} is none of {', '.join(INVALID)}"
        )
    return text


class ModelParams(HasFeaturesCol, HasInputCols, HasPredictionCol, HasHandleInvalid):
    """What a fitted model is asked by, which an estimator hands on to it."""

    scoreCol = _param(
        "scoreCol", "column of scores: higher is more unusual", TypeConverters.toString
    )
    gradeCol = _param(
        "gradeCol",
        "column of grades, 0 for usual rows to 1; '' for none",
        TypeConverters.toString,
    )
    alertRate = _param(
        "alertRate", "share of rows that should be alerts, in (0, 0.5]", TypeConverters.toFloat
    )
    handleInvalid = _param(
        "handleInvalid",
        "rows with a value that is null, NaN, infinite or beyond 1e30: 'error' stops the query, "
        "'keep' gives them a null score, 'skip' leaves them out",
        _invalid,
    )

    def __init__(self) -> None:
        super().__init__()
        self._setDefault(
            scoreCol="score",
            predictionCol="prediction",
            gradeCol="",
            alertRate=0.001,
            handleInvalid="error",
        )

    def setInputCols(self, value: list[str]) -> Any:
        """Set the columns of inputs; they go before ``featuresCol``."""
        return self._set(inputCols=value)

    def setFeaturesCol(self, value: str) -> Any:
        """Set the one column that holds all inputs as a vector or an array."""
        return self._set(featuresCol=value)

    def setScoreCol(self, value: str) -> Any:
        """Set what the column of scores is called."""
        return self._set(scoreCol=value)

    def getScoreCol(self) -> str:
        """Get what the column of scores is called."""
        return str(self.getOrDefault(self.scoreCol))

    def setPredictionCol(self, value: str) -> Any:
        """Set what the column of 0 and 1 is called; "" leaves it out."""
        return self._set(predictionCol=value)

    def setGradeCol(self, value: str) -> Any:
        """Set what the column of grades is called; "" leaves it out."""
        return self._set(gradeCol=value)

    def getGradeCol(self) -> str:
        """Get what the column of grades is called."""
        return str(self.getOrDefault(self.gradeCol))

    def setAlertRate(self, value: float) -> Any:
        """Set the share of rows that should be alerts; on a model it moves the threshold."""
        return self._set(alertRate=value)

    def getAlertRate(self) -> float:
        """Get the share of rows that should be alerts."""
        return float(self.getOrDefault(self.alertRate))

    def setHandleInvalid(self, value: str) -> Any:
        """Set what happens to rows that cannot be scored."""
        return self._set(handleInvalid=value)

    def inputs(self) -> list[str] | str:
        """Give the columns of inputs, or the one column that holds all."""
        given = self.isSet(self.inputCols)
        if not given and not self.isSet(self.featuresCol):
            # Of a model that wraps a detector: the columns that it was fitted to.
            given = self.hasDefault(self.inputCols)
        return self.getInputCols() if given else str(self.getFeaturesCol())


class EstimatorParams(ModelParams, HasSeed, HasWeightCol):
    """What a model is fitted by."""

    numTrees = _param("numTrees", "trees, at least 1", TypeConverters.toInt)
    sampleSize = _param("sampleSize", "rows that each tree holds, at least 2", TypeConverters.toInt)
    scaling = _param(
        "scaling", "how columns are made comparable: one word, or words by column", _scaling
    )
    scoreKind = _param("scoreKind", "what the score is", TypeConverters.toString)
    relations = _param(
        "relations",
        "whether linear relations between columns are watched: auto or off",
        TypeConverters.toString,
    )
    categoricalCols = _param(
        "categoricalCols", "further columns to take as categories", TypeConverters.toListString
    )
    keyCols = _param(
        "keyCols", "columns that tell rows apart, for the sample", TypeConverters.toListString
    )

    def __init__(self) -> None:
        super().__init__()
        # A fixed seed: that of Spark's own stages is not the same in every Python process.
        self._setDefault(
            numTrees=100,
            sampleSize=256,
            scaling="auto",
            scoreKind="auto",
            relations="auto",
            seed=0,
        )

    def setNumTrees(self, value: int) -> Any:
        """Set the number of trees."""
        return self._set(numTrees=value)

    def getNumTrees(self) -> int:
        """Get the number of trees."""
        return int(self.getOrDefault(self.numTrees))

    def setSampleSize(self, value: int) -> Any:
        """Set the rows that each tree holds."""
        return self._set(sampleSize=value)

    def getSampleSize(self) -> int:
        """Get the rows that each tree holds."""
        return int(self.getOrDefault(self.sampleSize))

    def setScaling(self, value: str | Mapping[str, str]) -> Any:
        """Set how columns are made comparable."""
        return self._set(scaling=value)

    def getScaling(self) -> str | dict[str, str]:
        """Get how columns are made comparable."""
        value: str | dict[str, str] = self.getOrDefault(self.scaling)
        return value

    def setScoreKind(self, value: str) -> Any:
        """Set what the score is."""
        return self._set(scoreKind=value)

    def getScoreKind(self) -> str:
        """Get what the score is."""
        return str(self.getOrDefault(self.scoreKind))

    def setRelations(self, value: str) -> Any:
        """Set whether relations between columns are watched."""
        return self._set(relations=value)

    def getRelations(self) -> str:
        """Get whether relations between columns are watched."""
        return str(self.getOrDefault(self.relations))

    def setCategoricalCols(self, value: list[str]) -> Any:
        """Set further columns to take as categories; those of text are so anyway."""
        return self._set(categoricalCols=value)

    def getCategoricalCols(self) -> list[str]:
        """Get the columns that are taken as categories."""
        return list(self.getOrDefault(self.categoricalCols))

    def setKeyCols(self, value: list[str]) -> Any:
        """Set the columns that tell rows apart."""
        return self._set(keyCols=value)

    def getKeyCols(self) -> list[str]:
        """Get the columns that tell rows apart."""
        return list(self.getOrDefault(self.keyCols))

    def setWeightCol(self, value: str) -> Any:
        """Set the column of weights."""
        return self._set(weightCol=value)

    def setSeed(self, value: int) -> Any:
        """Set the seed: the same one and rows give the same model."""
        return self._set(seed=value)
