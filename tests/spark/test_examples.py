import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import fastrcf
from tests.spark.needs import JAVA_OPTIONS, SPARK

EXAMPLES = Path(__file__).parents[2] / "spark_udfs" / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def data(tmp_path, table):
    (tmp_path / "data").mkdir()
    for i in range(3):
        pq.write_table(table.slice(i * 1_000, 1_000), tmp_path / "data" / f"{i}.parquet")
    return str(tmp_path / "data")


@pytest.fixture
def model(tmp_path, detector):
    path = tmp_path / "model.rcf"
    detector.save(path)
    return str(path)


def written(folder) -> pa.Table:
    return ds.dataset(folder, format="parquet").to_table().sort_by("id")


def started(command, tmp_path):
    """Run a command that starts a Spark of its own; give what it prints."""
    import pyspark

    environment = {k: v for k, v in os.environ.items() if "SPARK" not in k}
    environment |= {
        "SPARK_HOME": str(Path(pyspark.__file__).parent),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_SUBMIT_OPTS": JAVA_OPTIONS,
    }
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_fit_by_spark_submit(tmp_path, data):
    columns = ["amount", "speed", "items"]
    submit = Path(sys.executable).parent / "spark-submit"
    settings = ["--master", "local[1]", "--conf", "spark.ui.enabled=false"]
    fitting = ["-o", "m.rcf", "--columns", *columns, "--key", "id", "--seed", "7"]
    fitting += ["--rows", "500", "--trees", "10", "--alert-rate", "0.01"]
    said = started([submit, *settings, EXAMPLES / "fit_table.py", data, *fitting], tmp_path)
    assert "m.rcf: Detector(3 columns, fitted to 500 rows" in said
    assert "rows: 3000" in said
    assert len(fastrcf.load(tmp_path / "m.rcf").columns) == 3


@pytest.mark.skipif(SPARK < (4, 0), reason="Spark 3.5 has its Connect in a package of its own")
@pytest.mark.slow
def test_a_session_through_connect(tmp_path, table):
    kind = pa.array(np.where(np.arange(len(table)) % 3, "meter", "camera"))
    (tmp_path / "data").mkdir()
    pq.write_table(table.append_column("kind", kind), tmp_path / "data" / "part.parquet")
    given = ["data", "-o", "m.rcf", "--key", "id", "--alert-rate", "0.01", "--each", "kind"]
    given += ["--columns", "amount", "speed", "items", "--remote", "local[2]"]
    said = started([sys.executable, EXAMPLES / "connect_session.py", *given], tmp_path)
    detector = fastrcf.load(tmp_path / "m.rcf")
    scores = detector.score(table)
    alerts = (scores > detector.threshold).sum()
    assert "fit: 3,000 rows, " in said
    assert f"detect: 3,000 rows, {alerts} alerts, 0 without a score, " in said
    assert f"by SQL: {alerts} alerts" in said
    assert "models: 3,000 rows, 2 keys, 2 with a model, " in said
    # The table of alerts begins with that of the highest score.
    (header,) = (line for line in said.splitlines() if line.split()[:2] == ["id", "amount"])
    best = said.splitlines()[said.splitlines().index(header) + 1]
    assert int(best.split()[0]) == scores.argmax()
    assert "|meter " in said


@pytest.mark.slow
def test_score_by_spark_submit(tmp_path, data, model, detector, table):
    submit = Path(sys.executable).parent / "spark-submit"
    settings = ["--master", "local[2]", "--conf", "spark.ui.enabled=false"]
    # By its address, as in a bucket.
    scoring = [Path(model).as_uri(), data, "-o", "scored", "--reasons"]
    scoring += ["--keep", "id", "--key", "id"]
    said = started([submit, *settings, EXAMPLES / "score_table.py", *scoring], tmp_path)
    expected = detector.detect(table)
    alerts = sum(expected["is_anomaly"].to_pylist())
    assert f"score: 3,000 rows, {alerts} alerts, 0 without a score" in said
    found = written(tmp_path / "scored")
    assert found["id"].to_pylist() == table["id"].to_pylist()
    assert (found["score"].to_numpy() == detector.score(table)).all()
    assert found["is_anomaly"].to_pylist() == expected["is_anomaly"].to_pylist()


