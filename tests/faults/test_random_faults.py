"""Whatever goes wrong in whatever order: one effective job instance, the right outcome, nothing left running."""

import asyncio
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import stamina
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fabric_assets.client.auth import TokenSource
from fabric_assets.client.errors import FabricError, JobInstanceFailedError
from fabric_assets.client.models import COMPLETED
from fabric_assets.jobs.job import JobLimits, JobOutcome
from fabric_assets.jobs.ledger import Attempt
from fabric_assets.local import ServedFabric, serve_in_thread
from fabric_assets.local.script import Fault
from tests.faults.harness import (
    CANCEL,
    LIMITS,
    LIST,
    NOTEBOOK,
    READ,
    START,
    MemoryLedger,
    Said,
    at_once,
    effective,
    run_job,
    running,
    starts,
    statuses,
)

CANCELLED = replace(LIMITS, find_seconds=0.3, settle_seconds=0.1, capacity_wait_seconds=0.02)
QUICK = replace(CANCELLED, cancel_on_terminate=False)
HTML = "<html><body>Authorization: Bearer {token}</body></html>"
FULL = {"errorCode": "TooManyRequestsForCapacity", "message": "HTTP status code: 430."}

answers = st.sampled_from(
    [
        {"drop": "before"},
        {"drop": "after"},
        {"status": 408},
        {"status": 429, "headers": {"Retry-After": "0"}},
        {"status": 500, "body": {"errorCode": "UnknownError", "message": "oops", "isRetriable": True}},
        {"status": 502, "body": HTML},
        {"status": 503, "body": HTML, "headers": {"Retry-After": "0"}},
        {"status": 200, "body": HTML},
        {"status": 401, "body": {"errorCode": "TokenExpired", "message": "no"}},
    ]
)
acted_answers = st.sampled_from(
    [
        {"status": 408, "acted": True},
        {"status": 500, "acted": True},
        {"status": 502, "body": HTML, "acted": True},
    ]
)
refused_starts = st.just({"status": 430, "body": FULL})
start_faults = st.builds(
    lambda fault, skip: {"method": "POST", "path": START, "skip": skip, **fault},
    st.one_of(answers, acted_answers, refused_starts),
    st.integers(0, 2),
)
read_faults = st.builds(
    lambda fault, path, skip, times: {"method": "GET", "path": path, "skip": skip, "times": times, **fault},
    st.one_of(answers, st.just({"status": 200, "body": {}})),
    st.sampled_from([READ, LIST, "*/items", "*/jobs/execute/*"]),
    st.integers(0, 3),
    st.integers(1, 2),
)
vanished = st.builds(
    lambda skip, times: {"method": "GET", "path": READ, "skip": skip, "times": times, "status": 404},
    st.integers(0, 3),
    st.integers(1, 3),
)
cancel_faults = st.builds(
    lambda fault, skip, times: {"method": "POST", "path": CANCEL, "skip": skip, "times": times, **fault},
    st.one_of(answers, acted_answers, st.just({"status": 404})),
    st.integers(0, 1),
    st.integers(1, 2),
)
no_room = st.lists(st.just({"status": "Failed", "failure_reason": FULL}), max_size=2)
ends = st.sampled_from(
    [
        {"exit_value": "7"},
        {"exit_value": "7", "run_seconds": 0.1},
        {"exit_value": "7", "queued_seconds": 0.05, "run_seconds": 0.05},
        {"exit_value": "7", "run_seconds": 0.1, "statuses": [{"status": "Novel"}, {"status": "NotStarted"}]},
        {"status": "Failed", "failure_reason": {"errorCode": "Boom", "message": "no table"}},
    ]
)
services = st.fixed_dictionaries(
    {},
    optional={
        "unseen_seconds": st.sampled_from([0.05, 0.15]),
        "unseen_as": st.sampled_from(["404", "RequestExecutionFailed"]),
        "lag_seconds": st.sampled_from([0.05, 0.1]),
        "location": st.sampled_from(["collection", "missing", "foreign"]),
        "x_ms_job_id": st.booleans(),
        "page_size": st.sampled_from([1, 100]),
        "exit_value_at_top": st.booleans(),
    },
)


