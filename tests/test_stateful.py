"""A forest through any sequence of calls, beside a twin that is driven row by row.

The twin has one thread and gets single rows; everything that is asked of the
forest as a whole must be, bit for bit, what the twin gives. Simple books are
kept beside both: rows seen and, for windows without deletions, their contents.
"""

import copy
import pickle
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

import fastrcf

N_TREES, SAMPLE_SIZE = 4, 8
WEIGHT = 0.5

# Few distinct values: rows are often equal to others, or in line with them.
number = st.sampled_from([0.0, -0.0, 1.0, 2.0, -3.5, 1e-40, 1e30, 0.1, 7.0]) | st.floats(
    -100, 100, width=32
)
bad_number = st.sampled_from([np.nan, np.inf, -np.inf, 1e31, -1e300])


def rows_of(width, least=1, most=12):
    return st.lists(
        st.lists(number, min_size=width, max_size=width), min_size=least, max_size=most
    ).map(np.array)


def key(row, weight):
    """A row as the forest holds it: weighted, in single precision, without minus zero.

    Rows that are told apart before may be one afterwards: half of the smallest number is zero.
    """
    return (np.float32(np.asarray(row) * weight) + np.float32(0.0)).tobytes()


class ForestMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.frozen = []

    @initialize(
        sampling=st.sampled_from(["decay", "uniform", "window"]),
        width=st.integers(1, 3),
        shingle_size=st.sampled_from([1, 1, 1, 3]),
        weighted=st.booleans(),
        seed=st.integers(0, 2**64 - 1),
    )
    def begin(self, sampling, width, shingle_size, weighted, seed):
        self.width, self.shingle = width, shingle_size
        self.sampling, self.weighted = sampling, weighted
        parameters = {
            "sampling": sampling,
            "shingle_size": shingle_size,
            "feature_weights": [WEIGHT] * width if weighted else None,
            "random_state": seed,
        }
        self.forest = fastrcf.RandomCutForest(N_TREES, SAMPLE_SIZE, n_threads=2, **parameters)
        self.twin = fastrcf.RandomCutForest(N_TREES, SAMPLE_SIZE, n_threads=1, **parameters)
        self.seen = []
        self.deleted = False

    def points(self):
        """The points that rows seen so far made."""
        k = self.shingle
        series = np.array(self.seen).reshape(-1, self.width)
        return [series[i - k + 1 : i + 1].ravel() for i in range(k - 1, len(series))]

    def key(self, row):
        return key(row, WEIGHT if self.weighted else 1.0)

    def data(self):
        return b"" if self.forest.n_features is None else bytes(self.forest)

    @rule(data=st.data())
    def insert(self, data):
        x = data.draw(rows_of(self.width))
        self.forest.insert(x)
        for row in x:
            self.twin.insert(row)
        self.seen.extend(x.tolist())

    @rule(data=st.data())
    def process(self, data):
        x = data.draw(rows_of(self.width))
        scores = self.forest.process(np.asfortranarray(x))
        twins = np.concatenate([self.twin.process(row) for row in x])
        np.testing.assert_array_equal(scores, twins)
        self.seen.extend(x.tolist())

    @rule(data=st.data())
    def delete(self, data):
        x = data.draw(rows_of(self.width * self.shingle, most=4))
        points = self.points()
        if points and data.draw(st.booleans()):
            x = np.array(data.draw(st.lists(st.sampled_from(points), min_size=1, max_size=4)))
        if self.forest.n_features is None:
            assert self.forest.delete(x).tolist() == [0] * len(x)
            return
        held = Counter(self.key(point) for point in points)
        removed = self.forest.delete(x)
        assert removed.dtype == np.int64
        for row, copies in zip(x, removed.tolist(), strict=True):
            assert self.twin.delete(row).tolist() == [copies]
            assert 0 <= copies <= N_TREES
            if not held[self.key(row)]:
                assert copies == 0
            elif self.sampling == "window" and not self.deleted:
                # Every tree holds the same last rows, and a copy of each goes.
                window = Counter(self.key(point) for point in points[-SAMPLE_SIZE:])
                gone = sum(self.key(other) == self.key(row) for other in x)
                if gone == 1:
                    assert copies == (N_TREES if window[self.key(row)] else 0)
        self.deleted = self.deleted or removed.any()

    @precondition(lambda self: self.forest.is_ready)
    @rule(data=st.data())
    def ask(self, data):
        shingled = data.draw(st.booleans())
        width = self.width * (self.shingle if shingled else 1)
        x = data.draw(rows_of(width))
        before = self.data()
        if not shingled and len(self.seen) < self.shingle - 1:
            return
        forest, twin = self.forest, self.twin
        scores = forest.score(x)
        frozen = forest.freeze()
        assert ((scores > 0) & (scores <= np.log2(SAMPLE_SIZE + 1) + 1e-6)).all()
        parts = forest.attribution(x)
        np.testing.assert_allclose(parts.total.sum(axis=1), scores, atol=1e-6)
        for i, row in enumerate(x):
            assert twin.score(row) == scores[i] == frozen.score(row)
        for method in ("score", "codisp", "displacement"):
            expected = getattr(twin, method)(x)
            np.testing.assert_array_equal(getattr(forest, method)(x), expected)
            np.testing.assert_array_equal(getattr(frozen, method)(x), expected)
        for side in ("low", "high"):
            expected = getattr(parts, side)
            np.testing.assert_array_equal(getattr(twin.attribution(x), side), expected)
            np.testing.assert_array_equal(getattr(frozen.attribution(x), side), expected)
        assert self.data() == before
        self.frozen = [*self.frozen[-2:], (frozen, x, scores)]

    @rule()
    def frozen_forests_stay(self):
        for frozen, x, scores in self.frozen:
            np.testing.assert_array_equal(frozen.score(x), scores)
            again = pickle.loads(pickle.dumps(frozen))
            np.testing.assert_array_equal(again.score(x), scores)

    @rule(way=st.sampled_from(["file", "bytes", "pickle", "copy", "deepcopy"]))
    def travel(self, way):
        forest = self.forest
        if way == "pickle":
            self.forest = pickle.loads(pickle.dumps(forest))
        elif way in ("copy", "deepcopy"):
            self.forest = getattr(copy, way)(forest)
        elif forest.n_features is None:
            with pytest.raises(fastrcf.NotReadyError):
                bytes(forest)
            return
        elif way == "bytes":
            self.forest = fastrcf.loads(bytes(forest))
        else:
            with tempfile.TemporaryDirectory() as folder:
                forest.save(Path(folder) / "m.rcf")
                self.forest = fastrcf.load(Path(folder) / "m.rcf")
        assert self.forest is not forest
        if forest.n_features is not None:
            assert bytes(self.forest) == bytes(forest)
            # What happens to the one does not happen to the other.
            forest.insert(np.ones((3, self.width)))

    @precondition(lambda self: self.forest.n_features is not None)
    @rule(n_threads=st.integers(0, 3))
    def threads(self, n_threads):
        self.forest._core.set_threads(n_threads)

    @rule(
        method=st.sampled_from(["insert", "process", "score", "delete", "codisp", "attribution"]),
        kind=st.sampled_from(["value", "width", "text", "object", "dimensions", "empty", "masked"]),
        data=st.data(),
    )
    def bad_input(self, method, kind, data):
        before, n_seen = self.data(), self.forest.n_seen
        width = self.width * (self.shingle if method == "delete" else 1)
        x = data.draw(rows_of(width))
        row = data.draw(st.integers(0, len(x) - 1))
        column = data.draw(st.integers(0, width - 1))
        where = (row, column)
        if kind == "value":
            # Half of the largest magnitude remains with a weight of 0.5.
            x[where] = data.draw(bad_number) * (2 if self.weighted else 1)
        elif kind == "width":
            x, where = np.ones((2, 4 * self.width * self.shingle)), (None, None)
        elif kind in ("text", "object"):
            x = x.astype(object)
            x[where] = "1" if kind == "text" else object()
        elif kind == "dimensions":
            x, where = x[None], (None, None)
        elif kind == "empty":
            x, where = np.ones((3, 0)), (None, None)
        else:
            x = np.ma.masked_array(x)
            x[where] = np.ma.masked
        engine = kind in ("value", "width")
        if engine and self.forest.n_features is None:
            if method == "delete" or (kind == "width" and method in ("insert", "process")):
                return
            if method not in ("insert", "process"):
                with pytest.raises(fastrcf.NotReadyError):
                    getattr(self.forest, method)(x)
                return
        with pytest.raises(fastrcf.InvalidInputError) as error:
            getattr(self.forest, method)(x)
        assert (error.value.row, error.value.column) == where
        assert self.data() == before
        assert self.forest.n_seen == n_seen

    @precondition(lambda self: not self.forest.is_ready)
    @rule(method=st.sampled_from(["score", "codisp", "displacement", "attribution"]))
    def asked_too_early(self, method):
        before = self.data()
        with pytest.raises(fastrcf.NotReadyError):
            getattr(self.forest, method)(np.ones((2, self.width)))
        assert self.data() == before

    @invariant()
    def equal_twins(self):
        if not hasattr(self, "forest"):
            return
        forest, twin = self.forest, self.twin
        assert forest.n_seen == twin.n_seen == len(self.seen)
        if forest.n_features is None:
            assert not self.seen
            return
        forest._core.check()
        assert forest.n_features == self.width
        assert bytes(forest) == bytes(twin)
        if not self.deleted:
            enough = len(self.points()) >= max(1, SAMPLE_SIZE // 4)
            assert forest.is_ready == enough


# Twice what the profile gives a single property.
ForestMachine.TestCase.settings = settings(max_examples=2 * settings().max_examples)
TestForest = pytest.mark.timeout(3600)(ForestMachine.TestCase)
