import json
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import fastrcf
from fastrcf.sagemaker import AgreementReport, Limits, ManagedForest, compare
from tests.page import checked


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(5)
    found = rng.normal(size=(3000, 3)) * [1, 1, 2]
    found[::100] += [0, 0, 12]
    return found


@pytest.fixture(scope="module")
def forest(rows):
    return ManagedForest(60, 40, random_state=1).fit(rows)


pairs = st.lists(
    st.tuples(st.floats(0, 8, width=32), st.sampled_from([0.0, 0.5, 1.0, 2.0])),
    min_size=2,
    max_size=80,
)


@given(pairs, st.data())
def test_figures_are_those_of_scipy(scores, data):
    ours, theirs = (np.array(part) for part in zip(*scores, strict=True))
    theirs = theirs + 0.5 * ours
    n = len(ours)
    top = data.draw(st.integers(1, n))
    found = compare(ours, theirs, top=top)
    assert found.rmse == pytest.approx(np.sqrt(((ours - theirs) ** 2).mean()), abs=1e-12)
    if ours.any():
        assert found.scale == pytest.approx(np.linalg.lstsq(ours[:, None], theirs)[0][0], rel=1e-9)
    if ours.std() > 1e-3 and theirs.std() > 1e-3:
        assert found.correlation == pytest.approx(stats.pearsonr(ours, theirs)[0], abs=1e-6)
        assert found.rank == pytest.approx(stats.spearmanr(ours, theirs)[0], abs=1e-9)
    highest = [set(np.argsort(-s, kind="stable")[:top].tolist()) for s in (ours, theirs)]
    assert found.overlap == len(highest[0] & highest[1]) / top
    above = [s > s.mean() + 3 * s.std() for s in (ours, theirs)]
    assert (found.ours_above, found.theirs_above) == (above[0].sum(), above[1].sum())
    assert found.both_above == (above[0] & above[1]).sum()
    assert [abs(one.gap) for one in found.worst] == sorted(abs(theirs - ours), reverse=True)[:20]
    for one in found.worst:
        assert (one.ours, one.theirs) == (ours[one.row], theirs[one.row])
        assert one.ours_rank == 1 + (ours > one.ours).sum()
        assert one.theirs_rank == 1 + (theirs > one.theirs).sum()


def test_two_trainings_agree(rows, forest):
    """Seeds of one service agree, whatever the seed: the verdict is no matter of luck."""
    for seed in range(30, 35):
        found = compare(forest, forest.redrawn(seed).score(rows), rows)
        assert found.verdict == "agree", str(found)
        assert found.noise == pytest.approx(found.rmse, rel=0.5)


def test_other_forests_differ(rows, forest):
    """The open-source factor on tiny trees, shuffled rows, other sizes and other columns."""
    tiny = ManagedForest(60, 4, random_state=1).fit(rows[:240])
    factor = np.log2(5) / np.log2(4)
    assert compare(tiny, factor * tiny.score(rows), rows).verdict == "differ"
    sorted_rows = rows[np.argsort(rows[:, 2])]
    blocks = ManagedForest(60, 512, random_state=1).fit(sorted_rows)
    shuffled = ManagedForest(60, 512, random_state=1).fit(rows)
    assert compare(blocks, shuffled, rows).verdict == "differ"
    other = ManagedForest(60, 40, random_state=1).fit(rows[:, ::-1])
    assert compare(forest, other.score(rows), rows).verdict == "differ"


def test_too_little_is_undecided(rows, forest):
    few = compare(forest, forest.score(rows[:9]), rows[:9])
    assert (few.verdict, few.agrees) == ("undecided", False)
    assert "9 rows" in few.why
    flat = compare(np.ones(50), np.ones(50))
    assert flat.verdict == "undecided"
    assert flat.correlation is None
    assert "correlation and rank: undefined" in flat.why
    zeros = compare(np.zeros(50), np.arange(50.0))
    assert zeros.scale is None
    json.dumps(zeros.to_dict(), allow_nan=False)


def test_limits_decide():
    ours = np.linspace(0.5, 2.0, 100)
    for scale, limit, verdict in ((1.08, 0.1, "agree"), (1.08, 0.05, "differ")):
        found = compare(ours, scale * ours, limits=Limits(scale=limit))
        assert found.verdict == verdict
        assert found.scale == pytest.approx(scale)
    noisy = ours + np.random.default_rng(1).normal(size=100) * 0.3
    value = np.corrcoef(ours, noisy)[0, 1]
    for off, verdict in ((-0.001, "agree"), (0.001, "differ")):
        limits = Limits(scale=1, correlation=value + off, rank=0, overlap=0)
        assert compare(ours, noisy, limits=limits).verdict == verdict
    for wrong in ({"scale": -1}, {"correlation": 2}, {"overlap": "0.5"}, {"least_rows": 1}):
        with pytest.raises(fastrcf.InvalidParameterError, match=next(iter(wrong))):
            Limits(**wrong)


