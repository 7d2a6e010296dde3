"""Other views and joins, on made-up data: the detector's own is among them."""

import numpy as np
import pytest

import fastrcf
from benches.detection import recipes
from benches.detection.case import Case, Table
from benches.detection.views import VIEWS, Columns, View, scored
from tests.benches.detection.made import planted


@pytest.fixture
def table():
    rows, labels = planted(300, 10, 3)
    # One heavy-tailed column, and a relation.
    rows = np.column_stack((rows, np.exp(3 * rows[:, 0]), rows[:, 0] - 2 * rows[:, 1]))
    return Table(rows, None, labels.astype(bool))


def test_standard_and_log_are_the_detector(table):
    columns = Columns(table.fitted, relations=True)
    scores = {name: scored(table, columns, name, 1) for name in ("standard", "log")}
    own = fastrcf.Detector(random_state=1).fit(table.fitted)
    assert own.relations
    found = recipes.RECIPES["standard + log"](scores)
    np.testing.assert_allclose(found, own.score(table.fitted), rtol=1e-6)


def test_a_weighed_view_is_another_and_the_same_each_time(table):
    columns = Columns(table.fitted, relations=False)
    first, again, other = (
        scored(table, columns, name, 1).local for name in ("log, weighed", "log, weighed", "log")
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_forests_hold_all_trees():
    for view in VIEWS.values():
        assert sum(n_trees for n_trees, _ in view.forests) == view.trees
    assert View("log", spread=1.0, plain=25, draws=5).forests == [(25, False), *[(5, True)] * 5]


def test_the_depth_weighs_more_where_the_local_range_varies():
    weigh = recipes.RECIPES[recipes.CHOSEN].weigh
    assert [weigh(v) for v in (0.1, 4.5, 60.0)] == [0.375, 0.375, 5.0]


def test_joins_are_of_standardised_views():
    narrow, wide = np.arange(101.0), 1000 * np.arange(101.0)[::-1]
    asked = [narrow, wide]
    mean = recipes.standardised_mean(asked, asked)
    np.testing.assert_allclose(mean, 0, atol=1e-9)
    highest = recipes.standardised_max(asked, asked)
    assert highest[0] == pytest.approx(highest[-1])
    assert highest.argmin() == 50
    np.testing.assert_allclose(recipes.rank_mean(asked, asked), 102 / 202)


def test_kept_scores_are_read_back(table, tmp_path):
    case = Case("made", "up", lambda: table)
    chosen = {"log": recipes.RECIPES["log"]}
    first = recipes.measured(case, chosen, (1,), tmp_path, relations=False)
    (kept,) = tmp_path.iterdir()
    changed = dict(np.load(kept))
    np.savez(kept, **{**changed, "local": -changed["local"], "depth": -changed["depth"]})
    again = recipes.measured(case, chosen, (1,), tmp_path, relations=False)
    assert again["log"][0]["auc"] == pytest.approx(1 - first["log"][0]["auc"])


def test_halves_are_every_other_set_by_name():
    assert recipes.halves(["b", "A", "d", "C"]) == {"A": {"A", "C"}, "B": {"b", "d"}}


def test_a_half_is_printed_alone(made_data, monkeypatch, capsys):
    monkeypatch.setattr(recipes, "RESULTS", made_data / "none.json")
    asked = ["--only", "ADBench", "--seeds", "1", "--recipe", "standard + log"]
    assert recipes.main(asked) == 0
    assert capsys.readouterr().out.splitlines()[0] == "ADBench, 3 cases"
    assert recipes.main([*asked, "--half", "B"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ADBench, 1 cases"
    assert lines[1].split()[:3] == ["standard", "+", "log"]
