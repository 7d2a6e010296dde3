import json
import signal
import subprocess
import time

import numpy as np
import polars as pl
import pytest

import fastrcf


def series(n=900, d=2, seed=5):
    return np.random.default_rng(seed).normal(size=(n, d)).round(4)


def as_csv(x, names="ab"):
    lines = [",".join(names), *(",".join(map(repr, row)) for row in x.tolist())]
    return "\n".join(lines) + "\n"


def scores_of(text):
    rows = [line.rsplit(",", 1)[1] for line in text.splitlines()[1:]]
    return np.array([float(row) if row else np.nan for row in rows])


@pytest.mark.parametrize("shingle", [1, 4])
def test_a_stream_is_what_process_gives(shell, shingle):
    x = series()
    words = ["--shingle", shingle, "--seed", 9]
    with shell("stream", *words, stdin=subprocess.PIPE) as child:
        out, err = child.communicate(as_csv(x), timeout=60)
    assert (child.returncode, err) == (0, "")
    forest = fastrcf.RandomCutForest(shingle_size=shingle, random_state=9)
    np.testing.assert_array_equal(scores_of(out), forest.process(x))
    assert out.splitlines()[0] == "a,b,score"
    assert out.splitlines()[1].endswith(",")


def test_lines_are_answered_as_they_come(shell):
    with shell("stream", "--sample-size", 4, stdin=subprocess.PIPE, bufsize=1) as child:
        child.stdin.write("a\n1.5\n")
        assert child.stdout.readline() == "a,score\n"
        assert child.stdout.readline() == "1.5,\n"
        child.stdin.write("2.5\n")
        answer = child.stdout.readline()
        assert answer.startswith("2.5,")
        assert float(answer.split(",")[1]) > 0
        child.stdin.close()
        assert child.wait(30) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_saved_and_resumed_equals_uninterrupted(shell, piped, tmp_path, number):
    x = series()
    text, state = as_csv(x), tmp_path / "state.rcf"
    whole = piped(text, "--seed", 9)[1].splitlines()
    part = "".join(f"{line}\n" for line in text.splitlines()[:401])
    with shell("stream", "--state", state, "--seed", 9, stdin=subprocess.PIPE) as child:
        child.stdin.write(part)
        child.stdin.flush()
        first = [child.stdout.readline().rstrip() for _ in range(401)]
        child.send_signal(number)
        out, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert "saved after 400 rows" in err
    assert "Traceback" not in err
    code, out, _ = piped(text, "--state", state, "--skip-seen")
    assert code == 0
    assert first + out.splitlines()[1:] == whole
    assert fastrcf.load(state).n_seen == 900


def test_saving_now_and_then_survives_a_kill(shell, tmp_path):
    state = tmp_path / "state.rcf"
    words = ["--state", state, "--save-every", 100]
    text = as_csv(series())
    with shell("stream", *words, stdin=subprocess.PIPE) as child:
        child.stdin.write(text)
        child.stdin.flush()
        limit = time.monotonic() + 30
        while not state.exists() and time.monotonic() < limit:
            time.sleep(0.01)
        child.kill()
    assert fastrcf.load(state).n_seen >= 100


def test_a_detector_explains_the_stream(payments, model, piped):
    rows = payments.tail(50)
    code, out, _ = piped(rows.write_csv(), "--model", model)
    assert code == 0
    found = pl.read_csv(out.encode())
    assert found.columns == [*rows.columns, "score", "grade", "is_anomaly", "reasons"]
    expected = fastrcf.load(model).process(rows)
    np.testing.assert_array_equal(found["score"], expected["score"])
    assert found["is_anomaly"].to_list() == expected["is_anomaly"].to_list()
    assert found["reasons"][45].startswith("amount = 9000")
    code, out, _ = piped(rows.write_ndjson(), "--model", model, "--input-format", "jsonl")
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["score"] for line in lines] == found["score"].to_list()
    assert lines[45]["reasons"][0]["column"] == "amount"


