"""Which job instances are ours: remembered where it outlives the process."""

from collections.abc import Collection
from typing import Protocol


class Ledger(Protocol):
    """Durable notes about job instances. Implemented on the Dagster instance's own storage."""

    def record_started(self, job_instance_id: str, asset: str) -> None:
        """Note that this job instance was started for ``asset``."""
        ...

    def started_here(self, job_instance_ids: Collection[str]) -> set[str]:
        """Those of the given job instances that were started through a ledger of this storage."""
        ...


class NoLedger:
    """For callers that keep no notes: every job instance counts as somebody else's."""

    def record_started(self, job_instance_id: str, asset: str) -> None:
        """Note nothing."""

    def started_here(self, job_instance_ids: Collection[str]) -> set[str]:
        """None of them."""
        return set()
