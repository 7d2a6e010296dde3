"""Any layout of the same numbers gives the same answers and the same errors."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastrcf
from fastrcf import _frames, _layout
from fastrcf._input import to_matrix, to_rows

NAMES = list("abc")
ARRAYS = ["C", "F", "apart"]
FRAMES = ["pandas", "pandas C", "pandas columns", "pandas mixed"]
CHUNKS = ["arrow", "polars"]


@pytest.fixture(autouse=True, scope="module")
def nothing_is_too_small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_layout, "_SEEN_FROM", 0)
        patch.setattr(_frames, "_LEAST_CHUNK", 0)
        patch.setattr(_frames, "_LARGE", 0)
        yield


@pytest.fixture(scope="module")
def models():
    x = np.random.default_rng(1).normal(size=(300, 3)) * 20
    forest = fastrcf.RandomCutForest(5, 32, random_state=1)
    forest.insert(x)
    detector = fastrcf.Detector(n_trees=5, sample_size=32, random_state=1)
    table = pytest.importorskip("pyarrow").table({name: x[:, j] for j, name in enumerate(NAMES)})
    return forest, forest.freeze(), detector.fit(table)


def cut(data, n):
    """Draw bounds of chunks, some of them empty."""
    inner = data.draw(st.lists(st.integers(0, n), max_size=4))
    bounds = [0, *sorted(inner), n]
    return list(pairwise(bounds))


def laid_out(data, x, kind):
    """Lay the rows of a C-order matrix out in another way."""
    n = len(x)
    if kind in ("C", "F"):
        return np.array(x, order=kind)
    if kind == "apart":
        steps = st.sampled_from([-1, 1, 2, 3])
        down, across = data.draw(steps), data.draw(steps)
        wide = np.full((3 * n + 5, 17), 77, dtype=x.dtype, order=data.draw(st.sampled_from("CF")))
        view = wide[1:, 2:][:: abs(down), :: abs(across)][:n, :3][
            :: np.sign(down), :: np.sign(across)
        ]
        view[:] = x
        return view
    if kind.startswith("pandas"):
        pd = pytest.importorskip("pandas")
        if kind == "pandas columns":
            columns = [pd.Series(x[:, j].copy(), name=name) for j, name in enumerate(NAMES)]
            return pd.concat(columns, axis=1)
        table = pd.DataFrame(np.array(x, order="C"), columns=NAMES, copy=kind == "pandas")
        if kind == "pandas mixed":
            table["c"] = table["c"].astype(np.float32)
        return table
    pa = pytest.importorskip("pyarrow")
    arrays = [[pa.array(x[a:b, j]) for a, b in cut(data, n)] for j in range(3)]
    if kind == "arrow":
        columns = [pa.chunked_array(chunks, type=chunks[0].type) for chunks in arrays]
        return pa.table(dict(zip(NAMES, columns, strict=True)))
    pl = pytest.importorskip("polars")
    whole = pl.DataFrame(dict(zip(NAMES, x.T, strict=True)))
    return pl.concat([whole[a:b] for a, b in cut(data, n)], rechunk=False)


def numbers(data, dtypes):
    """Draw rows of numbers that every dtype holds."""
    dtype = data.draw(st.sampled_from(dtypes))
    n = data.draw(st.integers(1, 90))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    return rng.integers(0, 100, size=(n, 3)).astype(dtype)


DTYPES = ["f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"]


@given(st.data())
def test_any_layout_gives_the_answers_of_a_plain_matrix(models, data):
    forest, frozen, detector = models
    x = numbers(data, DTYPES)
    given = laid_out(data, x, data.draw(st.sampled_from(ARRAYS + FRAMES + CHUNKS)))
    plain = x.astype(np.float64)
    for ask in (forest.score, frozen.score, frozen.codisp, detector.score):
        np.testing.assert_array_equal(ask(given), ask(plain))
    np.testing.assert_array_equal(to_matrix(given), plain)
    assert _layout.shape(to_rows(given)) == x.shape
    if not isinstance(given, np.ndarray):
        turned = given.select(NAMES[::-1]) if hasattr(given, "select") else given[NAMES[::-1]]
        np.testing.assert_array_equal(detector.score(turned), detector.score(plain))
        np.testing.assert_array_equal(forest.score(turned), forest.score(plain[:, ::-1]))
    learnt = []
    for rows in (given, plain):
        one = fastrcf.RandomCutForest(3, 16, random_state=1)
        one.insert(rows)
        scores = one.process(rows)
        learnt.append((bytes(one), scores.tobytes(), one.delete(rows).tolist()))
    assert learnt[0] == learnt[1]


@given(st.data())
def test_a_bad_value_anywhere_is_named_as_in_a_plain_matrix(models, data):
    forest, frozen, detector = models
    x = numbers(data, ["f4", "f8"])
    bad = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    places = data.draw(
        st.sets(st.tuples(st.integers(0, len(x) - 1), st.integers(0, 2)), min_size=1)
    )
    for place in places:
        x[place] = bad
    kind = data.draw(st.sampled_from(ARRAYS + FRAMES + CHUNKS))
    given = laid_out(data, x, kind)
    # NaN is what is missing in pandas, and looked for column by column.
    missing = kind in FRAMES and np.isnan(bad)
    row, column = min(places, key=lambda place: place[::-1] if missing else place)
    for ask in (forest.score, forest.insert, frozen.score, frozen.codisp, detector.score):
        with pytest.raises(fastrcf.InvalidInputError) as error:
            ask(given)
        assert (error.value.row, error.value.column) == (row, column)
        if missing:
            assert str(error.value).endswith("the value is missing")
            continue
        with pytest.raises(fastrcf.InvalidInputError) as plain:
            ask(np.array(x, np.float64))
        said = str(plain.value)
        if isinstance(given, np.ndarray) or ask != detector.score:
            assert str(error.value) == said
        else:
            assert str(error.value) == said.replace(f"'x{column}'", repr(NAMES[column]))


def test_small_views_and_small_chunks_are_copied(monkeypatch):
    pa = pytest.importorskip("pyarrow")
    x = np.arange(4000.0).reshape(-1, 2)
    monkeypatch.setattr(_layout, "_SEEN_FROM", 1001)
    copy = to_rows(x[::2])
    assert copy.flags.c_contiguous
    assert not np.shares_memory(copy, x)
    assert to_rows(x[:1001, :1])[0][1] == 2
    monkeypatch.setattr(_frames, "_LEAST_CHUNK", 500)
    table = pa.table({"a": x[:, 0], "b": x[:, 1]})
    for size, n_parts in ((500, 4), (400, 0)):
        chunked = pa.Table.from_batches(table.to_batches(max_chunksize=size))
        rows = to_rows(chunked)
        assert (len(rows) if isinstance(rows, tuple) else 0) == n_parts
        np.testing.assert_array_equal(to_matrix(chunked), x)
