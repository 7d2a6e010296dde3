"""The core as a Lambda function or a server calls it: requests in, answers out."""

import csv
import hashlib
import io
import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastrcf
from fastrcf.sagemaker import ManagedForest, decode_scores, encode_recordio
from fastrcf.service.answers import ARROW
from fastrcf.service.core import LocalModel, Request, Service, ServiceLimits
from fastrcf.serving.problems import Problem
from tests.service.conftest import COLUMNS, ask


def test_it_imports_without_what_a_function_does_not_carry():
    code = (
        "import sys, fastrcf.service.core;"
        "heavy = {'starlette', 'uvicorn', 'pyarrow', 'boto3', 'botocore', 'narwhals', 'click'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_scores_are_the_models(service, detector, rows):
    status, told = ask(service, "/v1/score", {"rows": rows[:20].tolist()})
    assert status == 200
    assert told["model_version"] == "v1"
    assert told["scores"] == detector.score(rows[:20]).tolist()


def test_detections_are_the_models(service, detector, rows, odd):
    given_rows = [dict(zip(COLUMNS, row, strict=True)) for row in rows[:20].tolist()] + [odd]
    status, told = ask(service, "/v1/detect", {"rows": given_rows})
    found = detector.detect(np.array([list(row.values()) for row in given_rows]))
    assert status == 200
    assert told["threshold"] == detector.threshold
    for name in ("score", "grade", "is_anomaly"):
        assert [row[name] for row in told["rows"]] == getattr(found, name).tolist()
    assert told["rows"][-1]["is_anomaly"] is True
    assert told["rows"][-1]["reasons"] == [vars(reason) for reason in found.reasons[-1]]
    assert told["rows"][-1]["reasons"][0]["column"] in COLUMNS


def test_every_format_of_answer_says_the_same(service, odd, rows):
    given_rows = {"rows": [dict(zip(COLUMNS, rows[0].tolist(), strict=True)), odd]}
    _, scores = ask(service, "/v1/score", given_rows)
    _, told = ask(service, "/v1/detect", given_rows)
    detected = told["rows"]
    _, lines = ask(service, "/v1/score", given_rows, accept="application/jsonlines")
    assert [json.loads(line)["score"] for line in lines.splitlines()] == scores["scores"]
    _, lines = ask(service, "/v1/detect", given_rows, accept="application/x-ndjson")
    assert [json.loads(line) for line in lines.splitlines()] == detected
    _, text = ask(service, "/v1/score", given_rows, accept="text/csv")
    assert text.decode().split() == ["score", *map(repr, scores["scores"])]
    _, text = ask(service, "/v1/detect", given_rows, accept="text/csv")
    table = list(csv.DictReader(io.StringIO(text.decode())))
    for cells, row in zip(table, detected, strict=True):
        assert (float(cells["score"]), float(cells["grade"])) == (row["score"], row["grade"])
        assert cells["is_anomaly"] == str(int(row["is_anomaly"]))
        assert cells["reasons"] == "; ".join(reason["text"] for reason in row["reasons"])
    _, stream = ask(service, "/v1/score", given_rows, accept=ARROW)
    found = pa.ipc.open_stream(stream).read_all()
    assert found["score"].to_pylist() == scores["scores"]
    assert found.schema.metadata == {b"model_version": b"v1"}
    _, stream = ask(service, "/v1/detect", given_rows, accept=ARROW)
    assert pa.ipc.open_stream(stream).read_all().to_pylist() == detected


def test_categories_are_detected(with_categories):
    service = Service(LocalModel(with_categories, "v1"))
    row = {"amount": 20.0, "kind": "pigeon"}
    _, told = ask(service, "/v1/detect", row)
    assert told["rows"][0]["is_anomaly"] is True
    assert told["rows"][0]["reasons"][0]["column"] == "kind"
    assert ask(service, "/v1/score", "amount,kind\n20,pigeon", "text/csv")[1]["scores"] == [
        told["rows"][0]["score"]
    ]
    status, told = ask(service, "/invocations", "20,1", "text/csv")
    assert (status, told["error"]) == (400, "invalid_request")


def test_a_forest_scores_and_detects_above_a_threshold_that_is_given(forest, rows):
    service = Service(LocalModel(forest, "v1"))
    wanted = forest.freeze().score(rows[:5]).tolist()
    assert ask(service, "/v1/score", rows[:5].tolist())[1]["scores"] == wanted
    assert ask(service, "/v1/detect", rows[:5].tolist())[1]["error"] == "no_threshold"
    odd = [90_000.0, 3.0, 12.0]
    cut = (max(wanted) + forest.freeze().score(odd)[0]) / 2
    service = Service(LocalModel(forest, "v1", threshold=cut))
    told = ask(service, "/v1/detect", [*rows[:5].tolist(), odd])[1]
    assert [row["is_anomaly"] for row in told["rows"]] == [False] * 5 + [True]
    assert told["threshold"] == cut
    assert told["rows"][5]["grade"] is None
    reason = told["rows"][5]["reasons"][0]
    assert (reason["column"], reason["direction"]) == ("0", "high")


def test_a_detectors_threshold_may_be_another(detector, rows):
    scores = detector.score(rows[:200])
    cut = float(np.quantile(scores, 0.9))
    service = Service(LocalModel(detector, "v1", threshold=cut))
    told = ask(service, "/v1/detect", rows[:200].tolist())[1]["rows"]
    assert [row["is_anomaly"] for row in told] == (scores > cut).tolist()
    assert all(bool(row["reasons"]) is row["is_anomaly"] for row in told)
    assert [row["grade"] for row in told] == detector.detect(rows[:200]).grade.tolist()


def test_a_file_has_the_version_of_its_bytes(detector, tmp_path):
    detector.save(tmp_path / "model.rcf")
    served = LocalModel.load(tmp_path / "model.rcf")
    data = (tmp_path / "model.rcf").read_bytes()
    assert served.version == hashlib.sha256(data).hexdigest()[:12]
    service = Service(served)
    status, told = ask(service, "/v1/model", b"", method="GET")
    assert (status, told["model_version"]) == (200, served.version)
    assert told["threshold"] == detector.threshold
    assert [column["name"] for column in told["columns"]] == COLUMNS
    for column in told["columns"]:
        assert column["usual_low"] < column["median"] < column["usual_high"]


def test_the_model_tells_its_relations(rng_table):
    detector = fastrcf.Detector(random_state=1).fit(rng_table)
    told = ask(Service(LocalModel(detector, "v1")), "/v1/model", b"", method="GET")[1]
    (relation,) = told["relations"]
    assert relation["weights"] == {"start": 1.0, "end": -1.0, "span": 1.0}
    assert relation["text"] == "start - end + span"
    odd = {"start": 500.0, "end": 600.0, "span": 3.0}
    _, found = ask(Service(LocalModel(detector, "v1")), "/v1/detect", odd)
    assert found["rows"][0]["reasons"][0]["column"] == relation["text"]


@pytest.fixture
def rng_table():
    """An end that is a start and a span."""
    rng = np.random.default_rng(8)
    start, span = rng.uniform(0, 1000, 3000), rng.lognormal(1, 1, 3000)
    return {"start": start, "end": start + span, "span": span}


def test_a_managed_forest_has_its_own_scale(rows, tmp_path):
    managed = ManagedForest(50, 64, random_state=1).fit(rows)
    managed.save(tmp_path / "managed.rcf")
    service = Service(LocalModel.load(tmp_path / "managed.rcf", threshold=0.5))
    wanted = managed.score(rows[:5]).tolist()
    assert ask(service, "/v1/score", rows[:5].tolist())[1]["scores"] == wanted
    told = ask(service, "/v1/detect", [90_000, 40, 3])[1]["rows"][0]
    assert told["is_anomaly"]
    assert told["reasons"][0]["column"] == "0"
    assert ask(service, "/v1/model", b"", method="GET")[1]["kind"] == "managed forest"


def test_streams_need_learning():
    with pytest.raises(fastrcf.InvalidInputError, match="--learn"):
        LocalModel(fastrcf.SeriesDetector(["a"]), "v1")


def test_another_model_takes_over(service, with_categories):
    service.replace(LocalModel(with_categories, "v2"))
    assert ask(service, "/v1/score", {"amount": 1, "kind": "web"})[1]["model_version"] == "v2"
    assert ask(service, "/ping", b"", method="GET")[1] == {"status": "ok", "model_version": "v2"}


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/score", 405, "method_not_allowed"),
        ("POST", "/ping", 405, "method_not_allowed"),
        ("POST", "/v1/score/", 404, "not_found"),
    ],
)
def test_paths_and_methods(service, method, path, status, error):
    found, told = ask(service, path, b"", method=method)
    assert (found, told["error"]) == (status, error)


