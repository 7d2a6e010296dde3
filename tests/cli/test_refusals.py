"""Options that contradict each other, mean nothing, or would lose a file."""

import gzip
import json
import sys

import polars as pl
import pytest


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seed", -1], "--seed: -1 is not an integer"),
        (["--trees", 0], "--trees: 0 is not an integer of at least 1"),
        (["--alert-rate", "nan"], "--alert-rate: nan is not above 0"),
        (
            ["--alerts-per-day", 5, "--time", "time", "--alert-rate", 0.01],
            "--alert-rate and --alerts-per-day: give one of them",
        ),
        (["--columns", "amount,items", "--drop", "items"], "'items' is to be looked at"),
        (["--categorical", "fraud", "--label", "fraud"], "'fraud' is to be looked at"),
    ],
)
def test_wrong_use_of_train_is_told_by_option(table, run, tmp_path, words, said):
    out = tmp_path / "m.rcf"
    code, _, err = run("train", table("csv"), "-o", out, *words)
    assert (code, out.exists()) == (2, False)
    assert said in err


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
@pytest.mark.parametrize(
    "words", [["--names", "a,b"], ["--no-header"], ["--delimiter", ";"], ["--encoding", "latin-1"]]
)
def test_options_of_csv_are_refused_where_there_is_none(table, run, tmp_path, ending, words):
    code, _, err = run("train", table(ending), "-o", tmp_path / "m.rcf", *words)
    assert code == 1
    assert f"{words[0]} is of CSV files" in err


def test_streams_are_told_what_they_do_not_take(run):
    code, _, err = run("stream", "--encoding", "latin-1")
    assert (code, "--encoding: streams are UTF-8" in err) == (2, True)
    code, _, err = run("stream", "--input-format", "jsonl", "--delimiter", ";")
    assert (code, "--delimiter is of CSV" in err) == (2, True)


@pytest.mark.parametrize("command", ["evaluate", "report"])
def test_labels_and_times_are_two_columns(table, model, run, tmp_path, command):
    out = ["-o", tmp_path / "r.html"] if command == "report" else []
    words = [command, model, table("csv"), *out, "--label", "fraud", "--time", "fraud"]
    code, _, err = run(*words)
    assert code == 1
    assert "--label and --time: both are 'fraud'" in err


def test_what_says_which_labels_are_anomalies_needs_a_label(table, model, run, tmp_path):
    words = [model, table("csv"), "-o", tmp_path / "r.html", "--positive", "1"]
    code, _, err = run("report", *words)
    assert (code, "--positive and --normal need --label" in err) == (2, True)


def test_days_of_alerts_need_times(table, run, tmp_path):
    data, model = table("csv"), tmp_path / "m.rcf"
    run("train", data, "-o", model, "--categorical", "time,shop", "--label", "fraud")
    for time, said in (
        ("time", "--time: 'time' is a category to the model, no time"),
        ("shop", "--entity and --time: both are 'shop'"),
    ):
        words = [model, data, "-o", tmp_path / "a.csv", "--per-day", 1, "--entity", "shop"]
        code, _, err = run("detect", *words, "--time", time)
        assert code == 1
        assert said in err


def test_a_file_that_is_read_is_not_written(table, model, run, tmp_path):
    data = table("csv")
    aside = tmp_path / "aside.csv"
    for words, option in (
        (["train", data, "-o", data], "-o"),
        (["score", model, data, "-o", data, "--keep", "all"], "-o"),
        (["report", model, data, "-o", model], "-o"),
        (["score", model, data, "-o", aside, "--skip-bad-rows", data], "--skip-bad-rows"),
        (["score", model, data, "-o", aside, "--skip-bad-rows", model], "--skip-bad-rows"),
        (["score", model, data, "-o", aside, "--skip-bad-rows", aside], "--skip-bad-rows"),
    ):
        before = data.read_bytes(), model.read_bytes()
        code, _, err = run(*words)
        assert code == 1
        assert err.startswith(f"fastrcf: {option} ")
        assert err.endswith("; name another\n")
        assert (data.read_bytes(), model.read_bytes()) == before
        assert not aside.exists()


