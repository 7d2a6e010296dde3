"""Lists of SIMs and of cells beside the records; all identifiers are made up."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrcf.cli import main
from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.telecom import loading
from fastrcf.telecom.identifiers import KeyedHash
from fastrcf.telecom.loading import load, load_files

KEY = KeyedHash("a key that is only for these tests, long enough")
T0 = 1_790_000_000
ICCID = "8988228530100000215"  # with its check digit, which hashes leave out
TEXT = [pl.col(pl.Categorical).cast(pl.String)]


def imsi(number):
    return f"26201{number:010}"


def record(number, sim, cell="00", **more):
    """Write a RADIUS packet of a SIM in a cell, of which it gives the last octet."""
    return {
        "Acct-Session-Id": f"s{number}",
        "Acct-Status-Type": "Stop",
        "3GPP-IMSI": sim,
        "Event-Timestamp": T0 + number,
        "Acct-Session-Time": 1,
        "Acct-Input-Octets": 5,
        "Acct-Output-Octets": 6,
        "3GPP-User-Location-Info": f"8262f210000162f210000000{cell}",
    } | more


RECORDS = [record(i, imsi(i % 5), f"0{i % 3 + 1}") for i in range(30)]
SIMS = pl.DataFrame(
    {
        "IMSI": [imsi(i) for i in (0, 1, 2, 9, 1)] + [None],
        "device_type": ["meter", "tracker", None, "camera", "alarm", "pos"],
        "customer": ["c0", "c1", "c2", "c9", "c8", "c7"],
    }
)
CELLS = pl.DataFrame(
    {
        "cell": ["262-01-1-1", "262-01-1-2", "262-01-1-2", "262-01-1-9", "262-01-1-3"],
        "lat": ["50.5", "51.5", "0", "52.5", "95"],
        "lon": ["6.5", "7.5", "0", "8.5", "9.5"],
    }
)


def by_sim(sessions, column):
    names = {KEY.digest(imsi(i), "sim"): i for i in range(5)}
    return {
        names[sim]: value
        for sim, value in sessions.group_by("sim_id").agg(pl.col(column).first()).iter_rows()
    }


def written(out):
    frames = [pl.read_parquet(p, hive_partitioning=False) for p in sorted(out.rglob("*.parquet"))]
    return pl.concat([frame.with_columns(TEXT) for frame in frames])


def test_sims_are_described():
    loaded = load(pl.DataFrame(RECORDS), key=KEY, sims=SIMS)
    assert by_sim(loaded.sessions, "family") == {
        0: "meter", 1: "tracker", 2: None, 3: None, 4: None,
    }  # fmt: skip
    assert by_sim(loaded.sessions, "customer") == {0: "c0", 1: "c1", 2: "c2", 3: None, 4: None}
    told = loaded.report.lists["sims"]
    assert (told.rows, told.found, told.missing, told.repeated, told.unusable) == (6, 3, 2, 1, 1)
    assert "3 of 5 SIMs found" in str(loaded.report)
    assert loaded.report.to_dict()["lists"]["sims"]["missing"] == 2


def test_the_list_holds_before_the_records_where_it_says_something():
    rows = [row | {"family": "old", "customer": "own"} for row in RECORDS]
    sessions = load(pl.DataFrame(rows), key=KEY, sims=SIMS).sessions
    assert by_sim(sessions, "family") == {0: "meter", 1: "tracker", 2: "old", 3: "old", 4: "old"}
    assert by_sim(sessions, "customer")[3] == "own"


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl", "arrow"])
def test_files_of_lists_give_what_tables_give(tmp_path, form):
    write = {"csv": "write_csv", "parquet": "write_parquet", "jsonl": "write_ndjson",
             "arrow": "write_ipc"}[form]  # fmt: skip
    pl.DataFrame(RECORDS).write_csv(tmp_path / "records.csv")
    sims, cells = tmp_path / f"sims.{form}", tmp_path / f"cells.{form}"
    getattr(SIMS, write)(sims)
    getattr(CELLS, write)(cells)
    whole = load(pl.DataFrame(RECORDS), key=KEY, sims=SIMS, cells=CELLS)
    report = load_files(
        tmp_path / "records.csv", tmp_path / "out", key=KEY, sims=sims, cells=cells, buckets=7
    )
    order = ["start_ts", "sim_id"]
    assert written(tmp_path / "out").sort(order).equals(whole.sessions.with_columns(TEXT))
    for name, told in report.lists.items():
        expected = whole.report.to_dict()["lists"][name]
        assert report.to_dict()["lists"][name] == expected | {"file": told.file}
    assert json.loads((tmp_path / "out" / "load.json").read_text()) == report.to_dict()


@settings(max_examples=max(12, settings.default.max_examples // 2))
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=20),
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abc")), min_size=1, max_size=20),
    st.booleans(),
)
def test_the_first_row_of_a_sim_holds(of_records, listed, hashed):
    rows = [record(i, imsi(sim)) for i, sim in enumerate(of_records)]
    sims = pl.DataFrame({"sim": [imsi(s) for s, _ in listed], "family": [f for _, f in listed]})
    known = dict(reversed(listed))
    options = {"key": KEY} if hashed else {"hash_identifiers": False}
    if not known.keys() & set(of_records):
        with pytest.raises(InvalidInputError, match="none of the"):
            load(pl.DataFrame(rows), sims=sims, **options)
        return
    loaded = load(pl.DataFrame(rows), sims=sims, **options)
    assert loaded.sessions["family"].to_list() == [known.get(sim) for sim in of_records]
    told = loaded.report.lists["sims"]
    assert told.repeated == len(listed) - len(known)
    assert told.found == len(known.keys() & set(of_records))
    assert told.missing == len(set(of_records) - known.keys())


@pytest.mark.parametrize("hashed", [True, False])
def test_spellings_of_a_sim_are_one(tmp_path, hashed):
    pl.DataFrame([record(0, ICCID), record(1, imsi(1))]).write_csv(tmp_path / "r.csv")
    sims = pl.DataFrame({"iccid": [f" {ICCID[:-1]}", imsi(1)], "family": ["meter", "pos"]})
    options = {"key": KEY} if hashed else {"hash_identifiers": False}
    load_files(tmp_path / "r.csv", tmp_path / "out", sims=sims, buckets=50, **options)
    assert set(written(tmp_path / "out")["family"]) == {"meter", "pos"}


def test_cells_have_places():
    loaded = load(pl.DataFrame(RECORDS), key=KEY, cells=CELLS)
    places = {
        cell: (lat, lon)
        for cell, lat, lon in loaded.sessions.select("cell", "cell_lat", "cell_lon").iter_rows()
    }
    # The first row of a cell holds; what is no place is none.
    assert places == {
        "262-01-1-1": (50.5, 6.5), "262-01-1-2": (51.5, 7.5), "262-01-1-3": (None, None),
    }  # fmt: skip
    told = loaded.report.lists["cells"]
    assert (told.rows, told.found, told.missing, told.repeated, told.unusable) == (5, 2, 1, 1, 1)


def test_a_place_of_the_list_is_taken_whole():
    rows = [record(0, imsi(0), "01", cell_lat=1.0), record(1, imsi(1), "09", cell_lat=1.0)]
    cells = CELLS.head(1)
    sessions = load(pl.DataFrame(rows), key=KEY, cells=cells).sessions
    assert sessions.select("cell_lat", "cell_lon").rows() == [(50.5, 6.5), (1.0, None)]


def test_cells_in_parts_and_cells_without_an_area():
    bare = "8162f210000000{}"  # an ECGI: no area
    rows = [
        record(0, imsi(0), "01"),
        record(1, imsi(0), **{"3GPP-User-Location-Info": bare.format("02")}),
        record(2, imsi(0), **{"3GPP-User-Location-Info": bare.format("03")}),
    ]
    # The columns of OpenCelliD; cell 3 is in two areas, so its number does not name it.
    cells = pl.DataFrame(
        [(262, 1, 1, 1, 6.5, 50.5), (262, 1, 7, 2, 7.5, 51.5), (262, 1, 1, 3, 8.5, 52.5),
         (262, 1, 2, 3, 9.5, 53.5)],
        schema=["mcc", "net", "area", "cell", "lon", "lat"], orient="row",
    )  # fmt: skip
    loaded = load(pl.DataFrame(rows), key=KEY, cells=cells)
    sessions = loaded.sessions.select("cell", "cell_lat", "visited_plmn")
    assert sessions.rows() == [
        ("262-01-1-1", 50.5, "262-01"),
        ("262-01--2", 51.5, "262-01"),
        ("262-01--3", None, "262-01"),
    ]
    assert loaded.report.lists["cells"].missing == 1


def test_the_operator_of_a_cell_fills_one_that_is_not_known():
    row = record(0, imsi(0)) | {"cell": "x-1", "3GPP-User-Location-Info": None}
    cells = pl.DataFrame({"cell": ["x-1"], "lat": [1.0], "lon": [2.0], "operator": ["26203"]})
    sessions = load(pl.DataFrame([row]), key=KEY, cells=cells).sessions
    assert sessions.select("cell_lon", "visited_plmn").rows() == [(2.0, "262-03")]


def test_lists_of_something_else_are_refused(tmp_path):
    frame = pl.DataFrame(RECORDS)
    other = tmp_path / "other.csv"
    pl.DataFrame({"iccid": [ICCID], "family": ["meter"]}).write_csv(other)
    match = r"other\.csv: it has none of the 5 SIMs .*'3GPP-IMSI'.*'iccid'.*--sims-column"
    with pytest.raises(InvalidInputError, match=match):
        load(frame, key=KEY, sims=other)
    with pytest.raises(InvalidInputError, match=r"none of the 3 cells.*such as 262-01-1-1"):
        load(frame, key=KEY, cells=pl.DataFrame({"cell": ["x"], "lat": [1.0], "lon": [1.0]}))
    no_cell = frame.drop("3GPP-User-Location-Info")
    assert "was not used" in load(no_cell, key=KEY, cells=CELLS).report.notes[-1]
    with pytest.raises(InvalidParameterError, match=r"--sims-column.* without --sims"):
        load(frame, key=KEY, sims_columns={"sim_id": "x"})


def test_what_a_list_lacks_is_named_with_what_is_near(tmp_path):
    place = tmp_path / "stock.csv"
    pl.DataFrame({"imsii": [imsi(0)], "familly": ["meter"]}).write_csv(place)
    records = tmp_path / "records.csv"
    pl.DataFrame(RECORDS).write_csv(records)
    match = (
        r"stock\.csv: a list of SIMs without sim_id .*nearest here: imsii.*"
        r"family.*nearest here: familly.*--sims-column sim_id=MY_COLUMN"
    )
    with pytest.raises(InvalidInputError, match=match):
        load_files(records, tmp_path / "out", key=KEY, sims=place)
    assert not (tmp_path / "out").exists()
    columns = {"sim_id": "imsii", "family": "FAMILLY"}
    load_files(records, tmp_path / "out", key=KEY, sims=place, sims_columns=columns)
    assert "meter" in written(tmp_path / "out")["family"].to_list()
    with pytest.raises(InvalidInputError, match=r"without cell_lat .*nearest here: .*latitud\)"):
        load(
            pl.DataFrame(RECORDS), key=KEY,
            cells=pl.DataFrame({"cell": ["1"], "latitud": [1], "lon": [1]}),
        )  # fmt: skip
    empty = tmp_path / "empty.csv"
    empty.write_text("imsi,family\n")
    with pytest.raises(InvalidInputError, match=r"empty\.csv.*without rows"):
        load(pl.DataFrame(RECORDS), key=KEY, sims=empty)


def test_the_command_line_writes_no_identifier(tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("FASTRCF_IDENTIFIER_KEY", "a key that is only for these tests, long enough")
    records, sims, cells = (tmp_path / name for name in ("r.csv", "s.csv", "c.csv"))
    pl.DataFrame(RECORDS).write_csv(records)
    broken = f"{imsi(3)}\n"
    sims.write_text(SIMS.rename({"IMSI": "MY_SIM"}).write_csv() + broken)
    CELLS.rename({"lat": "y"}).write_csv(cells)
    out = tmp_path / "out"
    words = ["sessions", "load", str(records), "-o", str(out), "--sims", str(sims)]
    words += ["--cells", str(cells)]
    assert main(words) == 1
    told = "".join(capfd.readouterr())
    assert "--sims-column sim_id" in told
    words += ["--sims-column", "sim_id=MY_SIM"]
    assert main(words) == 1
    told += "".join(capfd.readouterr())
    assert "--cells-column cell_lat" in told
    words += ["--cells-column", "cell_lat=y"]
    assert main(words) == 0
    told += "".join(capfd.readouterr())
    assert "3 of 5 SIMs found in 7 rows, 2 not; rows repeated: 1, unusable: 2" in told
    sims.write_text("\n".join(f"{imsi(i)},meter" for i in range(3)))
    assert main([*words[:3], "-o", str(tmp_path / "x"), "--sims", str(sims)]) == 1
    told += "".join(capfd.readouterr())
    values = told + str(written(out).to_dicts()) + (out / "load.json").read_text()
    for number in (*range(5), 9):
        assert imsi(number) not in values
    assert sorted(p.name for p in out.iterdir()) == ["load.json", "sessions"]


def test_a_long_list_makes_more_buckets(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "_BUCKET_BYTES", 4096)
    records, sims = tmp_path / "r.csv", tmp_path / "s.csv"
    pl.DataFrame(RECORDS[:10]).write_csv(records)
    numbers = range(2000)
    pl.DataFrame({"imsi": [imsi(i) for i in numbers], "family": ["meter"] * 2000}).write_csv(sims)
    load_files(records, tmp_path / "a", key=KEY)
    load_files(records, tmp_path / "b", key=KEY, sims=sims)
    assert len({p.name for p in (tmp_path / "a").rglob("*.parquet")}) == 1
    assert len({p.name for p in (tmp_path / "b").rglob("*.parquet")}) > 1
    assert set(written(tmp_path / "b")["family"]) == {"meter"}
