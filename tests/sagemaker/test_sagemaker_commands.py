import io
import json

import numpy as np
import polars as pl
import pytest

from fastrcf.sagemaker import Endpoint, ManagedForest, managed_metrics
from tests.page import checked


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(1203, 2)) * [1, 3]
    rows[::120] += [0, 20]
    frame = pl.DataFrame(rows, schema=["a", "b"]).with_columns(
        odd=pl.Series((np.arange(1203) % 120 == 0).astype(int)),
        name=pl.Series([f"r{i}" for i in range(1203)]),
    )
    path = tmp_path / "rows.csv"
    frame.write_csv(path)
    return path


@pytest.fixture
def rows(table):
    return pl.read_csv(table).select("a", "b").to_numpy()


@pytest.fixture
def model(table, run, tmp_path):
    path = tmp_path / "m.rcf"
    words = ["--num-trees", 50, "--num-samples-per-tree", 64, "--drop", "odd", "--seed", 4]
    code, out, err = run("sagemaker", "fit", table, "-o", path, *words)
    assert (code, out) == (0, "")
    assert "50 trees of 24 rows, blocks in the order of the rows" in err
    assert "1,203 rows of 2 columns, 3 in no tree" in err
    return path


def test_fit_is_that_of_python(model, rows):
    expected = ManagedForest(50, 64, random_state=4).fit(rows)
    assert model.read_bytes() == bytes(expected)


def test_fit_takes_the_columns_that_are_asked_for(model, table, run, tmp_path):
    words = ["--num-trees", 50, "--num-samples-per-tree", 64, "--seed", 4]
    code, _, err = run("sagemaker", "fit", table, "-o", tmp_path / "n.rcf", *words, "--drop", "odd")
    assert (code, "columns of text were left out: name" in err) == (0, True)
    both = ["--columns", "a,b,odd", "--drop", "odd"]
    code, _, err = run("sagemaker", "fit", table, "-o", tmp_path / "n.rcf", *words, *both)
    assert (code, "left out" in err) == (0, False)
    assert (tmp_path / "n.rcf").read_bytes() == model.read_bytes()
    n = 200
    odd = pl.DataFrame({"a": range(n)}).with_columns(
        day=pl.lit("2026-01-01").str.to_date(), took=pl.duration(seconds=1), tags=pl.lit([1])
    )
    odd.write_parquet(tmp_path / "odd.parquet")
    code, _, err = run("sagemaker", "fit", tmp_path / "odd.parquet", "-o", tmp_path / "n.rcf")
    assert code == 0
    assert "columns of dates and times were left out: day" in err
    assert "columns of durations, lists and the like were left out: took, tags" in err


def test_fit_prints_the_services_figures(table, rows, run, tmp_path):
    words = ["--num-trees", 50, "--num-samples-per-tree", 20, "--label", "odd"]
    code, out, err = run("sagemaker", "fit", table, "-o", tmp_path / "m.rcf", *words)
    assert code == 0
    assert "a random sample; 1,203 rows of 2 columns, 203 in no tree" in err
    labels = np.arange(1203) % 120 == 0
    expected = managed_metrics(ManagedForest(50, 20, random_state=0).fit(rows).score(rows), labels)
    assert out.strip() == str(expected)