def test_the_demo_puts_a_bad_row_aside_once(payments, run, tmp_path):
    bad = payments.with_columns(
        amount=pl.when(pl.int_range(pl.len()) == 5).then(None).otherwise(pl.col("amount"))
    )
    data, aside = tmp_path / "bad.parquet", tmp_path / "aside.jsonl"
    bad.write_parquet(data)
    words = ["--skip-bad-rows", aside, "-o", tmp_path / "demo", "--label", "fraud"]
    code, _, err = run("demo", data, *words)
    assert code == 0
    assert "1 bad rows put into" in err
    assert [json.loads(line)["row"] for line in aside.read_text().splitlines()] == [5]


def test_a_demo_that_cannot_begin_makes_no_folder(run, tmp_path):
    for data, said in (("-", "read several times"), (tmp_path / "none.csv", "no such file")):
        code, _, err = run("demo", data, "-o", tmp_path / "demo")
        assert (code, said in err) == (1, True)
    assert not (tmp_path / "demo").exists()


def test_inspect_tells_of_alerts_a_day(table, done, tmp_path):
    out = tmp_path / "m.rcf"
    done(
        "train",
        table("csv"),
        "-o",
        out,
        "--label",
        "fraud",
        "--time",
        "time",
        "--alerts-per-day",
        2,
    )
    told = json.loads(done("inspect", out, "--json"))
    assert told["alerts_per_day"] == pytest.approx(2)
    assert told["rows_per_day"] > 2
    assert told["score"] == "auto"


@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
@pytest.mark.parametrize("after", [1, 1_000_000])
def test_a_quote_without_end_is_no_value_that_takes_all_rows_in(tmp_path, run, ending, after):
    path, out = tmp_path / f"d.{ending}", tmp_path / "m.rcf"
    lines = ["a,note", *(f"{i},x{i}" for i in range(98)), '98,"x98', *["99,x99"] * after]
    opened = gzip.open if ending == "csv.gz" else open
    with opened(path, "wt") as file:
        file.write("\n".join(lines))
    code, _, err = run("train", path, "-o", out)
    assert (code, out.exists()) == (1, False)
    assert f"{path}, line 100: a quote is opened" in err


@pytest.mark.parametrize("after", [1, 100_000])
def test_a_quote_without_end_is_found_on_standard_input_too(tmp_path, run, monkeypatch, after):
    path, out = tmp_path / "d.csv", tmp_path / "m.rcf"
    # The line is told though lines end within quotes before.
    usual = ['1,"two\nlines"', '2,"a ""word"""'] * 49
    for last, wanted in (('98,"x98', 1), ('98,5" pipe', 0)):
        path.write_text("\n".join(["a,note", *usual, last, *["99,x99"] * after]))
        with open(path) as file, monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", file)
            code, _, err = run("train", "-", "--input-format", "csv", "-o", out)
        assert (code, out.exists()) == (wanted, not wanted)
        assert not wanted or "-, line 149: a quote is opened" in err
        out.unlink(missing_ok=True)


@pytest.mark.parametrize("end", ["", "\n", "\n7,1\n"])
def test_a_first_row_that_is_longer_than_what_is_looked_at_tells_its_columns(tmp_path, done, end):
    path = tmp_path / "d.csv"
    path.write_text(f"note,a\n{'x' * 90_000},1\ny,2" + end)
    told = json.loads(done("train", path, "-o", tmp_path / "m.rcf", "--json"))
    assert (told["rows"], told["columns"]) == (2 + end.count(","), ["a"])


def test_signs_of_inches_are_no_quotes(tmp_path, done):
    path = tmp_path / "d.csv"
    for text in ("two\nlines", "long" * 100_000):
        path.write_text(f'a,note\n1,5" pipe\n2,"{text}"\n3,x\n')
        assert json.loads(done("train", path, "-o", tmp_path / "m.rcf", "--json"))["rows"] == 3


def test_a_row_without_end_is_told_in_words(tmp_path, run):
    path = tmp_path / "d.csv"
    path.write_text(f"a,note\n1,x\n1,{'x' * (9 << 20)}\n2,y\n")
    code, _, err = run("train", path, "-o", tmp_path / "m.rcf")
    assert code == 1
    assert f"{path}: a row is longer than 4 MB" in err
