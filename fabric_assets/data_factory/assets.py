"""Factory for assets that pipelines of an Azure data factory materialize."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import dagster as dg

from fabric_assets.data_factory.resource import DataFactoryResource
from fabric_assets.item_assets import json_problem, no_checks_problem
from fabric_assets.job_asset import (
    RESOURCE_KEY,
    JobAssetOptions,
    JobStart,
    build_job_asset,
    exit_value_report,
)
from fabric_assets.jobs.job import JobOutcome
from fabric_assets.tables.metadata import table_metadata
from fabric_assets.tables.names import TABLE_METADATA, LakehouseTable, table_definition

DATA_FACTORY_KEY = "data_factory"
ADF_PIPELINE_METADATA = "adf/pipeline"
ADF_RUN_ID = "adf/run_id"
ADF_FACTORY = "adf/factory"
ADF_RESOURCE_GROUP = "adf/resource_group"

# The pattern of Data Factory's API description.
_PIPELINE_NAME = re.compile(r"[A-Za-z0-9_][^<>*#.%&:\\+?/]{0,259}")
_FROM_DETAILS = {"invokedBy": "adf/invoked_by", "invokedByType": "adf/invoked_by_type"}


def adf_pipeline_asset(
    key: dg.AssetKey | str | Sequence[str],
    *,
    pipeline: str,
    table: LakehouseTable | str | None = None,
    **options: Unpack[JobAssetOptions],
) -> dg.AssetsDefinition:
    """An asset that is materialized by a pipeline of an Azure data factory.

    The asset needs a ``DataFactoryResource`` under the key ``data_factory``. Its run is started once, watched, taken
    over after a crash and cancelled as a notebook's job instance is.

    Example::

        adf_pipeline_asset("RawOrders", pipeline="Ingest_Orders", arguments={"source": "erp"})

    Args:
        key: key of the asset.
        pipeline: name of the pipeline.
        table: the lakehouse table that it loads, as for ``notebook_asset``; its Delta log is read with the
            ``FabricResource`` under the key ``fabric``.
        **options: all that ``notebook_asset`` takes and is not about notebooks, with the same meaning; ``arguments``
            are the pipeline's parameters, which may also be lists, objects and ``None``; ``timeout_seconds`` is an hour
            if it is not set, ``resource_key`` is ``data_factory``.

    Raises:
        dagster.DagsterInvalidDefinitionError: an option that cannot work, with the asset's name.
    """
    options = {
        "kinds": ("azuredatafactory", "pipeline"),
        "timeout_seconds": 3600.0,
        "resource_key": DATA_FACTORY_KEY,
        **options,
    }
    definition: dict[str, Any] = {ADF_PIPELINE_METADATA: pipeline, **table_definition(table, str(key))}
    names_tables = table is not None or any(
        TABLE_METADATA in spec.metadata for spec in options.get("tables", ())
    )
    if names_tables:
        more = dict(options.get("asset_options") or {})
        more["required_resource_keys"] = {RESOURCE_KEY, *more.get("required_resource_keys", ())}
        options["asset_options"] = more

    async def run(start: JobStart) -> JobOutcome:
        data_factory: DataFactoryResource = start.resource
        return await data_factory.run_pipeline_async(
            pipeline,
            asset=start.asset,
            log=start.log,
            ledger=start.ledger,
            parameters=start.parameters,
            **start.options,
        )

    return build_job_asset(
        key,
        run,
        options,
        definition_metadata=definition,
        description=f"Loaded by the Azure Data Factory pipeline {pipeline}.",
        problems=[_pipeline_problem(pipeline), no_checks_problem(options)],
        argument_problem=json_problem,
        read_table=_table,
        report=_report,
    )


def adf_metadata(details: Mapping[str, Any]) -> dict[str, Any]:
    """What Data Factory tells of a run beside its status, as metadata of a materialization."""
    metadata = {key: details[name] for name, key in _FROM_DETAILS.items() if details.get(name)}
    for name, key in (("runId", ADF_RUN_ID), ("factory", ADF_FACTORY), ("resourceGroup", ADF_RESOURCE_GROUP)):
        if name in details:
            metadata[key] = details[name]
    if details.get("parameters"):
        # With the defaults of those that were not given.
        metadata["adf/parameters"] = dg.MetadataValue.json(dict(details["parameters"]))
    return metadata


def _pipeline_problem(name: str) -> str | None:
    if _PIPELINE_NAME.fullmatch(name) and name == name.strip():
        return None
    return f"{name!r} can be no name of a Data Factory pipeline"


def _report(
    outcome: JobOutcome, attempts: int, checks: Sequence[dg.AssetCheckSpec]
) -> tuple[Mapping[str, Any], Sequence[dg.AssetCheckResult]]:
    known, checked = exit_value_report(outcome, attempts, checks)
    return {**known, **adf_metadata(outcome.details)}, checked


async def _table(start: JobStart, definition: Mapping[str, Any], asset: str) -> Mapping[str, Any]:
    if TABLE_METADATA not in definition:
        return {}
    fabric = getattr(start.context.resources, RESOURCE_KEY)
    return await table_metadata(fabric, definition, asset=asset, workspace=None, log=start.log)
