"""Runs of Azure Data Factory's pipelines as job instances: started once, watched, taken over, cancelled."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from fabric_assets.client.data_factory_client import DataFactoryClient, pipeline_names
from fabric_assets.client.data_factory_models import ActivityRun, PipelineRun
from fabric_assets.client.directory import nearest
from fabric_assets.client.errors import (
    FabricApiError,
    FabricAuthError,
    FabricConfigError,
    FabricError,
    FabricNotFoundError,
)
from fabric_assets.client.fabric_client import JobReading
from fabric_assets.client.models import (
    FAILED,
    Accepted,
    FailureReason,
    Item,
    JobDetails,
    JobInstance,
    Workspace,
)
from fabric_assets.client.quota import Urgency
from fabric_assets.client.retry import notice
from fabric_assets.jobs.capacity_queue import CapacityQueue
from fabric_assets.jobs.execution import JobExecution
from fabric_assets.jobs.job import Job, JobLimits, JobOutcome, Tell
from fabric_assets.jobs.job_service import ClientJobService
from fabric_assets.jobs.ledger import Ledger
from fabric_assets.jobs.watcher import Watcher

PIPELINE_TYPE = "DataFactoryPipeline"
PORTAL_URL = "https://adf.azure.com"

_DETAILS_WITHIN_SECONDS = 20.0
_COMPLETIONS_WITHIN_SECONDS = 20.0
_NAMES_IN_A_QUERY = 20
"""How long a list a query takes is not documented; without names it asks for all."""
_CHANGED_BEFORE_START = timedelta(minutes=10)
_PASSING_CODES = frozenset({"NotFound", "RequestExecutionFailed"})


@dataclass(frozen=True, kw_only=True)
class PipelineJob(Job):
    """A pipeline of a data factory to run; ``pipeline`` is its name, which is its id too."""

    pipeline: str


class DataFactoryControl:
    """Runs pipelines of one factory. Lives in the background loop.

    Args:
        client: the open client.
        portal_url: base of Data Factory Studio, for links; ``None``: there is none (the local Fabric).
        limits: how it waits.
    """

    def __init__(self, client: DataFactoryClient, *, portal_url: str | None, limits: JobLimits) -> None:
        self.client = client
        self._portal_url = portal_url
        self._limits = limits
        self._watcher = Watcher(None, None, limits.poll_seconds)
        self._queue = CapacityQueue(None, limits.capacity_wait_seconds)
        self._knows_clock = False

    async def run(self, job: PipelineJob, tell: Tell, ledger: Ledger) -> JobOutcome:
        """Run a pipeline to its end. Arguments, result and errors are those of ``JobControl.run``."""
        notice.set(tell)
        try:
            await self._learn_clock(job.pipeline)
            left_open = await asyncio.to_thread(ledger.left_open)
            since = self.client.service_now() if left_open is None else left_open.intended_at
            service = DataFactoryService(self.client, job, self._portal_url, since)
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
        except FabricAuthError as error:
            raise FabricAuthError(
                f"asset {job.asset} may not run pipeline {job.pipeline!r} of {self.client.factory}: {error}",
                error_code=error.error_code,
                request_id=error.request_id,
                retriable=error.retriable,
            ) from error
        except FabricApiError as error:
            error.args = (
                f"asset {job.asset}: pipeline {job.pipeline!r} of {self.client.factory} did not start: {error}",
            )
            raise

    async def list_completions(self, pipelines: tuple[str, ...], since: datetime) -> "FactoryCompletions":
        """The runs of some pipelines that succeeded, in one query.

        Args:
            pipelines: names of the pipelines.
            since: those that changed since then, by the service's clock.

        Raises:
            FabricError: the service refuses to answer.
            TimeoutError: it does not answer within some seconds.
        """
        async with asyncio.timeout(_COMPLETIONS_WITHIN_SECONDS):
            runs = await self.client.query_pipeline_runs(
                since,
                pipelines=pipelines if len(pipelines) <= _NAMES_IN_A_QUERY else (),
                statuses=("Succeeded",),
            )
        return FactoryCompletions({run.id: run for run in runs})

    def links(self, run: PipelineRun) -> dict[str, str]:
        """Pages of Data Factory Studio for a run."""
        return pipeline_links(self.client, self._portal_url, run.pipeline, run.id)

    def details(self, run: PipelineRun) -> dict[str, Any]:
        """What only Data Factory tells of a run."""
        return run_details(self.client, run)

    async def _learn_clock(self, pipeline: str) -> None:
        """Ask for something, so that the first start is noted in the service's time: a lost one is looked for by it."""
        if not self._knows_clock:
            try:
                await self.client.query_pipeline_runs(
                    self.client.service_now() - timedelta(minutes=1), pipelines=(pipeline,)
                )
            except FabricNotFoundError as error:
                raise FabricConfigError(
                    f"there is no {self.client.factory}, or this identity may not see it. Check FABRIC_ADF_FACTORY, "
                    f"FABRIC_ADF_RESOURCE_GROUP and FABRIC_ADF_SUBSCRIPTION_ID, or the resource's fields. {error}",
                    error_code=error.error_code,
                    request_id=error.request_id,
                ) from error
            self._knows_clock = True


