"""Iterate in a thread of its own, and let SIGINT and SIGTERM interrupt that politely."""

import contextvars
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Generic, TypeVar

import dagster as dg

from fabric_assets.executor.dagster_internals import pop_captured_interrupt

T = TypeVar("T")

_POLL_SECONDS = 0.5  # on Windows, a wait without an end is not interrupted by signals


class _End:
    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class EngineThread(Generic[T]):
    """Iterates ``source()`` in a thread; the caller's thread gets the items, and takes the signals.

    Dagster's handlers raise at whatever is being executed, be it the middle of a write to a database or the insides of
    asyncio. In a thread they cannot. A signal calls ``interrupt()`` instead, which is to end the iteration, and
    more signals change nothing.

    Args:
        source: what is iterated in the thread.
        interrupt: asks ``source`` to end; called in the caller's thread.
        patience_seconds: how long the end is waited for, then the thread is left alone.
    """

    def __init__(
        self, source: Callable[[], Iterable[T]], interrupt: Callable[[], None], patience_seconds: float
    ) -> None:
        self._source = source
        self._interrupt = interrupt
        self._patience_seconds = patience_seconds
        self._items: queue.SimpleQueue[T | _End | None] = queue.SimpleQueue()
        self._signalled = False
        self._interrupted_at: float | None = None

    def items(self) -> Iterator[T]:
        """The items of ``source``, in the caller's thread.

        Raises:
            BaseException: what ``source`` raised.
            DagsterExecutionInterruptedError: interrupted, and ``source`` did not end in time.
        """
        thread = threading.Thread(
            target=contextvars.copy_context().run, args=(self._iterate,), name="fabric-executor", daemon=True
        )
        thread.start()
        ended = False
        try:
            while True:
                item = self._next()
                if isinstance(item, _End):
                    ended = True
                    thread.join()
                    if item.error is not None:
                        raise item.error
                    return
                yield item
        finally:
            # Nobody asks for more: the generator was closed, or something was raised at its yield.
            self._interrupted_at = self._interrupted_at or time.monotonic()
            if not ended:
                self._interrupt()
            while not ended:
                ended = isinstance(self._next(), _End)

    def _iterate(self) -> None:
        try:
            for item in self._source():
                self._items.put(item)
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            self._items.put(_End(error))
        else:
            self._items.put(_End())

    def _next(self) -> T | _End:
        with self._signals_noted():
            while True:
                if self._is_signalled() and self._interrupted_at is None:
                    self._interrupted_at = time.monotonic()
                    self._interrupt()
                try:
                    item = self._items.get(timeout=_POLL_SECONDS)
                except queue.Empty:
                    item = None
                if item is not None:
                    return item
                if self._interrupted_at and time.monotonic() > self._interrupted_at + self._patience_seconds:
                    return _End(
                        dg.DagsterExecutionInterruptedError(
                            f"The run was terminated, and its steps did not end within {self._patience_seconds:g} s."
                        )
                    )

    def _is_signalled(self) -> bool:
        # Between two items Dagster's handler is in force, which notes a signal for the main thread.
        in_main_thread = threading.current_thread() is threading.main_thread()
        return self._signalled or (in_main_thread and pop_captured_interrupt())

    @contextmanager
    def _signals_noted(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before: dict[int, Any] = {
            number: handler
            for number in (signal.SIGINT, signal.SIGTERM)
            if callable(handler := signal.getsignal(number))
        }
        try:
            for number in before:
                signal.signal(number, self._note)
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._signalled = True
        self._items.put(None)  # wakes up who waits
