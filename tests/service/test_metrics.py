"""What Prometheus reads, and what drift says of rows like training's and of others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("prometheus_client", reason="prometheus-client is not installed")
from prometheus_client.parser import text_string_to_metric_families

import fastrcf
from fastrcf.service.app import Options, application
from fastrcf.service.core import LocalModel, Service
from fastrcf.service.drift import FEWEST, Window, shares_above, stability
from fastrcf.service.metrics import Metrics
from fastrcf.service.served import reference
from tests.service.conftest import ask
from tests.serving.live import serving


def values(metrics):
    """Give every figure by its name and labels."""
    text, kind = metrics.page("")
    assert kind.startswith("text/plain")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(40_000, 4))
    detector = fastrcf.Detector(n_trees=50, random_state=1, alert_rate=0.01, n_threads=2)
    return detector.fit(rows[:20_000]), rows[20_000:]


def test_the_reference_is_the_training_scores(fitted):
    detector, fresh = fitted
    found = reference(detector)
    assert found.shares == (0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.005, 0.001)
    assert list(found.scores) == sorted(set(found.scores))
    assert found.scores[found.shares.index(0.01)] == pytest.approx(detector.threshold)
    scores = detector.score(fresh)
    for share, seen in shares_above(scores, found).items():
        # Fresh rows of the same kind: within five standard errors, and what 20,000 rows
        # leave open about the quantiles themselves.
        assert abs(seen - share) < 7 * np.sqrt(share * (1 - share) / len(scores)) + 1e-4, share


def test_drift_is_small_for_rows_like_training_and_large_for_others(fitted):
    detector, fresh = fitted
    found = reference(detector)
    same = stability(detector.score(fresh[:10_000]), found)
    shifted = stability(detector.score(fresh[:10_000] + 1.0), found)
    dead = stability(detector.score(np.zeros((1000, 4))), found)
    assert 0 <= same < 0.02
    assert shifted > 0.25
    assert dead > 0.25
    assert np.isnan(stability(detector.score(fresh[: FEWEST - 1]), found))


def test_few_different_scores_have_a_reference_too():
    rows = np.tile([[0.0], [1.0]], (200, 1))
    found = reference(fastrcf.Detector(["x0"], n_trees=5, sample_size=16).fit(rows))
    assert len(found.scores) == len(set(found.scores)) >= 1
    assert np.isfinite(stability(np.zeros(1000), found))


@given(st.lists(st.lists(st.floats(0, 9) | st.just(float("nan")), max_size=12), max_size=12))
@settings(max_examples=60, deadline=None)
def test_the_window_has_the_last_scores(blocks):
    window = Window(8)
    told = []
    for block in blocks:
        window.add(np.array(block, float))
        told += block
    expected = [score for score in told[-8:] if score == score]
    assert sorted(window.scores().tolist()) == sorted(expected)


def test_rows_alerts_and_scores(detector, rows, odd):
    served = LocalModel(detector, "v1")
    metrics = Metrics(served)
    service = Service(served, observers=[metrics])
    ask(service, "/v1/score", [*rows[:98].tolist(), list(odd.values())])
    ask(service, "/v1/detect", odd)
    ask(service, "/v1/detect", [[1]])
    found = values(metrics)
    scores = detector.score(np.vstack([rows[:98], [list(odd.values())] * 2]))
    alerts = float(np.sum(scores > detector.threshold))
    assert found["fastrcf_rows_total", "/v1/score"] == 99
    assert found["fastrcf_rows_total", "/v1/detect"] == 1
    assert found["fastrcf_alerts_total",] == alerts >= 2
    assert found["fastrcf_alert_share",] == pytest.approx(alerts / 100)
    assert found["fastrcf_alert_share_expected",] == pytest.approx(0.01)
    for q in (0.5, 0.9, 0.99, 0.999):
        assert found["fastrcf_score", str(q)] == pytest.approx(np.quantile(scores, q))
    assert np.isnan(found["fastrcf_drift_psi",])
    assert found["fastrcf_model_info", "v1"] == 1
    metrics.renew(LocalModel(detector, "v2"))
    found = values(metrics)
    assert ("fastrcf_score", "0.5") not in found
    assert found["fastrcf_model_info", "v2"] == 1


def test_a_forest_has_neither_threshold_nor_drift(forest, rows):
    served = LocalModel(forest, "v1")
    metrics = Metrics(served)
    ask(Service(served, observers=[metrics]), "/v1/score", rows[:9].tolist())
    found = values(metrics)
    assert found["fastrcf_rows_total", "/v1/score"] == 9
    names = {name for name, *_ in found}
    assert not names & {"fastrcf_threshold", "fastrcf_drift_psi", "fastrcf_alert_share"}


def test_requests_over_a_socket(detector):
    served = LocalModel(detector, "v1")
    metrics = Metrics(served)
    service = Service(served, observers=[metrics])
    options = Options(access_log=False)
    with serving(lambda load: application(service, load, options, metrics=metrics)) as client:
        for body in ("1,2,3", "1,2", "1,2,3"):
            client.invoke(body, "text/csv", "/v1/score")
        client.ask("GET", "/some/where/else")
        client.ask("GET", "/%e9")
        status, told, body = client.ask("GET", "/metrics")
    assert status == 200
    assert told["content-type"].startswith("text/plain")
    found = values(metrics)
    assert found["fastrcf_requests_total", "/v1/score", "200"] == 2
    assert found["fastrcf_requests_total", "/v1/score", "400"] == 1
    # Paths that clients make up are one: they would fill the memory of Prometheus.
    assert found["fastrcf_requests_total", "other", "404"] == 2
    assert found["fastrcf_request_seconds_count", "/v1/score"] == 3
    assert b"fastrcf_request_seconds_bucket" in body
