"""Several who run the same notebook: nobody takes another one's job instance for its own."""

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pytest

from fabric_assets.client.auth import StaticToken
from fabric_assets.client.errors import JobInstanceLostError
from fabric_assets.client.fabric_client import FabricClient
from fabric_assets.instance_ledger import InstanceLedger
from fabric_assets.jobs.control import JobControl
from fabric_assets.jobs.job import ItemJob, JobOutcome
from fabric_assets.local import ServedFabric, serve_in_thread
from fabric_assets.local.clock import SystemClock
from fabric_assets.local.script import Fault
from tests.conftest import Simulate
from tests.faults.harness import (
    DEADLINE_SECONDS,
    LIMITS,
    LIST,
    NOTEBOOK,
    START,
    MemoryLedger,
    Said,
    effective,
    run_job,
    running,
    start_outside,
    starts,
    statuses,
    wait_for,
)

LOST = [
    pytest.param(["before", "after"], id="one start lost, one answer lost"),
    pytest.param(["after", "before"], id="one answer lost, one start lost"),
    pytest.param(["after", "after"], id="both answers lost"),
]


@pytest.mark.parametrize("lost", LOST)
def test_two_assets_on_one_notebook_keep_their_own_job_instances(
    simulate: Simulate, lost: Sequence[str]
) -> None:
    faults = [{"method": "POST", "path": START, "drop": drop} for drop in lost]
    fabric = simulate(notebooks=[NOTEBOOK], job_instances=[{"run_seconds": 1.5}], faults=faults)

    async def both(instance: dg.DagsterInstance) -> dict[str, str]:
        names = ["Left", "Right"]
        outcomes = await asyncio.gather(
            *(run_job(fabric, ledger=ledger(instance, name), parameters={"asset": name}) for name in names)
        )
        return {outcome.job_instance.id: name for name, outcome in zip(names, outcomes, strict=True)}

    with dg.instance_for_test() as instance:
        loaded_by = asyncio.run(both(instance))

    assert loaded_by == {started.id: started.parameters["asset"] for started in fabric.started}
    assert len(starts(fabric)) == 2 + lost.count("before")
    assert statuses(fabric) == ["Completed", "Completed"]