def test_a_whole_recording(model, table, rows, run, tmp_path):
    """The service's own answer for all rows, from another training."""
    scores = ManagedForest.load(model).redrawn(77).score(rows)
    answer = tmp_path / "rows.csv.out"
    answer.write_text("\n".join(json.dumps({"score": score}) for score in scores))
    words = ["--data", table, "--columns", "a,b", "-o", tmp_path / "r.html"]
    code, out, err = run("sagemaker", "compare", model, "--recorded", answer, *words)
    assert (code, err) == (0, "")
    assert "1,203 rows: m.rcf against rows.csv.out" in out
    assert "agree: all figures are within their limits" in out
    page = checked((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "The two agree" in page.text
    # Scores of shuffled rows do not.
    answer.write_text("score\n" + "\n".join(map(str, np.roll(scores, 1))))
    code, out, _ = run("sagemaker", "compare", model, "--recorded", answer, *words, "--json")
    assert code == 3
    plain = json.loads(out)
    assert plain["verdict"] == "differ"
    assert "The two differ" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_some_recorded_rows(model, table, rows, run, tmp_path):
    scores = ManagedForest.load(model).score(rows)
    picked = [1200, 3, 960, 17, 240, 480, 5, 6, 7, 8, 9, 10]
    lines = [f"{i},{scores[i] - 0.5 * (i == 480)}" for i in picked]
    answer = tmp_path / "some.csv"
    answer.write_text("# of a notebook\nat,s\n" + "\n".join(lines) + "\n")
    words = ["--data", table, "--columns", "a,b", "--score", "s", "--index", "at", "--json"]
    base = ["sagemaker", "compare", model, "--recorded", answer, "-o", tmp_path / "r.html"]
    code, out, _ = run(*base, *words, "--top", 4, "--min-correlation", 0.5)
    found = json.loads(out)
    assert code in (0, 3)
    assert (found["n_rows"], found["top"]) == (12, 4)
    assert found["worst"][0]["row"] == 480
    assert found["worst"][0]["causes"][0]["column"] == "b"
    assert sorted(one["row"] for one in found["worst"]) == sorted(picked)
    answer.write_text("at,s\n" + "\n".join(lines[:5]) + "\n")
    code, out, _ = run(*base, *words)
    assert code == 4
    assert json.loads(out)["verdict"] == "undecided"
    answer.write_text("at,s\n5000,1\n")
    code, out, err = run(*base, *words)
    assert (code, out) == (1, "")
    assert "row 5000 is recorded, but cannot be read here" in err


def test_a_detector_is_asked_for_the_services_scale(table, rows, run, tmp_path):
    model = tmp_path / "d.rcf"
    words = ["--drop", "odd,name", "--scaling", "none", "--seed", 1]
    assert run("train", table, "-o", model, *words)[0] == 0
    forest = ManagedForest(100, 12, random_state=1).fit(rows)
    answer = tmp_path / "a.json"
    entries = [{"score": score} for score in forest.score(rows)]
    answer.write_text(json.dumps({"scores": entries}))
    code, out, err = run(
        *["sagemaker", "compare", model, "--recorded", answer, "--data", table],
        *["-o", tmp_path / "r.html", "--json"],
    )
    assert err == ""
    assert code in (0, 3)
    assert 0.5 < json.loads(out)["scale"] < 2


def test_a_detector_is_compared_with_an_endpoint_of_detectors(table, run, tmp_path):
    """What ``predict`` writes of a container with model=detector is ``score`` of its file."""
    model, theirs = tmp_path / "d.rcf", tmp_path / "theirs.csv"
    assert run("train", table, "-o", model, "--drop", "odd,name", "--seed", 1)[0] == 0
    assert run("score", model, table, "-o", theirs)[0] == 0
    words = ["sagemaker", "compare", model, "--recorded", theirs, "--index", "row"]
    words += ["--data", table, "-o", tmp_path / "r.html", "--json"]
    code, out, _ = run(*words, "--kind", "own")
    assert (code, json.loads(out)["rmse"]) == (0, 0.0)
    code, out, _ = run(*words)
    assert (code, json.loads(out)["verdict"]) == (3, "differ")


def test_an_endpoint_is_asked(model, table, run, tmp_path, monkeypatch):
    pytest.importorskip("boto3", reason="boto3 is not installed (extra sagemaker)")
    from tests.sagemaker.aws import Container

    other = ManagedForest.load(model).redrawn(5)

    def answer(request):
        asked = np.loadtxt(request["body"].splitlines(), delimiter=",", ndmin=2)
        scores = [{"score": score} for score in other.score(asked)]
        return 200, "application/json", json.dumps({"scores": scores}).encode()

    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "aws"))
    (tmp_path / "aws").write_text("[mine]\naws_access_key_id=id\naws_secret_access_key=secret\n")
    page = tmp_path / "r.html"
    words = ["sagemaker", "compare", model, "--data", table, "--columns", "a,b", "-o", page]
    with Container(answer) as container:
        endpoint = [*words, "--endpoint", "rcf-live", "--url", container.url]
        code, _, err = run(*endpoint, "--profile", "mine")
        assert code == 1
        assert "no region is set" in err
        code, _, err = run(*endpoint, "--profile", "yours", "--region", "eu-west-1")
        assert code == 1
        assert "yours" in err
        assert not container.requests
        code, out, err = run(*endpoint, "--profile", "mine", "--region", "eu-west-1")
    assert (code, err) == (0, "")
    paths = {request["path"] for request in container.requests}
    assert paths == {"/endpoints/rcf-live/invocations"}
    assert "m.rcf against rcf-live" in out
    checked(page.read_text(encoding="utf-8"))
    code, _, err = run(*words, "--recorded", table, "--url", "http://127.0.0.1:1")
    assert code == 2
    assert "--url says how an --endpoint is called" in err


