"""From files to rows: formats, folders, and what is wrong with them."""

import gzip
import io
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrcf.container import channels, csv_rows
from fastrcf.container.csv_rows import CsvRows
from fastrcf.container.reader import ChannelRows
from fastrcf.container.recordio_rows import Unwrapped
from fastrcf.errors import InvalidInputError
from fastrcf.sagemaker import encode_recordio
from tests.container.jobs import Job, as_csv, labelled, usual

RECORDIO = "application/x-recordio-protobuf"
PARQUET = "application/x-parquet"


def read(job, channel="train", **options):
    found = channels.parse(job.channels, job.root / "input" / "data")[channel]
    rows = ChannelRows(found, **options)
    batches = list(rows)
    labels = [batch.labels for batch in batches]
    return (
        rows,
        np.concatenate([batch.values for batch in batches]),
        None if labels[0] is None else np.concatenate(labels),
    )


def refused(job, **options):
    with pytest.raises(InvalidInputError) as told:
        read(job, **options)
    return str(told.value)


def parquet(columns, **options):
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, **options)
    return out.getvalue()


def csv(text, *, chunk=None, label_size=0, keep=False, header=False):
    rows = CsvRows(io.BytesIO(text), "f", label_size=label_size, keep_labels=keep, header=header)
    batches = list(rows)
    return np.concatenate([b.values for b in batches]) if batches else None


def test_folders_in_order_without_hidden_empty_and_manifest_files(tmp_path):
    job = Job(tmp_path)
    parts = {"b/part-1.csv": 1.0, "a.csv": 0.0, "b/part-2.csv": 2.0, "c/d/e.csv": 3.0}
    for name, value in parts.items():
        job.file(name, as_csv([[value, value]]))
    for name in ("_SUCCESS", ".hidden.csv", "b/.x/y.csv", "run.manifest", "_t/z.csv"):
        job.file(name, "7,7\n")
    job.file("b/empty.csv", "").file("b/blank.csv", "\n \n\n")
    rows, values, _ = read(job)
    np.testing.assert_array_equal(values[:, 0], [0, 1, 2, 3])
    assert (rows.n_rows, rows.width, rows.n_files, rows.n_passed) == (4, 2, 5, 6)


def test_every_format_gives_the_same_rows(tmp_path):
    x = usual(500, 4).astype(np.float32)
    made = {
        "text/csv": ("x.csv", as_csv(x).encode()),
        RECORDIO: ("x.pbr", encode_recordio(x)),
        PARQUET: ("x.parquet", parquet({f"c{j}": x[:, j] for j in range(4)}, row_group_size=100)),
    }
    for i, (kind, (name, data)) in enumerate(made.items()):
        for content_type in (kind, None):
            for packed in (False, True):
                job = Job(tmp_path / f"{i}{content_type is None}{packed}")
                if packed and kind == PARQUET:
                    continue
                data_ = gzip.compress(data) if packed else data
                job.file(name + (".gz" if packed else ""), data_)
                job.channel("train", content_type)
                _, values, labels = read(job)
                np.testing.assert_array_equal(values.astype(np.float32), x)
                assert labels is None


def test_gzip_is_seen_by_its_bytes_and_may_have_several_members(tmp_path):
    x = usual(20, 2)
    data = gzip.compress(as_csv(x[:5]).encode()) + gzip.compress(as_csv(x[5:]).encode())
    job = Job(tmp_path).file("part-0000", data)
    np.testing.assert_array_equal(read(job)[1], x)


def test_labels_of_every_format(tmp_path):
    rows = labelled(30, 3)
    marks, x = rows[:, 0], rows[:, 1:]
    columns = {"is_fraud": marks.astype(np.int8), **{f"c{j}": x[:, j] for j in range(3)}}
    for name, data, kind in (
        ("t.csv", as_csv(rows).encode(), "text/csv"),
        ("t.pbr", encode_recordio(x, marks), RECORDIO),
        ("t.parquet", parquet(columns), PARQUET),
    ):
        job = Job(tmp_path / name).channel()
        job.test_channel(kind).file(name, data, "test")
        _, values, labels = read(job, "test", keep_labels=True)
        np.testing.assert_array_equal(values, x)
        np.testing.assert_array_equal(labels, marks == 1)


