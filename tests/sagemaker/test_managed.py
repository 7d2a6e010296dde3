import copy
import json
import math
import pickle
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastrcf
from fastrcf.sagemaker import ManagedForest
from fastrcf.sagemaker.sampling import Plan, draws
from tests.sagemaker import reference


@st.composite
def cases(draw):
    """Rows of few columns, some of them equal, in either regime."""
    n = draw(st.integers(50, 400))
    d = draw(st.integers(1, 3))
    per_tree = draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["normal", "few values", "large offsets"]))
    rows = rng.normal(size=(n, d))
    if kind == "few values":
        rows = rng.integers(0, 4, size=(n, d)).astype(float)
    if kind == "large offsets":
        rows = np.round(rows * 64) / 64 + 1024
    return rows, per_tree


@settings(max_examples=25)
@given(cases(), st.integers(0, 2**64 - 1))
@pytest.mark.filterwarnings("ignore:.*makes all scores 0")
def test_scores_are_those_of_a_naive_reference(case, seed):
    rows, per_tree = case
    forest = ManagedForest(50, per_tree, random_state=seed).fit(rows)
    asked = np.vstack([rows[:6], rows[:4] + 0.5, rows[:2] * 3]).astype(np.float32)
    expected = reference.scores(reference.read(bytes(forest)), asked.astype(float))
    np.testing.assert_allclose(forest.score(asked), expected, rtol=2e-5, atol=1e-9)
    parts = forest.attribution(asked)
    np.testing.assert_allclose(parts.total.sum(axis=1), expected, rtol=2e-4, atol=1e-6)


