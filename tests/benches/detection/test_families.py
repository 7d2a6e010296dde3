"""Loaders give the rows, labels and weights that their protocols say."""

import numpy as np
import pytest

from benches.detection import case
from benches.detection.families import FAMILIES, card, handbook, nab
from benches.detection.families.handbook_features import label_free, with_feedback
from tests.benches.detection import made

BY_NAME = {family.name: family for family in FAMILIES}


def loaded(name, data):
    return {one.name: one.load() for one in BY_NAME[name].cases(data)}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_case_is_a_table_that_can_be_measured(family, made_data):
    cases = list(family.cases(made_data))
    assert cases
    assert len({one.name for one in cases}) == len(cases)
    for one in cases:
        table = one.load()
        asked = table.fitted if table.asked is None else table.asked
        assert one.family == family.name
        assert table.fitted.dtype == asked.dtype == np.float64
        assert table.fitted.shape[1] == asked.shape[1]
        assert np.isfinite(table.fitted).all()
        assert np.isfinite(asked).all()
        assert len(asked) == len(table.labels)
        assert 0 < table.labels.sum() < len(table.labels)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_absent_data_is_named(family, tmp_path):
    with pytest.raises(case.Absent, match="set FASTRCF_DATA"):
        list(family.cases(tmp_path))


def test_sets_come_in_the_order_of_their_numbers(made_data):
    tables = loaded("ADBench", made_data)
    assert list(tables) == ["first", "second", "third"]
    rows, labels = made.planted(120, 6, 3, 2)
    np.testing.assert_array_equal(tables["first"].fitted, rows)
    np.testing.assert_array_equal(tables["first"].labels, labels == 1)


def test_large_sets_are_drawn_from_alike():
    rows = np.arange(20_000.0)[:, None]
    first, again = (case.drawn(rows, rows[:, 0] % 7 == 0) for _ in range(2))
    assert first.fitted.shape == (8_000, 1)
    assert len(np.unique(first.fitted)) == 8_000
    np.testing.assert_array_equal(first.fitted, again.fitted)
    np.testing.assert_array_equal(first.labels, first.fitted[:, 0] % 7 == 0)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_shares_are_those_asked_for(share):
    rows = np.arange(30_000.0)[:, None]
    table = case.with_share(rows, rows[:, 0] >= 18_000, share)
    assert len(table.fitted) <= case.AT_MOST
    assert table.labels.mean() == pytest.approx(share, rel=0.02)
    np.testing.assert_array_equal(table.labels, table.fitted[:, 0] >= 18_000)


def test_each_card_row_is_scored_once_and_weighs_what_it_stands_for(made_data):
    tables = loaded("card", made_data).values()
    assert sum(len(table.asked) for table in tables) == 400
    for table in tables:
        np.testing.assert_array_equal(table.weights == 1.0, table.labels)
        np.testing.assert_allclose(table.weights[~table.labels], 24.03, atol=0.01)
        # 340 normal rows; of the 60 frauds one in 24 may be learnt.
        assert len(table.fitted) + (~table.labels).sum() == pytest.approx(340, abs=8)
        fitted = {row.tobytes() for row in table.fitted}
        assert not any(row.tobytes() in fitted for row in table.asked)


def test_the_handbook_scores_a_week_without_known_cards(made_data):
    path = made_data / "fraud_handbook" / "april_june.parquet"
    rows = handbook.read(path)
    assert (np.diff(rows.columns["TX_TIME_SECONDS"]) >= 0).all()
    (table,) = loaded("handbook, 15 inputs", made_data).values()
    assert set(table.days) == set(range(49, 56))
    assert len(table.fitted) == (rows.days < 42).sum()
    for day in range(49, 56):
        # Known: frauds of the week fitted, and of the days that the delay has let through.
        told = rows.frauds & (rows.days < max(42, day - 7))
        expected = rows.cards[(rows.days == day) & ~np.isin(rows.cards, rows.cards[told])]
        np.testing.assert_array_equal(table.cards[table.days == day], expected)


