"""Bodies of any kind give the rows that they say, and what is malformed is named."""

import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrcf._fastrcf import plain_rows
from fastrcf.errors import FastRCFError
from fastrcf.sagemaker import encode_recordio
from fastrcf.serving import bodies, csv_bodies
from fastrcf.serving.media import (
    CSV,
    JSON,
    JSON_LINES,
    RECORDIO,
    Media,
    answer_format,
    body_format,
)
from fastrcf.serving.problems import Problem, as_problem

NAMES = ["a", "b", "c"]
finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
tables = st.lists(st.lists(finite, min_size=3, max_size=3), min_size=1, max_size=9)


def decoded(body, kind, **parameters):
    return bodies.decode(body, Media(kind, parameters), NAMES)


def problem(body, kind, **parameters):
    with pytest.raises((Problem, FastRCFError)) as error:
        decoded(body, kind, **parameters)
    told = as_problem(error.value)
    assert told.status == 400
    return told


def csv(rows, end="\n"):
    return end.join(",".join(map(repr, row)) for row in rows).encode()


@given(tables, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_csv(rows, end, closed):
    body = csv(rows, end) + end.encode() * closed
    np.testing.assert_array_equal(decoded(body, CSV), rows)
    both = csv([[9.0, *row] for row in rows], end)
    np.testing.assert_array_equal(decoded(both, CSV, label_size="1"), rows)


@given(tables, st.sampled_from(["\n", "\r\n"]))
def test_both_readers_of_csv_read_the_same(rows, end):
    body = csv(rows, end)
    np.testing.assert_array_equal(plain_rows(body, False), csv_bodies._by_line(body, 3))
    lists = json.dumps(rows, indent=1 if end == "\n" else None).encode()
    np.testing.assert_array_equal(plain_rows(lists, True), rows)


# What the engine reads has to be what the other reader reads; leaving it is always allowed.
@given(st.text("0123456789.eE+-,,\n\r \tnaifNIx_[]\"'#", max_size=40))
def test_the_engine_reads_no_more_than_lines_do(text):
    rows = plain_rows(text.encode(), False)
    if rows is not None:
        read = csv_bodies._by_line(text.encode(), rows.shape[1])
        np.testing.assert_array_equal(rows, read, strict=True)


@given(st.text('0123456789.eE+-,,\n\r \t[][]{}:naultrue_"', max_size=40))
def test_the_engine_reads_no_more_of_lists_than_json_is(text):
    rows = plain_rows(text.encode(), True)
    if rows is not None:
        np.testing.assert_array_equal(rows, np.array(json.loads(text), float), strict=True)


def test_what_the_engine_leaves_to_others():
    for body in [b"1,2,3],[4,5,6", b"1,2,3\n\n4,5,6", b"1,2\n3,4,5,6", b"1,2,+3", b"1e999", b""]:
        assert plain_rows(body, False) is None
    for body in [b"[1,2]", b"[[1,2],[3]]", b"[[1,NaN]]", b'{"rows":[[1]]}', b"[[1],]", b"[[01]]"]:
        assert plain_rows(body, True) is None


@pytest.mark.parametrize("n", [20, 2000, 20_000])
def test_bodies_of_any_size_are_read_to_the_same_end(n):
    rows = np.random.default_rng(n).normal(size=(n, 3))
    np.testing.assert_array_equal(decoded(csv(rows.tolist()), CSV), rows)
    lines = csv(rows.tolist()).split(b"\n")
    lines[n - 7] = b"1,2,none"
    told = problem(b"\n".join(lines), CSV)
    assert (told.row, told.column) == (n - 7, 2)


@given(tables, st.sampled_from(["features", "values", "sparse", "plain"]), st.booleans())
def test_json(rows, way, lines):
    def instance(row):
        if way == "plain":
            return row
        if way == "features":
            return {"features": row}
        tensor = {"values": row}
        if way == "sparse":
            held = [j for j, value in enumerate(row) if value]
            tensor = {"keys": held, "shape": [3], "values": [row[j] for j in held]}
        return {"data": {"features": tensor}}

    instances = [instance(row) for row in rows]
    if lines:
        body = "\n".join(map(json.dumps, instances)).encode()
    else:
        body = json.dumps({"instances": instances, "configuration": {"x": 1}}).encode()
    np.testing.assert_array_equal(decoded(body, JSON_LINES if lines else JSON), rows)


@pytest.mark.parametrize(
    ("body", "kind", "row", "words"),
    [
        ('{"instances":[[1,2,3]],"instances":[[4,5,6]]}', JSON, None, '"instances" is there twice'),
        ('{"instances":[[1,2,3]],"instance":[]}', JSON, None, 'is "instances" meant?'),
        ('{"instances":[[1,2,3]],"output":"detect"}', JSON, None, '"output" is not known'),
        ('{"instances":[[1,2,3],{"features":[1,2,3],"features":null}]}', JSON, 1, "twice"),
        ('{"features":[1,2,3]}\n{"features":[1,2,3],"Features":[]}', JSON_LINES, 1, "meant"),
        ('{"features":[1,2,3],"fe\\u0061tures":[4,5,6]}', JSON_LINES, 0, "twice"),
        ('{"feature":[1,2,3]}', JSON_LINES, 0, 'is "features" meant?'),
        (
            '{"features":[1,2,3],"data":{"features":{"values":[4,5,6]}}}',
            JSON_LINES,
            0,
            'both "features" and "data"',
        ),
        ('{"data":{"features":{"values":[1,2,3],"key":[2,1,0]}}}', JSON_LINES, 0, '"keys" meant'),
        ('{"data":{"features":{"values":[1,2,3],"values":[1,2,4]}}}', JSON_LINES, 0, "twice"),
        ('{"data":{"features":{"values":[1,2,3],"shape":[4]}}}', JSON_LINES, 0, "shape [4]"),
        ('{"features":[1,2,3],"id":"\\ud800"}x', JSON_LINES, None, "no JSON lines"),
        ('{"features":[1,2,3],"\\ud800s":1,"\\ud800s":1}', JSON_LINES, None, "\\ud800 at byte 21"),
        ('{"instances":[[1,2,3]],"configuration":' + "[" * 10**5, JSON, None, "no JSON"),
    ],
)
def test_no_name_of_json_is_lost(body, kind, row, words):
    told = problem(body.encode(), kind)
    assert words in str(told)
    assert told.row == row
    assert json.loads(told.body())["message"] == str(told)


def test_what_stands_beside_a_row_of_json_is_passed_over():
    beside = {"id": 'a "7"', "date": "2026-01-01", "label": 1, "uid": "x", "metadata": {"a": "b"}}
    row = {"features": [1, 2, 3], **beside}
    other = {
        "data": {"features": {"values": [4, 5, 6]}, "label": {"values": [0]}},
        "features": None,
    }
    for body, kind in (
        (
            json.dumps({"instances": [row, other], "configuration": {"k": "v"}, "metadata": ["a"]}),
            JSON,
        ),
        ("\n".join(map(json.dumps, [row, other])), JSON_LINES),
    ):
        assert decoded(body.encode(), kind).tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("line", ["a,b,c", " a, b ,c", '"a","b","c"', "x,y,z", "0.5,b,c"])
def test_a_line_of_names_is_passed_over_where_it_is_told(line):
    for end in ("\n", "\r\n"):
        for start in ("", "\ufeff", end):
            body = f"{start}{line}{end}1,2,3{end}4,5,6".encode()
            assert decoded(body, CSV, header="present").tolist() == [[1, 2, 3], [4, 5, 6]]
    body = b"is_fraud,a,b,c\n1,1,2,3"
    assert decoded(body, CSV, header="present", label_size="1").tolist() == [[1, 2, 3]]
    assert decoded(b"1,2,3", CSV, header="absent", anything="else").tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"1,2,3\n4,5,6", "it would be lost"),
        (b"a,c,b\n1,2,3", "'c' is column 1 of the line of names and column 2 of the model"),
        (b"x,a,b\n1,2,3", "'a' is column 1"),
        (b"a,b,c,x\n1,2,3,4", "4 values"),
        (b"a,b,c", "no rows"),
        (b"", "no rows"),
        (b'"a\nb",b,c\n1,2,3', "no line of names"),
        (b"\xff,b,c\n1,2,3", "no line of names"),
    ],
)
def test_a_line_of_names_that_would_mislead_is_refused(body, words):
    assert words in str(problem(body, CSV, header="present"))
    assert "header=yes" in str(problem(body, CSV, header="yes"))


