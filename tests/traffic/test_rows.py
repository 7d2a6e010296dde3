import csv
import io
import itertools
import json
from datetime import UTC, datetime, timedelta
from unittest.mock import ANY

import numpy as np
import polars as pl
import pytest

from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.files import Options
from fastrcf.traffic import cards, rows
from fastrcf.traffic.payload import CHANNELS, Maker, form_of


def flag(texts):
    return [text in ("1", "fraud") for text in texts]


def some(supply, n):
    """Take rows with their truth."""
    pairs = (
        pair
        for block in supply.blocks()
        for pair in zip(block.rows, block.truth or [None] * len(block.rows), strict=True)
    )
    return list(itertools.islice(pairs, n))


@pytest.fixture
def frame():
    return pl.DataFrame(
        {
            "amount": np.arange(500.0),
            "shop": ["a,b" if i % 2 else 'c"d' for i in range(500)],
            "items": [None if i == 3 else i for i in range(500)],
            "fraud": [int(i % 100 == 7) for i in range(500)],
        }
    )


@pytest.fixture(params=["csv", "parquet", "jsonl"])
def path(request, frame, tmp_path):
    write = {"csv": frame.write_csv, "parquet": frame.write_parquet, "jsonl": frame.write_ndjson}
    path = tmp_path / f"t.{request.param}"
    write[request.param](path)
    return str(path)


def test_a_table_is_sent_in_order_and_again(path, frame):
    supply = rows.Replayed(path, Options(batch_rows=64), label="fraud", truth=flag)
    assert supply.names == ["amount", "shop", "items"]
    got = some(supply, 1200)
    expected = [(list(row[:3]), bool(row[3])) for row in frame.rows()]
    assert got == (expected * 3)[:1200]


def test_columns_are_chosen_and_ordered(path, frame):
    got = some(rows.Replayed(path, Options(), ["items", "amount"]), 5)
    assert [row for row, _ in got] == [[i if i != 3 else None, float(i)] for i in range(5)]
    assert got[0][1] is None


def test_frauds_are_mixed_in_at_the_share_asked(path, frame):
    supply = rows.Replayed(path, Options(), label="fraud", truth=flag, fraud_share=0.25, seed=3)
    got = some(supply, 4000)
    assert np.mean([is_fraud for _, is_fraud in got]) == pytest.approx(0.25, abs=0.03)
    assert all((row[0] % 100 == 7) == is_fraud for row, is_fraud in got)
    # Both come in the table's order, and again from its start.
    normal = [row[0] for row, is_fraud in got if not is_fraud]
    assert normal == list(
        itertools.islice(itertools.cycle(v for v in np.arange(500.0) if v % 100 != 7), len(normal))
    )
    frauds = [row[0] for row, is_fraud in got if is_fraud]
    assert frauds[:6] == [7, 107, 207, 307, 407, 7]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"columns": ["nothing"]}, "no column 'nothing'"),
        ({"label": "nothing"}, "no column 'nothing'"),
        ({"fraud_share": 0.1}, "needs --label"),
        ({"fraud_share": 0.1, "label": "shop", "truth": lambda t: [False] * len(t)}, "no frauds"),
        ({"fraud_share": 0.1, "label": "shop", "truth": lambda t: [True] * len(t)}, "no normal"),
    ],
)
def test_what_cannot_be_sent_is_refused(frame, tmp_path, given, message):
    frame.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(InvalidInputError, match=message):
        rows.Replayed(str(tmp_path / "t.parquet"), Options(), **given)


def test_a_table_without_rows_and_standard_input_are_refused(frame, tmp_path):
    frame.head(0).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(InvalidInputError, match="no rows"):
        rows.Replayed(str(tmp_path / "t.parquet"), Options())
    with pytest.raises(InvalidInputError, match="once only"):
        rows.Replayed("-", Options())


