"""Runs notebooks: names to items, items to job instances, job instances to outcomes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from fabric_assets.client.compute import ItemReference, ResolvedCompute
from fabric_assets.client.directory import Directory
from fabric_assets.client.errors import FabricNotFoundError
from fabric_assets.client.fabric_client import FabricClient
from fabric_assets.client.models import Workspace
from fabric_assets.client.retry import notice
from fabric_assets.jobs.call_budget import CallBudget
from fabric_assets.jobs.capacity_queue import CapacityQueue
from fabric_assets.jobs.execution import JobExecution, Links
from fabric_assets.jobs.ledger import Ledger
from fabric_assets.jobs.notebook_job import JobLimits, JobOutcome, NotebookJob, Tell
from fabric_assets.jobs.session_packing import SessionPacker
from fabric_assets.jobs.watcher import Watcher


class JobControl:
    """Starts job instances, watches them, cancels them. Lives in the background loop.

    Args:
        client: the open client.
        portal_url: base of Fabric's web pages for links, ``None`` where there is no portal (the local Fabric).
        limits: how it waits.
        budget: the calls that may be made; ``None``: there is no quota.
        queue: the queue in front of the capacity; ``None``: one of its own for a capacity of unknown size.
    """

    def __init__(
        self,
        client: FabricClient,
        *,
        portal_url: str | None,
        limits: JobLimits,
        budget: CallBudget | None = None,
        queue: CapacityQueue | None = None,
    ) -> None:
        self.client = client
        self._watcher = Watcher(client, budget, limits.poll_seconds)
        self.directory = Directory(client)
        self._queue = queue or CapacityQueue(None, limits.capacity_wait_seconds)
        self._sessions = SessionPacker()
        self._portal_url = portal_url
        self._limits = limits

    async def run(self, job: NotebookJob, tell: Tell, ledger: Ledger) -> JobOutcome:
        """Run the notebook to its end.

        Args:
            job: what to run.
            tell: gets one line at the start and one per change of status.
            ledger: the notes of this asset in this run.

        Returns:
            The outcome of a job instance that ended with ``Completed``.

        Raises:
            JobInstanceFailedError: it ended otherwise.
            JobInstanceTimeoutError: it did not end in time; it has been cancelled.
            FabricError: it could not be started, or not be read for too long.
            asyncio.CancelledError: the caller gave up; the job instance has been cancelled.
        """
        notice.set(tell)
        workspace = await self.directory.workspace(job.workspace, configured_in=job.workspace_configured_in)
        notebook = await self.directory.item(
            workspace, job.notebook, "Notebook", configured_in=f"asset {job.asset}"
        )
        compute = await self._resolve(job, workspace)
        links = Links(self._portal_url, workspace.id, notebook.id)
        with self._session(job, workspace, compute) as compute_with_tag:
            execution = JobExecution(
                self.client,
                self._limits,
                ledger,
                links,
                job,
                workspace,
                notebook,
                compute_with_tag,
                self._watcher,
                self._queue,
                tell,
            )
            try:
                return await execution.to_the_end()
            except FabricNotFoundError:
                self.directory.forget(workspace)
                raise

    @contextmanager
    def _session(
        self, job: NotebookJob, workspace: Workspace, compute: ResolvedCompute | None
    ) -> Iterator[ResolvedCompute | None]:
        """The compute settings, with a session tag if the notebook shares its session."""
        if compute is None or not compute.settings.share_session:
            yield compute
            return
        with self._sessions.tag(job.run_id, (workspace.id, compute)) as tag:
            yield replace(compute, settings=replace(compute.settings, session_tag=tag))

    async def _resolve(self, job: NotebookJob, workspace: Workspace) -> ResolvedCompute | None:
        settings = job.compute
        if settings is None:
            return None
        configured_in = f"the compute settings of asset {job.asset}"

        async def reference(name: str | None, item_type: str, where: Workspace) -> ItemReference | None:
            if name is None:
                return None
            item = await self.directory.item(where, name, item_type, configured_in=configured_in)
            return ItemReference(item.id, item.display_name, where.id)

        lakehouse_workspace = workspace
        if settings.default_lakehouse_workspace is not None:
            lakehouse_workspace = await self.directory.workspace(
                settings.default_lakehouse_workspace, configured_in=configured_in
            )
        return ResolvedCompute(
            settings,
            environment=await reference(settings.environment, "Environment", workspace),
            default_lakehouse=await reference(settings.default_lakehouse, "Lakehouse", lakehouse_workspace),
        )
