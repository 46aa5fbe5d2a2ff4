"""What the tests of faults share: one notebook (or pipeline), run with short waits, and what became of it."""

import asyncio
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import replace
from itertools import accumulate
from typing import Any

import dagster as dg
import httpx

from fabric_assets import FabricResource, notebook_asset, pipeline_asset
from fabric_assets.client.auth import StaticToken, TokenSource
from fabric_assets.client.fabric_client import FabricClient
from fabric_assets.connection import Connection
from fabric_assets.jobs.call_budget import CallBudget
from fabric_assets.jobs.control import JobControl
from fabric_assets.jobs.job import JobLimits, JobOutcome, NotebookJob
from fabric_assets.jobs.ledger import Attempt, Ledger
from fabric_assets.local import ServedFabric
from fabric_assets.local.context import RequestRecord

NOTEBOOK = "LoadDimX"
START = "*/jobs/instances[?]jobType=*"
LIST = "*/items/*/jobs/instances"
READ = "*/items/*/jobs/instances/????????-*"
CANCEL = "*/jobs/instances/*/cancel"
DEADLINE_SECONDS = 60
LIMITS = JobLimits(
    poll_seconds=0.02,
    cancel_timeout_seconds=5.0,
    patience_seconds=30.0,
    find_seconds=0.5,
    settle_seconds=0.2,
    unseen_seconds=1.5,
    capacity_patience_seconds=20.0,
    capacity_wait_seconds=0.1,
)


class QuickFabric(FabricResource):
    """The resource with waits for lost answers that suit a service on this machine."""

    def _control(self, connection: Connection) -> JobControl:
        control = super()._control(connection)
        control._limits = replace(
            control._limits,
            find_seconds=LIMITS.find_seconds,
            settle_seconds=LIMITS.settle_seconds,
            unseen_seconds=LIMITS.unseen_seconds,
        )
        return control


def quick(fabric: ServedFabric, **fields: Any) -> FabricResource:
    settings = {
        "poll_seconds": LIMITS.poll_seconds,
        "cancel_timeout_seconds": LIMITS.cancel_timeout_seconds,
        "patience_seconds": LIMITS.patience_seconds,
        "capacity_patience_seconds": LIMITS.capacity_patience_seconds,
        "capacity_wait_seconds": LIMITS.capacity_wait_seconds,
    }
    return QuickFabric(
        workspace=fabric.workspace_id,
        api_url=fabric.url,
        access_token=fabric.token,
        **{**settings, **fields},
    )


def load(name: str = "DimX", item_type: str = "Notebook", **options: Any) -> dg.AssetsDefinition:
    options = {"retry": 0, "retry_interval_seconds": 0, "timeout_seconds": 60, **options}
    if item_type == "DataPipeline":
        return pipeline_asset(name, pipeline=NOTEBOOK, **options)
    return notebook_asset(name, notebook=NOTEBOOK, **options)


def materialize(
    asset: dg.AssetsDefinition, fabric: ServedFabric, instance: dg.DagsterInstance, **fields: Any
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [asset], resources={"fabric": quick(fabric, **fields)}, raise_on_error=False, instance=instance
    )


