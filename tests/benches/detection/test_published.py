"""Published detectors, written anew, reach the published figures by our scorer."""

import json
import math

import numpy as np
import pytest
from scipy.stats import chi2, entropy

from benches.detection import nab_score
from benches.detection.detectors.published import PUBLISHED, SKILLED
from benches.detection.detectors.published.knncad import KnnCad
from benches.detection.detectors.published.relative_entropy import RelativeEntropy
from benches.detection.detectors.published.skyline import Skyline
from benches.detection.detectors.published.windowed_gaussian import WindowedGaussian
from benches.detection.families import nab

# What takes half a minute or more on the whole corpus.
SLOW = ("knncad", "skyline")
# By how many false alerts a result may differ. Products that have hardly an inverse and
# deviations that are hardly above 0 hang on the rounding of the libraries of that time.
FALSE_ALERTS = {"knncad": 2, "skyline": 4}


@pytest.fixture(scope="module")
def corpus(data):
    try:
        return nab.load(data)
    except nab.Absent as absent:
        pytest.skip(str(absent))


@pytest.fixture
def series():
    rng = np.random.default_rng(3)
    values = 50 + 5 * np.sin(np.arange(900) / 24) + rng.normal(size=900)
    values[700:710] += 40
    return values, 300.0 * np.arange(900)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in PUBLISHED],
)
def test_recorded_results_come_out(name, data, corpus):
    detector = PUBLISHED[name](1)
    labelled = [
        nab_score.label(detector.process(one.values, one.seconds), one.windows) for one in corpus
    ]
    recorded = nab.recorded(data)[name]
    thresholds = json.loads((data / "nab" / "config" / "thresholds.json").read_text())[name]
    for profile, weights in nab.profiles(data).items():
        published = thresholds[profile]["threshold"]
        found = nab_score.corpus_at(labelled, weights, published)
        one_more = 100 * weights.false / ((weights.found + weights.missed) * 116)
        near = FALSE_ALERTS.get(name, 0) * one_more + 1e-6
        assert found == pytest.approx(recorded[profile], abs=near), profile
        # Thresholds were once looked for by climbing, which may miss the best.
        assert nab_score.corpus(labelled, weights).value >= found - 1e-9, profile


def test_each_has_a_published_name(data):
    assert set(PUBLISHED) <= set(nab.recorded(data))
    assert len(SKILLED) == len(PUBLISHED) - 1


def test_tails_are_those_of_the_window_before(series):
    values, seconds = series
    found = WindowedGaussian(1).process(values, seconds)
    for row in (1, 2, 50, 705, 899):
        before = values[:row]
        spread = before.std() or 1e-6
        tail = 0.5 * math.erfc(abs(values[row] - before.mean()) / spread / math.sqrt(2))
        assert found[row] == pytest.approx(1 - tail, abs=2e-12)
    assert found[0] == 0.0


def test_a_full_window_moves_on_by_steps():
    values = np.random.default_rng(0).normal(size=6_700)
    found = WindowedGaussian(1).process(values, values)
    for row, first in ((6_400, 0), (6_499, 0), (6_500, 100), (6_699, 200)):
        window = values[first : first + 6_400]
        tail = 0.5 * math.erfc(abs(values[row] - window.mean()) / window.std() / math.sqrt(2))
        assert found[row] == pytest.approx(1 - tail, abs=2e-12), row


def test_a_new_distribution_is_odd_once():
    # Long enough at each level that windows hold one alone.
    values = np.repeat([0.0, 10.0, 0.0, 10.0], 200)
    found = RelativeEntropy(1).process(values, np.arange(800.0))
    odd = np.flatnonzero(found)
    assert set(found) == {0.0, 1.0}
    assert 200 <= odd.min() <= odd.max() < 252
    assert not RelativeEntropy(1).process(np.full(100, 3.0), np.arange(100.0)).any()


def test_distributions_are_told_apart_by_their_relative_entropy(series):
    values, seconds = series
    bins = np.ceil((values - values.min()) / ((values.max() - values.min()) / 5))
    known, expected = [], np.zeros(len(values))
    limit = chi2.isf(0.01, 4)
    for row in range(51, len(values)):
        shares = np.histogram(bins[row - 51 : row + 1], bins=5, range=(0, 5))[0] / 52
        apart = 2 * 52 * entropy(shares[:, None], np.transpose(known)) if known else []
        if not known or min(apart) >= limit:
            expected[row] = bool(known)
            known.append(shares)
    np.testing.assert_array_equal(RelativeEntropy(1).process(values, seconds), expected)
    assert expected.sum() > 1


def test_shares_are_of_shingles_nearer_to_the_training_set(series):
    values, seconds = series
    found = KnnCad(1).process(values, seconds)
    period = nab_score.probation(900)
    assert not found[: period - 1].any()
    shingles = np.array([values[row - 18 : row + 1] for row in range(18, period)])
    trained, item = shingles[:-1], shingles[-1]
    weights = np.linalg.inv(trained.T @ trained)

    def nearness(one, n):
        return sum(sorted((other - one) @ weights @ (other - one) for other in trained)[:n])

    # A shingle of the training set is its own neighbour.
    earlier = np.array([nearness(one, 28) for one in trained])
    assert found[period - 1] == pytest.approx(np.mean(earlier < nearness(item, 27)))


def test_scores_stand_still_behind_an_alert(series):
    values, seconds = series
    found = KnnCad(1).process(values, seconds)
    alerts = np.flatnonzero(found >= 0.9965)
    assert len(alerts) > 0
    for row in alerts:
        still = found[row + 1 : row + 1 + nab_score.probation(900) // 5]
        np.testing.assert_array_equal(still, 0.5)


def test_votes_are_those_of_tests_on_all_rows_before(series):
    values, seconds = series
    found = Skyline(1).process(values, seconds)
    assert found[[701, 702]].min() == 1.0
    np.testing.assert_allclose(found * 7, np.round(found * 7), atol=1e-12)
    for row in (3, 100, 400, 701, 899):
        assert found[row] == pytest.approx(_votes(values[: row + 1], seconds[: row + 1]) / 7), row


def _votes(values, seconds):
    """The seven tests one by one, as plainly as they are described."""
    last, recent = values[-1], values[-3:].mean()
    apart = np.abs(values - np.median(values))
    hour = values[(seconds >= seconds[-1] - 86_400) & (seconds < seconds[-1] - 82_800)]
    weights = (50 / 51) ** np.arange(len(values))[::-1]
    mean = np.average(values, weights=weights)
    variance = np.average((values - mean) ** 2, weights=weights)
    variance *= weights.sum() ** 2 / (weights.sum() ** 2 - (weights**2).sum())
    line = values - np.polyval(np.polyfit(seconds, values, 1), seconds)
    counts, edges = np.histogram(values, bins=15)
    held = [
        count
        for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True)
        if low <= recent < high
    ]
    return sum(
        (
            apart[-1] / np.median(apart) > 6,
            len(hour) > 1 and abs(recent - hour.mean()) > 3 * hour.std(ddof=1),
            abs(recent - values.mean()) > 3 * values.std(ddof=1),
            abs(last - mean) > 3 * math.sqrt(variance),
            abs(last - values[:-1].mean()) > 3 * values[:-1].std(ddof=1),
            abs(line[-3:].mean()) > 3 * line.std()
            and line.std() >= 0.5
            and abs(line[-3:].mean()) >= 0.5,
            # Of the first bin only the least value itself counts.
            bool(held) and held[0] <= 20 and (recent >= edges[1] or recent <= edges[0]),
        )
    )
