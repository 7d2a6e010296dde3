"""What Prometheus is told: requests, rows, latency, scores, alerts, drift, learning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf.errors import MissingExtraError
from fastrcf.service.drift import QUANTILES, Window, shares_above, stability

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastrcf.service.messages import Answered
    from fastrcf.service.served import Reference

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Counts what one service does; an observer of its answers.

    Parameters
    ----------
    served : Served
        The model that answers first; see :meth:`renew`.
    waiting : callable
        Gives how many requests are worked on or wait.
    further : callable, optional
        Gives further gauges: name, what it is, value.

    Raises
    ------
    MissingExtraError
        Without prometheus_client.
    """

    def __init__(
        self,
        served: Any,
        waiting: Callable[[], int] = lambda: 0,
        further: Callable[[], list[tuple[str, str, float]]] = list,
    ) -> None:
        try:
            import prometheus_client as client
        except ImportError:
            raise MissingExtraError(
                "metrics need prometheus-client: pip install 'fastrcf[serve]'"
            ) from None
        # When a counter began is told by the process's start.
        client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = client.CollectorRegistry()
        self.requests = client.Counter(
            "fastrcf_requests", "Requests answered.", ["route", "status"], registry=self.registry
        )
        self.seconds = client.Histogram(
            "fastrcf_request_seconds",
            "From a request's head to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.rows = client.Counter(
            "fastrcf_rows", "Rows scored.", ["route"], registry=self.registry
        )
        self.alerts = client.Counter(
            "fastrcf_alerts", "Rows scored above the threshold.", registry=self.registry
        )
        self.reloads = client.Counter(
            "fastrcf_reloads",
            "Times a model was to be loaded anew.",
            ["result"],
            registry=self.registry,
        )
        client.ProcessCollector(registry=self.registry)
        self._window = Window()
        self._reference: Reference | None = None
        self._waiting = waiting
        self._further = further
        # A label's child takes longer to find than to count.
        self._children: dict[tuple[str, int], tuple[Any, Any]] = {}
        self.renew(served)
        self.registry.register(self)

    def renew(self, served: Any) -> None:
        """Take note that another model answers: its scores are on a scale of their own."""
        self._served = served
        reference = getattr(served, "reference", None)
        self._reference = None if reference is None else reference()
        self._window.clear()

    def __call__(self, answered: Answered) -> None:
        """Count rows that were scored."""
        scores = answered.scores
        if not len(scores):
            return
        self.rows.labels(answered.route).inc(len(scores))
        self._window.add(scores)
        alerts = answered.alerts
        threshold = getattr(self._served, "threshold", None)
        if alerts is None and threshold is not None:
            alerts = scores > threshold
        if alerts is not None:
            self.alerts.inc(int(np.count_nonzero(alerts)))

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = route, status
        children = self._children.get(key)
        if children is None:
            children = self.requests.labels(route, str(status)), self.seconds.labels(route)
            self._children[key] = children
        children[0].inc()
        children[1].observe(seconds)

    def page(self, accept: str) -> tuple[bytes, str]:
        """Give all, and the content type, as Prometheus asks for it."""
        from prometheus_client.exposition import choose_encoder

        encode, kind = choose_encoder(accept)
        return encode(self.registry), kind

    def collect(self) -> Iterator[Any]:
        """Give what is computed when it is asked for."""
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        served, scores, reference = self._served, self._window.scores(), self._reference
        info = InfoMetricFamily("fastrcf_model", "The model that answers.")
        info.add_metric([], {"version": str(served.version).partition("+")[0]})
        yield info
        yield GaugeMetricFamily(
            "fastrcf_requests_waiting", "Requests worked on, or waiting.", self._waiting()
        )
        quantiles = GaugeMetricFamily(
            "fastrcf_score", "Quantiles of the last rows' scores.", labels=["quantile"]
        )
        if len(scores):
            for q, value in zip(QUANTILES, np.quantile(scores, QUANTILES).tolist(), strict=True):
                quantiles.add_metric([str(q)], value)
        yield quantiles
        threshold = getattr(served, "threshold", None)
        if threshold is not None:
            yield GaugeMetricFamily(
                "fastrcf_threshold", "Score above which a row is an alert.", threshold
            )
            if len(scores):
                yield GaugeMetricFamily(
                    "fastrcf_alert_share",
                    "Share of the last rows above the threshold.",
                    float(np.mean(scores > threshold)),
                )
        if reference is not None:
            yield from _drift(scores, reference)
        for name, what, value in self._further():
            yield GaugeMetricFamily(name, what, value)


def _drift(scores: Any, reference: Reference) -> Iterator[Any]:
    from prometheus_client.core import GaugeMetricFamily

    yield GaugeMetricFamily(
        "fastrcf_alert_share_expected",
        "Share of rows that the model was to call alerts.",
        reference.alert_rate,
    )
    yield GaugeMetricFamily(
        "fastrcf_drift_psi",
        "Population stability index of the last rows' scores against training's; NaN of few rows.",
        stability(scores, reference),
    )
    above = GaugeMetricFamily(
        "fastrcf_share_above",
        "Share of the last rows above the score that this share of training's rows is above.",
        labels=["expected"],
    )
    for expected, seen in shares_above(scores, reference).items():
        above.add_metric([str(expected)], seen)
    yield above
