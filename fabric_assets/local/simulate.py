"""An engine without kernels: job instances take their time and end as a script says."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from fabric_assets.local.clock import Clock
from fabric_assets.local.execution import ExecutionError, ExecutionResult, NotebookExecution
from fabric_assets.local.script import Script, SimulatedJobInstance

OVER_CAPACITY = ExecutionError(
    "JobInstanceStatusFailed",
    "[TooManyRequestsForCapacity] This spark job can't be run because you have hit a spark compute or API rate limit. "
    "To run this spark job, cancel an active Spark job through the Monitoring hub, choose a larger capacity SKU, or "
    "try again later. HTTP status code: 430 {Learn more} HTTP status code: 430.",
)


@dataclass(frozen=True)
class Plan:
    """The script's entry for one job instance, with its durations drawn."""

    entry: SimulatedJobInstance
    queued_seconds: float
    session_start_seconds: float
    run_seconds: float


class SimulatedEngine:
    """Executes notebooks by waiting.

    Args:
        script: what becomes of them.
        clock: what is waited on.
    """

    def __init__(self, script: Script, clock: Clock) -> None:
        self._script = script
        self._clock = clock
        self._starts: Counter[str] = Counter()
        self._plans: dict[str, Plan] = {}
        self._running = 0

    def plan(self, job_instance_id: str, item_name: str, *, session_attached: bool) -> None:
        """Decide what becomes of a job instance; called once, in the order of the starts."""
        name = item_name.casefold()
        self._starts[name] += 1
        nth = self._starts[name]
        entry = next(
            (
                entry
                for entry in self._script.job_instances
                if entry.nth in (None, nth) and fnmatchcase(name, entry.notebook.casefold())
            ),
            SimulatedJobInstance(),
        )
        # Drawn from the name and number of the start, so that the order of other notebooks' starts changes nothing.
        draw = random.Random(f"{self._script.seed}/{name}/{nth}")  # noqa: S311
        queued, session_start, run = (
            value if isinstance(value, float | int) else draw.uniform(*value)
            for value in (entry.queued_seconds, entry.session_start_seconds, entry.run_seconds)
        )
        self._plans[job_instance_id] = Plan(entry, queued, 0.0 if session_attached else session_start, run)

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
        if self._script.capacity is not None and self._running >= self._script.capacity:
            return ExecutionResult(error=OVER_CAPACITY)
        self._running += 1
        try:
            on_started()
            if plan.entry.never_ends:
                await asyncio.get_running_loop().create_future()
            seconds = plan.session_start_seconds + plan.run_seconds
            await self._clock.sleep_until(begin_ns + round(seconds * 1e9))
        finally:
            self._running -= 1
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
