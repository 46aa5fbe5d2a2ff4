"""Sees notebook job instances that were started outside Dagster, and reports them as materializations."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import dagster as dg

from fabric_assets.asset_factory import NOTEBOOK_METADATA
from fabric_assets.job_asset import RESOURCE_KEY
from fabric_assets.resource import FabricResource
from fabric_assets.sensors.items import look_at_items, watched_items
from fabric_assets.sensors.tick import CompletionTick


def build_notebook_sensor(
    assets: Iterable[object],
    *,
    name: str = "notebook_job_instances",
    minimum_interval_seconds: int = 60,
    lookback_hours: float = 24,
    max_materializations_per_tick: int = 50,
    max_notebooks_per_tick: int = 30,
    resource_key: str = RESOURCE_KEY,
    default_status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.STOPPED,
) -> dg.SensorDefinition:
    """A sensor that reports job instances which were started in Fabric's UI, by its schedules or by pipelines.

    Each completion becomes one materialization of the notebook's asset. Those that Dagster's own runs started are
    left to their runs. Fabric does not tell with which parameters a job instance ran: partitioned assets are left out,
    and, with a line in the tick's log, those that load with different arguments from one notebook.
    An asset that names its table gets what the table's Delta log tells, too.

    Args:
        assets: assets made by ``notebook_asset``; others are ignored.
        name: name of the sensor.
        minimum_interval_seconds: time between two ticks.
        lookback_hours: after a longer stop, completions older than this are skipped, with a line in the tick's log.
        max_materializations_per_tick: more are left for the next tick.
        max_notebooks_per_tick: one call of Fabric's quota of 200 a minute each, as is each materialization; with more
            notebooks, ticks take turns.
        resource_key: key of the ``FabricResource``; only its assets are looked after, so each further one takes a
            sensor of its own.
        default_status: whether it runs without being switched on.
    """
    watched = watched_items(assets, _notebook, resource_key)

    @dg.sensor(
        name=name,
        minimum_interval_seconds=minimum_interval_seconds,
        default_status=default_status,
        required_resource_keys={resource_key},
        description="Reports notebook job instances that were started outside Dagster as materializations.",
    )
    def sensor(context: dg.SensorEvaluationContext, **_: Any) -> dg.SensorResult | dg.SkipReason:
        if not watched:
            return dg.SkipReason("no unpartitioned notebook asset to look after")
        fabric: FabricResource = getattr(context.resources, resource_key)
        tick = CompletionTick(
            context, lookback=timedelta(hours=lookback_hours), most_events=max_materializations_per_tick
        )
        if not look_at_items(tick, fabric, watched, max_notebooks_per_tick):
            return dg.SkipReason("the local Fabric is not running, so no notebook runs in it")
        return tick.result()

    return sensor


def _notebook(definition: Mapping[str, Any]) -> tuple[str, str, str | None] | None:
    notebook = definition.get(NOTEBOOK_METADATA)
    return (notebook, "Notebook", None) if isinstance(notebook, str) else None
