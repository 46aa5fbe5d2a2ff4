"""Reads a notebook's messages while its job instance runs. Lives in the background loop, beside job control."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from fabric_assets.jobs.job import Tell
from fabric_assets.pipes.files import FilesError
from fabric_assets.pipes.streams import Stream

MESSAGES = -1
"""Level of what the reader tells that is no line for the log, but messages of the notebook, one a line."""

LONGEST_LINE = 1024 * 1024
"""Bytes of a message; a longer one is not taken."""

AT_ONCE = 20
"""Messages that are told before those have been handled."""

_HANDLED_SECONDS = 0.01
_SLOWEST = 6.0
_WARN_AFTER_FAILURES = 3
_LONGEST_END_SECONDS = 60.0
_LONGEST_INTERRUPTED_SECONDS = 3.0

T = TypeVar("T")


class Reader:
    """Reads one notebook's messages and tells them, each once and in order.

    Args:
        stream: where they come from.
        tell: gets the messages (at the level ``MESSAGES``), and what a person should know.
        poll_seconds: wait between two reads.
        last_messages_seconds: how long to wait for messages of a notebook that ended without a last one.
        handled: how many messages the step has handled. The reader keeps near to it, as handling takes the time of
            writing to a database, in a loop that other steps may share.
    """

    def __init__(
        self,
        stream: Stream,
        tell: Tell,
        *,
        poll_seconds: float,
        last_messages_seconds: float,
        handled: Callable[[], int],
    ) -> None:
        self._stream = stream
        self._tell = tell
        self._poll_seconds = poll_seconds
        self._last_messages_seconds = last_messages_seconds
        self._handled = handled
        self._told = 0
        self._handling_seconds = 0.0
        self._interrupted = False
        self._rest = b""
        self._skipping = False
        self._closed = False
        self._failures = 0
        self._warned = False
        self.problem: FilesError | None = None
        """Why the last read failed; if it did, there may be messages that were not told."""

    async def alongside(self, work: Coroutine[Any, Any, T]) -> T:
        """Do ``work`` and read meanwhile, and what is left when it has ended. Problems of reading do not end it."""
        ended = asyncio.Event()
        reading = asyncio.create_task(self._read_until(ended))
        try:
            return await work
        except asyncio.CancelledError:
            self._interrupted = True
            ended.set()  # a cancel that meets the end of a wait is lost
            reading.cancel()
            await asyncio.wait({reading})  # two that read at once would tell messages twice
            with suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST_INTERRUPTED_SECONDS):
                    await self._read(last=True)
            raise
        finally:
            if not self._interrupted:
                ended.set()
                await reading
                await self._read_the_rest()

    @property
    def _retry_after_seconds(self) -> float:
        asked = self.problem.retry_after_seconds if self.problem is not None else None
        return min(asked or 0.0, _LONGEST_END_SECONDS)

    async def _read_until(self, ended: asyncio.Event) -> None:
        wait = self._poll_seconds
        while not ended.is_set():
            wait = min(wait * 1.2, self._poll_seconds * _SLOWEST)
            if await self._read(last=False):
                wait = self._poll_seconds
            with suppress(TimeoutError):
                async with asyncio.timeout(max(wait, self._retry_after_seconds)):
                    await ended.wait()

    async def _read_the_rest(self) -> None:
        ended = time.monotonic() - self._handling_seconds
        while True:
            news = await self._read(last=True)
            waited = time.monotonic() - ended - self._handling_seconds
            if waited >= _LONGEST_END_SECONDS:
                if news:
                    self._failed(
                        FilesError("the notebook still writes them after its job instance has ended")
                    )
                break
            if news:
                continue
            over = self._closed or waited >= self._last_messages_seconds
            if over if self.problem is None else not self.problem.passing:
                break
            await asyncio.sleep(max(min(self._poll_seconds, 1.0), self._retry_after_seconds))
        await self._pass_on([self._rest])
        self._rest = b""

    async def _read(self, *, last: bool) -> bool:
        """Read once; whether there was something."""
        try:
            data = await self._stream.more(last=last)
        except FilesError as error:
            self._failed(error)
            return False
        if self._warned and self.problem is not None:
            self._tell("the notebook's messages can be read again")
        self.problem, self._failures = None, 0
        await self._take(data)
        return bool(data)

    async def _take(self, data: bytes) -> None:
        *lines, rest = (self._rest + data).split(b"\n")
        if self._skipping and lines:
            lines.pop(0)
            self._skipping = False
        if not self._skipping and len(rest) > LONGEST_LINE:
            lines.append(rest[: LONGEST_LINE + 1])
            self._skipping = True
        self._rest = b"" if self._skipping else rest
        await self._pass_on(lines)

    async def _pass_on(self, lines: list[bytes]) -> None:
        texts = [line.decode("utf-8", errors="replace") for line in lines if line.strip()]
        for text in texts:
            if '"closed"' in text or '"opened"' in text:
                self._closed = _method(text) == "closed" or (self._closed and _method(text) != "opened")
        for begin in range(0, len(texts), AT_ONCE):
            part = texts[begin : begin + AT_ONCE]
            self._tell("\n".join(part), MESSAGES)
            self._told += len(part)
            # It counts in another thread. Whoever interrupts the step handles nothing before this has ended.
            begun = time.monotonic()
            while self._told > self._handled() and not self._interrupted:  # noqa: ASYNC110
                await asyncio.sleep(_HANDLED_SECONDS)
            self._handling_seconds += time.monotonic() - begun

    def _failed(self, error: FilesError) -> None:
        self.problem = error
        self._failures += 1
        if not self._warned and (not error.passing or self._failures >= _WARN_AFTER_FAILURES):
            self._warned = True
            self._tell(
                f"the notebook's messages cannot be read; its job instance runs on. {error}", logging.WARNING
            )


def _method(text: str) -> object:
    try:
        message = json.loads(text)
    except ValueError:
        return None
    return message.get("method") if isinstance(message, dict) else None
