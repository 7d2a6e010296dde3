import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrcf.traffic.answers import read

DETECTOR = {"score": 1.0, "grade": 0.7, "is_anomaly": True}
CLASSIFIER = {"pred_proba": 0.9, "prediction": 0}


@pytest.mark.parametrize(
    ("answer", "n", "alerts"),
    [
        ({"anomaly_detector": {"score": 1.0}, "model_version": "a"}, 1, []),
        ({"anomaly_detector": DETECTOR, "fraud_classifier": CLASSIFIER}, 1, [True]),
        ({"fraud_classifier": CLASSIFIER}, 1, [False]),
        ([{"anomaly_detector": DETECTOR}, {"anomaly_detector": DETECTOR}], 2, [True, True]),
        ({"scores": [{"score": 1.0}, {"score": 2}]}, 2, []),
        ({"scores": [1.0, 2.0], "model_version": "a"}, 2, []),
        ({"scores": [1.0, 2.0], "is_anomaly": [False, True]}, 2, [False, True]),
        ({"rows": [DETECTOR | {"reasons": [{"column": "a", "share": 0.5}]}]}, 1, [True]),
        ({"score": 0.5}, 1, []),
    ],
)
def test_answers_that_are_understood(answer, n, alerts):
    said = read(json.dumps(answer).encode(), "application/json", n)
    assert (said.scores, said.alerts) == (n, alerts)


def test_answers_as_text():
    assert read(b"1.5\n2.5\n", "text/csv; charset=utf-8", 2).alerts == []
    header = b"score,grade,is_anomaly,reasons\n"
    assert read(header + b'1.5,0.2,1,"a 3, b"\n', "text/csv", 1).alerts == [True]
    assert read(b"1.5,0.2,0\n2.5,0.9,1\n", "text/csv", 2).alerts == [False, True]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/json"),
        (b"<html>", "text/html"),
        (b"\xff\xfe", "application/json"),
        (b"{}", "application/json"),
        (b"null", "application/json"),
        (b'{"score": NaN}', "application/json"),
        (b'{"score": "1"}', "application/json"),
        (b'{"scores": [1.0, 2.0]}', "application/json"),
        (b'[{"score": 1}, {"score": 1}]', "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"scores": [1.0], "is_anomaly": [true, false]}', "application/json"),
        (b"nan\n", "text/csv"),
    ],
)
def test_answers_that_do_not_answer_one_row(body, content_type):
    with pytest.raises(ValueError, match="the answer"):
        read(body, content_type, 1)


@given(
    st.binary(max_size=50)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["score", "scores", "anomaly_detector", "fraud_classifier", "is_anomaly"]
                ),
                inner,
                max_size=4,
            )
        ),
    ).map(lambda given: json.dumps(given).encode())
)
def test_no_answer_breaks_it(body):
    try:
        said = read(body, "application/json", 1)
    except ValueError:
        return
    assert said.scores == 1
