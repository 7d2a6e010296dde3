"""How stages of pipelines are written and read: by Spark, wherever Spark can write.

A folder of a stage has what those of Spark's own stages have, one line of JSON under
``metadata``; a fitted model's bytes lie beside it, under ``model``, as a table of Parquet. All
of it is written by data frames, which classic Spark and Spark Connect have alike.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

from pyspark.ml.util import MLReader, MLWriter
from pyspark.sql.types import BinaryType, IntegerType, StringType, StructField, StructType

import fastrcf

# Rows of the table of bytes: small ones pass through every protocol.
_PART = 1 << 20
_PARTS = StructType(
    [StructField("part", IntegerType(), False), StructField("bytes", BinaryType(), False)]
)
_LINE = StructType([StructField("value", StringType(), False)])


class StageWriter(MLWriter):
    """Writes a stage, and the bytes of its model where it has one."""

    def __init__(self, stage: Any, model: bytes | None = None) -> None:
        super().__init__()
        self._stage, self._model = stage, model

    def save(self, path: str) -> None:
        """Write the stage to a folder.

        Metadata come first: where they are already, nothing is touched. A folder that is
        overwritten only in part is refused by its reader.
        """
        mode = "overwrite" if self.shouldOverwrite else "error"
        spark, stage = self.sparkSession, self._stage
        metadata: dict[str, Any] = {
            "class": f"{type(stage).__module__}.{type(stage).__qualname__}",
            "timestamp": round(time.time() * 1000),
            "sparkVersion": spark.version,
            "fastrcfVersion": fastrcf.__version__,
            "uid": stage.uid,
            "paramMap": {p.name: v for p, v in stage.extractParamMap().items() if stage.isSet(p)},
            "defaultParamMap": {
                p.name: stage.getOrDefault(p)
                for p in stage.params
                if stage.hasDefault(p) and not stage.isSet(p)
            },
        }
        if self._model is not None:
            metadata["modelSha256"] = hashlib.sha256(self._model).hexdigest()
            metadata["modelBytes"] = len(self._model)
        line = spark.createDataFrame([(json.dumps(metadata),)], _LINE).coalesce(1)
        line.write.mode(mode).text(_inside(path, "metadata"))
        if self._model is not None:
            parts = [
                (i, bytearray(self._model[start : start + _PART]))
                for i, start in enumerate(range(0, len(self._model), _PART))
            ]
            # Beside metadata that are new, whatever is there is left over.
            table = spark.createDataFrame(parts, _PARTS).coalesce(1)
            table.write.mode("overwrite").parquet(_inside(path, "model"))

    def saveImpl(self, path: str) -> None:
        """Write the stage to a folder."""
        self.save(path)


class StageReader(MLReader[Any]):
    """Reads a stage of a class."""

    def __init__(self, kind: type) -> None:
        super().__init__()
        self._kind = kind

    def load(self, path: str) -> Any:
        """Read a stage from a folder.

        Raises
        ------
        fastrcf.ModelFileError
            If the folder holds a stage of another class, or a model that is not whole.
        """
        spark = self.sparkSession
        lines = spark.read.text(_inside(path, "metadata")).collect()
        try:
            metadata = json.loads(lines[0][0])
            kind, parameters = metadata["class"], metadata["paramMap"]
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise fastrcf.ModelFileError(
                f"{path} holds no metadata of a stage: {error!r}"
            ) from None
        expected = f"{self._kind.__module__}.{self._kind.__qualname__}"
        if kind != expected:
            raise fastrcf.ModelFileError(f"{path} holds a {kind}, no {expected}")
        stage = self._kind()
        stage._resetUid(metadata["uid"])
        for given, put in (
            (metadata.get("defaultParamMap", {}), stage._setDefault),
            (parameters, stage._set),
        ):
            for name, value in given.items():
                if not stage.hasParam(name):
                    raise fastrcf.ModelFileError(
                        f"{path} has a parameter {name!r}, which fastrcf-spark "
                        f"{fastrcf.__version__} does not know: it was written by "
                        f"{metadata.get('fastrcfVersion')}"
                    )
                put(**{name: value})
        if "modelSha256" in metadata:
            stage._adopt(self._bytes(path, metadata))
        return stage

    def _bytes(self, path: str, metadata: dict[str, Any]) -> bytes:
        rows = self.sparkSession.read.parquet(_inside(path, "model")).collect()
        data = b"".join(bytes(row["bytes"]) for row in sorted(rows, key=lambda row: row["part"]))
        if hashlib.sha256(data).hexdigest() != metadata["modelSha256"]:
            raise fastrcf.ModelFileError(
                f"{path} is not whole: the model has {len(data):,} bytes, of "
                f"{metadata['modelBytes']:,}, or others than its metadata tell; save it again"
            )
        return data


def _inside(path: str, name: str) -> str:
    return f"{str(path).rstrip('/')}/{name}"
