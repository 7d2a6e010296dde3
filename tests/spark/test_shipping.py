import os
import subprocess
import sys
import textwrap
import weakref
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark import TaskContext
from pyspark.errors import PySparkRuntimeError
from pyspark.sql import functions as F

import fastrcf
from fastrcf_spark import _cache, _shipping, archive, score, score_udf
from tests.spark.frames import by_id, frame
from tests.spark.needs import JAVA_OPTIONS, SPARK, home


def _forest(seed: int) -> fastrcf.RandomCutForest:
    forest = fastrcf.RandomCutForest(20, 64, random_state=seed)
    forest.insert(np.random.default_rng(0).normal(size=(500, 2)))
    return forest


@pytest.fixture
def df(spark):
    return spark.range(400).select("id", F.rand(1).alias("a"), F.rand(2).alias("b")).repartition(2)


@pytest.fixture
def by_file(monkeypatch):
    """Models travel as files, however small."""
    small = _shipping.ship
    monkeypatch.setattr("fastrcf_spark.tables.ship", lambda spark, model: small(spark, model, 0))


def test_a_large_model_travels_as_a_file_once(spark, df, by_file):
    forest = _forest(1)
    reference = _shipping.ship(spark, forest, 0)
    assert reference["data"] is None
    assert reference == _shipping.ship(spark, forest, 0)
    for _ in range(2):
        found = score(df, forest, ["a", "b"]).toArrow()
        expected = forest.score(np.column_stack([found["a"], found["b"]]))
        assert (found["score"].to_numpy() == expected).all()


def _large():
    rng = np.random.default_rng(5)
    forest = fastrcf.RandomCutForest(30, 256, random_state=5)
    forest.insert(rng.normal(size=(5_000, 500)))
    assert len(bytes(forest)) > _shipping.IN_CLOSURE
    return forest, rng.normal(size=(90, 500))


@pytest.mark.smoke
def test_a_model_beyond_the_limit_gets_to_the_workers_of_any_spark(spark):
    forest, x = _large()
    reference = _shipping.ship(spark, forest)
    assert (reference["file"] is None) == (SPARK < (4, 0))
    df = frame(spark, pa.table({"id": range(90), "x": x.tolist()}))
    for _ in range(2):
        found = by_id(score(df, forest, "x", keep=["id"]))
        assert (found["score"].to_numpy() == forest.score(x)).all()


def test_a_model_beyond_the_limit_in_the_closure(classic, monkeypatch):
    # As on classic Spark 3.5, in a session of this one.
    def refuse(*paths, **kinds):
        raise _only_connect()

    monkeypatch.setattr(classic, "addArtifacts", refuse)
    monkeypatch.setattr(_shipping, "_SENT", weakref.WeakKeyDictionary())
    monkeypatch.setattr(_shipping, "_WITHOUT_FILES", weakref.WeakSet())
    forest, x = _large()
    assert _shipping.ship(classic, forest)["data"] == bytes(forest)
    df = frame(classic, pa.table({"id": range(90), "x": x.tolist()}))
    found = by_id(score(df, forest, "x", keep=["id"]))
    assert (found["score"].to_numpy() == forest.score(x)).all()
    found = by_id(df.select("id", score_udf(forest)("x").alias("score")))
    assert (found["score"].to_numpy() == forest.score(x)).all()


def _only_connect():
    name = "ONLY_SUPPORTED_WITH_SPARK_CONNECT"
    if SPARK < (4, 0):
        # The test above asks the session itself.
        return PySparkRuntimeError(f"[{name}]")
    feature = {"feature": "SparkSession.addArtifact(s)"}
    return PySparkRuntimeError(errorClass=name, messageParameters=feature)


class Refusing:
    """A session that sends no files."""

    version = "3.5.9"

    def __init__(self, error):
        self.error, self.asked = error, []

    def addArtifacts(self, path, file):
        assert file
        assert Path(path).is_file()
        self.asked.append(Path(path))
        raise self.error


@pytest.mark.smoke
@pytest.mark.parametrize(
    "error", [_only_connect(), AttributeError("addArtifacts"), NotImplementedError()], ids=repr
)
def test_without_files_a_model_travels_in_the_closure(error, caplog):
    session = Refusing(error)
    with caplog.at_level("INFO", "fastrcf_spark"):
        for seed in (1, 2, 1):
            forest = _forest(seed)
            reference = _shipping.ship(session, forest, 0)
            assert reference["file"] is None
            assert reference["data"] == bytes(forest)
    # It is asked once, says so once, and leaves nothing on the disk.
    (path,) = session.asked
    assert not path.parent.exists()
    (said,) = caplog.messages
    assert "Spark 3.5.9 sends no files" in said


def test_other_failures_to_send_a_model_are_told():
    for error in (RuntimeError("DUPLICATED_ARTIFACT"), OSError("no space")):
        session = Refusing(error)
        for _ in range(2):
            with pytest.raises(type(error), match=str(error)):
                _shipping.ship(session, _forest(1), 0)
        assert not any(path.parent.exists() for path in session.asked)


