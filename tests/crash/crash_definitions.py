"""One asset a boundary. Told so by the environment, it kills the process that computes it there, once."""

import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import dagster as dg

from fabric_assets import FabricResource, fabric_executor, notebook_asset
from fabric_assets.client.fabric_client import FabricClient, JobReading
from fabric_assets.client.models import COMPLETED, Accepted
from fabric_assets.instance_ledger import InstanceLedger
from fabric_assets.jobs.job import JobOutcome
from fabric_assets.jobs.ledger import Attempt

MARKERS_VARIABLE = "CRASH_MARKERS"
"""Folder that gets a file for each process that has been killed; unset: nothing is killed."""

BEFORE_INTENT = "before_intent"
BEFORE_POST = "before_post"
AFTER_POST = "after_post"
AFTER_NOTE = "after_note"
RUNNING = "running"
COMPLETED_UNNOTED = "completed_unnoted"
BEFORE_MATERIALIZATION = "before_materialization"
AFTER_MATERIALIZATION = "after_materialization"

BOUNDARIES = (
    BEFORE_INTENT,
    BEFORE_POST,
    AFTER_POST,
    AFTER_NOTE,
    RUNNING,
    COMPLETED_UNNOTED,
    BEFORE_MATERIALIZATION,
    AFTER_MATERIALIZATION,
)
EXECUTORS = {
    "in_process": dg.in_process_executor,
    "multiprocess": dg.multiprocess_executor.configured({"max_concurrent": len(BOUNDARIES)}),
    "one_process": fabric_executor,
    "multiprocess_with_retries": fabric_executor.configured({"multiprocess": {}}),
}

defs = dg.Definitions(
    assets=[notebook_asset(name, notebook=name, timeout_seconds=None) for name in BOUNDARIES],
    jobs=[
        dg.define_asset_job(
            name,
            selection="*",
            executor_def=executor,
            op_retry_policy=dg.RetryPolicy(max_retries=1) if name.endswith("_with_retries") else None,
        )
        for name, executor in EXECUTORS.items()
    ],
    resources={"fabric": FabricResource(poll_seconds=0.05, patience_seconds=1.0)},
)


def in_process() -> dg.JobDefinition:
    return defs.resolve_job_def("in_process")


def multiprocess() -> dg.JobDefinition:
    return defs.resolve_job_def("multiprocess")


def one_process() -> dg.JobDefinition:
    return defs.resolve_job_def("one_process")


def multiprocess_with_retries() -> dg.JobDefinition:
    return defs.resolve_job_def("multiprocess_with_retries")


JOBS = {
    name: dg.reconstructable(job)
    for name, job in {
        "in_process": in_process,
        "multiprocess": multiprocess,
        "one_process": one_process,
        "multiprocess_with_retries": multiprocess_with_retries,
    }.items()
}


def kill_at_boundaries(markers: Path) -> None:
    """Let this process die at the boundary after which the asset that it computes is named."""
    computed = ""

    def die_at(boundary: str) -> None:
        if computed != boundary:
            return
        try:
            (markers / boundary).touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    run_notebook: Callable[..., Awaitable[JobOutcome]] = FabricResource.run_notebook_async
    write = InstanceLedger.write
    start_job_instance: Callable[..., Awaitable[Accepted]] = FabricClient.start_job_instance
    get_job_instance: Callable[..., Awaitable[JobReading]] = FabricClient.get_job_instance
    handle_new_event: Callable[..., None] = dg.DagsterInstance.handle_new_event

    async def dying_run_notebook(self: FabricResource, notebook: str, **options: Any) -> JobOutcome:
        nonlocal computed
        computed = options["asset"]
        outcome = await run_notebook(self, notebook, **options)
        die_at(BEFORE_MATERIALIZATION)
        return outcome

    def dying_write(self: InstanceLedger, attempt: Attempt) -> None:
        if attempt.job_instance_id is None:
            die_at(BEFORE_INTENT)
        if attempt.status == COMPLETED:
            die_at(COMPLETED_UNNOTED)
        write(self, attempt)
        if attempt.job_instance_id is not None:
            die_at(AFTER_NOTE)

    async def dying_start(self: FabricClient, *arguments: Any, **options: Any) -> Accepted:
        die_at(BEFORE_POST)
        accepted = await start_job_instance(self, *arguments, **options)
        die_at(AFTER_POST)
        return accepted

    async def dying_read(self: FabricClient, *arguments: Any, **options: Any) -> JobReading:
        reading = await get_job_instance(self, *arguments, **options)
        if not reading.job_instance.has_ended:
            die_at(RUNNING)
        return reading

    def dying_handle_new_event(
        self: dg.DagsterInstance, event: dg.EventLogEntry, *arguments: Any, **options: Any
    ) -> None:
        handle_new_event(self, event, *arguments, **options)
        if event.dagster_event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
            die_at(AFTER_MATERIALIZATION)

    for owner, replacement in (
        (FabricResource, {"run_notebook_async": dying_run_notebook}),
        (InstanceLedger, {"write": dying_write}),
        (FabricClient, {"start_job_instance": dying_start, "get_job_instance": dying_read}),
        (dg.DagsterInstance, {"handle_new_event": dying_handle_new_event}),
    ):
        for name, function in replacement.items():
            setattr(owner, name, function)


if markers := os.environ.get(MARKERS_VARIABLE):
    kill_at_boundaries(Path(markers))
