"""Bodies of requests and answers: every row once, in order, below the limit; answers untrusted."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastrcf.errors import InvalidInputError
from fastrcf.sagemaker import ResponseError, decode_recordio, encode_scores
from fastrcf.sagemaker.payload import CONTENT_TYPES, bodies, parse_scores, single

ROWS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 30), st.integers(1, 12)),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)


def read(body, format):
    if format == "csv":
        return [[float(x) for x in line.split(b",")] for line in body.split(b"\n")]
    if format == "json":
        return [entry["features"] for entry in json.loads(body)["instances"]]
    if format == "jsonlines":
        return [json.loads(line)["features"] for line in body.split(b"\n")]
    return decode_recordio(body)[0].tolist()


@pytest.mark.parametrize("format", CONTENT_TYPES)
@given(X=ROWS, spare=st.integers(0, 2000))
def test_all_rows_go_once_in_order_below_the_limit(format, X, spare):
    longest = max(len(body) for i in range(len(X)) for body, _ in bodies(X[i : i + 1], format))
    limit = longest + spare
    cut = list(bodies(X, format, limit))
    assert all(len(body) <= limit and n > 0 for body, n in cut)
    rows = []
    for body, n in cut:
        found = read(body, format)
        assert len(found) == n
        rows += found
    # Nine digits are single precision, exactly.
    np.testing.assert_array_equal(np.array(rows).astype(np.float32), X)
    # Two neighbours would not have fitted into one.
    for (a, _), (b, _) in itertools.pairwise(cut):
        assert len(a) + len(b) >= limit


@pytest.mark.parametrize("format", CONTENT_TYPES)
def test_a_row_that_is_too_long_is_refused_before_any_is_sent(format):
    X = np.float32([[1, 2], [1.2345678e-20, 3]])
    with pytest.raises(InvalidInputError, match=r"row [01]: \d+ bytes, more than the"):
        list(bodies(X, format, 12))
    # The first row would fit.
    X = np.vstack([np.zeros((1, 40)), np.full((1, 40), -1.2345678e-20)]).astype(np.float32)
    if format != "recordio":
        stream = bodies(X, format, 400)
        with pytest.raises(InvalidInputError, match="row 1") as error:
            next(stream)
        assert error.value.row == 1


def test_no_rows_are_no_requests():
    assert list(bodies(np.empty((0, 3), np.float32), "csv")) == []


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_values_that_single_precision_has_not(value):
    with pytest.raises(InvalidInputError, match="row 1, column 0") as error:
        single([[0.0, 1.0], [value, 2.0]])
    assert (error.value.row, error.value.column) == (1, 0)


SCORES = st.lists(st.floats(0, 10, allow_nan=False), min_size=0, max_size=20)


@given(SCORES)
def test_answers_in_every_format(scores):
    n = len(scores)
    entries = [{"score": score} for score in scores]
    lines = "\n".join(json.dumps(entry) for entry in entries)
    for body, kind in [
        (json.dumps({"scores": entries}).encode(), "application/json"),
        (json.dumps({"scores": entries}).encode(), "application/json; charset=utf-8"),
        (lines.encode(), "application/jsonlines"),
        (lines.replace("}", "},").encode(), "application/jsonlines"),
    ]:
        np.testing.assert_array_equal(parse_scores(body, kind, n), scores)
    body = encode_scores(scores)
    found = parse_scores(body, "application/x-recordio-protobuf", n)
    np.testing.assert_array_equal(found, np.float32(scores))


def test_the_answer_that_the_documentation_shows():
    body = b'{"scores":[{"score":0.02},{"score":0.25}]}'
    np.testing.assert_array_equal(parse_scores(body, "application/json", 2), [0.02, 0.25])


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b'{"scores":[{"score":1}]}', "application/json", "1 scores came for 2 rows"),
        (b'{"scores":[{"score":1},{"score":1},{"score":1}]}', "application/json", "3 scores"),
        (b'{"scores":[{"score":1},{"score":NaN}]}', "application/json", "score 1 of the answer"),
        (b'{"scores":[{"score":1},{"score":1e999}]}', "application/json", "score 1 of the answer"),
        (b'{"scores":[{"score":1},{"score":1' + b"0" * 400 + b"}]}", "application/json", "score 1"),
        (b'{"scores":[{"score":1},{"score":"2"}]}', "application/json", "without a number"),
        (b'{"scores":[{"score":1},{"score":true}]}', "application/json", "without a number"),
        (b'{"scores":[{"score":1},{"value":2}]}', "application/json", "without a number"),
        (b'{"scores":{}}', "application/json", 'no list "scores"'),
        (b'[{"score":1},{"score":2}]', "application/json", 'no list "scores"'),
        (b"body", "application/json", "begins with 'body'"),
        (b"\xff\xfe", "application/json", "the answer is none"),
        (b"[" * 100_000, "application/json", "the answer is none"),
        (b'{"score":1}\n3', "application/jsonlines", "without a number"),
        (b"body", "application/x-recordio-protobuf", "no RecordIO"),
        (b"1\n2", "text/html", "the content type 'text/html'"),
        (b"", "", "the content type ''"),
    ],
)
def test_answers_that_are_none(body, kind, words):
    with pytest.raises(ResponseError, match=words):
        parse_scores(body, kind, 2)


@given(st.binary(max_size=200), st.sampled_from([*CONTENT_TYPES.values(), "x"]))
def test_any_bytes_are_scores_or_refused(body, kind):
    try:
        scores = parse_scores(body, kind, 1)
    except ResponseError:
        return
    assert scores.shape == (1,)
    assert np.isfinite(scores).all()
