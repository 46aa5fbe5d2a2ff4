"""One job instance: started once, watched to its end, cancelled if nobody waits for it any more."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fabric_assets.client.compute import (
    ComputeSettings,
    ResolvedCompute,
    generic_execution_data,
    notebook_request_body,
)
from fabric_assets.client.errors import (
    FabricApiError,
    FabricError,
    FabricNotFoundError,
    JobInstanceError,
    JobInstanceFailedError,
    JobInstanceLostError,
    JobInstanceTimeoutError,
)
from fabric_assets.client.fabric_client import RUN_NOTEBOOK, FabricClient, JobReading
from fabric_assets.client.models import (
    CANCELLED,
    COMPLETED,
    DEDUPED,
    FAILED,
    KNOWN_STATUSES,
    NOT_STARTED,
    Accepted,
    Item,
    JobInstance,
    NotebookJobDetails,
    Workspace,
)
from fabric_assets.client.quota import Urgency
from fabric_assets.client.retry import is_capacity_full
from fabric_assets.jobs.capacity import CapacityPatience
from fabric_assets.jobs.capacity_queue import CapacityQueue, Place
from fabric_assets.jobs.ledger import Ledger
from fabric_assets.jobs.notebook_job import JobLimits, JobOutcome, NotebookJob, Tell
from fabric_assets.jobs.starting import Starting
from fabric_assets.jobs.watcher import Watched, Watcher

_DETAILS_WITHIN_SECONDS = 20.0
_LONGEST_WAIT_AFTER_SKIPS_SECONDS = 60.0
_QUOTA_SECONDS = 65.0


@dataclass(frozen=True)
class Links:
    """Pages of Fabric's portal; there is none for the local Fabric."""

    portal_url: str | None
    workspace_id: str
    notebook_id: str

    @property
    def notebook(self) -> str | None:
        """The page that opens the notebook."""
        if self.portal_url is None:
            return None
        return f"{self.portal_url}/groups/{self.workspace_id}/synapsenotebooks/{self.notebook_id}"

    def job_instance(self, job_instance_id: str) -> str | None:
        """The page that shows the executed notebook (as in the examples of the API description)."""
        return f"{self.notebook}/snapshots/{job_instance_id}" if self.notebook else None


