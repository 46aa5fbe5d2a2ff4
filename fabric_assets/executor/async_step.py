"""A step with an ``async def`` body: Dagster's synchronous code around it, and the coroutine on the event loop."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import dagster as dg
import greenlet  # type: ignore[import-untyped]

from fabric_assets.executor.dagster_internals import (
    DagsterEvent,
    StepExecutionContext,
    capture_only_own_log_lines,
    current_step_key,
    dagster_event_sequence_for_step,
    use_event_loop,
)


class _Outcome(NamedTuple):
    value: Any = None
    error: BaseException | None = None


class AsyncStep:
    """One step, run by Dagster's own code in a greenlet.

    Dagster runs a step in a synchronous generator and drives the coroutine of the user by
    ``context.event_loop.run_until_complete``. Here this call leaves the greenlet with what is to be awaited, and the
    greenlet goes on with the outcome when the loop has it. So any number of steps wait in one thread, and all that
    Dagster does for a step (inputs, outputs, checks, retries, type checks, its log) is Dagster's.

    The greenlet never runs inside of the loop: code of IO managers may run loops of its own.
    """

    def __init__(
        self,
        context: StepExecutionContext,
        loop: asyncio.AbstractEventLoop,
        on_ready: Callable[["AsyncStep"], None],
    ) -> None:
        self.context = context
        self.key = context.step.key
        self.error: BaseException | None = None
        self._loop = loop
        self._on_ready = on_ready
        self._cancelled = False
        self._task: asyncio.Task[_Outcome] | None = None
        self._events: list[DagsterEvent] = []
        # One context for the greenlet and its coroutines: variables that one of them sets are seen by the others, and
        # the tokens of Dagster's own variables stay valid.
        self._variables = contextvars.copy_context()
        self._variables.run(current_step_key.set, self.key)
        self._greenlet = greenlet.greenlet(self._run)
        self._greenlet.gr_context = self._variables
        use_event_loop(context, self)
        capture_only_own_log_lines(context)

    def __getattr__(self, name: str) -> Any:
        # To user code this is the step's event loop.
        return getattr(self._loop, name)

    @property
    def ended(self) -> bool:
        """Whether Dagster's code for the step is through, with ``error`` if one came out of it."""
        return bool(self._greenlet.dead)

    @property
    def ready(self) -> bool:
        """Whether what it awaits has come."""
        return self._task is not None and self._task.done()

    def advance(self) -> list[DagsterEvent]:
        """Run Dagster's code for the step until it awaits something or ends.

        Returns:
            The events that it had meanwhile; Dagster has stored them.
        """
        outcome = None
        if self._task is not None:
            cancelled = self._task.cancelled()
            outcome = _Outcome(error=asyncio.CancelledError()) if cancelled else self._task.result()
            self._task = None
        return self._switch(outcome)

    def cancel(self) -> None:
        """Cancel the coroutine. It may await its clean-up; ``on_ready`` is called when it has ended."""
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()

    def abandon(self) -> list[DagsterEvent]:
        """End Dagster's code for the step although its coroutine does not end."""
        self._cancelled = True
        events: list[DagsterEvent] = []
        while not self.ended:
            events += self._switch(_Outcome(error=asyncio.CancelledError()), await_more=False)
        return events

    def run_until_complete(self, awaitable: Awaitable[Any]) -> Any:
        """Await, from Dagster's code in the greenlet.

        Raises:
            DagsterExecutionInterruptedError: the run is being terminated.
            RuntimeError: called by anybody else.
        """
        parent = self._greenlet.parent
        if greenlet.getcurrent() is not self._greenlet or parent is None:
            raise RuntimeError(f"the event loop of step {self.key} can only be used by the step itself")
        outcome: _Outcome = parent.switch(awaitable)
        if self._cancelled and isinstance(outcome.error, asyncio.CancelledError):
            raise dg.DagsterExecutionInterruptedError from outcome.error
        if outcome.error is not None:
            raise outcome.error
        return outcome.value

    def _run(self, _: None) -> None:
        try:
            for event in dagster_event_sequence_for_step(self.context):
                self._events.append(event)
        except BaseException as error:  # noqa: BLE001  # the executor decides what becomes of it
            self.error = error

    def _switch(self, outcome: _Outcome | None, *, await_more: bool = True) -> list[DagsterEvent]:
        awaitable = self._greenlet.switch(outcome)
        if not self.ended and await_more:
            self._task = self._loop.create_task(_settle(awaitable), name=self.key, context=self._variables)
            self._task.add_done_callback(self._ready)
            if self._cancelled:  # first let it come to where it waits: there its clean-up can begin
                self._loop.call_soon(self._task.cancel)
        events, self._events = self._events, []
        return events

    def _ready(self, task: asyncio.Task[_Outcome]) -> None:
        if task is self._task:
            self._on_ready(self)


async def _settle(awaitable: Awaitable[Any]) -> _Outcome:
    """Await; even what would stop the loop, such as ``SystemExit``, is an outcome."""
    try:
        return _Outcome(value=await awaitable)
    except BaseException as error:  # noqa: BLE001  # raised again in the step's greenlet
        return _Outcome(error=error)
