"""Runs a job in this process under ``fabric_executor``, as a run worker does, and collects what happened."""

from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from fabric_assets.executor import fabric_executor


class Ran:
    """A run that is over: its status and its events."""

    def __init__(self, instance: dg.DagsterInstance, run_id: str) -> None:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        self.status = run.status
        self.entries = instance.all_logs(run_id)

    def steps(self, event_type: dg.DagsterEventType) -> list[str]:
        """The steps that had this event, in the order of the events."""
        return [str(entry.step_key) for entry in self.events(event_type)]

    def events(self, event_type: dg.DagsterEventType) -> list[dg.EventLogEntry]:
        return [e for e in self.entries if e.dagster_event and e.dagster_event.event_type == event_type]


def job(
    assets: Sequence[Any], config: Any = None, *, resources: dict[str, Any] | None = None
) -> dg.JobDefinition:
    """A job of all ``assets`` under ``fabric_executor``, with ``config`` for its ``one_process``."""
    executor = fabric_executor if config is None else fabric_executor.configured({"one_process": config})
    definitions = dg.Definitions(
        assets=assets, jobs=[dg.define_asset_job("all_of_it")], executor=executor, resources=resources
    )
    return definitions.resolve_job_def("all_of_it")


def run(
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    *,
    before: Callable[[dg.DagsterRun], None] = lambda _: None,
    raise_on_error: bool = False,
    run_config: Any = None,
) -> Ran:
    """Run a job in this process. No process could rebuild the job, and none needs to."""
    created = instance.create_run_for_job(job, run_config=run_config)
    before(created)
    execute_run(InMemoryJob(job), created, instance, raise_on_error=raise_on_error)
    return Ran(instance, created.run_id)
