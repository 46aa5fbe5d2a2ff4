"""Sees pipelines that finished by their own triggers, and reports them as materializations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import dagster as dg

from fabric_assets.client.data_factory_models import PipelineRun
from fabric_assets.client.errors import FabricError
from fabric_assets.client.models import Item, JobDetails
from fabric_assets.data_factory.assets import ADF_PIPELINE_METADATA, DATA_FACTORY_KEY, adf_metadata
from fabric_assets.data_factory.resource import DataFactoryResource
from fabric_assets.item_assets import (
    ITEM_METADATA,
    ITEM_TYPE_METADATA,
    JOB_TYPE_METADATA,
    PIPELINE_METADATA,
)
from fabric_assets.job_asset import RESOURCE_KEY
from fabric_assets.jobs import background_loop
from fabric_assets.jobs.data_factory import PIPELINE_TYPE, DataFactoryControl, FactoryCompletions
from fabric_assets.materialization import completion_metadata
from fabric_assets.sensors.items import WatchedItem, look_at_items, table_told, watched_items
from fabric_assets.sensors.tick import CompletionTick
from fabric_assets.tables.names import TABLE_METADATA


@dataclass(frozen=True)
class _Resources:
    """Keys of what the sensor needs; ``None``: nothing of that kind.

    Attributes:
        tables: of the ``FabricResource`` with which the tables of a data factory's assets are read.
    """

    fabric: str | None
    data_factory: str | None
    tables: str | None


def build_pipeline_sensor(
    assets: Iterable[object],
    *,
    name: str = "pipeline_runs",
    minimum_interval_seconds: int = 60,
    lookback_hours: float = 24,
    max_materializations_per_tick: int = 50,
    max_items_per_tick: int = 30,
    data_factory_key: str = DATA_FACTORY_KEY,
    resource_key: str = RESOURCE_KEY,
    default_status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.STOPPED,
) -> dg.SensorDefinition:
    """A sensor that reports what was started outside Dagster: by triggers, schedules, other pipelines or people.

    It looks after pipelines of Azure Data Factory (one query a tick for all of a factory), Fabric's data pipelines and
    the jobs of other Fabric items (one call each). Each run that succeeded becomes one materialization of its asset,
    so that what depends on it follows by its automation condition. Those that Dagster's own runs started are left to
    their runs. Partitioned assets are left out. Where several assets load with different arguments from one pipeline
    of a data factory, each gets the runs that had its own; from one item of Fabric, which does not tell the parameters,
    they are left out, with a line in the tick's log. An asset that names its table gets what the table's Delta log
    tells, too.

    Example::

        raw = adf_pipeline_asset("RawOrders", pipeline="Ingest_Orders")
        fact = notebook_asset(
            "FactSales", notebook="LoadFactSales", deps=[raw], automation_condition=dg.AutomationCondition.eager()
        )
        defs = dg.Definitions(
            assets=[raw, fact],
            sensors=[build_pipeline_sensor([raw])],
            resources={"fabric": FabricResource(), "data_factory": DataFactoryResource()},
        )

    Args:
        assets: assets made by ``adf_pipeline_asset``, ``pipeline_asset`` and ``item_job_asset``; others are ignored.
        name: name of the sensor.
        minimum_interval_seconds: time between two ticks.
        lookback_hours: after a longer stop, completions older than this are skipped.
        max_materializations_per_tick: more are left for the next tick.
        max_items_per_tick: so many of Fabric's items are looked at, one call each; with more, ticks take turns.
        data_factory_key: key of the ``DataFactoryResource``; only its assets are looked after, so each further factory
            takes a sensor of its own.
        resource_key: key of the ``FabricResource``, likewise.
        default_status: whether it runs without being switched on.
    """
    given = [definition for definition in assets if isinstance(definition, dg.AssetsDefinition)]
    items = watched_items(given, _item, resource_key)
    pipelines = watched_items(given, _factory_pipeline, data_factory_key)
    tables = any(TABLE_METADATA in pipeline.definition for pipeline in pipelines)
    keys = _Resources(
        fabric=resource_key if items else None,
        data_factory=data_factory_key if pipelines else None,
        tables=RESOURCE_KEY if tables else None,
    )

    @dg.sensor(
        name=name,
        minimum_interval_seconds=minimum_interval_seconds,
        default_status=default_status,
        required_resource_keys={key for key in (keys.fabric, keys.data_factory, keys.tables) if key},
        description="Reports pipelines that were started outside Dagster as materializations.",
    )
    def sensor(context: dg.SensorEvaluationContext, **_: Any) -> dg.SensorResult | dg.SkipReason:
        if not items and not pipelines:
            return dg.SkipReason("no unpartitioned pipeline asset to look after")
        tick = CompletionTick(
            context, lookback=timedelta(hours=lookback_hours), most_events=max_materializations_per_tick
        )
        asked = False
        if keys.data_factory:
            data_factory = getattr(context.resources, keys.data_factory)
            fabric_of_tables = getattr(context.resources, keys.tables) if keys.tables else None
            asked = _look_at_factory(tick, data_factory, pipelines, fabric_of_tables)
        if keys.fabric:
            fabric = getattr(context.resources, keys.fabric)
            asked = look_at_items(tick, fabric, items, max_items_per_tick) or asked
        return tick.result() if asked else dg.SkipReason("the local Fabric is not running")

    return sensor


def _item(definition: Mapping[str, Any]) -> tuple[str, str, str | None] | None:
    if pipeline := definition.get(PIPELINE_METADATA):
        return pipeline, "DataPipeline", "Pipeline"
    if item := definition.get(ITEM_METADATA):
        return item, definition[ITEM_TYPE_METADATA], definition[JOB_TYPE_METADATA]
    return None


def _factory_pipeline(definition: Mapping[str, Any]) -> tuple[str, str, str | None] | None:
    pipeline = definition.get(ADF_PIPELINE_METADATA)
    return (pipeline, PIPELINE_TYPE, None) if isinstance(pipeline, str) else None


def _look_at_factory(
    tick: CompletionTick,
    data_factory: DataFactoryResource,
    pipelines: Sequence[WatchedItem],
    fabric: Any,
) -> bool:
    try:
        control = data_factory.control(start_local=False)
    except FabricError as error:
        tick.looks += 1
        tick.failed("data factory", error)
        return True
    if control is None:
        return False
    tick.looks += 1
    since = tick.since([pipeline.asset_key for pipeline in pipelines])
    names = tuple(sorted({pipeline.item for pipeline in pipelines}))
    try:
        completions = background_loop.call(partial(control.list_completions, names, since))
    except (FabricError, TimeoutError) as error:
        tick.failed(str(control.client.factory), error)
        return True
    for pipeline in pipelines:
        # What is rarely run must not have each tick ask for a whole day of a busy factory.
        listed_until = control.client.service_now()
        job_instances = [
            job_instance
            for job_instance in completions.job_instances(pipeline.item)
            if not pipeline.shared or _is_of(pipeline, completions.runs[job_instance.id])
        ]
        news = tick.news(pipeline.asset_key, job_instances, listed_until=listed_until)
        for job_instance in news:
            newest = job_instance is news[-1]
            table = table_told(tick, fabric, pipeline, newest=newest) if fabric else {}
            run = completions.runs[job_instance.id]
            tick.events.append(_materialization(control, pipeline, completions, run, table))
    return True


def _is_of(pipeline: WatchedItem, run: PipelineRun) -> bool:
    """Whether a run had the asset's own arguments, where other assets of the pipeline have others."""
    shown = {name.lower() for name in run.parameters}
    own = pipeline.arguments
    return bool(own) and all(name.lower() in shown for name in own) and run.ran_with(own)


def _materialization(
    control: DataFactoryControl,
    pipeline: WatchedItem,
    completions: FactoryCompletions,
    run: PipelineRun,
    table: Mapping[str, Any],
) -> dg.AssetMaterialization:
    item = Item(run.pipeline, run.pipeline, PIPELINE_TYPE, workspace_id="")
    details = JobDetails(links=control.links(run))
    known = completion_metadata(None, item, completions.job_instance(run), details)
    return dg.AssetMaterialization(
        asset_key=pipeline.asset_key,
        description=f"Started outside Dagster ({run.invoked_by_type or 'unknown'}: {run.invoked_by or 'unknown'}).",
        metadata={**known, **adf_metadata(control.details(run)), **table},
    )
