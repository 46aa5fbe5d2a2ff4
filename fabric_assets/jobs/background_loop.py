"""One event loop in one thread per process: all I/O with Fabric happens there.

Because the loop has a thread of its own, a cancel can be sent and waited for whatever becomes of the thread that
waits, at the latest when the process exits.
"""

import asyncio
import atexit
import concurrent.futures.thread
import logging
import os
import queue
import signal
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Any, Generic, NamedTuple, TypeVar
from weakref import WeakSet

from fabric_assets.jobs.job import Tell

T = TypeVar("T")

_LONGEST_WAIT_SECONDS = 1.0

EXIT_WAIT_SECONDS = 65.0
"""How long the end of the process is held up for job instances that must still be cancelled.

More than a minute: so long the quota can hold back some of the cancels where many are sent at once.
"""


class Line(NamedTuple):
    """A line for the log, with a level of ``logging``."""

    level: int
    text: str


class _Interrupt(NamedTuple):
    """A signal that came, with the handler that it was meant for."""

    handler: Callable[[int, FrameType | None], Any]
    number: int
    frame: FrameType | None

    def deliver(self) -> None:
        self.handler(self.number, self.frame)


class BackgroundTask(Generic[T]):
    """A coroutine that runs on the background loop, seen from another thread."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
        self._on_message: Callable[[], object] = lambda: None
        self._interrupts: queue.SimpleQueue[_Interrupt] = queue.SimpleQueue()
        self._outcome: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._task: asyncio.Task[T] | None = None

    def messages(self) -> Iterator[Line]:
        """What the coroutine tells while it runs, until it ends. Blocks; raises what an interruption raises."""
        while (message := self._next_message()) is not None:
            self._deliver_interrupts()
            if message.text:
                yield message

    def _next_message(self) -> Line | None:
        while True:
            # A thread that is not the main one can be interrupted only between two waits.
            with suppress(queue.Empty):
                return self._messages.get(timeout=_LONGEST_WAIT_SECONDS)

    async def messages_in_loop(self) -> AsyncIterator[Line]:
        """The same for a coroutine of another loop, which others use too: it waits without blocking that loop."""
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()
        self._on_message = partial(loop.call_soon_threadsafe, arrived.set)
        while True:
            arrived.clear()
            while not self._messages.empty():
                if (message := self._messages.get()) is None:
                    return
                yield message
            await arrived.wait()

    @contextmanager
    def interrupts_between_messages(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM take effect between two messages, not in the middle of what is done with one.

        A handler that raises is lost if the signal comes while the interpreter runs a callback of the garbage
        collector, which happens while a log line is written to a database: the run would go on unterminated.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        raising = {number: handler for number, handler in before.items() if callable(handler)}

        def note(number: int, frame: FrameType | None) -> None:
            self._interrupts.put(_Interrupt(raising[signal.Signals(number)], number, frame))
            self._messages.put(Line(logging.INFO, ""))  # wakes up who waits

        try:
            for number in raising:
                signal.signal(number, note)
            yield
        finally:
            for number, handler in raising.items():
                signal.signal(number, handler)
        self._deliver_interrupts()

    def _deliver_interrupts(self) -> None:
        while not self._interrupts.empty():
            self._interrupts.get().deliver()

    def wait(self, log: Callable[[int, str], None], cancel_seconds: float) -> T:
        """Wait for the coroutine's result and pass on what it tells. Blocks.

        If the waiting is interrupted (a run is terminated), the coroutine is cancelled and the interruption goes on.

        Args:
            log: gets a level of ``logging`` and a line.
            cancel_seconds: longest wait for the coroutine's clean-up when it is cancelled.
        """
        try:
            with self.interrupts_between_messages():
                for line in self.messages():
                    log(*line)
            return self.result()
        except BaseException:
            # An interruption reaches only this thread; what was started is the loop's to cancel.
            for line in self.cancel(cancel_seconds):
                log(*line)
            raise

    async def wait_in_loop(self, log: Callable[[int, str], None], cancel_seconds: float) -> T:
        """The same as a coroutine of another loop, so that one process can wait for many.

        Where nobody else uses that loop (Dagster's own executors run one for each step), it blocks: there, an
        interruption reaches only what blocks, and a coroutine would hear of it too late to cancel.
        """
        if len(asyncio.all_tasks()) == 1:
            return self.wait(log, cancel_seconds)
        try:
            async for line in self.messages_in_loop():
                log(*line)
            return self.result()
        except BaseException:
            for line in await self.cancel_in_loop(cancel_seconds):
                log(*line)
            raise

    def result(self, timeout_seconds: float | None = None) -> T:
        """The coroutine's result. Blocks; raises what the coroutine raised."""
        return self._outcome.result(timeout_seconds)

    def cancel(self, wait_seconds: float) -> list[Line]:
        """Cancel the coroutine and wait for its clean-up.

        Returns:
            What it told meanwhile.
        """
        _loop().call_soon_threadsafe(self._cancel_in_loop)
        concurrent.futures.wait([self._outcome], timeout=wait_seconds)
        return self._last_messages()

    async def cancel_in_loop(self, wait_seconds: float) -> list[Line]:
        """The same for a coroutine of another loop."""
        _loop().call_soon_threadsafe(self._cancel_in_loop)
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        self._outcome.add_done_callback(lambda _: loop.call_soon_threadsafe(ended.set))
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_seconds):
                await ended.wait()
        return self._last_messages()

    def _last_messages(self) -> list[Line]:
        said = []
        while not self._messages.empty():
            if (message := self._messages.get()) is not None and message.text:
                said.append(message)
        self._messages.put(None)  # whoever still waits for messages has heard the last one
        return said

    def _cancel_in_loop(self) -> None:
        _cancel_once(self._task)

    def start_in_loop(self, work: Callable[[Tell], Coroutine[Any, Any, T]]) -> None:
        """Start the coroutine. Called in the loop's thread."""
        self._task = asyncio.create_task(work(self._tell))
        _open_tasks.add(self._task)
        self._task.add_done_callback(self._finish)

    def _tell(self, text: str, level: int = logging.INFO) -> None:
        self._put(Line(level, text))

    def _put(self, message: Line | None) -> None:
        self._messages.put(message)
        with suppress(RuntimeError):  # who listened has closed its loop
            self._on_message()

    def _finish(self, task: asyncio.Task[T]) -> None:
        _open_tasks.discard(task)
        if task.cancelled():
            self._outcome.set_exception(concurrent.futures.CancelledError())
        elif (error := task.exception()) is not None:
            self._outcome.set_exception(error)
        else:
            self._outcome.set_result(task.result())
        self._put(None)


