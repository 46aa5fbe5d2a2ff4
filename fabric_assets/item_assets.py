"""Factories for the jobs of other items than notebooks: data pipelines, and any item that Fabric has jobs for."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Unpack

import dagster as dg

from fabric_assets.asset_factory import read_lakehouse_table
from fabric_assets.job_asset import (
    WORKSPACE_METADATA,
    JobAssetOptions,
    JobStart,
    build_job_asset,
    name_problem,
)
from fabric_assets.jobs.job import JobOutcome
from fabric_assets.resource import FabricResource
from fabric_assets.tables.names import LakehouseTable, table_definition

PIPELINE_METADATA = "fabric/pipeline"
ITEM_METADATA = "fabric/item"
ITEM_TYPE_METADATA = "fabric/item_type"
JOB_TYPE_METADATA = "fabric/job_type"


def pipeline_asset(
    key: dg.AssetKey | str | Sequence[str],
    *,
    pipeline: str,
    workspace: str | None = None,
    table: LakehouseTable | str | None = None,
    **options: Unpack[JobAssetOptions],
) -> dg.AssetsDefinition:
    """An asset that is materialized by a Fabric data pipeline.

    Its job instance is started, watched, taken over after a crash and cancelled as a notebook's is. It waits for no
    place in the queue in front of a capacity: Fabric queues pipelines itself.

    Example::

        pipeline_asset("RawOrders", pipeline="Ingest_Orders", arguments={"source": "erp"})

    Args:
        key: key of the asset.
        pipeline: display name or GUID of the pipeline.
        workspace: display name or GUID of its workspace; ``None``: the resource's.
        table: the lakehouse table that it loads; see ``notebook_asset``.
        **options: all that ``notebook_asset`` takes and is not about notebooks, with the same meaning; ``arguments``
            are the pipeline's parameters, which may also be lists, objects and ``None``; ``timeout_seconds`` is an hour
            if it is not set.

    Raises:
        dagster.DagsterInvalidDefinitionError: an option that cannot work, with the asset's name.
    """
    return _item_asset(
        key,
        item=pipeline,
        item_type="DataPipeline",
        job_type="Pipeline",
        workspace=workspace,
        table=table,
        execution_data=None,
        definition={PIPELINE_METADATA: pipeline},
        options={"kinds": ("fabric", "pipeline"), **options},
        description=f"Loaded by the Fabric pipeline {pipeline}.",
    )


def item_job_asset(
    key: dg.AssetKey | str | Sequence[str],
    *,
    item: str,
    item_type: str,
    job_type: str,
    execution_data: Mapping[str, Any] | None = None,
    workspace: str | None = None,
    table: LakehouseTable | str | None = None,
    **options: Unpack[JobAssetOptions],
) -> dg.AssetsDefinition:
    """An asset that is materialized by a job of any Fabric item.

    Examples of types (Fabric's documentation of the job scheduler; new ones appear, so they are plain text)::

        Spark job definition        item_type="SparkJobDefinition"  job_type="sparkjob"
        dataflow (Gen2)             item_type="Dataflow"            job_type="Refresh" or "Execute"
        copy job                    item_type="CopyJob"             job_type="Execute"
        dbt job                     item_type="DataBuildToolJob"    job_type="Execute"
        lakehouse maintenance       item_type="Lakehouse"           job_type="TableMaintenance"
        materialized lake views     item_type="Lakehouse"           job_type="RefreshMaterializedLakeViews"

    Args:
        key: key of the asset.
        item: display name or GUID of the item.
        item_type: Fabric's type of the item.
        job_type: Fabric's type of the job.
        execution_data: the job type's own data, such as ``{"tableName": "orders", "optimizeSettings": {...}}``.
        workspace: display name or GUID of its workspace; ``None``: the resource's.
        table: the lakehouse table that it loads; see ``notebook_asset``.
        **options: all that ``notebook_asset`` takes and is not about notebooks, with the same meaning; ``arguments``
            are sent as ``parameters`` of the execution data, and may also be lists, objects and ``None``;
            ``timeout_seconds`` is an hour if it is not set.

    Raises:
        dagster.DagsterInvalidDefinitionError: an option that cannot work, with the asset's name.
    """
    return _item_asset(
        key,
        item=item,
        item_type=item_type,
        job_type=job_type,
        workspace=workspace,
        table=table,
        execution_data=execution_data,
        definition={ITEM_METADATA: item, ITEM_TYPE_METADATA: item_type, JOB_TYPE_METADATA: job_type},
        options=options,
        description=f"Loaded by the job {job_type} of the Fabric item {item} ({item_type}).",
    )


def json_problem(name: str, value: object) -> str | None:
    """Why this could not be sent as a parameter in JSON, ``None`` if it can."""
    if not name or name != name.strip():
        return f"parameter {name!r} is no name"
    match value:
        case None | bool() | int() | str():
            return None
        case float():
            return None if math.isfinite(value) else f"parameter {name!r} is {value}, which JSON cannot carry"
        case list() | tuple():
            return next((problem for each in value if (problem := json_problem(name, each))), None)
        case dict():
            if not all(isinstance(each, str) for each in value):
                return f"parameter {name!r} has a key that is no text, which JSON cannot carry"
            return next((problem for each in value.values() if (problem := json_problem(name, each))), None)
        case _:
            return f"parameter {name!r} has the type {type(value).__name__}, which JSON cannot carry"


def no_checks_problem(options: JobAssetOptions) -> str | None:
    """Why what has no exit value can make no checks itself; ``None`` if none is asked of it."""
    if not options.get("check_specs"):
        return None
    return "check_specs: only a notebook reports checks; name the table and take build_table_checks"


def _item_asset(
    key: dg.AssetKey | str | Sequence[str],
    *,
    item: str,
    item_type: str,
    job_type: str,
    workspace: str | None,
    table: LakehouseTable | str | None,
    execution_data: Mapping[str, Any] | None,
    definition: Mapping[str, Any],
    options: JobAssetOptions,
    description: str,
) -> dg.AssetsDefinition:
    async def run(start: JobStart) -> JobOutcome:
        fabric: FabricResource = start.resource
        data = dict(execution_data or {})
        if start.parameters:
            data["parameters"] = {**data.get("parameters", {}), **start.parameters}
        return await fabric.run_item_async(
            item,
            item_type=item_type,
            job_type=job_type,
            asset=start.asset,
            workspace=workspace,
            log=start.log,
            ledger=start.ledger,
            parameters=start.parameters,
            execution_data=data or None,
            **start.options,
        )

    where = {WORKSPACE_METADATA: workspace} if workspace else {}
    return build_job_asset(
        key,
        run,
        {"timeout_seconds": 3600.0, **options},
        definition_metadata={**definition, **where, **table_definition(table, str(key))},
        description=description,
        problems=[
            name_problem("item", item),
            name_problem("item_type", item_type),
            name_problem("job_type", job_type),
            json_problem("execution_data", dict(execution_data or {})),
            no_checks_problem(options),
        ],
        argument_problem=json_problem,
        read_table=partial(read_lakehouse_table, workspace),
    )
