"""The stack's contract: the original's answers, and for its faults honest problems."""

import json

import numpy as np
import pytest

from fastrcf.service.core import LocalModel, Request, Service
from fastrcf.serving.problems import Problem
from tests.service.conftest import ask

ROW, OTHER = "20.5,3,12", "90000,40,3"
METADATA = ["2026-01-01 00:00:00", "random_id", "Web"]


class Classifier:
    """Calls a row fraud if its amount is large."""

    def __init__(self):
        self.asked = 0

    def predict_proba(self, rows):
        self.asked += 1
        return np.where(rows[:, 0] > 1000, 0.9, 0.1)


@pytest.fixture
def told():
    return []


@pytest.fixture
def both(detector, told):
    return Service(LocalModel(detector, "v1"), observers=[told.append], classifier=Classifier())


def body(data=ROW, **more):
    return {"data": data, "metadata": METADATA, **more}


def expected(detector, row):
    found = detector.detect(np.array([row.split(",")], float))
    return {
        "score": found.score[0],
        "grade": found.grade[0],
        "is_anomaly": bool(found.is_anomaly[0]),
    }


def test_the_detector_alone_answers_where_there_is_no_classifier(service, detector):
    status, found = ask(service, "/invocations", body())
    assert status == 200
    assert found == {"anomaly_detector": expected(detector, ROW), "model_version": "v1"}


def test_both_models_answer(both, detector, told):
    status, found = ask(both, "/invocations", body(OTHER))
    assert status == 200
    assert found == {
        "anomaly_detector": expected(detector, OTHER),
        "fraud_classifier": {"pred_proba": 0.9, "prediction": 1},
        "model_version": "v1",
    }
    (seen,) = told
    assert seen.metadata == METADATA
    assert seen.output == found
    assert seen.alerts.tolist() == [True]


@pytest.mark.parametrize("where", ["body", "query"])
@pytest.mark.parametrize("model", ["anomaly_detector", "fraud_classifier"])
def test_one_model_is_asked(both, model, where, told):
    given = body(model=model) if where == "body" else body(model="")
    query = {"model": model} if where == "query" else {}
    _, found = ask(both, "/invocations", given, query=query)
    assert set(found) == {model, "model_version"}
    assert both._classifier.asked == (model == "fraud_classifier")
    assert len(told[0].scores) == (model == "anomaly_detector")


@pytest.mark.parametrize(
    "data",
    [
        f"{ROW}\n{OTHER}",
        f"amount,items,hour\r\n{ROW}\r\n{OTHER}\r\n",
        [[20.5, 3, 12], [90000, 40, 3]],
        [{"amount": 20.5, "items": 3, "hour": 12}, [90000, 40, 3]],
    ],
)
def test_several_rows_have_an_answer_each(both, detector, data):
    _, found = ask(both, "/invocations", body(data))
    assert [row["anomaly_detector"] for row in found] == [
        expected(detector, ROW),
        expected(detector, OTHER),
    ]
    assert [row["fraud_classifier"]["prediction"] for row in found] == [0, 1]


def test_no_reasons_are_computed_that_nobody_sees(detector):
    asked = []

    class Watched(LocalModel):
        def detect(self, rows, *, reasons=True):
            asked.append(reasons)
            return super().detect(rows, reasons=reasons)

    for threshold in (None, 1.0):
        service = Service(Watched(detector, "v1", threshold=threshold))
        asked.clear()
        status, found = ask(service, "/invocations", body(OTHER))
        assert (status, asked) == (200, [False])
        assert found["anomaly_detector"] | {"is_anomaly": True} == expected(detector, OTHER)
        _, told = ask(service, "/v1/detect", [90_000, 40, 3])
        assert asked == [False, True]
        assert told["rows"][0]["reasons"]


@pytest.mark.parametrize("space", ["", " ", "\n\t "])
def test_spaces_before_the_data(service, detector, space):
    for data in (json.dumps(ROW), "[20.5, 3, 12]"):
        given = f'{{"data":{space}{data}, "metadata": {json.dumps(METADATA)}}}'
        _, found = ask(service, "/invocations", given.encode())
        assert found["anomaly_detector"] == expected(detector, ROW)


def test_one_row_as_a_list(service, detector):
    _, found = ask(service, "/invocations", body([20.5, 3, 12]))
    assert found["anomaly_detector"] == expected(detector, ROW)


