import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

import fastrcf
from fastrcf import report
from tests.cli.conftest import json_lines
from tests.cli.test_bad_rows import BAD_CSV, REASONS
from tests.page import checked
from tests.test_report import SCRIPT, same

WORDS = ["--label", "fraud", "--time", "time", "--keep", "id,amount", "--top", 7]


def made_by(run, tmp_path, *words):
    """Run the command; give the page and what it said."""
    path = tmp_path / "report.html"
    code, out, err = run("report", *words, "-o", path)
    assert code == 0, err
    assert out == ""
    return checked(path.read_text(encoding="utf-8")), err


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_page_from_files(payments, table, model, run, tmp_path, ending):
    page, err = made_by(run, tmp_path, model, table(ending), *WORDS)
    detector = fastrcf.load(model)
    facts = report.build(detector, payments, label="fraud", time="time", keep=["id"]).facts
    alerts = facts.scores.alerts
    assert f"{alerts.rows} alerts in 3,000 rows" in err
    shown = next(table for table in page.tables if "in words" in table[0])
    assert shown[0][:6] == ["row", "id", "amount", "time", "fraud", "scoregrade"]
    rows = [row for row in shown[1:] if len(row) > 5]
    assert [row[0] for row in rows] == [str(row.row) for row in facts.top[:7]]
    assert [row[1] for row in rows] == [row.kept[0] for row in facts.top[:7]]
    # The five odd rows are those that are labelled: too few to hold amounts for a leak.
    assert [row[4] for row in rows[:5]] == ["yes"] * 5
    assert "that fraud marks from all others" not in page.text
    for said in ("trained on", "payments.parquet", f"payments.{ending}: 3,000 rows"):
        assert said in page.text


