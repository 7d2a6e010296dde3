"""From files to files, and the command line."""

import json
import os

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fastrcf.cli import main
from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.telecom.identifiers import create_key
from fastrcf.telecom.loading import load, load_files
from fastrcf.telecom.schema import arrow_schema
from tests.telecom.source_rows import canonical, table

KEY = "a key that is only for these tests, long enough"
# Identifiers that must be found nowhere.
SIM, DEVICE = "262019998887776", "35999888777666"


def rows(n=400):
    return [
        {
            "chargingID": f"c{i // 2}",
            "servedIMSI": SIM if i // 2 % 40 == 0 else f"2620100000{i // 2 % 40:05}",
            "servedIMEISV": DEVICE + "01",
            "recordSequenceNumber": i % 2,
            "START_TIME": f"2026-05-0{1 + i // 2 % 3} 10:0{i % 2}:00",
            "DURATION_SEC": 60,
            "UPLINK_BYTES": i,
            "DOWNLINK_BYTES": 1,
            "ULI_MCC": "262",
            "ULI_MNC": "01",
        }
        for i in range(n)
    ]


@pytest.fixture
def folder(tmp_path):
    """Records in files of each format, the parts of a session in several."""
    place = tmp_path / "in"
    place.mkdir()
    frame = pl.DataFrame(rows())
    frame[0::4].write_csv(place / "a.csv")
    frame[1::4].write_ndjson(place / "b.jsonl")
    frame[2::4].write_parquet(place / "c.parquet")
    frame[3::4].write_ipc(place / "d.arrow")
    return place


def written(out):
    return pl.concat([pl.read_parquet(p) for p in sorted(out.rglob("*.parquet"))])


def everything(out):
    return b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())


def test_files_give_what_memory_gives(folder, tmp_path):
    out = tmp_path / "out"
    report = load_files(folder, out, key=KEY, buckets=4)
    whole = load(pl.DataFrame(rows()), key=KEY)
    order = ["start_ts", "sim_id", "session_id"]
    text = [pl.col(pl.Categorical).cast(pl.String)]
    assert (
        written(out)
        .sort(order)
        .with_columns(text)
        .equals(whole.sessions.sort(order).with_columns(text))
    )
    assert (report.read, report.kept, report.stitched) == (400, 200, 200)
    # A SIM is in parts of one number, a file holds one day, in order.
    parts: dict[str, set[str]] = {}
    for path in out.rglob("*.parquet"):
        table = pq.read_table(path, partitioning=None)
        assert table.schema.equals(arrow_schema())
        frame = pl.DataFrame(table)
        assert frame["start_ts"].dt.date().cast(pl.String).unique().to_list() == [
            path.parent.name.removeprefix("date=")
        ]
        assert frame.equals(frame.sort("start_ts", "sim_id", "session_id"))
        for sim in frame["sim_id"].unique():
            parts.setdefault(sim, set()).add(path.name)
    assert all(len(names) == 1 for names in parts.values())
    assert len(set().union(*parts.values())) > 1
    assert sorted(p.name for p in out.iterdir()) == ["load.json", "sessions"]


def test_identifiers_are_found_nowhere(folder, tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("FASTRCF_IDENTIFIER_KEY", KEY)
    bad = [row | {"UPLINK_BYTES": -1, "chargingID": row["servedIMSI"]} for row in rows(3)]
    pl.DataFrame(bad).write_csv(folder / "e.csv")
    (folder / "f.csv").write_text(",".join(rows(1)[0]) + f"\n{SIM},{DEVICE}\n")
    out, aside = tmp_path / "out", tmp_path / "aside.csv"
    code = main(["sessions", "load", str(folder), "-o", str(out), "--put-aside", str(aside)])
    told = "".join(capfd.readouterr())
    assert code == 0, told
    assert "3 unreadable, negative or absurd bytes" in told
    assert "1 not a record" in told
    table = pl.read_csv(aside)
    assert table.height == 3
    # Compressed pages hide text: the values are read as well.
    values = str(written(out).to_dicts()) + aside.read_text() + told
    for secret in (SIM, DEVICE, KEY):
        assert secret not in values
        assert secret.encode() not in everything(out)


def test_no_identifier_in_errors(tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("FASTRCF_IDENTIFIER_KEY", KEY)
    headless = tmp_path / "headless.csv"
    headless.write_text(f"{SIM},{DEVICE},1\n" * 3)
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"imsi_of_sim": SIM, "start": "x"}) + "\n")
    for path in (headless, other):
        out = tmp_path / "out"
        assert main(["sessions", "load", str(path), "-o", str(out)]) == 1
        told = "".join(capfd.readouterr())
        assert SIM not in told
        assert not out.exists()