def test_features_see_earlier_rows_alone():
    columns = made.transactions()
    whole = with_feedback(columns)
    part = {name: column[:900] for name, column in columns.items()}
    # Sums over other cards' rows move the last digits.
    np.testing.assert_allclose(with_feedback(part), whole[:900], rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(whole[:, :3], label_free(columns))


def test_features_are_what_a_loop_finds():
    columns = made.transactions(n=300, n_cards=5)
    amount, seconds, card_of = (
        columns[name] for name in ("TX_AMOUNT", "TX_TIME_SECONDS", "CUSTOMER_ID")
    )
    past = {}
    for i, found in enumerate(label_free(columns)):
        earlier = past.setdefault(card_of[i], [])
        n = len(earlier)
        plain = (sum(one["amount"] for one in earlier) + 120) / (n + 3)
        usual = (sum(one["cut"] for one in earlier) + 120) / (n + 3)
        ratio = amount[i] / usual
        earlier.append(
            {
                "amount": amount[i],
                "cut": min(amount[i], 2.5 * plain),
                "over": max(ratio - 2, 0),
                "seconds": seconds[i],
            }
        )
        since = seconds[i] - 14 * made.DAY
        recent = sum(one["over"] for one in earlier if one["seconds"] > since)
        expected = [max(amount[i], 60), max(ratio, 1), min(recent, 6)]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_quiet_attacks_are_those_of_users(made_data):
    table = loaded("NSL-KDD", made_data)["R2L and U2R"]
    assert table.fitted.shape[1] == 38
    # 30 of 60 attacks are guess_passwd, give or take how labels fell on odd rows.
    assert 15 < table.labels.sum() < 45


def test_runs_are_fitted_on_their_beginning(made_data):
    tables = loaded("SKAB", made_data)
    assert list(tables) == ["valve1 2", "valve1 10"]
    assert tables["valve1 2"].fitted.shape == (400, 8)
    assert tables["valve1 2"].asked.shape == (100, 8)
    assert tables["valve1 2"].labels[50:55].all()


def test_a_shingle_is_what_its_middle_is(made_data):
    (table,) = loaded("ECG", made_data).values()
    assert table.fitted.shape == (291, 100)
    # Labelled from value 1500 to 1599.
    np.testing.assert_array_equal(np.flatnonzero(table.labels), np.arange(145, 155))
    assert (table.fitted[table.labels][:, 50] == 4.0).all()


def test_windows_are_found_by_their_times(made_data):
    series = nab.load(made_data)
    assert [one.name for one in series] == ["real/a.csv", "real/b.csv"]
    for one in series:
        assert one.windows.tolist() == [[295, 320]]
        assert one.values[300] == 30.0
        assert np.diff(one.seconds).tolist() == [300.0] * 399


def test_real_tables_have_the_shapes_that_are_known(data):
    sets = {one.name: one for one in BY_NAME["ADBench"].cases(data)}
    assert len(sets) == 31
    glass = sets["glass"].load()
    assert (glass.fitted.shape, glass.labels.sum()) == ((214, 7), 9)
    assert sets["ALOI"].load().fitted.shape == (8_000, 27)
    folds = loaded("card", data).values()
    assert sum(len(table.asked) for table in folds) == 6_302
    assert sum(int(table.labels.sum()) for table in folds) == 281
    card.read.cache_clear()
    assert len(list(BY_NAME["handbook, no labels"].cases(data))) == 6
    assert len(list(BY_NAME["SKAB"].cases(data))) == 20


def test_a_window_that_no_row_begins_is_refused(made_data):
    with pytest.raises(ValueError, match=r"real/a\.csv has no row at an end"):
        nab.read(made_data / "nab" / "data", "real/a.csv", [["2014-01-01 00:01:00"] * 2])