def test_trees_are_random_cut_trees_of_their_blocks():
    """Means over cuts, against trees drawn from the definition."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(50 * 6, 2)) * [1, 4]
    asked = np.vstack([rows[:8], rng.normal(size=(8, 2)) * 6])
    times = 25
    runs, naive = np.zeros((2, times, len(asked)))
    for i in range(times):
        runs[i] = ManagedForest(50, 6, random_state=i).fit(rows).score(asked)
        blocks = [reference.grow(block, rng) for block in rows.reshape(50, 6, 2)]
        naive[i] = reference.scores(blocks, asked)
    error = np.sqrt((runs.var(axis=0, ddof=1) + naive.var(axis=0, ddof=1)) / times)
    apart = (runs.mean(axis=0) - naive.mean(axis=0)) / error
    # Rows share the luck of their forests, so their mean square wavers more than 1 / 16.
    assert (abs(apart) < 4.5).all(), apart.round(1)
    assert (apart**2).mean() < 3, apart.round(1)
    # Nor would the open-source factor, log2(mass + 1), pass.
    factor = np.log2(7) / np.log2(6)
    wrong = (factor * runs.mean(axis=0) - naive.mean(axis=0)) / error
    assert (abs(wrong) > 4.5).all()


def held(forest):
    """Rows of each tree, as the file holds them."""
    file = reference.Reader(bytes(forest))
    return [
        sorted(float(file.points[p, 0]) for p, n, _ in leaves for _ in range(n))
        for leaves in file.leaves()
    ]


@pytest.mark.parametrize("n", [50, 99, 100, 1234, 50 * 30])
@pytest.mark.filterwarnings("ignore:.*makes all scores 0")
def test_few_rows_go_to_trees_in_the_order_of_the_file(n):
    rows = np.random.default_rng(0).permutation(n).astype(float)[:, None]
    forest = ManagedForest(50, 30, random_state=1).fit(rows)
    size = n // 50
    assert (forest.plan.kind, forest.plan.tree_size) == ("blocks", size)
    assert forest.plan.n_unused == n % 50
    for i, found in enumerate(held(forest)):
        assert found == sorted(rows[i * size : (i + 1) * size, 0])
    # What is in no tree changes nothing.
    other = rows.copy()
    other[50 * size :] = 1e6
    again = ManagedForest(50, 30, random_state=1).fit(other)
    np.testing.assert_array_equal(forest.score(rows), again.score(rows))


def test_many_rows_are_sampled_and_spread():
    n, per_tree = 1501, 30
    rows = np.arange(n, dtype=float)[:, None]
    times = np.zeros(n)
    for seed in range(15):
        forest = ManagedForest(50, per_tree, random_state=seed).fit(rows)
        assert forest.plan.kind == "random"
        found = held(forest)
        assert {len(tree) for tree in found} == {per_tree}
        every = np.concatenate(found).astype(int)
        assert len(set(every)) == 1500
        times[every] += 1
        # Blocks would span 30 rows; a random 30 of 1501 span nearly all.
        assert np.median([tree[-1] - tree[0] for tree in found]) > 1200
    assert times.sum() == 15 * 1500


def test_every_row_is_as_likely_to_be_drawn():
    n, times, first = 500, np.zeros(500), np.zeros(500)
    for seed in range(2000):
        rows = Plan.of(n, 50, 4).rows(seed)
        times[rows.ravel()] += 1
        first[rows[0]] += 1
    # 2,000 draws of 200 in 500: 800 +- 22 each; tree 0 holds 4 of 500: 16 +- 4 each.
    assert abs((times - 800) / 21.9).max() < 4.5
    assert 0.8 < ((times - 800) ** 2).mean() / 480 < 1.2
    assert 0.8 < ((first - 16) ** 2).mean() / 15.9 < 1.2


def test_draws_are_those_of_splitmix64():
    # The first outputs for seed 1234567, as published with its reference code.
    assert draws(1234567, 3).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]
    assert len(set(draws(2**64 - 1, 1000).tolist())) == 1000


def test_scores_depend_on_the_row_alone(rng):
    rows = rng.normal(size=(3000, 5))
    asked = rng.normal(size=(70_000, 5)).astype(np.float32)
    one = ManagedForest(50, 20, random_state=4, n_threads=1).fit(rows)
    many = ManagedForest(50, 20, random_state=4, n_threads=3).fit(rows)
    whole = one.score(asked)
    np.testing.assert_array_equal(whole, many.score(asked))
    np.testing.assert_array_equal(whole[40_000:40_003], many.score(asked[40_000:40_003]))
    np.testing.assert_array_equal(whole[:1], one.score(asked[0]))
    np.testing.assert_array_equal(whole[:500], one.score(asked[:500].astype(np.float64)))
    np.testing.assert_array_equal(whole[:500], one.score(np.asfortranarray(asked[:500])))
    np.testing.assert_array_equal(whole[:500], one.score(pd.DataFrame(asked[:500])))
    assert one.score(asked[:0]).shape == (0,)


def test_order_matters_in_blocks_and_seeds_matter_always(rng):
    rows = np.sort(rng.normal(size=(3000, 1)), axis=0)
    forest = ManagedForest(50, 512, random_state=1).fit(rows)
    shuffled = ManagedForest(50, 512, random_state=1).fit(rng.permutation(rows))
    assert np.abs(forest.score(rows) - shuffled.score(rows)).mean() > 0.3
    again = forest.redrawn(2)
    assert held(again) == held(forest)
    apart = again.score(rows) - forest.score(rows)
    assert 0.005 < apart.std() < 0.2
    with pytest.raises(fastrcf.NotFittedError):
        ManagedForest().redrawn()


def test_ctrl_c_ends_scoring_soon(rng):
    rows = rng.normal(size=(5000, 10))
    forest = ManagedForest(1000, 256, random_state=1, n_threads=2).fit(rows)
    asked = np.tile(rows, (200, 1))
    main = threading.main_thread().ident
    timer = threading.Timer(1.0, lambda: signal.pthread_kill(main, signal.SIGINT))
    timer.start()
    # Of the processor: others may be busy with it.
    started = time.process_time()
    with pytest.raises(KeyboardInterrupt):
        forest.score(asked)
    assert time.process_time() - started < 4
    timer.join()


@pytest.mark.parametrize("way", ["file", "pickle", "copy"])
@pytest.mark.parametrize("n", [701, 5001])
def test_forests_travel(tmp_path, rng, way, n):
    rows = rng.normal(size=(n, 3))
    forest = ManagedForest(50, 64, random_state=9, n_threads=2).fit(rows)
    if way == "file":
        forest.save(tmp_path / "m.rcf")
        again = ManagedForest.load(tmp_path / "m.rcf")
    else:
        again = pickle.loads(pickle.dumps(forest)) if way == "pickle" else copy.deepcopy(forest)
    assert bytes(again) == bytes(forest)
    assert repr(again) == repr(forest)
    assert again.plan == forest.plan
    np.testing.assert_array_equal(again.score(rows), forest.score(rows))
    np.testing.assert_array_equal(again.redrawn(3).score(rows), forest.redrawn(3).score(rows))
    empty = pickle.loads(pickle.dumps(ManagedForest(60, 7, 3, random_state=5)))
    np.testing.assert_array_equal(
        empty.fit(rows).score(rows), ManagedForest(60, 7, random_state=5).fit(rows).score(rows)
    )


def test_a_managed_forest_is_a_forest(tmp_path, rng):
    rows = rng.normal(size=(900, 2))
    forest = ManagedForest(50, 64, random_state=9).fit(rows)
    forest.save(tmp_path / "m.rcf")
    model = fastrcf.load(tmp_path / "m.rcf")
    assert isinstance(model, fastrcf.RandomCutForest)
    assert json.loads(model.notes["sagemaker"])["n_rows"] == 900
    factor = math.log2(18) / math.log2(19)
    np.testing.assert_array_equal(model.score(rows) * factor, forest.score(rows))
    # Its trees are those of forests of one tree.
    one = fastrcf.RandomCutForest(1, 18, sampling="window", random_state=int(SEEDS[3]))
    one.insert(rows[3 * 18 : 4 * 18])
    (tree,) = reference.read(bytes(one))
    asked = rows[:20].astype(np.float32).astype(float)
    found = [[reference.tree_score(each, q) for q in asked] for each in (tree, trees(forest)[3])]
    np.testing.assert_array_equal(*found)


# Of the trees of a forest of seed 9.
SEEDS = draws(9 ^ 0x5DEECE66D, 50)


def trees(forest):
    return reference.read(bytes(forest))


@pytest.fixture(scope="module")
def saved():
    rows = np.random.default_rng(2).normal(size=(150, 2))
    return bytes(ManagedForest(50, 8, random_state=3).fit(rows))


def changed(data, change=lambda model: None, **note):
    """The file after a change of its model, or of its note."""
    model = fastrcf.loads(data)
    change(model)
    told = json.loads(model.notes["sagemaker"]) | note
    model.notes = {"sagemaker": json.dumps(told)}
    return bytes(model)


def noted(model, text):
    model.notes = {"sagemaker": text}
    return bytes(model)


def other(n_trees=50, sample_size=3, **given):
    """A forest of as many rows that no fit gives."""
    given = {"sampling": "window", "random_state": 1} | given
    model = fastrcf.RandomCutForest(n_trees, sample_size, **given)
    model.insert(np.arange(6.0).reshape(3, 2))
    return model


def test_damaged_and_hostile_files_are_refused(saved, tmp_path):
    path = tmp_path / "m.rcf"

    def loaded(data):
        path.write_bytes(data)
        return ManagedForest.load(path)

    text = json.dumps({"num_samples_per_tree": 8, "feature_dim": None, "n_rows": 150})
    # What is refused below is not refused for its note.
    assert loaded(noted(other(), text)).plan.tree_size == 3
    wrong = [
        b"",
        b"PK\x03\x04",
        saved[:-30],
        bytes(other()),
        bytes(fastrcf.loads(saved).freeze()),
        noted(other(), "{}"),
        noted(other(), "[]"),
        noted(other(), "[" * 50_000),
        noted(other(), "1" * 10_000),
        noted(other(), text.replace("150", "150.0")),
        noted(other(), text.replace("150", "true")),
        noted(other(), text.replace("150", "null")),
        noted(other(), text.replace("}", ', "more": 1}')),
        noted(other(n_trees=49), text),
        noted(other(sample_size=4), text),
        noted(other(sampling="uniform"), text),
        noted(other(feature_weights=[1, 2]), text),
        changed(saved, n_rows=200),
        changed(saved, n_rows=49),
        changed(saved, n_rows=-1),
        changed(saved, n_rows=10**30),
        changed(saved, num_samples_per_tree=2),
        changed(saved, num_samples_per_tree=4096),
        changed(saved, feature_dim=3),
        changed(saved, lambda model: model.insert([[0, 0]])),
        changed(saved, lambda model: model.delete(_row(saved))),
    ]
    for data in wrong:
        with pytest.raises(fastrcf.ModelFileError, match=r"m\.rcf: "):
            loaded(data)
    assert bytes(loaded(changed(saved))) == saved
    assert loaded(changed(saved, feature_dim=2)).feature_dim == 2
    with pytest.raises(FileNotFoundError):
        ManagedForest.load(tmp_path / "none.rcf")
    with pytest.raises(fastrcf.InvalidParameterError, match="n_threads"):
        ManagedForest.load(path, n_threads=0)


def _row(data):
    """A row that some tree holds."""
    return reference.Reader(data).points[:1].astype(float)


@settings(max_examples=150)
@given(st.data())
def test_a_changed_byte_is_found(saved, data):
    at = data.draw(st.integers(0, len(saved) - 1))
    bad = bytearray(saved)
    bad[at] ^= data.draw(st.integers(1, 255))
    make, (kind, _, threads) = ManagedForest(50, 8).fit(np.zeros((100, 1))).__reduce__()
    with pytest.raises(fastrcf.ModelFileError):
        make(kind, bytes(bad), threads)


def test_parameters_have_the_documented_ranges():
    ManagedForest(50, 1, 1)
    ManagedForest(1000, 2048, 10_000)
    for wrong in ((49,), (1001,), (100, 0), (100, 2049), (100, 256, 0), (100, 256, 10_001)):
        with pytest.raises(fastrcf.InvalidParameterError, match=r"feature_dim|num_"):
            ManagedForest(*wrong)
    with pytest.raises(fastrcf.InvalidParameterError, match="num_trees"):
        ManagedForest(50.5)


def test_what_cannot_be_used_is_refused_and_changes_nothing(rng):
    rows = rng.normal(size=(500, 2))
    forest = ManagedForest(50, 4, random_state=1)
    with pytest.raises(fastrcf.NotFittedError, match="fit it first"):
        forest.score(rows)
    with pytest.raises(fastrcf.NotFittedError):
        bytes(forest)
    before = forest.fit(rows).score(rows)
    for value, said in ((np.nan, "not finite"), (-np.inf, "not finite"), (2e30, "1e30")):
        # In a row that no tree would hold.
        bad = rows.copy()
        bad[497, 1] = value
        for call in (forest.fit, forest.score, forest.attribution):
            with pytest.raises(fastrcf.InvalidInputError, match=said) as found:
                call(bad)
            assert (found.value.row, found.value.column) == (497, 1)
    with pytest.raises(fastrcf.InvalidInputError, match="49 rows for 50 trees"):
        forest.fit(rows[:49])
    with pytest.raises(fastrcf.InvalidInputError, match="expected 2 columns, found 3"):
        forest.score(np.zeros((4, 3)))
    with pytest.raises(fastrcf.InvalidInputError, match="expected 3 columns, found 2"):
        ManagedForest(feature_dim=3).fit(rows)
    np.testing.assert_array_equal(forest.score(rows), before)


def test_trees_of_one_row_score_nothing_and_say_so():
    with pytest.warns(UserWarning, match="log2"):
        forest = ManagedForest(60, 256, random_state=1).fit(np.arange(80.0)[:, None])
    assert not forest.score([[0.0], [1e6]]).any()