def test_two_processes_on_one_notebook_keep_their_own_job_instances(
    simulate: Simulate, tmp_path: Path
) -> None:
    fabric = simulate(notebooks=[NOTEBOOK], job_instances=[{"run_seconds": 1.0}])
    for drop in ("before", "after"):
        fabric.add_fault(Fault(method="POST", path=START, drop=drop))
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.get_run_records(limit=1)  # its storage is made here, and not by both at the same moment
        processes = {
            name: subprocess.Popen(
                [sys.executable, "-m", "tests.faults.one_asset", name],
                env={
                    **os.environ,
                    "DAGSTER_HOME": str(home),
                    "FABRIC_WORKSPACE_ID": fabric.workspace_id,
                    "FABRIC_API_URL": fabric.url,
                    "FABRIC_ACCESS_TOKEN": fabric.token,
                },
                cwd=Path(__file__).parents[2],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for name in ("Left", "Right")
        }
        output = {
            name: process.communicate(timeout=DEADLINE_SECONDS)[0] for name, process in processes.items()
        }

    assert [process.returncode for process in processes.values()] == [0, 0], output
    loaded_by = {text.split()[-1]: name for name, text in output.items()}
    assert loaded_by == {started.id: started.parameters["asset"] for started in fabric.started}
    assert (len(starts(fabric)), statuses(fabric)) == (3, ["Completed", "Completed"])
    assert [text for text in output.values() if fabric.token in text] == []


def ledger(instance: dg.DagsterInstance, asset: str) -> InstanceLedger:
    run = dg.DagsterRun("job", run_id=str(uuid.uuid4()))
    return InstanceLedger(instance, run, asset, dg.AssetKey(asset), None)


class ShiftedClock(SystemClock):
    """The machine's clock, some time ago."""

    seconds_ago = 60

    def time_ns(self) -> int:
        return super().time_ns() - self.seconds_ago * 1_000_000_000


@pytest.mark.parametrize(("drop", "posts"), [("before", 2), ("after", 1)])
def test_a_job_instance_that_somebody_started_before_is_not_taken(
    tmp_path: Path, drop: str, posts: int
) -> None:
    clock = ShiftedClock()
    script = {"notebooks": [NOTEBOOK], "job_instances": [{"run_seconds": 90}, {"nth": 2, "run_seconds": 0.5}]}
    script["job_instances"].reverse()
    with serve_in_thread(tmp_path / "fabric", script=script, clock=clock) as fabric:
        theirs = start_outside(fabric)
        wait_for("running", lambda: statuses(fabric) == ["InProgress"])
        clock.seconds_ago = 0
        fabric.add_fault(Fault(method="POST", path=START, drop=drop))

        outcome = asyncio.run(run_job(fabric))

        assert outcome.job_instance.id == fabric.started[1].id
        assert len(starts(fabric)) == 1 + posts
        assert [started.id for started in fabric.started] == [theirs, outcome.job_instance.id]
        assert statuses(fabric) == ["InProgress", "Completed"]


def test_when_it_cannot_be_told_which_one_is_ours_nothing_more_is_started(simulate: Simulate) -> None:
    fabric = simulate(notebooks=[NOTEBOOK], job_instances=[{"run_seconds": 1.0}])
    start_outside(fabric)
    fabric.add_fault(Fault(method="POST", path=START, drop="after"))

    with pytest.raises(JobInstanceLostError, match="several could be it") as caught:
        asyncio.run(run_job(fabric))

    assert all(started.id in str(caught.value) for started in fabric.started)
    assert "Look at its recent runs in Fabric before you start it again" in str(caught.value)
    assert not caught.value.retriable
    assert len(starts(fabric)) == 2


MAINTENANCE, VIEWS = "TableMaintenance", "RefreshMaterializedLakeViews"


async def maintain_tables(fabric: ServedFabric, said: Said) -> JobOutcome:
    async with FabricClient(fabric.url, StaticToken(fabric.token)) as client:
        job = ItemJob(
            asset="Tables",
            item=NOTEBOOK,
            item_type="Lakehouse",
            job_type=MAINTENANCE,
            workspace=fabric.workspace_id,
            workspace_configured_in="the test",
            timeout_seconds=60,
        )
        return await JobControl(client, portal_url=None, limits=LIMITS).run(job, said, MemoryLedger())


def test_a_job_instance_of_another_type_is_not_taken(simulate: Simulate) -> None:
    fabric = simulate(
        items=[{"type": "Lakehouse", "name": NOTEBOOK}],
        job_instances=[{"job_type": VIEWS, "run_seconds": 2.0}, {"run_seconds": 0.5}],
        faults=[{"method": "POST", "path": f"*={MAINTENANCE}", "drop": "after"}],
    )
    start_outside(fabric, VIEWS)

    outcome = asyncio.run(maintain_tables(fabric, Said()))

    assert [started.job_type for started in fabric.started] == [VIEWS, MAINTENANCE]
    assert outcome.job_instance.id == fabric.started[1].id


def test_where_only_another_type_is_listed_nothing_is_taken_and_nothing_started(simulate: Simulate) -> None:
    # As when the service lists the job instance under another type than it was started with.
    fabric = simulate(
        items=[{"type": "Lakehouse", "name": NOTEBOOK}],
        job_instances=[{"run_seconds": 2.0}],
        faults=[{"method": "POST", "path": f"*={MAINTENANCE}", "drop": "before"}],
    )
    theirs = start_outside(fabric, VIEWS)

    with pytest.raises(JobInstanceLostError, match=f"another type than {MAINTENANCE}: {theirs}"):
        asyncio.run(maintain_tables(fabric, Said()))

    assert [started.id for started in fabric.started] == [theirs]


def test_one_that_ended_long_ago_without_having_begun_is_not_taken(simulate: Simulate) -> None:
    old = {"id": str(uuid.uuid4()), "itemId": "x", "jobType": "RunNotebook", "status": "Cancelled"}
    old |= {"startTimeUtc": None, "endTimeUtc": "2026-01-01T00:00:00"}
    fabric = simulate(
        notebooks=[NOTEBOOK],
        faults=[
            {"method": "POST", "path": START, "drop": "before"},
            {"method": "GET", "path": LIST, "status": 200, "body": {"value": [old]}, "times": None},
        ],
    )

    outcome = asyncio.run(run_job(fabric))

    assert [started.id for started in fabric.started] == [outcome.job_instance.id]


@pytest.mark.parametrize("drop", [None, "after"])
def test_whoever_gives_up_during_the_start_leaves_nothing_running(
    simulate: Simulate, drop: str | None
) -> None:
    fabric = simulate(notebooks=[NOTEBOOK], job_instances=[{"never_ends": True}])
    fabric.add_fault(Fault(method="POST", path=START, delay_seconds=0.5, drop=drop))
    said = Said()

    async def give_up() -> None:
        job = asyncio.create_task(run_job(fabric, said=said, ledger=MemoryLedger()))
        while not starts(fabric):  # noqa: ASYNC110 -- another thread's list
            await asyncio.sleep(0.02)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job

    asyncio.run(give_up())

    assert running(fabric) == 0
    assert (len(fabric.started), effective(fabric)) == (1, [])
    assert f"asked Fabric to cancel job instance {fabric.started[0].id}" in str(said)
