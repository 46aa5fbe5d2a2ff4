"""The notes of job control: what was intended, started and ended, kept where they outlive the process."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

REFUSED = "Refused"
"""Our own word for an attempt that the service turned down, so that nothing was started."""


@dataclass(frozen=True)
class Attempt:
    """One attempt to run a job.

    Attributes:
        intended_at: UTC by the service's clock, noted before the start is sent.
        job_instance_id: noted as soon as it is known.
        status: how it ended, noted at the end; ``None`` while that is open.
        stopping: whether the service was asked to cancel it and has not confirmed that yet.
    """

    intended_at: datetime
    job_instance_id: str | None = None
    status: str | None = None
    stopping: bool = False


class Ledger(Protocol):
    """The notes of one asset (and partition) in one run, its retries and re-executions included.

    Implemented on the Dagster instance's own storage. Every method may block for a moment.
    """

    def left_open(self) -> Attempt | None:
        """An attempt of an earlier process whose end nobody has made use of; ``None`` if there is none."""
        ...

    def write(self, attempt: Attempt) -> None:
        """Note where the attempt stands, in place of what was noted before.

        With the id of a job instance, note as well that it belongs to this asset, for all to see.
        """
        ...

    def claimed(self, job_instance_ids: Collection[str]) -> set[str]:
        """Those of the given job instances that belong to somebody: an asset, a partition, an earlier attempt."""
        ...
