"""Metrics in CloudWatch's embedded format, and logs that hold nothing of a request."""

import json
import logging
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrcf.stack.function import records
from fastrcf.stack.function.notes import quantiles
from tests.stack.function.calls import Context, clients, event, files, function

# As Amazon's specification of the format has it.
SCHEMA = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "properties": {
                            "Namespace": {"type": "string", "minLength": 1},
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "type": "array",
                                    "items": {"type": "string", "minLength": 1},
                                    "minItems": 1,
                                    "maxItems": 30,
                                },
                            },
                            "Metrics": {
                                "type": "array",
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "properties": {
                                        "Name": {"type": "string", "minLength": 1},
                                        "Unit": {"enum": ["Count", "None", "Milliseconds"]},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}


def check(line):
    import fastjsonschema

    line = json.loads(json.dumps(line))
    fastjsonschema.compile(SCHEMA)(line)
    (told,) = line["_aws"]["CloudWatchMetrics"]
    assert told["Dimensions"] == [["Solution"]]
    assert isinstance(line["Solution"], str)
    metrics = {}
    for metric in told["Metrics"]:
        value = line[metric["Name"]]
        assert isinstance(value, (int, float))
        assert math.isfinite(value)
        assert records.METRICS[metric["Name"]] == metric["Unit"]
        metrics[metric["Name"]] = value
    return metrics


def test_the_metrics_of_requests(model, detector, table, tmp_path):
    lines = []
    sink = clients(firehose=files(tmp_path))
    answering = function(
        model,
        lines=lines,
        made=sink,
        delivery_stream="results",
        metrics_namespace="fraud",
        solution="fdml",
    )
    answering.cold_start_ms = 321
    rows = np.column_stack([table[name] for name in ("amount", "items", "hour")])[:500]
    rows[7] = [1e6, 50, 9]
    found = detector.detect(rows)
    answering(event("/v1/detect", rows.tolist()), Context())
    metrics = check(lines[0])
    alerts = int(found.is_anomaly.sum())
    assert alerts
    assert metrics == {
        "Requests": 1,
        "Rows": 500,
        "Alerts": alerts,
        "AlertShare": alerts / 500,
        "ScoreP50": np.sort(found.score)[249],
        "ScoreP99": np.sort(found.score)[494],
        "MissingShare": 0,
        "DeliveryFailures": 0,
        "ColdStartMs": 321,
    }
    assert lines[0]["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "fraud"
    assert (lines[0]["Solution"], lines[0]["route"], lines[0]["status"]) == (
        "fdml",
        "/v1/detect",
        200,
    )
    answering(event("/v1/score", "no JSON"), Context())
    assert check(lines[1]) == {"Requests": 1}
    assert lines[1]["status"] == 400
    sink.firehose.close()


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300))
def test_quantiles_are_scores(scores):
    middle, high = quantiles(np.array(scores))
    kept = sorted(scores)
    assert middle in kept
    assert high in kept
    assert middle == np.quantile(scores, 0.5, method="inverted_cdf")
    assert high == np.quantile(scores, 0.99, method="inverted_cdf")


SECRETS = ("98765.4321", "card-holder-7", "top-secret-key", "sneaky")


def test_no_line_holds_anything_of_a_request(model, tmp_path, caplog, capsys):
    lines = []
    sink = clients(firehose=files(tmp_path, fails=lambda number: "Failed" if number % 2 else None))
    answering = function(
        model, lines=lines, made=sink, delivery_stream="results", log_level="DEBUG"
    )
    headers = {"X-Api-Key": ["top-secret-key"], "Authorization": ["top-secret-key"]}
    with caplog.at_level(logging.DEBUG):
        for body in (
            {"data": "98765.4321,3,0.5", "metadata": ["card-holder-7"]},
            {"data": "98765.4321,card-holder-7,0.5", "metadata": ["card-holder-7"]},
            {"data": "98765.4321,3,0.5", "metadata": "card-holder-7"},
            {"data": "98765.4321,3", "metadata": ["card-holder-7"], "model": "sneaky"},
            {"rows": [{"amount": 98765.4321, "sneaky": 1}]},
        ):
            for path in ("/invocations", "/v1/detect", "/sneaky"):
                given = event(path, body)
                given["multiValueHeaders"].update(headers)
                given["queryStringParameters"] = {"extra": "sneaky"}
                answering(given, Context(left=0.6))
    told = json.dumps(lines) + caplog.text + "".join(capsys.readouterr())
    assert len(lines) == 15
    for secret in SECRETS:
        assert secret not in told
    sink.firehose.close()


def test_a_defect_is_told_by_its_place_alone(model, capsys, monkeypatch):
    answering = function(model, lines=[])
    formatter = records.JsonLines()
    logger = logging.getLogger("fastrcf.function")
    caught = []

    class Catch(logging.Handler):
        def emit(self, record):
            caught.append(json.loads(formatter.format(record)))

    handler = Catch()
    logger.addHandler(handler)

    def broken(request):
        raise ZeroDivisionError("98765.4321")

    monkeypatch.setattr(answering, "_answer", broken)
    try:
        result = answering(event("/v1/score", "x"), Context())
    finally:
        logger.removeHandler(handler)
    assert result["statusCode"] == 500
    (line,) = caught
    assert line["error"] == "ZeroDivisionError"
    assert line["at"][-1].endswith("broken")
    assert "98765.4321" not in json.dumps(line) + result["body"]


def test_lines_are_json_on_standard_output(capsys):
    records.write({"a": 'x\n"y"'})
    assert json.loads(capsys.readouterr().out) == {"a": 'x\n"y"'}
    logger = logging.getLogger("fastrcf")
    before = (list(logger.handlers), logger.propagate, logger.level)
    try:
        records.log_as_json("INFO")
        records.log_as_json("WARNING")
        assert len(logger.handlers) == len(before[0]) + 1
        assert not logger.isEnabledFor(logging.INFO)
    finally:
        logger.handlers, logger.propagate = before[0], before[1]
        logger.setLevel(before[2])


def test_traces_are_passed_through(model):
    lines = []
    answering = function(model, lines=lines)
    given = event("/ping", method="GET")
    given["multiValueHeaders"]["X-Amzn-Trace-Id"] = ["Root=1-5759e988-bd862e3fe1be46a994272793"]
    headers = answering(given, Context())["headers"]
    assert headers["x-amzn-trace-id"] == lines[0]["trace_id"]
    assert lines[0]["trace_id"].startswith("Root=1-5759e988")
    for told in ("card=4711", "Root=4711", "xRoot=1-5759e988-bd862e3fe1be46a994272793"):
        given["multiValueHeaders"]["X-Amzn-Trace-Id"] = [told]
        assert answering(given, Context())["headers"]["x-amzn-trace-id"] == told
        assert "trace_id" not in lines[-1]
    root = "Root=1-5759e988-bd862e3fe1be46a994272793"
    given["multiValueHeaders"]["X-Amzn-Trace-Id"] = [f"Self=4711;{root};Sampled=1"]
    answering(given, Context())
    assert lines[-1]["trace_id"] == root
    assert "x-amzn-trace-id" not in answering(event("/ping", method="GET"), None)["headers"]


@pytest.mark.parametrize("way", [True, False])
def test_a_request_is_known_by_its_id(model, way):
    lines = []
    answering = function(model, lines=lines)
    if way:
        result = answering(event("/ping", method="GET"), Context())
        assert result["headers"]["x-request-id"] == lines[0]["request_id"] == "gateway-1"
    else:
        answering({"data": "1,2,3", "metadata": ["a"]}, Context())
        assert lines[0]["request_id"] == "lambda-1"
