import datetime
import json

import polars as pl
import pytest

import fastrcf
from tests.cli.conftest import WRITERS


def without_notes(path):
    """Give a model's bytes but for where it came from."""
    model = fastrcf.load(path)
    model.notes = {}
    return bytes(model)


CHOICE = ["--label", "fraud", "--time", "time", "--categorical", "shop", "--seed", 3]


@pytest.mark.parametrize("ending", WRITERS)
def test_every_format_gives_the_same_model(table, done, tmp_path, ending):
    path = tmp_path / "m.rcf"
    out = done("train", table(ending), "-o", path, "--json", *CHOICE)
    told = json.loads(out)
    assert told["rows"] == 3000
    assert told["columns"] == ["amount", "items", "online", "shop"]
    reference = tmp_path / "reference.rcf"
    done("train", table("parquet"), "-o", reference, *CHOICE)
    assert without_notes(path) == without_notes(reference)


def test_the_python_detector_is_the_same(table, payments, model):
    detector = fastrcf.Detector(
        ["amount", "items", "online", "shop"],
        categorical=["shop"],
        alert_rate=0.002,
        random_state=3,
    ).fit(payments)
    assert bytes(detector) == without_notes(model)


def test_a_folder_and_a_pattern_are_read_in_order(payments, done, tmp_path):
    folder = tmp_path / "days"
    folder.mkdir()
    for day in range(3):
        payments.slice(day * 1000, 1000).write_parquet(folder / f"day{day}.parquet")
    payments.write_parquet(folder / "_hidden.parquet")
    (folder / "notes.md").write_text("no table")
    for data, name in ((folder, "a"), (folder / "day*.parquet", "b")):
        done("train", data, "-o", tmp_path / name, *CHOICE)
    done("train", folder / "_hidden.parquet", "-o", tmp_path / "c", *CHOICE)
    a, b, c = (without_notes(tmp_path / name) for name in "abc")
    assert a == b == c


def test_text_columns_that_are_left_out_are_told(table, run, tmp_path):
    code, out, err = run("train", table("csv"), "-o", tmp_path / "m.rcf")
    assert code == 0
    assert "columns of text were left out: id, shop" in err
    assert "fitted to 3,000 rows of 5 columns" in out


def test_alerts_per_day_need_a_time_and_set_the_rate(table, run, done, tmp_path):
    path = tmp_path / "m.rcf"
    code, _, err = run("train", table(), "-o", path, "--alerts-per-day", 3)
    assert code == 2
    assert "--time" in err
    out = done("train", table(), "-o", path, "--alerts-per-day", 3, "--time", "time")
    assert "3 alerts a day (" in out
    assert "where a day has 1,440 rows" in out
    # 3,000 rows a minute apart are 2.08 days.
    assert fastrcf.load(path).alert_rate == pytest.approx(3 * 2999 / 1440 / 3000)
    assert "time" not in fastrcf.load(path).columns


def test_times_in_text_are_read(payments, done, table, tmp_path):
    moments = pl.from_epoch(payments["time"].cast(pl.Int64), time_unit="s")
    frame = payments.with_columns(time=moments.dt.strftime("%Y-%m-%d %H:%M:%S"))
    path = tmp_path / "m.rcf"
    done("train", table("csv", frame), "-o", path, "--alerts-per-day", 3, "--time", "time")
    assert fastrcf.load(path).alert_rate == pytest.approx(3 * 2999 / 1440 / 3000)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--columns", "amuont"], "no column 'amuont'"),
        (["--drop", "nothing"], "no column 'nothing'"),
        (["--label", "Fraud"], "no column 'Fraud'"),
        (["--time", "when"], "no column 'when'"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(table, run, tmp_path, words, said):
    code, out, err = run("train", table(), "-o", tmp_path / "m.rcf", *words)
    assert code == 1
    assert said in err
    assert err.count("\n") == 1
    assert out == ""
    assert not (tmp_path / "m.rcf").exists()


def test_files_without_a_header_need_a_word(payments, run, done, tmp_path):
    path = tmp_path / "bare.data"
    payments.select("amount", "items", "shop").write_csv(path, include_header=False)
    code, _, err = run("train", path, "-o", tmp_path / "m.rcf")
    assert code == 1
    assert "--no-header" in err
    done("train", path, "-o", tmp_path / "m.rcf", "--no-header", "--categorical", "x2")
    assert fastrcf.load(tmp_path / "m.rcf").columns == ["x0", "x1", "x2"]
    done("train", path, "-o", tmp_path / "m.rcf", "--names", "amount,items,shop")
    assert fastrcf.load(tmp_path / "m.rcf").columns == ["amount", "items"]
    code, _, err = run("train", path, "-o", tmp_path / "m.rcf", "--names", "amount,items")
    assert code == 1
    assert "2 names for 3 columns" in err


def test_real_connections_with_categories(data, done, tmp_path):
    file = data / "nsl_kdd" / "KDDTrain+_20Percent.txt"
    words = ["--no-header", "--categorical", "x1,x2,x3", "--label", "x41", "--drop", "x42"]
    done("train", file, "-o", tmp_path / "m.rcf", *words)
    detector = fastrcf.load(tmp_path / "m.rcf")
    assert len(detector.columns) == 41
    assert detector.scaling["x2"] == "category"
    out = done(
        "evaluate",
        tmp_path / "m.rcf",
        file,
        *["--no-header", "--label", "x41", "--normal", "normal", "--json", "--bootstrap", 0],
    )
    assert 0 < json.loads(out)["prevalence"]["value"] < 1


def test_models_say_where_they_came_from(table, done, tmp_path):
    path = tmp_path / "m.rcf"
    done("train", table(), "-o", path, "--label", "fraud", "--note", "ticket", "A-17")
    assert dict(fastrcf.load(path).notes) == {
        "trained by": f"fastrcf {fastrcf.__version__}",
        "trained on": "payments.csv",
        "label": "fraud",
        "ticket": "A-17",
    }
    assert json.loads(done("inspect", path, "--json"))["notes"]["ticket"] == "A-17"
    assert "note: ticket" in done("inspect", path)


def test_columns_of_no_numbers_are_told_when_they_are_left_out(payments, run, tmp_path):
    n = len(payments)
    odd = payments.with_columns(
        day=pl.Series([datetime.date(2026, 1, 1)] * n),
        took=pl.Series([datetime.timedelta(seconds=1)] * n),
        tags=pl.Series([["a"]] * n),
    )
    odd.write_parquet(tmp_path / "odd.parquet")
    code, _, err = run("train", tmp_path / "odd.parquet", "-o", tmp_path / "m.rcf")
    assert code == 0
    assert "columns of dates and times were left out: day (--categorical" in err
    assert "columns of durations, lists and the like were left out: took, tags" in err


def test_names_given_again_are_further_ones(done, tmp_path):
    path, out = tmp_path / "d.csv", tmp_path / "m.rcf"
    path.write_text('a,b,"c,d",x\nu,v,1,1\nu,w,2,2\nz,v,3,3\n')
    done("train", path, "-o", out, "--categorical", "a, b", "--categorical", '"c,d"')
    assert sorted(fastrcf.load(out).columns) == ["a", "b", "c,d", "x"]
    done("train", path, "-o", out, "--drop", "x", "--drop", "a,b")
    assert fastrcf.load(out).columns == ["c,d"]
