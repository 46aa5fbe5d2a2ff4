"""Faults while a notebook runs, provoked over real HTTP: reads, odd statuses, cancels. Rows as in test_faults.py."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import dagster as dg
import pytest

from fabric_assets.local import ServedFabric
from fabric_assets.local.script import Fault
from tests.conftest import Simulate
from tests.faults.fault_row import HTML, NEVER_ENDS, SHORT, Row, check, for_items, on_read
from tests.faults.harness import CANCEL, READ, load, materialize, reads, starts, statuses, wait_for


def end_without_a_time(fabric: ServedFabric) -> None:
    """Cut the end's time from what reads show: the notebook has ended, and the service does not say when."""
    wait_for("ended", lambda: statuses(fabric) == ["Completed"])
    (started,) = fabric.started
    body = {"id": started.id, "itemId": started.item_id, "jobType": "RunNotebook", "status": "Completed"}
    start = datetime.fromtimestamp(started.time_ns / 1e9, UTC).replace(tzinfo=None)
    body |= {"startTimeUtc": start.isoformat(), "endTimeUtc": None}
    fabric.add_fault(Fault(method="GET", path=READ, times=None, status=200, body=body))


FAULTY_READS = [
    Row("408 on a read", on_read(status=408)),
    Row("500 on a read", on_read(status=500, body={"errorCode": "UnknownError", "message": "oops"})),
    Row("503 HTML on a read", on_read(status=503, body=HTML), pipelines=True),
    Row("200 HTML on a read", on_read(status=200, body=HTML)),
    Row("an empty object on a read", on_read(status=200, body={})),
    Row("a list on a read", on_read(status=200, body=[])),
    Row("another job instance on a read", on_read(status=200, body={"id": "other", "status": "Failed"})),
    Row("no connection on a read", on_read(drop="before")),
    Row("half an answer on a read", on_read(drop="after")),
    Row(
        "no network for a while",
        on_read(skip=1, drop="before", times=3),
        job_instances=[{"run_seconds": 2.0}],
        fields={"patience_seconds": 60.0},
        said={"waiting for Fabric to answer": 1, "Fabric answers again": 1},
    ),
    Row(
        "no answer within the limit, and a retry",
        on_read(status=503, headers={"Retry-After": "3600"}, times=2),
        asset={"retry": 2},
        said={"takes over job instance": 1, "started job instance": 1},
        pipelines=True,
    ),
    Row(
        "no answer within the limit, and no retry",
        on_read(status=503, times=None),
        job_instances=[NEVER_ENDS],
        fields={"patience_seconds": 0.5},
        fails=["lost sight of notebook", "It may still be running; a retry of this run takes it over"],
        left=1,
    ),
    Row(
        "a token that is refused twice in the middle",
        on_read(skip=1, status=401, times=None),
        job_instances=[NEVER_ENDS],
        fails=["lost sight of notebook 'LoadDimX'", "job instance ", "refuses the access token"],
        left=1,
    ),
    Row(
        "no token is accepted any more, neither by the retry",
        [
            *on_read(skip=1, status=401, times=None),
            {"method": "GET", "path": f"*/workspaces/{'?' * 36}", "skip": 1, "status": 401, "times": None},
        ],
        job_instances=[NEVER_ENDS],
        asset={"retry": 1},
        fails=["refuses the access token", "Job instance", "was started before and may still be running"],
        left=1,
        said={"lost sight of": 1},
    ),
    Row(
        "exit value and links cannot be read",
        [{"method": "GET", "path": "*/jobs/execute/*", "status": 403, "times": None}],
        said={"could not read exit value and links": 1},
    ),
]

ODD_STATUSES = [
    Row(
        "an unknown status",
        job_instances=[{"run_seconds": 0.6, "statuses": [{"status": "Throttling"}]}],
        said={"is Throttling after": 1, "a status that is not known here; still waiting": 1},
        pipelines=True,
    ),
    Row(
        "a status that goes backwards",
        job_instances=[
            {"run_seconds": 1.0, "statuses": [{"status": "NotStarted", "after_seconds": 0.5}]},
        ],
        said={"is NotStarted after": 1, "although it was InProgress before; still waiting": 1},
    ),
    Row("an end without an end time", service={"lag_seconds": 1.0}, meanwhile=end_without_a_time),
    Row(
        "a job instance that is gone for a moment",
        on_read(skip=3, status=404, times=3),
        job_instances=[{"run_seconds": 1.0}],
        said={"any more; still looking for it": 1},
        pipelines=True,
    ),
    Row(
        "a job instance that is gone for good",
        on_read(skip=3, status=404, times=None),
        job_instances=[NEVER_ENDS],
        fails=["lost sight of notebook", "It may still be running"],
        left=1,
        said={"any more; still looking for it": 1},
        pipelines=True,
    ),
    Row(
        "Deduped, to fail",
        job_instances=[{"nth": 1, "run_seconds": 1.0}, {"nth": 2, "status": "Deduped"}, {}],
        outside=1,
        fails=["did not run", "(Deduped)"],
        said={"waiting for that one to end": 1},
        pipelines=True,
    ),
    Row(
        "Deduped, to run again",
        job_instances=[{"nth": 1, "run_seconds": 1.0}, {"nth": 2, "status": "Deduped"}, {}],
        asset={"run_again_if_deduped": True},
        outside=1,
        posts=2,
        started=2,
        said={"waiting for that one to end": 1},
        pipelines=True,
    ),
]

