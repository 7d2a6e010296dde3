"""Parquet files as the driver sees them: which there are, and which must not be read so."""

from __future__ import annotations

import fnmatch
import os
import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from pyarrow import fs

import fastrcf

if TYPE_CHECKING:
    from os import PathLike

_WILD = frozenset("*?[")
# Folders of tables whose files do not tell by themselves which rows there are.
_LOGS = {
    "_delta_log": "a Delta table: files no longer part of it, and deleted rows, would count",
    ".hoodie": "a Hudi table: older versions of rows would count",
    "_spark_metadata": "written by a stream: files of failed attempts would count",
}
_ICEBERG = "an Iceberg table: files no longer part of it, and deleted rows, would count"
# What Java does not leave as it is in the path of a URI.
_ESCAPED = re.compile(r"[^\w/\-.!~'()*,;:$&+=@]")
_ALIASES = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}


@dataclass(frozen=True)
class Place:
    """Where a path is.

    Attributes
    ----------
    system : pyarrow.fs.FileSystem
    path : str
        There.
    before : str
        What stands before a path there in a URI; empty where there is no URI.
    cut : int
        Length of the part of a path there that a URI names as its host.
    """

    system: fs.FileSystem
    path: str
    before: str = ""
    cut: int = 0

    def uri(self, path: str) -> str:
        """Give a file's path as Spark writes it in ``_metadata.file_path``."""
        if not self.before:
            return path
        signs = path[self.cut :].lstrip("/")
        # Letters of other alphabets stay too.
        return f"{self.before}/{_ESCAPED.sub(lambda sign: quote(sign[0]), signs)}"


def located(path: str, given: fs.FileSystem | None = None) -> Place:
    """Find the file system that a path is on.

    Parameters
    ----------
    path : str
        A local path or a URI.
    given : pyarrow.fs.FileSystem, optional
        Where paths are to be looked for instead.

    Raises
    ------
    fastrcf.InvalidInputError
        If PyArrow has no such file system.
    """
    if given is not None:
        return Place(given, path.rstrip("/"))
    scheme, separator, _ = path.partition("://")
    if path.startswith("file:"):
        return Place(fs.LocalFileSystem(), unquote(urlsplit(path).path).rstrip("/") or "/", "file:")
    if not separator:
        return Place(fs.LocalFileSystem(), os.path.abspath(path), "file:")
    parts = urlsplit(path)
    try:
        system, inner = fs.FileSystem.from_uri(
            f"{_ALIASES.get(scheme, scheme)}{path[len(scheme) :]}"
        )
    except (ValueError, NotImplementedError, OSError) as error:
        why = str(error).partition("\n")[0]
        raise fastrcf.InvalidInputError(
            f"PyArrow cannot reach {scheme}://... ({why}): give a filesystem, or let Spark read "
            "it: score(spark.read.parquet(...), model)"
        ) from None
    inner = inner.rstrip("/")
    cut = max(0, len(inner) - len(unquote(parts.path).strip("/")))
    # Keys that stand in a URI are nobody's business; the container of abfs is.
    user, _, host = parts.netloc.rpartition("@")
    before = f"{scheme}://{host if ':' in user else parts.netloc}"
    return Place(system, inner, before, cut)


def files(system: fs.FileSystem, path: str) -> list[str]:
    """List the files of a path: itself, all in a folder, or what a pattern matches.

    Files and folders whose names begin with ``_`` or ``.`` are left out, as Spark does.

    Raises
    ------
    fastrcf.InvalidInputError
        If there are none, or they belong to a table that is more than its files.
    """
    kind = system.get_file_info(path).type
    if kind == fs.FileType.File:
        found, root = [path], posixpath.dirname(path)
    elif kind == fs.FileType.Directory:
        found, root = _below(system, path, []), path
    elif _WILD.isdisjoint(path):
        raise fastrcf.InvalidInputError(f"there is no file or folder {path}")
    else:
        parts = path.split("/")
        fixed = next(i for i, part in enumerate(parts) if not _WILD.isdisjoint(part))
        root = "/".join(parts[:fixed]) or ("/" if fixed else "")
        if system.get_file_info(root).type != fs.FileType.Directory:
            raise fastrcf.InvalidInputError(f"there is no folder {root}, where {path} begins")
        found = _below(system, root, parts[fixed:])
    if not found:
        raise fastrcf.InvalidInputError(f"{path} has no files")
    _refuse_above(system, found, root)
    return sorted(found)


def _below(system: fs.FileSystem, root: str, pattern: Sequence[str]) -> list[str]:
    found = []
    for info in system.get_file_info(fs.FileSelector(root, recursive=True)):
        parts = info.path[len(root) :].strip("/").split("/")
        if not all(fnmatch.fnmatchcase(*pair) for pair in zip(parts, pattern, strict=False)):
            continue
        for name in parts:
            if name in _LOGS:
                raise _refused(info.path.partition(f"/{name}")[0], _LOGS[name])
        if _is_iceberg(parts):
            raise _refused(posixpath.dirname(posixpath.dirname(info.path)), _ICEBERG)
        # Partitions may begin with an underscore: _year=2024.
        hidden = any(part[:1] == "." or (part[:1] == "_" and "=" not in part) for part in parts)
        if info.type == fs.FileType.File and not hidden and len(parts) >= len(pattern):
            found.append(info.path)
    return found


def _is_iceberg(parts: Sequence[str]) -> bool:
    return parts[-2:-1] == ["metadata"] and parts[-1].endswith(".metadata.json")


def _refuse_above(system: fs.FileSystem, found: Iterable[str], root: str) -> None:
    """Refuse files that lie in a table, however far below its folder."""
    folders = {posixpath.dirname(path) for path in found} | {root}
    above: set[str] = set()
    for folder in folders:
        while folder not in above:
            above.add(folder)
            folder = posixpath.dirname(folder)
    for folder in sorted(above):
        marks = {posixpath.join(folder, name): why for name, why in _LOGS.items()}
        try:
            infos = system.get_file_info([*marks, posixpath.join(folder, "metadata")])
            for info in infos[:-1]:
                if info.type == fs.FileType.Directory:
                    raise _refused(folder, marks[info.path])
            if infos[-1].type == fs.FileType.Directory:
                inner = system.get_file_info(fs.FileSelector(infos[-1].path))
                if any(info.path.endswith(".metadata.json") for info in inner):
                    raise _refused(folder, _ICEBERG)
        except OSError:
            # Folders above may be closed to those who may read the files.
            if len(folder) >= len(root):
                raise


def _refused(folder: str, why: str) -> fastrcf.InvalidInputError:
    return fastrcf.InvalidInputError(
        f"{folder} is {why}. Read it by Spark: score(spark.read..., model)"
    )


def partitions(path: str) -> dict[str, str]:
    """Give the columns that the folders of a path stand for: ``day=2024-01-01``."""
    pairs = [part.partition("=") for part in path.split("/")[:-1]]
    return {unquote(name): unquote(value) for name, sign, value in pairs if sign and name}


def as_paths(paths: Any) -> list[str]:
    """Give one path or several as a list of text."""
    given: list[str | PathLike[str]] = (
        [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    )
    if not given:
        raise fastrcf.InvalidInputError("paths: none is given")
    return [os.fspath(path) for path in given]
