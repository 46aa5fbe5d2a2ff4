"""Staying inside Fabric's quotas: so many calls in any minute, the urgent ones first."""

import asyncio
import heapq
import itertools
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fabric_assets.client.quota import QuotaGroup, Urgency

QUOTA_CALLS_PER_MINUTE = 200
"""Fabric's limit for one identity, counted apart for the calls of job scheduler and platform."""

_PAUSE_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 900.0
_ROOM = 0.5


class CallBudget:
    """The calls that one identity may make, shared by everything in this process that calls as this identity.

    A call counts from its begin until a minute after its answer, so that the service, which counts at some moment in
    between, never counts more of them in any minute.

    Args:
        calls_per_minute: how many calls of one quota group may be made in any minute.
        minute_seconds: how long a minute is, for tests.
    """

    def __init__(self, calls_per_minute: int, *, minute_seconds: float = 60.0) -> None:
        self._limit = max(1, calls_per_minute)
        self._groups: defaultdict[QuotaGroup, _Group] = defaultdict(
            lambda: _Group(self._limit, minute_seconds)
        )

    def at_most(self, calls_per_minute: int) -> None:
        """Allow no more than that from now on: of several who share the budget, the most modest one decides."""
        self._limit = min(self._limit, max(1, calls_per_minute))
        for group in self._groups.values():
            group.limit = self._limit

    @asynccontextmanager
    async def call(self, group: QuotaGroup, urgency: Urgency) -> AsyncIterator[None]:
        """Entered when the call may be made, left when it was answered.

        A cancel is never held back by our own count, only by the service's refusal: it costs money to be late.
        """
        found = self._groups[group]
        await found.admit(urgency)
        try:
            yield
        finally:
            found.answered()

    def refused(self, group: QuotaGroup, wait_seconds: float | None) -> None:
        """The service answered 429: no call of this group until it has passed, for a quarter of an hour at most."""
        seconds = _PAUSE_SECONDS if wait_seconds is None else wait_seconds
        self._groups[group].pause(min(seconds, _LONGEST_PAUSE_SECONDS))

    def has_room(self, group: QuotaGroup, share: float = _ROOM) -> bool:
        """Whether a call that can as well be left out takes nothing away from others.

        Args:
            group: its quota group.
            share: the part of the quota that such calls may use up.
        """
        return self._groups[group].has_room(share)


class _Group:
    """The calls of one quota group."""

    def __init__(self, limit: int, minute_seconds: float) -> None:
        self.limit = limit
        self._minute_seconds = minute_seconds
        self._open = 0
        self._answered: deque[float] = deque()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._paused_until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def admit(self, urgency: Urgency) -> None:
        admitted = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (urgency, next(self._order), admitted))
        self._let_in()
        try:
            await admitted
        except asyncio.CancelledError:
            if admitted.done() and not admitted.cancelled():
                self.answered()
            raise

    def answered(self) -> None:
        self._open -= 1
        self._answered.append(time.monotonic())
        self._let_in()

    def pause(self, seconds: float) -> None:
        self._paused_until = max(self._paused_until, time.monotonic() + seconds)

    def has_room(self, share: float) -> bool:
        self._forget()
        return not self._waiting and self._open + len(self._answered) < self.limit * share

    def _forget(self) -> None:
        minute_ago = time.monotonic() - self._minute_seconds
        while self._answered and self._answered[0] <= minute_ago:
            self._answered.popleft()

    def _let_in(self) -> None:
        self._forget()
        while self._waiting:
            urgency, _, admitted = self._waiting[0]
            if not admitted.done():
                if time.monotonic() < self._paused_until:
                    break
                if urgency > Urgency.CANCEL and self._open + len(self._answered) >= self.limit:
                    break
                self._open += 1
                admitted.set_result(None)
            heapq.heappop(self._waiting)
        self._wake_up_later()

    def _wake_up_later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting:
            return
        at = self._paused_until
        if self._answered and self._open + len(self._answered) >= self.limit:
            at = max(at, self._answered[0] + self._minute_seconds)
        # With nothing answered yet, the next answer wakes us up.
        wait = at - time.monotonic()
        if wait > 0 or self._answered:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, wait) + 0.001, self._let_in)
