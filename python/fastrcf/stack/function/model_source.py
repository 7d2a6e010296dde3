"""The model's file: an object in S3 by version, or a file of this machine.

What was downloaded stays in a folder that outlives the process, as ``/tmp`` does in
Lambda. A file is written beside its place and renamed into it, so none is ever half.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from fastrcf.errors import FastRCFError

if TYPE_CHECKING:
    from fastrcf.stack.function.clients import Clients
    from fastrcf.stack.function.settings import Settings

log = logging.getLogger("fastrcf.function")
_CHUNK = 1 << 20
# What a person has to do, by S3's code.
_ADVICE = {
    "NoSuchBucket": "the model's bucket does not exist: create it, or correct FASTRCF_MODEL_URI",
    "NoSuchKey": "the model's object does not exist: upload the model, or correct "
    "FASTRCF_MODEL_URI",
    "NoSuchVersion": "this version of the model's object does not exist: correct "
    "FASTRCF_MODEL_VERSION_ID, or leave it empty for the newest",
    "AccessDenied": "the function may not read the model: allow its role s3:GetObject (with a "
    "version s3:GetObjectVersion, with a key of KMS kms:Decrypt) on it; or there is no such "
    "object, which S3 hides from who may not list the bucket",
    "InvalidObjectState": "the model's object is archived: restore it first",
}
_ALIASES = {
    "404": "NoSuchKey",
    "403": "AccessDenied",
    "Forbidden": "AccessDenied",
    "KMS.DisabledException": "AccessDenied",
    "InvalidArgument": "NoSuchVersion",
}
_UNCHANGED = ("304", "NotModified", "PreconditionFailed")


class ModelUnavailable(FastRCFError):
    """The model's file cannot be had; the message says what to do."""


class Found(NamedTuple):
    """A model's file.

    Attributes
    ----------
    path : Path
        Where it is on this machine.
    mark : str
        What tells it from others at the same place: S3's version or ETag; of a file
        its time and size.
    """

    path: Path
    mark: str


class ModelSource:
    """Where the model's file comes from.

    Parameters
    ----------
    settings : Settings
    clients : Clients
        Asked for S3 only if that is needed.
    """

    def __init__(self, settings: Settings, clients: Clients) -> None:
        self._settings = settings
        self._clients = clients
        self._cache = Path(settings.cache)

    @property
    def is_fixed(self) -> bool:
        """Whether what is there never changes: it has a version of its own."""
        return bool(self._settings.model_version_id)

    def newest(self, mark: str = "") -> Found | None:
        """Look for the model.

        Parameters
        ----------
        mark : str
            Of the one that is held already.

        Returns
        -------
        Found or None
            None if it is the one that is held.

        Raises
        ------
        ModelUnavailable
            If there is none, it may not be read, or it is too large.
        """
        return self._from_s3(mark) if self._settings.is_remote else self._from_here(mark)

    def _from_here(self, mark: str) -> Found | None:
        path = Path(self._settings.model_uri)
        try:
            told = path.stat()
        except OSError as error:
            raise ModelUnavailable(
                f"the model's file cannot be read ({error.strerror}): correct FASTRCF_MODEL_URI"
            ) from None
        self._check_size(told.st_size)
        now = f"{told.st_mtime_ns}-{told.st_size}-{told.st_ino}"
        return None if now == mark else Found(path, now)

    def _from_s3(self, mark: str) -> Found | None:
        version = self._settings.model_version_id
        if version:
            if version == mark:
                return None
            held = self._place(version)
            if held.is_file():
                return Found(held, version)
            return self._download(version=version)
        if not mark:
            # Of an earlier process in the same environment.
            mark = self._noted()
            if mark:
                try:
                    return self._download(unless=mark) or Found(self._place(mark), mark)
                except ModelUnavailable as error:
                    log.error("the model of an earlier start is used: %s", error)
                    return Found(self._place(mark), mark)
        return self._download(unless=mark)

    def _download(self, *, version: str = "", unless: str = "") -> Found | None:
        bucket, key = self._settings.bucket_and_key
        asked: dict[str, str] = {"Bucket": bucket, "Key": key}
        if version:
            asked["VersionId"] = version
        if unless:
            asked["IfNoneMatch"] = unless
        # Without botocore the client cannot be made, which says so.
        client = self._clients.s3
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.exceptions import HTTPClientError as Broken

        try:
            answer = client.get_object(**asked)
            with contextlib.closing(answer["Body"]) as body:
                self._check_size(int(answer["ContentLength"]))
                mark = version or str(answer["ETag"])
                place = self._keep(body, self._place(mark), int(answer["ContentLength"]))
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _UNCHANGED and unless:
                return None
            raise ModelUnavailable(_advice(code)) from error
        except (BotoCoreError, Broken) as error:
            raise ModelUnavailable(
                f"S3 cannot be asked for the model ({type(error).__name__}): look at the "
                "function's credentials, region and network"
            ) from error
        return Found(place, mark)

    def _keep(self, body: Any, place: Path, announced: int) -> Path:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            # tempfile would take a tenth of the start.
            part = place.with_suffix(f".{secrets.token_hex(4)}.part")
            try:
                with part.open("xb") as file:
                    size = 0
                    while chunk := body.read(_CHUNK):
                        size += len(chunk)
                        self._check_size(size)
                        file.write(chunk)
                if size != announced:
                    raise ModelUnavailable(
                        f"the model came in part: {size} of {announced} bytes; it is tried again"
                    )
                os.replace(part, place)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise ModelUnavailable(
                f"the model cannot be written to {self._cache} ({error.strerror}): give the "
                "function more temporary storage"
            ) from error
        return place

    def _check_size(self, size: int) -> None:
        most = self._settings.max_model_bytes
        if size > most:
            raise ModelUnavailable(
                f"the model has {size:,} bytes, more than the {most:,} of "
                "FASTRCF_MAX_MODEL_BYTES: take a smaller one, or allow more"
            )

    def _place(self, mark: str) -> Path:
        name = hashlib.sha256(f"{self._settings.model_uri}\n{mark}".encode()).hexdigest()
        return self._cache / f"{name[:32]}.rcf"

    @property
    def _notes(self) -> Path:
        name = hashlib.sha256(self._settings.model_uri.encode()).hexdigest()
        return self._cache / f"{name[:32]}.json"

    def _noted(self) -> str:
        """Give the mark of a file that an earlier process has left, empty without one."""
        try:
            mark = msgspec.json.decode(self._notes.read_bytes(), type=str)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return ""
        return mark if self._place(mark).is_file() else ""

    def keep(self, found: Found) -> None:
        """Have later processes find a file that has proved to be a model."""
        if not self._settings.is_remote or self.is_fixed:
            return
        mark, before = found.mark, self._noted()
        if mark == before:
            return
        part = self._notes.with_suffix(".part")
        try:
            part.write_bytes(msgspec.json.encode(mark))
            os.replace(part, self._notes)
        except OSError:
            # The next process then downloads it once more.
            return
        if before:
            # Storage is scarce there.
            self._place(before).unlink(missing_ok=True)

    def forget(self, found: Found) -> None:
        """Remove a downloaded file that is no model, so that no later start takes it."""
        if self._settings.is_remote:
            found.path.unlink(missing_ok=True)


def _advice(code: str) -> str:
    known = _ADVICE.get(_ALIASES.get(code, code))
    return known or f"S3 refuses to give the model ({code}); it is tried again"
