"""Prices that a user gives."""

import pytest

from fastrcf.errors import InvalidParameterError
from fastrcf.sagemaker import (
    Prices,
)
from tests.sagemaker.aws import REGION


def test_prices_of_ones_own(tmp_path, monkeypatch):
    path = tmp_path / "prices.json"
    path.write_text(
        '{"as_of": "2031-01-01", "region": "eu-west-1", "currency": "EUR", '
        '"instance_hours": {"ml.c5.xlarge": 9.0}, "serverless_gb_seconds": 1}'
    )
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
