"""The executor that runs all steps of a run in one process."""

import os
from collections.abc import Iterator

import dagster as dg

from fabric_assets.executor.dagster_internals import (
    DagsterEvent,
    EngineEventData,
    ExecuteRunWithPlanIterable,
    ExecutionPlan,
    PlanExecutionContextManager,
    PlanOrchestrationContext,
    RetryMode,
    StepDependencyConfig,
)
from fabric_assets.executor.engine import CLEAN_UP_SECONDS, Engine, Limits
from fabric_assets.executor.engine_thread import EngineThread
from fabric_assets.executor.open_databases import databases_kept_open


class OneProcessExecutor(dg.Executor):
    """Runs ``async def`` steps as coroutines of one event loop, and ``def`` steps in threads beside it.

    The event loop has a thread of its own, in which the resources are set up too. A terminated run cancels all its
    coroutines at once; their clean-up may await, for up to 45 s. In ``def`` steps it raises
    ``DagsterExecutionInterruptedError``, as soon as they call nothing that blocks, and they may clean up as long;
    those that block are left alone after 10 s, and end with the process.

    Args:
        retries: whether steps are retried.
        limits: how much runs at once.
        step_dependency_config: when a step may start.
    """

    def __init__(
        self, *, retries: RetryMode, limits: Limits, step_dependency_config: StepDependencyConfig
    ) -> None:
        self._retries = retries
        self._limits = limits
        self._step_dependency_config = step_dependency_config

    @property
    def retries(self) -> RetryMode:
        """Whether steps are retried."""
        return self._retries

    @property
    def step_dependency_config(self) -> StepDependencyConfig:
        """When a step may start."""
        return self._step_dependency_config

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        """Run the plan's steps.

        Raises:
            DagsterExecutionInterruptedError: the run was interrupted; all steps were cancelled.
        """
        pid = os.getpid()
        step_keys = execution_plan.step_keys_to_execute
        yield DagsterEvent.engine_event(
            plan_context,
            f"Executing {len(step_keys)} steps in one process (pid: {pid})",
            EngineEventData.in_process(pid, step_keys),
        )
        engine = Engine(self._limits)

        def events() -> Iterator[DagsterEvent]:
            return iter(
                ExecuteRunWithPlanIterable(
                    execution_plan=plan_context.execution_plan,
                    iterator=engine.run,
                    execution_context_manager=PlanExecutionContextManager(
                        job=plan_context.job,
                        retry_mode=plan_context.retry_mode,
                        execution_plan=plan_context.execution_plan,
                        run_config=plan_context.run_config,
                        dagster_run=plan_context.dagster_run,
                        instance=plan_context.instance,
                        raise_on_error=plan_context.raise_on_error,
                        output_capture=plan_context.output_capture,
                        step_dependency_config=self._step_dependency_config,
                    ),
                )
            )

        thread = EngineThread(events, engine.interrupt, patience_seconds=CLEAN_UP_SECONDS + 15)
        with databases_kept_open(plan_context.instance, plan_context.run_id):
            yield from thread.items()
        yield DagsterEvent.engine_event(
            plan_context,
            f"Finished steps in one process (pid: {pid})",
            EngineEventData.in_process(pid, step_keys),
        )