@dataclass(frozen=True)
class FactoryCompletions:
    """Runs of a factory's pipelines that succeeded, by their ids."""

    runs: Mapping[str, PipelineRun]

    def job_instances(self, pipeline: str) -> list[JobInstance]:
        """Those of one pipeline, oldest first."""
        found = [run for run in self.runs.values() if run.pipeline.lower() == pipeline.lower()]
        found.sort(key=lambda run: (run.ended_at is not None, run.ended_at))
        return [self.job_instance(run) for run in found]

    def job_instance(self, run: PipelineRun) -> JobInstance:
        """A run in job control's words."""
        return _job_instance(run, None)


class DataFactoryService(ClientJobService[DataFactoryClient]):
    """The runs of one pipeline. See ``JobService``.

    Args:
        client: the open client.
        job: what to start.
        portal_url: base of Data Factory Studio; ``None``: there is none.
        since: runs that were started before are nobody's to adopt, by the service's clock.
    """

    service = "Azure Data Factory"
    workspace: Workspace | None = None

    def __init__(
        self, client: DataFactoryClient, job: PipelineJob, portal_url: str | None, since: datetime
    ) -> None:
        super().__init__(client)
        self._job = job
        self._portal_url = portal_url
        self._since = since
        factory = client.factory
        self.item = Item(job.pipeline, job.pipeline, PIPELINE_TYPE, workspace_id="")
        self.label = f"pipeline {job.pipeline!r}"
        self.place = str(factory)
        self.lock_names: tuple[str, ...] = (
            client.api_url,
            factory.resource_id.lower(),
            job.pipeline.lower(),
        )

    async def start(self, on_sending: Callable[[bool], None]) -> Accepted:
        """See ``JobService``."""
        try:
            return await self.client.start_pipeline_run(
                self._job.pipeline, self._job.parameters, on_sending=on_sending
            )
        except FabricNotFoundError as error:
            raise await not_there(self.client, self._job.pipeline, error) from error

    async def read(self, job_instance_id: str, urgency: Urgency) -> JobReading:
        """See ``JobService``. A failure is read with the activity that failed."""
        run, retry_after_seconds = await self.client.get_pipeline_run(job_instance_id, urgency=urgency)
        failed = await self._failed_activity(run) if run.job_status == FAILED else None
        details = JobDetails(more=self._more(run, failed)) if run.has_ended else None
        return JobReading(_job_instance(run, failed), retry_after_seconds, details)

    async def details(self, job_instance_id: str) -> JobDetails:
        """See ``JobService``."""
        return (await self.read(job_instance_id, Urgency.LIKELY_END)).details or JobDetails()

    async def list_job_instances(self) -> list[JobInstance]:
        """See ``JobService``. Only those that a request like ours started: no trigger, no pipeline, our parameters."""
        runs = await self.client.query_pipeline_runs(
            self._since - _CHANGED_BEFORE_START, pipelines=(self._job.pipeline,)
        )
        return [
            _job_instance(run, None)
            for run in runs
            if run.started_by_request and run.ran_with(self._job.parameters)
        ]

    async def cancel(self, job_instance_id: str) -> bool:
        """See ``JobService``."""
        return await self.client.cancel_pipeline_run(job_instance_id)

    def links(self, job_instance_id: str) -> Mapping[str, str]:
        """See ``JobService``. The paths are those that Data Factory Studio has in the browser."""
        return pipeline_links(self.client, self._portal_url, self._job.pipeline, job_instance_id)

    def _more(self, run: PipelineRun, failed: ActivityRun | None) -> dict[str, Any]:
        return run_details(self.client, run) | ({} if failed is None else {"failedActivity": failed.name})

    async def _failed_activity(self, run: PipelineRun) -> ActivityRun | None:
        """The activity that failed first: those that contain it fail after it."""
        try:
            activities = await self.client.query_activity_runs(
                run.id, patience_seconds=_DETAILS_WITHIN_SECONDS
            )
        except FabricError:
            return None
        failed = [activity for activity in activities if activity.status == "Failed"]
        failed.sort(key=lambda activity: (activity.ended_at is None, activity.ended_at))
        return failed[0] if failed else None


