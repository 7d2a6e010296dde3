import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

import fastrcf
from fastrcf.cli.app import app
from fastrcf.telecom import feature_files
from fastrcf.telecom.catalogue import NAMES, OWN_NAMES, catalogue
from fastrcf.telecom.feature_files import features_folder
from fastrcf.telecom.features import session_features
from fastrcf.telecom.peers import PeerTable
from tests.telecom.timelines import ordinary

KEY = ["sim_id", "start_ts", "session_id"]
DOCS = Path(__file__).parents[2] / "docs" / "telecom-features.md"


@pytest.fixture(scope="module")
def records() -> pl.DataFrame:
    return ordinary(n_sims=25, n=1_200, seed=12)


@pytest.fixture(scope="module")
def folder(records, tmp_path_factory):
    """Sessions by day and bucket of SIMs."""
    root = tmp_path_factory.mktemp("generated")
    bucket = pl.col("sim_id").str.slice(3).cast(pl.Int32) % 3
    whole = records.with_columns(bucket=bucket, date=pl.col("start_ts").dt.date())
    for (number, date), part in whole.group_by("bucket", "date"):
        place = root / "sessions" / f"date={date}" / f"part-{number:05d}.parquet"
        place.parent.mkdir(parents=True, exist_ok=True)
        part.drop("bucket", "date").write_parquet(place)
    return root


def read(out: Path) -> pl.DataFrame:
    return pl.read_parquet(out / "features" / "*.parquet").sort(KEY)


def test_buckets_of_a_folder_give_what_one_table_gives(records, folder, tmp_path):
    told = []
    written = features_folder(folder, tmp_path / "out", progress=lambda *what: told.append(what))
    expected = session_features(records).sort(KEY)
    assert read(tmp_path / "out").equals(expected)
    assert (written.rows, written.parts, written.features) == (len(records), 3, len(NAMES))
    assert PeerTable.load(tmp_path / "out" / "peers.parquet").counts.equals(written.peers.counts)
    assert told[-1] == ("features", 1.0, len(records))


def test_other_files_are_split_by_sim_first(records, tmp_path, monkeypatch):
    monkeypatch.setattr(feature_files, "BUCKET", 250)
    (tmp_path / "in").mkdir()
    for i in range(3):
        records[i::3].write_parquet(tmp_path / "in" / f"{i}.parquet")
    written = features_folder(tmp_path / "in", tmp_path / "out", timezone="Asia/Tokyo")
    assert written.parts > 2
    assert read(tmp_path / "out").equals(session_features(records, timezone="Asia/Tokyo").sort(KEY))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_a_run_that_fails_leaves_nothing(folder, tmp_path):
    (tmp_path / "in").mkdir()
    pl.DataFrame({"sim_id": ["a"]}).write_parquet(tmp_path / "in" / "x.parquet")
    with pytest.raises(fastrcf.InvalidInputError, match="no column 'start_ts'"):
        features_folder(tmp_path / "in", tmp_path / "out")
    with pytest.raises(fastrcf.InvalidInputError, match="there is no"):
        features_folder(tmp_path / "nothing", tmp_path / "out")
    (tmp_path / "there").mkdir()
    with pytest.raises(fastrcf.InvalidParameterError, match="is there already"):
        features_folder(folder, tmp_path / "there")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "there"]


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "", "PAR1" + 40 * "x" + "PAR1"])
def test_a_file_that_is_no_parquet_is_named(tmp_path, content):
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(content)
    with pytest.raises(fastrcf.InvalidInputError, match=r"wrong.csv is no Parquet file"):
        features_folder(wrong, tmp_path / "out")
    wrong.rename(tmp_path / "wrong.parquet")
    with pytest.raises(fastrcf.InvalidInputError, match=r"wrong.parquet is no Parquet file"):
        features_folder(tmp_path, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.parquet"]


def test_the_command(records, folder, tmp_path):
    def run(*arguments):
        return CliRunner().invoke(app, ["sessions", "features", *map(str, arguments)])

    first = run(folder, "-o", tmp_path / "a", "--group", "family", "--json")
    assert first.exit_code == 0, first.output
    facts = json.loads(first.output)
    assert (facts["rows"], facts["features"]) == (len(records), len(NAMES))
    peers = tmp_path / "a" / "peers.parquet"
    names = "bytes_z,log_bytes"
    second = run(folder, "-o", tmp_path / "b", "--peers", peers, "--columns", names)
    assert second.exit_code == 0, second.output
    expected = session_features(records, group="family", features=names.split(","))
    assert read(tmp_path / "b").equals(expected.sort(KEY))
    alone = run(folder, "-o", tmp_path / "c", "--no-peers", "--timezone", "Europe/Berlin")
    assert alone.exit_code == 0, alone.output
    assert read(tmp_path / "c").columns[-1] == OWN_NAMES[-1]
    assert not (tmp_path / "c" / "peers.parquet").exists()
    assert run(folder, "-o", tmp_path / "d", "--no-peers", "--peers", peers).exit_code == 2


def test_the_document_has_the_catalogue():
    assert catalogue() in DOCS.read_text()
