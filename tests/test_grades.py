"""A grade is a probability: what share of fresh rows is graded higher."""

import numpy as np
import pytest

import fastrcf

RATE = 0.01
FITTED, FRESH = 20_000, 20_000


def rows(kind, n, rng):
    """Draw independent rows of four columns."""
    if kind == "normal":
        return rng.normal(size=(n, 4))
    if kind == "heavy":
        return rng.standard_t(4, size=(n, 4))
    if kind == "skewed":
        return rng.lognormal(0, 1, size=(n, 4))
    which = rng.random(n) < 0.1
    return np.where(which[:, None], 6 + 2 * rng.normal(size=(n, 4)), rng.normal(size=(n, 4)))


def share(grade, rate):
    """Give the share of rows that a grade says are graded higher."""
    return rate ** -np.log2(1 - grade)


@pytest.mark.parametrize("kind", ["normal", "heavy", "skewed", "groups"])
def test_fresh_rows_are_graded_as_often_as_grades_say(kind):
    # Fixed seeds. Of n fitted and m fresh rows a share p is found with a variance of
    # p (1 / n + 1 / m); five deviations are one test of two million, beside the bias.
    rng = np.random.default_rng(17)
    made = fastrcf.Detector(alert_rate=RATE, random_state=3).fit(rows(kind, FITTED, rng))
    grade = made.detect(rows(kind, FRESH, rng), reasons=False).grade
    for asked in (0.2, 0.3, 0.4, 0.5, 0.6):
        p = share(asked, RATE)
        error = np.sqrt(p * (1 / FITTED + 1 / FRESH))
        found = np.mean(grade > asked)
        # Trees hold some of the fitted rows: fresh ones score a little higher.
        assert -5 * error <= found - p <= 5 * error + 0.1 * p
