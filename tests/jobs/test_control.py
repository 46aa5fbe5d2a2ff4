"""Job control without Dagster: what is cancelled when nobody waits any more."""

import concurrent.futures
import threading
import time
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager, nullcontext

import httpx
import pytest

from fabric_assets.client.auth import StaticToken
from fabric_assets.client.fabric_client import FabricClient
from fabric_assets.client.quota import QuotaGroup, Urgency
from fabric_assets.jobs import background_loop
from fabric_assets.jobs.call_budget import CallBudget
from fabric_assets.jobs.control import JobControl
from fabric_assets.jobs.job import JobLimits, NotebookJob, Tell
from fabric_assets.jobs.ledger import REFUSED, Attempt
from fabric_assets.local import ServedFabric
from tests.conftest import Simulate

DEADLINE_SECONDS = 30


class SlowLedger:
    """Takes its time at one of its steps, and tells when it has come there."""

    def __init__(self, slow_step: str) -> None:
        self._slow_step = slow_step
        self.reached = threading.Event()
        self.attempts: list[Attempt] = []

    def _step(self, name: str) -> None:
        if name == self._slow_step:
            self.reached.set()
            time.sleep(0.3)

    def left_open(self) -> Attempt | None:
        self._step("left_open")
        return None

    def write(self, attempt: Attempt) -> None:
        self._step("write id" if attempt.job_instance_id else "write intent")
        self.attempts.append(attempt)

    def claimed(self, job_instance_ids: Collection[str]) -> set[str]:
        return set()


def job_instances(fabric: ServedFabric) -> list[str]:
    headers = {"Authorization": f"Bearer {fabric.token}"}
    with httpx.Client(base_url=fabric.url, headers=headers) as api:
        path = f"/workspaces/{fabric.workspace_id}/items"
        return [
            api.get(f"{path}/{started.item_id}/jobs/instances/{started.id}").json()["status"]
            for started in fabric.started
        ]


@pytest.mark.parametrize("step", ["left_open", "write intent", "write id"])
def test_a_start_that_is_given_up_at_any_step_leaves_nothing_running(simulate: Simulate, step: str) -> None:
    fabric = simulate(notebooks=["Load"], job_instances=[{"never_ends": True}])
    ledger = SlowLedger(step)
    job = NotebookJob(
        asset="DimX", notebook="Load", workspace=fabric.workspace_id, workspace_configured_in="the test"
    )

    async def work(tell: Callable[..., None]) -> None:
        async with FabricClient(fabric.url, StaticToken(fabric.token)) as client:
            control = JobControl(client, portal_url=None, limits=JobLimits(poll_seconds=0.02))
            await control.run(job, tell, ledger)

    task = background_loop.submit(work)
    assert ledger.reached.wait(DEADLINE_SECONDS)
    task.cancel(DEADLINE_SECONDS)

    assert set(job_instances(fabric)) <= {"Cancelled"}
    if fabric.started:
        assert ledger.attempts[-1].status == "Cancelled"


def test_a_start_that_waits_for_its_turn_is_given_up_at_once_and_noted(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimX"], job_instances=[{"never_ends": True}])
    ledger, waiting = SlowLedger("none"), threading.Event()
    budget = CallBudget(1, minute_seconds=3600)

    class Gate:
        """Lets the starts wait for ever."""

        def call(self, group: QuotaGroup, urgency: Urgency) -> AbstractAsyncContextManager[None]:
            if urgency is Urgency.START:
                waiting.set()
                return budget.call(group, urgency)
            return nullcontext()

        def refused(self, group: QuotaGroup, wait_seconds: float | None) -> None:
            """Not here."""

    async def work(tell: Tell) -> None:
        async with budget.call("jobs", Urgency.READ):
            pass
        async with FabricClient(fabric.url, StaticToken(fabric.token), gate=Gate()) as client:
            limits = JobLimits(poll_seconds=0.02, cancel_timeout_seconds=60)
            job = NotebookJob(
                asset="DimX",
                notebook="LoadDimX",
                workspace=fabric.workspace_id,
                workspace_configured_in="the test",
            )
            await JobControl(client, portal_url=None, limits=limits).run(job, tell, ledger)

    task = background_loop.submit(work)
    assert waiting.wait(DEADLINE_SECONDS)
    said = task.cancel(wait_seconds=DEADLINE_SECONDS)

    with pytest.raises(concurrent.futures.CancelledError):
        task.result(timeout_seconds=0)
    assert fabric.started == ()
    assert [line.text for line in said] == []
    # The next attempt need not look for a job instance.
    assert ledger.attempts[-1].status == REFUSED
