import json

import polars as pl
import pytest

import fastrcf
from tests.cli.conftest import json_lines

BAD_CSV = """amount,items,online,shop
10.5,3,1,fuel
12,x,1,fuel
12,3
13,,1,fuel
14,4,1,
15,inf,0,fuel
16,nan,0,fuel
17,1e31,0,fuel
18,1_000,0,fuel
"19
",4,0,"gro,cery"

20, 5 ,0,fuel,more
21, 5 ,0,fuel
"""
REASONS = [
    (1, "items", "'x' is not a number"),
    (2, None, "2 fields instead of 4"),
    (3, "items", "the value is missing"),
    (4, "shop", "the value is missing"),
    (5, "items", "inf is not finite"),
    (6, "items", "nan is not finite"),
    (7, "items", "1e31 is larger than 1e+30 in magnitude"),
    (8, "items", "'1_000' is not a number"),
    (10, None, "5 fields instead of 4"),
]


@pytest.mark.parametrize("command", ["score", "detect", "train", "evaluate"])
def test_the_first_bad_row_stops_everything_and_is_named(model, run, tmp_path, command):
    path = tmp_path / "bad.csv"
    path.write_text(BAD_CSV)
    out = tmp_path / "out.csv"
    out.write_text("as it was")
    words = {
        "score": ["score", model, path, "-o", out],
        "detect": ["detect", model, path, "-o", out],
        "train": ["train", path, "-o", out],
        "evaluate": ["evaluate", model, path, "--label", "items"],
    }[command]
    if command == "evaluate":
        path.write_text(BAD_CSV.replace("online", "fraud", 1).replace("items", "online", 1))
        code, _, err = run("evaluate", model, path, "--label", "fraud")
        assert "no column 'items'" in err
        return
    code, printed, err = run(*words)
    assert code == 1
    assert err == f"fastrcf: {path}: row 1, column 'items': 'x' is not a number\n"
    assert printed == ""
    assert out.read_text() == "as it was"
    assert sorted(p.name for p in tmp_path.iterdir() if "unfinished" in p.name) == []


def test_bad_rows_are_put_aside_and_counted(model, run, tmp_path):
    path, out, aside = (tmp_path / name for name in ("bad.csv", "out.csv", "aside.jsonl"))
    path.write_text(BAD_CSV)
    code, _, err = run("score", model, path, "-o", out, "--skip-bad-rows", aside)
    assert code == 0
    assert f"9 bad rows put into {aside}" in err
    bad = json_lines(aside)
    assert [(b["row"], b["column"], b["reason"]) for b in bad] == REASONS
    assert bad[0]["content"]["amount"] == "12"
    assert bad[1]["content"] == "12,3"
    scored = pl.read_csv(out)
    assert scored["row"].to_list() == [0, 9, 11]
    good = pl.DataFrame(
        {
            "amount": [10.5, 19.0, 21.0],
            "items": [3, 4, 5],
            "online": [1, 0, 0],
            "shop": ["fuel", "gro,cery", "fuel"],
        }
    )
    assert scored["score"].to_list() == fastrcf.load(model).score(good).tolist()


def test_bad_lines_of_json_are_named(model, run, tmp_path):
    row = {"amount": 10.5, "items": 3, "online": True, "shop": "fuel"}
    lines = [
        json.dumps(row),
        "{",
        json.dumps(row | {"items": "many"}),
        json.dumps(row | {"items": [1]}),
        json.dumps({"amount": 10.5}),
        "17",
        json.dumps(row | {"extra": 1}),
    ]
    path, out, aside = (tmp_path / name for name in ("bad.jsonl", "out.csv", "aside.jsonl"))
    path.write_text("\n".join(lines))
    code, _, err = run("score", model, path, "-o", out)
    assert (code, err) == (1, f"fastrcf: {path}: row 1: it is no JSON object\n")
    code, _, err = run("score", model, path, "-o", out, "--skip-bad-rows", aside)
    assert code == 0
    assert [(b["row"], b["column"]) for b in json_lines(aside)] == [
        (1, None),
        (2, "items"),
        (3, "items"),
        (4, "items"),
        (5, None),
    ]
    scores = pl.read_csv(out)
    assert scores["row"].to_list() == [0, 6]
    assert scores["score"][0] == scores["score"][1]


def test_missing_and_infinite_values_of_typed_files(payments, table, model, run, tmp_path):
    frame = payments.with_columns(
        amount=pl.when(pl.col("items") == 0).then(None).otherwise(pl.col("amount")),
        items=pl.when(pl.int_range(pl.len()) == 7).then(float("inf")).otherwise(pl.col("items")),
    )
    expected = sorted({7, *frame["amount"].is_null().arg_true().to_list()})
    for ending in ("parquet", "arrow"):
        path = table(ending, frame, "holes")
        code, _, err = run("score", model, path, "-o", tmp_path / "s.csv")
        assert code == 1
        assert f"row {expected[0]}, column" in err
        aside = tmp_path / "aside.jsonl"
        code, _, _ = run("score", model, path, "-o", tmp_path / "s.csv", "--skip-bad-rows", aside)
        assert code == 0
        assert [b["row"] for b in json_lines(aside)] == expected
        kept = sorted(set(range(3000)) - set(expected))
        assert pl.read_csv(tmp_path / "s.csv")["row"].to_list() == kept