@pytest.mark.parametrize(
    ("headers", "query", "status", "error"),
    [
        ({"content-type": "text/html"}, {}, 415, "unsupported_media_type"),
        ({}, {}, 415, "unsupported_media_type"),
        ({"content-type": "application/json", "accept": "image/png"}, {}, 406, "not_acceptable"),
        ({"content-type": "application/json"}, {"extra": "x"}, 400, "invalid_input"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/score", "/v1/detect"])
def test_heads_are_refused_before_bodies_come(service, path, headers, query, status, error):
    request = Request("POST", path, headers, b"[1,2,3]", query)
    answer = service.answer(request)
    assert (answer.status, json.loads(answer.body)["error"]) == (status, error)
    with pytest.raises(Problem) as caught:
        service.check(path, headers, query)
    assert caught.value.status == status


def test_limits(detector):
    service = Service(LocalModel(detector, "v1"), limits=ServiceLimits(body=100, rows=2))
    assert ask(service, "/v1/score", [[1, 2, 3]] * 2)[0] == 200
    assert ask(service, "/v1/score", [[1, 2, 3]] * 3)[1]["error"] == "too_many_rows"
    assert ask(service, "/invocations", "1,2,3\n" * 3, "text/csv")[1]["error"] == "too_many_rows"
    status, told = ask(service, "/v1/score", [[1, 2, 3]] * 20)
    assert (status, told["error"]) == (413, "too_large")


@pytest.mark.parametrize("value", ["1e31", "-1e300"])
def test_what_the_model_refuses_is_placed(service, value):
    status, told = ask(service, "/v1/detect", f'[[1,2,3],{{"amount":1,"hour":{value},"items":2}}]')
    assert (status, told["row"], told["column"]) == (400, 1, 2)
    assert "'hour'" in told["message"]


def test_defects_are_told_without_their_insides(service, caplog):
    class Broken:
        names = COLUMNS
        version = "v1"

        def score(self, rows):
            raise RuntimeError("secret 42")

    status, told = ask(Service(Broken()), "/v1/score", [1, 2, 3])
    assert (status, told["error"]) == (500, "internal")
    assert "secret" not in told["message"]
    assert "secret 42" in caplog.text


def test_observers_are_told_and_cannot_harm(detector, rows, odd, caplog):
    told = []

    def broken(answered):
        raise RuntimeError("the observer")

    service = Service(LocalModel(detector, "v1"), observers=[broken, told.append])
    request = Request(
        "POST",
        "/v1/detect",
        {"content-type": "application/json"},
        json.dumps({"rows": [rows[0].tolist(), odd]}).encode(),
        request_id="r-1",
    )
    answer = service.answer(request)
    assert answer.status == 200
    assert answer.headers["x-request-id"] == "r-1"
    assert answer.headers["x-model-version"] == "v1"
    (seen,) = told
    assert (seen.route, seen.model_version, seen.request_id) == ("/v1/detect", "v1", "r-1")
    assert seen.alerts.tolist() == [False, True]
    assert len(seen.scores) == len(seen.grades) == 2
    assert seen.seconds > 0
    assert "an observer failed" in caplog.text
    ask(service, "/v1/score", [[1, 2]])
    assert len(told) == 1, "what was refused is not told"


def test_the_containers_contract(service, detector, rows):
    body = encode_recordio(rows[:3].astype(np.float32))
    kind = "application/x-recordio-protobuf"
    wanted = detector.score(rows[:3].astype(np.float32))
    status, found = ask(service, "/invocations", body, kind, accept=kind)
    assert status == 200
    np.testing.assert_allclose(decode_scores(found), wanted, rtol=1e-6)
    body = {"instances": [{"features": row} for row in rows[:3].tolist()]}
    found = ask(service, "/invocations", body)[1]["scores"]
    np.testing.assert_allclose([row["score"] for row in found], detector.score(rows[:3]))
    # As the managed service has it: rows within "data", which is not the stack's contract.
    body = {"instances": [{"data": {"features": {"values": rows[0].tolist()}}}]}
    assert len(ask(service, "/invocations", body)[1]["scores"]) == 1
    found = ask(
        service,
        "/invocations",
        "90000,40,3",
        "text/csv",
        x_amzn_sagemaker_custom_attributes="output=detect",
    )[1]["scores"]
    assert found[0]["is_anomaly"] is True


@given(
    st.sampled_from(["GET", "POST", "HEAD", "PUT", "OPTIONS", "x"]),
    st.sampled_from(
        ["/v1/score", "/v1/detect", "/invocations", "/v1/model", "/ping", "/openapi.json", "/", ""]
    ),
    st.dictionaries(
        st.sampled_from(["content-type", "accept", "x-amzn-sagemaker-custom-attributes"]),
        st.sampled_from(
            ["application/json", "text/csv", ARROW, "application/jsonlines", "*/*", "output=detect"]
        )
        | st.text(max_size=10),
    ),
    st.binary(max_size=60)
    | st.sampled_from([b"[1,2,3]", b'{"data":"1,2,3","metadata":["x"]}', b"1,2,3"]),
)
@settings(max_examples=300, deadline=None)
def test_it_never_raises_nor_fails(method, path, headers, body):
    answer = _SERVICE.answer(Request(method, path, headers, body))
    assert 200 <= answer.status < 500
    assert answer.headers["content-type"]
    if answer.status != 200:
        assert {"error", "message"} <= set(json.loads(answer.body))


_SERVICE = Service(
    LocalModel(
        fastrcf.Detector(n_trees=10, sample_size=32, random_state=1).fit(
            np.random.default_rng(1).normal(size=(200, 3))
        ),
        "v1",
    )
)
