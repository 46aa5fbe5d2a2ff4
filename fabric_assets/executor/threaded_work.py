"""Work of a step that blocks (a ``def`` body, hooks), in a thread of its own."""

import contextvars
import threading
from collections.abc import Callable, Iterator

from fabric_assets.executor.dagster_internals import (
    DagsterEvent,
    StepExecutionContext,
    capture_only_own_log_lines,
    current_step_key,
    interrupt_user_code_with,
)
from fabric_assets.executor.thread_interruption import ThreadInterruption


class ThreadedWork:
    """An iterator of events that runs in a thread.

    The thread is a daemon: a call that blocks cannot be interrupted, and must not keep a terminated run's process.
    """

    def __init__(
        self,
        context: StepExecutionContext,
        events: Iterator[DagsterEvent],
        tell: Callable[["ThreadedWork", DagsterEvent | None], None],
        *,
        is_step: bool,
    ) -> None:
        self.context = context
        self.key = context.step.key
        self.is_step = is_step
        self.error: BaseException | None = None
        self._events = events
        self._tell = tell
        self._variables = contextvars.copy_context()
        self._variables.run(current_step_key.set, self.key)
        self._interruption = ThreadInterruption()
        if is_step:
            capture_only_own_log_lines(context)
            interrupt_user_code_with(context, self._interruption)

    def start(self) -> None:
        """Start the thread. It calls ``tell`` with each event, and with ``None`` at its end."""
        threading.Thread(
            target=self._variables.run, args=(self._run,), name=f"step {self.key}", daemon=True
        ).start()

    def interrupt(self) -> None:
        """Raise ``DagsterExecutionInterruptedError`` in the step's code, once this calls nothing that blocks."""
        if self.is_step:
            self._interruption.request()

    @property
    def cleans_up(self) -> bool:
        """Whether the interruption has come to the step's code, which does not block and may be cleaning up."""
        return self._interruption.has_arrived

    def _run(self) -> None:
        try:
            for event in self._events:
                self._tell(self, event)
        except BaseException as error:  # noqa: BLE001  # the executor decides what becomes of it
            self.error = error
        self._tell(self, None)
