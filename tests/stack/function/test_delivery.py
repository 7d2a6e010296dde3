"""Delivery: Firehose's limits, what failed sent again, told honestly what is stored."""

import json

import boto3
import numpy as np
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from fastrcf.stack.function.delivery import (
    CALL_BYTES,
    RECORD_BYTES,
    RECORDS,
    Delivery,
    _calls,
    _records,
)
from tests.sagemaker.conftest import aws, moto_url  # noqa: F401
from tests.stack.conftest import ROW
from tests.stack.function.calls import Clock, Context, clients, event, files, function, stored

SMALL = 20


class Firehose:
    """Keeps Firehose's limits; fails as a plan says, which has a list for each call."""

    def __init__(self, plan=()):
        self.plan = iter(plan)
        self.calls = []
        self.data = []

    def put_record_batch(self, *, DeliveryStreamName, Records):
        records = [record["Data"] for record in Records]
        assert 1 <= len(records) <= RECORDS
        assert max(map(len, records)) <= RECORD_BYTES
        assert sum(map(len, records)) <= CALL_BYTES
        self.calls.append(records)
        now = next(self.plan, [])
        if isinstance(now, Exception):
            raise now
        answers = []
        for i, record in enumerate(records):
            if i < len(now) and now[i]:
                answers.append({"ErrorCode": "ServiceUnavailableException"})
            else:
                self.data.append(record)
                answers.append({"RecordId": "1"})
        return {"FailedPutCount": 0, "RequestResponses": answers}


def delivering(firehose, clock=None):
    clock = clock or Clock()
    return Delivery(lambda: firehose, "results", sleep=clock.sleep, clock=clock)


def refused(code, status=400):
    told = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(told, "PutRecordBatch")


sizes = st.lists(st.sampled_from([10, 300, 59_999, 60_001, 700_000, 1_024_000, 1_024_001]))


@given(sizes)
def test_lines_are_packed_in_order_within_the_limits(sizes):
    lines = [bytes([65 + i % 26]) * (size - 1) + b"\n" for i, size in enumerate(sizes)]
    joined = b"".join(lines)
    n, records = _records(joined)
    assert n == len(lines)
    calls = _calls(records)
    held = b"".join(data for call in calls for _, data in call)
    assert held == b"".join(line for line in lines if len(line) <= RECORD_BYTES)
    for call in calls:
        assert 1 <= len(call) <= RECORDS
        assert sum(len(data) for _, data in call) <= CALL_BYTES
        for place, data in call:
            assert data == b"".join(lines[place])
            assert len(data) <= RECORD_BYTES


@given(st.integers(1, 40), st.lists(st.lists(st.booleans(), max_size=40), max_size=8))
def test_each_line_is_stored_once_and_told_so(n, plan):
    # Each in a record of its own.
    lines = [b"%d" % i + b"x" * 50_000 + b"\n" for i in range(n)]
    firehose = Firehose(plan)
    told = delivering(firehose).put(b"".join(lines), seconds=1e9)
    assert told.all()
    assert sorted(firehose.data) == sorted(lines)
    for before, after in zip(firehose.calls, firehose.calls[1:], strict=False):
        # What is sent again is part of what was sent, and what failed alone.
        assert set(after) <= set(before)


def test_many_small_lines_share_records():
    firehose = Firehose()
    lines = [b"x" * 199 + b"\n"] * 1000
    assert delivering(firehose).put(b"".join(lines), 5).all()
    assert [len(call) for call in firehose.calls] == [4]


def test_more_than_500_records():
    firehose = Firehose()
    lines = [b"x" * 40_000 + b"\n"] * 700
    assert delivering(firehose).put(b"".join(lines), 5).all()
    # 4 MiB are reached before 500 records of this size are.
    assert len(firehose.calls) == 7
    records = [(slice(i, i + 1), b"x\n") for i in range(1201)]
    assert [len(call) for call in _calls(records)] == [500, 500, 201]


def test_what_fails_until_the_time_is_over_is_told():
    clock = Clock()
    always = Firehose([[True, False]] + [[True]] * 1000)
    told = delivering(always, clock).put(b"a" * 59_999 + b"\n" + b"b" * 59_999 + b"\n", seconds=3.0)
    assert told.tolist() == [False, True]
    assert clock.now <= 103.0
    assert len(always.calls) > 3
    assert [len(call) for call in always.calls] == [2] + [1] * (len(always.calls) - 1)
    assert max(clock.slept) <= 1.0


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (refused("ResourceNotFoundException"), 1),
        (refused("AccessDeniedException"), 1),
        (refused("InvalidKMSResourceException"), 1),
        (refused("ServiceUnavailableException", 503), 2),
        (refused("ThrottlingException"), 2),
        (refused("Unknown", 500), 2),
        (ConnectTimeoutError(endpoint_url="https://firehose"), 2),
        (KeyError("a defect"), 1),
    ],
)
def test_what_passes_is_tried_again(error, calls):
    firehose = Firehose([error])
    told = delivering(firehose).put(b"a\n", seconds=5)
    assert len(firehose.calls) == calls
    assert told.tolist() == [calls == 2]


