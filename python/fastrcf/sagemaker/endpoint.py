"""Endpoints: predictions of the managed random cut forest, or of our container."""

from __future__ import annotations

import random
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastrcf._parameters import count
from fastrcf.sagemaker._named import Awaited
from fastrcf.sagemaker._session import Clients
from fastrcf.sagemaker.errors import ResponseError, aws_errors, code_of
from fastrcf.sagemaker.leaving import MAY_BE_THERE, WAIT, warn
from fastrcf.sagemaker.payload import (
    ACCEPT,
    CONTENT_TYPES,
    MAX_PAYLOAD,
    bodies,
    check_format,
    parse_scores,
    single,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from types import TracebackType

    from fastrcf._typing import Floats
    from fastrcf.sagemaker.steps import Deleted

# What an endpoint says while it is busy or still loads a model: botocore tries again
# after errors of AWS itself, and not after these, which come from the container.
_BUSY_STATUS = (429, 503)
_ATTEMPTS = 7
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0


class Endpoint(Awaited):
    """An endpoint in AWS, by its name.

    Parameters
    ----------
    name : str
        Its name.
    session : boto3.Session, session of Amazon's SDK or Clients, optional
        Whose credentials and region; default: boto3's.
    runtime_url : str, optional
        Where it is called, in place of AWS: a container on this machine.
    model : str, optional
        Which model of a multi-model endpoint, as the name of its file below the
        prefix.
    format : {"csv", "json", "jsonlines", "recordio"}, default "csv"
        How rows are sent.
    max_payload : int, default 3,900,000
        Most bytes of a request: serverless endpoints take 4 MB, others 6 or more.
    workers : int, default 4
        Requests at a time.

    Notes
    -----
    As a context manager it deletes itself, its configuration and its model at the end;
    if it is still being created then, after that, for which it waits at most an hour.
    """

    _words = _aws = "endpoint"
    _done = ("InService",)
    _failed = ("Failed", "OutOfService", "Deleting", "UpdateRollbackFailed")
    _patience = 3600.0

    def __init__(
        self,
        name: str,
        session: Any = None,
        *,
        runtime_url: str | None = None,
        model: str | None = None,
        format: str = "csv",
        max_payload: int = MAX_PAYLOAD,
        workers: int = 4,
    ) -> None:
        self.name = name
        self.model = model
        self.format = check_format(format)
        self.max_payload = count("max_payload", max_payload, 1)
        self.workers = count("workers", workers, 1)
        self.clients = Clients.of(session, runtime_url)

    def __repr__(self) -> str:
        return f"Endpoint({self.name!r})"

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A block that is left early leaves it Creating, which costs and is not deleted by AWS
        # before it is made: that is waited for, and said, since it takes minutes.
        gone = False
        try:
            self.delete(tell=warn)
            gone = True
        finally:
            if not gone:
                warn(MAY_BE_THERE.format(self.name))

    def predict(self, X: Any, *, tell: Callable[[float, int], None] | None = None) -> Floats:
        """Score rows.

        Rows are cut into requests below ``max_payload``, several of which go at a
        time. Throttled requests, and those of a container that is busy, are sent
        again after growing pauses.

        Parameters
        ----------
        X : array-like or data frame, shape (n, d)
            Rows of finite numbers; they are sent in single precision.
        tell : callable, optional
            Gets the share that is done and its rows.

        Returns
        -------
        numpy.ndarray of float64, shape (n,)
            Scores, in the order of the rows.

        Raises
        ------
        InvalidInputError
            If a value cannot be used, or a row is longer than a request; nothing
            was sent.
        ServiceError
            If AWS or the container refuses; no further requests are sent.
        ResponseError
            If an answer is none or has another number of scores than rows.
        """
        rows = single(X)
        out = np.empty(len(rows))
        done = 0
        waiting: deque[tuple[Future[Floats], int]] = deque()
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="fastrcf-predict")

        def collect() -> None:
            nonlocal done
            future, n = waiting.popleft()
            out[done : done + n] = future.result()
            done += n
            if tell is not None:
                tell(done / len(rows), done)

        try:
            # botocore's clients are shared by threads but not made by several at once.
            if len(rows):
                _ = self.clients.runtime
            first = 0
            for body, n in bodies(rows, self.format, self.max_payload):
                # No more requests than can go are held in memory.
                while len(waiting) >= 2 * self.workers:
                    collect()
                waiting.append((pool.submit(self._invoke, body, n, first), n))
                first += n
            while waiting:
                collect()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return out

    def _invoke(self, body: bytes, n: int, first: int) -> Floats:
        request: dict[str, Any] = {
            "EndpointName": self.name,
            "ContentType": CONTENT_TYPES[self.format],
            "Accept": ACCEPT[self.format],
            "Body": body,
        }
        if self.model is not None:
            request["TargetModel"] = self.model
        what = f"{self._said}, rows {first} to {first + n - 1}"
        with aws_errors(what):
            answer = self._patiently(request)
            raw = answer["Body"].read()
        try:
            return parse_scores(raw, answer.get("ContentType") or "", n)
        except ResponseError as error:
            raise ResponseError(f"{what}: {error}") from None

    def _patiently(self, request: dict[str, Any]) -> Any:
        from botocore.exceptions import ClientError

        for attempt in range(_ATTEMPTS):
            try:
                return self.clients.runtime.invoke_endpoint(**request)
            except ClientError as error:
                if attempt == _ATTEMPTS - 1 or not _is_busy(error):
                    raise
            # Full jitter, so that workers do not come back together.
            time.sleep(random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt)))
        raise AssertionError("unreachable")

    def delete(
        self,
        *,
        data: bool = False,
        dry_run: bool = False,
        wait: float = WAIT,
        poll: float = 15.0,
        tell: Callable[[str], Any] | None = None,
    ) -> Deleted:
        """Delete it with its configuration and models; see :func:`fastrcf.sagemaker.delete`."""
        from fastrcf.sagemaker.deletion import delete

        return delete(
            self.name,
            data=data,
            dry_run=dry_run,
            wait=wait,
            poll=poll,
            tell=tell,
            session=self.clients,
        )


def _is_busy(error: Any) -> bool:
    code = code_of(error)
    if code == "ModelNotReadyException":
        return True
    return code == "ModelError" and error.response.get("OriginalStatusCode") in _BUSY_STATUS


@dataclass(frozen=True)
class Serverless:
    """A serverless endpoint: it costs while it answers, and takes seconds to wake.

    Parameters
    ----------
    memory_mb : int, default 2048
        1024 to 6144 in steps of 1024.
    max_concurrency : int, default 5
        Calls at a time, 1 to 200.
    """

    memory_mb: int = 2048
    max_concurrency: int = 5

    def __post_init__(self) -> None:
        from fastrcf.errors import InvalidParameterError

        if self.memory_mb not in range(1024, 6145, 1024):
            raise InvalidParameterError(
                f"memory_mb: {self.memory_mb!r} is not 1024 to 6144 in steps of 1024"
            )
        if not 1 <= count("max_concurrency", self.max_concurrency, 1) <= 200:
            raise InvalidParameterError(
                f"max_concurrency: {self.max_concurrency!r} is not between 1 and 200"
            )
