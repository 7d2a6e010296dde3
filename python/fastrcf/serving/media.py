"""Which format a body has, and which one an answer shall have."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from fastrcf.sagemaker.recordio import CONTENT_TYPE as RECORDIO
from fastrcf.serving.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

CSV = "text/csv"
JSON = "application/json"
JSON_LINES = "application/jsonlines"

# As the same formats are called elsewhere.
_ALIASES = {
    "application/x-jsonlines": JSON_LINES,
    "application/jsonl": JSON_LINES,
    "application/x-ndjson": JSON_LINES,
}
# What the parameter "header" of CSV may say, as RFC 4180 has it.
HEADERS = ("present", "absent")
BODIES = (CSV, JSON, JSON_LINES, RECORDIO)
# The first is the answer to who takes anything.
ANSWERS = (JSON, JSON_LINES, RECORDIO, CSV)
_CHARACTERS = ("utf-8", "utf8", "us-ascii", "ascii")


class Media(NamedTuple):
    """A format and its parameters, in small letters."""

    kind: str
    parameters: Mapping[str, str]


def parse(text: str) -> Media:
    """Read ``type/subtype; name=value``."""
    kind, *rest = (part.strip() for part in text.lower().split(";"))
    parameters = {}
    for part in rest:
        name, _, value = part.partition("=")
        parameters[name.strip()] = value.strip().strip('"')
    return Media(_ALIASES.get(kind, kind), parameters)


def check_coding(coding: str) -> None:
    """Refuse a body that its ``Content-Encoding`` says is compressed.

    Raises
    ------
    Problem
        415.
    """
    if coding.strip().lower() not in ("", "identity"):
        raise Problem(
            415, "unsupported_media_type", f"Content-Encoding {coding!r}: send the body as it is"
        )


@lru_cache(256)
def body_format(content_type: str, read: tuple[str, ...] = BODIES) -> Media:
    """Give the format of a body, one of those that are read.

    Raises
    ------
    Problem
        415, if it is none that is read here.
    """
    media = parse(content_type)
    if media.kind not in read:
        found = f"{content_type!r}" if content_type else "no Content-Type"
        raise Problem(415, "unsupported_media_type", f"{found}: {', '.join(read)} are read here")
    if media.parameters.get("charset", "utf-8") not in _CHARACTERS:
        raise Problem(415, "unsupported_media_type", f"{content_type!r}: only UTF-8 is read here")
    labels = media.parameters.get("label_size", "0")
    if labels not in ("0", "1"):
        raise Problem(
            415, "unsupported_media_type", f"label_size={labels}: 0 or 1 columns of labels"
        )
    return media


@lru_cache(256)
def answer_format(accept: str, written: tuple[str, ...] = ANSWERS) -> str:
    """Choose the format of the answer by the header Accept, one of those that are written.

    The first of them is the answer to who takes anything.

    Raises
    ------
    Problem
        406, if none of those that are taken is written here.
    """
    if not accept.strip():
        return written[0]
    best, best_quality = None, 0.0
    for entry in accept.split(","):
        media = parse(entry)
        try:
            quality = float(media.parameters.get("q", "1"))
        except ValueError:
            quality = 0.0
        for kind in written:
            if _fits(media.kind, kind) and quality > best_quality:
                best, best_quality = kind, quality
                break
    if best is None:
        raise Problem(
            406, "not_acceptable", f"Accept: {accept!r}: {', '.join(written)} are written here"
        )
    return best


def _fits(asked: str, kind: str) -> bool:
    family, _, rest = asked.partition("/")
    return asked in (kind, "*/*") or (rest == "*" and kind.startswith(family + "/"))
