"""RecordIO-protobuf, the fastest and smallest format that the managed service takes."""

from __future__ import annotations

from os import PathLike
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from fastrcf import _fastrcf
from fastrcf._input import to_matrix
from fastrcf.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fastrcf._typing import Floats

CONTENT_TYPE = "application/x-recordio-protobuf"

# Bytes that are read from a file at a time.
_CHUNK = 1 << 20


def encode_recordio(X: Any, labels: Any = None) -> bytes:
    """Write rows as RecordIO-protobuf.

    The bytes are those of Amazon's SDK (``write_numpy_to_dense_tensor`` and
    ``write_spmatrix_to_sparse_tensor`` of version 2). Records stand for
    themselves: bytes of several calls one after the other are valid too.

    Parameters
    ----------
    X : array-like, data frame or SciPy sparse matrix, shape (n, d)
        Rows. float32 and float64 are kept, integers and truth values become int32,
        half precision single; of data frames the kind that all columns fit in. A
        sparse matrix becomes sparse records.
    labels : array-like of shape (n,), optional
        A label per row.

    Returns
    -------
    bytes

    Raises
    ------
    InvalidInputError
        If lengths do not fit, or an integer is beyond 32 bits; row and column are
        named.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrcf.sagemaker import decode_recordio, encode_recordio
    >>> data = encode_recordio(np.float32([[1.5, -2, 3.25]]))
    >>> len(data)
    36
    >>> decode_recordio(data)
    (array([[ 1.5 , -2.  ,  3.25]], dtype=float32), None)
    """
    given = None if labels is None else _numbers(np.asarray(labels).reshape(-1), "labels")
    if type(X).__module__.startswith("scipy.sparse"):
        matrix = X.tocsr(copy=True)
        matrix.sum_duplicates()
        columns = np.ascontiguousarray(matrix.indices, np.int64)
        starts = np.ascontiguousarray(matrix.indptr, np.int64)

        def place(i: int) -> tuple[int, int]:
            return int(np.searchsorted(starts, i, "right")) - 1, int(columns[i])

        return _fastrcf.recordio_encode_sparse(
            _numbers(matrix.data, "values", place),
            columns,
            starts,
            matrix.shape[1],
            given,
        )
    return _fastrcf.recordio_encode(_table(X), given)


def decode_recordio(data: Any, **limits: int) -> tuple[Any, Any]:
    """Read rows from RecordIO-protobuf.

    Parameters
    ----------
    data : bytes-like
        Whole records: dense or sparse, in parts or not. Texts that they may hold
        (uid, metadata) are passed over.
    **limits
        ``max_record`` (bytes of a record, default 4 MiB), ``max_features``
        (columns, default 10,000) and ``max_zeros`` (zeros that sparse records
        leave out, in all, default 2**28): what is beyond is refused before
        memory is taken for it.

    Returns
    -------
    X : numpy.ndarray, shape (n, d)
        float32, float64 or int32 as the records have it; float64 where they
        differ. Sparse rows are filled up with zeros.
    labels : numpy.ndarray of shape (n,), or None
        Shape (n, k) where each record has k of them; None where none has.

    Raises
    ------
    InvalidInputError
        If a record is malformed, no row, beyond a limit, or unlike the ones
        before; the message names the record and the byte, ``row`` is the record.
    """
    decoder = _decoder(False, **limits)
    decoder.push(bytes(memoryview(data)))
    decoder.finish()
    rows = decoder.take()
    return (np.empty((0, 0), np.float32), None) if rows is None else rows


def read_recordio(source: Iterable[bytes] | IO[bytes], **limits: int) -> Iterator[tuple[Any, Any]]:
    """Read RecordIO-protobuf that comes in pieces, in memory that does not grow.

    Parameters
    ----------
    source : iterable of bytes, or binary file
        Pieces of any size; a file is read a megabyte at a time.
    **limits
        See :func:`decode_recordio`; ``max_zeros`` counts within a piece.

    Yields
    ------
    X, labels
        The rows that have ended in a piece; see :func:`decode_recordio`.

    Raises
    ------
    InvalidInputError
        At the first bad record, once the rows before it have been given.
    """
    decoder = _decoder(False, **limits)
    for piece in _pieces(source):
        failed = None
        try:
            decoder.push(piece)
        except InvalidInputError as error:
            failed = error
        rows = decoder.take()
        if rows is not None:
            yield rows
        if failed is not None:
            raise failed
    decoder.finish()


