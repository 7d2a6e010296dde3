"""Scores of the managed service in double precision, written for clarity alone."""

import numpy as np

from tests.test_model_format import Reader, number_width


class Node:
    """A node of a tree: its box, mass, and children or, for a leaf, None."""

    def __init__(self, points, copies, children=None):
        self.low, self.high = points.min(axis=0), points.max(axis=0)
        self.mass = int(sum(copies))
        self.children = children


def read(data):
    """Build the trees of a forest's file from what docs/model-file.md says."""
    file = Reader(data)
    width = number_width(file.d + 2)
    nodes = np.frombuffer(file.sections["NODE"], [("kind", f"<u{width}"), ("value", "<u4")])
    cuts = nodes["value"].copy().view("<f4")
    copies = iter(np.frombuffer(file.sections["COPY"], "<u4").tolist())
    points = file.points.astype(float)
    places = iter(range(len(nodes)))

    def build():
        i = next(places)
        kind, value = int(nodes["kind"][i]), int(nodes["value"][i])
        if kind < 2:
            held = [next(copies) if kind == 1 else 1]
            return Node(points[[value]], held), points[[value]], held
        (left, a, m), (right, b, n) = build(), build()
        assert (a[:, kind - 2] <= cuts[i]).all()
        assert (b[:, kind - 2] > cuts[i]).all()
        held, mass = np.concatenate([a, b]), m + n
        split = (kind - 2, float(cuts[i]), left, right)
        return Node(held, mass, split), held, mass

    trees = [build()[0] for _ in range(file.trees)]
    assert next(places, None) is None
    return trees


def grow(points, rng):
    """Draw a random cut tree of rows, from its definition (Guha et al. 2016)."""
    low, high = points.min(axis=0), points.max(axis=0)
    spans = high - low
    if not spans.sum():
        return Node(points, [len(points)])
    dim = rng.choice(len(spans), p=spans / spans.sum())
    cut = rng.uniform(low[dim], high[dim])
    left = points[:, dim] <= cut
    split = (dim, cut, grow(points[left], rng), grow(points[~left], rng))
    return Node(points, [len(points)], split)


def tree_score(root, q, factor=np.log2):
    """Expected inverse depth of a row, times a factor of the tree's mass."""

    def value(node, depth):
        gap = np.maximum(node.low - q, 0).sum() + np.maximum(q - node.high, 0).sum()
        if node.children is None:
            if gap == 0:
                damp = 1 - node.mass / (2 * root.mass)
                return damp / (depth + np.log2(node.mass + 1))
            return 1 / (depth + 1)
        dim, cut, left, right = node.children
        below = value(left if q[dim] <= cut else right, depth + 1)
        p = gap / (gap + (node.high - node.low).sum())
        return p / (depth + 1) + (1 - p) * below

    return value(root, 0) * factor(root.mass)


def scores(trees, rows, factor=np.log2):
    """Mean over trees, shape (n,)."""
    return np.array([np.mean([tree_score(tree, q, factor) for tree in trees]) for q in rows])
