"""Rows come out as they went in, in every format; what is wrong is named."""

import io
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrcf.service.answers import ARROW
from fastrcf.service.columns import Columns
from fastrcf.service.rows import Rows
from fastrcf.serving.media import parse
from fastrcf.serving.problems import Problem

NAMES = ["amount", "items", "hour"]
JSON, LINES, CSV = "application/json", "application/jsonlines", "text/csv"


def read(body, kind=JSON, names=NAMES, categories=(), extra=False, limit=1000, optional=False):
    rows = Rows(Columns(list(names), categories, optional=optional), limit)
    body = body if isinstance(body, bytes) else body.encode()
    found = rows.read(body, parse(kind), extra)
    return found if isinstance(found, np.ndarray) else np.column_stack(found.columns)


def tried(body, kind=JSON, **given):
    """Read a body of at least one row, or see it refused."""
    try:
        found = read(body, kind, **given)
    except Problem as problem:
        return problem.status
    assert found.shape[1] == 3
    assert len(found)
    return 200


def refused(body, kind=JSON, **given):
    with pytest.raises(Problem) as caught:
        read(body, kind, **given)
    problem = caught.value
    assert 400 <= problem.status < 500
    return problem


def stream(table, **options):
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as out:
        out.write_table(table)
    return sink.getvalue()


numbers = st.floats(-1e30, 1e30) | st.integers(-(10**15), 10**15)
matrices = st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=20)


def bodies(rows):
    """Give the rows in every way that they may come."""
    named = [dict(zip(NAMES, row, strict=True)) for row in rows]
    turned = [dict(reversed(row.items())) for row in named]
    dump = json.dumps
    lines = "\n".join(",".join(map(repr, row)) for row in rows)
    swapped = "\n".join(",".join(map(repr, row[::-1])) for row in rows)
    table = pa.table({n: [float(row[j]) for row in rows] for j, n in enumerate(NAMES)})
    yield dump({"rows": rows}), JSON
    yield dump({"rows": named}), JSON
    yield dump({"rows": [*turned[:1], *rows[1:]]}), JSON
    yield dump(rows), JSON
    yield dump(turned), JSON
    yield " \n" + dump(rows), JSON
    yield "\n".join(map(dump, rows)), LINES
    yield "\n".join(map(dump, turned)) + "\n", LINES
    yield lines, CSV
    yield lines.replace("\n", "\r\n") + "\r\n", CSV + "; charset=utf-8"
    yield "amount,items,hour\n" + lines, CSV
    yield b"\xef\xbb\xbf" + b'"hour", items ,amount\n' + swapped.encode(), CSV
    yield "hour,items,amount\n" + swapped, CSV + "; header=present"
    yield stream(table), ARROW
    yield stream(table.select(NAMES[::-1])), ARROW
    if len(rows) == 1:
        yield dump(rows[0]), JSON
        yield dump(named[0]), JSON


@given(matrices)
@settings(max_examples=60, deadline=None)
def test_all_formats_say_the_same(rows):
    for body, kind in bodies(rows):
        np.testing.assert_array_equal(read(body, kind), np.array(rows, float), err_msg=str(body))


@pytest.mark.parametrize(
    "name", ['shop\'s "type"', "back\\slash", "tab\there", "line\nend", "", "c0"]
)
@pytest.mark.parametrize("n_names", [1, 3])
def test_columns_may_have_any_name(name, n_names):
    names = [name, "b", "c"][:n_names]
    rows = np.random.default_rng(1).normal(size=(4, n_names))
    named = [dict(zip(names, row, strict=True)) for row in rows.tolist()]
    for body, kind in (
        (json.dumps({"rows": named}), JSON),
        (json.dumps(named), JSON),
        (json.dumps(rows.tolist()), JSON),
        (json.dumps({"rows": rows.tolist()}), JSON),
        ("\n".join(map(json.dumps, named)), LINES),
        ("\n".join(map(json.dumps, rows.tolist())), LINES),
        (stream(pa.table({n: rows[:, j] for j, n in enumerate(names)})), ARROW),
    ):
        np.testing.assert_array_equal(read(body, kind, names=names), rows, err_msg=str(body))
    for one in (named[0], rows[0].tolist()):
        np.testing.assert_array_equal(read(json.dumps(one), names=names), rows[:1])
    other = {f"c{j}": 1.0 for j in range(n_names)}
    if name != "c0":
        problem = refused(json.dumps(other), names=names)
        assert problem.kind in ("missing_column", "unknown_column")


