"""One job instance as it was last seen, and the lines that tell how it goes."""

import logging
import time
from datetime import UTC, datetime

from fabric_assets.client.errors import FabricNotFoundError
from fabric_assets.client.models import KNOWN_STATUSES, NOT_STARTED, JobDetails, JobInstance
from fabric_assets.client.quota import Urgency
from fabric_assets.jobs.job import JobLimits, Tell
from fabric_assets.jobs.job_service import JobService


class ObservedJobInstance:
    """What is known of one job instance.

    Args:
        service: where it is.
        limits: how long it may be unseen.
        tell: gets one line per change of status.

    Attributes:
        latest: as it was last read.
        details: what the service told with its end, if it did.
        started_at: when it was started, UTC, by our clock.
        queued_seconds: from the start until it was first seen to run; ``None`` until then.
        retry_after_seconds: when the service wants to be asked again.
    """

    def __init__(self, service: JobService, limits: JobLimits, tell: Tell) -> None:
        self._service = service
        self._limits = limits
        self._tell = tell
        self._nothing = JobInstance(id="", item_id=service.item.id, job_type="", status="")
        self.about_to_start()

    def about_to_start(self) -> None:
        """A start is on its way: what is known is of an earlier one."""
        self.latest = self._nothing
        self.details: JobDetails | None = None
        self.started_at = datetime.now(UTC)
        self.queued_seconds: float | None = None
        self.retry_after_seconds: float | None = None
        self._started = self._last_seen = time.monotonic()
        self._told_unseen = False
        self._told_status = self._read_status = ""

    def begun(self, job_instance_id: str) -> None:
        """It was started, or is taken over."""
        self._started = self._last_seen = time.monotonic()
        self.latest = JobInstance(
            id=job_instance_id, item_id=self._service.item.id, job_type="", status=NOT_STARTED
        )

    @property
    def id(self) -> str:
        """Its id, empty while it is not known."""
        return self.latest.id

    @property
    def elapsed_seconds(self) -> float:
        """How long it has been on its way."""
        return time.monotonic() - self._started

    @property
    def may_be_unseen(self) -> bool:
        """Whether the service may still come to know it."""
        return time.monotonic() - self._last_seen < self._limits.unseen_seconds

    @property
    def where(self) -> str:
        """Which one it is, for messages."""
        return f"job instance {self.id} in {self._service.place}"

    @property
    def link(self) -> str | None:
        """The page that shows it."""
        told = (self.details.links if self.details else None) or {}
        return told.get("executionSnapshotUrl") or self._service.links(self.id).get("jobInstanceUrl")

    async def read(self, urgency: Urgency = Urgency.READ) -> bool:
        """Read it once; whether the service knew it, as at first, or for a moment, it may not.

        Raises:
            FabricNotFoundError: it has been unknown for too long.
        """
        self.retry_after_seconds = None
        try:
            reading = await self._service.read(self.id, urgency)
        except FabricNotFoundError:
            if not self.may_be_unseen:
                raise
            if self._last_seen != self._started and not self._told_unseen:
                self._told_unseen = True
                self._tell(
                    f"{self._service.service} knows no job instance {self.id} any more; still looking for it",
                    logging.WARNING,
                )
            return False
        if reading.job_instance.is_not_visible_yet and self.elapsed_seconds < self._limits.unseen_seconds:
            return False
        self._last_seen, self._told_unseen = time.monotonic(), False
        self.latest = reading.job_instance
        self.details = reading.details
        self.retry_after_seconds = reading.retry_after_seconds
        return True

    def tell_status(self, status: str) -> None:
        """A read showed this status: one line per change."""
        before, self._read_status = self._read_status, status
        if status == NOT_STARTED and before in ("", NOT_STARTED):
            return  # that it is started has been told, and a list can be ahead of reads
        self._tell_change(status)

    def tell_listed(self, status: str) -> None:
        """A list showed this status. It can be behind what reads show, as a session begins after its job instance."""
        if status != NOT_STARTED:
            self._tell_change(status)

    def _tell_change(self, status: str) -> None:
        before, self._told_status = self._told_status, status
        if status != NOT_STARTED and self.queued_seconds is None:
            self.queued_seconds = self.elapsed_seconds
        if status == before:
            return
        text = f"job instance {self.id} is {status} after {self.elapsed_seconds:.0f} s"
        if status not in KNOWN_STATUSES:
            self._tell(f"{text}, a status that is not known here; still waiting", logging.WARNING)
        elif status == NOT_STARTED:
            self._tell(f"{text}, although it was {before} before; still waiting", logging.WARNING)
        else:
            self._tell(text)
