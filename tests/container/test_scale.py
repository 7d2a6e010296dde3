"""The forest's scores are on the managed service's scale."""

import csv

import numpy as np
import pytest

from fastrcf.container import artifact
from fastrcf.sagemaker import ManagedForest
from tests.container.jobs import Job, as_csv, labelled


def trained(tmp_path, x, **hyperparameters):
    job = Job(tmp_path).file("a.csv", as_csv(x)).set(**hyperparameters)
    assert job.run() == 0
    return artifact.load(tmp_path / "model")


def scale_and_correlation(theirs, ours):
    return ours @ theirs / (theirs @ theirs), np.corrcoef(theirs, ours)[0, 1]


@pytest.mark.parametrize("d", [1, 3, 10])
def test_forest_and_managed_agree_on_random_samples(tmp_path, d):
    rng = np.random.default_rng(d)
    x = rng.normal(size=(20_000, d)) * rng.uniform(0.5, 5, size=d)
    asked = labelled(500, 50, d, seed=3)[:, 1:]
    ours, theirs = [], []
    for number in range(4):
        options = {"num_samples_per_tree": "128", "random_state": str(number)}
        model = trained(tmp_path / str(number), x, num_trees="100", **options)
        ours.append(model.score(asked))
        managed = ManagedForest(100, 128, random_state=number).fit(x)
        assert managed.sampling == "random"
        theirs.append(managed.score(asked))
    # Single trainings of either differ by 2 % in scale, by their cuts and samples.
    mean = np.mean(theirs, axis=0)
    scale, correlation = scale_and_correlation(mean, np.mean(ours, axis=0))
    assert scale == pytest.approx(1, abs=0.03)
    assert correlation > 0.995
    for scores in (*ours, *theirs):
        assert scale_and_correlation(mean, scores)[0] == pytest.approx(1, abs=0.07)


def test_new_york_s_taxis_as_the_service_scored_them(tmp_path, data):
    path = data / "nab" / "data" / "realKnownCause" / "nyc_taxi.csv"
    recorded = sorted((data / "managed_rcf").glob("andrew_a_*.csv"))
    if not path.exists() or not recorded:
        pytest.skip(f"no nyc_taxi.csv and recorded scores of it below {data}")
    x = np.array([[float(row["value"])] for row in table(path)])
    options = {"num_trees": "50", "num_samples_per_tree": "200"}
    ours = trained(tmp_path / "f", x, **options).score(x)
    theirs = trained(tmp_path / "m", x, model="managed", **options).score(x)
    assert len(x) == 10_320
    # Two trainings of managed forests: 0.953 to 0.973 over ten pairs.
    scale, correlation = scale_and_correlation(theirs, ours)
    assert scale == pytest.approx(1, abs=0.03)
    assert correlation > 0.945
    # The service called 154 rows anomalies; ten forests of either kind 123 to 162.
    assert 115 < int((ours > ours.mean() + 3 * ours.std()).sum()) < 170
    found = {int(row["index"]): float(row["score"]) for part in recorded for row in table(part)}
    rows = sorted(found)
    scale, correlation = scale_and_correlation(np.array([found[i] for i in rows]), ours[rows])
    assert len(rows) > 10
    assert scale == pytest.approx(1, abs=0.06)
    assert correlation > 0.94


def table(path):
    with path.open() as file:
        return list(csv.DictReader(line for line in file if line[0] != "#"))
