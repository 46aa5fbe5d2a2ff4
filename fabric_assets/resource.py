"""The Fabric resource: what assets, sensors and the user's own ops talk to Fabric with."""

from collections.abc import Callable
from typing import Any

from pydantic import Field

from fabric_assets import secret
from fabric_assets.base_resource import BaseResource
from fabric_assets.client.power_bi_client import PowerBiClient
from fabric_assets.connection import (
    DEFAULT_NOTEBOOK_PREFIX,
    NOTEBOOK_PREFIX_VARIABLE,
    PORTAL_URL,
    Connection,
    resolve_connection,
    setting,
)
from fabric_assets.jobs import background_loop
from fabric_assets.jobs.control import JobControl
from fabric_assets.jobs.job import ItemJob, JobLimits, JobOutcome, NotebookJob
from fabric_assets.jobs.ledger import Ledger
from fabric_assets.jobs.semantic_model import SemanticModelRefresh
from fabric_assets.jobs.sql_endpoint import SqlEndpointRefresh, SqlEndpointState
from fabric_assets.power_bi_connection import resolve_power_bi
from fabric_assets.process_controls import ControlSettings, job_control, power_bi_client

_LOCAL_POLL_SECONDS = 0.2
_FABRIC_POLL_SECONDS = 5.0
_CANCEL_MARGIN_SECONDS = 5.0


