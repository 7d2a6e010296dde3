"""What scores in the function: the model here, an endpoint, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastrcf.service.core import Service, ServiceLimits
from fastrcf.service.served import LocalModel
from fastrcf.stack.function.endpoints import EndpointClassifier, EndpointModel, Shadow
from fastrcf.stack.function.notes import Noting
from fastrcf.stack.function.settings import PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fastrcf.stack.function.clients import Clients
    from fastrcf.stack.function.notes import Notes
    from fastrcf.stack.function.settings import Settings

# No body is larger: it travels within an event.
LIMITS = ServiceLimits(body=PAYLOAD)


def service_maker(
    settings: Settings, clients: Clients, notes: Notes
) -> Callable[[Path | None], Service]:
    """Give the function that makes a service of a model's file.

    Parameters
    ----------
    settings : Settings
    clients : Clients
        Of endpoints, asked for once a request needs one.
    notes : Notes
        Learns what is asked and answered.
    """
    classifier: Any = None
    if settings.classifier_endpoint:
        asked = EndpointClassifier(lambda: clients.endpoints, settings.classifier_endpoint)
        classifier = Noting(asked, notes)

    def make(path: Path | None) -> Service:
        served: Any = None
        if path is not None:
            served = LocalModel.load(path, threshold=settings.threshold)
        if settings.backend == "sagemaker":
            # The threshold of a model here is on its own scale, which an endpoint's may not be:
            # of such a model only the columns are taken.
            served = EndpointModel(
                lambda: clients.endpoints,
                settings.endpoint,
                settings.columns or served.names,
                settings.threshold,
            )
        return Service(
            Noting(served, notes), limits=LIMITS, observers=(notes.observe,), classifier=classifier
        )

    return make


def shadow_of(settings: Settings, clients: Clients, clock: Callable[[], float]) -> Shadow | None:
    """Give what is asked beside the model here, if anything is."""
    if settings.backend != "shadow":
        return None
    return Shadow(EndpointModel(lambda: clients.shadows, settings.endpoint, ()), clock)
