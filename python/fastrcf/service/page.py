"""The page at ``/``: health, the model, and a row to try.

It is one file: its style and its script are within, and it asks nobody but this server.
"""

from __future__ import annotations

import base64
import re
from hashlib import sha256
from importlib.resources import files

HTML: bytes = files("fastrcf.service").joinpath("page.html").read_bytes()


def _hashes(tag: bytes) -> str:
    found = re.findall(rb"<%s>(.*?)</%s>" % (tag, tag), HTML, re.DOTALL)
    return " ".join(f"'sha256-{base64.b64encode(sha256(one).digest()).decode()}'" for one in found)


# Nothing but the script and the style of the page itself is run or applied.
_POLICY = (
    f"default-src 'none'; script-src {_hashes(b'script')}; style-src {_hashes(b'style')}; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