def test_a_number_of_alerts_is_asked_for(piped, shell, tmp_path):
    x = series(1200, 1)
    table = pl.DataFrame({"at": np.arange(1200) // 2 * 600, "k": ["a", "b"] * 600, "v": x[:, 0]})
    options = {"n_trees": 20, "sample_size": 128, "random_state": 0}
    words = ("--trees", 20, "--sample-size", 128, "--key", "k")
    for asked in ({"alert_rate": 0.005}, {"alerts_per_day": 6.0}):
        timed = "alerts_per_day" in asked
        expected = fastrcf.SeriesDetector(
            None if timed else ["v"],
            time_column="at" if timed else None,
            key_column="k",
            **asked,
            **options,
        ).process(table)
        name, value = next(iter(asked.items()))
        more = ("--time", "at") if timed else ("--columns", "v")
        state = tmp_path / name
        option = "--" + name.replace("_", "-")
        code, out, _ = piped(table.write_csv(), *words, *more, option, value, "--state", state)
        assert code == 0
        found = pl.read_csv(out.encode())
        assert found["is_anomaly"].to_list() == expected["is_anomaly"].to_list()
        assert found["is_anomaly"].sum() > 2
        with shell("inspect", state, "--json", stdout=subprocess.PIPE) as child:
            told = json.loads(child.communicate(timeout=60)[0])
        assert told[name] == value
        assert 0 < told["threshold"] != 0.075
        assert told["confidence"] > 0.3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--alert-rate", 0.01), "--alert-rate is of a time series"),
        (("--key", "k", "--alerts-per-day", 1), "--alerts-per-day needs --time"),
        (("--time", "at", "--alert-rate", 0.001, "--threshold", 1), "give one of them"),
        (("--model", None, "--alert-rate", 0.01), "--alert-rate is of a new model"),
        (("--model", None, "--trees", 10), "--trees is of a new model"),
        (("--model", None, "--shingle", 3), "--shingle is of a new model"),
    ],
)
def test_options_that_would_do_nothing_are_refused(words, told, model, piped):
    words = tuple(model if word is None else word for word in words)
    code, out, err = piped("at,k,v\n1,a,2\n", *words)
    assert code != 0
    assert out == ""
    assert told in " ".join(err.split())


def test_a_bad_row_stops_the_stream_after_those_before_it(piped, tmp_path):
    lines = as_csv(series(200)).splitlines()
    lines[151] = "1.5,oops"
    state = tmp_path / "state.rcf"
    code, out, err = piped("\n".join(lines), "--state", state)
    assert code == 1
    assert "row 150, column 'b': 'oops' is not a number" in err
    assert len(out.splitlines()) == 151
    assert fastrcf.load(state).n_seen == 150
    aside = tmp_path / "aside.jsonl"
    code, out, err = piped("\n".join(lines), "--skip-bad-rows", aside)
    assert code == 0
    assert len(out.splitlines()) == 200
    assert json.loads(aside.read_text())["row"] == 150


@pytest.mark.parametrize(
    ("text", "words", "code", "said"),
    [
        ("1,2\n3,4\n", [], 1, "--no-header"),
        ("a,b\n1,2\n", ["--columns", "c"], 1, "no column 'c'"),
        ("a,b\n1,2\n", ["--input-format", "parquet"], 2, "streams are csv or jsonl"),
        ("a,b\n1,2\n", ["--skip-seen"], 2, "need --state"),
        ("a,b\n1,2\n", ["--sample-size", "1"], 2, "sample_size"),
        ("a,b\n1,2,3\n", [], 1, "row 0: 3 fields instead of 2"),
    ],
)
def test_what_cannot_be_is_told(piped, text, words, code, said):
    ended, _, err = piped(text, *words)
    assert ended == code
    assert said in err
    assert "Traceback" not in err


def test_a_reader_that_leaves_ends_the_stream_quietly(shell):
    with shell("stream", "--no-header", stdin=subprocess.PIPE) as child:
        child.stdout.close()
        try:
            child.stdin.write("1,2\n" * 200_000)
            child.stdin.close()
        except BrokenPipeError:
            pass
        assert child.wait(60) == 1
        assert child.stderr.read() == ""


