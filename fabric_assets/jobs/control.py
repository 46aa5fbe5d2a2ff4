"""Runs notebooks and other items: names to items, items to job instances, job instances to outcomes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from fabric_assets.client.compute import ItemReference, ResolvedCompute
from fabric_assets.client.directory import Directory
from fabric_assets.client.errors import FabricNotFoundError
from fabric_assets.client.fabric_client import FabricClient
from fabric_assets.client.models import Workspace
from fabric_assets.client.power_bi_client import PowerBiClient
from fabric_assets.client.retry import notice
from fabric_assets.jobs.call_budget import CallBudget
from fabric_assets.jobs.capacity_queue import CapacityQueue
from fabric_assets.jobs.execution import JobExecution
from fabric_assets.jobs.job import ItemJob, Job, JobLimits, JobOutcome, NotebookJob, Tell
from fabric_assets.jobs.job_service import ItemJobService, JobService
from fabric_assets.jobs.ledger import Ledger
from fabric_assets.jobs.model_refresh_queue import refresh_to_the_end
from fabric_assets.jobs.notebook_service import NotebookService
from fabric_assets.jobs.semantic_model import SemanticModelRefresh, SemanticModelService
from fabric_assets.jobs.session_packing import SessionPacker
from fabric_assets.jobs.sql_endpoint import SqlEndpointRefresh, SqlEndpointState, refresh_sql_endpoint
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
        waiting = queue or CapacityQueue(None, limits.capacity_wait_seconds)
        self._queue = waiting
        self._watcher = Watcher(client, budget, limits.poll_seconds, lambda: waiting.has_waiting)
        self.directory = Directory(client)
        self._sessions = SessionPacker()
        self._portal_url = portal_url
        self._limits = limits

    async def run(self, job: NotebookJob | ItemJob, tell: Tell, ledger: Ledger) -> JobOutcome:
        """Run a job instance to its end.

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
        name, item_type = (
            (job.notebook, "Notebook") if isinstance(job, NotebookJob) else (job.item, job.item_type)
        )
        item = await self.directory.item(workspace, name, item_type, configured_in=f"asset {job.asset}")
        try:
            if isinstance(job, ItemJob):
                service = ItemJobService(self.client, workspace, item, job, self._portal_url)
                return await self._execute(service, job, tell, ledger)
            compute = await self._resolve(job, workspace)
            with self._session(job, workspace, compute) as with_tag:
                notebook = NotebookService(self.client, workspace, item, job, with_tag, self._portal_url)
                return await self._execute(notebook, job, tell, ledger)
        except FabricNotFoundError:
            self.directory.forget(workspace)
            raise

    async def refresh_semantic_model(
        self, wanted: SemanticModelRefresh, power_bi: PowerBiClient, tell: Tell, ledger: Ledger
    ) -> JobOutcome:
        """Refresh a semantic model, as ``run`` does for job instances of Fabric; ``power_bi`` is the open client."""
        notice.set(tell)
        workspace = await self.directory.workspace(
            wanted.workspace, configured_in=wanted.workspace_configured_in
        )
        model = await self.directory.item(
            workspace, wanted.semantic_model, "SemanticModel", configured_in=f"asset {wanted.asset}"
        )
        service = SemanticModelService(power_bi, workspace, model, wanted.body, self._portal_url)
        execute = partial(self._execute, service, wanted, tell, ledger)
        try:
            return await refresh_to_the_end(
                service, wanted, execute, limits=self._limits, ledger=ledger, tell=tell
            )
        except FabricNotFoundError:
            self.directory.forget(workspace)
            raise

    async def refresh_sql_endpoint(self, wanted: SqlEndpointRefresh, tell: Tell) -> SqlEndpointState:
        """Refresh the metadata of a SQL endpoint; see ``fabric_assets.jobs.sql_endpoint.refresh_sql_endpoint``."""
        notice.set(tell)
        return await refresh_sql_endpoint(self.client, self.directory, self._limits, wanted, tell)

    async def _execute(self, service: JobService, job: Job, tell: Tell, ledger: Ledger) -> JobOutcome:
        execution = JobExecution(
            service,
            job,
            limits=self._limits,
            ledger=ledger,
            watcher=self._watcher,
            queue=self._queue,
            tell=tell,
        )
        return await execution.to_the_end()

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