CANCELS = [
    Row(
        "the cancel after a time-out is answered badly first",
        [{"method": "POST", "path": CANCEL, "status": 503, "body": HTML}],
        job_instances=[NEVER_ENDS],
        asset={"timeout_seconds": 0.3},
        fails=["did not end within 0.3 s; the job instance was cancelled"],
        said={"asked Fabric to cancel": 1},
    ),
    Row(
        "the cancel after a time-out is never confirmed",
        job_instances=[NEVER_ENDS],
        service={"cancel_seconds": 3600},
        asset={"timeout_seconds": 0.3},
        fields={"cancel_timeout_seconds": 1.0},
        fails=["the job instance could not be cancelled"],
        left=1,
        said={"Fabric did not confirm that job instance": 1},
        pipelines=True,
    ),
    Row(
        "the job instance fails by itself before the cancel after a time-out arrives",
        [{"method": "POST", "path": CANCEL, "delay_seconds": 0.6}],
        job_instances=[
            {
                "run_seconds": 0.8,
                "status": "Failed",
                "failure_reason": {"errorCode": "Boom", "message": "no table"},
            }
        ],
        asset={"timeout_seconds": 0.5},
        fails=["notebook 'LoadDimX' failed after", "no table (error code Boom)"],
        pipelines=True,
    ),
    Row(
        "the cancel after a time-out is refused because the job instance has just completed",
        [
            {
                "method": "POST",
                "path": CANCEL,
                "delay_seconds": 0.6,
                "status": 400,
                "body": {"errorCode": "InvalidState"},
            }
        ],
        job_instances=[{"run_seconds": 0.8}],
        asset={"timeout_seconds": 0.5},
    ),
    Row(
        "a time-out that could not be cancelled is taken over by the retry",
        [{"method": "POST", "path": CANCEL, "status": 403}],
        job_instances=[{"run_seconds": 1.5}],
        asset={"timeout_seconds": 1.0, "retry": 1},
        said={"Fabric did not confirm that job instance": 1, "takes over job instance": 1},
        pipelines=True,
    ),
    Row(
        "a time-out whose cancel is confirmed late is waited for by the retry, which starts another",
        job_instances=[{"nth": 1, **NEVER_ENDS}, SHORT],
        service={"cancel_seconds": 1.0},
        asset={"timeout_seconds": 1.0, "retry": 1},
        fields={"cancel_timeout_seconds": 0.2},
        posts=2,
        started=2,
        said={"Fabric did not confirm that job instance": 1},
        pipelines=True,
    ),
    Row(
        "a cancelled job instance without an end time",
        job_instances=[NEVER_ENDS],
        service={"end_time_on_cancel": False},
        asset={"timeout_seconds": 0.3},
        fails=["the job instance was cancelled"],
    ),
]


@pytest.mark.parametrize(("row", "item_type"), for_items([*FAULTY_READS, *ODD_STATUSES, *CANCELS]))
def test_fault(simulate: Simulate, row: Row, item_type: str, caplog: pytest.LogCaptureFixture) -> None:
    check(simulate, row, caplog, item_type)


@pytest.mark.parametrize("form", ["seconds", "HTTP date"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_read_is_not_repeated_before_the_service_allows_it(
    simulate: Simulate, status: int, form: str
) -> None:
    fabric = simulate(notebooks=["LoadDimX"], job_instances=[SHORT])
    allowed_at = datetime.now(UTC) + timedelta(seconds=3)
    retry_after = "1.5" if form == "seconds" else format_datetime(allowed_at, usegmt=True)
    fabric.add_fault(Fault(method="GET", path=READ, status=status, headers={"Retry-After": retry_after}))

    with dg.DagsterInstance.ephemeral() as instance:
        assert materialize(load(), fabric, instance).success

    refused, following = reads(fabric, fabric.started[0].id)[:2]
    if form == "seconds":
        assert following.time_ns - refused.time_ns >= 1.5e9
    else:
        assert following.time_ns >= allowed_at.replace(microsecond=0).timestamp() * 1e9
    assert len(starts(fabric)) == 1