class JobExecution:
    """One job instance on its way."""

    def __init__(
        self,
        client: FabricClient,
        limits: JobLimits,
        ledger: Ledger,
        links: Links,
        job: NotebookJob,
        workspace: Workspace,
        notebook: Item,
        compute: ResolvedCompute | None,
        watcher: Watcher,
        queue: CapacityQueue,
        tell: Tell,
    ) -> None:
        self._client = client
        self._watcher = watcher
        self._queue = queue
        self._limits = limits
        self._links = links
        self._job = job
        self._workspace = workspace
        self._notebook = notebook
        self._tell = tell
        self._compute = compute
        self._starting = Starting(client, limits, ledger, workspace, notebook, self._post, tell)
        self._capacity = CapacityPatience(limits.capacity_patience_seconds, tell)
        self._job_instance = JobInstance(id="", item_id=notebook.id, job_type=RUN_NOTEBOOK, status="")
        self._started_at = datetime.now(UTC)
        self._started = time.monotonic()
        self._last_seen = self._started
        self._told_unseen = False
        self._told_status = ""
        self._queued_seconds: float | None = None
        self._details: NotebookJobDetails | None = None
        self._skipped = 0
        self._skipped_since = 0.0

    async def to_the_end(self) -> JobOutcome:
        """Start it and wait for its end. Raises what ``JobControl.run`` documents."""
        ticket = self._queue.ticket()
        while True:
            async with self._place(ticket) as place:
                no_room = await self._start_and_watch()
                if no_room is not None:
                    self._queue.no_room(place)
                    self._capacity.no_room(no_room)
                    continue
            if self._job_instance.status == DEDUPED:
                the_way_is_free = await self._wait_for_the_one_in_the_way()
                if the_way_is_free and self._job.run_again_if_deduped:
                    continue
            self._capacity.over()
            return await self._outcome()

    @asynccontextmanager
    async def _place(self, ticket: int) -> AsyncIterator[Place]:
        """A place on the capacity. What runs already, started by an earlier process, needs to be watched now."""
        remaining_seconds = self._capacity.remaining_seconds
        settings = self._compute.settings if self._compute is not None else ComputeSettings()
        place = self._queue.place(
            ticket,
            settings.vcores(self._limits.node_vcores),
            session=settings.session_tag and f"{self._workspace.id}/{settings.session_tag}",
            at_once=await self._starting.has_left_open(),
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
            return f"job instance {self._job_instance.id} found no room"
        return None

    async def _obtain(self) -> None:
        """Get the job instance. A start on its way is not torn apart: what has no known id cannot be cancelled."""
        start = asyncio.ensure_future(self._starting.obtain())
        self._started_at, self._started = datetime.now(UTC), time.monotonic()
        self._queued_seconds = None
        try:
            self._begun(await asyncio.shield(start))
        except asyncio.CancelledError:
            wait_seconds = self._limits.cancel_timeout_seconds
            if not self._starting.in_flight:
                # Before anything else has its turn, which could be the start.
                start.cancel()
            done, _ = await asyncio.wait({start}, timeout=wait_seconds)
            if not done:
                start.cancel()
                self._tell(
                    f"notebook {self._notebook.display_name!r} may have been started, and Fabric did not answer "
                    f"within {wait_seconds:g} s: look at its recent runs in Fabric; a retry takes it over",
                    logging.WARNING,
                )
            elif not start.cancelled() and start.exception() is None:
                self._begun(start.result())
                with self._watching() as watched:
                    await self._let_go(watched)
            raise

    def _begun(self, job_instance_id: str) -> None:
        self._started = self._last_seen = time.monotonic()
        self._told_status, self._details = "", None
        self._job_instance = JobInstance(
            id=job_instance_id, item_id=self._notebook.id, job_type=RUN_NOTEBOOK, status=NOT_STARTED
        )

    async def _post(self, on_sending: Callable[[bool], None]) -> Accepted:
        ids = (self._workspace.id, self._notebook.id)
        compute, parameters = self._compute, self._job.parameters
        if compute is not None and compute.settings.needs_notebook_route:
            body = notebook_request_body(parameters, compute)
            return await self._client.start_notebook(*ids, body, on_sending=on_sending)
        data = generic_execution_data(parameters, compute)
        return await self._client.start_job_instance(*ids, RUN_NOTEBOOK, data, on_sending=on_sending)

    async def _run_to_its_end(self) -> None:
        with self._watching() as watched:
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
                    f"lost sight of notebook {self._notebook.display_name!r} after {self._elapsed():.0f} s; "
                    f"{self._where()}. It may still be running; a retry of this run takes it over. {error}",
                    job_instance=self._job_instance,
                    url=self._run_link({}),
                    error_code=error.error_code,
                    request_id=error.request_id,
                ) from error
            except asyncio.CancelledError:
                await self._let_go(watched)
                raise
        await self._starting.ended(self._job_instance.status)

    def _watching(self) -> AbstractContextManager[Watched]:
        return self._watcher.watching(
            self._workspace.id,
            self._notebook.id,
            self._job_instance.id,
            self._job.expected_seconds,
            self._tell_status,
            shares_session=bool(self._compute is not None and self._compute.settings.session_tag),
        )

    def _failed_for_capacity(self) -> bool:
        reason = self._job_instance.failure_reason
        return (
            self._job_instance.status == FAILED
            and reason is not None
            and is_capacity_full(reason.error_code, reason.message)
        )

    async def _wait_for_the_one_in_the_way(self) -> bool:
        """Fabric skipped our job instance because another one of the notebook was running: whether that one ended."""
        self._tell(
            f"Fabric skipped job instance {self._job_instance.id}, as another one of the notebook was running; "
            "waiting for that one to end",
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
                        listed = await self._client.list_job_instances(self._workspace.id, self._notebook.id)
                        if all(job_instance.has_ended for job_instance in listed):
                            return True
                    await asyncio.sleep(self._limits.poll_seconds)
        return False

    async def _let_go(self, watched: Watched) -> None:
        """Nobody waits for the job instance any more."""
        if self._limits.cancel_on_terminate:
            await self._cancel(watched, confirmed_by_list=True)
        else:
            self._tell(f"job instance {self._job_instance.id} is left running (cancel_on_terminate is off)")

    async def _watch(self, watched: Watched, limit: asyncio.Timeout) -> None:
        """Read until it has ended. One line per change of status."""
        retry_after: float | None = None
        while True:
            urgency = await self._watcher.worth_a_read(self._workspace.id, watched, retry_after)
            times_out_at = limit.when()
            if urgency is Urgency.LIKELY_END:
                # It has ended in time. That we must wait for our turn to read it is not the notebook's fault.
                limit.reschedule(None)
            reading = await self._read(urgency)
            limit.reschedule(times_out_at)
            retry_after = reading.retry_after_seconds if reading is not None else None
            if reading is None:
                continue
            self._job_instance = reading.job_instance
            self._details = reading.details
            self._tell_status(reading.job_instance.status)
            if reading.job_instance.has_ended:
                return

    def _tell_status(self, status: str) -> None:
        """One line per change of status, whoever saw it first."""
        before, self._told_status = self._told_status, status
        if status != NOT_STARTED and self._queued_seconds is None:
            self._queued_seconds = self._elapsed()
        if status == before:
            return
        text = f"job instance {self._job_instance.id} is {status} after {self._elapsed():.0f} s"
        if status not in KNOWN_STATUSES:
            self._tell(f"{text}, a status that is not known here; still waiting", logging.WARNING)
        elif status == NOT_STARTED and before:
            self._tell(f"{text}, although it was {before} before; still waiting", logging.WARNING)
        else:
            self._tell(text)

    async def _read(self, urgency: Urgency = Urgency.READ) -> JobReading | None:
        """Read once; ``None`` while the service does not know its own job instance: at first, or for a moment."""
        try:
            reading = await self._read_on_a_route(urgency)
        except FabricNotFoundError:
            if not self._may_be_unseen():
                raise
            if self._last_seen != self._started and not self._told_unseen:
                self._told_unseen = True
                self._tell(
                    f"Fabric knows no job instance {self._job_instance.id} any more; still looking for it",
                    logging.WARNING,
                )
            return None
        if reading.job_instance.is_not_visible_yet and self._elapsed() < self._limits.unseen_seconds:
            return None
        self._last_seen, self._told_unseen = time.monotonic(), False
        return reading

    async def _read_on_a_route(self, urgency: Urgency) -> JobReading:
        """An end is read with exit value and links on the notebook route: one call instead of two."""
        ids = (self._workspace.id, self._notebook.id, self._job_instance.id)
        if urgency is Urgency.LIKELY_END:
            with suppress(FabricError):
                return await self._client.get_notebook_job_instance(
                    *ids, urgency=urgency, patience_seconds=_DETAILS_WITHIN_SECONDS
                )
        return await self._client.get_job_instance(*ids, urgency=urgency)

    def _may_be_unseen(self) -> bool:
        return time.monotonic() - self._last_seen < self._limits.unseen_seconds

    async def _cancel(self, watched: Watched, *, confirmed_by_list: bool = False) -> JobInstance | None:
        """Cancel and wait for the confirmation.

        Args:
            watched: the job instance.
            confirmed_by_list: take a list's word for it where the quota has no room to read each one: nobody waits for
                the outcome.

        Returns:
            The ended job instance; ``None`` if it could not be read in time.
        """
        job_id = self._job_instance.id
        asked = False
        try:
            async with asyncio.timeout(self._limits.cancel_timeout_seconds):
                running = await self._ask_to_cancel()
                asked = True
                while True:
                    if running:
                        # Reads take nothing from the quota that others need to be cancelled.
                        await self._watcher.worth_a_read_after_cancel(self._workspace.id, watched)
                    if confirmed_by_list and watched.ended_as and not self._watcher.has_room:
                        self._tell(
                            f"job instance {job_id} is {watched.ended_as} in the list of Spark sessions"
                        )
                        return None
                    reading = await self._read()
                    if reading is not None and reading.job_instance.has_ended:
                        self._tell(f"job instance {job_id} is {reading.job_instance.status}")
                        await self._starting.ended(reading.job_instance.status)
                        return reading.job_instance
                    running = True
        except (FabricError, TimeoutError) as error:
            if isinstance(error, TimeoutError) and not asked and await self._cancel_late():
                return None
            self._tell(
                f"Fabric did not confirm that job instance {job_id} of notebook {self._notebook.display_name!r} was "
                f"cancelled ({str(error) or 'time-out'}); it may still be running: {self._run_link({}) or job_id}",
                logging.WARNING,
            )
            return None

    async def _cancel_late(self) -> bool:
        """Where many are cancelled at once the quota lets some of them wait for a minute: better late than never."""
        job_id = self._job_instance.id
        self._tell(
            f"Fabric did not accept to cancel job instance {job_id} within "
            f"{self._limits.cancel_timeout_seconds:g} s; trying for another {_QUOTA_SECONDS:g} s",
            logging.WARNING,
        )
        with suppress(TimeoutError, FabricError):
            async with asyncio.timeout(_QUOTA_SECONDS):
                await self._ask_to_cancel()
                return True
        return False

    async def _ask_to_cancel(self) -> bool:
        """Ask Fabric to cancel; whether there was something to cancel. Right after a start it may not know it yet."""
        while True:
            try:
                running = await self._client.cancel_job_instance(
                    self._workspace.id, self._notebook.id, self._job_instance.id
                )
            except FabricNotFoundError:
                if not self._may_be_unseen():
                    raise
            else:
                if running:
                    self._tell(f"asked Fabric to cancel job instance {self._job_instance.id}")
                return running
            await asyncio.sleep(min(self._limits.poll_seconds, 1.0))

    async def _stop_after_timeout(self, watched: Watched) -> None:
        ended = await self._cancel(watched)
        if ended is not None and ended.status == COMPLETED:
            # It came to its end just before the cancel: the table is loaded.
            self._job_instance = ended
            return
        raise JobInstanceTimeoutError(
            f"notebook {self._notebook.display_name!r} did not end within {self._job.timeout_seconds:g} s; "
            + ("the job instance was cancelled" if ended else "the job instance could not be cancelled")
            + f"; {self._where()}. Raise `timeout_seconds` of asset {self._job.asset} if it needs longer.",
            job_instance=ended or self._job_instance,
            url=self._run_link({}),
            cancelled=ended is not None and ended.status == CANCELLED,
        )

    async def _outcome(self) -> JobOutcome:
        job_instance = self._job_instance
        elapsed = self._elapsed()
        details = await self._read_details()
        links = dict(details.links or {})
        if job_instance.status != COMPLETED:
            raise self._failure(job_instance, links)
        if run_link := self._run_link(links):
            links["executionSnapshotUrl"] = run_link
        if self._links.notebook:
            links["notebookUrl"] = self._links.notebook
        started_at = job_instance.start_time or self._started_at
        ended_at = job_instance.end_time or self._started_at + timedelta(seconds=elapsed)
        return JobOutcome(
            workspace=self._workspace,
            notebook=self._notebook,
            job_instance=job_instance,
            parameters=self._job.parameters,
            exit_value=job_instance.exit_value if job_instance.exit_value is not None else details.exit_value,
            started_at=started_at,
            ended_at=ended_at,
            queued_seconds=self._queued_seconds or 0.0,
            duration_seconds=max(0.0, (ended_at - started_at).total_seconds()),
            links=links,
        )

    async def _read_details(self) -> NotebookJobDetails:
        """Exit value and links. They are worth a wait, not worth failing a job instance that completed."""
        if self._details is not None:
            return self._details
        try:
            reading = await self._client.get_notebook_job_instance(
                self._workspace.id,
                self._notebook.id,
                self._job_instance.id,
                urgency=Urgency.LIKELY_END,
                patience_seconds=_DETAILS_WITHIN_SECONDS,
            )
        except FabricError as error:
            self._tell(f"could not read exit value and links: {error}", logging.WARNING)
            return NotebookJobDetails()
        return reading.details or NotebookJobDetails()

    def _failure(self, job_instance: JobInstance, links: Mapping[str, str]) -> JobInstanceFailedError:
        name = repr(self._notebook.display_name)
        reason = job_instance.failure_reason
        what = {
            "Cancelled": f"notebook {name} was cancelled in Fabric",
            "Deduped": f"notebook {name} did not run: Fabric skipped this job instance because another one of the "
            "same notebook was running already (Deduped). Run it again when that one has ended",
        }.get(job_instance.status, f"notebook {name} failed")
        detail = f": {reason.message} (error code {reason.error_code})" if reason else ""
        url = self._run_link(links)
        return JobInstanceFailedError(
            f"{what} after {self._elapsed():.0f} s{detail}; {self._where()}"
            + (f"; open {url}" if url else ""),
            job_instance=job_instance,
            url=url,
            error_code=reason.error_code if reason else job_instance.status,
            request_id=reason.request_id if reason else None,
            # A job instance that was skipped because another one ran would load a second time.
            retriable=job_instance.status != DEDUPED,
        )

    def _where(self) -> str:
        return (
            f"job instance {self._job_instance.id} in workspace {self._workspace.display_name!r} "
            f"({self._workspace.id})"
        )

    def _run_link(self, links: Mapping[str, str]) -> str | None:
        return links.get("executionSnapshotUrl") or self._links.job_instance(self._job_instance.id)

    def _elapsed(self) -> float:
        return time.monotonic() - self._started