class RenewedToken:
    """A token that is renewed when the service refuses it."""

    def __init__(self, fabric: ServedFabric) -> None:
        self._fabric = fabric
        self.tokens = [fabric.token]

    async def get_token(self, *, refused: str | None = None) -> str:
        if refused == self.tokens[-1]:
            self.tokens.append(self._fabric.new_token())
        return self.tokens[-1]


@contextmanager
def recorded() -> Iterator[list[str]]:
    """Everything that any library logs, at every level."""
    lines: list[str] = []

    class Recorder(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    root, recorder = logging.getLogger(), Recorder()
    level = root.level
    root.addHandler(recorder)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(level)
        root.removeHandler(recorder)


@contextmanager
def served(job_instances: list[dict[str, Any]], service: dict[str, Any]) -> Iterator[ServedFabric]:
    script = {"notebooks": [NOTEBOOK], "job_instances": job_instances, "service": service}
    with (
        tempfile.TemporaryDirectory() as folder,
        serve_in_thread(Path(folder) / "fabric", script=script) as fabric,
    ):
        yield fabric


def fault(spec: dict[str, Any], token: str) -> Fault:
    body = spec.get("body")
    return Fault(**{**spec, "body": body.format(token=token) if isinstance(body, str) else body})


class UnusedOutcomeLedger(MemoryLedger):
    """The notes of an asset whose run never came to materialize it: what completed is taken over."""

    def left_open(self) -> Attempt | None:
        last = self.attempts[-1] if self.attempts else None
        return last if last is not None and last.status in (None, COMPLETED) else None


class InterruptedRunError(Exception):
    """The run was interrupted."""


async def run_until_request(
    fabric: ServedFabric,
    number: int | None,
    tokens: TokenSource,
    ledger: MemoryLedger,
    said: Said,
    limits: JobLimits = QUICK,
) -> JobOutcome:
    """Run the notebook; interrupt it when so many requests have been made."""
    job = asyncio.create_task(run_job(fabric, tokens=tokens, limits=limits, ledger=ledger, said=said))
    while number is not None and not job.done() and len(fabric.requests) < number:  # noqa: ASYNC110 -- another thread's list
        await asyncio.sleep(0.002)
    if number is not None:
        job.cancel()
    try:
        return await job
    except asyncio.CancelledError:
        raise InterruptedRunError from None


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)
@given(
    faults=st.lists(st.one_of(start_faults, read_faults, vanished), max_size=6),
    full=no_room,
    end=ends,
    service=services,
    interrupt=st.one_of(st.none(), st.integers(2, 12)),
)
def test_exactly_one_effective_job_instance(
    faults: list[dict[str, Any]],
    full: list[dict[str, Any]],
    end: dict[str, Any],
    service: dict[str, Any],
    interrupt: int | None,
) -> None:
    job_instances = [{**failed, "nth": number} for number, failed in enumerate(full, start=1)] + [end]
    said, ledger, errors, outcome = Said(), MemoryLedger(), [], None
    # Retries without waits, so that what is tried is the order of events and not the patience.
    stamina.set_testing(True, attempts=100)
    try:
        with served(job_instances, service) as fabric, recorded() as logged:
            renewed = RenewedToken(fabric)
            for spec in faults:
                fabric.add_fault(fault(spec, fabric.token))
            # As a run that is re-executed from failure does, until the notebook itself has ended.
            while outcome is None and len(errors) < 8:
                number = interrupt if not errors else None
                try:
                    outcome = asyncio.run(run_until_request(fabric, number, renewed, ledger, said))
                except (FabricError, InterruptedRunError) as error:
                    errors.append(error)
                    if isinstance(error, JobInstanceFailedError):
                        break
            became, left, useful = statuses(fabric), running(fabric), effective(fabric)
            posts = len(starts(fabric))
    finally:
        stamina.set_testing(False)

    story = f"{errors}\n{said}\n{became}"
    assert left == 0, story
    assert became[: len(full)] == ["Failed"] * len(full), story
    if interrupt is None or end.get("status") != "Failed":
        # A failure that nobody saw, as the run was interrupted, is followed by another start.
        assert len(became) == len(full) + 1, story
    assert posts >= len(became)
    if end.get("status") == "Failed":
        assert isinstance(errors[-1], JobInstanceFailedError), story
        assert (errors[-1].error_code, errors[-1].job_instance.id) == ("Boom", fabric.started[-1].id)
    else:
        assert outcome is not None, story
        assert [outcome.job_instance.id] == useful
        assert outcome.exit_value == "7"
        assert outcome.duration_seconds >= 0
    last = ledger.attempts[-1]
    assert (last.job_instance_id, last.status) == (fabric.started[-1].id, became[-1])
    shown = [*logged, str(said), repr(errors), *map(str, errors), repr(outcome), repr(ledger.attempts)]
    assert [text for text in shown for token in renewed.tokens if token in text] == []


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)
@given(
    faults=st.lists(st.one_of(start_faults, read_faults, vanished, cancel_faults), max_size=6),
    full=no_room,
    end=st.sampled_from(
        [
            {"exit_value": "7", "run_seconds": 0.3},
            {"exit_value": "7", "queued_seconds": 0.2, "run_seconds": 0.1},
            {"status": "Failed", "failure_reason": {"errorCode": "Boom", "message": "no table"}},
        ]
    ),
    service=services,
    terminated=st.lists(st.integers(1, 12), min_size=1, max_size=3),
)
def test_a_terminated_run_leaves_nothing_running(
    faults: list[dict[str, Any]],
    full: list[dict[str, Any]],
    end: dict[str, Any],
    service: dict[str, Any],
    terminated: list[int],
) -> None:
    job_instances = [{**failed, "nth": number} for number, failed in enumerate(full, start=1)] + [end]
    said, ledger, errors, outcome = Said(), UnusedOutcomeLedger(), [], None
    left, waits = [], list(terminated)
    stamina.set_testing(True, attempts=100)
    try:
        with served(job_instances, service) as fabric:
            renewed = RenewedToken(fabric)
            for spec in faults:
                fabric.add_fault(fault(spec, fabric.token))
            # The run is terminated and executed again, some times, and then comes to its end.
            while outcome is None and len(errors) < 8 + len(terminated):
                number = len(fabric.requests) + waits.pop(0) if waits else None
                try:
                    outcome = asyncio.run(run_until_request(fabric, number, renewed, ledger, said, CANCELLED))
                except (FabricError, InterruptedRunError) as error:
                    errors.append(error)
                    if isinstance(error, JobInstanceFailedError):
                        break
                left.append(running(fabric))
            became, useful, most = statuses(fabric), effective(fabric), at_once(fabric)
    finally:
        stamina.set_testing(False)

    story = f"{errors}\n{said}\n{became}"
    # Nothing is left running, or the log names it.
    assert sum(left) <= str(said).count("it may still be running"), story
    assert not any(left[len(terminated) :]), story
    assert most <= 1, story
    assert became.count("Cancelled") <= len([e for e in errors if isinstance(e, InterruptedRunError)]), story
    if end.get("status") == "Failed":
        assert isinstance(errors[-1], JobInstanceFailedError), story
        assert (errors[-1].error_code, errors[-1].job_instance.id) == ("Boom", fabric.started[-1].id)
    else:
        assert outcome is not None, story
        assert [outcome.job_instance.id] == useful, story
        assert outcome.exit_value == "7"
