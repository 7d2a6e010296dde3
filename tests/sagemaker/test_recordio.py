"""RecordIO-protobuf from Python: kinds of arrays, limits, streams, Amazon's bytes."""

import hashlib
import io

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastrcf.errors import InvalidInputError
from fastrcf.sagemaker import (
    decode_recordio,
    decode_scores,
    encode_recordio,
    encode_scores,
    read_recordio,
    write_recordio,
)

TABLES = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.int32]),
    st.tuples(st.integers(1, 20), st.integers(1, 30)),
)


@given(TABLES, st.sampled_from([None, np.float32, np.float64, np.int32]), st.data())
def test_arrays_come_back(X, kind, data):
    labels = None if kind is None else data.draw(hnp.arrays(kind, len(X)))
    x, y = decode_recordio(encode_recordio(X, labels))
    assert x.dtype == X.dtype
    np.testing.assert_array_equal(x, X)
    assert (y is None) == (labels is None)
    if labels is not None:
        assert y.dtype == labels.dtype
        np.testing.assert_array_equal(y, labels)


def test_golden_bytes_of_amazons_encoder():
    # sagemaker 2.257.7, write_numpy_to_dense_tensor.
    assert encode_recordio(np.float32([[1.5, -2, 3.25]])).hex() == (
        "0a23d7ce1c0000000a1a0a0676616c7565731210120e0a0c0000c03f000000c000005040"
    )
    assert encode_recordio(np.array([[1.0, 2.0]]), np.array([1.0])).hex() == (
        "0a23d7ce380000000a1e0a0676616c75657312141a120a10000000000000f03f0000000000000040"
        "12160a0676616c756573120c1a0a0a08000000000000f03f"
    )
    assert encode_recordio(np.array([[1, -2, 300]]), np.array([0])).hex() == (
        "0a23d7ce2e0000000a1b0a0676616c75657312113a0f0a0d01feffffffffffffffff01ac02120f0a06"
        "76616c75657312053a030a01000000"
    )
    # write_spmatrix_to_sparse_tensor.
    sparse = sp.csr_matrix(np.float32([[0, 1.5, 0, 0], [0, 0, 0, 0], [2, 0, 0, -1]]))
    assert encode_recordio(sparse, np.float32([1, 0, 1])).hex() == (
        "0a23d7ce2e0000000a180a0676616c756573120e120c0a040000c03f1201011a010412120a0676616c75"
        "6573120812060a040000803f00000a23d7ce250000000a0f0a0676616c756573120512031a010412120a"
        "0676616c756573120812060a04000000000000000a23d7ce330000000a1d0a0676616c75657312131211"
        "0a0800000040000080bf120200031a010412120a0676616c756573120812060a040000803f00"
    )


def test_wide_rows_are_those_of_amazons_encoder():
    """The hashes are of what it wrote for the same arrays."""
    rng = np.random.default_rng(5)
    wide = rng.normal(size=(50, 200)).astype(np.float32)
    labelled = rng.normal(size=(40, 33))
    assert hashlib.sha256(encode_recordio(wide)).hexdigest() == (
        "01db9dc81a33c55c581ee362ba6cf602455109676484eaeb329c82b036a38afa"
    )
    data = encode_recordio(labelled, np.arange(40).astype(np.float32))
    assert hashlib.sha256(data).hexdigest() == (
        "2a886433a2127fb6a47b0f8a795f58df06fa605e3117fa9e017ba0738836266d"
    )


def test_other_arrays_and_tables():
    X = np.arange(12.0).reshape(3, 4)
    expected = encode_recordio(X)
    assert encode_recordio(np.asfortranarray(X)) == expected
    assert encode_recordio(np.ascontiguousarray(X[:, ::-1])[:, ::-1]) == expected
    assert encode_recordio(X.astype(">f8")) == expected
    assert encode_recordio(X.tolist()) == expected
    assert encode_recordio(pl.DataFrame(X)) == expected
    assert encode_recordio(X.astype(np.int64)) == encode_recordio(X.astype(np.int32))
    assert decode_recordio(encode_recordio(X.astype(np.float16)))[0].dtype == np.float32
    x, y = decode_recordio(b"")
    assert x.shape == (0, 0)
    assert y is None


def test_input_that_makes_no_records():
    with pytest.raises(InvalidInputError, match="2 labels for 3 rows"):
        encode_recordio(np.ones((3, 2)), [0, 1])
    with pytest.raises(InvalidInputError, match="row 1, column 0: 2147483648 is beyond 32") as e:
        encode_recordio(np.array([[1], [2**31]]))
    assert (e.value.row, e.value.column) == (1, 0)
    with pytest.raises(InvalidInputError, match="beyond 32"):
        encode_recordio(np.array([[2**63]], np.uint64))
    with pytest.raises(InvalidInputError, match="no columns"):
        encode_recordio(np.ones((3, 0)))
    with pytest.raises(InvalidInputError, match="labels: expected numbers"):
        encode_recordio(np.ones((1, 2)), ["a"])


