"""Prices that a user gives."""

import pytest

from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker import (
    Prices,
)
from tests.sagemaker.aws import REGION

TABLE = (
    '{"as_of": "2031-01-01", "region": "eu-west-1", "currency": "EUR", '
    '"instance_hours": {"ml.c5.xlarge": 9.0}, "serverless_gb_seconds": 1}'
)


def test_prices_of_ones_own(tmp_path, monkeypatch):
    path = tmp_path / "prices.json"
    path.write_text(TABLE)
    own = Prices.load(path)
    estimate = own.instances("x", "ml.c5.xlarge", 2, REGION, 0.5)
    assert estimate.per_hour == 18.0
    assert estimate.most == 9.0
    assert str(estimate).endswith("(prices of 2031-01-01 for eu-west-1)")
    assert "not in the prices" in str(own.instances("x", "ml.p9.huge", 1, REGION))
    assert own.serverless("x", 2048, REGION).per_hour == 7200.0
    monkeypatch.setenv("FASTRCF_PRICES", str(path))
    assert Prices.load().currency == "EUR"
    path.write_text("[]")
    with pytest.raises(InvalidParameterError, match="no table of prices"):
        Prices.load()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('"currency": "EUR", ', ""), "'currency' is missing"),
        (('"EUR"', '"EUR", "lambda_request": 0.2'), "is 'lambda_requests' meant?"),
        (('"ml.c5.xlarge": 9.0', '"ml.a": 1, "ml.a": 2'), "'ml.a' is there twice"),
        (("9.0", '"dear"'), "could not convert"),
    ],
)
def test_a_table_that_is_mistaken_says_where(tmp_path, change, said):
    path = tmp_path / "prices.json"
    path.write_text(TABLE.replace(*change))
    with pytest.raises(InvalidParameterError, match="no table of prices") as error:
        Prices.load(path)
    assert said in str(error.value)
    path.write_bytes(b"\x89RCF\r\n\xff")
    with pytest.raises(InvalidParameterError, match="no table of prices"):
        Prices.load(path)