def test_fit_to_csv(classic, tmp_path, table, capsys):
    import pyarrow.csv

    pyarrow.csv.write_csv(table, tmp_path / "t.csv")
    given = [str(tmp_path / "t.csv"), "--format", "csv", "-o", str(tmp_path / "m.rcf")]
    example("fit_table").main([*given, "--key", "id", "--trees", "5", "--drop-bad-rows"])
    assert fastrcf.load(tmp_path / "m.rcf").columns == ["amount", "speed", "items"]
    assert "rows_dropped: 0" in capsys.readouterr().out


def test_score_with_reasons(classic, tmp_path, data, model, detector, table, capsys):
    out = str(tmp_path / "out")
    given = [model, data, "-o", out, "--reasons", "--overwrite"]
    for _ in range(2):
        example("score_table").main(given)
    found = written(out)
    expected = detector.detect(table)
    assert found["is_anomaly"].to_pylist() == expected["is_anomaly"].to_pylist()
    alerts = sum(expected["is_anomaly"].to_pylist())
    assert f"3,000 rows, {alerts} alerts, 0 without a score" in capsys.readouterr().out


@pytest.mark.smoke
def test_what_is_read_is_not_written_over_nor_among(classic, data, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(os.listdir(data))
    uri = Path(data).as_uri()
    for given in ((data, "data"), (uri, f"{data}/"), ("data", f"{uri}/out"), (f"{data}/0*", data)):
        with pytest.raises(SystemExit, match="is where the rows are"):
            example("score_table").main([model, given[0], "-o", given[1], "--overwrite"])
        with pytest.raises(SystemExit, match="is where the rows are"):
            example("stream_score").main([model, given[0], "-o", given[1], "--checkpoint", "c"])
    with pytest.raises(SystemExit, match="is where the rows are"):
        example("stream_score").main([model, data, "-o", "data2", "--checkpoint", f"{data}/c"])
    for name in ("fit_table", "connect_session"):
        with pytest.raises(SystemExit, match=r"no/m\.rcf: there is no such folder"):
            example(name).main([data, "-o", "no/m.rcf"])
    assert sorted(os.listdir(data)) == before


def test_a_stream_goes_on_where_it_ended(classic, tmp_path, data, model, detector, table, capsys):
    out = str(tmp_path / "out")
    given = [model, data, "-o", out, "--checkpoint", str(tmp_path / "check"), "--files", "2"]
    example("stream_score").main(given)
    assert "3,000 rows in the last 2 batches" in capsys.readouterr().out
    more = table.slice(0, 10).set_column(0, "id", pa.array(range(5_000, 5_010)))
    pq.write_table(more, Path(data) / "more.parquet")
    example("stream_score").main([*given, "--keep", "id", "amount", "speed", "items"])
    assert "10 rows in the last 1 batches" in capsys.readouterr().out
    found = written(out)
    every = pa.concat_tables([table, more])
    assert found["id"].to_pylist() == every["id"].to_pylist()
    assert (found["score"].to_numpy() == detector.score(every)).all()


def test_sql(classic, data, model, detector, table, capsys):
    example("sql_udf").main([model, data])
    said = capsys.readouterr().out
    scores = detector.score(table)
    assert f"|{scores.argmax()} " in said.splitlines()[3]
    assert str(scores.max()) in said
    query = "SELECT count(*) AS n FROM events WHERE rcf_score(amount, speed, items) > "
    example("sql_udf").main([model, data, "--sql", query + str(detector.threshold)])
    assert f"|{(scores > detector.threshold).sum()} " in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["fit_table", "score_table", "stream_score", "sql_udf", "connect_session"]
)
def test_help(name, capsys):
    with pytest.raises(SystemExit, match="0"):
        example(name).main(["--help"])
    assert "usage:" in capsys.readouterr().out