def _cancel_once(task: asyncio.Task[Any] | None) -> None:
    """Cancel, unless the task is cleaning up after a cancel already: a second one would tear that apart.

    What the task itself says (``cancelling``) does not tell: it is cancelled for a moment as well when a time limit
    within it strikes, and goes on after that.
    """
    if task is not None and task not in _cancelled_tasks:
        _cancelled_tasks.add(task)
        task.cancel()


def submit(work: Callable[[Tell], Coroutine[Any, Any, T]]) -> BackgroundTask[T]:
    """Run ``work(tell)`` on the background loop; ``tell`` passes a message to whoever waits."""
    background: BackgroundTask[T] = BackgroundTask()
    _loop().call_soon_threadsafe(background.start_in_loop, work)
    return background


def call(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a short coroutine on the background loop and wait for its result."""

    async def without_messages(_tell: Tell) -> T:
        return await work()

    task = submit(without_messages)
    try:
        return task.result()
    except BaseException:
        task.cancel(wait_seconds=0)
        raise


_lock = threading.Lock()
_running: asyncio.AbstractEventLoop | None = None
_open_tasks: set[asyncio.Task[Any]] = set()
_cancelled_tasks: WeakSet[asyncio.Task[Any]] = WeakSet()
_closers: list[Callable[[], Coroutine[Any, Any, None]]] = []


_forgetters: list[Callable[[], None]] = []
_inherited: list[asyncio.Task[Any]] = []


def at_fork(forget: Callable[[], None]) -> None:
    """Call ``forget()`` in a forked process: the loop's thread is not there, what lives in the loop is the parent's."""
    _forgetters.append(forget)


def _after_fork() -> None:
    global _lock, _running
    _lock, _running = threading.Lock(), None
    _inherited.extend(_open_tasks)  # kept, or they would complain that they are destroyed
    _open_tasks.clear()
    _closers.clear()
    for forget in _forgetters:
        forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def at_close(closer: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Await ``closer()`` on the loop when the process exits."""
    _closers.append(closer)


def _loop() -> asyncio.AbstractEventLoop:
    global _running
    with _lock:
        if _running is None:
            _running = asyncio.new_event_loop()
            threading.Thread(target=_running.run_forever, name="fabric-assets-loop", daemon=True).start()
            _at_exit(_close)
        return _running


# What is registered with `atexit` is called when no pool of threads takes work any more: then no host's name can be
# looked up and nothing be noted. This is called before, if `concurrent.futures.thread` was imported first.
_at_exit: Callable[[Callable[[], None]], object] = getattr(threading, "_register_atexit", atexit.register)


def _close() -> None:
    """Let what is still open clean up: job instances are cancelled now or never."""
    global _running
    loop = _running
    if loop is None:
        return

    async def finish() -> None:
        tasks = list(_open_tasks)
        for task in tasks:
            _cancel_once(task)
        if tasks:
            await asyncio.wait(tasks, timeout=EXIT_WAIT_SECONDS)
        for closer in _closers:
            await closer()

    done = asyncio.run_coroutine_threadsafe(finish(), loop)
    concurrent.futures.wait([done], timeout=EXIT_WAIT_SECONDS + 5)
    loop.call_soon_threadsafe(loop.stop)
    _running = None
    _closers.clear()
