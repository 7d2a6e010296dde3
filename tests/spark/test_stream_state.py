"""What a stream's workers do, with state in memory: no Spark runs."""

import itertools
import time

import numpy as np
import pyarrow as pa
import pytest

import fastrcf
from fastrcf_spark import _stream_kept, _stream_log, _stream_state, _stream_worker
from tests.spark.streams import FOREST, equal, plan_of


class Values(dict):
    """State as the operator gives it, in a dictionary."""

    def containsKey(self, key):
        return key in self

    def getValue(self, key):
        return self.get(key)

    def updateValue(self, key, value):
        self[key] = value

    def removeKey(self, key):
        del self[key]

    def iterator(self):
        return iter(list(self.items()))


class States(Values):
    """The logs of forests, and their bases."""

    def __init__(self, other=()):
        super().__init__(other)
        self.bases = Values(getattr(other, "bases", ()))

    def sizes(self):
        return [len(self[key][0]) + len(self.bases[key][0]) for key in self]


class Value:
    """A single value of the state."""

    def __init__(self):
        self.value = None

    def exists(self):
        return self.value is not None

    def get(self):
        return self.value

    def update(self, value):
        self.value = value


def rows_of(x, key="1:a", **other):
    n = len(x)
    columns = {"id": np.arange(n), "key": [key] * n, "order": np.arange(n)}
    return pa.table(columns | {"x": x[:, 0], "y": x[:, 1]} | other)


def processed(plan, rows, states, *ages):
    batch = rows.combine_chunks().to_batches()[0]
    packets = [_stream_worker._written(batch)]
    found = _stream_worker.scored(plan, packets, Value(), Value(), states, states.bases, *ages)
    names = ["id", "score", "is_late"][: 2 + (plan["time"] is not None)]
    return pa.Table.from_batches([found]).rename_columns(names)


def test_packets_hold_the_rows_of_a_bucket_each():
    rows = pa.table({"bucket": pa.array([2, 0, 2, 1, 0], pa.int32()), "v": list("abcde")})
    batches = [*rows.slice(0, 2).to_batches(), *rows.slice(2).to_batches()]
    [packed] = _stream_worker.pack(plan_of(), iter([batches[0].slice(0, 0), *batches]))
    assert packed["bucket"].to_pylist() == [0, 1, 2, _stream_worker.WATCHED]
    *packets, watched = packed["rows"].to_pylist()
    assert watched == b""
    found = [_stream_worker._read(packet)["v"].to_pylist() for packet in packets]
    assert found == [["b", "e"], ["d"], ["a", "c"]]
    assert list(_stream_worker.pack(plan_of(), iter([batches[0].slice(0, 0)]))) == []


def test_bad_rows_are_neither_scored_nor_learnt():
    x = np.random.default_rng(2).normal(size=(200, 2))
    bad = [3, 50, 51, 120, 199]
    wrong = x.copy()
    for row, value in zip(bad, [np.nan, np.inf, -1e31, np.nan, np.nan], strict=True):
        wrong[row, row % 2] = value
    found = processed(plan_of(), rows_of(wrong), states := States())
    expected = np.full(200, np.nan)
    good = np.setdiff1d(np.arange(200), bad)
    forest = fastrcf.RandomCutForest(**FOREST, random_state=0)
    expected[good] = forest.process(x[good])
    assert equal(found, expected)
    only_bad = processed(plan_of(), rows_of(wrong[bad], "1:b"), states)
    assert only_bad["score"].null_count == 5
    assert list(states) == [("1:a",)]
    with pytest.raises(fastrcf.InvalidInputError, match=r"the key \('a'\), column 'y'.*'null'"):
        processed(plan_of(missing="error"), rows_of(wrong), States())


