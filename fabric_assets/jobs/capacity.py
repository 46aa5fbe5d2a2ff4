"""Bearing a full capacity: no failure of what was started, and no use of the asset's retries."""

import asyncio
import logging
import random
import time

from fabric_assets.client.errors import FabricError
from fabric_assets.jobs.job import Tell


class CapacityPatience:
    """How long one job has found no room, with a line at the begin and one at the end.

    Args:
        patience_seconds: how long to bear it.
        wait_seconds: first wait of what does not queue for a place; it grows to ten times that.
        tell: gets the lines.
    """

    def __init__(self, patience_seconds: float, wait_seconds: float, tell: Tell) -> None:
        self._patience_seconds = patience_seconds
        self._wait_seconds = wait_seconds
        self._longest_wait_seconds = 10 * wait_seconds
        self._tell = tell
        self._since: float | None = None
        self._why = ""

    @property
    def remaining_seconds(self) -> float | None:
        """How much longer to wait for room; ``None`` while there is no lack of it."""
        if self._since is None:
            return None
        return max(0.0, self._since + self._patience_seconds - time.monotonic())

    def no_room(self, why: str) -> None:
        """A start found no room."""
        self._why = why
        if self._since is None:
            self._since = time.monotonic()
            self._tell(
                f"the capacity is full ({why}); waiting for room for up to {self._patience_seconds / 3600:g} h, "
                "without using up retries",
                logging.WARNING,
            )

    async def wait(self) -> None:
        """Wait before the next start, if the last one found no room.

        Raises:
            FabricError: the capacity has been full for too long.
        """
        if (remaining := self.remaining_seconds) is None:
            return
        if remaining <= 0:
            raise self.exhausted()
        await asyncio.sleep(min(remaining, self._wait_seconds * random.uniform(0.8, 1.2)))  # noqa: S311 -- spreads starts
        self._wait_seconds = min(1.5 * self._wait_seconds, self._longest_wait_seconds)

    def exhausted(self) -> FabricError:
        """The error for a capacity that has been full for too long."""
        return FabricError(
            f"the capacity has been full for {time.monotonic() - (self._since or 0.0):.0f} s: {self._why}. Run less "
            "at once (a Dagster pool), or take a larger capacity.",
            error_code="TooManyRequestsForCapacity",
        )

    def over(self) -> None:
        """There was room after all."""
        if self._since is not None:
            self._tell(f"the capacity had room after {time.monotonic() - self._since:.0f} s")
            self._since = None
