"""Exactly one job instance per attempt: takes over what an earlier process started, else starts one."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from fabric_assets.client.errors import (
    FabricApiError,
    FabricError,
    FabricNotFoundError,
    FabricTransportError,
    JobInstanceLostError,
)
from fabric_assets.client.fabric_client import RUN_NOTEBOOK, FabricClient
from fabric_assets.client.models import COMPLETED, NOT_STARTED, Accepted, Item, JobInstance, Workspace
from fabric_assets.client.retry import may_have_acted
from fabric_assets.jobs.ledger import REFUSED, Attempt, Ledger
from fabric_assets.jobs.notebook_job import JobLimits, Tell
from fabric_assets.jobs.start_lock import start_lock


class Starting:
    """Gets the job instance of one attempt, and notes each step before the next one.

    Args:
        client: the open client.
        limits: how to wait.
        ledger: the notes.
        workspace: the notebook's workspace.
        notebook: the notebook.
        post: sends the start; calls what it gets with ``True`` when it does so, and with ``False`` when that surely had
            no effect and it waits to send it again.
        tell: gets what a person should know.
    """

    def __init__(
        self,
        client: FabricClient,
        limits: JobLimits,
        ledger: Ledger,
        workspace: Workspace,
        notebook: Item,
        post: Callable[[Callable[[bool], None]], Awaitable[Accepted]],
        tell: Tell,
    ) -> None:
        self._client = client
        self._limits = limits
        self._ledger = ledger
        self._workspace = workspace
        self._notebook = notebook
        self._post = post
        self._tell = tell
        self._attempt: Attempt | None = None
        self.in_flight = False
        """Whether a start has been sent, or a job instance found, that ``obtain`` has not returned yet."""

    async def has_left_open(self) -> bool:
        """Whether an earlier process may have started a job instance that is to be taken over."""
        return await asyncio.to_thread(self._ledger.left_open) is not None

    async def obtain(self) -> str:
        """The id of the job instance to watch.

        Raises:
            JobInstanceLostError: one was started, and it cannot be told which.
            FabricError: the service refuses the start, or is out of order for too long.
        """
        self.in_flight = False
        async with start_lock(self._client.api_url, self._workspace.id, self._notebook.id):
            left_open = await asyncio.to_thread(self._ledger.left_open)
            self.in_flight = left_open is not None
            if left_open is not None and (taken := await self._take_over(left_open)) is not None:
                return taken
            return await self._start()

    async def ended(self, status: str) -> None:
        """Note how the attempt ended."""
        if self._attempt is not None:
            await self._note(replace(self._attempt, status=status))

    async def _take_over(self, left_open: Attempt) -> str | None:
        """The job instance of an earlier process, running or completed; ``None`` if there is none of use."""
        job_instance_id = left_open.job_instance_id or await self._find(left_open.intended_at)
        if job_instance_id is None:
            return None
        job_instance = await self._known(job_instance_id, left_open.intended_at)
        if job_instance is None:
            return None
        if (
            job_instance.has_ended
            and job_instance.status != COMPLETED
            and not job_instance.is_not_visible_yet
        ):
            await self._note(replace(left_open, job_instance_id=job_instance_id, status=job_instance.status))
            return None
        await self._keep(left_open, job_instance_id)
        self._tell(
            f"takes over job instance {job_instance_id} ({job_instance.status}), which an earlier attempt of this "
            "run started"
        )
        return job_instance_id

    async def _known(self, job_instance_id: str, intended_at: datetime) -> JobInstance | None:
        """What Fabric knows of a job instance; ``None`` if it surely does not run."""
        ids = (self._workspace.id, self._notebook.id)
        try:
            return (await self._client.get_job_instance(*ids, job_instance_id)).job_instance
        except FabricNotFoundError:
            # One such answer may pass. The list has every job instance that runs.
            for listed in await self._listed():
                if listed.id == job_instance_id:
                    return listed
            age = self._client.service_now() - intended_at
            if age.total_seconds() > self._limits.unseen_seconds:
                return None
            return JobInstance(job_instance_id, self._notebook.id, RUN_NOTEBOOK, NOT_STARTED)

    async def _start(self) -> str:
        give_up_at = time.monotonic() + self._limits.patience_seconds
        while True:
            attempt = Attempt(intended_at=self._client.service_now())
            await asyncio.to_thread(self._ledger.write, attempt)
            problem: FabricTransportError | FabricApiError | None = None
            accepted = Accepted(job_instance_id=None)
            self.in_flight = False
            try:
                accepted = await self._post(self._sending)
            except asyncio.CancelledError:
                if not self.in_flight:
                    await self._note(replace(attempt, status=REFUSED))
                raise
            except (FabricTransportError, FabricApiError) as error:
                if not may_have_acted(error):
                    await self._note(replace(attempt, status=REFUSED))
                    raise
                problem = error
                self._tell(f"the start was not answered as it should: {error}", logging.WARNING)
            except FabricError:
                await self._note(replace(attempt, status=REFUSED))
                raise
            job_instance_id = accepted.job_instance_id or await self._find(attempt.intended_at)
            if job_instance_id is not None:
                await self._keep(attempt, job_instance_id)
                self._tell(
                    f"started job instance {job_instance_id} of notebook {self._notebook.display_name!r} "
                    f"in workspace {self._workspace.display_name!r}"
                )
                return job_instance_id
            if problem is None:
                raise self._lost("it lists none since then")
            await self._note(replace(attempt, status=REFUSED))
            if time.monotonic() >= give_up_at:
                raise problem
            self._tell("Fabric lists no job instance since then, so the start did not arrive; starting again")

    def _sending(self, in_flight: bool) -> None:
        self.in_flight = in_flight

    async def _find(self, since: datetime) -> str | None:
        """The job instance that was started after ``since`` and belongs to nobody else; ``None`` if there is none."""
        deadline = time.monotonic() + self._limits.find_seconds
        first_seen: dict[str, float] = {}
        while True:
            candidates = await self._nobodys(since)
            now = time.monotonic()
            first_seen = {candidate: first_seen.get(candidate, now) for candidate in candidates}
            settled = [c for c, seen in first_seen.items() if now - seen >= self._limits.settle_seconds]
            if len(candidates) == 1 and settled:
                return settled[0]
            if now >= deadline and not candidates:
                return None
            if now >= deadline and len(settled) > 1:
                raise self._lost(f"several could be it: {', '.join(sorted(settled))}")
            await asyncio.sleep(min(self._limits.poll_seconds, 1.0))

    async def _nobodys(self, since: datetime) -> set[str]:
        listed = await self._listed()
        earliest = since - self._client.clock_uncertainty
        recent = {
            j.id
            for j in listed
            if j.invoke_type != "Scheduled" and (j.start_time is None or j.start_time >= earliest)
        }
        return recent - await asyncio.to_thread(self._ledger.claimed, recent)

    async def _listed(self) -> list[JobInstance]:
        """The notebook's job instances. A 404 may pass: the notebook was there a moment ago."""
        give_up_at = time.monotonic() + self._limits.unseen_seconds
        while True:
            try:
                return await self._client.list_job_instances(self._workspace.id, self._notebook.id)
            except FabricNotFoundError:
                if time.monotonic() >= give_up_at:
                    raise
            await asyncio.sleep(min(self._limits.poll_seconds, 1.0))

    async def _keep(self, attempt: Attempt, job_instance_id: str) -> None:
        self._attempt = replace(attempt, job_instance_id=job_instance_id)
        await self._note(self._attempt, claim=job_instance_id)

    async def _note(self, attempt: Attempt, *, claim: str | None = None) -> None:
        """Write to the ledger. The job instance exists by now, so a storage that fails must not lose it."""
        try:
            await asyncio.to_thread(self._ledger.write, attempt)
            if claim is not None:
                await asyncio.to_thread(self._ledger.claim, claim)
        except Exception as error:  # noqa: BLE001 -- whatever the storage raises
            self._tell(
                f"could not note job instance {attempt.job_instance_id} in Dagster's storage ({error}); "
                "if this process dies now, a retry may start another one",
                logging.WARNING,
            )

    def _lost(self, what: str) -> JobInstanceLostError:
        nothing = JobInstance(id="", item_id=self._notebook.id, job_type=RUN_NOTEBOOK, status=NOT_STARTED)
        return JobInstanceLostError(
            f"Fabric did not say which job instance of notebook {self._notebook.display_name!r} it started, "
            f"and {what}. Look at the notebook's recent runs in Fabric before you start it again.",
            job_instance=nothing,
            url=None,
            retriable=False,
        )
