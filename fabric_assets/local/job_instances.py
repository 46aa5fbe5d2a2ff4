"""Job instances from their start to their end."""

import asyncio
import logging
import sqlite3
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from fabric_assets.local import errors
from fabric_assets.local.clock import Clock
from fabric_assets.local.execution import Engine, ExecutionError, ExecutionResult, LakehouseRef
from fabric_assets.local.executions import default_lakehouse, notebook_execution, simulated_execution
from fabric_assets.local.home import LocalHome
from fabric_assets.local.items import ITEM_TYPES, Item, Workspace, Workspaces
from fabric_assets.local.job_work import NotebookWork, Work, run_pipeline_work, unsupported
from fabric_assets.local.pipelines.surroundings import Surroundings
from fabric_assets.local.shared_sessions import SharedSessions
from fabric_assets.local.simulate import SimulatedEngine
from fabric_assets.local.start_request import JOB_TYPES, LakehouseChoice, StartRequest
from fabric_assets.local.state import JobInstance, State

_LOG = logging.getLogger(__name__)
_LOGGED_STARTS = 100_000
_STOPPED = ExecutionError(
    "LocalFabricStopped", "The local Fabric was stopped while this job instance was running. Start it again."
)


@dataclass(frozen=True)
class StartedJobInstance:
    """A start, for tests to read."""

    id: str
    item_id: str
    item_name: str
    job_type: str
    parameters: Mapping[str, Any]
    session_tag: str | None
    spark_conf: Mapping[str, str]
    default_lakehouse: LakehouseChoice | None
    time_ns: int
    execution_data: Mapping[str, Any] = field(default_factory=dict)