def test_a_forest_gives_scores_alone(forest, rows):
    service = Service(LocalModel(forest, "v1"))
    _, found = ask(service, "/invocations", body())
    assert set(found["anomaly_detector"]) == {"score"}


def test_metadata_that_would_break_csv_is_taken_as_it_is(both, told):
    nasty = ["a,b", "line\nbreak", "=cmd()", '"', "\u202e", ""]
    status, _ = ask(both, "/invocations", {"data": ROW, "metadata": nasty})
    assert status == 200
    assert told[0].metadata == nasty


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"data": ROW}, "metadata: it is not there"),
        (body() | {"metadata": []}, "metadata: the list is empty"),
        (body() | {"metadata": "text"}, "metadata: expected a list"),
        (body() | {"metadata": {"a": "b"}}, "metadata: expected a list"),
        (body() | {"metadata": ["a", 1]}, "metadata[1]: expected a text"),
        (body() | {"metadata": ["a"] * 65}, "metadata: more than 64"),
        (body() | {"metadata": ["a" * 5000]}, "metadata[0]: more than 4096"),
        (body(model="other"), "model: expected anomaly_detector or fraud_classifier"),
        (body(model=["fraud_classifier"]), "model: expected"),
        (body(7), "data: expected"),
        (body(None), "data: expected"),
        (body({"amount": 1}), "data: expected"),
        (body(""), "data: the body has no rows"),
        (body([]), "data: the body has no rows"),
        (body("1,2"), "data: row 0: 2 values"),
        (body("1,2,x"), "data: row 0, column 'hour'"),
        (body("1,2,\ud800"), "\\ud800 at byte 14 is half of a character"),
        (body() | {"metadata": ["a", "\udc00"]}, "\\udc00 at byte"),
        (body(modle="fraud_classifier"), '"modle" is not known; is "model" meant?'),
        (body(instances=[[1, 2, 3]]), '"instances" is not known; known are data, metadata, model'),
        ('{"data":"1,2,3","metadata":["a"],"data":"4,5,6"}', '"data" is there twice'),
        ('{"data":"1,2,3","metadata":["a"],"metadata":["b"]}', '"metadata" is there twice'),
        (
            '{"data":[{"amount":1,"items":2,"items":3,"hour":4}],"metadata":["a"]}',
            "data: row 0: column 'items' is there twice",
        ),
        (body([1, 2, None]), "row 0, column 'hour': the value is missing"),
        (body("1,2,1e31"), "row 0, column 'hour'"),
        (body("1,2,nan"), "data: row 0, column 'hour'"),
    ],
)
def test_whatever_is_wrong_is_named_and_nothing_is_asked(both, told, given, words):
    given = given if isinstance(given, str) else json.dumps(given)
    status, found = ask(both, "/invocations", given)
    assert status == 400, found
    assert words in found["message"]
    assert told == []
    assert both._classifier.asked == 0


@pytest.mark.parametrize("field", ["data", "metadata", "model"])
def test_bytes_that_are_no_text_are_refused(service, field):
    for text in (b'"\xe9"', b'["\xe9"]', b"[" * 100_000):
        fields = {"data": b'"1,2,3"', "metadata": b'["a"]', field: text}
        given = b"{%b}" % b",".join(b'"%b":%b' % (k.encode(), v) for k, v in fields.items())
        status, found = ask(service, "/invocations", given)
        assert (status, found["error"]) == (400, "invalid_input")


def test_no_classifier_is_said_so(service):
    status, found = ask(service, "/invocations", body(model="fraud_classifier"))
    assert (status, found["error"]) == (400, "no_classifier")


def test_a_classifier_that_is_elsewhere_may_fail(detector, told):
    class Away:
        def predict_proba(self, rows):
            raise Problem(502, "backend", "the endpoint does not answer")

    service = Service(LocalModel(detector, "v1"), classifier=Away(), observers=[told.append])
    status, found = ask(service, "/invocations", body())
    assert (status, found["error"]) == (502, "backend")
    assert told == []


def test_json_is_taken_for_the_contract_by_its_field_alone(service):
    answer = service.answer(Request("POST", "/invocations", {}, json.dumps(body()).encode()))
    assert answer.status == 200
    assert ask(service, "/invocations", {"metadata": METADATA})[0] == 400
    assert ask(service, "/invocations", "{")[0] == 400