@given(tables, st.sampled_from([np.float32, np.float64]))
def test_recordio(rows, dtype):
    x = np.array(rows, dtype)
    np.testing.assert_array_equal(decoded(encode_recordio(x), RECORDIO), x)


@pytest.mark.parametrize(
    ("body", "kind", "row", "column", "words"),
    [
        (b"1,2,3\n4,x,6", CSV, 1, 1, "'x' is no number"),
        (b"amount,b,c\n1,2,3", CSV, 0, 0, "header=present"),
        (b"1,2,3\n1,2", CSV, 1, None, "2 values"),
        (b"1,2,", CSV, 0, 2, "'' is no number"),
        (b"1,2,1_0", CSV, 0, 2, "'1_0' is no number"),
        (b'1,2,"3', CSV, None, None, "no CSV"),
        (b"", CSV, None, None, "no rows"),
        (b"\n\n", CSV, None, None, "no rows"),
        (b"\xff\xfe1,2,3", CSV, None, None, "no UTF-8"),
        (b"{", JSON, None, None, "no JSON"),
        (b"[]", JSON, None, None, "does not fit"),
        (b'{"instances":[]}', JSON, None, None, "no rows"),
        (b'{"instances":[{"features":[1,2,3]},{"features":[1,"x",3]}]}', JSON, 1, 1, "float"),
        (b'{"instances":[[1,2,3],[1,2,null]]}', JSON, 1, 2, "float"),
        (b'{"instances":[[1,2,3],[1,2,NaN]]}', JSON, 1, 2, "row 1, column 2: the body is no JSON"),
        (b'{"instances":[{"features":[1,2,3]},{"features":[1,-Infinity,3]}]}', JSON, 1, 1, "JSON"),
        (b'{"instances":[{"data":{"features":{"values":[1,NaN,3]}}}]}', JSON, 0, None, "no JSON"),
        (b'{"instances":[[1,2,3],[4,5', JSON, 1, 1, "truncated"),
        (b'{"instances":[{"id":"],[\\"","features":[1,2,3]},{x}]}', JSON, 1, None, "malformed"),
        (b'{"configuration":[1,x],"instances":[[1,2,3]]}', JSON, None, None, "malformed"),
        (b'{"instances":[{"x":' + b"[" * 100000, JSON, None, None, "no JSON"),
        (b'{"features":[1,2,3]}\n\n[1,2,3]\n{"features":[1,NaN,3]}', JSON_LINES, 2, 1, "no JSON"),
        (b'{"features":[1,2,3]},\n{"features":[1,2,3]}', JSON_LINES, 1, None, "malformed"),
        (b'{"features":[1,2,3]}\n{"features":[1,2', JSON_LINES, 1, 1, "truncated"),
        (b'{"instances":[[1,2,1e999]]}', JSON, 0, 2, "range"),
        (b'{"instances":[{"features":[1,2]}]}', JSON, 0, None, "2 values"),
        (b'{"instances":[{}]}', JSON, 0, None, "neither"),
        (b'{"instances":[7]}', JSON, 0, None, "Expected"),
        (b"[" * 100000, JSON_LINES, 0, 0, "float"),
        (b'{"features":[1,2,3]}\n{"features":[1,2,"3"]}', JSON_LINES, 1, 2, "float"),
        (b"", JSON_LINES, None, None, "no rows"),
        (b"abcd", RECORDIO, None, None, ""),
        (b"", RECORDIO, None, None, "no rows"),
        (encode_recordio(np.ones((1, 2))), RECORDIO, 0, None, "2 columns"),
    ],
)
def test_malformed(body, kind, row, column, words):
    told = problem(body, kind)
    assert words in str(told)
    if kind != RECORDIO or row is not None:
        assert (told.row, told.column) == (row, column)


