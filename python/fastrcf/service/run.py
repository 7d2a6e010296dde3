"""``fastrcf serve``: a model behind HTTP until it is told to stop."""

from __future__ import annotations

import logging
import os
import signal
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf.errors import FastRCFError
from fastrcf.service import logs
from fastrcf.service.app import Options, Rows, application
from fastrcf.service.auth import ByKey, BySignature, Open
from fastrcf.service.core import LocalModel, Service, ServiceLimits
from fastrcf.service.cross_origin import CrossOrigin
from fastrcf.service.keys import ApiKeys
from fastrcf.service.learning import Learner, State, begin
from fastrcf.service.metrics import Metrics
from fastrcf.service.reload import Watch
from fastrcf.service.signatures import Signatures, of_environment, of_file
from fastrcf.serving.limits import Limits, Load
from fastrcf.serving.server import leave, listen, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fastrcf.service.auth import Auth

log = logging.getLogger("fastrcf.service")


@dataclass(frozen=True)
class Settings:
    """How a model is served.

    Attributes
    ----------
    model : Path
        The model file; never written.
    host, port
        Port 0 is any that is free.
    limits : Limits
        Of the server.
    max_rows : int
        Rows of a body at most.
    seconds : float
        How long a request may take, once its body is there.
    threshold : float or None
        Score of an alert; None for the model's own.
    api_keys : Path or None
        File of keys.
    sigv4 : bool
        Whether requests have to be signed, for ``region`` and ``aws_service``.
    credentials : Path or None
        File with what callers sign with; None for the environment's.
    origins : tuple of str
        Of pages that may ask.
    state : Path or None
        Learn, and save there.
    interval : float
        Seconds between snapshots.
    reload : bool
        Whether the model is loaded anew when its file changes; by SIGHUP it always is.
    access_log, public_metrics : bool
    """

    model: Path
    host: str = "127.0.0.1"
    port: int = 8080
    limits: Limits = field(default_factory=Limits)
    max_rows: int = 100_000
    seconds: float = 60.0
    threshold: float | None = None
    api_keys: Path | None = None
    sigv4: bool = False
    region: str = "us-east-1"
    aws_service: str = "execute-api"
    credentials: Path | None = None
    origins: tuple[str, ...] = ()
    state: Path | None = None
    interval: float = 10.0
    reload: bool = False
    access_log: bool = True
    public_metrics: bool = False


class Server:
    """All parts of a service, put together.

    Parameters
    ----------
    settings : Settings

    Raises
    ------
    FastRCFError
        If the model cannot be served, or keys or credentials cannot be used.

    Attributes
    ----------
    app : ASGI application
    load : Load
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        learns = settings.state is not None
        # One thread: rows are learnt in the order in which they come.
        self.load = Load(settings.limits, n_threads=1 if learns else None)
        self._auth = _auth(settings)
        # Before the model is read, so that no change is missed.
        watched: list[Any] = [settings.model] if not learns else []
        watched += [settings.api_keys] if settings.api_keys is not None else []
        self._watch = Watch(watched, self.renew, every=1.0 if settings.reload else None)
        served: Any
        self._taken: int | None = None
        if settings.state is not None:
            state = State(settings.state)
            self._taken = state.take()
            served, answers = begin(settings.model, state, threshold=settings.threshold)
        else:
            served = LocalModel.load(settings.model, threshold=settings.threshold)
        self._learner: Learner | None = None
        self._access = logs.Access() if settings.access_log else None
        rows = Rows()
        observers: list[Callable[[Any], None]] = [rows] if settings.access_log else []
        self._metrics = Metrics(served, lambda: self.load.waiting(), self._gauges)
        observers.append(self._metrics)
        limits = ServiceLimits(settings.limits.body, settings.max_rows)
        self.service = Service(served, limits=limits, observers=observers)
        if settings.state is not None:
            self._learner = Learner(
                self.service, served, answers, state, interval=settings.interval
            )
        self.app = application(
            self.service,
            self.load,
            Options(
                self._auth,
                CrossOrigin(settings.origins),
                settings.seconds,
                ordered=learns,
                note=self._access,
                public_metrics=settings.public_metrics,
            ),
            answer=None if self._learner is None else self._learner.answer,
            metrics=self._metrics,
            rows=rows if settings.access_log else None,
        )

    def _gauges(self) -> list[tuple[str, str, float]]:
        return [] if self._learner is None else self._learner.gauges()

    def renew(self) -> None:
        """Load model and keys anew; what cannot be used leaves the former at work."""
        settings = self._settings
        if settings.api_keys is not None and isinstance(self._auth, ByKey):
            try:
                # A file that has lost its last key withdraws it.
                self._auth.keys = ApiKeys.load(settings.api_keys, withdrawn=True)
                if not len(self._auth.keys):
                    log.warning("%s has no key: nobody may ask", settings.api_keys)
            except (FastRCFError, OSError) as error:
                log.error("the former keys stay: %s", error)
        if self._learner is not None:
            return
        before = self.service.served.version
        try:
            served = LocalModel.load(settings.model, threshold=settings.threshold)
        except (FastRCFError, OSError) as error:
            self._metrics.reloads.labels("failed").inc()
            log.error("model %s stays: %s", before, error)
            return
        if served.version == before:
            return
        names = self.service.served.names
        self.service.replace(served)
        self._metrics.renew(served)
        self._metrics.reloads.labels("done").inc()
        log.info("model %s takes over from %s", served.version, before)
        if served.names != names:
            log.warning("it has other columns than the one before")

    def begin(self) -> None:
        """Start what works beside requests."""
        if threading.current_thread() is threading.main_thread() and hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, lambda *_: self._watch.ask())
        self._watch.start()
        if self._access is not None:
            self._access.start()
        if self._learner is not None:
            self._learner.start()

    def end(self) -> None:
        """Stop it, and save what was learnt."""
        self._watch.stop()
        # First the log, which tells what was answered even if the state cannot be saved.
        if self._access is not None:
            self._access.stop()
        try:
            if self._learner is not None:
                self._learner.stop()
        finally:
            if self._taken is not None:
                os.close(self._taken)
                self._taken = None


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C; requests that were begun are ended first.

    Raises
    ------
    FastRCFError
        If the model cannot be served, or the port is taken.
    """
    # Open first: who calls while the model is read waits, and is not turned away.
    listener = listen(settings.host, settings.port)
    try:
        server = Server(settings)
    except BaseException:
        listener.close()
        raise
    # Each request has a line of its own, which tells what was wrong with it, or none is wanted;
    # and these lines have paths as clients made them up.
    logging.getLogger("fastrcf.serving").setLevel(logging.WARNING)
    _warm(server.service)
    version = server.service.served.version
    server.begin()
    try:
        run(
            server.app,
            listener,
            server.load,
            started=lambda url: log.info("serving model %s on %s", version, url),
        )
    finally:
        server.end()
    log.info("stopped")
    leave(server.load)


def _warm(service: Service) -> None:
    """Have done what a first request would wait for; a model that learns is left as it is."""
    served = service.served
    if isinstance(served, LocalModel) and not served.categories:
        served.score(np.zeros((1, len(served.names))))


def _auth(settings: Settings) -> Auth:
    if settings.api_keys is not None:
        return ByKey(ApiKeys.load(settings.api_keys))
    if settings.sigv4:
        secrets = (
            of_environment(os.environ)
            if settings.credentials is None
            else of_file(settings.credentials)
        )
        return BySignature(Signatures(secrets, settings.region, settings.aws_service))
    return Open()
