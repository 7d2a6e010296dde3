"""Documents hold what was measured, and nothing that somebody typed."""

from pathlib import Path

import pytest

from benches import report
from benches.record import Results
from tests.benches.made import results

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("page", report.PAGES)
def test_pages_are_what_the_results_make_of_them(page):
    """`python -m benches.report` was run after the last change of results or pages."""
    text = (ROOT / page).read_text()
    assert report.filled(text, Results.load(ROOT / "benches" / "results.json")) == text
    assert "<!-- bench:" in text


@pytest.mark.parametrize("picture", ["peers.svg", "growth.svg"])
def test_pictures_are_there_and_shown(picture):
    assert (ROOT / report.FIGURES / picture).read_text().startswith("<?xml")
    assert f"figures/{picture}" in (ROOT / "docs" / "benchmarks.md").read_text()


def test_text_around_the_figures_stays():
    page = "before\n<!-- bench:goals -->\nold\n<!-- /bench:goals -->\nafter\n"
    once = report.filled(page, results())
    assert once.startswith("before\n<!-- bench:goals -->\n| goal |")
    assert once.endswith("<!-- /bench:goals -->\nafter\n")
    assert "old" not in once
    assert report.filled(once, results()) == once


@pytest.mark.parametrize(
    ("page", "why"),
    [
        ("<!-- bench:golas -->\n<!-- /bench:golas -->", "bench:golas is none of"),
        ("<!-- bench:goals -->\n", "1 bench markers are opened, 0 are closed"),
    ],
)
def test_wrong_markers_are_told(page, why):
    with pytest.raises(ValueError, match=why):
        report.filled(page, results())


def test_goals_show_what_is_missed():
    made = results()
    made.resting["living_mb"] = 4.2
    (line,) = (line for line in report.goal_table(made).splitlines() if "living forest" in line)
    zen5 = Results.load(report.ZEN_5).resting["living_mb"]
    assert line == (
        f"| living forest, d = 30 | ≤ 4 MB | 4.2 MB | **missed** | {zen5:.2f} MB | met |"
    )


def test_nonsense_has_no_time_and_no_ratio():
    made = results()
    made.measurements = [
        one for one in made.measurements if (one.engine, one.work) != ("rcf3", "attribution")
    ]
    for width in (8, 30):
        wrong = {"engine": "rcf3", "work": "attribution", "n_columns": width}
        made.implausible.append({**wrong, "reason": "AUC 0.500"})
    text = report.peer_tables(made)
    assert "| rcf3 |  | implausible |  | implausible |  |" in text
    assert "* rcf3, attribution: implausible, AUC 0.500" in text


def test_who_is_absent_or_failed_is_named():
    made = results(absent={"isotree": "isotree is not installed"}, failed={"fit": "boom"})
    text = report.peer_tables(made)
    assert "* isotree: isotree is not installed" in text
    assert "* fit: failed, boom" in text


def test_pictures_are_the_same_bytes_again(tmp_path):
    plots = pytest.importorskip("benches.plots", reason="matplotlib is not installed")
    first = [path.read_bytes() for path in plots.write(results(), tmp_path / "a")]
    again = [path.read_bytes() for path in plots.write(results(), tmp_path / "b")]
    assert first == again
    assert all(b"<text" in picture and len(picture) < 100_000 for picture in first)


def test_pictures_do_without_what_was_not_measured(tmp_path):
    plots = pytest.importorskip("benches.plots", reason="matplotlib is not installed")
    assert len(plots.write(results("smoke"), tmp_path)) == 2