def test_large_json_is_not_walked_through_for_the_place():
    said = problem(b" " * (8 << 20) + b'{"instances":[[1,2,NaN]]}', JSON)
    assert (said.row, said.column) == (None, None)


@pytest.mark.parametrize(
    ("tensor", "column", "words"),
    [
        ({"keys": [3], "values": [1]}, None, "key 3"),
        ({"keys": [-1], "values": [1]}, None, "key -1"),
        ({"keys": [0, 0], "values": [1, 2]}, 0, "two values"),
        ({"keys": [0], "values": [1, 2]}, None, "1 keys for 2 values"),
        ({"keys": [0], "shape": [4], "values": [1]}, None, "shape [4]"),
        ({"keys": [0], "shape": [10**9], "values": [1]}, None, "shape [1000000000]"),
    ],
)
def test_malformed_sparse_rows(tensor, column, words):
    body = json.dumps({"instances": [[1, 2, 3], {"data": {"features": tensor}}]}).encode()
    told = problem(body, JSON)
    assert (told.row, told.column) == (1, column)
    assert words in str(told)


def test_a_large_body_names_the_place_too(rows):
    lines = [",".join(map(str, row)) for row in np.tile(rows, (9, 1)).tolist()]
    lines[5000] = "1,2,none"
    told = problem("\n".join(lines).encode(), CSV)
    assert (told.row, told.column) == (5000, 2)


@given(st.binary(max_size=60), st.sampled_from([CSV, JSON, JSON_LINES, RECORDIO]))
def test_any_bytes_are_rows_or_a_bad_request(body, kind):
    try:
        rows = decoded(body, kind)
    except (Problem, FastRCFError) as error:
        problem = as_problem(error)
    else:
        assert rows.shape[1] == 3
        assert len(rows)
        return
    assert problem.status == 400


def test_formats():
    assert body_format("Text/CSV; charset=UTF-8; label_size=0").kind == CSV
    assert body_format("application/x-ndjson").kind == JSON_LINES
    for bad in ("", "text/html", "text/csv; charset=latin-1", "text/csv;label_size=2"):
        with pytest.raises(Problem) as error:
            body_format(bad)
        assert error.value.status == 415
    for accept, kind in {
        "": JSON,
        "*/*": JSON,
        "text/*": CSV,
        "application/jsonlines": JSON_LINES,
        "text/html, application/x-recordio-protobuf;q=0.5, */*;q=0.1": RECORDIO,
        "application/json;q=0.2, text/csv": CSV,
    }.items():
        assert answer_format(accept) == kind
    for bad in ("text/html", "application/json;q=0", "application/json;q=x"):
        with pytest.raises(Problem) as error:
            answer_format(bad)
        assert error.value.status == 406


def test_names_without_end_take_no_time_without_end():
    names = ",".join(f'"feat{i}":1' for i in range(100_000))
    body = f'{{"features":[1,2,3],{names}}}'.encode()
    began = time.process_time()
    assert decoded(body, JSON_LINES).shape == (1, 3)
    assert time.process_time() - began < 1
