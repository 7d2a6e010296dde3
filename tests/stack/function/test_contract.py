"""The seed's contract, and every bad input of the original's table: a 4xx that names the field."""

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastrcf
from fastrcf.stack.function import events
from fastrcf.stack.function.function import FunctionFailed
from tests.stack.conftest import FAR, ROW
from tests.stack.function.calls import Context, clients, event, files, function, stored, told

DIRECT, GATEWAY = "direct", "gateway"


@pytest.fixture
def made(model, tmp_path):
    """A function whose results are stored, and where."""
    folder = tmp_path / "firehose"
    sink = clients(firehose=files(folder))
    yield function(model, made=sink, delivery_stream="results"), folder
    sink.firehose.close()


def answer(made, given, way):
    """Give status and body, whichever way the event comes."""
    if way == GATEWAY:
        return told(made(event("/invocations", given), Context()))
    result = made(given, Context())
    if isinstance(result, dict) and "error" in result:
        return result.pop("status"), result
    return 200, result


# What the original did is behind each: an AssertionError, a TypeError after the paid call, rows
# that were lost.
@pytest.mark.parametrize("way", [DIRECT, GATEWAY])
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"data": ROW, "metadata": []}, "metadata"),
        ({"data": ROW}, "metadata"),
        ({"metadata": ["a"]}, "data"),
        ({"metadata": ["a"], "model": "anomaly_detector"}, "data"),
        ({"data": ROW, "metadata": None}, "metadata"),
        ({"data": ROW, "metadata": "2026-01-01"}, "metadata"),
        ({"data": ROW, "metadata": {"id": "1"}}, "metadata"),
        ({"data": ROW, "metadata": [1, 2]}, "metadata[0]"),
        ({"data": ROW, "metadata": ["a", None]}, "metadata[1]"),
        ({"data": ROW, "metadata": ["a"], "model": "unknown"}, "model"),
        ({"data": ROW, "metadata": ["a"], "model": 7}, "model"),
        ({"data": ROW, "metadata": ["a"], "model": "fraud_classifier"}, "model"),
        ({"data": "", "metadata": ["a"]}, "rows"),
        ({"data": None, "metadata": ["a"]}, "data"),
        ({"data": 7, "metadata": ["a"]}, "data"),
        ({"data": {"amount": 1}, "metadata": ["a"]}, "data"),
        ({"data": "1,2", "metadata": ["a"]}, "row 0"),
        ({"data": "1,2,3,4", "metadata": ["a"]}, "row 0"),
        ({"data": f"{ROW}\n1,x,2", "metadata": ["a"]}, "row 1, column 1"),
        ({"data": "1,nan,2", "metadata": ["a"]}, "row 0"),
        ({"data": "1,inf,2", "metadata": ["a"]}, "row 0"),
        ({"data": [[1, 2, "x"]], "metadata": ["a"]}, "row 0, column 2"),
        ({"data": [], "metadata": ["a"]}, "rows"),
    ],
)
def test_bad_inputs_are_refused_before_anything_is_written(made, given, field, way):
    answering, folder = made
    status, body = answer(answering, given, way)
    assert 400 <= status < 500
    assert body["error"]
    assert field.partition(",")[0] in body["message"]
    assert stored(folder) == []


def test_without_data_and_metadata_it_is_the_managed_containers(made):
    status, body = answer(made[0], {"instances": [{"features": [25.0, 3, 0.5]}]}, GATEWAY)
    assert (status, len(body["scores"])) == (200, 1)
    # What says nothing of the rows changes nothing.
    given = {"instances": [{"features": [25.0, 3, 0.5]}], "metadata": ["a"]}
    assert answer(made[0], given, GATEWAY) == (status, body)


