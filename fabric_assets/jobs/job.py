"""What goes into job control and what comes out: a job to run, limits, one outcome."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from fabric_assets.client.compute import ComputeSettings
from fabric_assets.client.models import Item, JobInstance, Workspace


class Tell(Protocol):
    """Passes a line for the run's log to whoever waits."""

    def __call__(self, text: str, level: int = logging.INFO) -> None:
        """Tell ``text`` at a level of ``logging``."""
        ...


@dataclass(frozen=True)
class JobLimits:
    """How job control waits. All times in seconds.

    Attributes:
        poll_seconds: shortest wait between two reads of one job instance.
        cancel_timeout_seconds: how long to wait for Fabric to confirm a cancel.
        cancel_on_terminate: whether a job instance is cancelled when nobody waits for it any more.
        patience_seconds: how long a start is tried while the service is out of order.
        find_seconds: how long to look for a job instance whose id the service did not tell.
        settle_seconds: how long a job instance must be nobody's before it is taken for ours.
        unseen_seconds: how long Fabric may answer that it knows no such job instance, after its start and in between.
        capacity_patience_seconds: how long to wait for a full capacity; 24 hours as in Fabric's own queue.
        capacity_wait_seconds: first wait before a start is tried again on a full capacity; it grows to ten times that.
        node_vcores: vCores of a driver or executor whose size is not set.
    """

    poll_seconds: float = 5.0
    cancel_timeout_seconds: float = 30.0
    cancel_on_terminate: bool = True
    patience_seconds: float = 900.0
    find_seconds: float = 30.0
    settle_seconds: float = 5.0
    unseen_seconds: float = 120.0
    capacity_patience_seconds: float = 86400.0
    capacity_wait_seconds: float = 30.0
    node_vcores: int = 8


@dataclass(frozen=True, kw_only=True)
class Job:
    """What an asset wants of any job instance.

    Attributes:
        asset: name of the asset, for messages.
        parameters: what is passed to it.
        timeout_seconds: longest time from the start to the end, waiting for compute included; ``None``: no limit.
        run_again_if_deduped: whether a job instance that Fabric skipped is started again when the one in its way has
            ended.
        expected_seconds: how long it may take, from its past, so that it is read when it is likely to have ended;
            ``None``: not known.
        retry_wait_seconds: how long the caller wants to wait before its next attempt; ``None``: there is none. If the
            job instance may still run, this is waited before the error is raised: after it nobody could cancel it.
    """

    asset: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    timeout_seconds: float | None = None
    run_again_if_deduped: bool = False
    expected_seconds: float | None = None
    retry_wait_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class ItemJob(Job):
    """A job of any item, as it was configured.

    Attributes:
        item: display name or GUID.
        item_type: Fabric's type of the item, such as ``DataPipeline``, ``Lakehouse``.
        job_type: such as ``Pipeline``, ``TableMaintenance``; Fabric adds new ones.
        workspace: display name or GUID.
        workspace_configured_in: where ``workspace`` was written, for messages.
        execution_data: the job type's own data, sent as it is; ``None``: none.
    """

    item: str
    item_type: str
    job_type: str
    workspace: str
    workspace_configured_in: str
    execution_data: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class NotebookJob(Job):
    """A notebook to run, as it was configured.

    Attributes:
        notebook: display name or GUID.
        workspace: display name or GUID.
        workspace_configured_in: where ``workspace`` was written, for messages.
        compute: compute settings, ``None`` for the notebook's own.
        run_id: the Dagster run; notebooks of one run can share Spark sessions.
    """

    notebook: str
    workspace: str
    workspace_configured_in: str
    compute: ComputeSettings | None = None
    run_id: str = ""


@dataclass(frozen=True)
class JobOutcome:
    """A completed job instance.

    Attributes:
        item: what ran.
        workspace: its workspace; ``None`` for services that have none.
        parameters: what was passed to it.
        exit_value: what a notebook passed to ``notebook.exit``.
        queued_seconds: from the start until it was first seen to run, by our clock and at our reading times.
        duration_seconds: from start to end by the service's clock; by ours if it left one out.
        links: names to URLs that open the job instance, its item, its Spark application, its log.
        details: what else the service tells of the job instance, by its own names.
    """

    item: Item
    workspace: Workspace | None
    job_instance: JobInstance
    parameters: Mapping[str, Any]
    exit_value: str | None
    started_at: datetime
    ended_at: datetime
    queued_seconds: float
    duration_seconds: float
    links: Mapping[str, str]
    details: Mapping[str, Any] = field(default_factory=dict)