def test_labels_that_nobody_asks_for_may_be_anything(tmp_path):
    job = Job(tmp_path).channel("train", "text/csv;label_size=1")
    job.file("a.csv", "fraud,1,2\n,3,4\n7,5,6\n")
    _, values, labels = read(job)
    np.testing.assert_array_equal(values, [[1, 2], [3, 4], [5, 6]])
    assert labels is None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("1,2\n3,x\n", "train/a.csv: row 1 (line 2), column 1: the text is not a number"),
        ("1,2\n\n3,\n", "train/a.csv: row 1 (line 3), column 1: the value is missing"),
        ("1,2\n3,nan\n", "row 1 (line 2), column 1: the value is not finite"),
        ("1,2\n3,-inf\n", "row 1 (line 2), column 1: the value is not finite"),
        ("1,2\n3,1e31\n", "row 1 (line 2), column 1: the value is beyond 1e+30"),
        ("1,2\n3\n", "row 1 (line 2): expected 2 fields, found 1"),
        ("1,2\n3,4,5\n", "row 1 (line 2): expected 2 fields, found 3"),
        ("amount,items\n1,2\n", "row 0 (line 1): the line holds text and no number"),
        ("1;2\n3;4\n", "are there other delimiters than commas?"),
        ("1,2\r\n3,true\r\n", "row 1 (line 2), column 1: the text is not a number"),
        ("1,2\n3," + "9" * 200_000 + "\n", "row 1 (line 2): expected 2 fields, found 1"),
        ('1,2\n3,"4\n5,6\n', "row 1 (line 2): expected 2 fields, found 1"),
        ('1,2\n3,"4', "row 1 (line 2): expected 2 fields, found 1"),
        ("1,1_0\n", "row 0 (line 1), column 1: the text is not a number"),
        ("\n\n", "channel 'train': there are no rows"),
    ],
)
def test_bad_csv_is_named_by_file_row_line_and_column(tmp_path, data, why):
    assert why in refused(Job(tmp_path).file("a.csv", data))


def test_no_value_of_a_row_is_told(tmp_path):
    for i, data in enumerate(("1,secret-7\n", "4711,2\n0815,99e99\n", "4711\n0815,1\n")):
        told = refused(Job(tmp_path / str(i)).file("a.csv", data))
        assert not any(value in told for value in ("secret", "4711", "0815", "99"))


def test_rows_and_lines_count_over_chunks(monkeypatch):
    monkeypatch.setattr(csv_rows, "_CHUNK", 64)
    good = "".join(f"{i},{i}\n" + ("\n" if i % 7 == 0 else "") for i in range(500))
    np.testing.assert_array_equal(csv(good.encode())[:, 0], np.arange(500))
    with pytest.raises(InvalidInputError, match=r"row 500 \(line 573\), column 0: .* not a num"):
        csv((good + "x,1\n").encode())


def test_a_line_without_end_is_not_held_for_ever(monkeypatch):
    monkeypatch.setattr(csv_rows, "_CHUNK", 64)
    monkeypatch.setattr(csv_rows, "_LONGEST_LINE", 1000)
    with pytest.raises(InvalidInputError, match="a line is longer than"):
        csv(b"1" * 5000)


@pytest.mark.parametrize(
    "text",
    [b"1,2\r\n3,4", b"\xef\xbb\xbf1,2\n3,4\n", b'"1","2"\n3,4\n', b"1,2\r3,4\r", b" 1, 2\n+3,4."],
)
def test_ways_to_write_csv(text):
    np.testing.assert_array_equal(csv(text), [[1, 2], [3, 4]])


numbers = st.floats(-1e30, 1e30, allow_subnormal=False) | st.integers(-(10**9), 10**9)
tables = st.integers(1, 5).flatmap(
    lambda d: st.lists(st.lists(numbers, min_size=d, max_size=d), min_size=1, max_size=30)
)


@given(tables, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.sampled_from(["", "\n", "  \n"]))
def test_any_shape_of_csv_comes_through_whole(table, end, closed, between):
    lines = [",".join(map(repr, row)) for row in table]
    text = (end + between).join(lines) + (end if closed else "")
    np.testing.assert_array_equal(csv(text.encode()), np.array(table, dtype=float))


@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_refused(data):
    try:
        values = csv(data)
    except InvalidInputError:
        return
    assert values is None or np.abs(values).max() <= 1e30


