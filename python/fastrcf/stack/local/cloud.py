"""The local cloud: a port on loopback with all behind it that the stack has in AWS."""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fastrcf.errors import FastRCFError, InvalidParameterError
from fastrcf.serving import check_extra
from fastrcf.serving.limits import Limits, Load
from fastrcf.serving.server import listen, run
from fastrcf.stack.function import records
from fastrcf.stack.function.clients import Clients
from fastrcf.stack.function.function import Function
from fastrcf.stack.function.settings import Settings
from fastrcf.stack.local import validation
from fastrcf.stack.local.authorization import Anyone, ApiKey, LocalKeys, Signed
from fastrcf.stack.local.gateway import BODY, SECONDS, Gateway
from fastrcf.stack.local.sink import FirehoseFiles
from fastrcf.stack.local.throttle import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from fastrcf.stack.local.authorization import Authorizer

try:
    import fcntl
except ImportError:  # Windows has no such locks.
    fcntl = None  # type: ignore[assignment]

Auth = Literal["iam", "key", "none"]
AUTHS: tuple[Auth, ...] = ("iam", "key", "none")
STREAM = "fastrcf-results"
REGION = "us-east-1"


class LocalCloud:
    """The REST API, the function and its Firehose, on loopback.

    Parameters
    ----------
    model : path
        Model file that the function scores with; looked at again every second.
    out : path
        Folder for results (``firehose/``), the function's log, and what callers sign with.
    auth : {"iam", "key", "none"}, default "iam"
        Who may call: requests with an AWS signature, with a key in ``x-api-key``, anyone.
    rate : float, optional
        Requests a second over time; more are answered with 429. None: not throttled.
    burst : int, optional
        Requests at once; default: as many as a second's.
    port : int, default 0
        0 for any that is free.
    stage : str, default "prod"
        What paths begin with.
    seconds : float, default 29
        How long the function may take.
    settings : dict of str to str, optional
        Further settings of the function, as in its environment.
    clients : Clients, optional
        In place of AWS; default: Firehose is a folder, and nothing else can be reached.

    Attributes
    ----------
    url : str
        Where it is, with the stage.
    key, keys : str and LocalKeys
        What callers need; made up, and in files of ``out`` that only their owner reads.

    Raises
    ------
    InvalidParameterError, MissingExtraError, FastRCFError
        Before anything is written.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        out: str | os.PathLike[str],
        *,
        auth: Auth = "iam",
        rate: float | None = None,
        burst: int | None = None,
        port: int = 0,
        stage: str = "prod",
        seconds: float = SECONDS,
        settings: dict[str, str] | None = None,
        clients: Clients | None = None,
    ) -> None:
        check_extra()
        validation.prepare()
        if auth not in AUTHS:
            raise InvalidParameterError(f"auth: {auth!r} is none of {', '.join(AUTHS)}")
        bucket = None
        if rate is not None:
            bucket = TokenBucket(rate, burst)
        elif burst is not None:
            raise InvalidParameterError("burst: it needs a rate")
        self.out = Path(out)
        self.firehose = self.out / "firehose"
        self.log = self.out / "function.log"
        read = Settings.of(
            {
                "FASTRCF_MODEL_URI": os.fspath(model),
                "FASTRCF_DELIVERY_STREAM": STREAM,
                "FASTRCF_MODEL_REFRESH_SECONDS": "1",
                "FASTRCF_SOLUTION": "fastrcf-local",
                **(settings or {}),
            }
        )
        made = clients or Clients()
        if "firehose" not in vars(made):
            made.firehose = FirehoseFiles(self.firehose, STREAM)
        self._sink = made.firehose
        self.function = Function(read, made, write=lambda line: self._lines.write(line))
        # Whoever starts it wants to know at once that the model is none.
        self.function.load()
        self._load = Load(Limits(body=BODY, waiting=1024))
        self._listener = listen("127.0.0.1", port)
        self.port: int = self._listener.getsockname()[1]
        self.stage = stage
        self.key = secrets.token_urlsafe(30)
        self.keys = LocalKeys("LOCAL" + secrets.token_hex(8).upper(), secrets.token_hex(20), REGION)
        self.auth = auth
        self._taken = self._take_folder()
        self._make_folder()
        self._lines = _Lines(self.log)
        self._gateway = Gateway(
            self.function,
            self._load,
            authorizer=self._authorizer(),
            bucket=bucket,
            stage=stage,
            origins=read.cors_origins,
            seconds=seconds,
            # The model and Firehose are files of this machine, unless others are given.
            waits=read.is_remote or read.backend != "inprocess" or clients is not None,
        )
        self._thread: threading.Thread | None = None
        self._stop: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        """Where it is, with the stage."""
        return f"http://127.0.0.1:{self.port}/{self.stage}"

    @property
    def key_file(self) -> Path:
        """Holds the key of ``x-api-key``."""
        return self.out / "api-key"

    @property
    def credentials_file(self) -> Path:
        """Holds credentials, as AWS's tools read them (``AWS_SHARED_CREDENTIALS_FILE``)."""
        return self.out / "credentials"

    def run(self, started: Callable[[str], None] = lambda url: None) -> None:
        """Answer requests until SIGTERM or Ctrl-C.

        Parameters
        ----------
        started : callable
            Told the address once requests are taken.
        """
        try:
            run(
                self._gateway,
                self._listener,
                self._load,
                started=lambda address: started(self.url),
                stop=lambda stop: setattr(self, "_stop", stop),
            )
        finally:
            self._lines.close()
            os.close(self._taken)
            with contextlib.suppress(AttributeError):
                self._sink.close()

    def __enter__(self) -> LocalCloud:
        """Start on a thread, and wait until requests are taken."""
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self.run, kwargs={"started": lambda url: ready.set()}, name="local-cloud"
        )
        self._thread.start()
        if not ready.wait(30):
            self._stop()
            raise FastRCFError("the local cloud did not start within 30 seconds")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop: requests that were begun are answered."""
        self._stop()
        if self._thread is not None:
            self._thread.join()

    def _authorizer(self) -> Authorizer:
        if self.auth == "none":
            return Anyone()
        return ApiKey(self.key) if self.auth == "key" else Signed(self.keys)

    def _take_folder(self) -> int:
        """Have the folder for oneself, until the file that is given is closed.

        Another cloud would put its keys over ours, which our callers then sign with.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        taken = os.open(self.out / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if fcntl is not None:
                fcntl.flock(taken, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(taken)
            self._listener.close()
            raise FastRCFError(
                f"{self.out}: another local cloud writes there; give each a folder of its own "
                "(--out)"
            ) from None
        return taken

    def _make_folder(self) -> None:
        if self.auth == "key":
            _write_private(self.key_file, self.key + "\n")
        if self.auth == "iam":
            _write_private(
                self.credentials_file,
                f"[default]\naws_access_key_id = {self.keys.access_key}\n"
                f"aws_secret_access_key = {self.keys.secret_key}\nregion = {self.keys.region}\n",
            )


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


class _Lines:
    """The function's log: what CloudWatch would keep."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def write(self, line: dict[str, Any]) -> None:
        self._file.write(records.encode(line))

    def close(self) -> None:
        self._file.close()