def test_made_up_rows_have_the_share_and_the_seed():
    got = some(rows.Simulated(4, 0.1, ["V14", "Amount"]), 5000)
    assert got == some(rows.Simulated(4, 0.1, ["V14", "Amount"]), 5000)
    assert got != some(rows.Simulated(5, 0.1, ["V14", "Amount"]), 5000)
    values = np.array([row for row, _ in got])
    fraud = np.array([is_fraud for _, is_fraud in got])
    assert fraud.mean() == pytest.approx(0.1, abs=0.02)
    assert values[fraud, 0].mean() < values[~fraud, 0].mean() - 1
    with pytest.raises(InvalidInputError, match="--data"):
        rows.Simulated(columns=["V29"])
    with pytest.raises(InvalidParameterError, match="fraud_share"):
        cards.rows(1, np.random.default_rng(), 1.5)


def test_the_made_up_table_is_like_the_public_one():
    table = cards.transactions(20_000, seed=2)
    assert table.column_names == [*cards.COLUMNS, cards.LABEL]
    time = table["Time"].to_numpy()
    assert (np.diff(time) >= 0).all()
    assert time.min() >= 0
    assert time.max() < 2 * 86_400
    night = (time % 86_400) < 6 * 3600
    assert night.mean() < 0.12
    amount = table["Amount"].to_numpy()
    assert amount.min() >= 0
    assert np.median(amount) == pytest.approx(22, rel=0.2)
    spread = [table[name].to_numpy().std() for name in cards.COMPONENTS]
    assert spread[0] > 1.9 > 0.5 > spread[-1]


def bodies(maker, supply, n):
    return list(itertools.islice(maker.payloads(supply), n))


def test_the_seeds_contract(frame, tmp_path):
    frame.write_parquet(tmp_path / "t.parquet")
    supply = rows.Replayed(str(tmp_path / "t.parquet"), Options(), label="fraud", truth=flag)
    maker = Maker("seed", supply.names, 4, "anomaly_detector", seed=9)
    sent = bodies(maker, supply, 40)
    first = json.loads(sent[0].body)
    assert first["model"] == "anomaly_detector"
    assert list(csv.reader(io.StringIO(first["data"])))[:2] == [
        ["0.0", 'c"d', "0"],
        ["1.0", "a,b", "1"],
    ]
    assert first["data"].splitlines()[3] == '3.0,"a,b",'
    assert sent[1].truth == (False, False, False, True)
    told = [json.loads(one.body)["metadata"] for one in sent]
    assert all(len(one) == 3 and all(isinstance(text, str) for text in one) for one in told)
    assert [identifier for _, identifier, _ in told][:2] == [
        "traffic-9-00000000",
        "traffic-9-00000001",
    ]
    assert {channel for *_, channel in told} == set(CHANNELS)
    assert {stamp for stamp, *_ in told} == {"0000-00-00T00:00:00.000+00:00"}
    sent_now = json.loads(sent[1].now().body)
    assert sent_now == json.loads(sent[1].body) | {"metadata": [ANY, *told[1][1:]]}
    stamp = datetime.fromisoformat(sent_now["metadata"][0])
    assert abs(datetime.now(UTC) - stamp) < timedelta(seconds=10)


def test_rows_by_name_by_position_and_as_text():
    supply = rows.Simulated(1, columns=["Time", "V1"])
    (one,) = bodies(Maker("rows", supply.names, 2), supply, 1)
    given = json.loads(one.body)["rows"]
    assert [list(row) for row in given] == [["Time", "V1"]] * 2
    (bare,) = bodies(Maker("rows", supply.names, 2, by_position=True), supply, 1)
    assert json.loads(bare.body) == {"rows": [list(row.values()) for row in given]}
    (text,) = bodies(Maker("csv", supply.names, 2), supply, 1)
    assert text.content_type == "text/csv"
    assert (
        np.loadtxt(io.BytesIO(text.body), delimiter=",").tolist() == json.loads(bare.body)["rows"]
    )


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/invocations", "seed"),
        ("/prod/invocations/", "seed"),
        ("/v1/score", "rows"),
        ("/prod/v1/detect?x=1", "rows"),
    ],
)
def test_the_path_tells_the_form(path, form):
    assert form_of(f"http://localhost{path}") == form


def test_another_path_does_not():
    with pytest.raises(InvalidParameterError, match="--form"):
        form_of("http://localhost/score")
    with pytest.raises(InvalidParameterError, match="names a model"):
        Maker("rows", ["a"], model="anomaly_detector")
