"""``fastrcf container serve``: the model of the root folder, or models on demand, over HTTP."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from fastrcf.container import app, artifact
from fastrcf.container.models import Models
from fastrcf.serving import csv_bodies
from fastrcf.serving.limits import Load
from fastrcf.serving.scorer import Scorer
from fastrcf.serving.server import listen, serve

if TYPE_CHECKING:
    from fastrcf.container.settings import Settings

log = logging.getLogger("fastrcf.container")


def run(settings: Settings) -> None:
    """Serve until the platform says stop.

    Parameters
    ----------
    settings : Settings
        From the environment.

    Raises
    ------
    FastRCFError
        If there is no model, it cannot be served, or the port is taken.
    """
    logging.basicConfig(
        stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    load = Load(settings.limits)
    # Open first: who calls while the model is read waits, and is not turned away.
    listener = listen(settings.host, settings.port)
    if settings.multi_model:
        application = app.multi_model(Models(settings.model_memory), load)
        what = "models on demand"
    else:
        model = artifact.load(settings.root / "model")
        scorer = Scorer(model)
        application = app.single_model(scorer, load)
        what = f"{model!r}"
    csv_bodies.prepare()
    serve(application, listener, load, started=lambda url: log.info("serving %s on %s", what, url))
    log.info("stopped")