class FabricResource(BaseResource):
    """Starts notebooks in a Fabric workspace and watches them; without a workspace, in the embedded local Fabric.

    Every field that is unset takes its value from its environment variable when it is used, in the process that
    uses it. The token is never shown: not in ``repr``, not in Dagster's snapshots, logs, events or metadata.

    """

    workspace: str | None = Field(
        default=None,
        description="Workspace, display name or GUID. Unset: FABRIC_WORKSPACE_ID, else the embedded local Fabric.",
    )
    api_url: str | None = Field(
        default=None,
        description="Base URL of the API. Unset: FABRIC_API_URL, else https://api.fabric.microsoft.com/v1. "
        "Plain http only for this machine.",
    )
    access_token: str | None = Field(
        default=None,
        repr=False,
        description="A ready bearer token; it cannot be renewed. Unset: FABRIC_ACCESS_TOKEN, else azure-identity's "
        "default chain (AZURE_CLIENT_ID, ..., managed identity, Azure CLI), with tokens renewed as long as needed.",
    )
    local_home: str | None = Field(
        default=None,
        description="Folder of the embedded local Fabric. Unset: FABRIC_LOCAL_HOME, else .fabric_local.",
    )
    notebook_prefix: str | None = Field(
        default=None,
        description="What {prefix} in an asset's notebook name stands for. Unset: FABRIC_NOTEBOOK_PREFIX, else "
        "AquaVilla_Load.",
    )
    request_timeout_seconds: float = Field(
        default=30.0, gt=0, description="Longest wait for one answer of Fabric, in seconds."
    )
    patience_seconds: float = Field(
        default=900.0,
        gt=0,
        description="Longest time without one good answer before a request is given up, in seconds.",
    )
    capacity_patience_seconds: float = Field(
        default=86400.0,
        gt=0,
        description="Longest wait for room on a full capacity, in seconds. It uses up no retries.",
    )
    capacity_wait_seconds: float = Field(
        default=30.0,
        gt=0,
        description="First wait before a start is tried again on a full capacity, in seconds; it grows tenfold.",
    )
    capacity: str | None = Field(
        default=None,
        description="The Fabric capacity: an SKU such as F8, or its number of Spark vCores. Notebooks wait in the "
        "order of their coming until their vCores fit; of those that came together the longest goes first. Unset: as "
        "many at once as find room.",
    )
    node_vcores: int = Field(
        default=8,
        gt=0,
        description="Spark vCores that a notebook takes up whose compute settings do not say it: one node of the pool.",
    )
    calls_per_minute: int | None = Field(
        default=None,
        gt=0,
        description="Fabric's quota for one identity, counted apart for job scheduler and platform. Unset: 200, and no "
        "limit with the local Fabric.",
    )
    quota_share: float = Field(
        default=0.95,
        gt=0,
        le=1,
        description="The part of the quota that one process uses: less if several processes run as one identity. "
        "Of several resources with one identity in a process, the smallest number of calls counts.",
    )
    poll_seconds: float | None = Field(
        default=None,
        gt=0,
        description="Shortest wait between two reads of a job instance, in seconds. Unset: 5, and 0.2 with the local "
        "Fabric. The longer a notebook runs, the less often it is looked at, but every 30 seconds at least.",
    )
    cancel_on_terminate: bool = Field(
        default=True, description="Whether terminating a run cancels its job instances in Fabric."
    )
    cancel_timeout_seconds: float = Field(
        default=30.0, gt=0, description="Longest wait for Fabric to confirm a cancel, in seconds."
    )
    portal_url: str = Field(default=PORTAL_URL, description="Base URL of Fabric's web pages, for links.")
    power_bi_url: str | None = Field(
        default=None,
        description="Base URL of Power BI's API, which refreshes semantic models. Unset: FABRIC_POWER_BI_URL, else the "
        "local Fabric's own if that is in use, else https://api.powerbi.com/v1.0/myorg.",
    )
    power_bi_access_token: str | None = Field(
        default=None,
        repr=False,
        description="A ready bearer token for Power BI. Unset: FABRIC_POWER_BI_ACCESS_TOKEN, else azure-identity's "
        "default chain; a token for Fabric is not sent to Power BI.",
    )

    def notebook_name(self, template: str) -> str:
        """An asset's notebook with ``{prefix}`` replaced."""
        prefix = setting(self.notebook_prefix, NOTEBOOK_PREFIX_VARIABLE) or DEFAULT_NOTEBOOK_PREFIX
        return template.replace("{prefix}", prefix)

    def connection(self, *, start_local: bool = True) -> Connection | None:
        """Which Fabric is meant; see ``fabric_assets.connection.resolve_connection``."""
        return resolve_connection(
            workspace=self.workspace,
            api_url=self.api_url,
            access_token=secret.reveal(self.access_token),
            home=self.local_home,
            start_local=start_local,
        )

    def run_notebook(
        self,
        notebook: str,
        *,
        asset: str,
        workspace: str | None = None,
        log: Callable[[int, str], None],
        ledger: Ledger,
        **job: Any,
    ) -> JobOutcome:
        """Run a notebook's job instance to its end, and block until then.

        If the waiting is interrupted (the run is terminated), the job instance is cancelled and the interruption
        goes on.

        Args:
            notebook: display name or GUID; ``{prefix}`` stands for ``notebook_prefix``.
            asset: name of the asset, for messages.
            workspace: display name or GUID of another workspace than the resource's.
            log: gets a level of ``logging`` and a line, one per change of status.
            ledger: the notes of this asset in this run.
            **job: what else ``NotebookJob`` has: ``parameters``, ``compute``, ``timeout_seconds``, ...

        Returns:
            The outcome of a job instance that completed.

        Raises:
            FabricError: in all other cases; see ``fabric_assets.client.errors``.
        """
        return self._start(notebook, asset, workspace, ledger, job).wait(log, self._cancel_seconds)

    async def run_notebook_async(
        self,
        notebook: str,
        *,
        asset: str,
        workspace: str | None = None,
        log: Callable[[int, str], None],
        ledger: Ledger,
        **job: Any,
    ) -> JobOutcome:
        """The same as a coroutine, so that one process can wait for many; arguments and errors as ``run_notebook``."""
        task = self._start(notebook, asset, workspace, ledger, job)
        return await task.wait_in_loop(log, self._cancel_seconds)

    async def run_item_async(
        self,
        item: str,
        *,
        item_type: str,
        job_type: str,
        asset: str,
        workspace: str | None = None,
        log: Callable[[int, str], None],
        ledger: Ledger,
        **job: Any,
    ) -> JobOutcome:
        """Run a job instance of any item to its end, as ``run_notebook_async`` does for notebooks.

        Args:
            item: display name or GUID.
            item_type: Fabric's type of the item, such as ``DataPipeline``.
            job_type: such as ``Pipeline``.
            asset: name of the asset, for messages.
            workspace: display name or GUID of another workspace than the resource's.
            log: gets a level of ``logging`` and a line, one per change of status.
            ledger: the notes of this asset in this run.
            **job: what else ``ItemJob`` has: ``execution_data``, ``parameters``, ``timeout_seconds``, ...

        Raises:
            FabricError: it did not complete.
        """
        connection = self._connection()
        request = ItemJob(
            asset=asset,
            item=item,
            item_type=item_type,
            job_type=job_type,
            **_place(connection, workspace, asset),
            **job,
        )
        control = self._control(connection)
        task = background_loop.submit(lambda tell: control.run(request, tell, ledger))
        return await task.wait_in_loop(log, self._cancel_seconds)

    async def refresh_semantic_model_async(
        self,
        semantic_model: str,
        *,
        asset: str,
        workspace: str | None = None,
        log: Callable[[int, str], None],
        ledger: Ledger,
        **job: Any,
    ) -> JobOutcome:
        """Refresh a semantic model of Power BI to the end, as ``run_item_async`` does for job instances.

        Args:
            semantic_model: display name or GUID.
            asset: name of the asset, for messages.
            workspace: display name or GUID of another workspace than the resource's.
            log: gets a level of ``logging`` and a line, one per change of status.
            ledger: the notes of this asset in this run.
            **job: what else ``SemanticModelRefresh`` has: ``body``, ``parameters``, ``timeout_seconds``, ...

        Raises:
            FabricError: it did not complete.
        """
        connection = self._connection()
        request = SemanticModelRefresh(
            asset=asset,
            semantic_model=semantic_model,
            **_place(connection, workspace, asset),
            **job,
        )
        control, power_bi = self._control(connection), self._power_bi(connection)
        task = background_loop.submit(
            lambda tell: control.refresh_semantic_model(request, power_bi, tell, ledger)
        )
        return await task.wait_in_loop(log, self._cancel_seconds)

    async def refresh_sql_endpoint_async(
        self,
        *,
        asset: str,
        workspace: str | None = None,
        log: Callable[[int, str], None],
        **refresh: Any,
    ) -> SqlEndpointState:
        """Bring a SQL endpoint up to date with its lakehouse, and wait for the end.

        Args:
            asset: name of the asset, for messages.
            workspace: display name or GUID of another workspace than the resource's.
            log: gets a level of ``logging`` and a line.
            **refresh: what else ``SqlEndpointRefresh`` has: ``lakehouse`` or ``sql_endpoint``, ``timeout_seconds``, ...

        Raises:
            FabricError: it did not succeed.
        """
        connection = self._connection()
        request = SqlEndpointRefresh(
            asset=asset,
            **_place(connection, workspace, asset),
            **refresh,
        )
        control = self._control(connection)
        task = background_loop.submit(lambda tell: control.refresh_sql_endpoint(request, tell))
        return await task.wait_in_loop(log, _CANCEL_MARGIN_SECONDS)

    @property
    def _cancel_seconds(self) -> float:
        return self.cancel_timeout_seconds + _CANCEL_MARGIN_SECONDS

    def _connection(self) -> Connection:
        connection = self.connection()
        assert connection is not None  # noqa: S101 -- with start_local it is never None
        return connection

    def _start(
        self, notebook: str, asset: str, workspace: str | None, ledger: Ledger, job: dict[str, Any]
    ) -> background_loop.BackgroundTask[JobOutcome]:
        connection = self._connection()
        request = NotebookJob(
            asset=asset,
            notebook=self.notebook_name(notebook),
            **_place(connection, workspace, asset),
            **job,
        )
        control = self._control(connection)
        return background_loop.submit(lambda tell: control.run(request, tell, ledger))

    def control(self, *, start_local: bool = True) -> tuple[Connection, JobControl] | None:
        """The connection and this process's job control for it; ``None`` as for ``connection``."""
        connection = self.connection(start_local=start_local)
        return None if connection is None else (connection, self._control(connection))

    def _control(self, connection: Connection) -> JobControl:
        return job_control(connection, self._settings(connection))

    def _power_bi(self, connection: Connection) -> PowerBiClient:
        power_bi = resolve_power_bi(
            connection, url=self.power_bi_url, access_token=secret.reveal(self.power_bi_access_token)
        )
        return power_bi_client(power_bi, self._settings(connection))

    def _settings(self, connection: Connection) -> ControlSettings:
        poll_seconds = self.poll_seconds or (
            _LOCAL_POLL_SECONDS if connection.is_local else _FABRIC_POLL_SECONDS
        )
        limits = JobLimits(
            poll_seconds=poll_seconds,
            cancel_timeout_seconds=self.cancel_timeout_seconds,
            cancel_on_terminate=self.cancel_on_terminate,
            patience_seconds=self.patience_seconds,
            find_seconds=min(30.0, self.patience_seconds / 4),
            settle_seconds=min(5.0, self.patience_seconds / 4),
            capacity_patience_seconds=self.capacity_patience_seconds,
            capacity_wait_seconds=self.capacity_wait_seconds,
            node_vcores=self.node_vcores,
        )
        return ControlSettings(
            limits=limits,
            portal_url=None if connection.is_local else self.portal_url.rstrip("/"),
            request_timeout_seconds=self.request_timeout_seconds,
            capacity=self.capacity,
            calls_per_minute=self.calls_per_minute,
            quota_share=self.quota_share,
        )


def _place(connection: Connection, workspace: str | None, asset: str) -> dict[str, Any]:
    """The workspace of a job, and where it was written."""
    if workspace:
        return {"workspace": workspace, "workspace_configured_in": f"asset {asset}"}
    return {"workspace": connection.workspace, "workspace_configured_in": connection.configured_in}
