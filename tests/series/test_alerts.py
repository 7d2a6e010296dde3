"""Numbers of alerts in place of a threshold: of one series, of many together, of a day."""

import pickle

import numpy as np
import polars as pl
import pytest

import fastrcf

SMALL = {"n_trees": 20, "sample_size": 256, "random_state": 1}


def noise(n, seed=0):
    return np.random.default_rng(seed).normal(size=n)


def windows(alerts, rows):
    """Alerts of every window of so many rows."""
    taken = np.concatenate(([0], np.cumsum(alerts)))
    return taken[rows:] - taken[:-rows]


@pytest.mark.parametrize("rate", [0.002, 0.01])
def test_any_ten_alerts_expected_are_eight_to_twelve(rate):
    # Level and spread drift to several times theirs, and the level steps up once.
    values = noise(20_000) * np.linspace(1, 4, 20_000) + np.linspace(0, 30, 20_000)
    values[12_000:] += 100
    detector = fastrcf.SeriesDetector(alert_rate=rate, episode=None, **SMALL)
    found = detector.process(values)
    scored = found.is_anomaly[~np.isnan(found.score)]
    counts = windows(scored, int(10 / rate))
    assert counts.min() >= 8
    assert counts.max() <= 12
    assert detector.alert_rate == rate
    assert detector.confidence == 1


def test_with_episodes_there_are_never_more_and_hardly_fewer():
    values = noise(30_000)
    found = fastrcf.SeriesDetector(alert_rate=0.002, **SMALL).process(values)
    counts = windows(found.is_anomaly, 5_000)
    assert counts.max() <= 12
    assert 48 <= found.is_anomaly.sum() <= 66
    # What a series tells in its first rows is mostly that they are new.
    assert found.is_anomaly[:250].sum() <= 2
    assert all(found.reasons[i] for i in np.flatnonzero(found.is_anomaly))
    assert not any(found.reasons[i] for i in np.flatnonzero(~found.is_anomaly))


def test_a_planted_anomaly_is_among_few_alerts():
    values = 100 + 20 * np.sin(np.arange(9_000) / 24) + noise(9_000)
    values[7_000] = 300
    found = fastrcf.SeriesDetector(alert_rate=0.0005, random_state=1).process(values)
    assert found.is_anomaly[7_000]
    assert found.is_anomaly.sum() <= 8
    assert found.grade[7_000] > 0.6
    assert "300" in found.reasons[7_000][0].text


def test_alerts_have_grades_above_a_half_and_usual_rows_none():
    found = fastrcf.SeriesDetector(alert_rate=0.005, episode=None, **SMALL).process(noise(8_000))
    assert (found.grade[found.is_anomaly] > 0.5).all()
    assert (found.grade[np.isnan(found.score)] == 0).all()
    # A grade is a share of rows: of those these days, 1 - p ** (ln 2 / -ln rate).
    for grade in (0.2, 0.35):
        share = (found.grade[2_000:] > grade).mean()
        expected = 0.005 ** -np.log2(1 - grade)
        assert share == pytest.approx(expected, rel=0.35)


def interleaved(n, quiet):
    """Rows of three series, of which one tells something and others are quiet."""
    values = np.stack((noise(n, 1), *(quiet(n, k) for k in (2, 3))), axis=1)
    keys = np.tile(["loud", "still", "idle"], n)
    return pl.DataFrame({"key": keys, "value": values.ravel()})


def test_many_series_share_their_alerts():
    table = interleaved(6_000, lambda n, k: np.full(n, float(k)))
    detector = fastrcf.SeriesDetector(key_column="key", alert_rate=0.001, **SMALL)
    parts = [detector.process(table[i : i + 5_000]) for i in range(0, len(table), 5_000)]
    found = pl.concat(parts).with_columns(table["key"])
    alerts = found.filter("is_anomaly")
    # A constant series has its first event at most.
    assert alerts.filter(pl.col("key") != "loud").height <= 2
    assert 12 <= alerts.height <= 22
    assert windows(found["is_anomaly"].to_numpy(), 10_000).max() <= 12
    assert alerts["reasons"].list.len().min() > 0
    assert found.filter(~pl.col("is_anomaly"))["reasons"].list.len().max() == 0


