"""An engine without kernels: job instances take their time and end as a script says."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from fabric_assets.local.clock import Clock
from fabric_assets.local.execution import ExecutionError, ExecutionResult, NotebookExecution
from fabric_assets.local.script import Script, SimulatedJobInstance
from fabric_assets.local.script_choice import Choices, name_fits

OVER_CAPACITY = ExecutionError(
    "JobInstanceStatusFailed",
    "[TooManyRequestsForCapacity] This spark job can't be run because you have hit a spark compute or API rate limit. "
    "To run this spark job, cancel an active Spark job through the Monitoring hub, choose a larger capacity SKU, or "
    "try again later. HTTP status code: 430 {Learn more} HTTP status code: 430.",
)


_ON_SPARK = ("Notebook", "SparkJobDefinition")


@dataclass(frozen=True)
class Plan:
    """The script's entry for one job instance, with its durations drawn."""

    entry: SimulatedJobInstance
    queued_seconds: float
    session_start_seconds: float
    run_seconds: float
    on_spark: bool


class SimulatedEngine:
    """Executes notebooks, and the jobs of all other items, by waiting.

    Args:
        script: what becomes of them.
        clock: what is waited on.
    """

    def __init__(self, script: Script, clock: Clock) -> None:
        self._script = script
        self._clock = clock
        self._choices = Choices(script.job_instances, SimulatedJobInstance(), script.seed)
        self._plans: dict[str, Plan] = {}
        self._running = 0

    def plan(
        self, job_instance_id: str, item_type: str, item_name: str, job_type: str, *, session_attached: bool
    ) -> SimulatedJobInstance:
        """Decide what becomes of a job instance; called once, in the order of the starts."""
        # A notebook has one count, whichever route starts it.
        key = item_name.casefold()
        if item_type != "Notebook":
            key = f"{key}/{item_type}/{job_type}".casefold()
        entry, drawn = self._choices.next(
            key,
            lambda entry: (
                name_fits(item_name, entry.notebook)
                and name_fits(item_type, entry.item_type)
                and name_fits(job_type, entry.job_type)
            ),
        )
        queued, session_start, run = (
            drawn(value) for value in (entry.queued_seconds, entry.session_start_seconds, entry.run_seconds)
        )
        self._plans[job_instance_id] = Plan(
            entry, queued, 0.0 if session_attached else session_start, run, item_type in _ON_SPARK
        )
        return entry

    def shown_status(self, job_instance_id: str, seconds_since_start: float) -> str | None:
        """The status in between that a read shows so long after the start of the execution, if any."""
        plan = self._plans.get(job_instance_id)
        shown = None
        for step in plan.entry.statuses if plan is not None else ():
            if step.after_seconds <= seconds_since_start:
                shown = step.status
        return shown

    async def execute(self, execution: NotebookExecution, on_started: Callable[[], None]) -> ExecutionResult:
        """Wait as long as the notebook would run, and end as the script says."""
        plan = self._plans[execution.job_instance_id]
        if plan.entry.status == "Deduped":
            return ExecutionResult(status="Deduped")
        accepted_ns = self._clock.time_ns()
        begin_ns = accepted_ns + round(plan.queued_seconds * 1e9)
        await self._clock.sleep_until(begin_ns)
        capacity = self._script.capacity if plan.on_spark else None
        if capacity is not None and self._running >= capacity:
            return ExecutionResult(error=OVER_CAPACITY)
        self._running += plan.on_spark
        try:
            on_started()
            if plan.entry.never_ends:
                await asyncio.get_running_loop().create_future()
            seconds = plan.session_start_seconds + plan.run_seconds
            await self._clock.sleep_until(begin_ns + round(seconds * 1e9))
        finally:
            self._running -= plan.on_spark
        return _result(plan.entry)

    async def aclose(self) -> None:
        """Nothing to stop: job instances are cancelled by their tasks."""


def _result(entry: SimulatedJobInstance) -> ExecutionResult:
    error = None
    if entry.failure_reason is not None:
        reason = entry.failure_reason
        error = ExecutionError(str(reason.get("errorCode", "UnknownError")), str(reason.get("message", "")))
    elif entry.status == "Failed":
        error = ExecutionError("JobInstanceStatusFailed", "Job instance failed without detail error")
    status = None if entry.status in ("Completed", "Failed") else entry.status
    return ExecutionResult(exit_value=entry.exit_value, error=error, status=status)