def wait_for(what: str, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not reached():
        assert time.monotonic() < deadline, f"never {what}"
        time.sleep(0.02)


def starts(fabric: ServedFabric) -> list[RequestRecord]:
    """The requests that start something, those that failed included."""
    return [r for r in fabric.requests if r.method == "POST" and "/jobs/instances?jobType=" in r.path]


def reads(fabric: ServedFabric, job_instance_id: str) -> list[RequestRecord]:
    return [
        r
        for r in fabric.requests
        if r.method == "GET" and r.path.endswith(f"/items/{_item(fabric)}/jobs/instances/{job_instance_id}")
    ]


def _records(fabric: ServedFabric) -> list[dict[str, Any]]:
    """All job instances that were started, in the order of the starts; asked past all faults."""
    with closing(sqlite3.connect(fabric._running.context.home.state_file)) as database:
        rows = database.execute("SELECT id, record FROM job_instances").fetchall()
    by_id = {job_instance_id: json.loads(record) for job_instance_id, record in rows}
    return [by_id[started.id] for started in fabric.started]


def statuses(fabric: ServedFabric) -> list[str]:
    """What has become of every job instance that was started, in the order of the starts; asked past all faults."""
    return [record["status"] for record in _records(fabric)]


def at_once(fabric: ServedFabric) -> int:
    """How many job instances had been accepted and not ended at the same time, at the most."""
    changes = []
    for record in _records(fabric):
        changes.append((record["accepted_ns"], 1))
        if record["ended_ns"] is not None:
            changes.append((record["ended_ns"], -1))
    return max(accumulate((change for _, change in sorted(changes)), initial=0))


def running(fabric: ServedFabric) -> int:
    """How many job instances are left running."""
    return len([status for status in statuses(fabric) if status in ("NotStarted", "InProgress")])


def effective(fabric: ServedFabric) -> list[str]:
    """The ids of the job instances that did the notebook's work, or still do it."""
    useless = ("Failed", "Cancelled", "Deduped")
    return [
        started.id
        for started, status in zip(fabric.started, statuses(fabric), strict=True)
        if status not in useless
    ]


def _item(fabric: ServedFabric) -> str:
    return fabric.started[0].item_id


def start_outside(fabric: ServedFabric, job_type: str | None = None) -> str:
    """Start the item, with its own job type or another one, as somebody else would in Fabric's pages."""
    with httpx.Client(
        base_url=fabric.url, headers={"Authorization": f"Bearer {fabric.token}"}, trust_env=False
    ) as api:
        items = api.get(f"/workspaces/{fabric.workspace_id}/items").raise_for_status().json()["value"]
        item = next(item for item in items if item["displayName"] == NOTEBOOK)
        own_type = {"Notebook": "RunNotebook", "DataPipeline": "Pipeline"}.get(item["type"])
        path = f"/workspaces/{fabric.workspace_id}/items/{item['id']}/jobs/instances"
        answer = api.post(path, params={"jobType": job_type or own_type}).raise_for_status()
    return answer.headers["Location"].rpartition("/")[2]


class MemoryLedger:
    """The notes of one asset. Several share one set of claims."""

    def __init__(self, claims: set[str] | None = None) -> None:
        self._claims = set() if claims is None else claims
        self.attempts: list[Attempt] = []

    def left_open(self) -> Attempt | None:
        last = self.attempts[-1] if self.attempts else None
        return last if last is not None and last.status is None else None

    def write(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)
        if attempt.job_instance_id is not None:
            self._claims.add(attempt.job_instance_id)

    def claimed(self, job_instance_ids: Collection[str]) -> set[str]:
        return self._claims.intersection(job_instance_ids)


class Said:
    """The lines for a run's log."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str]] = []

    def __call__(self, text: str, level: int = logging.INFO) -> None:
        self.lines.append((level, text))

    def __str__(self) -> str:
        return "\n".join(text for _, text in self.lines)


async def run_job(
    fabric: ServedFabric,
    *,
    tokens: TokenSource | None = None,
    limits: JobLimits = LIMITS,
    ledger: Ledger | None = None,
    said: Said | None = None,
    **job: Any,
) -> JobOutcome:
    """One call of job control, with a client of its own."""
    client = FabricClient(
        fabric.url,
        tokens or StaticToken(fabric.token),
        request_timeout_seconds=10.0,
        patience_seconds=limits.patience_seconds,
    )
    async with client:
        control = JobControl(client, portal_url=None, limits=limits)
        request = NotebookJob(
            asset="DimX",
            notebook=NOTEBOOK,
            workspace=fabric.workspace_id,
            workspace_configured_in="the test",
            **{"timeout_seconds": 60, **job},
        )
        return await control.run(request, said or Said(), ledger or MemoryLedger())


async def run_jobs(
    fabric: ServedFabric,
    jobs: list[dict[str, Any]],
    ledger: Callable[[], Ledger] = MemoryLedger,
    *,
    limits: JobLimits = LIMITS,
    budget: CallBudget | None = None,
) -> list[JobOutcome]:
    """Run several at once through one job control, as the steps of a run that share a process do."""
    client = FabricClient(fabric.url, StaticToken(fabric.token), request_timeout_seconds=10.0, gate=budget)
    async with client:
        control = JobControl(client, portal_url=None, limits=limits, budget=budget)
        requests = [
            NotebookJob(
                **{
                    "asset": job["notebook"],
                    "workspace": fabric.workspace_id,
                    "workspace_configured_in": "the test",
                    "timeout_seconds": 60,
                    **job,
                }
            )
            for job in jobs
        ]
        return await asyncio.gather(*(control.run(request, Said(), ledger()) for request in requests))


def in_background(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
