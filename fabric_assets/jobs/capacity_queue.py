"""A queue in front of a Spark capacity: jobs started over the public API are not queued by Fabric, but fail."""

import asyncio
import heapq
import itertools
import math
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fabric_assets.client.errors import FabricConfigError
from fabric_assets.jobs.job import Tell
from fabric_assets.jobs.session_packing import NOTEBOOKS_PER_SESSION

SKU_VCORES = {
    "F2": 20,
    "F4": 24,
    "F8": 48,
    "F16": 96,
    "F32": 192,
    "F64": 384,
    "F128": 768,
    "F256": 1536,
    "F512": 3072,
    "TRIAL": 128,
}
"""Spark vCores of a capacity with its burst factor (Fabric's documentation of Spark job concurrency)."""

_GROWTH = 0.1
_DECREASE = 0.9
_PROBE_GROWTH = 1.5
_LONGEST_IN_SHORTEST_PROBES = 10.0
_TOGETHER_SECONDS = 10.0


def capacity_vcores(capacity: str | None) -> int | None:
    """VCores of a capacity that is given as the name of an SKU or as a number of vCores.

    Raises:
        FabricConfigError: it is neither.
    """
    text = (capacity or "").strip()
    if not text:
        return None
    if text.isdecimal() and int(text) > 0:
        return int(text)
    if (vcores := SKU_VCORES.get(text.upper())) is not None:
        return vcores
    raise FabricConfigError(
        f"capacity {capacity!r} is no number of vCores and none of the SKUs {', '.join(SKU_VCORES)}"
    )


@dataclass(eq=False)
class Place:
    """A place on the capacity.

    Attributes:
        size: vCores of the job, or of the session that it shares.
        session: that session.
        vcores: what it took up when it was given: nothing in a session that was there.
        cuts: how often the limit had been cut until then.
    """

    size: int
    session: str | None = None
    vcores: int = 0
    cuts: int = 0
    given_back: bool = False


@dataclass(frozen=True, order=True)
class Ticket:
    """Whose turn is first; a job keeps it when it must start again.

    Attributes:
        batch: jobs that came together have the same.
        brevity: among them the one that is likely to take longest goes first, as that packs them best: minus its
            expected seconds; minus infinity if it has no past.
        number: and then the one that came first.
    """

    batch: int
    brevity: float
    number: int


