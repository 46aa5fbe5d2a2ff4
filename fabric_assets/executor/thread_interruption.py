"""Interrupting the code of a ``def`` step in its thread."""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg


class ThreadInterruption:
    """Raises ``DagsterExecutionInterruptedError`` in a step's thread, but only in the user's code.

    Python raises it between two bytecodes: a loop that polls and sleeps ends soon, and can clean up; a call that
    blocks for long ends first. Dagster's own code is spared, so that no event is half written.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: int | None = None
        self._depth = 0
        self._requested = False
        self._arrived = False
        self._error = self._error_that_tells()

    @property
    def has_arrived(self) -> bool:
        """Whether the user's code was interrupted, and may be cleaning up."""
        return self._arrived

    def _error_that_tells(self) -> type[BaseException]:
        """The error to raise. Python makes an instance of it where it is caught."""

        def arrive(error: BaseException, *args: object) -> None:
            super(type(error), error).__init__(*args)
            self._arrived = True

        base = dg.DagsterExecutionInterruptedError
        return type(base.__name__, (base,), {"__init__": arrive, "__module__": base.__module__})

    def request(self) -> None:
        """Interrupt, now or as soon as the user's code goes on. From any thread; a second request changes nothing."""
        with self._lock:
            if self._requested:
                return
            self._requested = True
            if self._depth and self._thread is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._thread), ctypes.py_object(self._error)
                )

    def enter_user_code(self) -> None:
        """Say, in the step's thread, that the user's code begins.

        Raises:
            DagsterExecutionInterruptedError: an interruption was requested before.
        """
        with self._lock:
            if self._requested and not self._depth:
                raise dg.DagsterExecutionInterruptedError
            self._thread = threading.get_ident()
            self._depth += 1

    def leave_user_code(self) -> None:
        """Say that the user's code has ended."""
        with self._lock:
            self._depth = max(0, self._depth - 1)

    @contextmanager
    def spared(self) -> Iterator[None]:
        """Dagster's code that the user's code calls, such as the writing of a log line."""
        if threading.get_ident() != self._thread:
            yield
            return
        with self._lock:
            depth, self._depth = self._depth, 0
            requested_before = self._requested
        try:
            yield
        finally:
            with self._lock:
                self._depth = depth
            if depth and self._requested and not requested_before:
                raise dg.DagsterExecutionInterruptedError
