"""The private parts of Dagster that an executor needs, all of them, in one place.

Dagster has a public base class for executors, but the pieces that they are made of are not public. They are used as
Dagster's own in-process and multiprocess executors use them.
"""

import importlib.metadata
import inspect
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy.engine import make_url

from fabric_assets.executor.thread_interruption import ThreadInterruption

try:
    from dagster._config import process_config
    from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction
    from dagster._core.definitions.executor_definition import (
        IN_PROC_CONFIG,
        MULTI_PROC_CONFIG,
        multiple_process_executor_requirements,
    )
    from dagster._core.events import DagsterEvent, EngineEventData
    from dagster._core.execution.api import ExecuteRunWithPlanIterable
    from dagster._core.execution.compute_logs import create_compute_log_file_key
    from dagster._core.execution.context.system import (
        PlanExecutionContext,
        PlanOrchestrationContext,
        StepExecutionContext,
    )
    from dagster._core.execution.context_creation_job import PlanExecutionContextManager
    from dagster._core.execution.plan.active import ActiveExecution
    from dagster._core.execution.plan.execute_plan import _trigger_hook, dagster_event_sequence_for_step
    from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
    from dagster._core.execution.plan.plan import ExecutionPlan
    from dagster._core.execution.plan.step import ExecutionStep
    from dagster._core.execution.retries import RetryMode, get_retries_config
    from dagster._core.execution.step_dependency_config import (
        StepDependencyConfig,
        get_step_dependency_config_field,
    )
    from dagster._core.execution.tags import get_tag_concurrency_limits_config
    from dagster._utils.error import serializable_error_info_from_exc_info
    from dagster._utils.interrupts import pop_captured_interrupt
except ImportError as error:
    raise ImportError(
        "fabric_executor is made of parts of Dagster that are not public, and one has moved: "
        f"{error}. It works with Dagster 1.13; installed is {importlib.metadata.version('dagster')}. "
        "Install a Dagster that it works with, or use another executor, e.g. dagster.multiprocess_executor.",
        name=error.name,
    ) from error

__all__ = [
    "IN_PROC_CONFIG",
    "MULTI_PROC_CONFIG",
    "ActiveExecution",
    "DagsterEvent",
    "EngineEventData",
    "ExecuteRunWithPlanIterable",
    "ExecutionPlan",
    "ExecutionStep",
    "InstanceConcurrencyContext",
    "PlanExecutionContext",
    "PlanExecutionContextManager",
    "PlanOrchestrationContext",
    "RetryMode",
    "StepDependencyConfig",
    "StepExecutionContext",
    "capture_only_own_log_lines",
    "check_resources",
    "compute_log_file_key",
    "current_step_key",
    "dagster_event_sequence_for_step",
    "error_event",
    "has_hooks",
    "hook_events",
    "interrupt_user_code_with",
    "interrupted",
    "is_async_step",
    "multiple_process_executor_requirements",
    "pop_captured_interrupt",
    "process_config",
    "retries_field",
    "sqlite_files",
    "step_dependency_field",
    "tag_concurrency_limits_field",
    "use_event_loop",
]

# Dagster does not say what these return.
compute_log_file_key: Callable[[], str] = create_compute_log_file_key
retries_field: Callable[[], dg.Field] = get_retries_config
step_dependency_field: Callable[[], dg.Field] = get_step_dependency_config_field
tag_concurrency_limits_field: Callable[[], dg.Field] = get_tag_concurrency_limits_config

current_step_key: ContextVar[str | None] = ContextVar("fabric_executor_step", default=None)
"""The step that code belongs to: its coroutine, the tasks that this starts, and its thread."""


def is_async_step(context: StepExecutionContext) -> bool:
    """Whether the step's code is a coroutine function or an asynchronous generator, as Dagster itself tells."""
    if context.step_launcher:
        return False
    compute: Any = context.op_def.compute_fn
    function = compute.decorated_fn if isinstance(compute, DecoratedOpFunction) else compute
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def use_event_loop(context: StepExecutionContext, loop: Any) -> None:
    """Let Dagster await the step's coroutine with ``loop.run_until_complete``."""
    context._event_loop = loop  # noqa: SLF001


def capture_only_own_log_lines(context: StepExecutionContext) -> None:
    """Keep the lines that other steps write to captured Python loggers out of this step's log.

    While a step's code runs, Dagster has a handler of the step at each managed logger. With many steps in one
    process, each line would show up once for each of them.
    """
    handler: logging.Handler = context.log._dagster_handler  # noqa: SLF001
    dagster_filter = handler.filter
    key = context.step.key

    def own(record: logging.LogRecord) -> Any:
        return current_step_key.get() in (None, key) and dagster_filter(record)

    handler.filter = own  # type: ignore[method-assign]  # Dagster's handler does not ask added filters


def interrupt_user_code_with(context: StepExecutionContext, interruption: ThreadInterruption) -> None:
    """Tell ``interruption`` where the user's code begins and ends: there Dagster captures Python loggers."""
    log = context.log
    handler: logging.Handler = log._dagster_handler  # noqa: SLF001
    begin, end, handle = log.begin_python_log_capture, log.end_python_log_capture, handler.handle

    def begin_user_code() -> None:
        interruption.enter_user_code()
        begin()

    def end_user_code() -> None:
        interruption.leave_user_code()
        end()

    def write_line(record: logging.LogRecord) -> Any:
        with interruption.spared():
            return handle(record)

    log.begin_python_log_capture = begin_user_code  # type: ignore[method-assign]
    log.end_python_log_capture = end_user_code  # type: ignore[method-assign]
    handler.handle = write_line  # type: ignore[method-assign]


def check_resources(context: StepExecutionContext) -> None:
    """Refuse a step whose resources are not all there.

    Raises:
        RuntimeError: one is missing; Dagster should have set it up before.
    """
    missing = [key for key in context.required_resource_keys if not hasattr(context.resources, key)]
    if missing:
        raise RuntimeError(f"step {context.step.key} needs resources that were not set up: {missing}")


def has_hooks(context: StepExecutionContext) -> bool:
    """Whether hooks are set on the step's op or on its job."""
    return bool(context.job_def.get_all_hooks_for_handle(context.node_handle))


def hook_events(context: StepExecutionContext, events: Sequence[DagsterEvent]) -> Iterator[DagsterEvent]:
    """Call the step's hooks with the events of the step."""
    yield from _trigger_hook(context, events)


def error_event(context: PlanExecutionContext, message: str, error: BaseException) -> DagsterEvent:
    """An event of the run, not of a step, that shows an error."""
    info = serializable_error_info_from_exc_info((type(error), error, error.__traceback__))  # type: ignore[arg-type]
    return DagsterEvent.engine_event(context, message, EngineEventData(error=info))


def interrupted(steps: Iterable[str]) -> EngineEventData:
    """Event data that names the steps which an interruption found at work."""
    return EngineEventData.interrupted(sorted(steps))


def sqlite_files(instance: dg.DagsterInstance, run_id: str) -> Iterator[Path]:
    """The files of Dagster's SQLite storage that take a run's events and keys; none of another storage."""
    # Where they are used, they are imported already; else they would bring Dagster's daemon.
    from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage
    from dagster._core.storage.runs.sqlite import SqliteRunStorage

    if isinstance(events := instance.event_log_storage, SqliteEventLogStorage):
        for shard in (run_id, "index"):
            yield Path(events.path_for_shard(shard))
    if isinstance(runs := instance.run_storage, SqliteRunStorage):
        yield Path(make_url(runs._conn_string).database or "")  # noqa: SLF001