class CapacityQueue:
    """Lets jobs onto a capacity in the order of their coming, as long as their vCores fit.

    Those that came within ten seconds came together: as long as they wait, the longest of them is the next.

    What others use on the same capacity is not known. It shows when a start finds no room: then no more is tried at
    once than has just fitted, and a little more again from time to time.

    Args:
        vcores: what the capacity has; ``None``: not known, it is learned from starts that find no room.
        probe_seconds: how long after a start that found no room a little more is tried; where nothing fits at all,
            it grows to ten times that.
    """

    def __init__(self, vcores: int | None, probe_seconds: float) -> None:
        self._most = math.inf if vcores is None else float(vcores)
        self._limit = self._most
        self._shortest_probe_seconds = self._probe_seconds = probe_seconds
        self._in_use = 0
        self._cuts = 0
        self._waiting: list[tuple[Ticket, Place, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._batch = 0
        self._batch_began = -math.inf
        self._users: Counter[str] = Counter()
        self._probe: asyncio.TimerHandle | None = None

    @property
    def has_waiting(self) -> bool:
        """Whether a job waits for the room of another one."""
        return bool(self._waiting)

    def ticket(self, expected_seconds: float | None = None) -> Ticket:
        """A place in the order for a job that comes now.

        Args:
            expected_seconds: how long it may take, from its past; ``None``: not known.
        """
        now = time.monotonic()
        if now - self._batch_began > _TOGETHER_SECONDS:
            self._batch, self._batch_began = self._batch + 1, now
        brevity = -math.inf if expected_seconds is None else -expected_seconds
        return Ticket(self._batch, brevity, next(self._numbers))

    @asynccontextmanager
    async def place(
        self,
        ticket: Ticket,
        vcores: int,
        *,
        session: str | None = None,
        at_once: Callable[[], Awaitable[bool]] | None = None,
        tell: Tell | None = None,
    ) -> AsyncIterator[Place]:
        """Wait for a place and hold it.

        Args:
            ticket: from ``ticket``.
            vcores: what the job needs.
            session: the Spark session that the job shares with others; all of them together take up ``vcores``.
            at_once: says of what would have to wait whether it need not: the job runs already.
            tell: gets a line when the waiting begins and one when it ends.

        Raises:
            FabricConfigError: the job would not fit even if it were alone.
        """
        if vcores > self._most:
            raise FabricConfigError(
                f"the job instance needs {vcores} vCores by its compute settings, and the capacity has "
                f"{self._most:.0f}: take smaller compute settings or a larger capacity"
            )
        place = Place(vcores, session)
        free = self._joins(place) or (not self._waiting and self._fits(place))
        if free or (at_once is not None and await at_once()):
            self._take(place)
        else:
            await self._wait(ticket, place, tell)
        try:
            yield place
        finally:
            if not place.given_back:
                self._probe_seconds = self._shortest_probe_seconds
                self._give_back(place)

    def no_room(self, place: Place) -> None:
        """The job in this place found no room on the capacity."""
        survivors = self._in_use - self._freed_by(place)
        if place.cuts == self._cuts:
            # Of those that were let in together only the first one cuts: the others knew no better.
            self._cuts += 1
            self._limit *= _DECREASE
        self._limit = min(self._limit, float(survivors))
        self._give_back(place)
        self._probe_later()
        if survivors == 0:
            longest = self._shortest_probe_seconds * _LONGEST_IN_SHORTEST_PROBES
            self._probe_seconds = min(self._probe_seconds * _PROBE_GROWTH, longest)

    async def _wait(self, ticket: Ticket, place: Place, tell: Tell | None) -> None:
        admitted = asyncio.get_running_loop().create_future()
        if tell is not None:
            position = 1 + sum(
                1 for other, _, future in self._waiting if other < ticket and not future.done()
            )
            limit = "" if math.isinf(self._limit) else f" of {self._limit:.0f}"
            tell(
                f"waits for {place.size} vCores at position {position} of the queue; "
                f"{self._in_use}{limit} vCores of the capacity are in use"
            )
        heapq.heappush(self._waiting, (ticket, place, admitted))
        if self._probe is None and self._limit < self._most:
            self._probe_later()
        since = time.monotonic()
        try:
            # It may be its turn before those that wait already.
            self._let_in()
            await admitted
        except asyncio.CancelledError:
            if admitted.done() and not admitted.cancelled():
                self._give_back(place)
            admitted.cancel()
            self._let_in()
            raise
        if tell is not None:
            tell(f"has its {place.size} vCores after {time.monotonic() - since:.0f} s in the queue")

    def _joins(self, place: Place) -> bool:
        """Whether its session is there and has room, so that it takes up nothing."""
        return place.session is not None and self._users[place.session] % NOTEBOOKS_PER_SESSION != 0

    def _fits(self, place: Place) -> bool:
        # What is larger than the limit goes alone. The limit is 0 where not even one job found room.
        return self._in_use + place.size <= self._limit or (self._in_use == 0 and self._limit > 0)

    def _take(self, place: Place) -> None:
        place.vcores, place.cuts = 0 if self._joins(place) else place.size, self._cuts
        self._in_use += place.vcores
        if place.session is not None:
            self._users[place.session] += 1

    def _let_in(self) -> None:
        while self._waiting:
            _, place, admitted = self._waiting[0]
            if not admitted.done():
                if not self._joins(place) and not self._fits(place):
                    break
                self._take(place)
                admitted.set_result(None)
            heapq.heappop(self._waiting)
        if self._users:
            for _, place, admitted in self._waiting:
                if not admitted.done() and self._joins(place):
                    self._take(place)
                    admitted.set_result(None)

    def _freed_by(self, place: Place) -> int:
        """What becomes free when it goes: a session's vCores only when its last notebook has ended."""
        if place.session is None:
            return place.size
        return place.size if self._users[place.session] % NOTEBOOKS_PER_SESSION == 1 else 0

    def _give_back(self, place: Place) -> None:
        place.given_back = True
        self._in_use -= self._freed_by(place)
        if place.session is not None:
            self._users[place.session] -= 1
            if not self._users[place.session]:
                del self._users[place.session]
        self._let_in()

    def _probe_later(self) -> None:
        if self._probe is not None:
            self._probe.cancel()
        wait = self._probe_seconds * random.uniform(0.8, 1.2)  # noqa: S311 -- spreads starts, no secret
        self._probe = asyncio.get_running_loop().call_later(wait, self._try_more)

    def _try_more(self) -> None:
        """No start has found the capacity full for a while."""
        self._probe = None
        least = self._waiting[0][1].size if self._waiting else 1
        self._limit = min(self._most, self._limit + max(least, self._limit * _GROWTH))
        self._let_in()
        if self._waiting and self._limit < self._most:
            self._probe_later()