def write_recordio(file: IO[bytes], batches: Iterable[Any]) -> int:
    """Write batches of rows to a file, one after the other.

    Parameters
    ----------
    file : binary file
        Where to.
    batches : iterable
        What :func:`encode_recordio` takes, or pairs of it and labels.

    Returns
    -------
    int
        Bytes written.
    """
    n = 0
    for batch in batches:
        x, labels = batch if isinstance(batch, tuple) and len(batch) == 2 else (batch, None)
        n += file.write(encode_recordio(x, labels))
    return n


def encode_scores(scores: Any) -> bytes:
    """Write scores as the managed service answers with them: a label ``score``, no features."""
    return _fastrcf.recordio_encode_scores(np.ascontiguousarray(scores, np.float32).reshape(-1))


def decode_scores(data: Any) -> Floats:
    """Read scores from an answer of the managed service.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)

    Raises
    ------
    InvalidInputError
        If a record is malformed or has no score, or more than one.
    """
    decoder = _decoder(True)
    decoder.push(bytes(memoryview(data)))
    decoder.finish()
    taken = decoder.take()
    if taken is None:
        return np.empty(0)
    scores = np.asarray(taken[1], np.float64)
    if scores.ndim != 1:
        raise InvalidInputError(f"a record has {scores.shape[1]} scores, where one is expected")
    return scores


def _decoder(
    scores: bool,
    *,
    max_record: int = 1 << 22,
    max_features: int = 10_000,
    max_zeros: int = 1 << 28,
) -> _fastrcf.RecordIODecoder:
    return _fastrcf.RecordIODecoder(
        scores=scores, max_record=max_record, max_width=max_features, max_zeros=max_zeros
    )


def _pieces(source: Iterable[bytes] | IO[bytes]) -> Iterator[bytes]:
    if isinstance(source, (str, PathLike)):
        raise InvalidInputError(
            f"expected bytes or a file, found a name: open({str(source)!r}, 'rb')"
        )
    if isinstance(source, (bytes, bytearray, memoryview)):
        yield bytes(source)
    elif hasattr(source, "read"):
        while piece := source.read(_CHUNK):
            yield piece
    else:
        for piece in source:
            yield bytes(piece)


def _table(x: Any) -> np.ndarray[Any, Any]:
    if isinstance(x, np.ndarray) and x.dtype.kind in "iubf" and x.ndim in (1, 2):
        if not np.atleast_2d(x).shape[1]:
            raise InvalidInputError("the input has no columns")
        return _numbers(np.atleast_2d(x), "X")
    return np.ascontiguousarray(to_matrix(x))


def _numbers(
    x: np.ndarray[Any, Any], name: str, place: Callable[[int], tuple[int, int]] | None = None
) -> np.ndarray[Any, Any]:
    """Give an array of a kind that a tensor has; what it has no kind for is refused.

    ``place`` gives row and column of a value where ``x`` is not a matrix.
    """
    if x.dtype in (np.float32, np.float64, np.int32) and x.dtype.isnative:
        return np.ascontiguousarray(x)
    if x.dtype.kind == "f":
        return np.ascontiguousarray(x, np.float32 if x.dtype.itemsize == 2 else np.float64)
    if x.dtype.kind not in "iub":
        raise InvalidInputError(f"{name}: expected numbers, found dtype {x.dtype}")
    limits = np.iinfo(np.int32)
    if x.dtype.kind != "b":
        beyond = np.argwhere((x > limits.max) | (x < limits.min))
        if len(beyond):
            first = tuple(int(i) for i in beyond[0])
            at = first if place is None else place(first[0])
            row, column = at[0], at[1] if len(at) > 1 else None
            raise InvalidInputError(
                (f"labels: row {row}" if column is None else f"row {row}, column {column}")
                + f": {x[first]} is beyond 32 bits, which integers have in RecordIO; "
                "convert them to floats",
                row=row,
                column=column,
            )
    return np.ascontiguousarray(x, np.int32)
