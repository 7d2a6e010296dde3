import json

import numpy as np
import pytest

import fastrcf

pytest.importorskip("uvicorn", reason="the extra serve is not installed")

from fastrcf.service.core import LocalModel, Request, Service

COLUMNS = ["amount", "items", "hour"]


@pytest.fixture(scope="session")
def table():
    rng = np.random.default_rng(5)
    return {
        "amount": rng.lognormal(3, 1, 3000),
        "items": rng.poisson(3, 3000).astype(float),
        "hour": rng.uniform(0, 24, 3000),
    }


@pytest.fixture(scope="session")
def rows(table):
    return np.column_stack(list(table.values()))


@pytest.fixture(scope="session")
def detector(table):
    return fastrcf.Detector(
        n_trees=30, sample_size=64, alert_rate=0.01, random_state=7, n_threads=2
    ).fit(table)


@pytest.fixture(scope="session")
def with_categories(table):
    kinds = np.random.default_rng(6).choice(["web", "store"], 3000).tolist()
    return fastrcf.Detector(
        ["amount", "kind"], n_trees=20, sample_size=64, random_state=7, n_threads=2
    ).fit({"amount": table["amount"], "kind": kinds})


@pytest.fixture(scope="session")
def forest(rows):
    forest = fastrcf.RandomCutForest(30, 64, random_state=7)
    forest.insert(rows)
    return forest


@pytest.fixture
def service(detector):
    return Service(LocalModel(detector, "v1"))


@pytest.fixture
def odd():
    """A row that is an alert, by name."""
    return {"amount": 90_000.0, "items": 40.0, "hour": 3.0}


def ask(service, path, body, kind="application/json", method="POST", query=None, **headers):
    """Ask a service; give status and body, as JSON where it is that."""
    if not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    body = body.encode() if isinstance(body, str) else body
    told = {"content-type": kind, **{k.replace("_", "-"): v for k, v in headers.items()}}
    answer = service.answer(Request(method, path, told, body, query or {}))
    is_json = answer.headers["content-type"] == "application/json"
    return answer.status, json.loads(answer.body) if is_json and answer.body else answer.body
