"""The generator: the same bytes whatever the threads, whole files, labels, statistics."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from fastrcf.cli import main
from fastrcf.errors import InvalidParameterError
from fastrcf.telecom import generator, writing
from fastrcf.telecom.generator import LABELS, Generation, Parameters, generate
from fastrcf.telecom.rules import RULES, scores
from fastrcf.telecom.schema import EndCause, Rat, Service, arrow_schema

SMALL = Parameters(sims=240, days=3, seed=5)


@pytest.fixture
def several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "_BLOCK", 2500)


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Generation:
    """The default size: 10,000 SIMs and 7 days."""
    return generate(tmp_path_factory.mktemp("week") / "out", Parameters(10_000, 7, seed=1))


@pytest.fixture(scope="module")
def records(week: Generation) -> pl.DataFrame:
    return pl.read_parquet(week.folder / "sessions" / "**" / "*.parquet")


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.usefixtures("several_blocks")
def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads(tmp_path: Path) -> None:
    assert SMALL.blocks > 3
    for threads in (1, 2, 4):
        generate(tmp_path / str(threads), SMALL, n_threads=threads)
    one = hashes(tmp_path / "1")
    assert one == hashes(tmp_path / "2") == hashes(tmp_path / "4")
    assert len(one) >= 3 * SMALL.blocks + 3
    generate(tmp_path / "other", Parameters(sims=240, days=3, seed=6))
    assert hashes(tmp_path / "other") != one


def test_the_bytes_of_a_seed_stay_what_they_are(tmp_path: Path) -> None:
    """Another version of the generator says so by its number."""
    made = generate(tmp_path / "out", Parameters(sims=60, days=2, seed=1))
    table = pl.read_parquet(made.folder / "sessions" / "**" / "*.parquet")
    text = table.sort("session_id").select(pl.all().cast(pl.String)).write_csv()
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert (generator.VERSION, digest[:16]) == (1, "2d515b0534391a8c")


def test_files_have_the_schema_and_their_order(week: Generation) -> None:
    paths = sorted(week.folder.glob("sessions/date=*/part-*.parquet"))
    parameters = Parameters(10_000, 7, seed=1)
    assert len(paths) == 7 * parameters.blocks
    for path in paths:
        assert pq.read_schema(path).remove_metadata().equals(arrow_schema(truth=True))
        table = pl.read_parquet(path)
        ordered = table.select("start_ts", "sim_id")
        assert ordered.equals(ordered.sort("start_ts", "sim_id"))
        date = dt.date.fromisoformat(path.parent.name.removeprefix("date="))
        assert (table["start_ts"].dt.date() == date).all()


def test_a_block_has_the_same_sims_on_every_day(week: Generation) -> None:
    blocks: dict[str, set[str]] = {}
    for path in week.folder.glob("sessions/date=*/part-*.parquet"):
        sims = pl.read_parquet(path, columns=["sim_id"])["sim_id"].unique()
        blocks.setdefault(path.name, set()).update(sims)
    assert sum(map(len, blocks.values())) == len(set().union(*blocks.values()))


def test_records_are_sound(records: pl.DataFrame) -> None:
    assert records["session_id"].n_unique() == len(records)
    assert records["session_id"].str.contains("^[0-9a-f]{16}$").all()
    for name in ("sim_id", "device_id"):
        assert records[name].str.contains("^[0-9a-f]{32}$").all()
    lengths = (records["end_ts"] - records["start_ts"]).dt.total_microseconds().to_numpy() / 1e6
    assert (lengths == records["duration_s"].to_numpy()).all()
    data = pl.col("service").cast(pl.String) == "data"
    sent = pl.col("sms_mo") + pl.col("sms_mt")
    volume = pl.col("bytes_up") + pl.col("bytes_down")
    assert records.select((data == (sent == 0)).all()).item()
    assert records.select((data | (volume == 0)).all()).item()
    assert records["cost"].min() >= 0
    for name, kind in (("service", Service), ("rat", Rat), ("end_cause", EndCause)):
        assert set(records[name].cast(pl.String).unique()) <= {str(value) for value in kind}
    for name in ("visited_plmn", "home_plmn"):
        assert records[name].cast(pl.String).str.contains(r"^\d{3}-\d{2,3}$").all()
    cells = records.select("cell", "visited_plmn", "cell_lat", "cell_lon").unique()
    assert cells["cell"].n_unique() == len(cells)
    assert cells["cell"].cast(pl.String).str.contains(r"^\d{3}-\d{2,3}-\d+-\d+$").all()
    for name in records.columns:
        missing = records[name].null_count()
        assert missing == 0 or name in ("label", "incident"), name


def test_every_kind_of_incident_is_there_early_and_late(
    week: Generation, records: pl.DataFrame
) -> None:
    assert 0.002 < week.labelled / week.sessions < 0.007
    assert all(week.labels[label] >= 10 for label in LABELS)
    told = pl.read_parquet(week.folder / "incidents.parquet")
    assert told["incident"].to_list() == list(range(1, len(told) + 1))
    late = pl.col("onset") >= dt.datetime(2026, 3, 6, tzinfo=dt.UTC)
    for label in LABELS:
        of_kind = told.filter(pl.col("label") == label)
        assert len(of_kind.filter(late)) >= 4, label
        assert len(of_kind.filter(~late)) >= 2, label
        assert of_kind["size"].min() < 0.2
        assert of_kind["size"].max() > 0.8
    counted = (
        records.filter(pl.col("incident").is_not_null())
        .group_by("incident", pl.col("label").cast(pl.String), "sim_id")
        .len()
    )
    known = told.explode("sim_ids").select("incident", "label", sim_id="sim_ids")
    assert len(counted.join(known, on=["incident", "label", "sim_id"], how="anti")) == 0
    sums = counted.group_by("incident").agg(pl.col("len").sum().cast(pl.Int64))
    both = told.join(sums, on="incident", how="left").with_columns(pl.col("len").fill_null(0))
    assert both["len"].equals(both["sessions"])
    gone = told.filter(pl.col("returns").not_())
    assert len(gone) > 0
    assert gone["sessions"].sum() == 0
    last = records.filter(pl.col("sim_id").is_in(gone.explode("sim_ids")["sim_ids"].to_list()))
    assert last.group_by("sim_id").agg(pl.col("start_ts").max())["start_ts"].max() < dt.datetime(
        2026, 3, 8, 12, tzinfo=dt.UTC
    )


def test_families_live_as_they_should(week: Generation, records: pl.DataFrame) -> None:
    healthy = records.filter(pl.col("label").is_null())
    assert 0.9e6 < week.sessions < 1.3e6
    by = healthy.group_by(pl.col("family").cast(pl.String)).agg(
        sims=pl.col("sim_id").n_unique(),
        sessions=pl.len(),
        up=pl.col("bytes_up").median(),
        share_up=pl.col("bytes_up").sum() / (pl.col("bytes_up") + pl.col("bytes_down")).sum(),
        length=pl.col("duration_s").median(),
        roaming=(
            pl.col("visited_plmn").cast(pl.String).str.head(3)
            != pl.col("home_plmn").cast(pl.String).str.head(3)
        ).mean(),
        night=(pl.col("start_ts").dt.hour().is_between(1, 3)).mean(),
        cells=pl.col("cell").n_unique() / pl.col("sim_id").n_unique(),
    )
    family = {row["family"]: row for row in by.iter_rows(named=True)}
    assert 3100 < family["meter"]["sims"] < 3700
    assert 0.1 < family["meter"]["roaming"] < 0.7
    assert 500 < family["meter"]["up"] < 6000
    assert family["camera"]["share_up"] > 0.6
    assert family["router"]["share_up"] < 0.3
    assert family["router"]["length"] > 1200
    assert family["pos"]["night"] < 0.1
    assert family["tracker"]["cells"] > 10 > family["meter"]["cells"]
    # SIMs of a family differ widely.
    volume = (
        healthy.filter(pl.col("family").cast(pl.String) == "meter")
        .group_by("sim_id")
        .agg((pl.col("bytes_up") + pl.col("bytes_down")).median())
    )["bytes_up"]
    assert volume.quantile(0.95) > 4 * volume.quantile(0.05)


def test_no_rule_finds_more_than_half_of_the_types(records: pl.DataFrame) -> None:
    scored = scores(records)
    kinds = records.filter(pl.col("incident").is_not_null())
    n_of = dict(
        kinds.group_by(pl.col("label").cast(pl.String))
        .agg(pl.col("incident").n_unique())
        .iter_rows()
    )
    for rule in RULES:
        alerts = (
            scored.filter(pl.col(f"rule_{rule.name}") >= rule.threshold)
            .sort(f"rule_{rule.name}", pl.col("session_id").hash(7), descending=[True, False])
            .head(len(records) // 1000)
            .filter(pl.col("incident").is_not_null())
        )
        found = alerts.group_by(pl.col("label").cast(pl.String)).agg(pl.col("incident").n_unique())
        good = [label for label, n in found.iter_rows() if n >= 0.5 * n_of[label]]
        assert len(good) <= 5, (rule.name, good)


@pytest.mark.usefixtures("several_blocks")
def test_a_stopped_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate(tmp_path / "whole", SMALL)
    written = writing.write_records
    calls = 0

    def fails(table: object, path: Path) -> int:
        nonlocal calls
        calls += 1
        if calls > 4:
            raise KeyboardInterrupt
        return written(table, path)

    monkeypatch.setattr(writing, "write_records", fails)
    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path / "out", SMALL, n_threads=1)
    monkeypatch.undo()
    monkeypatch.setattr(generator, "_BLOCK", 2500)
    assert not (tmp_path / "out" / "generation.json").exists()
    assert not list((tmp_path / "out").rglob("*.unfinished"))
    with pytest.raises(InvalidParameterError, match="is not empty"):
        generate(tmp_path / "out", SMALL)
    with pytest.raises(InvalidParameterError, match="has seed 5, not 6"):
        generate(tmp_path / "out", Parameters(240, 3, seed=6), resume=True)
    done = (tmp_path / "out").rglob("part-00000.parquet")
    before = {path: path.stat().st_mtime_ns for path in done}
    # Killed in the middle of a file, it leaves a part under another name.
    day = tmp_path / "out" / "sessions" / "date=2026-03-03"
    (day / ".part-00001.parquet.unfinished").write_text("half")
    generate(tmp_path / "out", SMALL, resume=True)
    assert hashes(tmp_path / "out") == hashes(tmp_path / "whole")
    assert len(before) == 3
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_file_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    def breaks() -> None:
        with writing.whole(tmp_path / "file") as unfinished:
            unfinished.write_text("half")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        breaks()
    assert list(tmp_path.iterdir()) == []


def test_overwrite_replaces_a_generation_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    generate(out, Parameters(30, 2))
    generate(out, Parameters(30, 1), overwrite=True)
    assert len(list(out.glob("sessions/*"))) == 1
    (out / "mine.txt").write_text("kept")
    with pytest.raises(InvalidParameterError, match=r"mine\.txt"):
        generate(out, Parameters(30, 1), overwrite=True)
    assert (out / "mine.txt").read_text() == "kept"
    assert (out / "generation.json").exists()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sims": 0}, "sims is 0"),
        ({"days": 4000}, "days is 4000"),
        ({"seed": -1}, "seed is -1"),
        ({"fraud": float("nan")}, "fraud is nan"),
        ({"start": dt.date(1900, 1, 1)}, "start is 1900"),
    ],
)
def test_wrong_numbers_are_named(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        Parameters(**{"sims": 10, "days": 1, **wrong})  # type: ignore[arg-type]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    given = ["sessions", "generate", "--sims", "50", "--days", "2", "-o", out]
    assert main([*given, "--start", "2026-12-31", "--no-fraud", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["incidents"] == facts["labelled"] == 0
    assert facts["sessions"] == sum(facts["families"].values()) > 500
    days = sorted(path.name for path in (tmp_path / "out" / "sessions").iterdir())
    assert days == ["date=2026-12-31", "date=2027-01-01"]
    assert main(given) == 1
    assert "is not empty" in capsys.readouterr().err
    assert main([*given, "--overwrite"]) == 0
    assert "50 SIMs in 2 days" in capsys.readouterr().out
    assert main([*given, "--start", "yesterday"]) == 2
    assert main([*given, "--resume", "--overwrite"]) == 2
    assert main([*given[:-2], "--sims", "-3", "-o", out]) == 2


def test_rules_learn_what_is_usual_from_the_days_before(records: pl.DataFrame) -> None:
    """What comes later does not change what a rule says of the days before it."""
    moment = records["start_ts"].min() + dt.timedelta(days=5)  # type: ignore[operator]
    some = records.filter(pl.col("sim_id").hash(1) % 10 == 0)
    names = [f"rule_{rule.name}" for rule in RULES]
    early = scores(some.filter(pl.col("start_ts") < moment)).select("session_id", *names)
    whole = scores(some, moment).filter(pl.col("start_ts") < moment).select("session_id", *names)
    assert whole.equals(early)
    everything = scores(some).filter(pl.col("start_ts") < moment)
    assert not everything["rule_volume"].equals(whole["rule_volume"])