def test_new_series_do_not_take_the_alerts_of_old_ones():
    n = 8_000
    key = np.where(
        np.arange(n) % 2 == 0, "old", np.char.add("new", (np.arange(n) // 1_000).astype(str))
    )
    table = pl.DataFrame(
        {"key": np.concatenate((["old"] * n, key)), "value": noise(2 * n)},
    )

    def alerts_of_new(**asked):
        detector = fastrcf.SeriesDetector(
            key_column="key", n_trees=10, sample_size=2_048, random_state=2, **asked
        )
        detector.process(table[:n])
        found = detector.process(table[n:])["is_anomaly"].to_numpy()
        return found[key != "old"].sum() / found.sum()

    # Half of the rows are theirs; by one threshold for all nearly all of the alerts are.
    assert alerts_of_new(alert_rate=0.003) < 0.7
    assert alerts_of_new(threshold=0.05) > 0.9


def test_alerts_a_day_hold_while_the_traffic_grows():
    slow = np.arange(0, 20 * 86_400, 300.0)
    fast = slow[-1] + np.arange(30.0, 12 * 86_400, 30.0)
    seconds = np.concatenate((slow, fast)) + 1.7e9
    table = pl.DataFrame(
        {"at": (seconds * 1e6).astype("datetime64[us]"), "value": noise(len(seconds))}
    )
    detector = fastrcf.SeriesDetector(
        ["value"], time_column="at", alerts_per_day=4, period=None, episode=20, **SMALL
    )
    found = detector.process(table)
    day = ((seconds - seconds[0]) // 86_400).astype(int)
    counts = np.bincount(day, weights=found["is_anomaly"].to_numpy())
    assert 4 * 10 * 0.7 <= counts[8:18].sum() <= 4 * 10 * 1.3
    # Rows are ten times as many: after a week of them they have been noticed.
    assert 4 * 4 * 0.6 <= counts[27:31].sum() <= 4 * 4 * 1.7
    assert detector.alerts_per_day == 4
    assert detector.alert_rate == pytest.approx(4 / 2_880, rel=0.4)


@pytest.mark.parametrize("asked", [{"alert_rate": 0.01}, {"alerts_per_day": 20}])
@pytest.mark.parametrize("keyed", [False, True])
def test_saved_in_the_middle_it_goes_on_as_if_not(asked, keyed, tmp_path):
    n = 3_000
    seconds = np.arange(n) * 60.0
    rows = np.stack((seconds, np.arange(n) % 3, noise(n)), axis=1)
    detector = fastrcf.SeriesDetector(
        ["x2"], time_column="x0", key_column="x1" if keyed else None, **asked, **SMALL
    )
    detector.process(rows[:1_700])
    detector.save(tmp_path / "model")
    others = [fastrcf.load(tmp_path / "model"), pickle.loads(pickle.dumps(detector))]
    found = detector.process(rows[1_700:])
    assert found.is_anomaly.any()
    for other in others:
        assert other.alerts_per_day == asked.get("alerts_per_day")
        again = other.process(rows[1_700:])
        np.testing.assert_array_equal(again.is_anomaly, found.is_anomaly)
        np.testing.assert_array_equal(again.grade, found.grade)
        assert bytes(other) == bytes(detector)
        assert other.threshold == detector.threshold
        assert other.confidence == detector.confidence


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"alert_rate": 0.0}, "alert_rate"),
        ({"alert_rate": 0.6, "episode": None}, "alert_rate"),
        ({"alert_rate": "much"}, "alert_rate"),
        ({"alert_rate": 0.05}, "episode of 100 rows"),
        ({"alert_rate": 0.001, "threshold": 0.1}, "alert_rate and threshold"),
        ({"alert_rate": 0.001, "alerts_per_day": 1}, "alert_rate and alerts_per_day"),
        ({"alerts_per_day": 1}, "needs time_column"),
        ({"alerts_per_day": -1, "time_column": "at"}, "alerts_per_day"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(given, words):
    with pytest.raises(fastrcf.InvalidParameterError, match=words):
        fastrcf.SeriesDetector(**given)


def test_a_threshold_cannot_be_set_where_it_follows_the_scores():
    detector = fastrcf.SeriesDetector(alert_rate=0.001, **SMALL)
    with pytest.raises(fastrcf.InvalidParameterError, match="alert_rate and threshold"):
        detector.threshold = 0.2
    detector.process(noise(100))
    with pytest.raises(fastrcf.InvalidParameterError, match="alert_rate and threshold"):
        detector.threshold = 0.2


def test_confidence_grows_with_what_is_known():
    detector = fastrcf.SeriesDetector(**SMALL)
    assert detector.confidence == 0
    detector.process(noise(64))
    assert detector.confidence == 0.25
    detector.process(noise(1_000))
    assert detector.confidence == 1
    asked = fastrcf.SeriesDetector(alert_rate=0.01, **SMALL)
    asked.process(noise(532))
    assert asked.confidence == pytest.approx(0.5)
    many = fastrcf.SeriesDetector(key_column="x0", **SMALL)
    many.process(np.stack((np.repeat([1.0, 2.0], [64, 500]), noise(564)), axis=1))
    assert many.confidence == pytest.approx((0.25 + 1) / 2)
