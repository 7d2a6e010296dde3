"""Endpoints that AWS does not delete yet, or deletes already."""

import pytest

from fastrcf.sagemaker import Endpoint, ServiceError, delete, leaving
from tests.sagemaker.aws import stubbed
from tests.sagemaker.described import (
    absent,
    expect_deletion,
    expect_endpoint,
    expect_rest,
    no_schedule,
    outcomes,
)

IN_PROGRESS = "Cannot update in-progress endpoint"


class Clock:
    """A time that passes by sleeping alone."""

    def __init__(self):
        self.now = 0.0
        self.slept = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(leaving, "time", clock)
    return clock


def refuse(sagemaker):
    sagemaker.add_client_error("delete_endpoint", "ValidationException", IN_PROGRESS)


@pytest.mark.parametrize("status", leaving.BUSY)
@pytest.mark.parametrize("end", ["InService", "Failed"])
def test_what_is_in_progress_is_waited_for(clock, status, end):
    told = []
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        expect_endpoint(sagemaker, status)
        expect_endpoint(sagemaker, status)
        # What it was changed to, which is deleted with it.
        expect_endpoint(sagemaker, end, EndpointConfigName="new")
        expect_rest(sagemaker, "new")
        sagemaker.add_response("delete_endpoint", {}, {"EndpointName": "rcf"})
        expect_deletion(sagemaker, "new")
        no_schedule(scheduler)
        result = delete("rcf", tell=told.append, session=clients)
    assert {outcome for _, outcome in outcomes(result)} == {"deleted"}
    assert clock.slept == [15, 15]
    assert told == [
        f"endpoint rcf: {status}, AWS deletes it only after that, waiting at most 3600 s"
    ]


def test_waiting_ends_and_all_that_the_endpoint_stands_on_is_kept(clock):
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        for _ in range(4):
            expect_endpoint(sagemaker, "Creating")
        expect_rest(sagemaker)
        # Asked once more: what AWS refuses it has not documented.
        refuse(sagemaker)
        no_schedule(scheduler)
        with pytest.raises(ServiceError, match="in-progress endpoint: still Creating after 40 s"):
            delete("rcf", wait=40, session=clients)
    # The last pause is no longer than the time that is left.
    assert clock.slept == [15, 15, 10]


def test_no_time_is_one_attempt(clock):
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        expect_endpoint(sagemaker, "Creating")
        expect_rest(sagemaker)
        sagemaker.add_response("delete_endpoint", {}, {"EndpointName": "rcf"})
        expect_deletion(sagemaker)
        no_schedule(scheduler)
        assert outcomes(delete("rcf", wait=0, session=clients))[0] == ("endpoint", "deleted")
    assert clock.slept == []


def test_a_refusal_is_tried_again_once_the_state_allows_it(clock):
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        expect_endpoint(sagemaker)
        expect_rest(sagemaker)
        # Somebody has begun an update since.
        refuse(sagemaker)
        expect_endpoint(sagemaker, "Updating")
        expect_endpoint(sagemaker)
        sagemaker.add_response("delete_endpoint", {}, {"EndpointName": "rcf"})
        expect_deletion(sagemaker)
        no_schedule(scheduler)
        result = delete("rcf", poll=5, session=clients)
    assert {outcome for _, outcome in outcomes(result)} == {"deleted"}
    assert clock.slept == [5, 5]


def test_a_refusal_while_somebody_else_deletes_it(clock):
    for gone in (False, True):
        with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
            expect_endpoint(sagemaker)
            expect_rest(sagemaker)
            refuse(sagemaker)
            if gone:
                absent(sagemaker, "describe_endpoint", "endpoint")
            else:
                expect_endpoint(sagemaker, "Deleting")
            expect_deletion(sagemaker)
            no_schedule(scheduler)
            told = outcomes(delete("rcf", session=clients))
        assert told[0] == ("endpoint", "absent" if gone else "being deleted")


@pytest.mark.parametrize("dry_run", [False, True])
def test_what_is_being_deleted_is_left_to_that(clock, dry_run):
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        expect_endpoint(sagemaker, "Deleting")
        expect_rest(sagemaker)
        if not dry_run:
            expect_deletion(sagemaker)
        no_schedule(scheduler)
        result = delete("rcf", dry_run=dry_run, session=clients)
    assert str(result.steps[0]) == "endpoint rcf: being deleted (since before)"
    rest = "would be deleted" if dry_run else "deleted"
    assert outcomes(result)[1:] == [("model", rest), ("endpoint configuration", rest)]
    assert clock.slept == []


def test_a_dry_run_says_the_state_and_does_not_wait(clock):
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        expect_endpoint(sagemaker, "Creating")
        expect_rest(sagemaker)
        no_schedule(scheduler)
        result = delete("rcf", dry_run=True, session=clients)
    assert str(result.steps[0]) == "endpoint rcf: would be deleted (it is Creating)"
    assert clock.slept == []


def test_throttling_while_waiting_passes_and_other_errors_do_not(clock):
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        expect_endpoint(sagemaker, "Creating")
        sagemaker.add_client_error("describe_endpoint", "ThrottlingException", "slower")
        expect_endpoint(sagemaker)
        expect_rest(sagemaker)
        sagemaker.add_response("delete_endpoint", {}, {"EndpointName": "rcf"})
        expect_deletion(sagemaker)
        no_schedule(scheduler)
        assert not delete("rcf", session=clients).failed
    with stubbed("sagemaker") as (clients, sagemaker):
        expect_endpoint(sagemaker, "Creating")
        sagemaker.add_client_error("describe_endpoint", "ExpiredTokenException", "old")
        with pytest.raises(ServiceError, match="renew them"):
            delete("rcf", session=clients)


def leave_early(clients, left_by):
    with Endpoint("rcf", clients) as endpoint:
        if left_by == "interrupt":
            raise KeyboardInterrupt
        endpoint.wait(poll=0, timeout=-1)


@pytest.mark.parametrize("left_by", ["timeout", "interrupt"])
def test_a_block_that_is_left_early_leaves_no_endpoint(clock, left_by, capsys):
    with stubbed("sagemaker", "scheduler") as (clients, sagemaker, scheduler):
        if left_by == "timeout":
            expect_endpoint(sagemaker, "Creating")
        expect_endpoint(sagemaker, "Creating")
        expect_endpoint(sagemaker)
        expect_rest(sagemaker)
        sagemaker.add_response("delete_endpoint", {}, {"EndpointName": "rcf"})
        expect_deletion(sagemaker)
        no_schedule(scheduler)
        wrong = ServiceError if left_by == "timeout" else KeyboardInterrupt
        with pytest.raises(wrong):
            leave_early(clients, left_by)
    assert clock.slept == [15]
    err = capsys.readouterr().err
    assert "endpoint rcf: Creating, AWS deletes it only after that" in err
    assert "may be there" not in err


def test_an_interrupted_waiting_says_what_is_left(monkeypatch, capsys):
    def sleep(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("fastrcf.sagemaker.leaving.time.sleep", sleep)
    with stubbed("sagemaker") as (clients, sagemaker):
        expect_endpoint(sagemaker, "Creating")
        with pytest.raises(KeyboardInterrupt):
            leave_early(clients, "interrupt")
    assert capsys.readouterr().err.endswith(
        "endpoint rcf may be there, and cost: fastrcf sagemaker delete rcf\n"
    )
