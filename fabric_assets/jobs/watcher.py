"""All job instances of a process are watched together: lists say which of them are worth a read.

A list is only a hint. Spark notebooks appear in the list of their workspace's sessions, one paged list for all of them;
several job instances of one notebook that do not, in the list of that notebook. What no list shows (pipelines,
notebooks that share a session) is read one by one.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context
from dataclasses import dataclass, field

from fabric_assets.client.errors import FabricError
from fabric_assets.client.fabric_client import FabricClient
from fabric_assets.client.quota import Urgency
from fabric_assets.jobs.call_budget import CallBudget
from fabric_assets.jobs.job_service import JobService

_log = logging.getLogger(__name__)

_SHARE_OF_ELAPSED = 0.1
_SHARE_OF_ELAPSED_WITH_ROOM = 0.02
_LONGEST_WAIT_SECONDS = 30.0
_SHARE_BETWEEN_SAFETY_READS = 0.25
_SAFETY_READ_SECONDS = 60.0
_IN_PROGRESS = "InProgress"
_RUNNING_STATES = frozenset({"NotStarted", _IN_PROGRESS})
_ENDED_SESSION_STATES = frozenset({"Succeeded", "Failed", "Cancelled"})
_LISTS_BEFORE_SINGLE_READS = 3
_SHARE_OF_POLL_PER_PAGE = 0.2
_SHARE_OF_POLL_BETWEEN_LISTS = 0.7
_OVERDUE_SECONDS = 10.0
_MOST_PAGES = 20
_ENTRIES_PER_PAGE = 100
_REFUSED_SECONDS = 600.0
_SPECULATION_SECONDS = 5.0
_ROOM_FOR_SAFETY_READS = 0.05
_CONFIRM_SECONDS_EACH = 0.6
_CONFIRM_SECONDS = 10.0


def wait_seconds(
    elapsed_seconds: float,
    expected_seconds: float | None,
    shortest_seconds: float,
    share_of_elapsed: float = _SHARE_OF_ELAPSED,
) -> float:
    """When to look next at something that has run for ``elapsed_seconds``.

    With an expected duration, at the expected end; without one or after it, in a share of the time that has passed, so
    that an end is seen late by that share at most. Never later than half a minute.
    """
    remaining = (expected_seconds or 0.0) - elapsed_seconds
    wait = remaining if remaining > 0 else -remaining * share_of_elapsed
    return max(shortest_seconds, min(wait, _LONGEST_WAIT_SECONDS))


@dataclass(eq=False)
class Watched:
    """One job instance that somebody waits for.

    Attributes:
        service: where it is.
        expected_seconds: how long it may take, from its past; ``None`` if it has none.
        on_state: called with ``NotStarted`` or ``InProgress`` when a list shows it.
        lists: the lists of its workspace; ``None``: none shows it.
        runs: whether a list showed it ``InProgress``.
        ended_as: the state in which a list showed it as ended.
    """

    service: JobService
    job_instance_id: str
    expected_seconds: float | None
    on_state: Callable[[str], None]
    lists: "_WorkspaceLists | None" = None
    started: float = field(default_factory=time.monotonic)
    hinted: asyncio.Event = field(default_factory=asyncio.Event)
    lists_without_it: int = 0
    runs: bool = False
    read_at: float = field(default_factory=time.monotonic)
    ended_as: str | None = None
    _hints_used: int = 0
    _no_hint_until: float = 0.0

    @property
    def item_id(self) -> str:
        """The item that it is a job instance of."""
        return self.service.item.id

    def about_to_end(self) -> None:
        """Look for its end from now on, whatever was expected."""
        self.started = self.read_at = time.monotonic()
        self.expected_seconds = None

    def seen_in_list(self, state: str, *, ended: bool) -> None:
        """A list showed it."""
        self.lists_without_it = 0
        if ended:
            self.ended_as = state
            if time.monotonic() >= self._no_hint_until:
                self.hinted.set()
        elif state in _RUNNING_STATES:
            self.runs = state == _IN_PROGRESS
            self.ended_as = None
            self.on_state(state)

    def use_hint(self, poll_seconds: float) -> None:
        """It is read because of a hint. Was that wrong, as a list can be for minutes, the next one must wait longer."""
        self.hinted.clear()
        self.read_at = time.monotonic()
        wait = min(poll_seconds * 2.0 ** min(self._hints_used, 30), _LONGEST_WAIT_SECONDS)
        self._hints_used += 1
        self._no_hint_until = self.read_at + wait


class Watcher:
    """Says when a job instance is worth a read. Lives in the background loop.

    Args:
        client: the open client; ``None``: a service without lists.
        budget: what is left of the quota; ``None``: there is none.
        poll_seconds: shortest time between two looks.
        ends_are_awaited: whether something waits for the room of what runs, so that lists are looked at twice as often.
    """

    def __init__(
        self,
        client: FabricClient | None,
        budget: CallBudget | None,
        poll_seconds: float,
        ends_are_awaited: Callable[[], bool] = lambda: False,
    ) -> None:
        self._ends_are_awaited = ends_are_awaited
        self._client = client
        self._budget = budget
        self._poll_seconds = poll_seconds
        self._workspaces: dict[str, _WorkspaceLists] = {}

    @contextmanager
    def watching(
        self,
        service: JobService,
        job_instance_id: str,
        expected_seconds: float | None,
        on_state: Callable[[str], None],
    ) -> Iterator[Watched]:
        """Have a job instance looked for in lists while the context is open; see ``Watched``."""
        watched = Watched(service, job_instance_id, expected_seconds, on_state, self._lists(service))
        if watched.lists is not None:
            watched.lists.add(watched)
        try:
            yield watched
        finally:
            if watched.lists is not None:
                watched.lists.remove(watched)

    def _lists(self, service: JobService) -> "_WorkspaceLists | None":
        if self._client is None or service.workspace is None or service.listed_in == "nowhere":
            return None
        workspace_id = service.workspace.id
        if workspace_id not in self._workspaces:
            self._workspaces[workspace_id] = _WorkspaceLists(
                self._client, workspace_id, self._poll_seconds, self._ends_are_awaited
            )
        return self._workspaces[workspace_id]

    @property
    def has_room(self) -> bool:
        """Whether the quota has room for reads that can be left out."""
        return self._budget is None or self._budget.has_room("jobs")

    async def worth_a_read(self, watched: Watched, service_wait: float | None) -> Urgency:
        """Wait until the job instance is worth a read, and say how urgent that is.

        Args:
            watched: the job instance.
            service_wait: when the service wants to be asked again, in seconds from the last read.
        """
        lists = watched.lists
        looked_at = time.monotonic()
        while not watched.hinted.is_set():
            now = time.monotonic()
            listed = (
                lists is not None and not watched.service.shares_session and lists.keep_an_eye_on(watched)
            )
            wait = self._wait(watched, service_wait, now, listed=listed) - (now - looked_at)
            if wait <= 0:
                if (
                    not listed
                    or self._budget is None
                    or self._budget.has_room("jobs", _ROOM_FOR_SAFETY_READS)
                ):
                    watched.read_at = now
                    return Urgency.READ
                # A list shows it running: others need the quota more.
                wait = _SPECULATION_SECONDS
            try:
                async with asyncio.timeout(wait if lists is None else min(wait, lists.interval_seconds)):
                    await watched.hinted.wait()
            except TimeoutError:
                continue
        watched.use_hint(self._poll_seconds)
        return Urgency.LIKELY_END

    async def worth_a_read_after_cancel(self, watched: Watched) -> None:
        """Wait until a job instance that is being cancelled is worth a read: the more of them, the longer."""
        watched.about_to_end()
        together = 1 if watched.lists is None else len(watched.lists)
        several = min(together * _CONFIRM_SECONDS_EACH, _CONFIRM_SECONDS)
        wait = max(min(self._poll_seconds, 1.0), several)
        with suppress(TimeoutError):
            async with asyncio.timeout(wait if self._budget is not None else self._poll_seconds):
                await watched.hinted.wait()
        watched.hinted.clear()

    def _wait(self, watched: Watched, service_wait: float | None, now: float, *, listed: bool) -> float:
        elapsed = now - watched.started
        if listed:
            # Lists can be wrong.
            return max(_SAFETY_READ_SECONDS, elapsed * _SHARE_BETWEEN_SAFETY_READS, self._poll_seconds)
        share = _SHARE_OF_ELAPSED_WITH_ROOM if self.has_room else _SHARE_OF_ELAPSED
        ran_seconds = watched.read_at - watched.started
        wait = wait_seconds(ran_seconds, watched.expected_seconds, self._poll_seconds, share)
        return wait if service_wait is None else max(self._poll_seconds, min(wait, service_wait))


class _WorkspaceLists:
    """Reads the lists of one workspace as long as it has job instances that are watched."""

    def __init__(
        self,
        client: FabricClient,
        workspace_id: str,
        poll_seconds: float,
        ends_are_awaited: Callable[[], bool],
    ) -> None:
        self._ends_are_awaited = ends_are_awaited
        self._client = client
        self._workspace_id = workspace_id
        self._poll_seconds = poll_seconds
        self._watched: set[Watched] = set()
        self._task: asyncio.Task[None] | None = None
        self._refused_until: dict[str, float] = {}
        self._looked_at = time.monotonic()
        self._pages = 0
        self._shortest_seconds = poll_seconds * _SHARE_OF_POLL_BETWEEN_LISTS
        self.interval_seconds = self._shortest_seconds

    def __len__(self) -> int:
        return len(self._watched)

    def add(self, watched: Watched) -> None:
        self._watched.add(watched)
        if self._task is None and len(self._watched) > 1:
            # Not in the context of the one that happens to be the second: its log is not for all.
            self._looked_at = time.monotonic()
            self._task = asyncio.create_task(self._look(), context=Context())

    def remove(self, watched: Watched) -> None:
        self._watched.discard(watched)
        if not self._watched and self._task is not None:
            self._task.cancel()
            self._task = None

    def keep_an_eye_on(self, watched: Watched) -> bool:
        """Whether lists will say when the job instance has ended, as far as one can tell."""
        if self._task is None or self._all_refused(watched):
            return False
        if watched.lists_without_it >= _LISTS_BEFORE_SINGLE_READS:
            return False
        overdue_seconds = max(_OVERDUE_SECONDS, (_LISTS_BEFORE_SINGLE_READS + 1) * self.interval_seconds)
        return time.monotonic() - self._looked_at < overdue_seconds

    def _all_refused(self, watched: Watched) -> bool:
        return self._is_refused("sessions") and self._is_refused(watched.item_id)

    def _is_refused(self, which: str) -> bool:
        return time.monotonic() < self._refused_until.get(which, 0.0)

    async def _look(self) -> None:
        while True:
            self.interval_seconds = self._interval_seconds()
            wait = self._looked_at + self.interval_seconds - time.monotonic()
            if wait > 0:
                # What is started meanwhile may have to be looked for earlier.
                await asyncio.sleep(min(wait, self._shortest_seconds))
            else:
                begun = time.monotonic()
                try:
                    self._pages = await self._look_at_lists()
                except Exception as error:  # noqa: BLE001 -- whatever is odd in a list: single reads find the ends
                    self._refused("sessions", error)
                self._looked_at = begun

    async def _look_at_lists(self) -> int:
        pages = await self._look_at_sessions()
        for item_id, several in self._unlisted().items():
            pages += await self._look_at_item(item_id, several)
        return pages

    def _interval_seconds(self) -> float:
        """From the last look to the next one: when the first one may have ended. A look is one call for all."""
        waits = [
            wait_seconds(
                self._looked_at - watched.started,
                # What finds no room ends before it runs.
                watched.expected_seconds if watched.runs else None,
                self._shortest_seconds,
                _SHARE_OF_ELAPSED_WITH_ROOM,
            )
            for watched in self._watched
        ]
        shortest = self._pages * self._poll_seconds * _SHARE_OF_POLL_PER_PAGE
        interval = max(shortest, min(waits, default=self._shortest_seconds))
        return interval / 2 if self._ends_are_awaited() else interval

    async def _look_at_sessions(self) -> int:
        """Read the sessions' list until every job instance is found that may be in it; returns the number of pages."""
        if self._is_refused("sessions"):
            self._missed(self._watched)
            return 0
        in_sessions = {w for w in self._watched if w.service.listed_in == "sessions"}
        self._missed(self._watched - in_sessions)
        if not in_sessions:
            return 0
        known = {w.job_instance_id.lower(): w for w in in_sessions if not w.hinted.is_set()}
        # What several lists did not show is not looked for to the last page. It may still appear on the first one.
        wanted = {w for w in known.values() if w.lists_without_it < _LISTS_BEFORE_SINGLE_READS}
        pages = 0
        try:
            async for sessions in self._client.list_livy_sessions(self._workspace_id):
                pages += 1
                for session in sessions:
                    found = known.pop((session.job_instance_id or "").lower(), None)
                    if found is not None:
                        found.seen_in_list(session.state, ended=session.state in _ENDED_SESSION_STATES)
                        wanted.discard(found)
                if not wanted or pages >= _MOST_PAGES:
                    break
        except FabricError as error:
            self._refused("sessions", error)
        self._missed(wanted)
        return max(1, pages)

    def _missed(self, watched: Iterable[Watched]) -> None:
        for one in watched:
            one.lists_without_it += 1

    def _unlisted(self) -> dict[str, list[Watched]]:
        """Notebooks with several job instances that the sessions' list does not show."""
        by_item: defaultdict[str, list[Watched]] = defaultdict(list)
        for watched in self._watched:
            if watched.lists_without_it > 0 and not watched.hinted.is_set():
                by_item[watched.item_id].append(watched)
        return {
            item_id: several
            for item_id, several in by_item.items()
            if len(several) > 1 and not self._is_refused(item_id)
        }

    async def _look_at_item(self, item_id: str, several: list[Watched]) -> int:
        try:
            listed = await self._client.list_job_instances(self._workspace_id, item_id)
        except FabricError as error:
            self._refused(item_id, error)
            return 1
        by_id = {job_instance.id.lower(): job_instance for job_instance in listed}
        for watched in several:
            job_instance = by_id.get(watched.job_instance_id.lower())
            if job_instance is not None and not job_instance.is_not_visible_yet:
                watched.seen_in_list(job_instance.status, ended=job_instance.has_ended)
                # It is this list that shows it, and it must be asked for again.
                watched.lists_without_it = 1
        return 1 + len(listed) // _ENTRIES_PER_PAGE

    def _refused(self, which: str, error: Exception) -> None:
        self._refused_until[which] = time.monotonic() + _REFUSED_SECONDS
        _log.info("no hints from the list of %s: %s", which, error)
