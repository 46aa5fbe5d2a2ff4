"""Bearing a full capacity: no failure of the notebook, and no use of the asset's retries."""

import logging
import time

from fabric_assets.client.errors import FabricError
from fabric_assets.jobs.notebook_job import Tell


class CapacityPatience:
    """How long one notebook has found no room, with a line at the begin and one at the end.

    Args:
        patience_seconds: how long to bear it.
        tell: gets the lines.
    """

    def __init__(self, patience_seconds: float, tell: Tell) -> None:
        self._patience_seconds = patience_seconds
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

    def exhausted(self) -> FabricError:
        """The error for a capacity that has been full for too long."""
        return FabricError(
            f"the capacity has been full for {time.monotonic() - (self._since or 0.0):.0f} s: {self._why}. Run fewer "
            "notebooks at once (a Dagster pool), or take a larger capacity.",
            error_code="TooManyRequestsForCapacity",
        )

    def over(self) -> None:
        """There was room after all."""
        if self._since is not None:
            self._tell(f"the capacity had room after {time.monotonic() - self._since:.0f} s")
            self._since = None
