"""The AWS Lambda function: a REST API's requests, scored in the function.

Its zip carries the wheel, so the handler is in the wheel. What answers is
:class:`fastrcf.service.core.Service`; here are only the ways in and out: events, the
model's object in S3, endpoints of SageMaker, Firehose, metrics.
"""

from __future__ import annotations

from fastrcf.stack.function.entry import handler, start

__all__ = ["handler", "start"]
