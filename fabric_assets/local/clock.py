"""Time as the local Fabric sees it: the machine's, or one that a test turns by hand."""

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Time of day, and waiting for it."""

    def time_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""
        ...

    async def sleep_until(self, time_ns: int) -> None:
        """Return when ``time_ns`` has come."""
        ...


class SystemClock:
    """The machine's clock."""

    def time_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""
        return time.time_ns()

    async def sleep_until(self, time_ns: int) -> None:
        """Return when ``time_ns`` has come."""
        remaining_ns = time_ns - self.time_ns()
        if remaining_ns > 0:
            await asyncio.sleep(remaining_ns / 1e9)


class ManualClock:
    """Stands still until a test calls ``advance``, from any thread but the server's own."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now_ns = int(start.timestamp()) * 1_000_000_000
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._loop: asyncio.AbstractEventLoop | None = None

    def time_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC."""
        return self._now_ns

    async def sleep_until(self, time_ns: int) -> None:
        """Return when ``time_ns`` has come."""
        self._loop = asyncio.get_running_loop()
        if time_ns <= self._now_ns:
            return
        woken: asyncio.Future[None] = self._loop.create_future()
        heapq.heappush(self._sleepers, (time_ns, next(self._order), woken))
        await woken

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass: every sleeper wakes at its own time, in order."""
        target_ns = self._now_ns + round(seconds * 1e9)
        if self._loop is None:
            self._now_ns = target_ns
            return
        asyncio.run_coroutine_threadsafe(self._advance_to(target_ns), self._loop).result(timeout=60)

    async def _advance_to(self, target_ns: int) -> None:
        await _settle()
        while self._sleepers and self._sleepers[0][0] <= target_ns:
            at_ns, _, woken = heapq.heappop(self._sleepers)
            self._now_ns = max(self._now_ns, at_ns)
            if not woken.done():
                woken.set_result(None)
                await _settle()
        self._now_ns = target_ns
        await _settle()


async def _settle() -> None:
    """Let every task run until it waits again; simulated work waits for nothing but the clock."""
    for _ in range(25):
        await asyncio.sleep(0)


def format_time(time_ns: int) -> str:
    """A time as Fabric writes it: UTC without zone, up to seven decimals, no trailing zeros."""
    seconds, rest_ns = divmod(time_ns, 1_000_000_000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    decimals = f"{rest_ns // 100:07d}".rstrip("0")
    return f"{text}.{decimals}" if decimals else text


def format_time_z(time_ns: int) -> str:
    """A time as Fabric writes it for sessions and operations: with ``Z``."""
    return format_time(time_ns) + "Z"
