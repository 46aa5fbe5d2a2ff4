"""The data factory resource: what assets and sensors talk to Azure Data Factory with."""

from collections.abc import Callable
from typing import Any

from pydantic import Field

from fabric_assets import secret
from fabric_assets.base_resource import BaseResource
from fabric_assets.client.data_factory_client import DataFactoryClient
from fabric_assets.data_factory.connection import DataFactoryConnection, resolve_data_factory
from fabric_assets.jobs import background_loop
from fabric_assets.jobs.data_factory import PORTAL_URL, DataFactoryControl, PipelineJob
from fabric_assets.jobs.job import JobLimits, JobOutcome
from fabric_assets.jobs.ledger import Ledger

_LOCAL_POLL_SECONDS = 0.2
_AZURE_POLL_SECONDS = 10.0
_CANCEL_MARGIN_SECONDS = 5.0


class DataFactoryResource(BaseResource):
    """Starts pipelines of an Azure data factory and watches them; without one, in the embedded local Fabric.

    Every field that is unset takes its value from its environment variable when it is used, in the process that
    uses it. The token is never shown: not in ``repr``, not in Dagster's snapshots, logs, events or metadata.

    """

    subscription_id: str | None = Field(
        default=None,
        description="Azure subscription of the factory. Unset: FABRIC_ADF_SUBSCRIPTION_ID, else the embedded local "
        "Fabric.",
    )
    resource_group: str | None = Field(
        default=None, description="Resource group of the factory. Unset: FABRIC_ADF_RESOURCE_GROUP."
    )
    factory: str | None = Field(
        default=None, description="Name of the factory. Unset: FABRIC_ADF_FACTORY; the local Fabric's: local."
    )
    arm_url: str | None = Field(
        default=None,
        description="Base URL of Azure Resource Manager. Unset: FABRIC_ARM_URL, else https://management.azure.com. "
        "Plain http only for this machine.",
    )
    access_token: str | None = Field(
        default=None,
        repr=False,
        description="A ready bearer token for Azure Resource Manager; it cannot be renewed. Unset: "
        "FABRIC_ARM_ACCESS_TOKEN, else azure-identity's default chain, with tokens renewed as long as needed.",
    )
    local_home: str | None = Field(
        default=None,
        description="Folder of the embedded local Fabric. Unset: FABRIC_LOCAL_HOME, else .fabric_local.",
    )
    request_timeout_seconds: float = Field(
        default=30.0, gt=0, description="Longest wait for one answer of Azure, in seconds."
    )
    patience_seconds: float = Field(
        default=900.0,
        gt=0,
        description="Longest time without one good answer before a request is given up, in seconds.",
    )
    poll_seconds: float | None = Field(
        default=None,
        gt=0,
        description="Shortest wait between two reads of a pipeline run, in seconds. Unset: 10, and 0.2 with the local "
        "Fabric. The longer a pipeline runs, the less often it is looked at, but every 30 seconds at least.",
    )
    cancel_on_terminate: bool = Field(
        default=True, description="Whether terminating a run cancels its pipeline runs."
    )
    cancel_timeout_seconds: float = Field(
        default=60.0, gt=0, description="Longest wait for Azure to confirm a cancel, in seconds."
    )
    portal_url: str = Field(default=PORTAL_URL, description="Base URL of Data Factory Studio, for links.")

    def connection(self, *, start_local: bool = True) -> DataFactoryConnection | None:
        """Which data factory is meant; see ``fabric_assets.data_factory.connection.resolve_data_factory``."""
        return resolve_data_factory(
            subscription_id=self.subscription_id,
            resource_group=self.resource_group,
            factory=self.factory,
            arm_url=self.arm_url,
            access_token=secret.reveal(self.access_token),
            home=self.local_home,
            start_local=start_local,
        )

    async def run_pipeline_async(
        self,
        pipeline: str,
        *,
        asset: str,
        log: Callable[[int, str], None],
        ledger: Ledger,
        **job: Any,
    ) -> JobOutcome:
        """Run a pipeline to its end, as a coroutine, so that one process can wait for many.

        If the waiting is interrupted (the run is terminated), the pipeline run is cancelled and the interruption
        goes on.

        Args:
            pipeline: name of the pipeline.
            asset: name of the asset, for messages.
            log: gets a level of ``logging`` and a line, one per change of status.
            ledger: the notes of this asset in this run.
            **job: what else ``PipelineJob`` has: ``parameters``, ``timeout_seconds``, ...

        Returns:
            The outcome of a pipeline run that succeeded.

        Raises:
            FabricError: in all other cases; see ``fabric_assets.client.errors``.
        """
        control = self.control()
        assert control is not None  # noqa: S101 -- with start_local it is never None
        request = PipelineJob(asset=asset, pipeline=pipeline, **job)
        task = background_loop.submit(lambda tell: control.run(request, tell, ledger))
        return await task.wait_in_loop(log, self.cancel_timeout_seconds + _CANCEL_MARGIN_SECONDS)

    def control(self, *, start_local: bool = True) -> DataFactoryControl | None:
        """This process's control of the factory's pipelines; ``None`` as for ``connection``."""
        connection = self.connection(start_local=start_local)
        if connection is None:
            return None
        limits = JobLimits(
            poll_seconds=self.poll_seconds
            or (_LOCAL_POLL_SECONDS if connection.is_local else _AZURE_POLL_SECONDS),
            cancel_timeout_seconds=self.cancel_timeout_seconds,
            cancel_on_terminate=self.cancel_on_terminate,
            patience_seconds=self.patience_seconds,
            find_seconds=min(60.0, self.patience_seconds / 4),
            settle_seconds=min(5.0, self.patience_seconds / 4),
        )
        portal_url = None if connection.is_local else self.portal_url.rstrip("/")
        key = (connection, limits, portal_url, self.request_timeout_seconds)
        if key not in _controls:
            client = DataFactoryClient(
                connection.arm_url,
                connection.token_source(),
                connection.factory,
                request_timeout_seconds=self.request_timeout_seconds,
                patience_seconds=self.patience_seconds,
            )
            background_loop.at_close(client.__aexit__)
            _controls[key] = DataFactoryControl(client, portal_url=portal_url, limits=limits)
        return _controls[key]


# Resources are rebuilt for each step: what is shared by all steps of a process is kept here.
_controls: dict[tuple[Any, ...], DataFactoryControl] = {}
background_loop.at_fork(_controls.clear)
