"""Faults of a start, provoked over real HTTP: lost answers, refusals, a full capacity.

One row a fault: how it ends, how many starts were sent, how many job instances they made, how many are left running,
and what the run's log says of it.
"""

import pytest

from tests.conftest import Simulate
from tests.faults.fault_row import HTML, NEVER_ENDS, SHORT, Row, check, for_items, on_start
from tests.faults.harness import CANCEL, LIST

FULL = {
    "errorCode": "JobInstanceStatusFailed",
    "message": "[TooManyRequestsForCapacity] you have hit a spark compute or API rate limit. HTTP status code: 430.",
}

ARRIVED_NOT = "so the start did not arrive; starting again"
NOT_ANSWERED = "the start was not answered as it should"


LOST_ANSWERS = [
    Row(
        "the connection breaks before the service sees the start",
        on_start(drop="before"),
        posts=2,
        said={NOT_ANSWERED: 1, ARRIVED_NOT: 1},
        pipelines=True,
    ),
    Row(
        "the connection breaks before the answer to the start",
        on_start(drop="after"),
        said={NOT_ANSWERED: 1, ARRIVED_NOT: 0, "started job instance": 1},
        pipelines=True,
    ),
    Row("500 before it started", on_start(status=500), posts=2, said={NOT_ANSWERED: 1, ARRIVED_NOT: 1}),
    Row(
        "500 after it started",
        on_start(status=500, acted=True),
        said={NOT_ANSWERED: 1, ARRIVED_NOT: 0},
        pipelines=True,
    ),
    Row("502 HTML before it started", on_start(status=502, body=HTML), posts=2, said={ARRIVED_NOT: 1}),
    Row("502 HTML after it started", on_start(status=502, body=HTML, acted=True), said={ARRIVED_NOT: 0}),
    Row("408 after it started", on_start(status=408, acted=True), said={ARRIVED_NOT: 0}),
    Row("200 HTML instead of a start", on_start(status=200, body=HTML), posts=2, said={ARRIVED_NOT: 1}),
    Row("202 without Location", service={"location": "missing"}, said={NOT_ANSWERED: 0}, pipelines=True),
    Row("202 with the collection as Location", service={"location": "collection"}),
    Row(
        "the answer is lost and the list does not show the job instance yet",
        on_start(drop="after"),
        service={"unseen_seconds": 0.3},
        said={ARRIVED_NOT: 0},
    ),
    Row(
        "the answer is lost and the list is broken too",
        (
            *on_start(drop="after"),
            {"method": "GET", "path": LIST, "status": 200, "body": {}},
            {"method": "GET", "path": LIST, "status": 503, "body": HTML},
        ),
        said={ARRIVED_NOT: 0},
    ),
    Row(
        "the answer is lost and the list answers 404",
        (*on_start(drop="after"), {"method": "GET", "path": LIST, "status": 404, "times": 3}),
        said={ARRIVED_NOT: 0},
    ),
    Row(
        "the start is lost and the list answers 404",
        (*on_start(drop="before"), {"method": "GET", "path": LIST, "status": 404, "times": 3}),
        posts=2,
        said={ARRIVED_NOT: 1},
    ),
    Row(
        "the answer is lost and the job instance has ended before it is looked for",
        on_start(drop="after"),
        job_instances=[{}],
    ),
    Row(
        "a retry's start is lost right after the failure that it follows",
        on_start(skip=1, drop="before"),
        job_instances=[{"nth": 1, "status": "Failed"}, SHORT],
        asset={"retry": 1},
        posts=3,
        started=2,
        said={ARRIVED_NOT: 1},
    ),
    Row(
        "a retry's answer is lost right after the failure that it follows",
        on_start(skip=1, drop="after"),
        job_instances=[{"nth": 1, "status": "Failed"}, SHORT],
        asset={"retry": 1},
        posts=2,
        started=2,
        pipelines=True,
    ),
    Row(
        "the start stays without an answer beyond the limit",
        on_start(drop="before", times=None),
        fields={"patience_seconds": 1.0},
        asset={"retry": 0},
        fails=["no answer from 127.0.0.1 to POST"],
        posts=2,
        started=0,
    ),
]

REFUSED_STARTS = [
    Row("429 on the start", on_start(status=429, headers={"Retry-After": "1"}), posts=2, pipelines=True),
    Row(
        "403 on the start",
        on_start(status=403, body={"errorCode": "InsufficientPrivileges", "message": "no"}, times=None),
        asset={"retry": 3},
        fails=["InsufficientPrivileges", "role Contributor"],
        started=0,
    ),
    Row(
        "a token that is refused twice on the start",
        on_start(status=401, body={"errorCode": "InvalidToken", "message": "no"}, times=None),
        asset={"retry": 3},
        fails=["Fabric refuses the access token that was configured"],
        started=0,
    ),
]

NOT_VISIBLE_YET = [
    Row("404 after the start", service={"unseen_seconds": 0.4}, pipelines=True),
    Row(
        "RequestExecutionFailed after the start",
        service={"unseen_seconds": 0.4, "unseen_as": "RequestExecutionFailed"},
        pipelines=True,
    ),
    Row(
        "404 when it is cancelled right after the start",
        [{"method": "POST", "path": CANCEL, "status": 404, "times": 3}],
        job_instances=[NEVER_ENDS],
        asset={"timeout_seconds": 0.2},
        fails=["did not end within 0.2 s; the job instance was cancelled"],
        said={"asked Fabric to cancel": 1},
    ),
    Row(
        "200 HTML instead of the answer to a cancel",
        [{"method": "POST", "path": CANCEL, "status": 200, "body": HTML}],
        job_instances=[NEVER_ENDS],
        asset={"timeout_seconds": 0.2},
        fails=["did not end within 0.2 s; the job instance was cancelled"],
        said={"asked Fabric to cancel": 1},
    ),
]

CAPACITY = [
    Row(
        "the capacity is full: the job instance fails",
        job_instances=[
            {"nth": 1, "status": "Failed", "failure_reason": FULL},
            {"nth": 2, "status": "Failed", "failure_reason": FULL},
            {},
        ],
        posts=3,
        started=3,
        said={"the capacity is full": 1, "the capacity had room after": 1},
    ),
    Row(
        "the capacity is full: the start is refused",
        on_start(status=430, body={"errorCode": "TooManyRequestsForCapacity", "message": "no room"}, times=2),
        posts=3,
        said={"the capacity is full": 1, "the capacity had room after": 1},
        pipelines=True,
    ),
    Row(
        "the capacity is full until another notebook has ended",
        job_instances=[{"nth": 1, "run_seconds": 4.0}, {}],
        capacity=1,
        outside=1,
        posts=0,  # as many as it takes
        started=0,
        said={"the capacity is full": 1, "the capacity had room after": 1},
    ),
    Row(
        "the capacity stays full beyond the limit",
        on_start(status=430, body={"errorCode": "TooManyRequestsForCapacity", "message": "no"}, times=None),
        fields={"capacity_patience_seconds": 0.5},
        asset={"retry": 3},
        fails=["the capacity has been full for", "Run less at once"],
        posts=0,
        started=0,
        said={"the capacity is full": 1, "the capacity had room after": 0},
    ),
]


@pytest.mark.parametrize(
    ("row", "item_type"), for_items([*LOST_ANSWERS, *REFUSED_STARTS, *NOT_VISIBLE_YET, *CAPACITY])
)
def test_fault(simulate: Simulate, row: Row, item_type: str, caplog: pytest.LogCaptureFixture) -> None:
    check(simulate, row, caplog, item_type)
