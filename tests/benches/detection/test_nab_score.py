"""The scorer of series gives what the benchmark has published."""

import csv

import numpy as np
import pytest

from benches.detection import nab_score
from benches.detection.families import nab
from benches.detection.nab_score import Profile

STANDARD = Profile(found=1.0, missed=1.0, false=0.11)
NO_WINDOWS = np.empty((0, 2), dtype=np.int64)


def one_window(scores, first=60, last=69):
    return nab_score.label(np.asarray(scores, float), np.array([[first, last]]))


def alerts(*rows, n=100):
    scores = np.zeros(n)
    scores[list(rows)] = 1.0
    return scores


@pytest.fixture(scope="module")
def corpus(data):
    return nab.load(data)


@pytest.fixture(scope="module")
def amazon(data, corpus):
    """Amazon's forest: series with the scores that the benchmark has kept of it."""
    root = data / "nab" / "results" / "randomCutForest"
    labelled = {}
    for series in corpus:
        folder, _, name = series.name.partition("/")
        with (root / folder / f"randomCutForest_{name}").open(newline="") as file:
            lines = csv.reader(file)
            column = next(lines).index("anomaly_score")
            scores = np.array([float(line[column]) for line in lines])
        labelled[series.name] = nab_score.label(scores, series.windows)
    return labelled


def test_the_corpus_is_whole(corpus):
    assert len(corpus) == 58
    assert sum(len(one.windows) for one in corpus) == 116


def test_the_recorded_results_of_amazons_forest_come_out(data, amazon):
    recorded = nab.recorded(data)["randomCutForest"]
    for name, profile in nab.profiles(data).items():
        found = nab_score.corpus(list(amazon.values()), profile)
        assert found.value == pytest.approx(recorded[name], abs=1e-9)


def test_so_do_those_of_each_file_at_the_published_threshold(data, amazon):
    with (data / "tables" / "nab_rcf_standard_scores_per_file.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["File"] in amazon]
    assert len(rows) == 58
    profile = nab.profiles(data)["standard"]
    for row in rows:
        found = nab_score.score_at(amazon[row["File"]], profile, float(row["Threshold"]))
        assert found == pytest.approx(float(row["Score"]), abs=1e-6), row["File"]


def test_one_who_never_alerts_has_the_recorded_nothing(data, corpus):
    silent = [nab_score.label(np.zeros(len(s.values)), s.windows) for s in corpus]
    for name, profile in nab.profiles(data).items():
        assert nab_score.corpus(silent, profile).value == nab.recorded(data)["null"][name] == 0.0


def test_the_first_row_of_a_window_is_all_of_it():
    assert nab_score.corpus([one_window(alerts(60))], STANDARD).value == pytest.approx(100.0)


def test_later_finds_are_worth_less_and_only_the_best_counts():
    values = [nab_score.corpus([one_window(alerts(r))], STANDARD).value for r in range(60, 70)]
    assert (np.diff(values) < 0).all()
    both = nab_score.corpus([one_window(alerts(60, 65))], STANDARD).value
    assert both == pytest.approx(values[0])
    # By the sigmoid: 2 / (1 + exp(-5 k / 10)) - 1 over the same for k = 10.
    at_last = (2 / (1 + np.exp(-0.5)) - 1) / (2 / (1 + np.exp(-5)) - 1)
    assert values[-1] == pytest.approx(100 * (1 + at_last) / 2)


def test_each_false_row_costs_less_shortly_after_a_window():
    def at(*rows):
        return nab_score.score_at(one_window(alerts(*rows)), STANDARD, 1.0)

    assert at(60) == pytest.approx(1.0)
    assert at(60, 30) == pytest.approx(1.0 - 0.11)
    assert at(60, 30, 31, 32) == pytest.approx(1.0 - 0.33)
    assert at(60, 70) == pytest.approx(1.0 + 0.11 * (2 / (1 + np.exp(5 / 9)) - 1))
    assert at(60, 99) == pytest.approx(1.0 - 0.11)
    assert at() == -1.0


def test_rows_of_the_probation_do_not_count():
    assert nab_score.probation(100) == 15
    assert nab_score.probation(5_000) == nab_score.probation(22_000) == 750
    early = nab_score.score_at(one_window(alerts(3, 14, 60)), STANDARD, 1.0)
    assert early == nab_score.score_at(one_window(alerts(60)), STANDARD, 1.0)


def test_every_threshold_is_tried():
    rng = np.random.default_rng(0)
    series = [one_window(np.round(rng.normal(size=100), 1)) for _ in range(4)]
    found = nab_score.corpus(series, STANDARD)
    thresholds = np.unique(np.concatenate([one.scores for one in series]))
    totals = [sum(nab_score.score_at(one, STANDARD, t) for one in series) for t in thresholds]
    assert found.value == pytest.approx(100 * (max(max(totals), -4.0) + 4) / 8)
    assert found.threshold == thresholds[int(np.argmax(totals))]


def test_a_given_threshold_is_on_the_same_scale():
    rng = np.random.default_rng(0)
    series = [one_window(np.round(rng.normal(size=100), 1)) for _ in range(4)]
    best = nab_score.corpus(series, STANDARD)
    at_best = nab_score.corpus_at(series, STANDARD, best.threshold)
    assert at_best == pytest.approx(best.value)
    assert nab_score.corpus_at(series, STANDARD, best.threshold - 0.5) < best.value
    assert nab_score.corpus_at(series, STANDARD, np.inf) == 0.0
    with pytest.raises(ValueError, match="no window behind"):
        nab_score.corpus_at([nab_score.label(np.zeros(100), NO_WINDOWS)], STANDARD, 1.0)


def test_no_alert_is_the_best_of_a_bad_score():
    scores = np.ones(100)
    scores[60:70] = 0.0
    found = nab_score.corpus([one_window(scores)], STANDARD)
    assert (found.value, found.threshold) == (0.0, np.inf)


def test_what_cannot_be_scored_is_told():
    scores = np.zeros(100)
    scores[7] = np.nan
    with pytest.raises(ValueError, match="score of row 7"):
        one_window(scores)
    with pytest.raises(ValueError, match="no window behind"):
        nab_score.corpus([nab_score.label(np.zeros(100), NO_WINDOWS)], STANDARD)
