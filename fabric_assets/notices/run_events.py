"""What a run was to load and what failed in it, by its events."""

from collections.abc import Iterator

import dagster as dg


def events(
    instance: dg.DagsterInstance, run: dg.DagsterRun, kind: dg.DagsterEventType
) -> Iterator[dg.DagsterEvent]:
    """The run's events of a kind."""
    for entry in instance.all_logs(run.run_id, of_type=kind):
        if entry.dagster_event is not None:
            yield entry.dagster_event


def planned_assets(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dict[str, list[dg.AssetKey]]:
    """The assets that each step of the run was to materialize."""
    planned: dict[str, list[dg.AssetKey]] = {}
    for event in events(instance, run, dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED):
        if event.step_key and event.asset_key:
            planned.setdefault(event.step_key, []).append(event.asset_key)
    return planned


def step_failures(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[dg.DagsterEvent]:
    """The failures of steps that were not tried again."""
    return list(events(instance, run, dg.DagsterEventType.STEP_FAILURE))
