"""Cancelling a job instance, and waiting until the service says that it has ended."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from fabric_assets.client.errors import FabricApiError, FabricError, FabricNotFoundError
from fabric_assets.jobs.job import JobLimits, Tell
from fabric_assets.jobs.job_service import JobService
from fabric_assets.jobs.observed import ObservedJobInstance
from fabric_assets.jobs.watcher import Watched, Watcher

_QUOTA_SECONDS = 65.0
_REFUSED = frozenset({400, 409})


class Cancelling:
    """Cancels one job instance.

    Args:
        service: where it is.
        limits: how long to wait.
        watcher: says when it is worth a read.
        seen: the job instance.
        on_ended: called with its status when it has ended.
        on_unconfirmed: called when it was asked to be cancelled, and has not been seen to end.
        tell: gets what becomes of it.
    """

    def __init__(
        self,
        service: JobService,
        limits: JobLimits,
        watcher: Watcher,
        seen: ObservedJobInstance,
        on_ended: Callable[[str], Awaitable[None]],
        on_unconfirmed: Callable[[], Awaitable[None]],
        tell: Tell,
    ) -> None:
        self._service = service
        self._limits = limits
        self._watcher = watcher
        self._seen = seen
        self._on_ended = on_ended
        self._on_unconfirmed = on_unconfirmed
        self._tell = tell

    async def let_go(self, watched: Watched) -> None:
        """Nobody waits for the job instance any more."""
        if self._limits.cancel_on_terminate:
            await self.cancel(watched, confirmed_by_list=True)
        else:
            self._tell(f"job instance {self._seen.id} is left running (cancel_on_terminate is off)")

    async def cancel(self, watched: Watched, *, confirmed_by_list: bool = False) -> bool:
        """Cancel and wait for the confirmation.

        Args:
            watched: the job instance.
            confirmed_by_list: take a list's word for it where the quota has no room to read each one: nobody waits for
                the outcome.

        Returns:
            Whether it was read in time that it has ended.
        """
        asked = False
        try:
            async with asyncio.timeout(self._limits.cancel_timeout_seconds):
                running = await self._ask()
                asked = True
                while True:
                    if running:
                        # Reads take nothing from the quota that others need to be cancelled.
                        await self._watcher.worth_a_read_after_cancel(watched)
                    if confirmed_by_list and watched.ended_as and not self._watcher.has_room:
                        self._tell(
                            f"job instance {self._seen.id} is {watched.ended_as} in the list of Spark sessions"
                        )
                        return False
                    if await self._seen.read() and self._seen.latest.has_ended:
                        self._tell(f"job instance {self._seen.id} is {self._seen.latest.status}")
                        await self._on_ended(self._seen.latest.status)
                        return True
                    running = True
        except (FabricError, TimeoutError) as error:
            late = isinstance(error, TimeoutError) and not asked and await self._late()
            if asked or late:
                await self._on_unconfirmed()
            if late:
                return False
            self._tell(
                f"{self._service.service} did not confirm that job instance {self._seen.id} of {self._service.label} "
                f"was cancelled ({str(error) or 'time-out'}); it may still be running: "
                f"{self._seen.link or self._seen.id}",
                logging.WARNING,
            )
            return False

    async def _late(self) -> bool:
        """Where many are cancelled at once the quota lets some of them wait for a minute: better late than never."""
        self._tell(
            f"{self._service.service} did not accept to cancel job instance {self._seen.id} within "
            f"{self._limits.cancel_timeout_seconds:g} s; trying for another {_QUOTA_SECONDS:g} s",
            logging.WARNING,
        )
        with suppress(TimeoutError, FabricError):
            async with asyncio.timeout(_QUOTA_SECONDS):
                await self._ask()
                return True
        return False

    async def _ask(self) -> bool:
        """Ask to cancel; whether there was something to cancel. Right after a start it may not be known yet."""
        while True:
            try:
                running = await self._service.cancel(self._seen.id)
            except FabricNotFoundError:
                if not self._seen.may_be_unseen:
                    raise
            except FabricApiError as error:
                # The service's word for a job instance that has ended may be one that we do not know.
                if error.status_code not in _REFUSED or not (
                    await self._seen.read() and self._seen.latest.has_ended
                ):
                    raise
                return False
            else:
                if running:
                    self._tell(f"asked {self._service.service} to cancel job instance {self._seen.id}")
                return running
            await asyncio.sleep(min(self._limits.poll_seconds, 1.0))
