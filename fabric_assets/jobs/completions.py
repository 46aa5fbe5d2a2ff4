"""Job instances of an item that completed, whoever started them."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from fabric_assets.client.errors import FabricError, FabricNotFoundError
from fabric_assets.client.models import COMPLETED, Item, JobDetails, JobInstance, Workspace
from fabric_assets.jobs.control import JobControl
from fabric_assets.jobs.starting import is_of_type

_READ_WITHIN_SECONDS = 15.0
"""A sensor's tick has a minute: one workspace out of order must not use it up."""


@dataclass(frozen=True)
class Completions:
    """The completed job instances that Fabric still lists for an item: the last hundred, oldest first."""

    workspace: Workspace
    item: Item
    job_instances: tuple[JobInstance, ...]


async def list_completions(
    control: JobControl,
    item: str,
    workspace: str,
    *,
    item_type: str,
    job_type: str | None,
    workspace_configured_in: str,
    asset: str,
) -> Completions:
    """The completed job instances of an item.

    Args:
        control: of the Fabric that has it.
        item: display name or GUID.
        workspace: display name or GUID.
        item_type: Fabric's type of the item.
        job_type: only those of this type; ``None``: of any.
        workspace_configured_in: where ``workspace`` was written, for messages.
        asset: name of the asset, for messages.

    Raises:
        FabricError: the item is not there, or Fabric refuses to answer.
        TimeoutError: Fabric does not answer within some seconds.
    """
    async with asyncio.timeout(_READ_WITHIN_SECONDS):
        found_workspace = await control.directory.workspace(workspace, configured_in=workspace_configured_in)
        found = await control.directory.item(found_workspace, item, item_type, configured_in=f"asset {asset}")
        try:
            listed = await control.client.list_job_instances(found_workspace.id, found.id)
        except FabricNotFoundError:
            control.directory.forget(found_workspace)
            raise
    completed = [
        job_instance
        for job_instance in listed
        if job_instance.status == COMPLETED and is_of_type(job_instance, job_type)
    ]
    completed.sort(key=lambda job_instance: (ended(job_instance) is not None, ended(job_instance)))
    return Completions(found_workspace, found, tuple(completed))


def ended(job_instance: JobInstance) -> datetime | None:
    """When it ended by the service's clock; its start if the service left the end out."""
    return job_instance.end_time or job_instance.start_time


async def details(
    control: JobControl, workspace_id: str, notebook_id: str, job_instance_id: str
) -> JobDetails:
    """Exit value and links of a notebook's job instance; empty if they cannot be had within some seconds."""
    try:
        async with asyncio.timeout(_READ_WITHIN_SECONDS):
            reading = await control.client.get_notebook_job_instance(
                workspace_id, notebook_id, job_instance_id
            )
    except (FabricError, TimeoutError):
        return JobDetails()
    return reading.details or JobDetails()
