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
    assert verdict.found.middle == pytest.approx(80)  # its place in the list of engines
    assert verdict.said == "met"
    assert goals.judge(replace(java, asked=81.0), results()).said == "missed"


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
    assert goals.judge(java, results()).said == "missed"  # it is 80 times as fast
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


def calls(wall_of_two, wall_of_one=1.0):
    """Give a run in which calls of 16 rows take two threads so long, all others half a µs."""
    made = results()

    def timed(one):
        if one.n_threads == 1:
            return replace(one, wall=(wall_of_one,) * 3, cpu=(1.0,) * 3)
        return replace(one, wall=(wall_of_two if one.batch == 16 else 0.5,) * 3, cpu=(1.1,) * 3)

    made.measurements = [
        timed(one) if one.contest == "threads n, d=8" else one for one in made.measurements
    ]
    return made


@pytest.mark.parametrize("work", ["score", "stream"])
def test_two_threads_must_not_be_slower_at_any_size(work):
    never = goal(
        f"two threads, {work}, d = 8, calls of 1 to 100,000 rows: least times as fast as one"
    )
    slow = goals.judge(never, calls(1.25))
    assert (slow.found, slow.said) == (Spread(0.8, 0.8, 0.8), "missed")
    assert goals.judge(never, calls(1 / 0.96)).said == "met"
    assert goals.judge(never, calls(1.25, wall_of_one=1.2)).said == "busy machine"
    alone = calls(1.0)
    alone.machine = {**alone.machine, "cores": 1}
    assert goals.judge(never, alone).said == "not measured"


@pytest.mark.parametrize("width", [8, 30])
def test_like_is_set_beside_like_and_not_judged(width):
    """Ours by array takes a microsecond, a row a call four; the peer 80."""
    made = results()
    made.measurements = [
        replace(one, cpu=(4.0,) * 3) if one.engine == "fastrcf, row by row" else one
        for one in made.measurements
    ]
    found = {
        how: goals.judge(goal(f"stream, d = {width}{how}: times as fast as AWS Java 4.3.0"), made)
        for how in ("", ", a row a call on both sides")
    }
    assert found[""].said == "met"
    alike = found[", a row a call on both sides"]
    assert (alike.found.middle, alike.said) == (pytest.approx(20), "not judged")
    assert goals.wanted(alike) == goals.stretch(alike) == ""
    score = goal(f"score, d = {width}, a row a call on both sides: times as fast as krcf")
    assert goals.judge(score, made).found.middle == pytest.approx(90 / 4)


def test_a_stretch_is_told_where_it_is_reached():
    row = goal("stream, d = 30: time of a row")
    assert (row.asked, row.stretch) == (18.0, 13.0)

    def judged(micros):
        made = results()
        made.measurements = [
            replace(one, cpu=(micros,) * 3) if one.contest == "process, d=30" else one
            for one in made.measurements
        ]
        verdict = goals.judge(row, made)
        return verdict.said, verdict.stretched, goals.judged(verdict)

    assert judged(12.0) == ("met", True, "met, stretch too")
    assert judged(15.0) == ("met", False, "met")
    assert judged(19.0) == ("missed", False, "missed")
    assert {g.what: g.stretch for g in goals.GOALS if g.stretch is not None} == {
        "score, d = 8: rows per second": 1.5e6,
        "score, d = 30: rows per second": 700e3,
        "stream, d = 8: time of a row": 8.0,
        "stream, d = 30: time of a row": 13.0,
    }


@pytest.mark.parametrize("width", [8, 30])
def test_a_local_range_must_be_faster_than_the_full_score(width):
    asked = goal(f"local range, d = {width}: times as fast as the full score")

    def judged(micros):
        made = results()
        made.measurements = [
            replace(one, cpu=(micros,) * 3) if one.work == "local_range" else one
            for one in made.measurements
        ]
        return goals.judge(asked, made).said

    assert (judged(0.8), judged(1.2)) == ("met", "missed")


def test_a_threshold_is_judged_where_it_takes_longest():
    update = goal("one update of a threshold, at the rate of alerts where it takes longest")
    made = results()
    assert goals.judge(update, made).found == Spread(55.0, 60.0, 65.0)
    assert goals.judge(update, made).said == "met"
    made.thresholds["0.01"] = [101.0]
    assert goals.judge(update, made).said == "missed"
    made.thresholds = {}
    assert goals.judge(update, made).said == "not measured"


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
