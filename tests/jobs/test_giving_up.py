"""Job instances that nobody waits for any more, while the quota or the service stands in the way of a cancel."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from fabric_assets.client.auth import StaticToken
from fabric_assets.client.fabric_client import FabricClient
from fabric_assets.client.quota import Urgency
from fabric_assets.jobs.call_budget import CallBudget
from fabric_assets.jobs.control import JobControl
from fabric_assets.jobs.job import JobLimits, NotebookJob
from fabric_assets.jobs.ledger import REFUSED
from fabric_assets.local import ServedFabric
from tests.conftest import Simulate
from tests.faults.harness import (
    CANCEL,
    DEADLINE_SECONDS,
    LIMITS,
    NOTEBOOK,
    START,
    MemoryLedger,
    Said,
    run_job,
    running,
    starts,
    statuses,
    wait_for,
)

NEVER_ENDS = {"never_ends": True}


async def given_up(waiting: asyncio.Task[object]) -> None:
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(DEADLINE_SECONDS):
            await waiting


def job(notebook: str, fabric: ServedFabric) -> NotebookJob:
    return NotebookJob(
        asset=notebook, notebook=notebook, workspace=fabric.workspace_id, workspace_configured_in="the test"
    )


async def until(what: str, reached: Callable[[], object]) -> None:
    await asyncio.to_thread(wait_for, what, lambda: bool(reached()))


def test_a_start_whose_turn_comes_just_when_it_is_given_up_is_not_sent(simulate: Simulate) -> None:
    # Slow to answer: what is sent would be torn apart.
    fabric = simulate(
        notebooks=[NOTEBOOK], job_instances=[NEVER_ENDS], faults=[{"path": START, "delay_seconds": 0.3}]
    )
    budget, ledger, said = CallBudget(1, minute_seconds=0.0), MemoryLedger(), Said()

    async def work() -> None:
        async with FabricClient(fabric.url, StaticToken(fabric.token), gate=budget) as client:
            control = JobControl(client, portal_url=None, limits=LIMITS, budget=budget)
            async with budget.call("jobs", Urgency.START):
                waiting = asyncio.create_task(control.run(job(NOTEBOOK, fabric), said, ledger))
                await until("intended", lambda: ledger.attempts)
                await until("in the queue", lambda: not budget.has_room("jobs", 10.0))
                waiting.cancel()
                # And here its turn comes.
            await given_up(waiting)

    asyncio.run(work())

    assert starts(fabric) == []
    assert ledger.attempts[-1].status == REFUSED
    assert str(said) == ""


def test_a_start_that_was_refused_and_waits_to_be_repeated_is_given_up_at_once(simulate: Simulate) -> None:
    fabric = simulate(
        notebooks=[NOTEBOOK], faults=[{"path": START, "status": 429, "headers": {"Retry-After": "20"}}]
    )
    ledger, said = MemoryLedger(), Said()

    async def work() -> None:
        limits = replace(LIMITS, cancel_timeout_seconds=3600)
        waiting = asyncio.create_task(run_job(fabric, limits=limits, ledger=ledger, said=said))
        await until("refused", lambda: "429" in str(said))
        await given_up(waiting)

    asyncio.run(work())

    assert len(starts(fabric)) == 1
    assert ledger.attempts[-1].status == REFUSED
    assert "may have been started" not in str(said)


def test_a_cancel_that_the_quota_refuses_for_long_is_still_sent(simulate: Simulate) -> None:
    fabric = simulate(
        notebooks=[NOTEBOOK],
        job_instances=[NEVER_ENDS],
        faults=[{"path": CANCEL, "status": 429, "headers": {"Retry-After": "2"}}],
    )
    said = Said()

    async def work() -> None:
        limits = replace(LIMITS, cancel_timeout_seconds=0.5)
        waiting = asyncio.create_task(run_job(fabric, limits=limits, said=said))
        await until("started", lambda: "is InProgress" in str(said))
        await given_up(waiting)

    asyncio.run(work())

    wait_for("cancelled", lambda: statuses(fabric) == ["Cancelled"])
    assert "did not accept to cancel" in str(said)


def test_many_are_cancelled_together_within_the_quota(simulate: Simulate) -> None:
    count = 40
    names = [f"Load{number:02}" for number in range(count)]
    # Enough for all starts and all cancels, and not for reading each one as well.
    fabric = simulate(notebooks=names, job_instances=[NEVER_ENDS], service={"calls_per_minute": 100})
    limits = JobLimits(poll_seconds=0.5, cancel_timeout_seconds=20.0)
    budget, said = CallBudget(95), Said()

    async def work() -> None:
        async with FabricClient(fabric.url, StaticToken(fabric.token), gate=budget) as client:
            control = JobControl(client, portal_url=None, limits=limits, budget=budget)
            jobs = [job(name, fabric) for name in names]
            waiting = [asyncio.create_task(control.run(one, said, MemoryLedger())) for one in jobs]
            await until("started", lambda: str(said).count("started job instance") == count)
            # One after the other, as the threads of steps do it.
            for one in waiting:
                one.cancel()
                await asyncio.sleep(0.01)
            await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(work())

    assert running(fabric) == 0
    assert refused(fabric) == 0
    assert "did not confirm" not in str(said)


def refused(fabric: ServedFabric) -> int:
    return len([request for request in fabric.requests if request.status == 429])


def test_what_fabric_skips_again_and_again_is_given_up_in_time(simulate: Simulate) -> None:
    fabric = simulate(notebooks=[NOTEBOOK], job_instances=[{"status": "Deduped"}])

    with pytest.raises(Exception, match=r"\(Deduped\)"):
        asyncio.run(
            asyncio.wait_for(
                run_job(fabric, run_again_if_deduped=True, timeout_seconds=1.0), DEADLINE_SECONDS
            )
        )

    # After 0.02, 0.04, ... s.
    assert 2 <= len(starts(fabric)) <= 10
