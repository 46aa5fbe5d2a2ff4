"""Waiting for a full capacity: no failure of the notebook, and no use of the asset's retries."""

import asyncio
import logging
import random
import time

from fabric_assets.client.errors import FabricError
from fabric_assets.jobs.notebook_job import JobLimits, Tell

_GROWTH = 1.5
_LONGEST_IN_FIRST_WAITS = 10.0


class CapacityWait:
    """Waits between starts that find no room, with a line at the begin and one at the end."""

    def __init__(self, limits: JobLimits, tell: Tell) -> None:
        self._limits = limits
        self._tell = tell
        self._since: float | None = None
        self._waited_until = 0.0
        self._next_wait = limits.capacity_wait_seconds

    async def wait(self, why: str) -> None:
        """Wait before the next start.

        Raises:
            FabricError: the capacity has been full for longer than the limit.
        """
        now = time.monotonic()
        if self._since is None:
            self._since = now
            self._tell(
                f"the capacity is full ({why}); waiting for room for up to "
                f"{self._limits.capacity_patience_seconds / 3600:g} h, without using up retries",
                logging.WARNING,
            )
        if now - self._since + self._next_wait > self._limits.capacity_patience_seconds:
            raise FabricError(
                f"the capacity has been full for {now - self._since:.0f} s: {why}. Run fewer notebooks at once "
                "(a Dagster pool), or take a larger capacity.",
                error_code="TooManyRequestsForCapacity",
            )
        await asyncio.sleep(self._next_wait * random.uniform(0.8, 1.2))  # noqa: S311 -- spreads starts, no secret
        self._waited_until = time.monotonic()
        longest = self._limits.capacity_wait_seconds * _LONGEST_IN_FIRST_WAITS
        self._next_wait = min(self._next_wait * _GROWTH, longest)

    def over(self) -> None:
        """There was room after all."""
        if self._since is not None:
            self._tell(f"the capacity had room after {self._waited_until - self._since:.0f} s")
            self._since = None
