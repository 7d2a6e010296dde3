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
    assert "\nold\n" not in once
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
        f"| living forest, d = 30 | ≤ 4 MB |  | 4.2 MB | **missed** | {zen5:.2f} MB | met |"
    )


def test_goals_show_what_would_be_better_still():
    (line,) = (
        line
        for line in report.goal_table(results()).splitlines()
        if line.startswith("| stream, d = 8: time of a row |")
    )
    assert "| ≤ 11 µs | ≤ 8 µs | 1 µs (0.95 to 1.05) | met, stretch too |" in line


def test_growth_is_told_by_columns_and_threads():
    lines = report.growth_table(results("full")).splitlines()
    for work in ("score", "process", "insert", "attribution"):
        values = ", ".join(f"{d}: 1" for d in (1, 4, 8, 16, 30, 64, 128))
        assert f"| columns | {work} | {values} |" in lines
    calls = "1: {0}, 16: {0}, 256: {0}, 1,024: {0}, 10,000: {0}, 100,000: {0}"
    for work in ("score", "process"):
        for threads, micros in (("1 thread", "1"), ("2 threads", "0.5")):
            label = f"rows per call, d = 8, {threads}, on the wall"
            assert f"| {label} | {work} | {calls.format(micros)} |" in lines


def test_growth_leaves_out_what_was_not_measured():
    assert len(report.growth_table(results("smoke")).splitlines()) == len(("head", "rule"))


def test_the_page_says_how_long_it_took():
    assert report.machine(results()).endswith("3 rounds; it took 2 min 5 s, with all preparations.")
    assert report.machine(results(seconds={})).endswith("3 rounds.")


def test_what_was_measured_cold_is_named():
    made = results(unsettled={"score, d=8: AWS Java 4.3.0, score": "its time still changed"})
    text = report.peer_tables(made)
    head, _, lines = text.partition("Not at rest when their rounds began")
    assert "time still changed" not in head
    assert "\n\n* score, d=8: AWS Java 4.3.0, score: its time still changed" in lines


def test_kinds_of_score_have_a_line_each():
    text = report.peer_tables(results())
    assert "| fastrcf, frozen: local_range | 100,000 | 1 | 1 (1 to 1) | 1 | 1 (1 to 1) |" in text
    assert "| fastrcf, sliding window | 128 | 1 |" in text


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
