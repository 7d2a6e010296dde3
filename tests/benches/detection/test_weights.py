"""How much the depth weighs, on made-up data: rules are told apart, and tables are cut."""

import numpy as np
import pytest

import fastrcf
from benches.detection import weights
from benches.detection.case import Table
from benches.detection.metrics import measures
from tests.benches.detection.made import planted


@pytest.fixture
def table():
    rows, labels = planted(300, 10, 3)
    return Table(rows, None, labels.astype(bool))


def test_half_the_depth_is_the_detectors_own_score(table):
    found = weights.parts(table, seed=1)
    own = fastrcf.Detector(random_state=1).fit(table.fitted).score(table.fitted)
    np.testing.assert_allclose(found.local + 0.5 * found.depth, own, rtol=1e-12)
    assert found.variance == pytest.approx(found.local.var())


def test_weight_of_a_table_follows_its_variance():
    rule = weights.RULES["variance / 6, at least 1/2"]
    none = np.zeros(0)
    assert [rule(weights.Parts(none, none, v)) for v in (0.3, 3.0, 60.0)] == [0.5, 0.5, 10.0]


def test_measures_are_means_over_seeds(table, monkeypatch):
    monkeypatch.setattr(weights, "SEEDS", (1, 2))
    found = weights.weighed(table)
    assert list(found) == list(weights.RULES)
    alone = [measures(table, weights.parts(table, seed).local)["ap"] for seed in (1, 2)]
    assert found["0"]["ap"] == pytest.approx(np.mean(alone))


def test_cut_tables_keep_a_quarter_of_each_column(made_data):
    cases = list(weights.cut_cases(made_data))
    assert [case.name for case in cases] == ["first", "second", "third"]
    made = cases[0].load()
    for column in made.fitted.T:
        # What is not kept is one value, the least.
        assert np.mean(column > column.min()) == pytest.approx(weights.KEPT, abs=0.01)
    np.testing.assert_array_equal(made.fitted, cases[0].load().fitted)


def test_only_the_families_asked_for_are_printed(made_data, monkeypatch, capsys):
    monkeypatch.setattr(weights, "SEEDS", (1,))
    monkeypatch.setattr(weights, "RESULTS", made_data / "none.json")
    assert weights.main(["--only", weights.CUT]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ADBench, cut, 3 cases"
    assert len(lines) == 1 + len(weights.RULES)
    assert weights.main(["--only", "SKAB"]) == 0
    assert capsys.readouterr().out.startswith("SKAB, ")