def test_two_models_in_one_query_stay_apart(df, by_file):
    one, two = _forest(1), _forest(2)
    once = score(df, one, ["a", "b"], output="one")
    found = score(once, two, ["a", "b"], output="two").toArrow()
    x = np.column_stack([found["a"], found["b"]])
    assert (found["one"].to_numpy() == one.score(x)).all()
    assert (found["two"].to_numpy() == two.score(x)).all()
    assert (one.score(x) != two.score(x)).any()


def test_a_reused_worker_reads_a_model_once(df):
    forest = _forest(3)
    scored = score(df, forest, ["a", "b"])

    def counted(batches):
        from fastrcf_spark import _cache

        for batch in batches:
            yield batch.append_column("loads", [_cache.loads] * batch.num_rows).select(["loads"])

    counts = set()
    for _ in range(3):
        found = scored.repartition(4).mapInArrow(counted, "loads long").toArrow()["loads"]
        counts.add(max(found.to_pylist()))
    # Workers may be new, but none reads it again for a further task.
    assert max(counts) - min(counts) <= 1


@pytest.mark.slow
def test_a_task_that_dies_is_tried_again_with_the_same_scores(tmp_path):
    # local[2, 3] retries; a task kills its own worker process the first time.
    program = textwrap.dedent(f"""
        import os, numpy as np, fastrcf
        from pathlib import Path
        from pyspark.sql import SparkSession, functions as F
        from fastrcf_spark import score
        spark = (SparkSession.builder.master("local[2,3]").config("spark.ui.enabled", "false")
                 .config("spark.driver.host", "127.0.0.1").getOrCreate())
        spark.sparkContext.setLogLevel("OFF")
        forest = fastrcf.RandomCutForest(20, 64, random_state=1)
        forest.insert(np.random.default_rng(0).normal(size=(500, 2)))
        df = spark.range(400).select("id", F.rand(1).alias("a"), F.rand(2).alias("b"))
        def dying(batches):
            from pyspark import TaskContext
            marker = Path({str(tmp_path / "died")!r})
            for batch in batches:
                yield batch
            if TaskContext.get().partitionId() == 1 and not marker.exists():
                marker.touch()
                os._exit(9)
        scored = score(df.repartition(3), forest, ["a", "b"])
        found = scored.mapInArrow(dying, scored.schema).toArrow().sort_by("id")
        assert Path({str(tmp_path / "died")!r}).exists()
        assert found.num_rows == 400, found.num_rows
        x = np.column_stack([found["a"], found["b"]])
        assert (found["score"].to_numpy() == forest.score(x)).all()
        print("the same scores")
    """)
    environment = os.environ | {
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_SUBMIT_OPTS": JAVA_OPTIONS,
        "SPARK_HOME": str(home(tmp_path / "home")),
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        timeout=200,
    )
    assert "the same scores" in done.stdout, done.stderr[-2000:]


def test_what_does_not_arrive_is_refused(tmp_path, monkeypatch):
    forest = _forest(4)
    monkeypatch.setattr("pyspark.SparkFiles.get", lambda name: str(tmp_path / name))
    good = bytes(forest)
    digest = _shipping.ship(None, forest)["digest"]
    reference = {"digest": digest, "data": None, "file": f"fastrcf-{digest}.rcf"}
    monkeypatch.setattr(_cache, "_models", type(_cache._models)())
    with pytest.raises(fastrcf.ModelFileError, match="has not reached this worker"):
        _cache.model(reference, 1)
    (tmp_path / reference["file"]).write_bytes(good[:-9])
    with pytest.raises(fastrcf.ModelFileError, match="damaged"):
        _cache.model(reference, 1)
    (tmp_path / reference["file"]).write_bytes(good)
    assert isinstance(_cache.model(reference, 1), fastrcf.FrozenForest)
    assert _cache.model(reference, 1) is _cache.model(reference, 1)


def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr(_cache, "_models", type(_cache._models)())
    references = [_shipping.ship(None, _forest(seed)) for seed in range(_cache.KEPT + 3)]
    for reference in references:
        _cache.model(reference, 1)
    assert len(_cache._models) == _cache.KEPT
    assert (references[-1]["digest"], 1) in _cache._models
    assert (references[0]["digest"], 1) not in _cache._models


def _without_the_package(df, plan_of, schema):
    """Run as on a worker that has neither fastrcf nor this package installed."""
    run = plan_of

    def bare(batches):
        import os
        import sys

        hidden = {"fastrcf", "fastrcf_spark"}
        for name in [n for n in sys.modules if n.partition(".")[0] in hidden]:
            del sys.modules[name]

        class Nothing:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in hidden and not any(
                    p.endswith("fastrcf_lib") and os.path.isdir(p) for p in sys.path
                ):
                    raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        sys.meta_path.insert(0, Nothing())
        try:
            yield from run(batches)
        finally:
            sys.meta_path.pop(0)

    return df.mapInArrow(bare, schema)