def pipeline_links(
    client: DataFactoryClient, portal_url: str | None, pipeline: str, run_id: str
) -> dict[str, str]:
    """Pages of Data Factory Studio for a pipeline and a run of it."""
    if portal_url is None:
        return {}
    factory = quote(client.factory.resource_id, safe="")
    return {
        "itemUrl": f"{portal_url}/en/authoring/pipeline/{quote(pipeline, safe='')}?factory={factory}",
        "jobInstanceUrl": f"{portal_url}/en/monitoring/pipelineruns/{run_id}?factory={factory}",
    }


async def not_there(
    client: DataFactoryClient, pipeline: str, error: FabricNotFoundError
) -> FabricConfigError | FabricNotFoundError:
    """The error to raise for a pipeline that the service did not find: with names like it, if they can be had."""
    names = await pipeline_names(client, _DETAILS_WITHIN_SECONDS)
    if names is None:
        return error
    if pipeline.lower() in (name.lower() for name in names):
        return error  # it has come meanwhile
    return FabricConfigError(
        f"there is no pipeline {pipeline!r} in {client.factory}. "
        + nearest(pipeline, ((name, None) for name in names), "pipeline"),
        error_code=error.error_code,
        request_id=error.request_id,
    )


def _job_instance(run: PipelineRun, failed: ActivityRun | None) -> JobInstance:
    return JobInstance(
        id=run.id,
        item_id=run.pipeline,
        job_type="Pipeline",
        status=run.job_status,
        invoke_type=run.invoked_by_type or run.invoked_by or None,
        failure_reason=_reason(run, failed) if run.job_status == FAILED else None,
        start_time=run.started_at,
        end_time=run.ended_at,
    )


def _reason(run: PipelineRun, failed: ActivityRun | None) -> FailureReason:
    if failed is None:
        return FailureReason("PipelineRunFailed", run.message or "no reason given")
    code = failed.error_code or "ActivityFailed"
    if code in _PASSING_CODES:
        code = f"Activity{code}"  # on its own it would be taken for a run that is not visible yet
    message = failed.message or run.message or "no reason given"
    return FailureReason(code, f"activity {failed.name!r} ({failed.type}) failed: {message}")


def run_details(client: DataFactoryClient, run: PipelineRun) -> dict[str, Any]:
    """What only Data Factory tells of a run, by its names."""
    return {
        "factory": client.factory.name,
        "resourceGroup": client.factory.resource_group,
        "runId": run.id,
        "invokedBy": run.invoked_by,
        "invokedByType": run.invoked_by_type,
        "parameters": dict(run.parameters),
    }
