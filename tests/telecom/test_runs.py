"""Runs from sessions to a report: what the load put aside, what is stale, what is kept."""

import json
import os
import shutil
from datetime import UTC, datetime
from html.parser import HTMLParser

import polars as pl
import pytest

from fastrcf import InvalidInputError, InvalidParameterError
from fastrcf.cli import main
from fastrcf.telecom import generator, kept, week
from fastrcf.telecom.quality import Reason
from tests.page import checked, without_pictures

KEY = "a key that is only for these tests, long enough"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Four days of 150 SIMs."""
    folder = tmp_path_factory.mktemp("made")
    generator.generate(folder, generator.Parameters(sims=150, days=4, seed=3, fraud=4.0))
    return folder


@pytest.fixture
def data(made, tmp_path):
    """The same, to be changed."""
    return shutil.copytree(made, tmp_path / "data")


@pytest.fixture(scope="module")
def finished(made, tmp_path_factory):
    """What a run left, of the unchanged data."""
    out = tmp_path_factory.mktemp("finished") / "out"
    with without_pictures():
        assert main(["sessions", "detect", str(made), "-o", str(out)]) == 0
    return out


def detect(capfd, data, out, *words):
    """Run the command; give its code, what it found and what it said on standard error."""
    capfd.readouterr()
    code = main(["sessions", "detect", str(data), "-o", str(out), "--json", *words])
    told, said = capfd.readouterr()
    return code, json.loads(told) if code == 0 else None, said


class Rows(HTMLParser):
    """The cells of all rows of a page."""

    def __init__(self, html):
        super().__init__()
        self.rows = []
        self.within = False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.within = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.within = False

    def handle_data(self, text):
        if self.within:
            self.rows[-1][-1] += text


# What is wrong with a record, and why it is put aside then.
SPOILT = [
    ({"sim_id": None}, Reason.NO_SIM, 4),
    ({"end_ts": "2026-03-01T00:00:00Z"}, Reason.NEGATIVE_DURATION, 3),
    ({"bytes_up": -5}, Reason.BYTES, 2),
    ({"start_ts": "yesterday"}, Reason.TIME, 1),
]


@pytest.mark.usefixtures("no_pictures")
def test_what_a_load_put_aside_is_on_the_page(made, tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("FASTRCF_IDENTIFIER_KEY", KEY)
    sessions = week.read_sessions(made).drop("label", "incident")
    text = sessions.with_columns(pl.col("start_ts", "end_ts").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    spoilt = [
        text[0].with_columns(
            pl.lit(f"bad-{why.name}-{i}").alias("session_id"),
            *(pl.lit(value, text.schema[name]).alias(name) for name, value in change.items()),
        )
        for change, why, n in SPOILT
        for i in range(n)
    ]
    pl.concat([text, *spoilt]).write_csv(tmp_path / "records.csv")
    with (tmp_path / "records.csv").open("a") as file:
        file.write("only,three,fields\n")
    loaded, out = tmp_path / "loaded", tmp_path / "out"
    assert main(["sessions", "load", str(tmp_path / "records.csv"), "-o", str(loaded)]) == 0
    expected = {why.value: n for _, why, n in SPOILT} | {Reason.MALFORMED.value: 1}
    assert week.put_aside(loaded) == expected
    code, told, said = detect(capfd, loaded, out)
    assert code == 0, said
    assert told["sessions"] == len(sessions)
    html = (out / "report.html").read_text()
    assert "records put aside on load 11" in " ".join(checked(html).text.split())
    rows = Rows(html).rows
    for why, n in expected.items():
        assert [why, str(n)] in rows


@pytest.mark.usefixtures("no_pictures")
def test_a_load_without_bad_records_is_told_from_none(made, finished, data, tmp_path, capfd):
    assert week.put_aside(made) is None
    assert "records put aside" not in (finished / "report.html").read_text()
    (data / "load.json").write_text('{"put_aside": {}}')
    assert week.put_aside(data) == {}
    assert detect(capfd, data, tmp_path / "out")[0] == 0
    page = " ".join(checked((tmp_path / "out" / "report.html").read_text()).text.split())
    assert "records put aside on load none" in page


@pytest.mark.parametrize("text", ["", "[]", '{"put_aside": {"a": 1}}', '{"kept": 1}', "\xff"])
def test_a_damaged_report_of_a_load_is_named(data, finished, tmp_path, capfd, text):
    (data / "load.json").write_text(text, encoding="latin-1")
    out = shutil.copytree(finished, tmp_path / "out")
    with pytest.raises(InvalidInputError, match=r"load\.json: it is no report of a load"):
        week.put_aside(data)
    code, _, said = detect(capfd, data, out)
    assert code == 1
    assert "load the records again, or remove it" in said
    # It is told before anything is computed or removed.
    assert names(out) == names(finished)


def names(folder):
    """All files below a folder."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def stopped(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["features_folder", "SessionDetector.fit"])
def test_a_run_that_was_stopped_leaves_no_mixture(made, finished, tmp_path, monkeypatch, where):
    out = shutil.copytree(finished, tmp_path / "out")
    assert {*kept.RESULTS, "features.json"} < set(names(out))
    (out / ".features-killed").mkdir()
    (out / ".features-killed" / "part.parquet").touch()
    monkeypatch.setattr(f"fastrcf.telecom.week.{where}", stopped)
    with pytest.raises(KeyboardInterrupt):
        week.run(made, out)
    # Features that are whole, with what they were made of, or nothing at all.
    left = [] if where == "features_folder" else [n for n in names(finished) if "features" in n]
    assert names(out) == left


