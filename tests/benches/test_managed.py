import json

import numpy as np
import pytest

from benches.managed import measure, report, run, runs
from benches.managed.measure import Found, against
from fastrcf.sagemaker import ManagedForest

SAID = "# source: a notebook\n"


@pytest.fixture
def made(tmp_path, rng, monkeypatch):
    """A series and two recorded runs of it, by our own forest."""
    values = np.round(rng.normal(size=600).cumsum(), 3)
    times = [f"2026-01-{1 + i // 24:02} {i % 24:02}:00:00" for i in range(600)]
    series = tmp_path / "nab" / "data" / "made.csv"
    series.parent.mkdir(parents=True)
    series.write_text(
        "timestamp,value\n" + "".join(f"{t},{v}\n" for t, v in zip(times, values, strict=True))
    )
    folder = tmp_path / "managed_rcf"
    folder.mkdir()
    scores = ManagedForest(50, 512, random_state=1).fit(values[:, None]).score(values[:, None])
    lines = [f"{i},{times[i]},{values[i]},{scores[i]:.6f}\n" for i in range(0, 600, 20)]
    (folder / "rows.csv").write_text(SAID + "index,timestamp,value,score\n" + "".join(lines))
    highest = np.sort(scores)[::-1][:25]
    rng.shuffle(highest)
    lines = [f"{i},{score:.8f}\n" for i, score in enumerate(highest)]
    (folder / "high.csv").write_text(SAID + "order,score\n" + "".join(lines))
    found = (
        runs.Run("rows", "made.csv", 1, 50, 512, "rows", ("rows", "rows")),
        runs.Run("high", "made.csv", 1, 50, 512, "highest", ("high",)),
    )
    monkeypatch.setattr(runs, "RUNS", found)
    monkeypatch.setattr(run, "RUNS", found)
    monkeypatch.setattr(report, "RUNS", found)
    monkeypatch.setattr(run, "ABOVE", {"rows": 5})
    monkeypatch.setattr(report, "ABOVE", {"rows": 5})
    monkeypatch.setenv("FASTRCF_DATA", str(tmp_path))
    measure.trainings.cache_clear()
    measure._asked.cache_clear()
    return tmp_path


def test_a_run_of_ours_is_among_ours(made):
    rows, high = (measure.measure(made, one, 30) for one in run.RUNS)
    assert (rows.rows, high.rows, rows.tree_size) == (30, 25, 12)
    for found in (rows, high):
        assert abs(found.theirs["scale"] - 1) < 0.1
        assert found.least_chance > 0.03
        assert found.theirs["rmse"] < max(found.ours["rmse"])


def test_chances_count_what_is_as_far():
    ours = {"scale": [0.9, 1.0, 1.1], "correlation": [0.9, 0.99, 0.95], "rmse": [0.1, 0.2, 0.3]}
    found = Found("x", 3, 4, "blocks", {"scale": 1.05, "correlation": 0.9, "rmse": 0.31}, ours)
    assert [found.chance(name) for name in measure.MEASURES] == [0.75, 0.5, 0.25]
    assert found.to_dict()["ours"]["rmse"] == [0.1, 0.105, 0.2, 0.295, 0.3]
    reached = Found("x", 3, 4, "blocks", found.theirs, ours | {"correlation": [0.998, 1.0, 0.9]})
    assert reached.to_dict()["correlated"] == pytest.approx(2 / 3, abs=1e-5)
    center = np.array([1.0, 2.0, 4.0])
    assert against(2 * center, center)["scale"] == pytest.approx(2)
    assert against(center + np.array([0, 0, 3]), center)["rmse"] == pytest.approx(np.sqrt(3))


def test_as_few_by_chance():
    assert report.at_most(0, [0.5, 0.5]) == pytest.approx(0.25)
    assert report.at_most(1, [0.9, 0.8, 1.0]) == pytest.approx(0.1 * 0.2)
    assert report.at_most(3, [0.9, 0.8, 1.0]) == 1.0


def test_recorded_rows_that_do_not_fit_are_refused(made):
    path = made / "managed_rcf" / "rows.csv"
    text = path.read_text()
    path.write_text(text.replace("\n20,", "\n20,", 1) + "0,2026-01-01 00:00:00,9999,1.0\n")
    with pytest.raises(ValueError, match="row 0 has"):
        runs.printed(made, run.RUNS[0])
    value = text.splitlines()[2].split(",")[2]
    path.write_text(text + f"0,2026-01-01 00:00:00,{value},9.0\n")
    with pytest.raises(ValueError, match="row 0 has the scores"):
        runs.printed(made, run.RUNS[0])


def test_a_page_from_a_run(made, tmp_path, monkeypatch):
    monkeypatch.setattr(
        run.speed, "measure", lambda: [{"columns": 1, "table": [2, 1], "row": [9, 3]}]
    )
    ranked = [
        {"family": "F", "case": case, "detector": kind.name, "auc": 0.7 + i / 10, "ap": 0.2}
        for case in "abc"
        for i, kind in enumerate(run.ranking.DETECTORS)
    ]
    monkeypatch.setattr(run.ranking, "tables", lambda data, seeds: iter(ranked))
    out = tmp_path / "managed.json"
    assert run.main(["--times", "20", "--out", str(out)]) == 0
    assert json.loads(out.read_text())["runs"][0]["trainings"] == 20
    page = tmp_path / "docs" / "managed.md"
    page.parent.mkdir()
    page.write_text(
        "\n".join(f"<!-- bench:{name} -->\n<!-- /bench:{name} -->" for name in report.PARTS)
    )
    results = json.loads(out.read_text())
    results["runs"].append({**results["runs"][0], "name": "rows"})
    out.write_text(json.dumps(results))
    assert report.main(["--results", str(out), "--root", str(tmp_path)]) == 0
    text = page.read_text()
    for said in (
        "| rows | made | 50 of 12 | 30 |",
        "| high | made | 50 of 12 | 25, sorted |",
        "| rows | rows above mean + 3 sd | 5 |",
        "ahead on 3 of 3",
        "| 1 | 2.00 | 1.00 | 2.0 | 9 | 3 | 3.0 |",
        "mean scale of the runs",
    ):
        assert said in text, said
    assert (tmp_path / "docs" / "figures" / "managed.svg").read_text().count("<svg") == 1
    assert report.main(["--results", str(out), "--root", str(tmp_path)]) == 0
    assert page.read_text() == text


def test_absent_data_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FASTRCF_DATA", str(tmp_path))
    assert run.main(["--out", str(tmp_path / "m.json")]) == 1
    assert "FASTRCF_DATA" in capsys.readouterr().err
    assert not (tmp_path / "m.json").exists()


def test_a_run_beyond_ours_is_a_missed_goal():
    def one(name, chance):
        return {
            "name": name,
            "trainings": 99,
            "theirs": {"scale": 1.05, "correlation": 0.99, "rmse": 0.1},
            "ours": {"correlation": [0.99, 0.995, 0.999, 0.9995, 1.0]},
            "correlated": 0.8,
            "chance": {"scale": chance, "correlation": 0.5, "rmse": 0.5},
        }

    names = [found.name for found in runs.RUNS][:2]
    goals = report.goals({"runs": [one(names[0], 0.01), one(names[1], 0.4)]})
    assert [goal.met for goal in goals] == [False, False, False, False]
    assert f"scale of {names[0]}" in goals[2].measured
    assert goals[1].measured.startswith("0 (not ")
