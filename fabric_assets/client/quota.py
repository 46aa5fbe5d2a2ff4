"""Fabric's quotas as the client sees them: which one a call counts against, and how urgent it is."""

from contextlib import AbstractAsyncContextManager, nullcontext
from enum import IntEnum
from typing import Literal, Protocol

QuotaGroup = Literal["jobs", "platform", "operations"]
"""Fabric counts the calls of one identity apart for the job scheduler, the platform and long-running operations."""


class Urgency(IntEnum):
    """Who goes first where not all calls can be made at once."""

    CANCEL = 0
    START = 1
    LIKELY_END = 2
    READ = 3


class CallGate(Protocol):
    """Lets calls through in the order of their urgency, no more of them than the quota allows."""

    def call(self, group: QuotaGroup, urgency: Urgency) -> AbstractAsyncContextManager[None]:
        """Entered when the call may be made, left when it was answered."""
        ...

    def refused(self, group: QuotaGroup, wait_seconds: float | None) -> None:
        """The service answered 429 and asked to wait so long, if it said how long."""
        ...


class OpenGate:
    """Lets every call through: where there is no quota."""

    def call(self, group: QuotaGroup, urgency: Urgency) -> AbstractAsyncContextManager[None]:
        """Entered at once."""
        return nullcontext()

    def refused(self, group: QuotaGroup, wait_seconds: float | None) -> None:
        """Of no effect."""


def quota_group(path: str) -> QuotaGroup:
    """The quota that a call counts against, by its path."""
    if "/jobs/" in path:
        return "jobs"
    return "operations" if path.startswith("/operations/") else "platform"
