"""What can go wrong, as exceptions a caller can tell apart."""

from __future__ import annotations


class FastRCFError(Exception):
    """Base of all errors of this package."""


class InvalidInputError(FastRCFError, ValueError):
    """Input that cannot be used. Nothing has changed.

    Attributes
    ----------
    row, column : int or None
        Zero-based position of the first offending value, where there is one.
    """

    def __init__(self, message: str, *, row: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.row = row
        self.column = column


class InvalidParameterError(FastRCFError, ValueError):
    """A parameter out of its range."""


class NotReadyError(FastRCFError):
    """The forest has not seen enough rows to answer."""


class NotFittedError(FastRCFError):
    """Asked before anything was fitted."""


class ModelFileError(FastRCFError, ValueError):
    """A model file that is damaged, truncated, hostile or of another version."""


class MissingExtraError(FastRCFError, ImportError):
    """An optional dependency is not installed; the message says how to add it."""
