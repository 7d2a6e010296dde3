"""``fastrcf container serve``: the model of the root folder, or models on demand, over HTTP."""

from __future__ import annotations

import logging
import os
import sys
import time

from fastrcf.container import app, artifact
from fastrcf.container.models import Models
from fastrcf.container.places import Places
from fastrcf.container.settings import Settings
from fastrcf.serving.limits import Load
from fastrcf.serving.scorer import Scorer
from fastrcf.serving.server import leave, listen, run

log = logging.getLogger("fastrcf.container")


def serve(root: str | None = None, settings: Settings | None = None) -> None:
    """Serve until the platform says stop.

    Parameters
    ----------
    root : path, optional
        Where the platform's folders are; default: as for training.
    settings : Settings, optional
        Default: the environment's.

    Raises
    ------
    FastRCFError
        If there is no model, it cannot be served, or the port is taken.
    """
    _log_as_training_does()
    settings = settings or Settings.of(os.environ)
    load = Load(settings.limits)
    # Open first: who calls while the model is read waits, and is not turned away.
    listener = listen(settings.host, settings.port)
    if settings.multi_model:
        application = app.multi_model(Models(settings.model_memory), load)
        what = "models on demand"
    else:
        model = artifact.load(Places.below(root).model)
        scorer = Scorer(model)
        application = app.single_model(scorer, load)
        what = f"{model!r}"
    run(application, listener, load, started=lambda url: log.info("serving %s on %s", what, url))
    log.info("stopped")
    leave(load)


def _log_as_training_does() -> None:
    lines = logging.Formatter("[%(asctime)s %(levelname)s] %(message)s", "%m/%d/%Y %H:%M:%S")
    lines.converter = time.gmtime
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(lines)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
