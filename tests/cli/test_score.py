import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import fastrcf
from tests.cli.conftest import WRITERS

READERS = {
    "csv": pl.read_csv,
    "parquet": pl.read_parquet,
    "arrow": pl.read_ipc,
    "jsonl": lambda path: pl.read_ndjson(path, infer_schema_length=None),
}


@pytest.mark.parametrize("ending", WRITERS)
def test_scores_are_those_of_python_whatever_the_format(payments, table, model, done, ending):
    out = model.with_name("scores.parquet")
    done("score", model, table(ending), "-o", out)
    scores = pl.read_parquet(out)
    assert scores.columns == ["row", "score"]
    assert scores["row"].to_list() == list(range(3000))
    np.testing.assert_array_equal(scores["score"], fastrcf.load(model).score(payments))


@pytest.mark.parametrize("ending", READERS)
def test_detections_in_every_format(payments, table, model, done, run, ending):
    out = model.with_name(f"found.{ending}")
    code, _, err = run("detect", model, table("parquet"), "-o", out, "--keep", "id,amount")
    assert code == 0
    found = READERS[ending](out)
    assert found.columns == ["row", "id", "amount", "score", "grade", "is_anomaly", "reasons"]
    expected = fastrcf.load(model).detect(payments)
    np.testing.assert_array_equal(found["score"], expected["score"])
    assert found["is_anomaly"].to_list() == expected["is_anomaly"].to_list()
    assert found["id"].to_list() == payments["id"].to_list()
    assert f"{expected['is_anomaly'].sum()} alerts in 3,000 rows" in err
    last = found["reasons"][-1]
    text = last if ending == "csv" else last[0]["text"]
    assert text.startswith("amount = 9000: ")


@pytest.mark.parametrize("ending", ["csv.gz", "jsonl.gz", "csv.zst", "jsonl.bz2", "arrow.gz"])
def test_what_is_named_compressed_is(table, model, done, ending):
    plain, out = (model.with_name(f"plain.{ending.split('.')[0]}"), model.with_name(f"o.{ending}"))
    done("detect", model, table(), "-o", plain)
    done("detect", model, table(), "-o", out)
    with pa.CompressedInputStream(
        out, {"zst": "zstd", "bz2": "bz2"}.get(ending[-3:], "gzip")
    ) as file:
        assert file.read() == plain.read_bytes()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a,b\r1,2\r3,4\r", "carriage returns"),
        ("größe,b\n1,2\n".encode("latin-1"), "--encoding"),
        ("a,b\n1,2\n".encode("utf-16"), "--encoding"),
        (b"a,b\n1,2\rx,3\n", "--input-format"),
        (b"PAR1" + bytes(range(256)) * 20, "--encoding"),
    ],
)
def test_files_that_are_no_csv_are_told(content, told, tmp_path, run):
    data = tmp_path / "data.csv"
    data.write_bytes(content)
    code, _, err = run("train", data, "-o", tmp_path / "m.rcf")
    assert code == 1
    assert "data.csv" in err
    assert told in " ".join(err.split())


def test_a_detector_of_series_is_told_from_a_forest(table, run, tmp_path):
    series = fastrcf.SeriesDetector(["amount"], n_trees=2, sample_size=8)
    series.save(tmp_path / "series.rcf")
    for command in ("detect", "score", "report"):
        code, _, err = run(command, tmp_path / "series.rcf", table(), "-o", tmp_path / "out.csv")
        assert code == 1
        assert "use stream" in " ".join(err.split())


def test_only_alerts_and_all_columns(payments, table, model, done):
    out = model.with_name("found.csv")
    done("detect", model, table(), "-o", out, "--keep", "all", "--only-alerts")
    found = pl.read_csv(out)
    assert found["is_anomaly"].all()
    assert set(range(2995, 3000)) <= set(found["row"].to_list())
    assert found.columns[1 : len(payments.columns) + 1] == payments.columns


def test_standard_streams(table, model):
    words = [sys.executable, "-m", "fastrcf.cli", "score", model, "-", "-o", "-"]
    data = table("csv").read_bytes()
    ended = subprocess.run(words, input=data, capture_output=True, check=True)
    scores = pl.read_csv(io.BytesIO(ended.stdout))["score"]
    assert len(scores) == 3000
    words += ["--input-format", "parquet", "--output-format", "jsonl"]
    data = table("parquet").read_bytes()
    ended = subprocess.run(words, input=data, capture_output=True, check=True)
    again = [json.loads(line)["score"] for line in ended.stdout.splitlines()]
    np.testing.assert_array_equal(scores, again)


def test_forests_take_columns_by_place(payments, table, done, run, tmp_path):
    x = payments.select("amount", "items").to_numpy()
    forest = fastrcf.RandomCutForest(20, 64, random_state=1)
    forest.insert(x)
    for made, name in ((forest, "living"), (forest.freeze(), "frozen")):
        path = tmp_path / f"{name}.rcf"
        made.save(path)
        code, _, err = run("score", path, table(), "-o", tmp_path / "s.csv")
        assert code == 1
        assert "takes 2 columns; the table has 5" in err
        done("score", path, table(), "-o", tmp_path / "s.csv", "--columns", "amount,items")
        np.testing.assert_array_equal(pl.read_csv(tmp_path / "s.csv")["score"], forest.score(x))
        code, _, err = run("detect", path, table(), "-o", tmp_path / "s.csv")
        assert code == 1
        assert "no threshold" in err