def test_nothing_is_left_of_a_load_that_failed(folder, tmp_path):
    (folder / "z.parquet").write_bytes(b"PAR1 damaged")
    out = tmp_path / "out"
    with pytest.raises(InvalidInputError, match=r"z\.parquet"):
        load_files(folder, out, key=KEY)
    assert not out.exists()
    out.mkdir()
    with pytest.raises(InvalidInputError):
        load_files(folder, out, key=KEY, put_aside=tmp_path / "aside.parquet")
    assert list(out.iterdir()) == []
    assert not (tmp_path / "aside.parquet").exists()


def test_a_load_does_not_write_over_another(folder, tmp_path):
    load_files(folder, tmp_path / "out", key=KEY)
    match = r"there already.*load all files together into another folder"
    with pytest.raises(InvalidInputError, match=match):
        load_files(folder, tmp_path / "out", key=KEY)


def test_what_came_later_belongs_to_a_load_of_all_files(tmp_path):
    """What the message advises: parts in files of two days become one session."""
    for part in (0, 1):
        pl.DataFrame(rows(80)[part::2]).write_csv(tmp_path / f"day{part}.csv")
    one = load_files(tmp_path / "day0.csv", tmp_path / "one", key=KEY)
    both = load_files(tmp_path / "day*.csv", tmp_path / "both", key=KEY)
    assert (one.kept, both.kept, both.stitched) == (40, 40, 40)
    assert (
        written(tmp_path / "one")["bytes_up"].sum() < written(tmp_path / "both")["bytes_up"].sum()
    )


