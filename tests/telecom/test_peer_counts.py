"""How counts of peers are added up and found, held to plain ways."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrcf.telecom import peer_lookup, peers
from fastrcf.telecom.windows import countries

KEYS = ["kind", "a", "b", "time", "measure", "bin"]
VALUES = ["n", "failed", "bytes", "busy_ms"]


def counts(rows: int, seed: int, far: int) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    names = np.array(["", "b", "a", "ä", "zz", "a b"])
    found = {
        "kind": draw.choice(["cell", "day", "burst"], rows),
        "a": draw.choice(names, rows),
        "b": draw.choice(names, rows),
        "time": draw.integers(-3, 3, rows) * far,
        "measure": draw.integers(0, 3, rows) * far,
        "bin": draw.integers(-1, 2, rows) * far,
    }
    found |= {name: draw.integers(0, 1 << 40, rows) for name in VALUES}
    return pl.DataFrame(found).cast(peers.SCHEMA)


# The numbers of far keys are too large for one, those of near ones are sorted with their place.
@pytest.mark.parametrize("far", [1, 50_000, 700_000_000])
def test_counts_add_up_in_the_order_of_their_names(far):
    tables = [counts(rows, seed, far) for seed, rows in enumerate((300, 0, 1, 200))]
    found = peers.added(tables)
    expected: Counter[tuple] = Counter()
    for value, name in enumerate(VALUES):
        for table in tables:
            for row in table.iter_rows(named=True):
                expected[(*(row[key] for key in KEYS), value)] += row[name]
    assert found.schema == peers.SCHEMA
    assert found.select(KEYS).rows() == sorted({key[:-1] for key in expected})
    for row in found.iter_rows(named=True):
        key = tuple(row[name] for name in KEYS)
        assert [row[name] for name in VALUES] == [expected[(*key, i)] for i in range(4)]


def test_nothing_adds_up_to_nothing():
    assert peers.added([counts(0, 0, 1)]).schema == peers.SCHEMA


@pytest.mark.parametrize("numpy1", [False, True])
@given(numbers=st.sets(st.integers(0, 700)), asked=st.lists(st.integers(0, 700), min_size=1))
def test_places_are_counted_by_bits(numpy1, numbers, asked):
    if numpy1 and hasattr(np, "bitwise_count"):
        with pytest.MonkeyPatch.context() as patch:
            patch.delattr(np, "bitwise_count")
            found = _before(numbers, asked)
    else:
        found = _before(numbers, asked)
    assert found == [sum(number < one for number in numbers) for one in asked]


def _before(numbers: set[int], asked: list[int]) -> list[int]:
    places = peer_lookup._Places(np.array(sorted(numbers), np.int64), 11)
    return places.before(np.array(asked, np.int64)).tolist()


def test_places_are_the_same_by_bits_and_by_search(monkeypatch):
    from tests.telecom.timelines import ordinary

    records = ordinary(n_sims=40, n=3_000, seed=4)
    table = peers.PeerTable.fit(records)
    day = records["start_ts"].dt.date().to_physical()
    one = peer_lookup.Lookup(table).facts(records, day)
    monkeypatch.setattr(peer_lookup, "_LEAST_WORDS", 0)
    monkeypatch.setattr(peer_lookup, "_WORDS_A_ROW", 0)
    two = peer_lookup.Lookup(table).facts(records, day)
    assert one.keys() == two.keys()
    assert any(np.asarray(values).any() for values in one.values())
    for name, values in one.items():
        assert np.array_equal(values, two[name]), name


def test_countries_are_the_first_three_letters():
    here = pl.Series(["262-01", None, "262-02", "228-01", "26"], dtype=pl.Categorical())
    home = pl.Series(["262-09", "262-01", None, "262-01", "26"], dtype=pl.Categorical())
    one, two = countries(here, home)
    assert (one == two).tolist() == [True, False, False, False, True]
    assert (one > 0).tolist() == [True, False, True, True, True]
    assert (two > 0).tolist() == [True, True, False, True, True]
    (nothing,) = countries(pl.Series([None, None], dtype=pl.Categorical()))
    assert nothing.tolist() == [0, 0]
