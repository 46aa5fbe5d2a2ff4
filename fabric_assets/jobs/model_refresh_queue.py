"""Refreshing a semantic model behind whatever refresh of it runs already: Power BI carries out one at a time."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from fabric_assets.client.errors import (
    FabricApiError,
    FabricAuthError,
    FabricError,
    JobInstanceFailedError,
)
from fabric_assets.client.models import NOT_STARTED
from fabric_assets.client.power_bi_client import ModelRefresh
from fabric_assets.jobs.job import JobLimits, JobOutcome, Tell
from fabric_assets.jobs.ledger import Ledger
from fabric_assets.jobs.semantic_model import (
    DISABLED,
    IN_PROGRESS,
    SemanticModelRefresh,
    SemanticModelService,
    job_status,
)
from fabric_assets.jobs.watcher import wait_seconds

_WHOSE = {
    "Scheduled": "by the model's own schedule in Power BI",
    "OnDemand": "by a person in Power BI",
    "OnDemandTraining": "by Power BI itself, for a training",
    "ViaXmlaEndpoint": "over the XMLA endpoint",
    "ViaApi": "over the API by somebody else",
    "ViaEnhancedApi": "over the API by somebody else",
}
_LONGEST_WAIT_SECONDS = 60.0
_CLOCK_IS_KNOWN = timedelta(seconds=10)


async def refresh_to_the_end(
    service: SemanticModelService,
    job: SemanticModelRefresh,
    execute: Callable[[], Awaitable[JobOutcome]],
    *,
    limits: JobLimits,
    ledger: Ledger,
    tell: Tell,
) -> JobOutcome:
    """Refresh a semantic model as soon as no other refresh of it runs.

    Args:
        service: the model.
        job: what is wanted.
        execute: starts a refresh and waits for its end; see ``JobExecution``.
        limits: how to wait.
        ledger: says whether a refresh that runs is one of ours.
        tell: gets the lines.

    Raises:
        FabricError: it could not be started, or did not complete.
    """
    others = _Others(service, job, limits, ledger, tell)
    try:
        if service.clock_uncertainty > _CLOCK_IS_KNOWN:
            # An answer with a date, so that a start whose answer is lost is found by its time.
            await service.list_refreshes()
        while True:
            try:
                return await execute()
            except FabricApiError as error:
                if service.refusal is not error or not await others.run():
                    raise
            await others.wait()
    except JobInstanceFailedError as error:
        if error.error_code == DISABLED:
            error.retriable = False
        raise
    except (FabricApiError, FabricAuthError) as error:
        error.args = (f"asset {job.asset}: the {service.label} did not start: {error}",)
        raise


class _Others:
    """Refreshes of the model that others started, and that are in the way."""

    def __init__(
        self,
        service: SemanticModelService,
        job: SemanticModelRefresh,
        limits: JobLimits,
        ledger: Ledger,
        tell: Tell,
    ) -> None:
        self._service = service
        self._job = job
        self._limits = limits
        self._ledger = ledger
        self._tell = tell
        self._begun = time.monotonic()
        self._told: set[str | None] = set()

    async def run(self) -> bool:
        """Whether it was one of them that the start was refused for."""
        running = await self._running()
        refused = "already executing" in str(self._service.refusal)
        if running is None and (not refused or self._waited_too_long):
            return False
        if running is None:
            # It has just ended, or the list does not show it yet.
            return True
        if running.id not in self._told:
            self._told.add(running.id)
            self._tell(await self._sentence(running), logging.WARNING)
        if self._waited_too_long:
            raise FabricError(
                f"asset {self._job.asset}: the {self._service.label} did not start within "
                f"{self._job.timeout_seconds:g} s, as another one is running: {await self._whose(running)}. Nothing "
                "was started. Raise `timeout_seconds` of the asset, or let the model be refreshed from one place only.",
                error_code="RefreshInProgress",
                retriable=True,
            )
        return True

    async def wait(self) -> None:
        """Until they have ended, as far as the list tells. It can be wrong, so not for long."""
        begun = time.monotonic()
        while True:
            waited = time.monotonic() - begun
            if self._waited_too_long or waited > _LONGEST_WAIT_SECONDS:
                return
            await asyncio.sleep(wait_seconds(waited, None, self._limits.poll_seconds))
            if await self._running() is None:
                return

    @property
    def _waited_too_long(self) -> bool:
        limit = self._job.timeout_seconds
        return limit is not None and time.monotonic() - self._begun > limit

    async def _running(self) -> ModelRefresh | None:
        for refresh in await self._service.list_refreshes():
            if refresh.end_time is None and job_status(refresh) in (IN_PROGRESS, NOT_STARTED):
                return refresh
        return None

    async def _sentence(self, running: ModelRefresh) -> str:
        return (
            f"another refresh of semantic model {self._service.item.display_name!r} is running: "
            f"{await self._whose(running)}; waiting for its end"
        )

    async def _whose(self, running: ModelRefresh) -> str:
        whose = _WHOSE.get(running.via or "", f"by {running.via or 'somebody'}")
        ids: set[str] = {running.id} if running.id else set()
        if ids and await asyncio.to_thread(self._ledger.claimed, ids):
            whose = "by another asset or run of Dagster"
        since = f" at {running.start_time:%Y-%m-%d %H:%M:%S} UTC" if running.start_time else ""
        return f"{running.id or 'one without an id'}, started {whose}{since}"