def test_facts_from_files_are_those_of_python(payments, table, model, run, tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr(report.Report, "save", lambda self, path: kept.append(self.facts))
    code, _, err = run("report", model, table("parquet"), "-o", tmp_path / "r.html", *WORDS)
    assert code == 0, err
    expected = report.build(
        fastrcf.load(model), payments, label="fraud", time="time", keep=["id", "amount"], top=7
    ).facts
    same(kept[0].scores, expected.scores)
    same(kept[0].numbers, expected.numbers)
    same(kept[0].categories, expected.categories)
    same(kept[0].causes, expected.causes)
    assert [row.row for row in kept[0].top] == [row.row for row in expected.top]
    assert kept[0].data.files == ((str(table("parquet")), 3000),)


@pytest.mark.usefixtures("no_pictures")
def test_several_files_are_one_table(payments, table, model, run, tmp_path):
    folder = tmp_path / "days"
    folder.mkdir()
    for i in range(3):
        payments[i * 1000 : (i + 1) * 1000].write_csv(folder / f"day{i}.csv")
    page, err = made_by(run, tmp_path, model, folder, "--top", 2)
    assert "in 3,000 rows" in err
    shown = next(table for table in page.tables if "in words" in table[0])
    assert shown[0][:2] == ["file", "row"]
    # Rows are numbered by file.
    assert shown[1][0].endswith("day2.csv")
    assert 995 <= int(shown[1][1]) < 1000
    assert "day0.csv, day1.csv and 1 more" in page.text


@pytest.mark.usefixtures("no_pictures")
def test_bad_rows_stop_it_or_are_put_aside_and_told(payments, table, model, run, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(BAD_CSV)
    out = tmp_path / "report.html"
    out.write_text("as it was")
    code, printed, err = run("report", model, path, "-o", out)
    assert (code, printed) == (1, "")
    assert err == f"fastrcf: {path}: row 1, column 'items': 'x' is not a number\n"
    assert out.read_text() == "as it was"
    aside = tmp_path / "aside.jsonl"
    page, err = made_by(run, tmp_path, model, path, "--skip-bad-rows", aside)
    assert len(json_lines(aside)) == len(REASONS)
    assert f"{len(REASONS)} rows of" in err
    told = next(table for table in page.tables if table[0][-1] == "the first of them")
    assert told[1][:2] == ["items", "6"]
    assert told[1][2].startswith(str(path)[:80])
    assert {(row[0], row[1]) for row in told[1:]} == {
        ("items", "6"),
        ("the row itself", "2"),
        ("shop", "1"),
    }
    path.write_text("amount,items,online,shop\n1,x,1,fuel\n")
    code, _, err = run("report", model, path, "-o", out, "--skip-bad-rows", aside)
    assert code == 1
    assert "there are no rows to report on: all 1 were put aside" in err


@pytest.mark.usefixtures("no_pictures")
def test_what_files_say_stays_text(payments, run, tmp_path):
    name = f"amount {SCRIPT}"
    frame = payments.rename({"amount": name}).with_columns(shop=pl.lit(SCRIPT))
    data, model = tmp_path / "<script>alert(1)<!--.csv", tmp_path / "<b>.rcf"
    frame.write_csv(data)
    code, _, err = run(
        "train", data, "-o", model, "--drop", "fraud,time", "--categorical", "shop", "--trees", 10
    )
    assert code == 0, err
    page, _ = made_by(run, tmp_path, model, data, "--label", "fraud", "--keep", "shop")
    html = (tmp_path / "report.html").read_text()
    assert "<script" not in html
    assert "<!--" not in html
    assert "<script>alert(1)<!--.csv" in page.text


@pytest.mark.usefixtures("no_pictures")
def test_labels_by_name(payments, table, model, run, tmp_path):
    frame = payments.with_columns(kind=pl.Series(["ok"] * 2000 + ["late"] * 995 + ["fraud"] * 5))
    words = [model, table(frame=frame), "--label", "kind"]
    code, _, err = run("report", *words, "-o", tmp_path / "report.html")
    assert code == 1
    assert "'ok' is neither 0 nor 1" in err
    page, _ = made_by(run, tmp_path, *words, "--positive", "fraud")
    assert "5 rows of 3,000 carry the label" in page.text
    page, _ = made_by(run, tmp_path, *words, "--normal", "ok")
    assert "1,000 rows of 3,000 carry the label" in page.text


@pytest.mark.usefixtures("no_pictures")
def test_wrong_use(table, model, run, tmp_path, payments):
    out = tmp_path / "report.html"
    for words, said in (
        (["--label", "amount"], "'amount' is a column that the model looks at"),
        (["--label", "nope"], "there is no column 'nope'"),
        (["--keep", "nope"], "there is no column 'nope'"),
        (["--time", "id"], "is not a time"),
    ):
        code, _, err = run("report", model, table(), "-o", out, *words)
        assert code == 1
        assert said in err
    assert run("report", model, table(), "-o", out, "--top", 0)[0] == 2
    code, _, err = run("report", model, table(), "-o", tmp_path / "no" / "report.html")
    assert code == 1
    assert "No such file" in err
    forest = fastrcf.RandomCutForest(5, 16, random_state=1)
    forest.insert(payments.select("amount", "items").to_numpy())
    forest.save(tmp_path / "forest.rcf")
    code, _, err = run("report", tmp_path / "forest.rcf", table(), "-o", out)
    assert code == 1
    assert "train a detector" in err
    assert not out.exists()


def test_standard_streams_and_a_missing_extra(table, model):
    words = [sys.executable, "-m", "fastrcf.cli", "report", model, "-", "-o", "-"]
    given = {"input": table("csv").read_bytes(), "capture_output": True}
    ended = subprocess.run(words, **given)
    assert ended.returncode == 0, ended.stderr
    page = checked(ended.stdout.decode())
    assert "What stands out in standard input" in page.text
    assert ended.stderr.startswith(b"-: ")
    code = (
        "import sys; sys.modules['jinja2'] = None; import fastrcf.cli; sys.exit(fastrcf.cli.main())"
    )
    ended = subprocess.run([sys.executable, "-c", code, *words[3:]], **given)
    assert ended.returncode == 1
    assert ended.stdout == b""
    assert ended.stderr == b"fastrcf: reports need jinja2: pip install 'fastrcf[report]'\n"


@pytest.mark.parametrize("name", ["creditcard/day1_sample.parquet"])
def test_real_data(data, run, done, tmp_path, name):
    path = data / name
    if not path.is_file():
        pytest.skip(f"no {name}")
    model = tmp_path / "card.rcf"
    summary = json.loads(
        done("train", path, "-o", model, "--drop", "Time,src", "--label", "Class", "--json")
    )
    page, _ = made_by(run, tmp_path, model, path, "--label", "Class", "--time", "Time")
    assert f"{summary['rows']:,} rows from 4 to 86,376" in page.text
    frame = pl.read_parquet(path)
    expected = fastrcf.evaluate(fastrcf.load(model).score(frame), frame["Class"], n_bootstrap=0)
    assert f"{expected.roc_auc.value:.3f}" in page.text
    assert np.isfinite(expected.average_precision.value)
    assert (tmp_path / "report.html").stat().st_size < 1_000_000
