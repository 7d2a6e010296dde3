"""The whole path on loopback: the gateway emulated, the very handler, a Firehose of files.

Nothing here talks to AWS. It is for tests, notebooks and a look before a deployment; what
it does not emulate, docs/local-cloud.md says.
"""

from __future__ import annotations

from fastrcf.stack.local.cloud import LocalCloud

__all__ = ["LocalCloud"]
