"""The job instances of a notebook: on the route that takes its settings, read with exit value and links."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from fabric_assets.client.compute import (
    ComputeSettings,
    ResolvedCompute,
    generic_execution_data,
    notebook_request_body,
)
from fabric_assets.client.errors import FabricError
from fabric_assets.client.fabric_client import RUN_NOTEBOOK, FabricClient, JobReading
from fabric_assets.client.models import Accepted, Item, JobDetails, Workspace
from fabric_assets.client.quota import Urgency
from fabric_assets.jobs.job import ItemJob, NotebookJob
from fabric_assets.jobs.job_service import ItemJobService

_DETAILS_WITHIN_SECONDS = 20.0


class NotebookService(ItemJobService):
    """The job instances of one notebook. See ``JobService``.

    Args:
        client: the open client.
        workspace: the notebook's workspace.
        notebook: the notebook.
        job: what to start.
        compute: the job's compute settings with names resolved; ``None``: the notebook's own.
        portal_url: base of Fabric's web pages; ``None``: there are none (the local Fabric).
    """

    def __init__(
        self,
        client: FabricClient,
        workspace: Workspace,
        notebook: Item,
        job: NotebookJob,
        compute: ResolvedCompute | None,
        portal_url: str | None,
    ) -> None:
        generic = ItemJob(
            asset=job.asset,
            item=job.notebook,
            item_type="Notebook",
            job_type=RUN_NOTEBOOK,
            workspace=job.workspace,
            workspace_configured_in=job.workspace_configured_in,
            execution_data=generic_execution_data(job.parameters, compute),
        )
        super().__init__(client, workspace, notebook, generic, portal_url)
        self._parameters = job.parameters
        self._compute = compute
        self._settings = compute.settings if compute is not None else ComputeSettings()
        self.shares_session = bool(self._settings.session_tag)
        if self.shares_session:
            self.session = f"{workspace.id}/{self._settings.session_tag}"

    def vcores(self, node_vcores: int) -> int | None:
        """See ``JobService``."""
        return self._settings.vcores(node_vcores)

    async def start(self, on_sending: Callable[[bool], None]) -> Accepted:
        """See ``JobService``. Only the notebook route takes all compute settings."""
        if self._compute is None or not self._settings.needs_notebook_route:
            return await super().start(on_sending)
        body = notebook_request_body(self._parameters, self._compute)
        return await self.client.start_notebook(*self._ids, body, on_sending=on_sending)

    async def read(self, job_instance_id: str, urgency: Urgency) -> JobReading:
        """See ``JobService``. An end is read with exit value and links: one call instead of two."""
        if urgency is Urgency.LIKELY_END:
            with suppress(FabricError):
                return await self._read_with_details(job_instance_id)
        return await super().read(job_instance_id, urgency)

    async def details(self, job_instance_id: str) -> JobDetails:
        """See ``JobService``."""
        return (await self._read_with_details(job_instance_id)).details or JobDetails()

    async def _read_with_details(self, job_instance_id: str) -> JobReading:
        return await self.client.get_notebook_job_instance(
            *self._ids,
            job_instance_id,
            urgency=Urgency.LIKELY_END,
            patience_seconds=_DETAILS_WITHIN_SECONDS,
        )

    def links(self, job_instance_id: str) -> Mapping[str, str]:
        """See ``JobService``. The snapshot's path is that of the API description's examples."""
        links = super().links(job_instance_id)
        if "itemUrl" not in links:
            return {}
        return {**links, "jobInstanceUrl": f"{links['itemUrl']}/snapshots/{job_instance_id}"}