def test_rows_of_one_time_are_in_the_order_of_their_hash_and_those_without_are_bad():
    x = np.random.default_rng(2).normal(size=(300, 2))
    times = pa.array([i // 7 for i in range(299)] + [None])
    rows = rows_of(x, time=times)
    mixed = rows.take(np.random.default_rng(3).permutation(300))
    states = States()
    plan = plan_of(time="time")
    found = processed(plan, mixed, states).sort_by("id")
    forest = fastrcf.RandomCutForest(**FOREST, random_state=0)
    assert equal(found, np.append(forest.process(x[:299]), np.nan))
    assert found["is_late"].to_pylist() == [False] * 299 + [None]
    # What is as late as the latest is not late.
    again = processed(plan, rows_of(x[:2], time=[42, 41]), states).sort_by("id")
    assert again["is_late"].to_pylist() == [False, True]
    assert equal(again, forest.process(x[[1, 0]])[::-1])


def test_what_is_too_old_is_forgotten_and_removed(monkeypatch):
    now = 1_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    x = np.random.default_rng(2).normal(size=(60, 2))
    plan, state = plan_of(ttl=100_000), (States(), Values(), Value())
    expected = fastrcf.RandomCutForest(**FOREST, random_state=0).process(x)

    def whole():
        return equal(processed(plan, rows_of(x), *state), expected)

    processed(plan, rows_of(x, "1:b"), *state)
    assert whole()
    now += 99
    assert not whole()
    now += 99
    assert not whole()
    assert set(state[0]) == set(state[0].bases) == set(state[1]) == {("1:a",)}
    now += 101
    assert whole()
    now += 3
    assert not whole()
    assert state[1][("1:a",)] == (1_299_000,)


def test_a_time_to_live_may_come_and_go(monkeypatch):
    now = 1_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    x = np.random.default_rng(2).normal(size=(240, 2))
    expected = fastrcf.RandomCutForest(**FOREST, random_state=0).process(x)
    states = States()
    ages = Values(), Value()

    def goes_on(first, *ages):
        plan = plan_of(ttl=100_000 if ages else None)
        found = processed(plan, rows_of(x[first : first + 60]), states, *ages)
        return equal(found, expected[first : first + 60])

    processed(plan_of(), rows_of(x, "1:b"), states)
    assert goes_on(0)
    # Nothing that was learnt without it is too old for it.
    assert goes_on(60, *ages)
    assert set(states) == {("1:a",), ("1:b",)}
    now += 300
    assert goes_on(120)
    processed(plan_of(), rows_of(x, "1:c"), states)
    now += 300
    # Of what came meanwhile no use was noted; one key has had no row all the time.
    assert goes_on(180, *ages)
    assert set(states) == set(states.bases) == {("1:a",), ("1:c",)}
    now += 300
    processed(plan_of(ttl=100_000), rows_of(x, "1:d"), states, *ages)
    assert set(states) == set(states.bases) == set(ages[0]) == {("1:d",)}


@pytest.mark.parametrize(
    ("sampling", "whole", "largest"),
    [("window", False, 16_000), ("decay", True, 33_000), ("decay", False, 43_000)],
)
def test_state_stays_small(sampling, whole, largest):
    rng = np.random.default_rng(4)
    names = ["x", "y", "z", "u"]
    forest = {"n_trees": 30, "sample_size": 64, "sampling": sampling, "random_state": 0}
    plan = plan_of(names=names, columns=names, forest=forest, time="time")
    states, sizes = States(), []
    for batch in range(60):
        x = rng.poisson(5, (40, 4)).astype(float) if whole else rng.lognormal(size=(40, 4))
        # As columns of float have them, which most are.
        x = x.astype(np.float32).astype(float)
        rows = rows_of(x, z=x[:, 2], u=x[:, 3], time=batch + np.arange(40) / 40)
        processed(plan, rows, states)
        sizes += states.sizes()
    assert max(sizes) <= largest
    assert largest / 2 < np.mean(sizes[20:]) <= 40_000


@pytest.fixture
def keeper(monkeypatch):
    """A worker of our own."""
    kept = _stream_kept.Kept()
    monkeypatch.setattr(_stream_state, "KEEPER", kept)
    return kept


@pytest.mark.parametrize("shingle_size", [1, 2])
@pytest.mark.parametrize("single", [True, False])
def test_what_a_worker_keeps_changes_nothing(keeper, monkeypatch, single, shingle_size):
    x = np.random.default_rng(2).lognormal(size=(600, 2))
    if single:
        x = x.astype(np.float32).astype(float)
    plan = plan_of(forest=FOREST | {"random_state": 0, "shingle_size": shingle_size})
    expected = fastrcf.RandomCutForest(**plan["forest"]).process(x)
    kept, moved = States(), States()
    learnt_since = 0
    # Of different sizes, so that forests are written anew now and then.
    bounds = [0, 5, 6, 40, 41, 43, 100, 101, 104, 110, 300, 303, 310, 600]
    for first, behind in itertools.pairwise(bounds):
        rows = rows_of(x[first:behind])
        assert equal(processed(plan, rows, kept), expected[first:behind])
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(_stream_state, "KEEPER", _stream_kept.Kept())
            assert equal(processed(plan, rows, moved), expected[first:behind])
        # What is at rest is the same, and so are scores after any move.
        assert kept == moved
        assert kept.bases == moved.bases
        learnt_since += bool(_stream_log.read(kept[("1:a",)][0]).parts)
    assert 3 < learnt_since < len(bounds) - 4


def test_a_task_that_is_tried_again_gets_the_forest_from_the_state(keeper):
    x = np.random.default_rng(2).normal(size=(90, 2))
    expected = fastrcf.RandomCutForest(**FOREST, random_state=0).process(x)
    states = States()
    processed(plan_of(), rows_of(x[:60]), states)
    before = States(states)
    # Of this nothing is committed.
    assert equal(processed(plan_of(), rows_of(x[60:70]), states), expected[60:70])
    assert equal(processed(plan_of(), rows_of(x[60:]), before), expected[60:])
    assert not equal(processed(plan_of(), rows_of(x[60:]), states), expected[60:])


def test_rows_that_are_only_scored_leave_the_forest_where_it_was(keeper):
    x = np.random.default_rng(2).normal(size=(90, 2))
    plan, states = plan_of(time="time", late="score"), States()
    processed(plan, rows_of(x[:60], time=np.arange(60) + 100), states)
    before = States(states)
    late = processed(plan, rows_of(x[60:], time=np.arange(30)), states)
    assert all(late["is_late"].to_pylist())
    assert states == before
    forest = fastrcf.RandomCutForest(**FOREST, random_state=0)
    forest.insert(x[:60])
    assert equal(late, forest.score(x[60:]))


@pytest.fixture
def decoded(monkeypatch):
    """Keys whose bases are read."""
    keys = []
    read = _stream_state.Forests._base
    monkeypatch.setattr(
        _stream_state.Forests,
        "_base",
        lambda self, key, log: keys.append(key) or read(self, key, log),
    )
    return keys


def test_a_worker_catches_up_with_what_others_have_learnt(keeper, decoded, monkeypatch):
    x = np.random.default_rng(2).normal(size=(200, 2))
    expected = fastrcf.RandomCutForest(**FOREST, random_state=0).process(x)
    states = States()
    processed(plan_of(), rows_of(x[:100]), states)
    base = states.bases[("1:a",)]
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(_stream_state, "KEEPER", _stream_kept.Kept())
        processed(plan_of(), rows_of(x[100:103]), states)
        processed(plan_of(), rows_of(x[103:106]), states)
        assert decoded == ["1:a"]
    assert equal(processed(plan_of(), rows_of(x[106:107]), states), expected[106:107])
    assert decoded == ["1:a"]
    assert states.bases[("1:a",)] == base
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(_stream_state, "KEEPER", _stream_kept.Kept())
        processed(plan_of(), rows_of(x[107:180]), states)
    # The log begins behind what this worker has.
    assert states.bases[("1:a",)] != base
    assert equal(processed(plan_of(), rows_of(x[180:]), states), expected[180:])
    assert decoded == ["1:a"] * 3


def test_rows_of_an_attempt_that_failed_are_not_used_with_as_many_others(keeper, decoded):
    x = np.random.default_rng(2).normal(size=(120, 2))
    expected = fastrcf.RandomCutForest(**FOREST, random_state=0).process(x)
    states = States()
    processed(plan_of(), rows_of(x[:100]), states)
    failed = States(states)
    processed(plan_of(), rows_of(x[110:113]), failed)
    assert "1:a" in keeper
    mine = keeper.take("1:a")
    processed(plan_of(), rows_of(x[100:103]), states)
    # As many rows, of the same base, but others.
    keeper.put("1:a", *mine)
    assert equal(processed(plan_of(), rows_of(x[103:]), states), expected[103:])
    assert decoded == ["1:a"] * 2


def test_versions_of_one_name_have_learnt_the_same():
    rows = np.random.default_rng(2).normal(size=(3, 2))
    first = _stream_log.first(FOREST)
    names = {first, _stream_log.first(FOREST | {"n_trees": 11})}
    for name, some in ((first, rows), (first, rows[:2]), (first, rows[::-1]), (bytes(16), rows)):
        names.add(_stream_log.part(name, some).name)
    names.add(_stream_log.part(first, np.float32(rows).astype(float)).name)
    assert len(names) == 7
    parts = [_stream_log.part(first, rows)]
    parts.append(_stream_log.part(parts[0].name, np.ones((1, 2))))
    log = _stream_log.Log(first, 9, 2, tuple(parts), b"time4567", 5)
    assert _stream_log.read(log.written()) == log
    assert [part.width for part in parts] == [8, 4]
    assert (log.since(first) == np.vstack([rows, np.ones((1, 2))])).all()
    assert (log.since(parts[0].name) == 1).all()
    assert log.since(log.name).shape == (0, 2)
    assert log.since(bytes(16)) is None


def test_a_log_of_another_base_is_refused(keeper):
    states = States()
    processed(plan_of(), rows_of(np.ones((30, 2))), states)
    keeper.take("1:a")
    states.bases[("1:a",)] = (bytes(16) + states.bases[("1:a",)][0][16:],)
    with pytest.raises(fastrcf.ModelFileError, match=r"the key \('a'\) is not whole"):
        processed(plan_of(), rows_of(np.ones((30, 2))), states)


def test_state_whose_bytes_changed_is_refused_with_its_key(keeper):
    whole = States()
    # A base, and a log of two parts, one of single and one of double precision.
    for rows in (np.ones((30, 2)), np.full((1, 2), 0.5), np.full((1, 2), 0.1)):
        processed(plan_of(), rows_of(rows), whole)
    log, base = whole[("1:a",)][0], whole.bases[("1:a",)][0]
    head = _stream_log._HEAD.size
    parts = _stream_log.read(log).parts
    assert [part.width for part in parts] == [4, 8]
    # Cut between parts a log is whole: that of an earlier version.
    ends = head + np.cumsum([0, *(_stream_log._PART.size + len(part.packed) for part in parts)])
    damaged = [(log[:at], base) for at in range(1, len(log)) if at not in ends]
    for flipped in (1, 128):
        for at in range(head, len(log)):
            damaged.append((log[:at] + bytes([log[at] ^ flipped]) + log[at + 1 :], base))
        for at in range(0, len(base), 7):
            damaged.append((log, base[:at] + bytes([base[at] ^ flipped]) + base[at + 1 :]))
    damaged += [(log, base[:-1]), (log, b""), (log + b"x", base)]
    for data, of in damaged:
        states = States(whole)
        states[("1:a",)], states.bases[("1:a",)] = (data,), (of,)
        keeper.take("1:a")
        with pytest.raises(fastrcf.ModelFileError, match=r"of the key \('a'\) is not whole: "):
            processed(plan_of(), rows_of(np.ones((1, 2))), states)


def test_a_worker_keeps_what_it_has_room_for():
    forest = fastrcf.RandomCutForest(**FOREST)
    forest.insert(np.ones((20, 2)))
    kept = _stream_kept.Kept(int(10.5 * forest.memory_usage()))
    keys = [str(i) for i in range(15)]
    hits = []
    for _ in range(50):
        for key in keys:
            hits.append(kept.take(key) is not None)
            kept.put(key, key.encode(), forest)
        assert sum(key in kept for key in keys) == 10
    # To forget what was used longest ago would find none, key after key in turn.
    assert sum(hits) > len(hits) / 4
    key = next(key for key in keys if key in kept)
    assert kept.take(key) == (key.encode(), forest)
    assert kept.take(key) is None
    assert kept._taken == 9 * forest.memory_usage()


def test_state_of_another_version_is_refused():
    states = States()
    processed(plan_of(), rows_of(np.ones((30, 2))), states)
    states[("1:a",)] = (b"\x02" + states[("1:a",)][0][1:],)
    with pytest.raises(fastrcf.ModelFileError, match="of version 2, not 3"):
        processed(plan_of(), rows_of(np.ones((30, 2))), states)


@pytest.mark.parametrize("kind", ["expected_inverse_depth", "local_range", "displacement", "auto"])
def test_forests_score_by_the_kind_asked_for_and_go_on_by_it(kind, rng):
    x = rng.normal(size=(120, 2))
    expected = fastrcf.RandomCutForest(random_state=0, **FOREST).process(x, kind=kind)
    states, plan = States(), plan_of(kind=kind)
    parts = [processed(plan, rows_of(part), states) for part in (x[:50], x[50:51], x[51:])]
    assert equal(pa.concat_tables(parts), expected)