def test_without_time_nothing_is_sent():
    firehose = Firehose()
    assert not delivering(firehose).put(b"a\n", seconds=0).any()
    assert firehose.calls == []


def test_the_scores_come_back_in_time(model):
    clock = Clock()

    class Slow(Firehose):
        def put_record_batch(self, **asked):
            clock.now += 3
            return super().put_record_batch(**asked)

    slow = Slow([[True] * 500] * 99)
    made = clients(firehose=slow)
    answering = function(model, clock=clock, made=made, delivery_stream="results")
    rows = [[1.0, 2.0, 3.0]] * 30_000
    began = clock.now
    result = answering(event("/v1/score", rows), Context(left=8))
    assert result["headers"]["x-fastrcf-stored"] == "false"
    # A third call might end after the function does.
    assert clock.now - began < 8
    assert len(slow.calls) == 2


def test_a_client_that_cannot_be_made():
    def none():
        raise ImportError("boto3")

    assert not Delivery(none, "results").put(b"a\n", 5).any()


def test_answers_say_whether_they_are_stored(model, tmp_path):
    lines = []
    sink = files(tmp_path / "out", fails=lambda number: "ServiceUnavailableException")
    answering = function(model, lines=lines, made=clients(firehose=sink), delivery_stream="results")
    given = {"data": f"{ROW}\n{ROW}", "metadata": ["a"]}
    result = answering(event("/invocations", given), Context(left=3))
    # The scores are there; that they are not stored changes no status.
    assert (result["statusCode"], result["headers"]["x-fastrcf-stored"]) == (200, "false")
    assert lines[-1]["DeliveryFailures"] == 2
    assert stored(tmp_path / "out") == []
    direct = answering(given, Context(left=3))
    assert [entry["stored"] for entry in direct] == [False, False]
    sink._fails = lambda number: None
    result = answering(event("/v1/score", [[1, 2, 3]]), Context())
    assert result["headers"]["x-fastrcf-stored"] == "true"
    assert lines[-1]["DeliveryFailures"] == 0
    (line,) = stored(tmp_path / "out")
    assert (line["metadata"], line["grade"], line["is_anomaly"]) == (None, None, None)
    ping = answering(event("/ping", method="GET"), Context())
    assert "x-fastrcf-stored" not in ping["headers"]
    sink.close()


def test_rows_are_stored_only_if_asked(model, tmp_path):
    sink = files(tmp_path / "out")
    answering = function(
        model, made=clients(firehose=sink), delivery_stream="results", deliver_features="true"
    )
    answering({"data": f"1,2,3\n{ROW}", "metadata": ["a"]}, Context())
    sink.close()
    features = [line["features"] for line in stored(tmp_path / "out")]
    assert features == [[1, 2, 3], [float(x) for x in ROW.split(",")]]


def test_the_stream_and_the_limits_of_the_files(tmp_path):
    sink = files(tmp_path)

    def code(stream, data):
        with pytest.raises(ClientError) as error:
            sink.put_record_batch(DeliveryStreamName=stream, Records=[{"Data": d} for d in data])
        return error.value.response["Error"]["Code"]

    assert code("other", [b"a"]) == "ResourceNotFoundException"
    assert code("results", []) == "ValidationException"
    assert code("results", [b"a"] * 501) == "ValidationException"
    assert code("results", [b"a" * (RECORD_BYTES + 1)]) == "ValidationException"
    assert code("results", [b"a" * RECORD_BYTES] * 5) == "InvalidArgumentException"
    assert not any(tmp_path.iterdir())


def test_through_motos_firehose_into_s3(aws, model):  # noqa: F811
    s3, firehose, iam = (boto3.client(name) for name in ("s3", "firehose", "iam"))
    s3.create_bucket(Bucket="out", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = iam.create_role(RoleName="deliver", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
    firehose.create_delivery_stream(
        DeliveryStreamName="results",
        ExtendedS3DestinationConfiguration={"RoleARN": role, "BucketARN": "arn:aws:s3:::out"},
    )
    answering = function(model, made=clients(firehose=firehose), delivery_stream="results")
    metadata = ["2026-01-01, 00:00", "=1+1", 'a "b"\nc']
    n = 3
    rows = "\n".join([ROW] * n)
    result = answering(event("/invocations", {"data": rows, "metadata": metadata}), Context())
    assert result["headers"]["x-fastrcf-stored"] == "true"
    (entry,) = s3.list_objects_v2(Bucket="out")["Contents"]
    data = s3.get_object(Bucket="out", Key=entry["Key"])["Body"].read()
    lines = [json.loads(line) for line in data.splitlines()]
    assert [line["metadata"] for line in lines] == [metadata] * n
    assert np.isfinite([line["score"] for line in lines]).all()
    gone = function(model, made=clients(firehose=firehose), delivery_stream="nobody")
    result = gone(event("/invocations", {"data": ROW, "metadata": ["a"]}), Context())
    assert (result["statusCode"], result["headers"]["x-fastrcf-stored"]) == (200, "false")
