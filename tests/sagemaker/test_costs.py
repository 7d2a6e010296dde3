"""What a load costs, computed by hand beside."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrcf.cli import main
from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker import Load, Prices, compare_costs
from fastrcf.sagemaker.comparison import measured_rate

TABLE = {
    "as_of": "2031-01-01",
    "region": "eu-west-1",
    "currency": "EUR",
    "source": "made up",
    "instance_hours": {"ml.a": 2.0, "ml.b": 0.5},
    "serverless_gb_seconds": 0.001,
    "lambda_gb_seconds": 0.0005,
    "lambda_requests": 3.0,
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(TABLE))
    return path


@pytest.fixture
def prices(file):
    return Prices.load(file)


@pytest.fixture
def run(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*words):
        capfd.readouterr()
        code = main(["sagemaker", "costs", *map(str, words)])
        out, err = capfd.readouterr()
        return code, out, err

    return call


def by_way(found):
    return {cost.way: cost.per_month for cost in found.costs}


def test_few_large_calls(prices):
    # 7.2 million rows in 1,000 calls of 7,200: 0.72 s each at 10,000 rows a second, and
    # 20 ms beside: 740 s of 2 GB. Managed: 7.2 s each: 7,220 s of 2 GB.
    load = Load(
        7.2e6,
        1000,
        instance="ml.a",
        rows_per_second=10_000,
        managed_rows_per_second=1000,
        call_ms=20,
        jobs=10,
        job_minutes=3,
    )
    assert by_way(compare_costs(load, prices)) == pytest.approx(
        {
            "managed: real-time endpoint": 730 * 2.0,
            "managed: serverless endpoint": 14_440 * 0.001,
            # Two hours of rows and ten times three minutes.
            "managed: batch transform": 2.5 * 2.0,
            "fastrcf's container: real-time endpoint": 730 * 2.0,
            "fastrcf's container: serverless endpoint": 1480 * 0.001,
            "fastrcf in a Lambda function": 1480 * 0.0005 + 0.001 * 3,
            "fastrcf's container: batch transform": 0.7 * 2.0,
            "fastrcf on this machine": 0.0,
        }
    )


def test_many_calls_of_a_row(prices):
    # 360 million rows in 100 hours: 1,000 a second, which takes four instances of 300 a
    # second and one of 4,000. A row of 0.25 ms is paid as a millisecond.
    load = Load(
        360e6,
        hours=100,
        instance="ml.b",
        rows_per_second=4000,
        managed_rows_per_second=300,
        memory_mb=1024,
        jobs=0,
    )
    found = by_way(compare_costs(load, prices))
    assert found["managed: real-time endpoint"] == pytest.approx(4 * 100 * 0.5)
    assert found["managed: serverless endpoint"] == pytest.approx(360e6 * 0.004 * 0.001)
    assert found["fastrcf's container: real-time endpoint"] == pytest.approx(100 * 0.5)
    assert found["fastrcf's container: serverless endpoint"] == pytest.approx(360e3 * 0.001)
    assert found["fastrcf in a Lambda function"] == pytest.approx(360e3 * 0.0005 + 360 * 3)
    assert found["fastrcf's container: batch transform"] == pytest.approx(25 * 0.5)


def test_a_whole_millisecond_is_not_rounded_up(prices):
    assert Load(1, rows_per_second=1e9, call_ms=0.1 + 0.2).gb_seconds(1e9) == 0.002
    assert Load(7e3, 1, rows_per_second=1e6, memory_mb=1024).gb_seconds(1e6) == 0.007


def test_what_is_not_given_is_not_guessed(file, prices):
    found = compare_costs(Load(1e6, instance="ml.a"), prices)
    told = {cost.way: cost for cost in found.costs}
    assert told["managed: real-time endpoint"].per_month == 1460.0
    assert told["managed: batch transform"].paid_for == "needs --managed-rows-per-second"
    assert told["fastrcf's container: serverless endpoint"].per_month is None
    assert "fastrcf not given, managed not given" in str(found)
    file.write_text(json.dumps({k: v for k, v in TABLE.items() if "lambda" not in k}))
    bare = compare_costs(Load(1e6, instance="ml.a", rows_per_second=1e5), Prices.load(file))
    (function,) = [cost for cost in bare.costs if "Lambda" in cost.way]
    assert function.per_month is None
    assert function.paid_for == "the table of prices does not have it"


def test_the_table_in_the_package_has_all_of_it(monkeypatch):
    monkeypatch.delenv("FASTRCF_PRICES", raising=False)
    found = compare_costs(
        Load(1e6, rows_per_second=1e5, managed_rows_per_second=1e4), Prices.load()
    )
    assert all(cost.per_month is not None for cost in found.costs)
    assert any(found.prices.as_of in text for text in found.assumptions)
    assert any(found.prices.source in text for text in found.assumptions)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": 0},
        {"rows": float("nan")},
        {"rows": float("inf")},
        {"rows": "many"},
        {"requests": 1001},
        {"requests": -1},
        {"hours": 745},
        {"hours": 0},
        {"rows_per_second": 0},
        {"managed_rows_per_second": -3},
        {"call_ms": -1},
        {"memory_mb": 1500},
        {"jobs": float("nan")},
        {"job_minutes": -1},
    ],
)
def test_a_load_that_cannot_be_is_refused(wrong):
    with pytest.raises(InvalidParameterError, match=next(iter(wrong))):
        Load(**{"rows": 1000, **wrong})


@given(
    rows=st.floats(1, 1e12),
    share=st.floats(1e-6, 1),
    rate=st.floats(1, 1e7),
    faster=st.floats(1, 1e3),
    call_ms=st.floats(0, 1e4),
)
def test_a_faster_forest_never_costs_more(rows, share, rate, faster, call_ms):
    load = Load(
        rows,
        rows * share,
        rows_per_second=rate * faster,
        managed_rows_per_second=rate,
        call_ms=call_ms,
    )
    found = by_way(compare_costs(load, Prices.load()))
    for kind in ("real-time endpoint", "serverless endpoint", "batch transform"):
        assert 0 <= found[f"fastrcf's container: {kind}"] <= found[f"managed: {kind}"]


@pytest.mark.parametrize("price", ["-1", "NaN", "Infinity", '"dear"', "null", "[1]"])
def test_what_is_no_price_is_refused(file, price):
    file.write_text(json.dumps(TABLE).replace('"ml.a": 2.0', f'"ml.a": {price}'))
    with pytest.raises(InvalidParameterError, match="no table of prices"):
        Prices.load(file)


def test_the_command(run, file):
    load = ["--rows-per-month", 7.2e6, "--requests-per-month", 1000, "--call-ms", 20]
    rates = ["--rows-per-second", 10_000, "--managed-rows-per-second", 1000]
    words = [*load, *rates, "--instance", "ml.a", "--prices", file]
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    lines = {line.split("  ")[0]: line.split() for line in out.splitlines()}
    assert "EUR a month" in out.splitlines()[0]
    assert "1,460.00" in lines["managed: real-time endpoint"]
    assert "14.44" in lines["managed: serverless endpoint"]
    assert "1.48" in lines["fastrcf's container: serverless endpoint"]
    assert "0.00" in lines["fastrcf on this machine"]
    for said in (
        "prices of 2031-01-01 for eu-west-1",
        "7,200,000 rows a month in 1,000 calls",
        "fastrcf 10,000, managed 1,000",
        "ml.a, 2 EUR an hour",
        "730 hours a month",
        "2,048 MB, calls of 20 ms",
        "30 jobs a month, each with 0 minutes",
        "the table says: made up",
    ):
        assert said in out, said
    code, out, _ = run(*words, "--json")
    found = json.loads(out)
    expected = compare_costs(
        Load(7.2e6, 1000, 730, "ml.a", 10_000, 1000, call_ms=20), Prices.load(file)
    )
    assert code == 0
    assert found == json.loads(json.dumps(expected.to_dict()))
    assert found["load"]["requests"] == 1000
    assert found["currency"] == "EUR"


def test_what_the_command_refuses(run, file):
    code, out, err = run("--rows-per-month", 10, "--instance", "ml.p9", "--prices", file)
    assert (code, out) == (1, "")
    assert "'ml.p9' is not in the prices of 2031-01-01, which have ml.a, ml.b" in err
    code, _, err = run(
        "--rows-per-month", 10, "--requests-per-month", 1, "--requests-per-second", 1
    )
    assert code == 2
    assert "not both" in err
    code, _, err = run("--rows-per-month", 10, "--requests-per-second", 1)
    assert code == 1
    assert "2,628,000 calls for 10 rows" in err
    assert run("--rows-per-month", 0)[0] == 2


def test_a_rate_that_the_bench_wrote(run, file, tmp_path):
    place = tmp_path / "benches" / "serve.json"
    place.parent.mkdir()
    rounds = [{"csv": {"good": n, "seconds": 2.0, "rows": 50}} for n in (100, 400, 200.01)]
    place.write_text(json.dumps({"lanes": [{"rounds": rounds}, {"rounds": []}]}))
    assert measured_rate(place) == 5000
    words = ["--rows-per-month", 1e6, "--instance", "ml.a", "--prices", file, "--json"]
    code, out, err = run(*words)
    assert code == 0
    assert json.loads(out)["load"]["rows_per_second"] == 5000
    assert "benches/serve.json" in err.replace("\\", "/")
    code, out, err = run(*words, "--rows-per-second", 7)
    assert json.loads(out)["load"]["rows_per_second"] == 7
    assert err == ""
    place.write_text('{"lanes": []}')
    code, _, err = run(*words)
    assert code == 1
    assert "no figures of the server" in err
