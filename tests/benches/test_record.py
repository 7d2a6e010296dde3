"""Ratios pair the times of one round, and figures survive the file."""

from dataclasses import replace

import pytest

from benches.record import Results, Spread, paired_ratio
from tests.benches.made import results


@pytest.fixture
def pair():
    made = results()
    return [
        made.find("score, d=8", name, "score") for name in ("AWS Java 4.3.0", "fastrcf, frozen")
    ]


def test_a_ratio_pairs_rounds(pair):
    """A round in which the machine is three times as slow changes no ratio."""
    theirs, ours = pair
    theirs = replace(theirs, cpu=(40.0, 120.0, 40.0))
    ours = replace(ours, cpu=(1.0, 3.0, 1.0))
    assert paired_ratio(theirs, ours) == Spread(40.0, 40.0, 40.0)


def test_a_ratio_takes_the_working_threads_time_but_the_walls_for_threads(pair):
    theirs, ours = (replace(made, wall=(100.0, 100.0, 100.0)) for made in pair)
    assert paired_ratio(theirs, ours).middle > 10
    of_threads = [replace(made, contest="threads, d=8") for made in (theirs, ours)]
    assert paired_ratio(*of_threads).middle == 1


@pytest.mark.parametrize("changed", [{"contest": "score, d=30"}, {"cpu": (1.0, 2.0)}])
def test_what_took_no_turns_has_no_ratio(pair, changed):
    theirs, ours = pair
    with pytest.raises(ValueError, match="did not take turns"):
        paired_ratio(replace(theirs, **changed), ours)


def test_a_spread_holds_quartiles():
    assert Spread.of([1, 2, 3, 4, 100]) == Spread(2, 3, 4)


def test_results_come_back_from_the_file(tmp_path):
    made = results(absent={"isotree": "isotree is not installed"})
    made.save(tmp_path / "results.json")
    assert Results.load(tmp_path / "results.json") == made
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]