def test_two_rows_at_the_edge_decide_nothing():
    ours = np.linspace(1.0, 3.0, 40)
    theirs = ours.copy()
    theirs[[35, 34]] = ours[[34, 35]]
    found = compare(ours, theirs, top=5)
    assert found.overlap == 0.8
    limits = Limits(rank=0, correlation=0, scale=1)
    theirs[[35, 36, 37, 30, 31, 32]] = theirs[[30, 31, 32, 35, 36, 37]]
    assert compare(ours, theirs, top=5, limits=limits).verdict == "differ"
    theirs = ours.copy()
    theirs[[35, 36, 30, 31]] = theirs[[30, 31, 35, 36]]
    found = compare(ours, theirs, top=5, limits=limits)
    assert (found.overlap, found.verdict) == (0.6, "agree")


@pytest.mark.parametrize("kind", ["managed", "forest", "frozen", "detector"])
def test_causes_are_those_of_our_model(rows, forest, kind):
    names = ["a", "b", "amount"]
    frame = pd.DataFrame(rows, columns=names)
    plain = fastrcf.RandomCutForest(50, 64, sampling="uniform", random_state=1)
    plain.insert(rows)
    detector = fastrcf.Detector(random_state=1, n_trees=40).fit(frame)
    model = {
        "managed": forest,
        "forest": plain,
        "frozen": plain.freeze(),
        "detector": detector,
    }[kind]
    known = (
        model.score(frame, kind="expected_inverse_depth")
        if kind == "detector"
        else model.score(frame)
    )
    theirs = known.copy()
    theirs[[700, 300]] -= [3, 2]
    found = compare(model, theirs, frame, rows=np.arange(3000) + 10, show=2)
    assert [one.row for one in found.worst] == [710, 310]
    for one in found.worst:
        first = one.causes[0]
        assert (first.column, first.direction) == ("amount", "high")
        assert first.share > 0.4
        assert first.value == pytest.approx(frame["amount"][one.row - 10])
        assert sum(cause.share for cause in one.causes) <= 1.0 + 1e-9
    assert "amount" in str(found)


@pytest.mark.parametrize("kind", ["array", "pandas", "polars", "list"])
def test_rows_of_any_kind(rows, forest, kind):
    few = rows[:60]
    given_rows = {
        "array": few,
        "pandas": pd.DataFrame(few, columns=list("abc"), index=range(100, 160)),
        "polars": pl.DataFrame(few, schema=list("abc")),
        "list": few.tolist(),
    }[kind]
    names = {"array": "x2", "list": "x2"}.get(kind, "c")
    theirs = forest.score(few)
    theirs[0] -= 2
    found = compare(forest, theirs, given_rows)
    assert found.worst[0].row == 0
    assert found.worst[0].causes[0].column == names
    named = compare(forest, theirs, given_rows, columns=["u", "v", "w"])
    assert named.worst[0].causes[0].column == "w"


def test_theirs_may_be_an_endpoint(rows, forest):
    class Endpoint:
        def predict(self, X):
            return forest.score(X)

    found = compare(forest, Endpoint(), rows[:100])
    assert (found.rmse, found.verdict) == (0.0, "agree")
    with pytest.raises(fastrcf.InvalidInputError, match="theirs: a model needs X"):
        compare(np.ones(3), Endpoint())


def test_theirs_may_be_an_estimator(rows):
    from fastrcf.sklearn import RandomCutForestDetector

    plain = RandomCutForestDetector(50, 64, scaling="none", random_state=1).fit(rows)
    found = compare(plain, -plain.score_samples(rows), rows)
    assert (found.rmse, found.scale) == (0.0, 1.0)


