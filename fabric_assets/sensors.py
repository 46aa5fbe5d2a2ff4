"""Sees notebook job instances that were started outside Dagster, and reports them as materializations."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import dagster as dg

from fabric_assets.asset_factory import NOTEBOOK_METADATA
from fabric_assets.client.errors import FabricError
from fabric_assets.client.models import JobInstance
from fabric_assets.completion_cursor import Cursor, decide
from fabric_assets.instance_ledger import claims
from fabric_assets.job_asset import WORKSPACE_METADATA
from fabric_assets.jobs import background_loop
from fabric_assets.jobs.completions import Completions, details, list_completions
from fabric_assets.jobs.control import JobControl
from fabric_assets.materialization import completion_metadata
from fabric_assets.resource import FabricResource

_TICK_SECONDS = 40.0
"""Dagster ends a tick after 60 s; what is left is for the next one."""


@dataclass(frozen=True)
class WatchedNotebook:
    """A notebook asset that the sensor looks after."""

    asset_key: dg.AssetKey
    notebook: str
    workspace: str | None


def build_notebook_sensor(
    assets: Iterable[object],
    *,
    name: str = "notebook_job_instances",
    minimum_interval_seconds: int = 60,
    lookback_hours: float = 24,
    max_materializations_per_tick: int = 50,
    max_notebooks_per_tick: int = 30,
    default_status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.STOPPED,
) -> dg.SensorDefinition:
    """A sensor that reports job instances which were started in Fabric's UI, by its schedules or by pipelines.

    Each completion becomes one materialization of the notebook's asset. Those that Dagster's own runs started are
    left to their runs. Partitioned assets are left out: Fabric does not tell with which parameters a job instance ran.

    Args:
        assets: assets made by ``notebook_asset``; others are ignored.
        name: name of the sensor.
        minimum_interval_seconds: time between two ticks.
        lookback_hours: after a longer stop, completions older than this are skipped, with a line in the tick's log.
        max_materializations_per_tick: more are left for the next tick.
        max_notebooks_per_tick: one call of Fabric's quota of 200 a minute each, as is each materialization; with more
            notebooks, ticks take turns.
        default_status: whether it runs without being switched on.
    """
    watched = [
        notebook
        for definition in assets
        if isinstance(definition, dg.AssetsDefinition)
        for notebook in _watched(definition)
    ]

    @dg.sensor(
        name=name,
        minimum_interval_seconds=minimum_interval_seconds,
        default_status=default_status,
        description="Reports notebook job instances that were started outside Dagster as materializations.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, fabric: FabricResource
    ) -> dg.SensorResult | dg.SkipReason:
        if not watched:
            return dg.SkipReason("no unpartitioned notebook asset to look after")
        connected = fabric.control(start_local=False)
        if connected is None:
            return dg.SkipReason("the local Fabric is not running, so no notebook runs in it")
        connection, control = connected
        cursor = Cursor.from_text(context.cursor)
        now = datetime.now(UTC)
        events: list[dg.AssetMaterialization] = []
        positions = dict(cursor.positions)
        first = cursor.next_asset % len(watched)
        turn = (watched[first:] + watched[:first])[:max_notebooks_per_tick]
        give_up_at = time.monotonic() + _TICK_SECONDS
        seen = failed = 0
        for notebook in turn:
            if time.monotonic() > give_up_at:
                break
            seen += 1
            key = notebook.asset_key.to_user_string()
            try:
                completions = background_loop.call(
                    partial(
                        list_completions,
                        control,
                        fabric.notebook_name(notebook.notebook),
                        notebook.workspace or connection.workspace,
                        workspace_configured_in=f"asset {key}"
                        if notebook.workspace
                        else connection.configured_in,
                        asset=key,
                    )
                )
            except (FabricError, TimeoutError) as error:
                failed += 1
                if failed == len(turn):
                    raise
                context.log.warning(f"{key}: {str(error) or 'no answer in time'}")
                continue
            decision = decide(
                completions.job_instances,
                positions.get(key),
                now=now,
                lookback=timedelta(hours=lookback_hours),
                at_most=max_materializations_per_tick - len(events),
                ours=claims(context.instance, [j.id for j in completions.job_instances]),
            )
            positions[key] = decision.position
            if decision.skipped:
                context.log.info(
                    f"{key}: {decision.skipped} completions older than {lookback_hours:g} hours are not reported"
                )
            events += [_materialization(control, notebook, completions, j) for j in decision.report]
        following = Cursor(positions, (first + seen) % len(watched))
        return dg.SensorResult(asset_events=events, cursor=following.to_text())

    return sensor


def _watched(definition: dg.AssetsDefinition) -> Iterable[WatchedNotebook]:
    for spec in definition.specs:
        notebook = spec.metadata.get(NOTEBOOK_METADATA)
        if isinstance(notebook, str) and spec.partitions_def is None:
            yield WatchedNotebook(spec.key, notebook, spec.metadata.get(WORKSPACE_METADATA))


def _materialization(
    control: JobControl, notebook: WatchedNotebook, completions: Completions, job_instance: JobInstance
) -> dg.AssetMaterialization:
    told = background_loop.call(
        partial(details, control, completions.workspace.id, completions.notebook.id, job_instance.id)
    )
    return dg.AssetMaterialization(
        asset_key=notebook.asset_key,
        description=f"Started outside Dagster ({job_instance.invoke_type or 'unknown invoke type'}).",
        metadata=completion_metadata(completions.workspace, completions.notebook, job_instance, told),
    )
