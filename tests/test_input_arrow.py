"""Columns of Arrow."""

import numpy as np
import pytest

import fastrcf
from tests.test_input import forest, frame

__all__ = ["forest"]


def test_plain_arrow_columns_are_seen_without_a_copy(forest, rng):
    from fastrcf._frames import arrow_rows

    pa = pytest.importorskip("pyarrow")
    x = rng.normal(size=(50, 4)).astype(np.float32)
    table = frame("pyarrow", x)
    (batch,) = table.to_batches()
    part = batch.slice(10, 20)
    for seen, expected in ((table, x), (batch, x), (part, x[10:30]), (part.slice(5, 0), x[:0])):
        columns = arrow_rows(seen)
        np.testing.assert_array_equal(np.column_stack(columns), expected)
        if len(expected):
            np.testing.assert_array_equal(forest.score(seen), forest.score(expected))
    first = np.frombuffer(batch.column(2).buffers()[1], np.float32)
    assert np.shares_memory(arrow_rows(batch)[2], first)
    both = arrow_rows(batch, ["d", "b"])
    np.testing.assert_array_equal(np.column_stack(both), x[:, [3, 1]])
    mixed = pa.table({"a": x[:, 0], "b": x[:, 1].astype(np.float64)})
    assert [column.dtype for column in arrow_rows(mixed)] == [np.float32, np.float64]


def test_other_arrow_columns_get_a_second_look(forest, rng):
    from fastrcf._frames import arrow_rows

    pa = pytest.importorskip("pyarrow")
    x = rng.normal(size=(50, 4))
    table = frame("pyarrow", x)
    assert arrow_rows(x) is arrow_rows([[1.0]]) is None
    assert arrow_rows(table, ["a", "z"]) is arrow_rows(table, []) is None
    chunked = pa.concat_tables([table.slice(0, 20), table.slice(20)])
    integers = table.set_column(1, "b", pa.array(range(50)))
    missing = table.set_column(1, "b", pa.array([None, *x[1:, 1]], pa.float64()))
    twice = table.rename_columns(list("abca"))
    no_rows = table.slice(0, 0)
    texts = table.set_column(1, "b", pa.array(["x"] * 50))
    for other in (missing, twice, texts, pa.concat_tables([missing, table]), no_rows.slice(0)):
        assert arrow_rows(other) is None or other.num_rows == 0
    # Small chunks are joined.
    assert len(arrow_rows(chunked)) == 4
    np.testing.assert_array_equal(forest.score(chunked), forest.score(x))
    assert [column.dtype for column in arrow_rows(integers)] == [float, np.int64, float, float]
    for one in missing.to_batches():
        with pytest.raises(fastrcf.InvalidInputError, match="missing") as error:
            forest.score(one)
        assert (error.value.row, error.value.column) == (0, 1)
    with pytest.raises(fastrcf.InvalidInputError, match="same name"):
        forest.score(twice.to_batches()[0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_value_of_a_later_batch_is_named_by_its_row_in_all(rng, bad):
    x = rng.normal(size=(300, 4))
    x[217, 2] = bad
    batches = frame("pyarrow", x).to_batches(max_chunksize=100)
    detector = fastrcf.Detector(n_trees=5, sample_size=32, columns=["d", "c"])
    with pytest.raises(fastrcf.InvalidInputError, match=r"row 217, column 'c'"):
        detector.fit(batches)


def test_a_detector_finds_arrow_columns_by_name(rng):
    x = rng.normal(size=(300, 4))
    table = frame("pyarrow", x)
    detector = fastrcf.Detector(n_trees=5, sample_size=32, random_state=1).fit(table.to_batches())
    turned = table.select(list("dbca"))
    for seen in (turned, turned.to_batches()[0]):
        np.testing.assert_array_equal(detector.score(seen), detector.score(x))
