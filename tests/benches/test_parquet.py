"""A fit from a file is beside the reader of the same file, and both read all of it."""

from dataclasses import replace

import numpy as np
import pytest

import fastrcf
from benches import parquet_file, parquet_table, report
from benches.engines import AheadFromParquet, ForestFromParquet, Reader, parquet
from benches.engines.protocol import Shape
from benches.rows import mixture
from tests.benches.made import results

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

ROWS = mixture(5_000, 3, seed=1)
SHAPE = Shape(n_trees=10, sample_size=64)


@pytest.fixture
def files(monkeypatch, tmp_path):
    made = parquet_file.Files(tmp_path / "parquet")
    monkeypatch.setattr(parquet, "FILES", made)
    return made


def test_a_file_holds_the_rows_in_several_groups_and_is_made_once(files, monkeypatch):
    monkeypatch.setattr(parquet_file, "ROW_GROUP", 2_000)
    path = files.of(ROWS)
    table = pq.read_table(path)
    np.testing.assert_array_equal(np.column_stack([c.to_numpy() for c in table.columns]), ROWS)
    assert set(map(str, table.schema.types)) == {"float"}
    assert pq.ParquetFile(path).num_row_groups == 3
    before = path.stat().st_mtime_ns
    assert parquet_file.Files(path.parent).of(ROWS.copy()) == path
    assert path.stat().st_mtime_ns == before
    assert files.of(ROWS[:4_000]) != path
    assert files.of(ROWS + 1) != path
    assert not list(path.parent.glob("*.writing"))


@pytest.mark.parametrize("engine", [ForestFromParquet, AheadFromParquet])
def test_a_forest_from_a_file_is_the_one_from_its_rows(files, engine):
    """Batches come in the order of the file, whoever reads them."""
    made = engine(SHAPE)
    timed = made.run("parquet", ROWS, batch=700)
    assert timed.answer.tolist() == [5_000]
    assert min(timed.cpu, timed.wall) > 0
    forest = fastrcf.RandomCutForest(10, 64, sampling="uniform", random_state=7)
    forest.insert(ROWS)
    np.testing.assert_array_equal(made.judged(ROWS[:50]), forest.score(ROWS[:50]))


def test_threads_of_pyarrow_are_as_before(files):
    before = pa.cpu_count()
    pa.set_cpu_count(3)
    try:
        Reader(SHAPE).run("parquet", ROWS)
        assert pa.cpu_count() == 3
    finally:
        pa.set_cpu_count(before)


def test_lines_are_beside_the_reader_of_their_contest():
    made = results()
    times = {"parquet, d=30": 2.0, "parquet young, d=30": 4.0}
    made.measurements = [
        replace(one, wall=(2 * times[one.contest],) * 3, cpu=(3 * times[one.contest],) * 3)
        if one.work == "parquet" and one.engine != Reader.name
        else replace(one, wall=(1.0,) * 3, cpu=(1.0,) * 3)
        for one in made.measurements
    ]
    lines = list(parquet_table.lines(made))
    assert [line.n_rows for line in lines] == [10_000_000] * 5 + [1_000_000] * 5
    assert lines[0].cells() == [Reader.name, "10,000,000", "10", "10", "", ""]
    assert (lines[1].wall, lines[1].cpu) == (40, 60)
    assert lines[1].on_the_wall.middle == 1 / 4
    assert lines[1].on_one_core.middle == 1 / 6
    assert lines[6].on_the_wall.middle == 1 / 8
    assert "fastrcf from Parquet, read ahead, 2 threads" in parquet_table.page(made)


def test_a_run_without_them_says_so():
    made = results()
    made.measurements = [one for one in made.measurements if one.work != "parquet"]
    assert parquet_table.text(made) == ""
    page = "<!-- bench:parquet -->\n<!-- /bench:parquet -->"
    assert "\nNot measured in this run.\n" in report.filled(page, made)
    (line,) = (line for line in report.goal_table(made).splitlines() if "from Parquet" in line)
    assert "| ≥ 0.9 |  |  | not measured in this run |" in line


def test_without_the_reader_there_are_times_and_no_ratios():
    made = results()
    made.measurements = [one for one in made.measurements if one.engine != Reader.name]
    lines = list(parquet_table.lines(made))
    assert len(lines) == 8
    assert all(line.on_the_wall is line.on_one_core is None for line in lines)
