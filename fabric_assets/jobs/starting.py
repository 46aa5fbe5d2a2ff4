"""Exactly one job instance per attempt: takes over what an earlier process started, else starts one."""

import asyncio
import logging
import time
from dataclasses import replace
from datetime import datetime

from fabric_assets.client.errors import (
    FabricApiError,
    FabricError,
    FabricNotFoundError,
    FabricTransportError,
    JobInstanceLostError,
)
from fabric_assets.client.models import COMPLETED, NOT_STARTED, Accepted, JobInstance
from fabric_assets.client.quota import Urgency
from fabric_assets.client.retry import may_have_acted
from fabric_assets.jobs.job import JobLimits, Tell
from fabric_assets.jobs.job_service import JobService
from fabric_assets.jobs.ledger import REFUSED, Attempt, Ledger
from fabric_assets.jobs.start_lock import start_lock


def is_of_type(job_instance: JobInstance, job_type: str | None) -> bool:
    """Whether a job instance can be of this type; ``None``: of any."""
    if job_type is None or not job_instance.job_type:
        return True
    return job_instance.job_type.lower() == job_type.lower()


class Starting:
    """Gets the job instance of one attempt, and notes each step before the next one.

    Args:
        service: where the job instance is started.
        limits: how to wait.
        ledger: the notes.
        tell: gets what a person should know.
        job_type: what is started, where an item has jobs of several types; ``None``: all of its jobs are alike.
    """

    def __init__(
        self,
        service: JobService,
        limits: JobLimits,
        ledger: Ledger,
        tell: Tell,
        *,
        job_type: str | None = None,
    ) -> None:
        self._service = service
        self._job_type = job_type
        self._limits = limits
        self._ledger = ledger
        self._tell = tell
        self._attempt: Attempt | None = None
        self.in_flight = False
        """Whether a start has been sent, or a job instance found, that ``obtain`` has not returned yet."""
        self.took_over_stopping = False
        """Whether the job instance was taken over while the service was about to cancel it for us."""

    async def has_left_open(self) -> bool:
        """Whether an earlier process may have started a job instance that is to be taken over."""
        return await asyncio.to_thread(self._ledger.left_open) is not None

    async def obtain(self) -> str:
        """The id of the job instance to watch.

        Raises:
            JobInstanceLostError: one was started, and it cannot be told which.
            FabricError: the service refuses the start, or is out of order for too long.
        """
        self.in_flight = self.took_over_stopping = False
        async with start_lock(*self._service.lock_names):
            left_open = await asyncio.to_thread(self._ledger.left_open)
            self.in_flight = left_open is not None
            if left_open is not None and (taken := await self._take_over(left_open)) is not None:
                return taken
            return await self._start()

    async def ended(self, status: str) -> None:
        """Note how the attempt ended."""
        if self._attempt is not None:
            await self._note(replace(self._attempt, status=status))

    async def stopping(self) -> None:
        """Note that the service was asked to cancel the job instance and did not confirm it."""
        if self._attempt is not None:
            await self._note(replace(self._attempt, stopping=True))

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
        self.took_over_stopping = left_open.stopping
        self._tell(
            f"takes over job instance {job_instance_id} ({job_instance.status}), which an earlier attempt of this "
            "run started" + (" and asked to cancel; waiting for its end" if left_open.stopping else "")
        )
        return job_instance_id

    async def _known(self, job_instance_id: str, intended_at: datetime) -> JobInstance | None:
        """What Fabric knows of a job instance; ``None`` if it surely does not run."""
        try:
            return (await self._service.read(job_instance_id, Urgency.READ)).job_instance
        except FabricNotFoundError:
            # One such answer may pass. The list has every job instance that runs.
            for listed in await self._listed():
                if listed.id == job_instance_id:
                    return listed
            age = self._service.service_now() - intended_at
            if age.total_seconds() > self._limits.unseen_seconds:
                return None
            return JobInstance(job_instance_id, self._service.item.id, "", NOT_STARTED)

    async def _start(self) -> str:
        give_up_at = time.monotonic() + self._limits.patience_seconds
        while True:
            attempt = Attempt(intended_at=self._service.service_now())
            await asyncio.to_thread(self._ledger.write, attempt)
            problem: FabricTransportError | FabricApiError | None = None
            accepted = Accepted(job_instance_id=None)
            self.in_flight = False
            try:
                accepted = await self._service.start(self._sending)
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
                    f"started job instance {job_instance_id} of {self._service.label} in {self._service.place}"
                )
                return job_instance_id
            if problem is None:
                raise self._lost("it lists none since then")
            await self._note(replace(attempt, status=REFUSED))
            if time.monotonic() >= give_up_at:
                raise problem
            self._tell(
                f"{self._service.service} lists no job instance since then, so the start did not arrive; "
                "starting again"
            )

    def _sending(self, in_flight: bool) -> None:
        self.in_flight = in_flight

    async def _find(self, since: datetime) -> str | None:
        """The job instance that was started after ``since`` and belongs to nobody else; ``None`` if there is none."""
        deadline = time.monotonic() + self._limits.find_seconds
        first_seen: dict[str, float] = {}
        while True:
            nobodys = await self._nobodys(since)
            candidates = {j.id for j in nobodys if is_of_type(j, self._job_type)}
            now = time.monotonic()
            first_seen = {candidate: first_seen.get(candidate, now) for candidate in candidates}
            settled = [c for c, seen in first_seen.items() if now - seen >= self._limits.settle_seconds]
            if len(candidates) == 1 and settled:
                return settled[0]
            if now >= deadline and not nobodys:
                return None
            if now >= deadline and not candidates:
                # Should the service call the type otherwise than we do, it is ours.
                others = ", ".join(sorted(f"{j.id} ({j.job_type})" for j in nobodys))
                raise self._lost(
                    f"what was started since then is of another type than {self._job_type}: {others}"
                )
            if now >= deadline and len(settled) > 1:
                raise self._lost(f"several could be it: {', '.join(sorted(settled))}")
            await asyncio.sleep(min(self._limits.poll_seconds, 1.0))

    async def _nobodys(self, since: datetime) -> list[JobInstance]:
        earliest = since - self._service.clock_uncertainty
        recent = [
            j
            for j in await self._listed()
            if j.invoke_type != "Scheduled"
            # One that never ran, as it was skipped or cancelled, may have no start.
            and ((shown := j.start_time or j.end_time) is None or shown >= earliest)
        ]
        claimed = await asyncio.to_thread(self._ledger.claimed, {j.id for j in recent})
        return [j for j in recent if j.id not in claimed]

    async def _listed(self) -> list[JobInstance]:
        """The item's job instances. A 404 may pass: the item was there a moment ago."""
        give_up_at = time.monotonic() + self._limits.unseen_seconds
        while True:
            try:
                return await self._service.list_job_instances()
            except FabricNotFoundError:
                if time.monotonic() >= give_up_at:
                    raise
            await asyncio.sleep(min(self._limits.poll_seconds, 1.0))

    async def _keep(self, attempt: Attempt, job_instance_id: str) -> None:
        self._attempt = replace(attempt, job_instance_id=job_instance_id)
        await self._note(self._attempt)

    async def _note(self, attempt: Attempt) -> None:
        """Write to the ledger. The job instance exists by now, so a storage that fails must not lose it."""
        try:
            await asyncio.to_thread(self._ledger.write, attempt)
        except Exception as error:  # noqa: BLE001 -- whatever the storage raises
            self._tell(
                f"could not note job instance {attempt.job_instance_id} in Dagster's storage ({error}); "
                "if this process dies now, a retry may start another one",
                logging.WARNING,
            )

    def _lost(self, what: str) -> JobInstanceLostError:
        nothing = JobInstance(id="", item_id=self._service.item.id, job_type="", status=NOT_STARTED)
        service, label = self._service.service, self._service.label
        return JobInstanceLostError(
            f"{service} did not say which job instance of {label} it started, and {what}. "
            f"Look at its recent runs in {service} before you start it again.",
            job_instance=nothing,
            url=None,
            retriable=False,
        )
