"""What is told of a job instance that reads and lists show differently."""

import logging

from fabric_assets.client.fabric_client import FabricClient
from fabric_assets.jobs.job import ItemJob
from fabric_assets.jobs.job_service import ItemJobService
from fabric_assets.jobs.observed import ObservedJobInstance
from tests.conftest import Simulate, with_client
from tests.faults.harness import LIMITS, NOTEBOOK, Said


def test_a_list_that_is_ahead_or_behind_is_no_status_that_goes_backwards(simulate: Simulate) -> None:
    fabric = simulate(
        notebooks=[NOTEBOOK], job_instances=[{"nth": 1, "queued_seconds": 3600}, {"never_ends": True}]
    )
    said = Said()

    async def work(client: FabricClient) -> None:
        workspace = await client.get_workspace(fabric.workspace_id)
        (notebook,) = await client.list_items(workspace.id)
        job = ItemJob(
            asset="DimX",
            item=NOTEBOOK,
            item_type="Notebook",
            job_type="RunNotebook",
            workspace=workspace.id,
            workspace_configured_in="the test",
        )
        service = ItemJobService(client, workspace, notebook, job, None)

        async def started() -> ObservedJobInstance:
            accepted = await service.start(lambda _: None)
            assert accepted.job_instance_id
            seen = ObservedJobInstance(service, LIMITS, said)
            seen.begun(accepted.job_instance_id)
            return seen

        async def read(seen: ObservedJobInstance) -> str:
            assert await seen.read()
            seen.tell_status(seen.latest.status)
            return seen.latest.status

        queued = await started()
        queued.tell_listed("InProgress")
        assert await read(queued) == "NotStarted"
        queued.tell_listed("InProgress")

        runs = await started()
        runs.tell_listed("NotStarted")
        assert await read(runs) == "InProgress"
        runs.tell_listed("NotStarted")
        assert await read(runs) == "InProgress"

    with_client(fabric, work)

    assert [level for level, _ in said.lines] == [logging.INFO] * 2, str(said)
    assert str(said).count("is InProgress after") == 2
