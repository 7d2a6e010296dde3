"""How much the depth weighs, on made-up data: rules are told apart, and values made equal."""

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
    found = weights.weighed(weights.tables("SKAB", table))
    assert list(found) == list(weights.RULES)
    alone = [measures(table, weights.parts(table, seed).local)["ap"] for seed in (1, 2)]
    assert found["0"]["ap"] == pytest.approx(np.mean(alone))


@pytest.mark.parametrize("family", weights.EQUAL)
def test_made_tables_have_many_equal_values_in_a_few_columns(table, family):
    made = [t for t, _ in weights.tables(family, table)]
    assert len(made) == weights.DRAWS
    widths = {t.fitted.shape[1] for t in made}
    assert widths <= {2, 3}
    assert len(widths) > 1
    for t in made:
        assert len(t.fitted) == len(table.fitted)
        for column in t.fitted.T:
            counts = np.unique(column, return_counts=True)[1]
            assert counts.max() >= 0.3 * len(column)
    again = [t for t, _ in weights.tables(family, table)]
    for one, other in zip(made, again, strict=True):
        np.testing.assert_array_equal(one.fitted, other.fitted)


def test_what_is_cut_is_the_least_value_and_all_else_stays():
    rows = np.random.default_rng(0).standard_normal((500, 4))
    cut = weights.cut(rows, np.random.default_rng(1))
    for before, after in zip(np.abs(rows).T, np.abs(cut).T, strict=True):
        assert 0.4 <= np.mean(after != before) + 0.01 <= 0.97
    stays = cut > cut.min(axis=0)
    np.testing.assert_array_equal(np.abs(cut[stays]), np.abs(rows[stays]))


def test_only_the_families_asked_for_are_printed(made_data, monkeypatch, capsys):
    monkeypatch.setattr(weights, "SEEDS", (1,))
    monkeypatch.setattr(weights, "RESULTS", made_data / "none.json")
    monkeypatch.setattr(weights, "DRAWS", 2)
    assert weights.main(["--only", "ADBench, cut"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ADBench, cut, 3 cases"
    assert len(lines) == 1 + len(weights.RULES)
    # No table is ahead of itself.
    default = next(line for line in lines if weights.DEFAULT in line)
    assert default.count("(0 of 3, p 1.000)") == 2
    assert weights.main(["--only", "SKAB"]) == 0
    assert capsys.readouterr().out.startswith("SKAB, ")