def hourly(n=400, at=300):
    rng = np.random.default_rng(1)
    x = 100 + 20 * np.sin(2 * np.pi * np.arange(n) / 24) + rng.normal(size=n)
    x[at] = 400
    stamps = np.datetime64("2024-03-01T00:00") + np.arange(n) * np.timedelta64(1, "h")
    return [str(stamp).replace("T", " ") for stamp in stamps], x.round(3).tolist()


SERIES = ("--time", "when", "--trees", 10, "--sample-size", 64, "--seed", 4)


def test_with_a_time_column_lines_are_a_series(piped):
    stamps, x = hourly()
    text = "when,load\n" + "".join(f"{t},{v}\n" for t, v in zip(stamps, x, strict=True))
    code, out, err = piped(text, *SERIES)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "when,load,score,grade,is_anomaly,reasons"
    assert lines[1].split(",")[2:5] == ["", "0.0", "false"]
    detector = fastrcf.SeriesDetector(n_trees=10, sample_size=64, random_state=4, time_column="t")
    seconds = np.array(stamps, dtype="datetime64[s]").astype(float)
    found = detector.process(pl.DataFrame({"t": seconds, "load": x}))
    assert [float(line.split(",")[2] or "nan") for line in lines[1:]] == pytest.approx(
        found["score"].to_list(), nan_ok=True, abs=0
    )
    assert ",true," in lines[301]
    assert "load = 400: high" in lines[301]


def test_a_clock_that_stands_or_goes_back_is_told_at_the_end(piped, run, tmp_path):
    stamps, x = hourly()
    stamps[100:110] = [stamps[100]] * 10
    stamps[200] = stamps[150]
    lines = [f"{t},{v}\n" for t, v in zip(stamps, x, strict=True)]
    state = tmp_path / "s.rcf"
    text = "when,load\n" + "".join(lines)
    code, _, err = piped(text, *SERIES, "--state", state)
    assert code == 0
    told = [line for line in err.splitlines() if line.startswith("when: ")]
    assert told == [
        "when: of 400 rows 9 came with the time of the row before and 1 with an earlier one; "
        "they were taken as they came: see to the clock"
    ]
    code, out, _ = run("inspect", state, "--json")
    assert code == 0
    described = json.loads(out)
    assert described["rows_of_a_repeated_time"] == 9
    assert described["rows_of_an_earlier_time"] == 1
    # A run tells of its own rows; a clock that goes on is not told.
    later = "when,load\n2024-04-01 00:00,100\n2024-04-01 00:00,101\n"
    _, _, err = piped(later, "--state", state)
    assert "when: of 2 rows 1 came with the time of the row before and 0 with" in err
    _, _, err = piped("when,load\n2024-04-02 00:00,100\n", "--state", state)
    assert "when: " not in err


def test_a_clock_is_told_when_a_bad_row_ends_the_stream(piped):
    code, _, err = piped("t,x\n1,1\n1,2\n1,3\n2,a\n", "--time", "t")
    assert code == 1
    assert "'a' is not a number" in err
    assert "t: of 3 rows 2 came with the time of the row before and 0 with an earlier one" in err


def test_series_of_keys_with_gaps_go_on_from_their_state(piped, tmp_path):
    stamps, x = hourly()
    rows = [
        {"when": t, "who": "ab"[i % 2], "load": None if i == 50 else v, "note": "text"}
        for i, (t, v) in enumerate(zip(stamps, x, strict=True))
    ]
    lines = [json.dumps(row) + "\n" for row in rows]
    words = (*SERIES, "--key", "who", "--input-format", "jsonl", "--period", "none")
    code, whole, err = piped("".join(lines), *words)
    assert (code, err) == (0, "")
    answers = [json.loads(line) for line in whole.splitlines()]
    assert answers[50]["score"] is None
    assert answers[300]["is_anomaly"]
    state = tmp_path / "s.rcf"
    first = piped("".join(lines[:117]), *words, "--state", state)
    second = piped("".join(lines[117:]), "--input-format", "jsonl", "--state", state)
    assert first[0] == second[0] == 0
    assert first[1] + second[1] == whole


