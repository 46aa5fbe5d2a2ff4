"""What the process of a run prints, captured once for all its steps. Logs that cannot be captured do not fail a run."""

from collections.abc import Iterator
from contextlib import ExitStack

from fabric_assets.executor.dagster_internals import (
    DagsterEvent,
    ExecutionPlan,
    PlanExecutionContext,
    compute_log_file_key,
    error_event,
)


def begin_log_capture(
    context: PlanExecutionContext, execution_plan: ExecutionPlan, stack: ExitStack
) -> Iterator[DagsterEvent]:
    """Capture from now on until ``stack`` is closed."""
    manager = context.instance.compute_log_manager
    step_keys = [step.key for step in execution_plan.get_steps_to_execute_in_topo_order()]
    log_key = manager.build_log_key_for_run(context.run_id, compute_log_file_key())
    try:
        log_context = stack.enter_context(manager.capture_logs(log_key))
        yield DagsterEvent.capture_logs(context, step_keys, log_key, log_context)
    except Exception as error:  # noqa: BLE001  # as in Dagster
        yield error_event(context, "Exception while setting up compute log capture", error)


def end_log_capture(context: PlanExecutionContext, stack: ExitStack) -> Iterator[DagsterEvent]:
    """Close ``stack``."""
    try:
        stack.close()
    except Exception as error:  # noqa: BLE001  # as in Dagster
        yield error_event(context, "Exception while cleaning up compute log capture", error)