@pytest.mark.parametrize("way", [DIRECT, GATEWAY])
def test_one_row_and_several(made, detector, way):
    answering, folder = made
    rows = np.array([[float(x) for x in row.split(",")] for row in (ROW, FAR)])
    found = detector.detect(rows)
    expected = [
        {"score": s, "grade": g, "is_anomaly": a}
        for s, g, a in zip(
            found.score.tolist(), found.grade.tolist(), found.is_anomaly.tolist(), strict=True
        )
    ]
    status, one = answer(answering, {"data": ROW, "metadata": ["a", "b"]}, way)
    assert (status, one["anomaly_detector"]) == (200, expected[0])
    assert len(one["model_version"]) == 12
    status, two = answer(answering, {"data": f"{ROW}\n{FAR}", "metadata": ["c"]}, way)
    assert [entry["anomaly_detector"] for entry in two] == expected
    assert (expected[0]["is_anomaly"], expected[1]["is_anomaly"]) == (False, True)
    if way == DIRECT:
        assert one["stored"] is True
        assert [entry["stored"] for entry in two] == [True, True]
    lines = stored(folder)
    assert [line["metadata"] for line in lines] == [["a", "b"], ["c"], ["c"]]
    assert [line["row"] for line in lines] == [0, 0, 1]
    assert [line["score"] for line in lines] == [e["score"] for e in (expected[0], *expected)]
    assert [line["is_anomaly"] for line in lines] == [False, False, True]
    assert {line["model_version"] for line in lines} == {one["model_version"]}
    assert all("features" not in line for line in lines)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=1))
def test_metadata_is_stored_as_it_came(detector, tmp_path_factory, metadata):
    folder = tmp_path_factory.mktemp("any")
    detector.save(folder / "m.rcf")
    sink = clients(firehose=files(folder / "out"))
    answering = function(folder / "m.rcf", made=sink, delivery_stream="results")
    status, _ = answer(answering, {"data": ROW, "metadata": metadata}, GATEWAY)
    assert status == 200
    sink.firehose.close()
    assert [line["metadata"] for line in stored(folder / "out")] == [metadata]


def test_a_formula_stays_a_text_on_one_line(made):
    answering, folder = made
    metadata = ["=cmd()|'/c calc'!A0", "a,b", 'say "x"\nnext', "\u2028"]
    answer(answering, {"data": ROW, "metadata": metadata}, DIRECT)
    (file,) = folder.rglob("*.jsonl")
    assert file.read_bytes().count(b"\n") == 1
    assert stored(folder)[0]["metadata"] == metadata


@pytest.mark.parametrize("way", [DIRECT, GATEWAY])
def test_without_a_model_503_says_what_to_do(tmp_path, way):
    answering = function(tmp_path / "none.rcf")
    given = {"data": ROW, "metadata": ["a"]}
    if way == DIRECT:
        # Lambda tries again what came without a caller, and keeps it in the end.
        with pytest.raises(FunctionFailed, match=r"model_unavailable.*FASTRCF_MODEL_URI"):
            answering(given, Context())
        return
    result = answering(event("/invocations", given), Context())
    assert result["statusCode"] == 503
    assert result["headers"]["retry-after"] == "5"
    assert "FASTRCF_MODEL_URI" in json.loads(result["body"])["message"]


def test_the_threshold_of_the_setting(model, detector):
    lower = detector.threshold - 5
    answering = function(model, threshold=repr(lower))
    status, body = told(answering(event("/v1/detect", {"rows": [[25.0, 3, 0.5]]}), Context()))
    assert (status, body["threshold"]) == (200, lower)
    score = body["rows"][0]["score"]
    assert body["rows"][0]["is_anomaly"] is (score > lower)
    assert function(model)._service().served.threshold == detector.threshold


@pytest.mark.parametrize("bad", [None, 7, "text", [], {}, {"rows": [[1, 2, 3]]}])
def test_events_of_another_kind(made, bad):
    answering, _ = made
    result = answering(bad, Context())
    assert result["status"] == 400
    assert "event" in result["message"]


def test_events_of_an_http_api_are_refused_as_such_want_it(made):
    answering, _ = made
    later = {"version": "2.0", "rawPath": "/ping", "requestContext": {"http": {"method": "GET"}}}
    status, body = told(answering(later, Context()))
    assert (status, "payload format 1.0" in body["message"]) == (400, True)


def test_fields_that_are_null_or_wrong(made):
    answering, _ = made
    bare = {"httpMethod": "GET", "path": "/ping", "resource": None, "headers": None, "body": None}
    assert answering(bare, None)["statusCode"] == 200
    for name, value in {
        "headers": [],
        "queryStringParameters": "x",
        "multiValueHeaders": 7,
        "requestContext": "x",
        "body": {"data": 1},
    }.items():
        assert answering({**event("/v1/score", "1"), name: value}, None)["statusCode"] == 400
    broken = event("/v1/score", "%%%", isBase64Encoded=True)
    status, body = told(answering(broken, None))
    assert (status, "base64" in body["message"]) == (400, True)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