def test_what_is_refused_changes_nothing(made, finished, tmp_path):
    out = shutil.copytree(finished, tmp_path / "out")
    (tmp_path / "empty").mkdir()
    for source, error, options in (
        (tmp_path / "none", InvalidInputError, {}),
        (tmp_path / "empty", InvalidInputError, {}),
        (made, InvalidParameterError, {"timezone": "Mars/Base"}),
        (made, InvalidParameterError, {"alerts_per_thousand": 0.0}),
        (made, InvalidParameterError, {"until": datetime(2030, 1, 1, tzinfo=UTC)}),
        (made, InvalidParameterError, {"until": datetime(2026, 3, 2, 5, tzinfo=UTC)}),
        (made, InvalidParameterError, {"until": datetime(2026, 3, 4)}),
    ):
        with pytest.raises(error):
            week.run(source, out, **options)
        assert names(out) == names(finished)


def test_too_few_days_change_nothing(finished, tmp_path):
    out = shutil.copytree(finished, tmp_path / "out")
    short = tmp_path / "short"
    generator.generate(short, generator.Parameters(sims=20, days=2, seed=3))
    with pytest.raises(InvalidInputError, match="the sessions are of 2 days: three are needed"):
        week.run(short, out)
    assert names(out) == names(finished)


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_resume_keeps_the_features_of_a_run_that_was_stopped(
    made, finished, tmp_path, monkeypatch, capfd
):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("fastrcf.telecom.week.SessionDetector.fit", stopped)
        with pytest.raises(KeyboardInterrupt):
            week.run(made, out)
    # They cannot be computed again unnoticed.
    with monkeypatch.context() as patch:
        patch.setattr("fastrcf.telecom.week.features_folder", stopped)
        code, told, said = detect(capfd, made, out, "--resume")
    assert code == 0
    assert said == "features are kept\n"
    assert "features" not in told["seconds"]
    assert pl.read_parquet(out / "alerts.parquet").equals(
        pl.read_parquet(finished / "alerts.parquet")
    )
    assert names(out) == names(finished)
    # Without it all is computed, and nothing is said of that.
    code, told, said = detect(capfd, made, out)
    assert (code, said) == (0, "")
    assert "features" in told["seconds"]


def changed(data, out):
    file = sorted(data.rglob("part-*.parquet"))[1]
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))


def gone(data, out):
    sorted(data.rglob("part-*.parquet"))[-1].unlink()


def more(data, out):
    file = sorted(data.rglob("part-*.parquet"))[0]
    shutil.copy(file, file.with_name("part-99999.parquet"))


def no_note(data, out):
    (out / "features.json").unlink()


def half_a_note(data, out):
    (out / "features.json").write_text('{"parts": 1')


def other_version(data, out):
    known = json.loads((out / "features.json").read_text())
    (out / "features.json").write_text(json.dumps(known | {"version": "0.0.0"}))


def other_catalogue(data, out):
    known = json.loads((out / "features.json").read_text())
    (out / "features.json").write_text(json.dumps(known | {"catalogue": ["a"]}))


def part_gone(data, out):
    next((out / "features").rglob("part-*.parquet")).unlink()


def peers_gone(data, out):
    (out / "features" / "peers.parquet").unlink()


def no_features(data, out):
    shutil.rmtree(out / "features")


def nothing(data, out):
    pass


CASES = [
    (nothing, "UTC", None),
    (nothing, "Europe/Berlin", "the time zone was UTC, and is Europe/Berlin"),
    (changed, "UTC", "part-00000.parquet has changed"),
    (gone, "UTC", "is gone from the sessions"),
    (more, "UTC", "part-99999.parquet has come to the sessions"),
    (no_note, "UTC", "is missing or damaged"),
    (half_a_note, "UTC", "is missing or damaged"),
    (other_version, "UTC", "the version of fastrcf was 0.0.0"),
    (other_catalogue, "UTC", "the catalogue of features is another"),
    (part_gone, "UTC", "files of features are gone"),
    (peers_gone, "UTC", "peers.parquet, which says what was known of peers, is gone"),
    (no_features, "UTC", "there are none of an earlier run"),
]


@pytest.mark.parametrize(("change", "timezone", "why"), CASES)
def test_features_are_kept_if_nothing_has_changed(data, tmp_path, change, timezone, why):
    out = tmp_path / "out"
    (out / "features" / "features").mkdir(parents=True)
    (out / "features" / "features" / "part-00000.parquet").touch()
    (out / "features" / "peers.parquet").touch()
    kept.note(out, kept.facts(data, "UTC"), 1)
    change(data, out)
    found = kept.why_anew(out, kept.facts(data, timezone))
    if why is None:
        assert found is None
    else:
        assert why in found


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_resume_says_why_it_begins_anew(data, tmp_path, capfd):
    out = tmp_path / "out"
    _, _, said = detect(capfd, data, out, "--resume")
    assert said == "features are computed anew: there are none of an earlier run\n"
    file = sorted(data.rglob("part-*.parquet"))[0]
    frame = pl.read_parquet(file)
    frame.head(len(frame) // 2).write_parquet(file)
    code, told, said = detect(capfd, data, out, "--resume")
    assert code == 0
    assert said.startswith(f"features are computed anew: {file.relative_to(data).as_posix()} has")
    # What was computed is of the sessions as they are now.
    assert told["sessions"] == len(week.read_sessions(data))
    assert len(week.read_features(out / "features", [])) == told["sessions"]
