"""Names to ids while Fabric is out of order."""

import asyncio

from fabric_assets.client.directory import Directory
from fabric_assets.client.errors import FabricApiError
from fabric_assets.client.fabric_client import FabricClient
from tests.conftest import Simulate, with_client


def test_all_who_waited_for_the_same_outage_hear_of_it_at_once(simulate: Simulate) -> None:
    outage = {"path": "*", "status": 503, "headers": {"Retry-After": "3600"}, "times": 1}
    slowly = {"path": "*", "delay_seconds": 0.3}
    fabric = simulate(notebooks=["Load"], faults=[{**outage, **slowly}])

    async def work(client: FabricClient) -> list[object]:
        directory = Directory(client)
        several = [directory.workspace(fabric.workspace_id, configured_in="the test") for _ in range(5)]
        answers: list[object] = list(await asyncio.gather(*several, return_exceptions=True))
        # Who asks later asks anew.
        assert (await directory.workspace(fabric.workspace_id, configured_in="the test")).id
        return answers

    answers = with_client(fabric, work)

    assert [type(answer) for answer in answers] == [FabricApiError] * 5