class JobInstances:
    """Starts, cancels and ends job instances.

    Args:
        home: the local Fabric's folder.
        state: where they are stored.
        workspaces: where their items are.
        clock: the time.
        engine: executes notebooks; ``None``: real kernels, loaded with the first start.
        cancel_seconds: how long a cancel takes to take effect.
        show_end_time_on_cancel: whether a cancelled job instance shows when it ended.
        max_kernels: so many run at once on real kernels, the others wait.
    """

    def __init__(
        self,
        home: LocalHome,
        state: State,
        workspaces: Workspaces,
        clock: Clock,
        engine: Engine | None = None,
        *,
        cancel_seconds: float = 0.0,
        show_end_time_on_cancel: bool = True,
        max_kernels: int | None = None,
    ) -> None:
        self._home = home
        self._state = state
        self._workspaces = workspaces
        self._clock = clock
        self._simulated = engine if isinstance(engine, SimulatedEngine) else None
        self._notebooks = NotebookWork(home, engine, max_kernels)
        self._cancel_seconds = cancel_seconds
        self._show_end_time_on_cancel = show_end_time_on_cancel
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._cancels: set[asyncio.Task[None]] = set()
        self._sessions = SharedSessions()
        self._stopping = False
        self.started: deque[StartedJobInstance] = deque(maxlen=_LOGGED_STARTS)

    @property
    def active_count(self) -> int:
        """How many have not ended."""
        return len(self._tasks)

    def fail_left_over(self) -> None:
        """End what a server that was killed left as running."""
        for job_instance in self._state.active_job_instances():
            self._save_end(job_instance, ExecutionResult(error=_STOPPED))

    def start(self, workspace: Workspace, item: Item, job_type: str, request: StartRequest) -> JobInstance:
        """Accept a job instance and begin to execute it.

        Args:
            workspace: the item's workspace.
            item: what to run.
            job_type: one of the item's job types, see ``check_job_type``.
            request: parameters and configuration.

        Raises:
            ApiError: the item cannot be run that way.
        """
        item.usable()
        if request.compute is not None and item.compute is not None and request.compute != item.compute:
            raise errors.compute_type_mismatch(request.compute, item.compute)
        if self._stopping:
            raise errors.unknown_error("The local Fabric is being stopped.")
        workspaces = self._workspaces.all()
        lakehouse = default_lakehouse(workspace, workspaces, request.default_lakehouse)
        job_instance = self._state.add_job_instance(
            self._accepted(workspace, item, job_type, request, lakehouse)
        )
        self._log_start(job_instance, request)
        if self._simulated is not None:
            plan = self._simulated.plan(
                job_instance.id,
                item.type,
                item.display_name,
                job_type,
                session_attached=job_instance.session_attached,
            )
            if plan.invoke_type != job_instance.invoke_type:
                job_instance = replace(job_instance, invoke_type=plan.invoke_type)
                self._state.update_job_instance(job_instance)
        work = self._work(workspaces, workspace, item, job_instance, request, lakehouse)
        task = asyncio.create_task(self._execute(job_instance, work), name=f"job instance {job_instance.id}")
        self._tasks[job_instance.id] = task
        return job_instance

    def cancel(self, job_instance: JobInstance) -> None:
        """Ask a job instance to end; it does so a moment later."""
        if self._stopping:
            return
        task = asyncio.create_task(self._cancel_later(job_instance.id))
        self._cancels.add(task)
        task.add_done_callback(self._cancels.discard)

    async def wait(self, job_instance: JobInstance) -> JobInstance:
        """Itself as it ended; whoever waits and is cancelled leaves it running."""
        task = self._tasks.get(job_instance.id)
        if task is not None:
            await asyncio.wait({task})
        return self._state.job_instance(job_instance.id) or job_instance

    async def stop(self) -> None:
        """End everything that runs as failed, and the engine."""
        self._stopping = True
        for task in [*self._cancels, *self._tasks.values()]:
            task.cancel()
        await asyncio.gather(*self._cancels, *self._tasks.values(), return_exceptions=True)
        await self._notebooks.aclose()

    def _accepted(
        self,
        workspace: Workspace,
        item: Item,
        job_type: str,
        request: StartRequest,
        lakehouse: LakehouseRef | None,
    ) -> JobInstance:
        job_instance = JobInstance(
            id=str(uuid.uuid4()),
            workspace_id=workspace.id,
            item_id=item.id,
            item_name=item.display_name,
            item_type=item.type,
            job_type=job_type,
            accepted_ns=self._clock.time_ns(),
            root_activity_id=str(uuid.uuid4()),
            livy_id=str(uuid.uuid4()),
            compute="Spark" if item.type == "SparkJobDefinition" else item.compute,
            parameters=dict(request.parameters),
            high_concurrency=request.high_concurrency,
            session_tag=request.session_tag,
        )
        if not request.high_concurrency or request.session_tag is None:
            return job_instance
        conf = frozenset(request.spark_conf.items())
        used_for = (workspace.id, request.session_tag, lakehouse, item.compute, conf)
        livy_id, attached = self._sessions.join(job_instance.id, job_instance.livy_id, used_for)
        return replace(job_instance, livy_id=livy_id, session_attached=attached)

    async def _cancel_later(self, job_instance_id: str) -> None:
        await self._clock.sleep_until(self._clock.time_ns() + round(self._cancel_seconds * 1e9))
        task = self._tasks.get(job_instance_id)
        if task is not None:
            task.cancel()

    def _work(
        self,
        workspaces: Iterable[Workspace],
        workspace: Workspace,
        item: Item,
        job_instance: JobInstance,
        request: StartRequest,
        lakehouse: LakehouseRef | None,
    ) -> Work:
        if self._simulated is not None:
            simulated = simulated_execution(self._home, workspace, item, job_instance.id, request)
            return partial(self._notebooks.execute, simulated)
        if item.type == "Notebook":
            execution = notebook_execution(
                self._home, workspaces, workspace, item, job_instance.id, request, lakehouse
            )
            return partial(self._notebooks.execute, execution)
        if item.type == "DataPipeline":
            surroundings = Surroundings(
                self._home, self._clock, self, tuple(workspaces), workspace, item, job_instance.id
            )
            return partial(run_pipeline_work, surroundings, request.parameters)
        return unsupported(item, job_instance)

    async def _execute(self, job_instance: JobInstance, work: Work) -> None:
        current = job_instance

        def on_started() -> None:
            nonlocal current
            current = replace(current, status="InProgress", started_ns=self._clock.time_ns())
            self._state.update_job_instance(current)

        try:
            result = await work(on_started)
        except asyncio.CancelledError:
            result = (
                ExecutionResult(error=_STOPPED) if self._stopping else ExecutionResult(status="Cancelled")
            )
        await self._end(current, result)

    async def _end(self, job_instance: JobInstance, result: ExecutionResult) -> None:
        """Store the end, however long the disk is full."""
        try:
            while True:
                try:
                    self._save_end(job_instance, result)
                except sqlite3.OperationalError as error:
                    _LOG.error("job instance %s: its end cannot be stored: %s", job_instance.id, error)
                    if self._stopping:
                        return
                    await asyncio.sleep(1)
                else:
                    return
        finally:
            self._tasks.pop(job_instance.id, None)
            self._sessions.leave(job_instance.id, job_instance.livy_id)

    def _save_end(self, job_instance: JobInstance, result: ExecutionResult) -> None:
        status = result.status or ("Failed" if result.error is not None else "Completed")
        self._state.update_job_instance(
            replace(
                job_instance,
                status=status,
                ended_ns=self._clock.time_ns(),
                show_end_time=status != "Cancelled" or self._show_end_time_on_cancel,
                failure_reason=None if result.error is None else _failure_reason(result.error),
                exit_value=result.exit_value,
            )
        )
        reason = "" if result.error is None else f": {result.error.error_code}"
        _LOG.info(
            "job instance %s of '%s' ended: %s%s", job_instance.id, job_instance.item_name, status, reason
        )

    def _log_start(self, job_instance: JobInstance, request: StartRequest) -> None:
        _LOG.info("job instance %s of '%s' starts", job_instance.id, job_instance.item_name)
        self.started.append(
            StartedJobInstance(
                job_instance.id,
                job_instance.item_id,
                job_instance.item_name,
                job_instance.job_type,
                dict(request.parameters),
                request.session_tag,
                dict(request.spark_conf),
                request.default_lakehouse,
                job_instance.accepted_ns,
                dict(request.execution_data),
            )
        )


def check_job_type(item: Item, job_type: str) -> str:
    """A job type as Fabric writes it.

    Raises:
        ApiError: the item's type has no such job type.
    """
    known = JOB_TYPES.get(item.type, ())
    for name in known:
        if name.casefold() == job_type.casefold():
            return name
    if item.type not in ITEM_TYPES:  # a type of the future, whose job types nobody knows
        return job_type
    raise errors.invalid_job_type(job_type, item.type, known)


def _failure_reason(error: ExecutionError) -> dict[str, Any]:
    return {
        "requestId": str(uuid.uuid4()),
        "errorCode": error.error_code,
        "message": error.message,
        "isRetriable": False,
    }