def test_an_endpoint_is_called_as_predict_calls_it(model, table, run, tmp_path, monkeypatch):
    """Which model, in what format, how large and how many at a time."""
    pytest.importorskip("boto3", reason="boto3 is not installed (extra sagemaker)")
    from tests.sagemaker.aws import Container

    made = []

    class Noted(Endpoint):
        def __init__(self, *given, **calling):
            super().__init__(*given, **calling)
            made.append(self)

    monkeypatch.setattr("fastrcf.sagemaker.endpoint.Endpoint", Noted)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    other = ManagedForest.load(model).redrawn(5)

    def answer(request):
        asked = [json.loads(line)["features"] for line in request["body"].splitlines()]
        scores = [json.dumps({"score": score}) for score in other.score(np.array(asked))]
        return 200, "application/jsonlines", "\n".join(scores).encode()

    words = ["sagemaker", "compare", model, "--data", table, "--columns", "a,b"]
    words += ["-o", tmp_path / "r.html"]
    how = ["--model", "fraud.tar.gz", "--request-format", "jsonlines", "--max-payload", 9000]
    how += ["--workers", 2]
    with Container(answer) as container:
        code, _, err = run(*words, "--endpoint", "rcf-live", "--url", container.url, *how)
    assert (code, err) == (0, "")
    assert len(container.requests) > 5
    for request in container.requests:
        assert request["headers"]["X-Amzn-SageMaker-Target-Model"] == "fraud.tar.gz"
        assert request["headers"]["Content-Type"] == "application/jsonlines"
        assert len(request["body"]) <= 9000
    assert [one.workers for one in made] == [2]
    for i in range(0, len(how), 2):
        code, _, err = run(*words, "--recorded", table, *how[i : i + 2])
        assert code == 2
        assert f"{how[i]} says how an --endpoint is called" in err


def test_several_files_of_one_training(model, table, rows, run, tmp_path):
    scores = ManagedForest.load(model).score(rows)
    files, words = [tmp_path / "a.csv", tmp_path / "b.csv"], []
    for path, picked in zip(files, (range(15), range(10, 30)), strict=True):
        path.write_text("index,score\n" + "\n".join(f"{i},{scores[i]}" for i in picked))
        words += ["--recorded", path]
    words += ["--data", table, "--columns", "a,b", "-o", tmp_path / "r.html", "--json"]
    code, out, _ = run("sagemaker", "compare", model, *words)
    found = json.loads(out)
    assert (code, found["n_rows"], found["theirs_name"]) == (0, 30, "a.csv, b.csv")
    files[1].write_text("index,score\n3,9\n")
    code, out, err = run("sagemaker", "compare", model, *words)
    assert (code, out) == (1, "")
    assert "a.csv" in err
    assert "b.csv: row 3 has two scores" in err
    files[1].write_text("score\n9\n")
    code, out, err = run("sagemaker", "compare", model, *words)
    assert (code, out) == (1, "")
    assert "b.csv: one of several files, and without a column of row numbers" in err