def test_a_header_names_the_columns_where_it_is_told(tmp_path):
    job = Job(tmp_path).file("a.csv", "amount,items\n1,2\n").file("b.csv", "amount,items\n3,4\n")
    rows, values, _ = read(job, csv_header=True)
    assert rows.names == ("amount", "items")
    np.testing.assert_array_equal(values, [[1, 2], [3, 4]])
    job.file("c.csv", "amount,price\n5,6\n")
    assert "c.csv: column 1: the column is named 'price', but 'items' before" in refused(
        job, csv_header=True
    )


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("1,2\n3,4\n", "the first line holds numbers"),
        ("a,a\n1,2\n", "two columns are named 'a'"),
        ("a,b\n1,x\n", "row 0 (line 2), column 'b': the text is not a number"),
        ("a,b\n1\n", "row 0 (line 2): expected 2 fields, found 1"),
        ("a,b\n", "there are no rows"),
    ],
)
def test_bad_headers(tmp_path, data, why):
    assert why in refused(Job(tmp_path).file("a.csv", data), csv_header=True)


def test_widths(tmp_path):
    job = Job(tmp_path / "a").file("a.csv", "1,2\n").file("b.csv", "1,2,3\n")
    assert "train/b.csv: 3 columns, but 2 in rows before it" in refused(job)
    job = Job(tmp_path / "b").file("a.csv", "0,1,2\n")
    told = refused(job, width=2)
    assert "a.csv: 3 columns, but feature_dim is 2; if the first is a label" in told
    job = Job(tmp_path / "c").channel("train", "text/csv;label_size=1").file("a.csv", "1,2\n")
    assert "the first is taken for a label" in refused(job, width=2)
    job = Job(tmp_path / "d").channel("train", "text/csv;label_size=1").file("a.csv", "1\n2\n")
    assert "no column beside the label" in refused(job)


@pytest.mark.parametrize("bad", ["2", "0.5", "-1", "nan", "x", ""])
def test_bad_labels_of_csv(tmp_path, bad):
    job = Job(tmp_path).channel().test_channel().file("t.csv", f"1,5\n{bad},6\n", "test")
    told = refused(job, channel="test", keep_labels=True)
    assert told == "test/t.csv: row 1 (line 2), column 0: the label is neither 0 nor 1"


def test_bad_records(tmp_path):
    x = usual(3, 2)
    cases = {
        "cut": (encode_recordio(x)[:-3], "train/a.pbr: "),
        "nan": (
            encode_recordio([[1.0, np.nan]]),
            "a.pbr: row 0, column 1: the value is not finite",
        ),
        "csv": (b"1,2\n3,4\n", "a.pbr: "),
        "wide": (encode_recordio(x) + encode_recordio(x[:, :1]), "a.pbr: "),
        "parquet": (parquet({"a": [1.0]}), "expected RecordIO, but this is Parquet"),
    }
    for name, (data, why) in cases.items():
        job = Job(tmp_path / name).channel("train", RECORDIO).file("a.pbr", data)
        assert why in refused(job), name
    job = Job(tmp_path / "few").channel().test_channel(RECORDIO)
    job.file("t.pbr", encode_recordio(x, [0, 1, 2]), "test")
    told = refused(job, channel="test", keep_labels=True)
    assert told == "test/t.pbr: row 2: the label is neither 0 nor 1"
    job = Job(tmp_path / "some").channel().test_channel(RECORDIO)
    job.file("a.pbr", encode_recordio(x, [0, 1, 0]), "test").file(
        "b.pbr", encode_recordio(x), "test"
    )
    assert "test/b.pbr: some files have labels" in refused(job, channel="test", keep_labels=True)


def test_sparse_records(tmp_path):
    sparse = pytest.importorskip("scipy.sparse")
    x = np.array([[0, 1.5, 0], [2, 0, 0]])
    job = Job(tmp_path).channel("train", RECORDIO)
    job.file("a.pbr", encode_recordio(sparse.csr_matrix(x)))
    np.testing.assert_array_equal(read(job)[1], x)


def test_bad_parquet(tmp_path):
    nulls = pa.array([1.0, None])
    cases = {
        "text": ({"a": [1.0], "b": ["x"]}, "a.parquet: column 'b': it holds string, not numbers"),
        "days": ({"a": pa.array([1], pa.duration("s"))}, "it holds duration[s], not numbers; wr"),
        "list": ({"a": [[1.0]]}, "column 'a': it holds list<element: double>, not numbers"),
        "null": ({"a": nulls}, "a.parquet: row 1, column 'a': the value is missing"),
        "inf": ({"a": [1.0, np.inf]}, "row 1, column 'a': the value is not finite"),
        "large": ({"a": [1.0, 1e31]}, "row 1, column 'a': the value is beyond 1e+30"),
        "none": ({"a": pa.array([], pa.float64())}, "there are no rows"),
    }
    for name, (columns, why) in cases.items():
        job = Job(tmp_path / name).channel("train", PARQUET).file("a.parquet", parquet(columns))
        assert why in refused(job), name
    job = Job(tmp_path / "no").channel("train", PARQUET).file("a.parquet", b"PAR1 and no more")
    assert "train/a.parquet: this is no Parquet file" in refused(job)
    job = Job(tmp_path / "gz").channel("train", None)
    job.file("a.parquet.gz", gzip.compress(parquet({"a": [1.0]})))
    assert "Parquet in gzip" in refused(job)


