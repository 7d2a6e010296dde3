"""At most so many alerts for an entity and day: detect and stream."""

import json
from collections import Counter

import numpy as np
import polars as pl
import pytest

import fastrcf

PER_DAY = ("--per-day", 2, "--entity", "card", "--time", "when")


@pytest.fixture
def cards(payments):
    """Payments of seven cards in two days; forty of them are odd."""
    rng = np.random.default_rng(4)
    n = len(payments)
    odd = np.zeros(n, dtype=bool)
    odd[rng.choice(n, 40, replace=False)] = True
    start = np.datetime64("2026-03-01T00:00:00", "us")
    return payments.drop("time").with_columns(
        card=rng.choice([f"c{i}" for i in range(7)], n),
        when=start + np.arange(n) * np.timedelta64(55, "s"),
        amount=np.where(odd, rng.uniform(3000, 9000, n).round(2), payments["amount"]),
    )


def expected(model, cards):
    found = fastrcf.load(model).detect(cards)
    kept = fastrcf.AlertLimit(2).keep_best(
        found["score"], found["is_anomaly"], cards["card"], cards["when"].to_numpy()
    )
    assert kept.sum() < found["is_anomaly"].sum()
    return found, kept


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_detect_keeps_the_best_of_a_day(cards, model, table, run, tmp_path, ending):
    found, kept = expected(model, cards)
    n, n_kept = int(found["is_anomaly"].sum()), int(kept.sum())
    out = tmp_path / "out.parquet"
    path = table(ending, cards, "cards")
    code, _, err = run("detect", model, path, "-o", out, *PER_DAY, "--keep", "card")
    assert code == 0
    told = f"{n_kept} alerts in 3,000 rows; {n - n_kept} more were beyond 2 for an entity and day"
    assert told in err
    rows = pl.read_parquet(out)
    assert rows["is_anomaly"].to_list() == kept.tolist()
    # What is no alert any more keeps its score and its grade.
    np.testing.assert_array_equal(rows["score"], found["score"])
    np.testing.assert_array_equal(rows["grade"], found["grade"])
    assert [bool(len(row)) for row in rows["reasons"].to_list()] == kept.tolist()
    assert rows["card"].to_list() == cards["card"].to_list()
    alone = tmp_path / "alerts.parquet"
    code, _, _ = run("detect", model, path, "-o", alone, *PER_DAY, "--only-alerts")
    assert code == 0
    assert pl.read_parquet(alone)["row"].to_list() == np.flatnonzero(kept).tolist()


def test_detect_counts_a_day_over_all_files(cards, model, run, tmp_path):
    _, kept = expected(model, cards)
    folder = tmp_path / "hours"
    folder.mkdir()
    for i in range(3):
        # Times are text in one file and moments in the others.
        part = cards.slice(i * 1000, 1000)
        if i == 1:
            part.write_csv(folder / f"{i}.csv")
        else:
            part.write_parquet(folder / f"{i}.parquet")
    out = tmp_path / "out.csv"
    code, _, _ = run("detect", model, folder, "-o", out, *PER_DAY, "--keep", "when")
    assert code == 0
    assert pl.read_csv(out)["is_anomaly"].to_list() == kept.tolist()


def test_a_column_may_be_one_of_the_models(cards, model, table, run, tmp_path):
    shops = ("--per-day", 2, "--entity", "shop", "--time", "when")
    out = tmp_path / "out.parquet"
    assert run("detect", model, table("csv", cards), "-o", out, *shops)[0] == 0
    found = fastrcf.load(model).detect(cards)
    kept = fastrcf.AlertLimit(2).keep_best(
        found["score"], found["is_anomaly"], cards["shop"], cards["when"].to_numpy()
    )
    assert pl.read_parquet(out)["is_anomaly"].to_list() == kept.tolist()


