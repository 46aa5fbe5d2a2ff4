"""What runs the steps of one run: which is next, what it waits for, and how all of them are ended."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import dagster as dg

from fabric_assets.executor.async_step import AsyncStep
from fabric_assets.executor.dagster_internals import (
    DagsterEvent,
    ExecutionPlan,
    ExecutionStep,
    PlanExecutionContext,
    StepExecutionContext,
    check_resources,
    dagster_event_sequence_for_step,
    error_event,
    has_hooks,
    hook_events,
    interrupted,
    is_async_step,
)
from fabric_assets.executor.log_capture import begin_log_capture, end_log_capture
from fabric_assets.executor.pool_claims import PoolClaims
from fabric_assets.executor.threaded_work import ThreadedWork

CLEAN_UP_SECONDS = 45.0
"""How long the steps of a terminated run may take for their clean-up."""

BLOCKED_SECONDS = 10.0
"""How long a terminated run waits for ``def`` steps that block: such calls cannot be interrupted."""

_TURNS = 5  # how often a step that need not wait goes on before others: its last event comes right after its output


@dataclass(frozen=True)
class Limits:
    """How much runs at once. ``max_concurrent`` counts steps (``None``: no limit), ``max_threads`` ``def`` steps."""

    max_concurrent: int | None = None
    max_threads: int = 16
    tag_concurrency_limits: Sequence[Mapping[str, Any]] = ()


async def _until(reached: asyncio.Future[None]) -> None:
    """Wait as a task: by the tasks of a loop, a coroutine sees that it shares it and must not block."""
    await reached


class Engine:
    """Runs the steps of one run, all in the thread that iterates ``run``.

    The event loop runs in pieces: coroutines make progress in ``_run_loop``, and Dagster's code for a step runs in
    between, for one step at a time.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._interrupted = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._awake: asyncio.Future[None] | None = None
        self._to_start: deque[ExecutionStep] = deque()
        self._async_steps: set[AsyncStep] = set()
        self._ready: deque[AsyncStep] = deque()
        self._threads: set[ThreadedWork] = set()
        self._to_thread: deque[ThreadedWork] = deque()
        self._from_threads: deque[tuple[ThreadedWork, DagsterEvent | None]] = deque()
        self._events_for_hooks: dict[str, list[DagsterEvent]] = {}
        self._look_due = True
        self._stopped_at: float | None = None
        self._error: BaseException | None = None

    def interrupt(self) -> None:
        """Cancel all steps, from any thread."""
        self._interrupted.set()
        self._wake_threadsafe()

    def run(self, job_context: PlanExecutionContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        """Run the plan's steps.

        Raises:
            DagsterExecutionInterruptedError: the run was interrupted; all steps were cancelled.
        """
        self._job_context = job_context
        self._loop = job_context.event_loop
        with (
            PoolClaims(job_context.instance, job_context.dagster_run) as self._claims,
            execution_plan.start(
                retry_mode=job_context.retry_mode,
                max_concurrent=self._limits.max_concurrent,
                tag_concurrency_limits=[dict(limit) for limit in self._limits.tag_concurrency_limits],
                instance_concurrency_context=self._claims,
                step_dependency_config=job_context.step_dependency_config,
            ) as self._active,
            ExitStack() as log_capture,
        ):
            yield from begin_log_capture(job_context, execution_plan, log_capture)
            try:
                yield from self._run_steps()
            except BaseException as error:
                yield from self._end_after_error(error)
                raise
            if self._error is not None:
                raise self._error
            yield from end_log_capture(job_context, log_capture)

    def _run_steps(self) -> Iterator[DagsterEvent]:
        while True:
            if self._interrupted.is_set() and self._stopped_at is None:
                yield from self._stop_for_interrupt()
            if self._stopped_at is None:
                yield from self._look_for_steps()
                if self._active.is_complete and not self._is_busy():
                    return
            elif not self._is_busy():
                return
            elif time.monotonic() - self._stopped_at > self._patience_seconds():
                yield from self._abandon()
                return
            if self._has_work():
                yield from self._do_some_work()
                self._run_loop(asyncio.sleep(0))
            else:
                self._wait()

    # Which step is next

    def _look_for_steps(self) -> Iterator[DagsterEvent]:
        if not self._look_due and self._seconds_to_look() > 0:
            return
        self._look_due = False
        yield from self._active.plan_events_iterator(self._job_context)
        self._claims.look()
        self._to_start.extend(self._active.get_steps_to_execute())
        yield from self._active.concurrency_event_iterator(self._job_context)

    def _seconds_to_look(self) -> float:
        # Dagster says 0 when there is nothing to wait for but the end of a step.
        interval: float = self._active.sleep_interval()  # type: ignore[no-untyped-call]
        return interval if interval or self._claims.has_pending_claims() else float("inf")

    def _has_work(self) -> bool:
        return bool(self._from_threads or self._ready or self._to_start)

    def _is_busy(self) -> bool:
        return bool(self._async_steps or self._threads or self._to_thread or self._from_threads)

    def _do_some_work(self) -> Iterator[DagsterEvent]:
        """A little of each kind, so that none waits for the end of another."""
        while self._from_threads:
            yield from self._hear(*self._from_threads.popleft())
        if self._ready:
            step = self._ready.popleft()
            if step.ready:
                yield from self._advance(step)
        if self._to_start:
            yield from self._start(self._to_start.popleft())

    # Steps

    def _start(self, step: ExecutionStep) -> Iterator[DagsterEvent]:
        context = self._job_context.for_step(step, self._active.get_known_state())
        check_resources(context)
        if has_hooks(context):
            self._events_for_hooks[step.key] = []
        if is_async_step(context):
            assert self._loop is not None  # noqa: S101
            async_step = AsyncStep(context, self._loop, self._async_step_ready)
            self._async_steps.add(async_step)
            yield from self._advance(async_step)
        else:
            events = dagster_event_sequence_for_step(context)
            self._run_in_thread(ThreadedWork(context, events, self._tell, is_step=True))

    def _advance(self, step: AsyncStep) -> Iterator[DagsterEvent]:
        for _ in range(_TURNS):
            events = step.advance()
            if step.ended:
                self._async_steps.remove(step)
            for event in events:
                yield from self._handle(step.key, event)
            if step.ended:
                yield from self._step_ended(step.context, step.error)
                return
            self._run_loop(asyncio.sleep(0))
            if not step.ready:
                return

    def _async_step_ready(self, step: AsyncStep) -> None:
        self._ready.append(step)
        self._wake()

    def _run_in_thread(self, work: ThreadedWork) -> None:
        self._to_thread.append(work)
        self._fill_threads()

    def _fill_threads(self) -> None:
        while self._to_thread and len(self._threads) < self._limits.max_threads:
            work = self._to_thread.popleft()
            self._threads.add(work)
            work.start()

    def _tell(self, work: ThreadedWork, event: DagsterEvent | None) -> None:
        """Take an event from a thread, in that thread."""
        self._from_threads.append((work, event))
        self._wake_threadsafe()

    def _hear(self, work: ThreadedWork, event: DagsterEvent | None) -> Iterator[DagsterEvent]:
        if work not in self._threads:
            return  # abandoned
        if event is None:
            self._threads.remove(work)
            self._fill_threads()
            if work.is_step:
                yield from self._step_ended(work.context, work.error)
            elif work.error is not None:
                yield from self._take_error(work.context, work.error)
        elif work.is_step:
            yield from self._handle(work.key, event)
        else:
            yield event

    def _handle(self, step_key: str, event: DagsterEvent) -> Iterator[DagsterEvent]:
        if step_key in self._events_for_hooks:
            self._events_for_hooks[step_key].append(event)
        yield event
        self._active.handle_event(event)

    def _step_ended(
        self, context: StepExecutionContext, error: BaseException | None
    ) -> Iterator[DagsterEvent]:
        self._look_due = True
        events = self._events_for_hooks.pop(context.step.key, None)
        if error is not None:
            yield from self._take_error(context, error)
        self._active.verify_complete(self._job_context, context.step.key)
        if events is not None and error is None:
            hooks = hook_events(context, events)
            self._run_in_thread(ThreadedWork(context, hooks, self._tell, is_step=False))

    # The end before the end

    def _take_error(self, context: StepExecutionContext, error: BaseException) -> Iterator[DagsterEvent]:
        """Take an error that Dagster does not take as the step's failure, such as of an event that was not stored.

        As where each step has a process of its own, the other steps go on, and the run fails.
        """
        if not isinstance(error, Exception) or context.raise_on_error:
            self._fail(error)
            return
        if self._error is None:
            self._error = error
        self._claims.free_step(context.step.key)
        message = f"Step {context.step.key} ended with an error that is not its own; the run will fail"
        yield error_event(self._job_context, message, error)

    def _fail(self, error: BaseException) -> None:
        """End all steps because of an error."""
        if self._error is None:
            self._error = error
        if isinstance(error, (dg.DagsterExecutionInterruptedError, KeyboardInterrupt)):
            self._active.mark_interrupted()
        self._stop()

    def _stop_for_interrupt(self) -> Iterator[DagsterEvent]:
        at_work = {step.key for step in self._async_steps} | {work.key for work in self._threads}
        yield DagsterEvent.engine_event(
            self._job_context,
            f"Received a termination signal: cancelling {len(at_work)} steps that are at work",
            interrupted(at_work),
        )
        self._fail(dg.DagsterExecutionInterruptedError("The run was terminated; its steps were cancelled."))

    def _stop(self) -> None:
        if self._stopped_at is not None:
            return
        self._stopped_at = time.monotonic()
        for step in self._async_steps:
            step.cancel()
        for work in self._threads:
            work.interrupt()
        never_started = [step.key for step in self._to_start]
        never_started += [work.key for work in self._to_thread if work.is_step]
        self._to_start.clear()
        self._to_thread.clear()
        for key in never_started:
            self._claims.free_step(key)

    def _patience_seconds(self) -> float:
        clean_up = self._async_steps or any(work.cleans_up for work in self._threads)
        return CLEAN_UP_SECONDS if clean_up else BLOCKED_SECONDS

    def _abandon(self) -> Iterator[DagsterEvent]:
        left = sorted([step.key for step in self._async_steps] + [work.key for work in self._threads])
        yield DagsterEvent.engine_event(
            self._job_context,
            f"{len(left)} steps did not end when they were cancelled, and are left alone: {', '.join(left)}",
            interrupted(left),
        )
        for step in self._async_steps:
            for event in step.abandon():
                yield from self._handle(step.key, event)
        for key in left:
            # Nobody else would: Dagster keeps the slots of a run that has ended until a person frees them.
            self._claims.free_step(key)
        self._async_steps.clear()
        self._threads.clear()

    def _end_after_error(self, error: BaseException) -> Iterator[DagsterEvent]:
        """End all steps after an error in the engine itself, or of Dagster's storage: it may come again and again."""
        with suppress(Exception):
            self._stop()
        with suppress(Exception):
            message = "Unexpected exception in the executor: cancelling the steps that are at work"
            yield error_event(self._job_context, message, error)
        gives_up_at = time.monotonic() + self._patience_seconds()
        while self._is_busy() and time.monotonic() < gives_up_at:
            with suppress(Exception):
                yield from self._run_steps()

    # The event loop

    def _wait(self) -> None:
        """Run the loop until a step is ready, or it is time to look at something."""
        assert self._loop is not None  # noqa: S101
        self._awake = self._loop.create_future()
        seconds = self._seconds_to_wait()
        timer = None if seconds == float("inf") else self._loop.call_later(seconds, self._wake)
        try:
            if not (self._interrupted.is_set() and self._stopped_at is None) and not self._from_threads:
                self._run_loop(_until(self._awake))
        finally:
            self._awake = None
            if timer is not None:
                timer.cancel()

    def _seconds_to_wait(self) -> float:
        if self._stopped_at is not None:
            return max(0.0, self._stopped_at + self._patience_seconds() - time.monotonic()) + 0.01
        return max(0.01, self._seconds_to_look())

    def _run_loop(self, until: Any) -> None:
        assert self._loop is not None  # noqa: S101
        self._loop.run_until_complete(until)

    def _wake(self) -> None:
        if self._awake is not None and not self._awake.done():
            self._awake.set_result(None)

    def _wake_threadsafe(self) -> None:
        if self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self._wake)
            except RuntimeError:
                if not self._loop.is_closed():  # the run is over
                    raise