def test_a_worker_without_the_package_says_what_to_do(spark):
    run = _shipping.deferred("score_batches", {})
    with pytest.raises(
        Exception, match=r"cannot import fastrcf[\s\S]*--archives[\s\S]*addArtifacts"
    ):
        _without_the_package(spark.range(3), run, "x long").toArrow()


def test_an_archive_gives_workers_the_package(spark, tmp_path):
    path = archive.write(tmp_path / "fastrcf.tar.gz")
    assert path.read_bytes() == archive.write(tmp_path / "again.tar.gz").read_bytes()
    spark.addArtifacts(f"{path}#fastrcf_lib", archive=True)
    forest = _forest(5)
    plan = {
        "model": _shipping.ship(spark, forest),
        "names": ["a", "b"],
        "columns": ["a", "b"],
        "text": [],
        "packed": None,
        "kept": [],
        "key": [],
        "missing": "error",
    }
    df = spark.range(5).select(F.rand(1).alias("a"), F.rand(2).alias("b"))
    # A program of its own: what a process has imported stays in it.
    found = _without_the_package(df, _shipping.deferred("score_batches", plan), "r0 double")
    x = np.column_stack([df.toArrow()["a"], df.toArrow()["b"]])
    assert found.toArrow()["r0"].to_pylist() == forest.score(x).tolist()


@pytest.mark.smoke
@pytest.mark.slow
def test_an_archive_given_at_the_start_gives_workers_the_package(tmp_path):
    # As spark-submit --archives and spark.archives do, on any Spark.
    path = archive.write(tmp_path / "fastrcf.tar.gz")
    root = Path(__file__).parents[2]
    program = textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(root)!r})
        import numpy as np
        import fastrcf
        from pyspark.sql import SparkSession
        from fastrcf_spark import _shipping
        from tests.spark.test_shipping import _without_the_package
        spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
                 .config("spark.driver.host", "127.0.0.1")
                 .config("spark.archives", {f"{path}#fastrcf_lib"!r}).getOrCreate())
        spark.sparkContext.setLogLevel("OFF")
        forest = fastrcf.RandomCutForest(20, 64, random_state=1)
        x = np.random.default_rng(0).normal(size=(500, 2))
        forest.insert(x)
        plan = dict(model=_shipping.ship(spark, forest), names=["a", "b"], columns=["a", "b"],
                    text=[], packed=None, kept=[], key=[], missing="error")
        df = spark.createDataFrame(x[:5].tolist(), "a double, b double").coalesce(1)
        run = _shipping.deferred("score_batches", plan)
        found = _without_the_package(df, run, "r0 double").collect()
        assert [row.r0 for row in found] == forest.score(x[:5]).tolist(), found
        print("found in the archive")
    """)
    environment = os.environ | {
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_SUBMIT_OPTS": JAVA_OPTIONS,
        "SPARK_HOME": str(home(tmp_path / "home")),
    }
    environment.pop("SPARK_CONNECT_MODE_ENABLED", None)
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        timeout=200,
    )
    assert "found in the archive" in done.stdout, done.stderr[-3000:]


def test_the_command_line_of_the_archive(tmp_path, capsys):
    archive.main([str(tmp_path / "a.tar.gz")])
    said = capsys.readouterr().out
    assert f"spark-submit --archives {tmp_path / 'a.tar.gz'}#fastrcf_lib" in said
    assert "addArtifacts" in said
    wheel = tmp_path / "fastrcf-0.1.0-py3-none-any.whl"
    import tarfile
    import zipfile

    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("fastrcf/__init__.py", "other = 1\n")
    archive.main([str(tmp_path / "b.tar.gz"), "--wheel", str(wheel)])
    with tarfile.open(tmp_path / "b.tar.gz") as file:
        names = [name for name in file.getnames() if name.startswith("fastrcf/")]
    assert names == ["fastrcf/__init__.py"]


def test_a_task_takes_the_threads_that_spark_gives_it(spark, monkeypatch):
    from fastrcf_spark import _worker

    def threads(batches):
        import pyarrow as pa

        from fastrcf_spark import _worker

        for _ in batches:
            yield pa.record_batch({"n": [_worker.n_threads()]})

    found = spark.range(2).mapInArrow(threads, "n long").toArrow()["n"].to_pylist()
    assert set(found) == {1}

    class Task:
        def cpus(self):
            return 3

    monkeypatch.setattr(TaskContext, "get", Task)
    assert _worker.n_threads() == 3
    model = fastrcf.loads(bytes(_forest(1)), n_threads=3)
    assert model._parameters["n_threads"] == 3


def test_nothing_private_of_spark_is_used():
    folder = Path(_shipping.__file__).parent
    for path in folder.rglob("*.py"):
        text = path.read_text()
        for name in (
            "_jvm",
            "._jdf",
            "._jsparkSession",
            ".rdd",
            "sc.broadcast(",
            "Context.broadcast(",
        ):
            assert name not in text, f"{path.name}: {name}"