def test_no_rows_and_missing_entities(cards, model, table, run, tmp_path):
    out = tmp_path / "out.csv"
    path = table("parquet", cards.head(0), "none")
    assert run("detect", model, path, "-o", out, *PER_DAY)[0] == 0
    assert out.read_text() == "row,score,grade,is_anomaly,reasons\n"
    missing = pl.when(pl.int_range(pl.len()) == 7).then(None).otherwise(pl.col("card"))
    path = table("parquet", cards.with_columns(card=missing), "missing")
    code, _, err = run("detect", model, path, "-o", out, *PER_DAY)
    assert code == 1
    assert "row 7, column 'card': the value is missing" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--per-day", 2), "--per-day needs --entity and --time"),
        (("--per-day", 2, "--entity", "card"), "--per-day needs --entity and --time"),
        (("--entity", "card"), "--entity needs --per-day"),
        (("--time", "when"), "--time needs --per-day"),
        (("--per-day", 0, "--entity", "card", "--time", "when"), "0 is not in the range"),
        (("--per-day", 2, "--entity", "nobody", "--time", "when"), "no column 'nobody'"),
    ],
)
def test_what_cannot_be_is_told(cards, model, table, run, tmp_path, words, said):
    code, _, err = run("detect", model, table("csv", cards), "-o", tmp_path / "o.csv", *words)
    assert code in (1, 2)
    assert said in err


def alerts_of(text):
    return [json.loads(line)["is_anomaly"] for line in text.splitlines()]


def test_a_stream_keeps_the_first_of_a_day_and_goes_on_from_its_state(
    cards, model, piped, tmp_path
):
    rows = cards.with_columns(when=pl.col("when").dt.strftime("%Y-%m-%d %H:%M:%S"))
    lines = rows.write_ndjson().splitlines(keepends=True)
    words = ("--model", model, "--input-format", "jsonl", *PER_DAY)
    code, whole, err = piped("".join(lines), *words)
    assert (code, err) == (0, "")
    flags = fastrcf.load(model).process(cards)["is_anomaly"]
    kept = fastrcf.AlertLimit(2).keep_first(flags, cards["card"], cards["when"].to_numpy())
    assert alerts_of(whole) == kept.tolist()
    assert kept.sum() < flags.sum()
    for line, flag, keep in zip(whole.splitlines(), flags, kept, strict=True):
        assert bool(json.loads(line)["reasons"]) == keep
        assert flag or not keep
    state = tmp_path / "s.rcf"
    cut = int(np.flatnonzero(kept)[len(np.flatnonzero(kept)) // 2]) + 1
    first = piped("".join(lines[:cut]), *words, "--state", state)
    second = piped("".join(lines[cut:]), *words, "--state", state)
    assert first[1] + second[1] == whole
    # The counts of a day lie beside the state.
    assert fastrcf.AlertLimit.load(tmp_path / "s.rcf.alerts").per_day == 2
    (tmp_path / "s.rcf.alerts").write_text("{}")
    code, _, err = piped(lines[0], *words, "--state", state)
    assert code == 1
    assert "s.rcf.alerts: this is no state of an AlertLimit" in err


def test_series_know_their_entity_and_time(piped):
    rng = np.random.default_rng(2)
    text, seen = "when,who,load\n", []
    for i in range(600):
        value = 900.0 + i if i > 200 and i % 3 == 0 else rng.normal()
        text += f"{i * 600},{'ab'[i % 2]},{value}\n"
    words = ("--time", "when", "--key", "who", "--trees", 10, "--sample-size", 32)
    code, free, _ = piped(text, *words, "--threshold", 0.01)
    code, out, err = piped(text, *words, "--threshold", 0.01, "--per-day", 1)
    assert (code, err) == (0, "")
    for answers, most in ((free, 1), (out, 0)):
        rows = pl.read_csv(answers.encode()).filter(pl.col("is_anomaly"))
        days = Counter(zip(rows["who"], rows["when"] // 86_400, strict=True))
        seen.append(len(days))
        assert (max(days.values()) > 1) == bool(most)
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--per-day", 1), "which has no alerts"),
        (("--per-day", 1, "--time", "t"), "--per-day needs --entity and --time"),
        (("--per-day", 1, "--time", "t", "--entity", "c"), "there is no column 'c'"),
        (("--entity", "a"), "--entity needs --per-day"),
        (("--time", "t", "--per-day", 1, "--entity", "e"), "column 'e': the value is missing"),
    ],
)
def test_streams_that_cannot_be_limited(piped, words, said):
    code, _, err = piped("t,a,e\n1,2,x\n2,3,\n", *words)
    assert code in (1, 2)
    assert said in err