def test_damage_is_named_by_record_and_byte():
    data = bytearray(encode_recordio(np.ones((5, 3), np.float32)))
    with pytest.raises(InvalidInputError, match="record 4, byte 170: the data ends") as e:
        decode_recordio(data[:-10])
    assert e.value.row == 4
    data[2 * 36] = 0
    with pytest.raises(InvalidInputError, match="record 2, byte 72: no record begins here") as e:
        decode_recordio(data)
    assert e.value.row == 2
    with pytest.raises(InvalidInputError, match="this is no RecordIO"):
        decode_recordio(b"1,2,3\n")
    good = encode_recordio(np.ones((1, 20)))
    with pytest.raises(InvalidInputError, match="beyond the limit of 100"):
        decode_recordio(good, max_record=100)
    with pytest.raises(InvalidInputError, match="limit of 10"):
        decode_recordio(good, max_features=10)
    sparse = encode_recordio(sp.csr_matrix((4, 10)))
    with pytest.raises(InvalidInputError, match="limit of 35 zeros"):
        decode_recordio(sparse, max_zeros=35)
    np.testing.assert_array_equal(decode_recordio(sparse)[0], np.zeros((4, 10)))


@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_refused(data):
    try:
        x, _ = decode_recordio(data)
    except InvalidInputError:
        return
    assert x.ndim == 2


@given(TABLES, st.integers(1, 70))
def test_streams_of_any_pieces(X, size):
    data = encode_recordio(X, np.arange(len(X)))
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    batches = list(read_recordio(pieces))
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches]), X)
    np.testing.assert_array_equal(np.concatenate([y for _, y in batches]), np.arange(len(X)))


def test_files(tmp_path):
    rng = np.random.default_rng(1)
    batches = [rng.normal(size=(n, 7)).astype(np.float32) for n in (3, 1, 60_000)]
    with (tmp_path / "x.pbr").open("wb") as file:
        n = write_recordio(file, batches)
    assert n == (tmp_path / "x.pbr").stat().st_size
    with (tmp_path / "x.pbr").open("rb") as file:
        read = list(read_recordio(file))
    assert len(read) > 2
    np.testing.assert_array_equal(np.concatenate([x for x, _ in read]), np.concatenate(batches))


def test_rows_before_a_bad_record_are_given():
    data = encode_recordio(np.ones((5, 3), np.float32)) + b"damage!!"
    found = []
    with pytest.raises(InvalidInputError, match="record 5"):
        found.extend(read_recordio(io.BytesIO(data)))
    assert [len(x) for x, _ in found] == [5]


def test_mixed_kinds_become_doubles():
    data = encode_recordio(np.float32([[0.1]])) + encode_recordio(np.array([[7]]))
    x, _ = decode_recordio(data)
    assert x.dtype == np.float64
    np.testing.assert_array_equal(x, [[np.float32(0.1)], [7.0]])


def test_scores():
    data = encode_scores([1.5, 0.25])
    assert data[:28].hex() == "0a23d7ce1300000012110a0573636f7265120812060a040000c03f00"
    np.testing.assert_array_equal(decode_scores(data), [1.5, 0.25])
    assert decode_scores(b"").shape == (0,)
    with pytest.raises(InvalidInputError, match='no label of the name "score"'):
        decode_scores(encode_recordio(np.ones((1, 2))))


def test_matrices_of_scipy_with_duplicates_and_disorder():
    matrix = sp.coo_matrix(([1.0, 2.0, 4.0], ([0, 0, 1], [2, 2, 0])), shape=(2, 3))
    np.testing.assert_array_equal(decode_recordio(encode_recordio(matrix))[0], matrix.toarray())


def test_integers_of_scipy_that_are_too_large_are_named_by_their_place():
    x = np.array([[0, 0, 0], [1, 0, 2**40], [0, 2**41, 0]])
    with pytest.raises(
        InvalidInputError, match="row 1, column 2: 1099511627776 is beyond"
    ) as error:
        encode_recordio(sp.csr_matrix(x))
    assert (error.value.row, error.value.column) == (1, 2)


def test_what_is_no_bytes():
    with pytest.raises(InvalidInputError, match=r"labels: row 1: 1099511627776 is beyond 32 bits"):
        encode_recordio(np.ones((2, 2)), [0, 2**40])
    with pytest.raises(InvalidInputError, match=r"found a name: open\('rows\.pbr', 'rb'\)"):
        list(read_recordio("rows.pbr"))
    for read in (decode_recordio, decode_scores):
        with pytest.raises(TypeError):
            read(5)
