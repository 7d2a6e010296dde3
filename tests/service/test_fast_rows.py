"""Rows that are read in one go, without a look at each: the same as one by one, or refused."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.service.test_rows import ARROW, LINES, NAMES, read, refused, stream, tried


def one_by_one(body):
    """Read values one after the other, blanks between them, by the standard library.

    None if they are not rows of three numbers. As the typed decoder does, this takes rows that
    share a line.
    """
    rows, decoder = [], json.JSONDecoder()
    body = body.strip()
    while body:
        try:
            row, end = decoder.raw_decode(body)
        except ValueError:
            return None
        is_row = isinstance(row, list) and len(row) == 3
        if not is_row or any(not isinstance(x, (int, float)) or isinstance(x, bool) for x in row):
            return None
        rows.append(row)
        body = body[end:].lstrip()
    return rows or None


@given(
    st.lists(
        st.sampled_from(["[1,2,3]", "[4, 5.5,-6]", "\n", "\r\n", ",", "[", "]", " ", "\n\n"]),
        max_size=12,
    ).map("".join)
)
def test_lines_of_plain_numbers_are_lines(body):
    right = one_by_one(body)
    if right is None:
        assert tried(body, LINES) == 400
    else:
        np.testing.assert_array_equal(read(body, LINES), right)


@pytest.mark.parametrize(
    "body",
    [
        "[1,2,3],[4,5,6]",
        "[1,2,3],\n[4,5,6]",
        "[1,2,3]\n,[4,5,6]",
        "[1,\n2,3]\n[4,5,6],[7,8,9]",
        "[[1,2,3]]",
        "[1,2,3]\n[[4,5,6]]",
        "[1,2,3]\n[4,5,6]]",
        "[[1,2,3]\n[4,5,6]",
    ],
)
def test_what_is_a_list_and_no_lines_is_refused(body):
    assert refused(body, LINES).status == 400


def test_many_lines_are_many_rows():
    rows = np.random.default_rng(0).normal(size=(900, 3))
    body = "\n".join(json.dumps(row) for row in rows.tolist())
    for end in ("", "\n", "\r\n"):
        np.testing.assert_array_equal(read(body.replace("\n", end or "\n") + end, LINES), rows)
    assert refused(body + "\n[1,2,3]", LINES, limit=900).status == 413


KINDS = [pa.float64(), pa.float32(), pa.float16(), pa.int8(), pa.uint16(), pa.int64(), pa.uint64()]


@given(
    st.lists(st.tuples(*[st.integers(0, 100)] * 3), min_size=1, max_size=30),
    st.tuples(*[st.sampled_from(KINDS)] * 3),
    st.integers(1, 7),
    st.permutations(range(3)),
)
def test_columns_of_arrow_of_any_kind_in_any_pieces(rows, kinds, piece, order):
    columns = {
        NAMES[j]: pa.array(np.array([row[j] for row in rows], kinds[j].to_pandas_dtype()))
        for j in order
    }
    table = pa.table(columns)
    pieces = [table.slice(i, piece) for i in range(0, len(table), piece)]
    found = read(stream(pa.concat_tables(pieces)), ARROW)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, np.array(rows, float))


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64(), pa.int32()])
def test_missing_values_of_arrow_are_nan_where_they_may_be(kind):
    table = pa.table(
        {
            "amount": pa.chunked_array([pa.array([1, 2], kind), pa.array([None, 4], kind)]),
            "items": pa.array([1.0, 2.0, 3.0, 4.0]),
            "hour": pa.array([1, 2, 3, 4]),
        }
    )
    found = read(stream(table), ARROW, optional=True)
    np.testing.assert_array_equal(found[:, 0], [1, 2, np.nan, 4])
    problem = refused(stream(table), ARROW)
    assert (problem.kind, problem.row, problem.column) == ("missing_value", 2, 0)


def test_categories_of_arrow_keep_their_kinds():
    shops = pa.chunked_array([pa.array(["a", "b"]), pa.array(["a"])])
    table = pa.table({"amount": [1.5, 2.5, 3.5], "items": shops, "hour": [1, 2, 3]})
    found = read(stream(table), ARROW, categories=["items"])
    assert found.tolist() == [[1.5, "a", 1.0], [2.5, "b", 2.0], [3.5, "a", 3.0]]
