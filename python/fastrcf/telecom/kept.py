"""What a run leaves in its folder: what is stale in it, and whether its features are kept."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, Final

import fastrcf
from fastrcf.telecom import writing
from fastrcf.telecom.catalogue import FEATURES
from fastrcf.telecom.feature_files import session_files

if TYPE_CHECKING:
    from pathlib import Path

#: What is made of features; none of it may lie beside features of another run.
RESULTS: Final = (
    "report.html",
    "alerts.parquet",
    "by_sim.parquet",
    "by_fleet.parquet",
    "by_cell.parquet",
    "places.parquet",
    "sessions.rcf",
)
_FEATURES: Final = "features"
#: Says what the features were made of; written after them, removed before them.
_NOTE: Final = "features.json"


def facts(source: Path, timezone: str) -> dict[str, Any]:
    """Give what the features of a folder follow from.

    Parameters
    ----------
    source : Path
        Session records.
    timezone : str
        Whose hours and days count.

    Returns
    -------
    dict
        ``version``, ``timezone``, ``catalogue`` (names of features) and ``files``: of each file
        below the source its size in bytes and when it was changed, in nanoseconds.

    Raises
    ------
    InvalidInputError
        If there are no files.
    """
    files = {}
    for file in session_files(source):
        found = file.stat()
        name = file.name if file == source else file.relative_to(source).as_posix()
        files[name] = [found.st_size, found.st_mtime_ns]
    return {
        "version": fastrcf.__version__,
        "timezone": timezone,
        "catalogue": [feature.name for feature in FEATURES],
        "files": files,
    }


def clear(out: Path, *, features: bool = True) -> None:
    """Remove the results of an earlier run, and what one that was killed did not finish.

    Parameters
    ----------
    out : Path
        Folder of the run; it may be missing.
    features : bool, default True
        Whether its features go too.
    """
    for name in RESULTS:
        (out / name).unlink(missing_ok=True)
    for place in out.glob(f".{_FEATURES}-*"):
        shutil.rmtree(place, ignore_errors=True)
    if features:
        # First what vouches for them.
        (out / _NOTE).unlink(missing_ok=True)
        if (out / _FEATURES).exists():
            shutil.rmtree(out / _FEATURES)


def note(out: Path, made_of: dict[str, Any], parts: int) -> None:
    """Note what the features in a folder were made of.

    Parameters
    ----------
    out : Path
        Folder of the run.
    made_of : dict
        As :func:`facts` gave it before they were made: what changed meanwhile is then told.
    parts : int
        Files of features.
    """
    text = json.dumps({**made_of, "parts": parts}, indent=1) + "\n"
    writing.write_text(text, out / _NOTE)


def why_anew(out: Path, wanted: dict[str, Any]) -> str | None:
    """Say why features have to be computed anew.

    Parameters
    ----------
    out : Path
        Folder of an earlier run.
    wanted : dict
        As :func:`facts` gives it.

    Returns
    -------
    str or None
        None if those that are there can be kept.
    """
    if not (out / _FEATURES).is_dir():
        return "there are none of an earlier run"
    try:
        known = json.loads((out / _NOTE).read_bytes())
        parts, before = int(known["parts"]), dict(known["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"{out / _NOTE}, which says what they were made of, is missing or damaged"
    for name, what in (("version", "version of fastrcf"), ("timezone", "time zone")):
        if known.get(name) != wanted[name]:
            return f"the {what} was {known.get(name)}, and is {wanted[name]}"
    if known.get("catalogue") != wanted["catalogue"]:
        return "the catalogue of features is another"
    now = wanted["files"]
    for name in sorted(before.keys() | now.keys()):
        if name not in now:
            return f"{name} is gone from the sessions"
        if name not in before:
            return f"{name} has come to the sessions"
        if before[name] != now[name]:
            return f"{name} has changed"
    if not (out / _FEATURES / "peers.parquet").is_file():
        return "peers.parquet, which says what was known of peers, is gone"
    if len(list((out / _FEATURES / "features").glob("part-*.parquet"))) != parts:
        return f"some of the {parts} files of features are gone"
    return None
