"""Alerts for an entity and day."""

import datetime
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastrcf

ROWS = st.lists(
    st.tuples(st.booleans(), st.sampled_from("abc"), st.floats(0, 4 * 86_400), st.integers(0, 5)),
    max_size=60,
)


@given(ROWS, st.integers(1, 3))
def test_no_entity_has_more_in_a_day_and_the_best_are_kept(rows, per_day):
    flags, names, times, scores = map(list, zip(*rows, strict=True)) if rows else ([], [], [], [])
    kept = fastrcf.AlertLimit(per_day).keep_best(scores, flags, names, times)
    assert not (kept & ~np.array(flags, dtype=bool)).any()
    days = [(name, int(time // 86_400)) for name, time in zip(names, times, strict=True)]
    counts = Counter(day for day, keep in zip(days, kept, strict=True) if keep)
    alerts = Counter(day for day, flag in zip(days, flags, strict=True) if flag)
    for day, n in alerts.items():
        assert counts[day] == min(n, per_day)
        inside = [s for s, d, k in zip(scores, days, kept, strict=True) if d == day and k]
        outside = [
            s
            for s, d, k, f in zip(scores, days, kept, flags, strict=True)
            if d == day and f and not k
        ]
        assert not outside or min(inside) >= max(outside)


@given(ROWS, st.integers(1, 3), st.integers(0, 60))
def test_a_stream_is_judged_by_its_past_in_any_pieces(rows, per_day, cut):
    rows = sorted(rows, key=lambda row: row[2])
    flags, names, times, _ = map(list, zip(*rows, strict=True)) if rows else ([], [], [], [])
    whole = fastrcf.AlertLimit(per_day).keep_first(flags, names, times)
    pieces = fastrcf.AlertLimit(per_day)
    parts = [
        pieces.keep_first(flags[part], names[part], times[part])
        for part in (slice(0, cut), slice(cut, None))
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    counts: Counter = Counter()
    for flag, name, time, keep in zip(flags, names, times, whole, strict=True):
        day = (name, int(time // 86_400))
        counts[day] += flag
        assert keep == (flag and counts[day] <= per_day)


@given(ROWS, st.integers(1, 3), st.integers(0, 60), st.integers(1, 4))
def test_saved_in_the_middle_it_goes_on_as_if_not(rows, per_day, cut, most):
    rows = sorted(rows, key=lambda row: row[2])
    flags, names, times, _ = map(list, zip(*rows, strict=True)) if rows else ([], [], [], [])
    whole = fastrcf.AlertLimit(per_day, day=43_200, max_entities=most)
    expected = whole.keep_first(flags, names, times)
    first = fastrcf.AlertLimit(per_day, day=43_200, max_entities=most)
    parts = [first.keep_first(flags[:cut], names[:cut], times[:cut])]
    again = fastrcf.AlertLimit.from_bytes(bytes(first))
    assert bytes(again) == bytes(first)
    parts.append(again.keep_first(flags[cut:], names[cut:], times[cut:]))
    np.testing.assert_array_equal(np.concatenate(parts), expected)
    assert bytes(again) == bytes(whole)


def test_entities_keep_their_type_in_a_file(tmp_path):
    limit = fastrcf.AlertLimit(1)
    for entities in (["7", "ä"], [7, 8], [7.5, 0.1], [True, False]):
        limit.keep_first([True, True], entities, [0, 0])
    limit.save(tmp_path / "limit.json")
    again = fastrcf.AlertLimit.load(tmp_path / "limit.json")
    assert list(again._alerts.items()) == list(limit._alerts.items())
    assert not again.keep_first([True], [7], [1]).any()
    assert again.keep_first([True], [9], [1]).all()
    days = np.array(["2026-01-01"], dtype="datetime64[D]")
    limit.keep_first([True], days, [0])
    with pytest.raises(fastrcf.InvalidInputError, match="only text, finite numbers and truth"):
        bytes(limit)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"{}",
        b"[1]",
        b"[" * 100_000,
        b'{"format": "fastrcf.AlertLimit 2"}',
        b'{"format": "fastrcf.AlertLimit 1", "per_day": 0, "day": 1, "max_entities": 1,'
        b' "alerts": []}',
        b'{"format": "fastrcf.AlertLimit 1", "per_day": 1, "day": 1, "max_entities": 1,'
        b' "alerts": [["a", 1]]}',
        b'{"format": "fastrcf.AlertLimit 1", "per_day": 1, "day": 1, "max_entities": 1,'
        b' "alerts": [[["a"], 1, 1]]}',
        b'{"format": "fastrcf.AlertLimit 1", "per_day": 1, "day": 1, "max_entities": 1,'
        b' "alerts": [["a", 1, 0.5]]}',
        b'{"format": "fastrcf.AlertLimit 1", "per_day": 1, "day": 1, "max_entities": 1,'
        b' "alerts": [["a", 1, 1], ["b", 1, 1]]}',
    ],
)
def test_what_is_no_state_is_refused(data, tmp_path):
    with pytest.raises(fastrcf.ModelFileError, match="no state of an AlertLimit"):
        fastrcf.AlertLimit.from_bytes(data)
    path = tmp_path / "limit.json"
    path.write_bytes(data)
    with pytest.raises(fastrcf.ModelFileError, match=r"limit.json: this is no state"):
        fastrcf.AlertLimit.load(path)


def test_datetimes_memory_and_wrong_input():
    limit = fastrcf.AlertLimit(1, max_entities=2)
    times = np.array(["2026-01-01T23:59", "2026-01-02T00:01"], dtype="datetime64[s]")
    assert limit.keep_first([True, True], ["a", "a"], times).tolist() == [True, True]
    names = [f"card {i}" for i in range(1000)]
    assert limit.keep_first([True] * 1000, names, np.zeros(1000)).all()
    assert len(limit._alerts) == 2
    with pytest.raises(fastrcf.InvalidInputError, match="times, row 1: nan is no time"):
        limit.keep_first([True, True], ["a", "a"], [1.0, np.nan])
    with pytest.raises(fastrcf.InvalidInputError, match="found 1 and 2 for 2"):
        limit.keep_first([True, True], ["a"], [1.0, 2.0])
    with pytest.raises(fastrcf.InvalidInputError, match="1 scores for 2 rows"):
        limit.keep_best([1.0], [True, True], ["a", "a"], [1.0, 2.0])
    with pytest.raises(fastrcf.InvalidParameterError, match="per_day"):
        fastrcf.AlertLimit(0)


@pytest.mark.parametrize(
    ("flags", "entities", "times", "said"),
    [
        (["False"], ["a"], [0], "is_anomaly, row 0: expected a boolean"),
        ([np.nan], ["a"], [0], "is_anomaly, row 0: expected a boolean"),
        ([True, True], ["a", None], [0, 0], "entities, row 1: the entity is missing"),
        ([True, True], [1.0, np.nan], [0, 0], "entities, row 1: the entity is missing"),
        ([True], [["a"]], [0], r"entities, row 0: \['a'\] is no entity"),
        ([True], ["a"], [1e300], r"times, row 0: 1\.0+.*e\+300 is no time"),
        ([True], ["a"], ["noon"], "times: expected datetimes .* found 'noon' in row 0"),
    ],
)
def test_what_is_no_flag_entity_or_time_is_refused_by_row(flags, entities, times, said):
    limit = fastrcf.AlertLimit(1)
    with pytest.raises(fastrcf.InvalidInputError, match=said):
        limit.keep_first(flags, entities, times)
    with pytest.raises(fastrcf.InvalidInputError, match=said):
        limit.keep_best([1.0] * len(flags), flags, entities, times)
    assert not limit._alerts


def test_times_are_those_of_other_tables():
    pd = pytest.importorskip("pandas")
    when = datetime.datetime(2024, 1, 1, 23)
    for times in (
        [when, when.replace(hour=1)],
        [when.date()] * 2,
        ["2024-01-01T23:00", "2024-01-01"],
        pd.Series([when, when]).dt.tz_localize("Europe/Berlin"),
        pd.date_range(when, periods=2, freq="s", tz="UTC"),
    ):
        kept = fastrcf.AlertLimit(1).keep_first([True, True], ["a", "a"], times)
        assert kept.tolist() == [True, False]


def test_a_number_is_another_entity_than_its_text():
    kept = fastrcf.AlertLimit(1).keep_first([True, True], ["1", 1], [0, 0])
    assert kept.tolist() == [True, True]