@pytest.mark.parametrize(
    ("words", "text", "said"),
    [
        (("--period", "60"), "", "is of a time series: give --time or --key"),
        (("--time", "t", "--shingle", 2), "", "--shingle is of a forest"),
        (("--time", "t", "--period", "week"), "", "neither day, none nor seconds"),
        (("--time", "t"), "t,x\nnoon,1\n", "'noon' is no time"),
        (("--time", "t"), "t,x\n1704067200000,1\n", "if it is in milliseconds"),
        (("--time", "t"), "t,x\n,1\n", "the value is missing"),
        (("--time", "t"), "x\n1\n", "there is no column 't'"),
        (("--time", "t"), "t,x\n1,a\n", "no column of the first row holds a number"),
        (("--time", "t"), "t,x\n1,1\n2,a\n", "'a' is not a number"),
        (("--time", "t"), "t,x\n1,1\n2,inf\n", "larger than 1e+29"),
    ],
)
def test_what_is_no_series_is_refused(piped, words, text, said):
    code, _, err = piped(text, *words)
    assert code != 0
    assert said in err


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        ("when,load,load\n1,2,3\n", ("--time", "when"), "two columns are named 'load'"),
        ("a,a\n1,2\n", (), "two columns are named 'a'"),
        ("1,2\n", ("--names", "a,a"), "two columns are named 'a'"),
        ("a,score\n1,2\n", (), "column 'score' is one that the answer adds"),
        ("when,grade\n1,2\n", ("--time", "when"), "column 'grade' is one"),
        ('{"score": 2}\n', ("--input-format", "jsonl"), "column 'score' is one"),
        ('{"a": 1}\n{"a": 1, "score": 2}\n', ("--input-format", "jsonl"), "row 1"),
        ("a,b\r1,2\r3,4\r", (), "carriage returns"),
        ("a,b\n1,2\n", ("--state", "no/such/folder/state"), "no/such/folder"),
    ],
)
def test_what_would_be_lost_is_refused(text, words, told, piped):
    code, out, err = piped(text, *words)
    assert code != 0
    assert told in err
    assert "Traceback" not in err
    # Nothing, the header alone, or the good row before it.
    assert out.count("\n") <= 1


def test_a_line_is_read_by_itself(piped, tmp_path):
    wide = "7" * 200_000
    text = f'when,load\n1,2\n2,"3\n3,4\n4,"5"\n5,{wide}\n6,"{wide}"\n7,8\n'
    bad = tmp_path / "bad"
    code, out, _ = piped(text, "--time", "when", "--skip-bad-rows", bad)
    assert code == 0
    assert [line.split(",")[0] for line in out.splitlines()[1:]] == ["1", "3", "4", "7"]
    rows = [json.loads(line)["row"] for line in bad.read_text().splitlines()]
    assert rows == [1, 4, 5]


def test_numbers_beyond_all_and_nests_are_bad_rows(piped, tmp_path):
    huge = "9" * 401
    lines = [
        '{"when": 1, "load": 1}',
        f'{{"when": 2, "load": {huge}}}',
        f'{{"when": {huge}, "load": 1}}',
        "[" * 200_000,
        '{"when": 3, "load": 1}',
    ]
    bad = tmp_path / "bad"
    words = ("--time", "when", "--input-format", "jsonl", "--skip-bad-rows", bad)
    code, out, err = piped("\n".join(lines) + "\n", *words)
    assert (code, "Traceback" in err) == (0, False)
    assert [json.loads(line)["when"] for line in out.splitlines()] == [1, 3]
    assert len(bad.read_text().splitlines()) == 3


