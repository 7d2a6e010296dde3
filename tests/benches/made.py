"""Results that no machine measured."""

from benches.engines import BY_NAME
from benches.record import Measurement, Results
from benches.workloads import SELECTIONS


def measured(contest, lane, cpu, wall=None):
    return Measurement(
        contest,
        lane.engine,
        lane.work,
        lane.n_columns,
        lane.n_rows,
        lane.shape.n_trees,
        lane.shape.sample_size,
        lane.shape.n_threads,
        lane.batch,
        tuple(cpu),
        tuple(wall or cpu),
    )


def micros(lane):
    """Ours take a microsecond, the others as many as their place in the list."""
    ours = lane.engine.startswith("fastrcf")
    return (1.0 if ours else 10.0 * list(BY_NAME).index(lane.engine)) / lane.shape.n_threads


def results(selection="quick", **changed):
    """Every lane of a selection, three rounds each."""
    made = Results(
        selection,
        rounds=3,
        measured="2026-01-02T03:04:05+00:00",
        machine={
            "processor": "AMD EPYC (family 26, model 2)",
            "cores": 2,
            "simd": "avx512",
            "system": "Linux x86_64",
            "python": "3.11.0",
            "rustc": "1.95.0",
            "java": None,
            "versions": {"numpy": "2.0"},
        },
        settings={name: engine.settings for name, engine in BY_NAME.items()},
        thresholds={"0.01": [60.0, 50.0, 70.0], "0.001": [20.0, 20.0, 20.0]},
        seconds={"score, d=8": 100.4, "at rest": 25.0},
        resting={"living_mb": 3.5, "small_resting_kb": 59.0, "import_ms": 90.0, "wheel_mb": None},
    )
    for contest in SELECTIONS[selection].contests:
        made.done.append(contest.name)
        for lane in contest.lanes:
            cpu = [micros(lane) * noise for noise in (1.1, 1.0, 0.9)]
            made.measurements.append(measured(contest.name, lane, cpu))
    for name, value in changed.items():
        setattr(made, name, value)
    return made