def emptied(payments, dtype=pl.Float64):
    return payments.with_columns(items=pl.lit(None, dtype))


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow", "jsonl"])
@pytest.mark.parametrize("skip", [False, True])
def test_a_column_without_values_is_told_not_its_rows(
    payments, table, model, run, tmp_path, ending, skip
):
    path = table(ending, emptied(payments), "empty")
    aside, out = tmp_path / "aside.jsonl", tmp_path / "out.csv"
    more = ["--skip-bad-rows", aside] if skip else []
    rows = "3,000 rows: leave it out" if skip else "rows 0 to "
    said = f"{path}: column 'items' has no value at all in {rows}"
    chosen = ["--columns", "amount,items"]
    for words in (
        ["train", path, "-o", out, *chosen],
        ["score", model, path, "-o", out],
        ["detect", model, path, "-o", out],
        ["evaluate", model, path, "--label", "fraud"],
        ["report", model, path, "-o", out],
    ):
        code, printed, err = run(*words, *more)
        assert (code, printed) == (1, "")
        assert said in err
        assert "--drop" in err
        assert not out.exists()
        assert not aside.exists()


@pytest.mark.parametrize(
    ("ending", "dtype"), [("csv", pl.Float64), ("jsonl", pl.Float64), ("parquet", pl.Null)]
)
def test_a_column_of_nothing_that_nobody_asked_for_is_left_out_and_told(
    payments, table, run, tmp_path, ending, dtype
):
    path, out = table(ending, emptied(payments, dtype), "empty"), tmp_path / "m.rcf"
    code, _, err = run("train", path, "-o", out, "--label", "fraud")
    assert code == 0
    assert "columns without a value in the first rows were left out: items (--columns" in err
    assert fastrcf.load(out).columns == ["amount", "online", "time"]
    code, _, err = run("train", path, "-o", out, "--columns", "amount,items")
    assert code == 1
    assert "column 'items' has no value at all in rows 0 to " in err


def test_a_column_that_is_empty_at_first_is_taken_in_when_asked_for(payments, table, run, tmp_path):
    late = pl.when(pl.int_range(pl.len()) < 1500).then(None).otherwise(pl.col("items"))
    path, out = table("csv", payments.with_columns(items=late)), tmp_path / "m.rcf"
    aside = tmp_path / "aside.jsonl"
    code, _, err = run(
        "train", path, "-o", out, "--columns", "amount,items", "--skip-bad-rows", aside
    )
    assert code == 0
    assert "1500 bad rows" in err
    assert fastrcf.load(out).n_fitted == 1500


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.xls", b"", "the ending says no format"),
        ("t.csv", b"", "the file is empty"),
        ("t.parquet", b"PAR1 no", "t.parquet"),
        ("t.arrow", b"no", "t.arrow"),
        ("t.jsonl", b"no\n", "no line of the first ones holds a JSON object"),
        ("t.csv", b"a,a\n1,2\n", "two columns are named 'a'"),
        ("t.csv.gz", b"no gzip", "t.csv.gz"),
        ("t.csv", b"a,b\n1,\xff\xfe\n", "t.csv"),
    ],
)
def test_files_that_are_none_are_told_in_one_line(run, tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    words = ["--columns", "b"] if b"\xff" in content else []
    code, _, err = run("train", tmp_path / name, "-o", tmp_path / "m.rcf", *words)
    assert code == 1
    assert said in err
    assert err.count("\n") == 1


def test_what_is_not_there_is_told(run, tmp_path, model, table):
    assert run("train", tmp_path / "none.csv", "-o", tmp_path / "m")[0] == 1
    code, _, err = run("score", model, tmp_path / "none.csv", "-o", tmp_path / "s.csv")
    assert (code, "no such file" in err) == (1, True)
    code, _, err = run("score", tmp_path / "none.rcf", tmp_path, "-o", tmp_path / "s.csv")
    assert code == 2
    nowhere = tmp_path / "no" / "m.rcf"
    code, _, err = run("train", table(), "-o", nowhere)
    assert (code, err) == (1, f"fastrcf: {nowhere.parent}: No such file or directory\n")
    code, _, err = run("score", model, table(), "-o", nowhere.with_suffix(".csv"))
    assert (code, err) == (1, f"fastrcf: {nowhere.parent}: No such file or directory\n")
    (tmp_path / "no.rcf").write_text("no model")
    code, _, err = run("inspect", tmp_path / "no.rcf")
    assert (code, "model file" in err) == (1, True)
    assert run("nonsense")[0] == 2
    assert run("score", model)[0] == 2


def test_debug_shows_where_an_error_came_from(tmp_path, run):
    with pytest.raises(fastrcf.InvalidInputError):
        run("train", tmp_path / "none.csv", "-o", tmp_path / "m", "--debug")