@given(matrices)
@settings(max_examples=30, deadline=None)
def test_other_columns_are_passed_over_where_asked(rows):
    named = [{"id": "x,1", **dict(zip(NAMES, row, strict=True)), "w": None} for row in rows]
    lines = "\n".join('"x,1",' + ",".join(map(repr, row)) + "," for row in rows)
    columns = {n: [float(row[j]) for row in rows] for j, n in enumerate(NAMES)}
    table = pa.table({"id": ["x"] * len(rows), **columns})
    for body, kind in (
        (json.dumps({"rows": named}), JSON),
        ("\n".join(map(json.dumps, named)), LINES),
        ("id,amount,items,hour,w\n" + lines, CSV),
        (stream(table), ARROW),
    ):
        np.testing.assert_array_equal(read(body, kind, extra=True), np.array(rows, float))
        assert refused(body, kind).kind == "unknown_column"


@pytest.mark.parametrize("n", [1, 5, 3000, 8000])
def test_csv_of_any_size_is_read_to_the_same_end(n):
    rows = np.random.default_rng(n).normal(size=(n, 3))
    lines = "\n".join(",".join(map(repr, row)) for row in rows.tolist())
    for head in ("", "amount,items,hour\n"):
        np.testing.assert_array_equal(read(head + lines, CSV, limit=8000), rows)


@pytest.mark.parametrize("kind", [JSON, LINES, CSV, ARROW])
def test_any_bytes_are_read_or_refused(kind):
    @given(st.binary(max_size=80) | st.text(max_size=40).map(lambda text: text.encode()))
    @settings(max_examples=150, deadline=None)
    def holds(body):
        assert 200 <= tried(body, kind) < 500

    holds()


values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*NAMES, "rows", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(values)
@settings(max_examples=300, deadline=None)
def test_any_json_is_read_or_refused(value):
    for categories in ((), ("items",)):
        assert 200 <= tried(json.dumps(value), categories=categories) < 500


