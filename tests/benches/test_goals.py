"""Every goal can be measured, and is judged as it says."""

from dataclasses import replace

import pytest

from benches import goals
from benches.record import Spread
from benches.workloads import SELECTIONS
from tests.benches.made import results


@pytest.mark.parametrize("selection", ["quick", "full"])
def test_every_goal_is_measured_by_every_selection(selection):
    made = results(selection)
    missing = [
        verdict.goal.what
        for verdict in goals.verdicts(made)
        if verdict.said == "not measured" and verdict.goal.what != "wheel"
    ]
    assert missing == []


@pytest.mark.parametrize("selection", SELECTIONS.values(), ids=lambda selection: selection.name)
def test_contests_have_names_of_their_own_and_lanes_that_can_do_the_work(selection):
    names = [contest.name for contest in selection.contests]
    assert len(set(names)) == len(names)
    for contest in selection.contests:
        assert len(set(contest.lanes)) == len(contest.lanes)


def goal(what):
    (found,) = (goal for goal in goals.GOALS if goal.what == what)
    return found


def test_a_ratio_is_that_of_the_same_rounds():
    java = goal("score, d = 8: times as fast as AWS Java 4.3.0")
    verdict = goals.judge(java, results())
    assert verdict.found.middle == pytest.approx(70)  # its place in the list of engines
    assert verdict.said == "met"
    assert goals.judge(replace(java, asked=71.0), results()).said == "missed"


def test_less_is_better_where_it_is():
    row = goal("stream, d = 8: time of a row")
    assert goals.judge(row, results()).said == "met"
    assert goals.judge(replace(row, asked=0.9), results()).said == "missed"


def test_goals_in_time_are_for_one_kind_of_machine():
    rate, share = (
        goal(f"score, d = 30: {what}")
        for what in ("rows per second", "share of its speed with AVX2 alone")
    )
    older = results()
    older.machine = {**older.machine, "simd": "avx2"}
    assert goals.judge(rate, older).said == goals.judge(share, older).said == "other machine"
    slower = results()
    slower.machine = {**slower.machine, "processor": "Intel(R) Xeon(R) (family 6, model 207)"}
    assert goals.judge(rate, slower).said == "other machine"
    assert goals.judge(share, slower).said in ("met", "missed")
    newer = results()
    newer.machine = {**newer.machine, "simd": "avx512vbmi"}
    assert goals.judge(rate, newer).said == "met"
    ratio = goal("stream, d = 30: times as fast as krcf")
    assert goals.judge(ratio, older).said == "met"


def test_without_avx512_half_is_asked_of_tables():
    older = results()
    older.machine = {**older.machine, "simd": "avx2"}
    java = replace(goal("score, d = 8: times as fast as AWS Java 4.3.0"), asked=100.0)
    assert goals.judge(java, results()).said == "missed"  # it is 70 times as fast
    assert goals.judge(java, older).said == "met"
    assert goals.wanted(goals.judge(java, older)) == "≥ 50"
    stream = goal("stream, d = 8: times as fast as krcf")
    assert goals.judge(stream, older).asked == stream.asked


def test_two_threads_need_two_cores():
    threads = goal("two threads, score, d = 8: times as fast as one")
    assert goals.judge(threads, results()).found == Spread(2.0, 2.0, 2.0)
    alone = results()
    alone.machine = {**alone.machine, "cores": 1}
    assert goals.judge(threads, alone).said == "not measured"


def test_two_threads_are_not_judged_where_others_work_too():
    threads = goal("two threads, score, d = 8: times as fast as one")
    busy = results()
    busy.measurements = [
        replace(one, wall=tuple(2 * micros for micros in one.wall)) for one in busy.measurements
    ]
    assert goals.judge(threads, busy).said == "busy machine"
    assert goals.judge(threads, results()).said == "met"


def from_parquet(wall, cores=2):
    """Give a run in which reading takes 1 µs a row, and our fit on two cores so many."""
    made = results()
    made.machine = {**made.machine, "cores": cores}

    def timed(one):
        if one.engine.startswith("PyArrow"):
            return replace(one, wall=(1.0,) * 3, cpu=(1.0,) * 3)
        took = wall if one.n_threads == 2 else 5.0
        return replace(one, wall=(took,) * 3, cpu=(9.0,) * 3)

    made.measurements = [timed(one) if one.work == "parquet" else one for one in made.measurements]
    return made


def test_a_fit_from_parquet_is_held_to_the_reader_on_the_wall_of_two_cores():
    fit = goal("fit 10 million rows from Parquet, d = 30, two cores: reader's time / ours")
    verdict = goals.judge(fit, from_parquet(1.1))
    assert verdict.found.middle == pytest.approx(1 / 1.1)
    assert verdict.said == "met"
    assert goals.judge(fit, from_parquet(1.2)).said == "missed"
    assert goals.judge(fit, from_parquet(1.0, cores=1)).said == "not measured"


def test_a_fit_from_parquet_is_not_judged_where_others_work_too():
    fit = goal("fit 10 million rows from Parquet, d = 30, two cores: reader's time / ours")
    busy = from_parquet(1.0)
    busy.measurements = [
        replace(one, wall=(1.5,) * 3) if one.engine.startswith("PyArrow") else one
        for one in busy.measurements
    ]
    assert goals.judge(fit, busy).said == "busy machine"


def test_the_detector_is_held_to_the_forest_of_the_same_rounds():
    for width in (8, 30):
        made = results()
        made.measurements = [
            replace(one, cpu=(2.0, 4.0, 2.0)) if one.engine == "fastrcf Detector" else one
            for one in made.measurements
        ]
        made.measurements = [
            replace(one, cpu=(1.5, 3.0, 1.5))
            if (one.engine, one.contest) == ("fastrcf, frozen", f"detect, d={width}")
            else one
            for one in made.measurements
        ]
        asked = goal(f"Detector, d = {width}: its rows per second / the forest's")
        verdict = goals.judge(asked, made)
        assert (verdict.found, verdict.said) == (Spread(0.75, 0.75, 0.75), "missed")


def test_what_python_adds_is_a_difference_of_rounds():
    made = results()
    at = next(
        i
        for i, one in enumerate(made.measurements)
        if (one.contest, one.engine) == ("row, d=8", "fastrcf, row by row")
    )
    made.measurements[at] = replace(made.measurements[at], cpu=(3.1, 3.0, 2.9))
    found = goals.judge(goal("one row, frozen, what Python adds, d = 8"), made).found
    assert found.middle == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("number", "said"),
    [(1_234_567.0, "1,230,000"), (234.6, "235"), (23.46, "23.5"), (0.01234, "0.0123"), (1.0, "1")],
)
def test_numbers_have_three_digits(number, said):
    assert goals.value(number) == said