def test_several_files_are_told_apart(payments, model, done, tmp_path):
    folder = tmp_path / "days"
    folder.mkdir()
    for day in range(2):
        payments.slice(day * 1500, 1500).write_csv(folder / f"{day}.csv")
    done("score", model, folder, "-o", tmp_path / "s.parquet")
    scores = pl.read_parquet(tmp_path / "s.parquet")
    assert scores["row"].to_list() == [*range(1500), *range(1500)]
    assert scores["file"].unique().sort().to_list() == [str(folder / f"{d}.csv") for d in range(2)]
    np.testing.assert_array_equal(scores["score"], fastrcf.load(model).score(payments))


def test_no_rows_give_an_empty_answer(payments, table, model, done):
    out = model.with_name("s.csv")
    done("score", model, table("parquet", payments.head(0)), "-o", out)
    assert out.read_text() == "row,score\n"


def test_evaluation_agrees_with_python(payments, table, model, done, run):
    text = done("evaluate", model, table("parquet"), "--label", "fraud", "--json")
    expected = fastrcf.evaluate(
        fastrcf.load(model).score(payments), payments["fraud"], random_state=0
    )
    assert json.loads(text) == json.loads(json.dumps({**expected.to_dict(), "warnings": []}))
    assert "ROC AUC" in done("evaluate", model, table("parquet"), "--label", "fraud")
    words = done(
        "evaluate",
        model,
        table(
            "csv",
            payments.with_columns(
                fraud=pl.when(pl.col("fraud") == 1).then(pl.lit("theft")).otherwise(pl.lit("fine")),
            ),
        ),
        "--label",
        "fraud",
        "--normal",
        "fine",
        "--json",
    )
    assert json.loads(words) == json.loads(text)
    code, _, err = run("evaluate", model, table("parquet"), "--label", "shop")
    assert code == 1
    assert "a column that the model looks at" in err
    code, _, err = run("evaluate", model, table("parquet"), "--label", "id")
    assert code == 1
    assert "--normal" in err


@pytest.mark.parametrize("as_json", [True, False])
def test_inspection_tells_all_kinds(model, done, tmp_path, as_json):
    forest = fastrcf.RandomCutForest(20, 64, random_state=1, sampling="window")
    forest.insert(np.arange(300.0).reshape(100, 3))
    forest.save(tmp_path / "living.rcf")
    forest.freeze().save(tmp_path / "frozen.rcf")
    words = ["--json"] if as_json else []
    told = {
        path.stem: done("inspect", path, *words)
        for path in (model, tmp_path / "living.rcf", tmp_path / "frozen.rcf")
    }
    if not as_json:
        assert "amount" in told["model"]
        assert "3 categories" in told["model"]
        assert "window" in told["living"]
        return
    described = {name: json.loads(text) for name, text in told.items()}
    assert described["model"]["kind"] == "detector"
    assert [c["name"] for c in described["model"]["columns"]] == fastrcf.load(model).columns
    assert described["living"]["sampling"] == "window"
    assert described["living"]["rows_seen"] == 100
    assert described["frozen"]["n_features"] == 3
    assert described["frozen"]["n_trees"] == 20


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells the peak")
def test_memory_does_not_grow_with_the_file(payments, table, done, tmp_path):
    """The peak of a process that scores 60 MB is near that of one that scores 6 MB."""
    code = (
        "import sys; from fastrcf.cli import main; code = main(sys.argv[1:]);"
        # Of this program alone: what getrusage tells is also the process's that began it.
        "status = open('/proc/self/status').read().split();"
        "print(code, status[status.index('VmHWM:') + 1])"
    )
    model = tmp_path / "model.rcf"
    # Few trees are quick, and what they need is the same for any number of rows.
    done("train", table(), "-o", model, "--drop", "fraud,time", "--trees", 5)
    body = payments.write_csv(include_header=False)
    peaks = []
    for times in (40, 400):
        path = tmp_path / f"{times}.csv"
        with path.open("w") as file:
            file.write(",".join(payments.columns) + "\n")
            for _ in range(times):
                file.write(body)
        words = [sys.executable, "-c", code, "score", model, path, "-o", tmp_path / "s.csv"]
        done, peak = subprocess.run(words, capture_output=True, text=True).stdout.split()
        assert done == "0"
        peaks.append(int(peak) / 1024)
    assert peaks[1] < peaks[0] + 150
    assert peaks[1] < 1000


def test_a_truth_value_is_no_time(table, model, run, payments):
    for ending in ("csv", "parquet"):
        odd = payments.with_columns(time=pl.Series([True] * len(payments)))
        path = table(ending, odd, "odd")
        words = ["--label", "fraud", "--time", "time"]
        code, _, err = run("evaluate", model, path, *words)
        assert code == 1
        assert "is not a time" in err or "holds bool, not times" in err
