"""What the doctor looks at for assets that are no notebooks, and for the tables that assets name: are they there?"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from fabric_assets.client.data_factory_client import DataFactoryClient
from fabric_assets.client.directory import nearest
from fabric_assets.client.errors import FabricError
from fabric_assets.commands.code_location import CodeLocation
from fabric_assets.commands.doctor_report import Report
from fabric_assets.commands.doctor_service import Examined
from fabric_assets.data_factory.assets import ADF_PIPELINE_METADATA
from fabric_assets.data_factory.resource import DataFactoryResource
from fabric_assets.item_assets import ITEM_METADATA, ITEM_TYPE_METADATA, PIPELINE_METADATA
from fabric_assets.job_asset import WORKSPACE_METADATA
from fabric_assets.refreshes.assets import (
    LAKEHOUSE_METADATA,
    SEMANTIC_MODEL_METADATA,
    SQL_ENDPOINT_METADATA,
)
from fabric_assets.tables.names import table_of

_ITEM_TYPES = {
    PIPELINE_METADATA: "DataPipeline",
    SEMANTIC_MODEL_METADATA: "SemanticModel",
    SQL_ENDPOINT_METADATA: "SQLEndpoint",
    LAKEHOUSE_METADATA: "Lakehouse",
}
_PATIENCE_SECONDS = 15.0


@dataclass(frozen=True)
class NamedItem:
    """An item that an asset's definition names.

    Attributes:
        asset: the asset, for messages.
        name: display name or GUID of the item, ``item_type`` its type.
        workspace: as it is configured; ``None``: the resource's.
        is_table: it is only named as the place of the asset's table.
    """

    asset: str
    name: str
    item_type: str
    workspace: str | None
    is_table: bool = False


def named_items(assets: Sequence[dg.AssetsDefinition], resource_key: str | None) -> list[NamedItem]:
    """The items that assets with a resource name in their definitions, notebooks left out; each once an asset."""
    found: dict[NamedItem, None] = {}
    for definition in assets:
        if resource_key is None or resource_key in definition.required_resource_keys:
            for key in sorted(definition.keys):
                metadata = definition.metadata_by_key.get(key) or {}
                found.update(dict.fromkeys(_items(key.to_user_string(), metadata)))
    return list(found)


def _items(asset: str, metadata: Mapping[str, Any]) -> Iterator[NamedItem]:
    texts = {name: str(getattr(value, "value", value)) for name, value in metadata.items()}
    workspace = texts.get(WORKSPACE_METADATA)
    for name, item_type in _ITEM_TYPES.items():
        if name in texts:
            yield NamedItem(asset, texts[name], item_type, workspace)
    if ITEM_METADATA in texts and ITEM_TYPE_METADATA in texts:
        yield NamedItem(asset, texts[ITEM_METADATA], texts[ITEM_TYPE_METADATA], workspace)
    try:
        table = table_of(metadata)
    except ValueError:
        return  # where it is read, it is an error
    if table is not None:
        yield NamedItem(asset, table.lakehouse, "Lakehouse", table.workspace or workspace, is_table=True)


async def examine_items(report: Report, examined: Examined, items: Sequence[NamedItem], prefix: str) -> None:
    """Look for the items; all of a workspace are listed by one call."""
    for item in items:
        name = f"{prefix}asset {item.asset}{': table' if item.is_table else ''}"
        where = f"asset {item.asset}"
        try:
            workspace = examined.workspace
            if item.workspace:
                workspace = await examined.directory.workspace(item.workspace, configured_in=where)
            found = await examined.directory.item(workspace, item.name, item.item_type, configured_in=where)
        except FabricError as error:
            what = "`table`" if item.is_table else "the asset's definition"
            report.problem(
                name,
                str(error).partition("\n")[0],
                f"Write the name as in Fabric, or the GUID, in {what}.",
            )
            continue
        elsewhere = (
            "" if workspace.id == examined.workspace.id else f" in workspace {workspace.display_name!r}"
        )
        # Every table names a lakehouse, and most name the same: what is right is not told of each.
        if not item.is_table:
            report.ok(name, f"{item.item_type} {found.display_name!r} is there{elsewhere}")


async def examine_data_factories(report: Report, location: CodeLocation) -> None:
    """Look for the Data Factory pipelines of assets, in the factory of each resource."""
    wanted: dict[str, list[tuple[str, str]]] = {}
    keys = location.resource_keys(DataFactoryResource)
    for definition in location.assets:
        for key in sorted(definition.keys)[:1]:
            pipeline = (definition.metadata_by_key.get(key) or {}).get(ADF_PIPELINE_METADATA)
            for resource_key in keys:
                if isinstance(pipeline, str) and resource_key in definition.required_resource_keys:
                    wanted.setdefault(resource_key, []).append((key.to_user_string(), pipeline))
    for resource_key, pipelines in wanted.items():
        await _examine_data_factory(report, location, resource_key, pipelines)


async def _examine_data_factory(
    report: Report, location: CodeLocation, resource_key: str, pipelines: Sequence[tuple[str, str]]
) -> None:
    name = "Data Factory" if resource_key == "data_factory" else f"Data Factory {resource_key}"
    try:
        resource = location.resource(resource_key, DataFactoryResource)
        connection = await asyncio.to_thread(resource.connection)  # it may start the local Fabric
        assert connection is not None  # noqa: S101 -- with start_local it is never None
        async with DataFactoryClient(
            connection.arm_url,
            connection.token_source(),
            connection.factory,
            request_timeout_seconds=resource.request_timeout_seconds,
            patience_seconds=_PATIENCE_SECONDS,
        ) as client:
            known = await client.list_pipelines()
    except (FabricError, dg.DagsterError) as error:
        message, _, fix = str(error).partition("\n")
        report.problem(
            name,
            message,
            fix
            or "Check the fields of the DataFactoryResource, and that the identity is Data Factory Contributor.",
        )
        for asset, _ in pipelines:
            report.skipped(f"asset {asset}", "the data factory cannot be read")
        return
    there = f"{connection.factory.name!r} at {connection.arm_url}"
    report.ok(name, f"{there} has {len(known)} pipeline{'' if len(known) == 1 else 's'}")
    for asset, pipeline in pipelines:
        if pipeline.lower() in {each.lower() for each in known}:
            report.ok(f"asset {asset}", f"pipeline {pipeline!r} is in the data factory")
        else:
            close = nearest(pipeline, ((each, None) for each in known), "pipeline")
            report.problem(
                f"asset {asset}",
                f"there is no pipeline {pipeline!r} in data factory {there}. {close}",
                "Write the pipeline's name as in Data Factory (argument `pipeline`), and publish it there.",
            )