def test_rows_put_aside_are_not_learnt_again(piped, tmp_path):
    lines = as_csv(series(100, 1), "a").splitlines()
    for i in range(5, 100, 10):
        lines[i] = "oops"
    text, state = "\n".join(lines) + "\n", tmp_path / "state"
    words = ("--state", state, "--skip-seen", "--skip-bad-rows", tmp_path / "bad")
    first = "\n".join(lines[:60]) + "\n"
    piped(first, *words)
    seen = fastrcf.load(state).n_seen
    assert piped(first, *words)[:2] == (0, "a,score\n")
    assert fastrcf.load(state).n_seen == seen
    code, out, _ = piped(text, *words)
    assert code == 0
    assert out.splitlines()[1:] == piped(text, *words[3:])[1].splitlines()[1 + seen :]


def test_a_state_goes_on_as_what_it_is(piped, tmp_path):
    x = series(60, 1)
    text = "at,k,v\n" + "".join(f"{60 * i},a,{v}\n" for i, (v,) in enumerate(x.tolist()))
    state = tmp_path / "state"
    words = ("--time", "at", "--columns", "v", "--trees", 10, "--sample-size", 64)
    assert piped(text, *words, "--state", state)[0] == 0
    # As it began, and with less said.
    assert piped(text, *words, "--state", state)[0] == 0
    assert piped(text, "--state", state)[0] == 0
    for other, told in (
        (("--time", "at", "--key", "k"), "--key k"),
        (("--time", "elsewhere"), "--time elsewhere"),
        (("--columns", "k"), "looks at v"),
        (("--trees", 99), "has 10"),
        (("--threshold", 9), "has 0.075"),
        (("--alerts-per-day", 5), "--alerts-per-day"),
        (("--shingle", 4), "another kind of model"),
        (("--period", "none"), "has 86400"),
    ):
        before = state.read_bytes()
        code, out, err = piped(text, *other, "--state", state)
        assert (code, out) == (2, "")
        assert told in " ".join(err.split())
        assert state.read_bytes() == before


def test_series_that_are_dropped_are_told_once(piped):
    rows = [f"{i},k{i % 5},{i}" for i in range(50)]
    text = "at,k,v\n" + "\n".join(rows) + "\n"
    code, _, err = piped(text, "--time", "at", "--key", "k", "--max-series", 2)
    assert code == 0
    assert err.count("series dropped") == 1
    assert "Warning" not in err


def test_a_key_is_named_alike_whatever_its_type(piped, tmp_path):
    lines = [f'{{"k": {key}, "v": {i}}}' for i, key in enumerate(["7", "7.0", '"7"'] * 3)]
    state = tmp_path / "state"
    words = ("--key", "k", "--columns", "v", "--input-format", "jsonl", "--state", state)
    assert piped("\n".join(lines) + "\n", *words)[0] == 0
    assert fastrcf.load(state).series() == ["7"]


@pytest.mark.parametrize("period", ["true", "False"])
def test_a_truth_value_is_no_period_and_no_time(shell, period):
    with shell("stream", "--time", "t", "--period", period, stdin=subprocess.PIPE) as child:
        _, err = child.communicate("t,a\n1,2\n", timeout=60)
    assert child.returncode == 2
    assert f"--period: '{period}' is neither day, none nor seconds" in err
    with shell("stream", "--time", "t", stdin=subprocess.PIPE) as child:
        _, err = child.communicate(f"t,a\n{period},2\n", timeout=60)
    assert child.returncode == 1
    assert f"'{period}' is no time" in err


def test_input_by_key_is_told_where_alerts_are_counted_by_the_day(shell):
    rows = [f"{hour * 3600},{key},{hour % 7}" for key in "ab" for hour in range(200)]
    words = ["--time", "t", "--key", "k", "--alerts-per-day", 2, "--trees", 5]
    with shell("stream", *words, stdin=subprocess.PIPE) as child:
        out, err = child.communicate("\n".join(["t,k,a", *rows]) + "\n", timeout=60)
    assert child.returncode == 0
    assert len(out.splitlines()) == 401
    assert "t: 198 of 400 rows came more than an hour after a later one" in err