def test_parquet_columns_are_found_by_name(tmp_path):
    job = Job(tmp_path).channel("train", PARQUET)
    job.file("a.parquet", parquet({"x": [1, 2], "y": [True, False]}))
    job.file("b.parquet", parquet({"y": [0.5], "x": [3]}))
    rows, values, _ = read(job)
    assert rows.names == ("x", "y")
    np.testing.assert_array_equal(values, [[1, 1], [2, 0], [3, 0.5]])
    job.file("c.parquet", parquet({"x": [3]}))
    assert "c.parquet: column 'y': the column is missing" in refused(job)
    job.file("c.parquet", parquet({"x": [3], "y": [1], "z": [1]}))
    assert "c.parquet: column 'z': files before this one have no such" in refused(job)


def test_a_label_that_is_not_the_first_column_of_parquet(tmp_path):
    job = Job(tmp_path).channel("train", PARQUET).test_channel(PARQUET)
    job.file("a.parquet", parquet({"x": [1, 2], "y": [3, 4]}))
    job.file("t.parquet", parquet({"x": [1], "y": [2], "fraud": [1]}), "test")
    assert "test/t.parquet: column 'x': it is the first one, which is taken for the label" in (
        job.fails()
    )


def test_names_that_would_call_a_column_by_another_s_name(tmp_path):
    job = Job(tmp_path).channel("train", PARQUET)
    job.file("a.parquet", parquet({"x": np.arange(50.0), "y": np.arange(50.0)}))
    assert "feature_names calls the column 'x' 'y'" in job.set(feature_names="y,x").fails()
    assert job.set(feature_names="x,z").run() == 0


def test_formats_by_names_or_bytes(tmp_path):
    x = usual(5, 2)
    job = Job(tmp_path / "a").channel("train", None).file("part-0", encode_recordio(x))
    np.testing.assert_array_equal(read(job)[1], x)
    job = Job(tmp_path / "b").channel("train", None).file("part-0", as_csv(x))
    assert "neither its name" in refused(job)
    job = Job(tmp_path / "c").channel("train", None).file("a.csv", as_csv(x))
    job.file("b.pbr", encode_recordio(x))
    assert "b.pbr: this is RecordIO, but files before it are CSV" in refused(job)


def test_damaged_gzip_names_the_file(tmp_path):
    data = gzip.compress(as_csv(usual(2000, 3)).encode())
    job = Job(tmp_path / "cut").file("a.csv.gz", data[: len(data) // 2])
    assert "train/a.csv.gz: the compressed file is damaged" in refused(job)
    broken = bytearray(data)
    broken[len(data) // 2] ^= 0xFF
    job = Job(tmp_path / "flip").file("a.csv.gz", bytes(broken))
    assert "train/a.csv.gz: " in refused(job)


def frame(data, kind=0):
    head = struct.pack("<II", 0xCED7230A, kind << 29 | len(data))
    return head + data + b"\0" * (-len(data) % 4)


@given(
    st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=3), max_size=4),
    st.integers(1, 50),
)
def test_frames_hold_objects_whole_or_in_parts(objects, size):
    mark = struct.pack("<I", 0xCED7230A)
    data, expected = b"", b""
    for parts in objects:
        for i, part in enumerate(parts):
            first, last = i == 0, i == len(parts) - 1
            kind = 0 if first and last else 1 if first else 3 if last else 2
            data += frame(part, kind)
        whole = mark.join(parts)
        expected += whole + (b"" if not whole or whole.endswith(b"\n") else b"\n")
    stream, found = Unwrapped(io.BytesIO(data), "f"), b""
    while piece := stream.read(size):
        found += piece
    assert found == expected


def test_frames_that_are_none():
    for data, why in (
        (b"1,2\n3,4\n5,6", "frame 0 does not begin as one"),
        (frame(b"1,2\n")[:-1], "ends within frame 1"),
        (frame(b"1,2\n") + b"\x0a", "ends within frame 1"),
        (frame(b"1", 5), "of a kind that does not exist"),
    ):
        stream = Unwrapped(io.BytesIO(data), "f")
        with pytest.raises(InvalidInputError, match=why):
            b"".join(iter(lambda stream=stream: stream.read(100), b""))
