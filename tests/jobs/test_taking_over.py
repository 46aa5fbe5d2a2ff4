"""What job control does with the note of a process that died."""

from collections.abc import Collection
from datetime import timedelta

import pytest

from fabric_assets.client.fabric_client import RUN_NOTEBOOK, FabricClient
from fabric_assets.jobs.control import JobControl
from fabric_assets.jobs.job import JobLimits, JobOutcome, NotebookJob
from fabric_assets.jobs.ledger import Attempt
from fabric_assets.local import ServedFabric
from tests.conftest import Simulate, with_client


class OneNote:
    """A ledger in memory."""

    def __init__(self, left_open: Attempt) -> None:
        self.attempt = left_open

    def left_open(self) -> Attempt | None:
        return self.attempt if self.attempt.status is None else None

    def write(self, attempt: Attempt) -> None:
        self.attempt = attempt

    def claimed(self, job_instance_ids: Collection[str]) -> set[str]:
        return set()


def start_and_take_over(fabric: ServedFabric, *, age: timedelta = timedelta()) -> tuple[str, JobOutcome]:
    """Start a job instance, and run its notebook with a note that says so."""

    async def work(client: FabricClient) -> tuple[str, JobOutcome]:
        (notebook,) = await client.list_items(fabric.workspace_id)
        accepted = await client.start_job_instance(fabric.workspace_id, notebook.id, RUN_NOTEBOOK)
        assert accepted.job_instance_id
        ledger = OneNote(Attempt(client.service_now() - age, accepted.job_instance_id))
        control = JobControl(client, portal_url=None, limits=JobLimits(poll_seconds=0.05))
        job = NotebookJob(
            asset="Orders", notebook="Orders", workspace=fabric.workspace_id, workspace_configured_in="here"
        )
        outcome = await control.run(job, lambda *_: None, ledger)
        assert ledger.attempt.job_instance_id == outcome.job_instance.id
        assert ledger.attempt.status == "Completed"
        return accepted.job_instance_id, outcome

    return with_client(fabric, work)


@pytest.mark.parametrize("unseen_as", ["404", "RequestExecutionFailed"])
def test_a_job_instance_that_the_service_does_not_show_yet_is_taken_over(
    simulate: Simulate, unseen_as: str
) -> None:
    fabric = simulate(notebooks=["Orders"], service={"unseen_seconds": 1.0, "unseen_as": unseen_as})

    started, outcome = start_and_take_over(fabric)

    assert len(fabric.started) == 1
    assert outcome.job_instance.id == started


GONE = {
    "method": "GET",
    "path": "*/jobs/instances/*",
    "status": 404,
    "body": {"errorCode": "ItemNotFound", "message": "no such job instance"},
}


def test_one_that_the_service_has_forgotten_is_started_again(simulate: Simulate) -> None:
    unlisted = {"method": "GET", "path": "*/jobs/instances", "status": 200, "body": {"value": []}}
    fabric = simulate(notebooks=["Orders"], faults=[GONE, unlisted])

    started, outcome = start_and_take_over(fabric, age=timedelta(hours=1))

    assert [job_instance.id for job_instance in fabric.started] == [started, outcome.job_instance.id]


def test_one_that_is_listed_is_taken_over_although_a_read_does_not_find_it(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["Orders"], job_instances=[{"run_seconds": 0.5}], faults=[GONE])

    started, outcome = start_and_take_over(fabric, age=timedelta(hours=1))

    assert [job_instance.id for job_instance in fabric.started] == [started] == [outcome.job_instance.id]