KEYS = [
    "headers",
    "multiValueHeaders",
    "queryStringParameters",
    "multiValueQueryStringParameters",
    "body",
    "isBase64Encoded",
    "requestContext",
    "path",
    "resource",
]


@given(st.dictionaries(st.sampled_from(KEYS), json_values), st.sampled_from(["GET", "POST", "x"]))
def test_any_event_of_a_gateway_is_answered(small, more, method):
    result = small({"httpMethod": method, **more}, Context())
    assert 200 <= result["statusCode"] < 500
    json.dumps(result)


@pytest.fixture(scope="module")
def small(detector, tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "m.rcf"
    detector.save(path)
    return function(path)


def test_base64_several_values_and_the_resource(made):
    answering, _ = made
    import base64

    body = base64.b64encode(f"{ROW}\n{FAR}".encode()).decode()
    given = event("/v1/score", body, kind="text/csv", isBase64Encoded=True)
    given["path"] = "/base-of-a-domain/v1/score"
    given["headers"] = None
    given["multiValueHeaders"] = {"CONTENT-TYPE": ["text/csv"], "Accept": ["text/csv"]}
    given["multiValueQueryStringParameters"] = {"extra": ["refuse", "ignore"]}
    result = answering(given, Context())
    assert result["statusCode"] == 200
    assert result["headers"]["content-type"] == "text/csv"
    assert result["isBase64Encoded"] is False
    assert len(result["body"].splitlines()) >= 2
    request = events.request_of(given, "lambda-1")
    assert request.query == {"extra": "ignore"}
    assert (request.path, request.request_id) == ("/v1/score", "gateway-1")


def test_binary_answers_travel_as_base64(made):
    pa = pytest.importorskip("pyarrow")
    import base64

    answering, _ = made
    given = event("/v1/score", {"rows": [[25.0, 3, 0.5]]})
    given["multiValueHeaders"]["Accept"] = ["application/vnd.apache.arrow.stream"]
    result = answering(given, Context())
    assert result["isBase64Encoded"] is True
    table = pa.ipc.open_stream(base64.b64decode(result["body"])).read_all()
    assert table.num_rows == 1


def test_answers_beyond_lambdas_limit():
    from fastrcf.service.core import Response

    large = Response(200, b'"' * (5 << 20), {"content-type": "application/json"})
    result = events.result_of(large)
    assert result["statusCode"] == 413
    assert len(msgspec.json.encode(result)) < 6 << 20
    fits = Response(200, b"1" * (5 << 20), {"content-type": "application/json"})
    assert events.result_of(fits)["statusCode"] == 200


def test_direct_answers_beyond_lambdas_limit(model, monkeypatch):
    given = {"data": "\n".join([ROW] * 40), "metadata": ["a"]}
    answering = function(model)
    whole = len(json.dumps(answering(given)))
    monkeypatch.setattr("fastrcf.stack.function.function.PAYLOAD", whole)
    assert len(answering(given)) == 40
    monkeypatch.setattr("fastrcf.stack.function.function.PAYLOAD", whole - 1)
    refused = answering(given)
    assert (refused["status"], refused["error"]) == (413, "too_large")
    assert "send fewer rows" in refused["message"]


def test_origins(model):
    answering = function(model, cors_origin="https://a.example,https://b.example")
    for origin, allowed in {"https://b.example": True, "https://evil.example": False}.items():
        given = event("/ping", method="GET")
        given["multiValueHeaders"]["Origin"] = [origin]
        headers = answering(given, None)["headers"]
        assert (headers.get("access-control-allow-origin") == origin) is allowed
        assert headers["vary"] == "Origin"
        given["httpMethod"] = "OPTIONS"
        result = answering(given, None)
        assert result["statusCode"] == 204
        assert ("access-control-allow-methods" in result["headers"]) is allowed
    assert "vary" not in function(model)(event("/ping", method="GET"), None)["headers"]


def test_a_forest_scores_without_grades(tmp_path, rng):
    forest = fastrcf.RandomCutForest(random_state=1)
    forest.insert(rng.normal(size=(500, 3)))
    forest.save(tmp_path / "forest.rcf")
    answering = function(tmp_path / "forest.rcf")
    status, body = answer(answering, {"data": "0,0,0", "metadata": ["a"]}, DIRECT)
    assert (status, set(body)) == (200, {"anomaly_detector", "model_version", "stored"})
    assert set(body["anomaly_detector"]) == {"score"}
    assert body["stored"] is False
