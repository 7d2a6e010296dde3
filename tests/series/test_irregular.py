"""Detection where rows are missing, the series has gaps, or its clock is not regular."""

import numpy as np
import pytest

import fastrcf

DAY = 86_400.0
STEP = 1800.0
# Anomalies well after the first days: two beyond all values, and two that are odd for their hour
# alone, a low value at the highest hour and a high one at the lowest.
PLANTED = (1400, 1750, 2128, 2536)


def load(seed):
    """A daily pattern with noise, half-hourly, for 60 days, and four anomalies in it."""
    rng = np.random.default_rng(seed)
    seconds = 1.7e9 + STEP * np.arange(2880)
    day = 2 * np.pi * seconds / DAY
    x = 1000 + 100 * np.sin(day) + 5 * rng.normal(size=len(seconds))
    x[PLANTED[0]] += 250
    x[PLANTED[1]] -= 250
    assert np.sin(day[PLANTED[2]]) > 0.99
    assert np.sin(day[PLANTED[3]]) < -0.99
    x[PLANTED[2]], x[PLANTED[3]] = 920, 1080
    return seconds, x


def whole(seconds, x, rng):
    return seconds, x, np.arange(len(x))


def a_fifth_missing(seconds, x, rng):
    """Rows that never came, but not the anomalies."""
    stays = rng.random(len(x)) >= 0.2
    stays[list(PLANTED)] = True
    places = np.flatnonzero(stays)
    return seconds[places], x[places], places


def a_fifth_empty(seconds, x, rng):
    """Rows that came without a value."""
    gone = rng.random(len(x)) < 0.2
    gone[list(PLANTED)] = False
    return seconds, np.where(gone, np.nan, x), np.arange(len(x))


def days_missing(seconds, x, rng):
    """Five days without a row, some hours before an anomaly."""
    stays = np.ones(len(x), dtype=bool)
    stays[PLANTED[1] - 260 : PLANTED[1] - 20] = False
    places = np.flatnonzero(stays)
    return seconds[places], x[places], places


def a_pause(seconds, x, rng):
    """Nine days of which there is nothing at all."""
    return seconds + np.where(np.arange(len(x)) >= 1600, 9 * DAY, 0.0), x, np.arange(len(x))


def jittered(seconds, x, rng):
    """Stamps that are up to a quarter of an hour early or late, which moves some to other hours."""
    times = seconds + rng.uniform(-890, 890, len(x))
    assert (np.diff(times) > 0).all()
    assert np.mean(times // 3600 != seconds // 3600) > 0.01
    return times, x, np.arange(len(x))


WAYS = (whole, a_fifth_missing, a_fifth_empty, days_missing, a_pause, jittered)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", [1, 2])
def test_planted_anomalies_are_found_all_the_same(way, seed):
    seconds, x = load(seed)
    times, values, places = way(seconds, x, np.random.default_rng(100 + seed))
    detector = fastrcf.SeriesDetector(["x"], time_column="t", sample_size=512, random_state=seed)
    found = detector.process({"t": times, "x": values})
    score = np.asarray(found["score"], dtype=float)
    alerts = places[np.asarray(found["is_anomaly"], dtype=bool)]
    for planted in PLANTED:
        at = int(np.searchsorted(places, planted))
        assert places[at] == planted
        assert score[at] >= detector.threshold, planted
        assert planted in alerts
    # After ten days few other rows are: found is not what alerts all the time.
    others = [row for row in alerts if row > 480 and row not in PLANTED]
    assert len(others) <= 5
    assert detector.n_missing == np.isnan(values).sum()
    assert (detector.n_repeated, detector.n_backward) == (0, 0)