def test_a_detector_is_asked_for_the_kind_that_is_served(rows):
    detector = fastrcf.Detector(alert_rate=0.01, random_state=1).fit(rows)
    served = detector.score(rows)
    own = compare(detector, served, rows, kind="own")
    assert (own.scale, own.rmse, own.verdict) == (1.0, 0.0, "agree")
    # What it is asked for without is on the scale of the service.
    assert compare(detector, served, rows).rmse > 0.1
    found = compare(detector, detector.score(rows, kind="displacement"), rows, kind="displacement")
    assert found.rmse == 0.0
    # Two detectors are asked for the same.
    assert compare(detector, detector, rows, kind="local_range").rmse == 0.0
    with pytest.raises(fastrcf.InvalidParameterError, match="kind: 'depth' is none of"):
        compare(detector, served, rows, kind="depth")


def test_what_cannot_be_compared_is_refused(rows, forest):
    scores = forest.score(rows)
    for call, error, said in (
        (lambda: compare(forest, scores), "InvalidInputError", "ours: a model needs X"),
        (lambda: compare(scores, scores[:-1]), "InvalidInputError", "3000 rows .* 2999"),
        (lambda: compare(scores, []), "InvalidInputError", "theirs: there are none"),
        (lambda: compare([1.0, np.nan], [1, 2]), "InvalidInputError", "ours, row 1"),
        (lambda: compare(scores, scores, rows=[1, 2]), "InvalidInputError", "rows: expected 3000"),
        (lambda: compare(scores, scores, top=0), "InvalidParameterError", "top"),
        (lambda: compare(scores, scores, top=3001), "InvalidParameterError", "top"),
        (lambda: compare(scores, scores, show=-1), "InvalidParameterError", "show"),
        (
            lambda: compare(forest, scores, rows, columns=["a"]),
            "InvalidInputError",
            "1 names for 3 columns",
        ),
    ):
        with pytest.raises(getattr(fastrcf, error), match=said):
            call()


def test_the_page_says_what_the_report_says(rows, forest, tmp_path):
    theirs = forest.redrawn(8).score(rows)
    theirs[100] -= 1.5
    found = compare(
        forest, theirs, rows, columns=["a", "b", "<i>&x"], ours_name="<b>", theirs_name="q\u202er"
    )
    found.to_html(tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    page = checked(text)
    assert "<i>&x" in page.text
    assert "<b> against q\ufffdr" in page.text
    figures, cutoffs, worst = page.tables
    assert [row[1] for row in figures[1:]] == [f"{check.value:.4f}" for check in found.checks]
    assert cutoffs[1][1:] == [f"{found.ours_cutoff:.4f}", str(found.ours_above), cutoffs[2][3]]
    assert worst[1][0] == "100"
    assert page.text.count("<i>&x") >= 1
    assert len([row for row in worst[1:] if len(row) == 7]) == 20
    # Quantiles and points, in the page's colours.
    assert text.count("<svg") == 2
    assert "var(--data)" in text
    assert "#0a0b0" not in text


def test_a_page_without_causes_or_rows(tmp_path):
    for show, said in ((3, "cannot tell"), (0, "No rows were asked for")):
        compare(np.arange(1.0, 30.0), np.arange(29.0, 0.0, -1.0), show=show).to_html(
            tmp_path / "r.html"
        )
        page = checked((tmp_path / "r.html").read_text(encoding="utf-8"))
        assert said in page.text
        assert "The two differ" in page.text


def test_pictures_stay_small(rows, forest):
    many = np.tile(forest.score(rows), 100)
    found = compare(many, many * 1.01)
    assert len(found.points) <= 2100
    assert {float(many.max())} <= set(found.points[:, 0].tolist())
    assert len(found.quantiles) <= 201
    assert (np.diff(found.quantiles[:, 0]) >= 0).all()
    assert len(found.html()) < 400_000


def test_reports_are_values():
    found = compare(np.arange(20.0), np.arange(20.0))
    assert isinstance(found, AgreementReport)
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["verdict"] == "agree"
    assert {check["name"] for check in plain["checks"]} == {
        "scale",
        "correlation",
        "rank",
        "overlap",
    }
    assert "agree: all figures" in str(found)


def test_comparing_needs_numpy_alone_and_pages_say_what_they_need():
    script = """
import sys
for name in ("boto3", "botocore", "jinja2", "matplotlib", "pyarrow", "narwhals", "sklearn"):
    sys.modules[name] = None
import numpy as np, fastrcf
from fastrcf import sagemaker
rows = np.random.default_rng(0).normal(size=(400, 2))
forest = sagemaker.ManagedForest(50, 8, random_state=1).fit(rows)
found = sagemaker.compare(forest, forest.score(rows), rows)
assert found.agrees and found.worst[0].causes, found
try:
    found.html()
except fastrcf.MissingExtraError as error:
    assert "pip install 'fastrcf[report]'" in str(error), error
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)
