"""Job instances from their start to their end."""

import asyncio
import importlib
import logging
import os
import sqlite3
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

from fabric_assets.local import errors
from fabric_assets.local.clock import Clock
from fabric_assets.local.execution import (
    Engine,
    ExecutionError,
    ExecutionResult,
    LakehouseRef,
    NotebookExecution,
    ParameterValue,
)
from fabric_assets.local.executions import default_lakehouse, notebook_execution, simulated_execution
from fabric_assets.local.home import LocalHome
from fabric_assets.local.items import Item, Workspace, Workspaces
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
    parameters: Mapping[str, ParameterValue]
    session_tag: str | None
    spark_conf: Mapping[str, str]
    default_lakehouse: LakehouseChoice | None
    time_ns: int


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
        self._engine = engine
        self._engine_lock = asyncio.Lock()
        self._cancel_seconds = cancel_seconds
        self._show_end_time_on_cancel = show_end_time_on_cancel
        slots = max_kernels or max(2, os.cpu_count() or 2)
        self._slots = nullcontext() if isinstance(engine, SimulatedEngine) else asyncio.Semaphore(slots)
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
        if item.type != "Notebook" and not isinstance(self._engine, SimulatedEngine):
            raise errors.feature_not_available(
                f"The local Fabric runs notebooks; it cannot run a {item.type}."
            )
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
        if isinstance(self._engine, SimulatedEngine):
            self._engine.plan(
                job_instance.id, item.display_name, session_attached=job_instance.session_attached
            )
            execution = simulated_execution(self._home, workspace, item, job_instance.id, request)
        else:
            execution = notebook_execution(
                self._home, workspaces, workspace, item, job_instance.id, request, lakehouse
            )
        task = asyncio.create_task(
            self._execute(job_instance, execution), name=f"job instance {job_instance.id}"
        )
        self._tasks[job_instance.id] = task
        return job_instance

    def cancel(self, job_instance: JobInstance) -> None:
        """Ask a job instance to end; it does so a moment later."""
        task = asyncio.create_task(self._cancel_later(job_instance.id))
        self._cancels.add(task)
        task.add_done_callback(self._cancels.discard)

    async def stop(self) -> None:
        """End everything that runs as failed, and the engine."""
        self._stopping = True
        for task in [*self._cancels, *self._tasks.values()]:
            task.cancel()
        await asyncio.gather(*self._cancels, *self._tasks.values(), return_exceptions=True)
        if self._engine is not None:
            await self._engine.aclose()

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
            compute=item.compute,
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

    async def _execute(self, job_instance: JobInstance, execution: NotebookExecution) -> None:
        current = job_instance

        def on_started() -> None:
            nonlocal current
            current = replace(current, status="InProgress", started_ns=self._clock.time_ns())
            self._state.update_job_instance(current)

        try:
            result = await self._result(execution, on_started)
        except asyncio.CancelledError:
            result = (
                ExecutionResult(error=_STOPPED) if self._stopping else ExecutionResult(status="Cancelled")
            )
        await self._end(current, result)

    async def _result(self, execution: NotebookExecution, on_started: Callable[[], None]) -> ExecutionResult:
        async with self._slots:
            try:
                engine = await self._loaded_engine()
                return await engine.execute(execution, on_started)
            except ImportError as error:
                message = f"The notebook engine cannot be loaded ({error}). Run `pip install 'fabric_assets[local]'`."
                return ExecutionResult(error=ExecutionError("LocalEngineMissing", message))
            except Exception as error:  # noqa: BLE001 - a fault of the engine ends one job instance, not the server
                _LOG.exception("job instance %s: the engine failed", execution.job_instance_id)
                message = f"The local notebook engine failed: {type(error).__name__}: {error}"
                return ExecutionResult(error=ExecutionError("LocalEngineError", message))

    async def _loaded_engine(self) -> Engine:
        async with self._engine_lock:
            if self._engine is None:
                module = await asyncio.to_thread(importlib.import_module, "fabric_assets.local.engine")
                engine: Engine = module.KernelEngine(self._home)
                self._engine = engine
            return self._engine

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
    raise errors.invalid_job_type(job_type, item.type, known)


def _failure_reason(error: ExecutionError) -> dict[str, Any]:
    return {
        "requestId": str(uuid.uuid4()),
        "errorCode": error.error_code,
        "message": error.message,
        "isRetriable": False,
    }
