"""One job instance: started once, watched to its end, cancelled if nobody waits for it any more."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, suppress

from fabric_assets.client.errors import (
    FabricApiError,
    FabricError,
    FabricNotFoundError,
    JobInstanceError,
    JobInstanceLostError,
    JobInstanceTimeoutError,
)
from fabric_assets.client.models import CANCELLED, DEDUPED, FAILED
from fabric_assets.client.quota import Urgency
from fabric_assets.client.retry import is_capacity_full
from fabric_assets.jobs.cancelling import Cancelling
from fabric_assets.jobs.capacity import CapacityPatience
from fabric_assets.jobs.capacity_queue import CapacityQueue, Place, Ticket
from fabric_assets.jobs.ending import outcome_of
from fabric_assets.jobs.job import ItemJob, Job, JobLimits, JobOutcome, Tell
from fabric_assets.jobs.job_service import JobService
from fabric_assets.jobs.ledger import Ledger
from fabric_assets.jobs.observed import ObservedJobInstance
from fabric_assets.jobs.starting import Starting, is_of_type
from fabric_assets.jobs.watcher import Watched, Watcher

_LONGEST_WAIT_AFTER_SKIPS_SECONDS = 60.0


class JobExecution:
    """One job instance on its way.

    Args:
        service: starts, reads and cancels it.
        job: what is wanted of it.
        limits: how to wait.
        ledger: the notes.
        watcher: says when it is worth a read.
        queue: the queue in front of the capacity.
        tell: gets one line at the start and one per change of status.
    """

    def __init__(
        self,
        service: JobService,
        job: Job,
        *,
        limits: JobLimits,
        ledger: Ledger,
        watcher: Watcher,
        queue: CapacityQueue,
        tell: Tell,
    ) -> None:
        self._service = service
        self._job = job
        self._limits = limits
        self._watcher = watcher
        self._queue = queue
        self._tell = tell
        self._job_type = job.job_type if isinstance(job, ItemJob) else None
        self._starting = Starting(service, limits, ledger, tell, job_type=self._job_type)
        self._capacity = CapacityPatience(
            limits.capacity_patience_seconds, limits.capacity_wait_seconds, tell
        )
        self._seen = ObservedJobInstance(service, limits, tell)
        self._cancelling = Cancelling(
            service, limits, watcher, self._seen, self._starting.ended, self._starting.stopping, tell
        )
        self._skipped = 0
        self._skipped_since = 0.0

    async def to_the_end(self) -> JobOutcome:
        """Start it and wait for its end. Raises what ``JobControl.run`` documents."""
        ticket = self._queue.ticket(self._job.expected_seconds)
        while True:
            async with self._place(ticket) as place:
                no_room = await self._start_and_watch()
                if no_room is not None:
                    if place is not None:
                        self._queue.no_room(place)
                    self._capacity.no_room(no_room)
                    continue
            if self._seen.latest.status == CANCELLED and self._starting.took_over_stopping:
                # Our own cancel, of an attempt that is over, is no outcome of this one.
                continue
            if self._seen.latest.status == DEDUPED:
                the_way_is_free = await self._wait_for_the_one_in_the_way()
                if the_way_is_free and self._job.run_again_if_deduped:
                    continue
            self._capacity.over()
            return await outcome_of(self._seen, self._service, self._job, self._tell)

    @asynccontextmanager
    async def _place(self, ticket: Ticket) -> AsyncIterator[Place | None]:
        """A place on the capacity. What runs already, started by an earlier process, needs to be watched now."""
        remaining_seconds = self._capacity.remaining_seconds
        vcores = self._service.vcores(self._limits.node_vcores)
        if vcores is None:
            await self._capacity.wait()
            yield None
            return
        place = self._queue.place(
            ticket,
            vcores,
            session=self._service.session,
            at_once=self._starting.has_left_open,
            tell=self._tell if remaining_seconds is None else None,
        )
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(remaining_seconds):
                    held = await stack.enter_async_context(place)
            except TimeoutError:
                raise self._capacity.exhausted() from None
            yield held

    async def _start_and_watch(self) -> str | None:
        """Start it and wait for its end; returns why there was no room on the capacity, ``None`` if there was."""
        try:
            await self._obtain()
            await self._run_to_its_end()
        except FabricApiError as error:
            if not is_capacity_full(error.error_code, str(error)):
                raise
            return str(error)
        if self._failed_for_capacity():
            return f"job instance {self._seen.id} found no room"
        return None

    async def _obtain(self) -> None:
        """Get the job instance. A start on its way is not torn apart: what has no known id cannot be cancelled."""
        start = asyncio.ensure_future(self._starting.obtain())
        self._seen.about_to_start()
        try:
            self._seen.begun(await asyncio.shield(start))
        except asyncio.CancelledError:
            wait_seconds = self._limits.cancel_timeout_seconds
            if not self._starting.in_flight:
                # Before anything else has its turn, which could be the start.
                start.cancel()
            done, _ = await asyncio.wait({start}, timeout=wait_seconds)
            if not done:
                start.cancel()
                service = self._service.service
                self._tell(
                    f"{self._service.label} may have been started, and {service} did not answer "
                    f"within {wait_seconds:g} s: look at its recent runs in {service}; a retry takes it over",
                    logging.WARNING,
                )
            elif not start.cancelled() and start.exception() is None:
                self._seen.begun(start.result())
                with self._watching() as watched:
                    await self._cancelling.let_go(watched)
            raise

    async def _run_to_its_end(self) -> None:
        with self._watching() as watched:
            try:
                try:
                    await self._watch_in_time(watched)
                except JobInstanceError as error:
                    await self._wait_for_retry(error)
                    raise
            except asyncio.CancelledError:
                await self._cancelling.let_go(watched)
                raise
        await self._starting.ended(self._seen.latest.status)

    async def _watch_in_time(self, watched: Watched) -> None:
        try:
            try:
                async with asyncio.timeout(self._job.timeout_seconds) as limit:
                    await self._watch(watched, limit)
            except TimeoutError:
                await self._stop_after_timeout(watched)
        except JobInstanceError:
            raise
        except FabricError as error:
            raise JobInstanceLostError(
                f"lost sight of {self._service.label} after {self._seen.elapsed_seconds:.0f} s; "
                f"{self._seen.where}. It may still be running; a retry of this run takes it over. {error}",
                job_instance=self._seen.latest,
                url=self._seen.link,
                error_code=error.error_code,
                request_id=error.request_id,
            ) from error

    async def _wait_for_retry(self, error: JobInstanceError) -> None:
        """Keep hold of a job instance that may still run until the caller's next attempt can take it over."""
        wait_seconds = self._job.retry_wait_seconds
        if wait_seconds is not None and error.may_still_run:
            self._tell(f"{error} The next attempt begins in {wait_seconds:g} s.", logging.WARNING)
            await asyncio.sleep(wait_seconds)

    def _watching(self) -> AbstractContextManager[Watched]:
        return self._watcher.watching(
            self._service, self._seen.id, self._job.expected_seconds, self._seen.tell_listed
        )

    def _failed_for_capacity(self) -> bool:
        """Whether it found no room, so that nothing of it ran.

        A pipeline itself takes no room: there it was one of its activities, and others have done their work.
        """
        reason = self._seen.latest.failure_reason
        return (
            self._service.listed_in == "sessions"
            and self._seen.latest.status == FAILED
            and reason is not None
            and is_capacity_full(reason.error_code, reason.message)
        )

    async def _wait_for_the_one_in_the_way(self) -> bool:
        """Fabric skipped our job instance because another one of the item was running: whether that one ended."""
        self._tell(
            f"{self._service.service} skipped job instance {self._seen.id} of {self._service.label}, as another one "
            "of it was running; waiting for that one to end",
            logging.WARNING,
        )
        now = asyncio.get_running_loop().time()
        wait = 0.0
        if self._skipped == 0:
            self._skipped_since = now
        else:
            # The list shows nothing in the way, or others were quicker.
            longest = self._limits.poll_seconds * 2.0 ** min(self._skipped, 30)
            wait = min(longest, _LONGEST_WAIT_AFTER_SKIPS_SECONDS) * random.uniform(0.5, 1.0)  # noqa: S311
        self._skipped += 1
        limit = self._job.timeout_seconds
        with suppress(TimeoutError):
            async with asyncio.timeout_at(None if limit is None else self._skipped_since + limit):
                await asyncio.sleep(wait)
                while True:
                    with suppress(FabricNotFoundError):  # it passes
                        listed = await self._service.list_job_instances()
                        if all(each.has_ended for each in listed if is_of_type(each, self._job_type)):
                            return True
                    await asyncio.sleep(self._limits.poll_seconds)
        return False

    async def _watch(self, watched: Watched, limit: asyncio.Timeout) -> None:
        """Read until it has ended. One line per change of status."""
        while not self._seen.latest.has_ended:
            urgency = await self._watcher.worth_a_read(watched, self._seen.retry_after_seconds)
            times_out_at = limit.when()
            if urgency is Urgency.LIKELY_END:
                # It has ended in time. That we must wait for our turn to read it is not its fault.
                limit.reschedule(None)
            known = await self._seen.read(urgency)
            limit.reschedule(times_out_at)
            if known:
                self._seen.tell_status(self._seen.latest.status)

    async def _stop_after_timeout(self, watched: Watched) -> None:
        ended = await self._cancelling.cancel(watched)
        if ended and self._seen.latest.status != CANCELLED:
            # It came to its own end just before the cancel: the table is loaded, or there is a reason why not.
            return
        raise JobInstanceTimeoutError(
            f"{self._service.label} did not end within {self._job.timeout_seconds:g} s; "
            + ("the job instance was cancelled" if ended else "the job instance could not be cancelled")
            + f"; {self._seen.where}. Raise `timeout_seconds` of asset {self._job.asset} if it needs longer.",
            job_instance=self._seen.latest,
            url=self._seen.link,
            cancelled=ended,
        )