def test_command_line(folder, tmp_path, capfd, monkeypatch):
    monkeypatch.delenv("FASTRCF_IDENTIFIER_KEY", raising=False)
    out = tmp_path / "out"
    words = ["sessions", "load", str(folder), "-o", str(out)]
    assert main(words) == 1
    assert "fastrcf sessions key" in capfd.readouterr().err
    key = tmp_path / "key"
    assert main(["sessions", "key", "-o", str(key)]) == 0
    capfd.readouterr()
    assert main([*words, "--key-file", str(key), "--json", "--buckets", "2"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert (report["kept"], report["schema"], report["identifiers_hashed"]) == (200, "pgw", True)
    assert json.loads((out / "load.json").read_text()) == report
    assert main([*words, "--key-file", str(key), "--plain-identifiers"]) == 2
    plain = ["sessions", "load", str(folder), "-o", str(tmp_path / "p"), "--plain-identifiers"]
    assert main(plain) == 0
    assert SIM in written(tmp_path / "p")["sim_id"].to_list()
    assert main([*plain[:-2], str(tmp_path / "q"), "--column", "nonsense"]) == 2


def test_columns_by_name_and_ultiroam(tmp_path, capfd):
    key = tmp_path / "key"
    create_key(key)
    log = tmp_path / "R2D2.csv"
    log.write_text(
        "19-03-2025;17:12:43;0;iot;192.0.2.2;0;816;84;34000;89330174113293896090;;20801;983;"
        "10210052;LTEB20;208016905009071\n"
    )
    words = ["sessions", "load", str(log), "-o", str(tmp_path / "o"), "--key-file", str(key)]
    assert main([*words, "--timezone", "Europe/Paris", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["schema"] == "ultiroam"
    pl.DataFrame(rows(4)).rename({"servedIMSI": "MY_COL"}).write_csv(tmp_path / "m.csv")
    words = ["sessions", "load", str(tmp_path / "m.csv"), "-o", str(tmp_path / "m")]
    assert main([*words, "--key-file", str(key)]) == 1
    assert "sim_id" in capfd.readouterr().err
    assert main([*words, "--key-file", str(key), "--column", "sim_id=MY_COL"]) == 0


def test_json_of_arrays_and_broken_lines(tmp_path):
    records = [
        {"id": i, "sim_id": f"47{i}", "start_timestamp": "2026-05-01T10:00:00Z",
         "end_timestamp": "2026-05-01T10:01:00Z", "volume": {"tx": 1, "rx": 2}}
        for i in range(3)
    ]  # fmt: skip
    (tmp_path / "array.json").write_text(json.dumps(records, indent=1))
    lines = [json.dumps(records[0]), "{broken", json.dumps(records[1:])]
    (tmp_path / "lines.jsonl").write_text("\n".join(lines))
    report = load_files(tmp_path / "array.json", tmp_path / "a", key=KEY)
    assert (report.read, report.kept) == (3, 3)
    report = load_files(tmp_path / "lines.jsonl", tmp_path / "b", key=KEY)
    assert (report.read, report.kept, report.aside) == (4, 3, 1)


def test_volumes_with_fractions_need_a_unit(tmp_path):
    frame = pl.DataFrame(rows(2)).with_columns(UPLINK_BYTES=pl.lit(0.25))
    with pytest.raises(InvalidInputError, match="volume-unit"):
        load(frame, key=KEY)
    assert load(frame, key=KEY, volume_unit=1000).sessions["bytes_up"].to_list() == [500]


def test_what_is_in_bytes_takes_no_unit(folder, tmp_path, capfd):
    plain = [canonical(bytes_up=5)]
    with pytest.raises(InvalidParameterError, match=r"volume-unit.*bytes"):
        load(table(plain), key=KEY, volume_unit=1000)
    assert load(table(plain), key=KEY, volume_unit=1).sessions["bytes_up"].to_list() == [5]
    pl.DataFrame(plain).write_csv(tmp_path / "plain.csv")
    words = ["sessions", "load", str(tmp_path / "plain.csv"), "-o", str(tmp_path / "o")]
    assert main([*words, "--plain-identifiers", "--volume-unit", "1000"]) != 0
    assert "--volume-unit" in capfd.readouterr().err
    assert not (tmp_path / "o").exists()


def test_a_file_that_fits_no_source_is_named(tmp_path, capfd):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.csv").write_text("a,b\n1,2\n")
    words = ["sessions", "load", str(tmp_path / "in"), "-o", str(tmp_path / "o")]
    assert main([*words, "--plain-identifiers"]) == 1
    told = capfd.readouterr().err
    assert f"{tmp_path / 'in' / 'bad.csv'}: the columns fit none of" in told


@pytest.mark.parametrize("days", ["nan", "inf"])
def test_days_that_are_none_are_refused(folder, tmp_path, capfd, days):
    words = ["sessions", "load", str(folder), "-o", str(tmp_path / "o"), "--max-days", days]
    assert main([*words, "--plain-identifiers"]) == 2
    assert f"'--max-days': {days} is not" in capfd.readouterr().err


def test_arrow_and_pandas_tables():
    frame = pl.DataFrame(rows(10))
    first = load(frame, key=KEY).sessions
    assert first.equals(load(frame.to_arrow(), key=KEY).sessions)
    assert first.equals(load(frame.to_pandas(), key=KEY).sessions)
    assert isinstance(frame.to_arrow(), pa.Table)


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
def test_a_key_that_others_can_read_is_refused(folder, tmp_path, capfd):
    key = tmp_path / "key"
    create_key(key)
    key.chmod(0o640)
    words = ["sessions", "load", str(folder), "-o", str(tmp_path / "o"), "--key-file", str(key)]
    assert main(words) == 1
    assert "chmod 600" in capfd.readouterr().err