@pytest.mark.parametrize(
    ("body", "kind", "error", "row", "column", "words"),
    [
        ("", JSON, "no_rows", None, None, "no rows"),
        ("  \n", CSV, "no_rows", None, None, "no rows"),
        ("amount,items,hour\n", CSV, "no_rows", None, None, "no rows"),
        ("", LINES, "no_rows", None, None, "no rows"),
        ("[]", JSON, "no_rows", None, None, "no rows"),
        ('{"rows": []}', JSON, "no_rows", None, None, "no rows"),
        ("{}", JSON, "missing_column", 0, 0, "'amount'"),
        ("[1, 2]", JSON, "wrong_width", 0, None, "2 values, the model has 3 columns"),
        ("[[1,2,3],[1,2,3,4]]", JSON, "wrong_width", 1, None, "row 1: 4 values"),
        ("1,2,3\n1,2\n", CSV, "wrong_width", 1, None, "row 1: 2 values"),
        ("[[1,2,3],[1,null,3]]", JSON, "missing_value", 1, 1, "row 1, column 'items'"),
        ("1,2,3\n1,,3\n", CSV, "missing_value", 1, 1, "row 1, column 'items'"),
        ("hour,items,amount\n1,2,x\n", CSV, "not_a_number", 0, 0, "'amount': 'x'"),
        ("1,2,x\n", CSV, "not_a_number", 0, 2, "row 0, column 'hour': 'x'"),
        ("1,2,1_0\n", CSV, "not_a_number", 0, 2, "'1_0' is not a number"),
        ('[[1,2,"3"]]', JSON, "not_a_number", 0, 2, "'3' is not a number"),
        ("[[1,true,3]]", JSON, "not_a_number", 0, 1, "true is not a number"),
        ("[[1,[2],3]]", JSON, "not_a_number", 0, 1, "a list is not a number"),
        ('{"amount":1,"items":2,"hours":3}', JSON, "unknown_column", 0, None, "'hours'"),
        ('{"amount":1,"items":2}', JSON, "missing_column", 0, 2, "'hour' is not there"),
        ("amount,items\n1,2\n", CSV, "missing_column", None, 2, "'hour'"),
        ("amount,items,hour,amount\n1,2,3,4", CSV, "repeated_column", None, None, "twice"),
        ("amount,items,ours\n1,2,3", CSV, "unknown_column", None, None, "'ours'"),
        ('{"rows":[[1,2,3]],"x":1}', JSON, "invalid_input", None, None, "'x'"),
        ('{"rows":3}', JSON, "invalid_input", None, None, "expected a list"),
        ('{"rows":[[1,2,3]],"rows":[[4,5,6]]}', JSON, "invalid_input", None, None, "twice"),
        ('{"amount":1,"items":2,"hour":3,"items":4}', JSON, "repeated_column", 0, None, "'items'"),
        (
            '[[1,2,3],{"amount":1,"items":2,"hour":3,"hour":3}]',
            JSON,
            "repeated_column",
            1,
            None,
            "'hour'",
        ),
        (
            '{"rows":[{"amount":1,"items":2,"hour":3,"items":"4"}]}',
            JSON,
            "repeated_column",
            0,
            None,
            "'items'",
        ),
        (
            '{"amount":1,"items":2,"hour":3}\n{"amount":1,"\\u0061mount":1,"items":2,"hour":3}',
            LINES,
            "repeated_column",
            1,
            None,
            "'amount'",
        ),
        ('[1,2,"\\udc00"]', JSON, "invalid_input", None, None, "\\udc00 at byte 6 is half"),
        (
            '["\\ud83d\\ude00",1,"\\ud83d"]',
            LINES,
            "invalid_input",
            None,
            None,
            "\\ud83d at byte 19",
        ),
        ("[1, [2], 3]", JSON, "not_a_number", 0, 1, "a list"),
        ("[[1,2,3], 4]", JSON, "invalid_input", 1, None, "row 1"),
        ("7", JSON, "invalid_input", None, None, "expected an object or a list"),
        ("{", JSON, "invalid_input", None, None, "no JSON"),
        ("[" * 100_000, JSON, "invalid_input", None, None, "no JSON"),
        ("[1,2,3]\n[1,2", LINES, "invalid_input", None, None, "no JSON lines"),
        ('1,"2,3\n', CSV, "invalid_input", None, None, "no CSV"),
        (b"\xff,1,2", CSV, "invalid_input", None, None, "no UTF-8"),
        (b"nonsense", ARROW, "invalid_input", None, None, "no stream of Arrow"),
        ("1,2,3", CSV + "; header=maybe", "invalid_input", None, None, "header=maybe"),
    ],
)
def test_what_is_wrong_is_named(body, kind, error, row, column, words):
    problem = refused(body, kind)
    assert (problem.kind, problem.row, problem.column) == (error, row, column), str(problem)
    assert words in str(problem)


@pytest.mark.parametrize(
    ("columns", "error", "row", "column", "words"),
    [
        ({"amount": [1.0], "items": [1.0]}, "missing_column", None, 2, "'hour'"),
        (
            {"amount": [1.0, 2.0], "items": [1, None], "hour": [1, 2]},
            "missing_value",
            1,
            1,
            "items",
        ),
        ({"amount": ["1"], "items": [1.0], "hour": [1.0]}, "not_a_number", None, 0, "string"),
        ({"amount": [True], "items": [1.0], "hour": [1.0]}, "not_a_number", None, 0, "bool"),
        ({"amount": [], "items": [], "hour": []}, "not_a_number", None, 0, "null"),
    ],
)
def test_what_is_wrong_in_arrow_is_named(columns, error, row, column, words):
    problem = refused(stream(pa.table(columns)), ARROW)
    assert (problem.kind, problem.row, problem.column) == (error, row, column)
    assert words in str(problem)


def test_arrow_may_have_any_numbers_and_no_rows_are_refused():
    table = pa.table(
        {"amount": pa.array([1], "float32"), "items": [2], "hour": pa.array([3], "u1")}
    )
    assert read(stream(table), ARROW).tolist() == [[1, 2, 3]]
    assert refused(stream(table.slice(0, 0)), ARROW).kind == "no_rows"


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_compressed_arrow_is_refused_before_it_is_unpacked(codec):
    table = pa.table({name: np.zeros(100_000) for name in NAMES})
    problem = refused(stream(table, compression=codec), ARROW)
    assert problem.status == 415
    assert "compressed" in str(problem)