def test_the_page_to_standard_output(model, table, rows, run, tmp_path):
    answer = tmp_path / "a.csv"
    answer.write_text("score\n" + "\n".join(map(str, ManagedForest.load(model).score(rows))))
    code, out, err = run(
        *["sagemaker", "compare", model, "--recorded", answer, "--data", table],
        *["--columns", "a,b", "-o", "-"],
    )
    assert code == 0
    checked(out)
    assert "agree: all figures" in err


def test_wrong_use(model, table, run, tmp_path):
    answer = tmp_path / "a.csv"
    answer.write_text("score\n1\n2\n")
    base = ["sagemaker", "compare", model, "--data", table, "-o", tmp_path / "r.html"]
    for words, code, said in (
        ([], 2, "--recorded or --endpoint"),
        (["--recorded", answer, "--endpoint", "e"], 2, "one of them"),
        (["--recorded", answer], 1, "the table has 3 with numbers"),
        (["--recorded", answer, "--columns", "a,b"], 1, "1,203 rows, but 2 scores"),
        (["--recorded", answer, "--columns", "a,b", "--min-rank", 3], 1, "rank: 3.0"),
        (["--recorded", table, "--columns", "a,b"], 1, "no column 'score'"),
    ):
        found = run(*base, *words)
        assert found[0] == code, found
        assert said in found[2]
    assert not (tmp_path / "r.html").exists()
    for words, code, said in (
        (["--num-trees", 20], 1, "num_trees"),
        (["--num-samples-per-tree", 4000], 1, "num_samples_per_tree"),
        (["--drop", "a,b,odd"], 1, "no column holds numbers"),
        (["--columns", "a,odd", "--label", "odd"], 1, "'odd' is a column to take"),
        (["--columns", "a,b,a"], 1, "--columns: 'a' is there twice"),
        (["--drop", "adds"], 1, "--drop: there is no column 'adds'; it has 'a', 'b', 'odd', 'name"),
        (["--label", "od"], 1, "--label: there is no column 'od'"),
        (["--positive", "1"], 2, "--positive says what labels mean: it needs --label"),
        (["--drop", "odd", "-o", table], 1, "this is DATA, which would be lost"),
    ):
        found = run("sagemaker", "fit", table, "-o", tmp_path / "n.rcf", *words)
        assert found[0] == code, found
        assert said in found[2]
    assert not (tmp_path / "n.rcf").exists()
    whole = table.read_bytes()
    scored = ["--recorded", answer, "--columns", "a,b"]
    for words in (
        ["compare", model, "--data", table, "-o", table, *scored],
        ["predict", "e", table, "-o", table, "--url", "http://127.0.0.1:9"],
    ):
        code, _, err = run("sagemaker", *words)
        assert (code, "this is DATA, which would be lost" in err) == (1, True)
    assert table.read_bytes() == whole


def test_predict_reads_standard_input_once(table, run, tmp_path, monkeypatch):
    pytest.importorskip("boto3", reason="boto3 is not installed (extra sagemaker)")
    from tests.sagemaker.aws import Container, sums_as_json

    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    rows = pl.read_csv(table)
    lines = "".join(f'{{"a":{a!r},"b":{b!r}}}\n' for a, b in rows.select("a", "b").iter_rows())
    for text, words in (
        (table.read_text(), ["--input-format", "csv", "--drop", "odd"]),
        (lines, ["--input-format", "jsonl"]),
    ):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        out = tmp_path / "s.csv"
        with Container(sums_as_json) as container:
            code, _, err = run(
                "sagemaker", "predict", "e", "-", "-o", out, "--url", container.url, *words
            )
        assert code == 0, err
        np.testing.assert_allclose(pl.read_csv(out)["score"], rows["a"] + rows["b"], atol=1e-3)