def test_arrow_cut_short_is_refused():
    whole = stream(pa.table({name: np.arange(100.0) for name in NAMES}))
    assert read(whole, ARROW).shape == (100, 3)
    for n in range(8, len(whole) - 16, 97):
        assert refused(whole[:n], ARROW).status in (400, 415)


@pytest.mark.parametrize("behind", [b"x", bytes(8), None])
def test_bytes_behind_a_stream_of_arrow_are_refused(behind):
    whole = stream(pa.table({name: np.arange(4.0) for name in NAMES}))
    behind = whole if behind is None else behind
    problem = refused(whole + behind, ARROW)
    assert f"ends at byte {len(whole)}, and {len(behind)} more come" in str(problem)
    # Its end need not be marked.
    assert read(whole[:-8], ARROW).shape == (4, 3)


@given(st.integers(0, 10_000), st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_arrow_with_a_wrong_byte_is_read_or_refused(place, byte):
    body = bytearray(stream(pa.table({name: np.arange(5.0) for name in NAMES})))
    body[place % len(body)] = byte
    assert 200 <= tried(bytes(body), ARROW) < 500


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (json.dumps([[1, 2, 3]] * 11), JSON),
        ("[1,2,3]\n" * 11, LINES),
        ("1,2,3\n" * 11, CSV),
        ("amount,items,hour\n" + "1,2,3\n" * 11, CSV),
        (stream(pa.table({name: np.zeros(11) for name in NAMES})), ARROW),
    ],
)
def test_too_many_rows_are_refused(body, kind):
    assert len(read(body, kind, limit=11)) == 11
    problem = refused(body, kind, limit=10)
    assert (problem.status, problem.kind) == (413, "too_many_rows")


def test_categories_are_texts_among_numbers():
    given = {"names": ["amount", "kind"], "categories": ["kind"]}
    wanted = [[1.5, "web"], [2.0, "a,b"]]
    for body, kind in (
        (json.dumps(wanted), JSON),
        ('{"rows":[{"kind":"web","amount":1.5},[2,"a,b"]]}', JSON),
        ('1.5,web\n2,"a,b"', CSV),
        ('kind,amount\nweb,1.5\n"a,b",2', CSV),
        (stream(pa.table({"amount": [1.5, 2.0], "kind": ["web", "a,b"]})), ARROW),
    ):
        assert read(body, kind, **given).tolist() == wanted, body
    quoted = '{"rows":[{"kind":"a \\"b\\"","amount":1.5}]}'
    assert read(quoted, **given).tolist() == [[1.5, 'a "b"']]
    twice = '[{"kind":"web","amount":1.5,"kind":"store"}]'
    assert refused(twice, **given).kind == "repeated_column"
    assert read('{"amount":1,"kind":"a","x":{"y":"z"}}', extra=True, **given).tolist() == [[1, "a"]]
    assert refused('[["1", "web"]]', **given).column == 0
    assert refused("[[1, null]]", **given).kind == "missing_value"
    assert refused("[[1, [2]]]", **given).kind == "not_a_category"


def test_a_forests_columns_are_numbers_and_rows_of_numbers_are_no_names():
    names = ["0", "1", "2"]
    assert read("0,1,2\n3,4,5", CSV, names=names).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert read("2,1,0\n3,4,5", CSV + ";header=present", names=names).tolist() == [[5, 4, 3]]
    assert refused("amount,1,2", CSV + ";header=absent").kind == "not_a_number"


def test_numbers_may_be_missing_where_the_model_allows():
    for body, kind in (
        ("[[1,null,3]]", JSON),
        ('{"amount":1,"hour":3}', JSON),
        ("1,,3", CSV),
        (stream(pa.table({"amount": [1.0], "items": pa.array([None], "f8"), "hour": [3]})), ARROW),
    ):
        found = read(body, kind, optional=True)
        np.testing.assert_array_equal(found, [[1, np.nan, 3]])


def test_a_model_with_a_column_called_rows():
    assert read('{"rows": 3}', names=["rows"]).tolist() == [[3]]
    assert read('{"rows": [{"rows": 3}, [4]]}', names=["rows"]).tolist() == [[3], [4]]
