"""Completed job instances of Fabric's items, as materializations of the assets that stand for them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import dagster as dg

from fabric_assets.client.errors import FabricError
from fabric_assets.client.models import JobDetails, JobInstance
from fabric_assets.job_asset import WORKSPACE_METADATA
from fabric_assets.jobs import background_loop
from fabric_assets.jobs.completions import Completions, details, list_completions
from fabric_assets.jobs.control import JobControl
from fabric_assets.materialization import completion_metadata
from fabric_assets.resource import FabricResource
from fabric_assets.sensors.tick import CompletionTick
from fabric_assets.tables.metadata import table_metadata

_NOTEBOOK = "Notebook"


@dataclass(frozen=True)
class WatchedItem:
    """An asset whose item's completions are looked at.

    Attributes:
        item: display name or GUID.
        item_type: Fabric's type of the item.
        job_type: only job instances of this type; ``None``: of any.
        workspace: display name or GUID; ``None``: the resource's.
        definition: metadata of the asset's definition.
    """

    asset_key: dg.AssetKey
    item: str
    item_type: str
    job_type: str | None
    workspace: str | None
    definition: Mapping[str, Any]


Named = Callable[[Mapping[str, Any]], tuple[str, str, str | None] | None]
"""Item, item type and job type from an asset's definition metadata; ``None``: it is not to be watched."""


def watched_items(assets: Iterable[object], named: Named) -> list[WatchedItem]:
    """The assets to look after: unpartitioned, as Fabric does not tell with which parameters a job instance ran."""
    return [
        WatchedItem(spec.key, *found, spec.metadata.get(WORKSPACE_METADATA), spec.metadata)
        for definition in assets
        if isinstance(definition, dg.AssetsDefinition)
        for spec in definition.specs
        if spec.partitions_def is None and (found := named(spec.metadata)) is not None
    ]


def look_at_items(
    tick: CompletionTick, fabric: FabricResource, watched: Sequence[WatchedItem], most_items: int
) -> bool:
    """Add what is news of the items to the tick; ticks take turns where there are many.

    Returns:
        Whether there was a Fabric to ask: ``False`` if the local one is meant and does not run.
    """
    if not watched:
        return True
    connected = fabric.control(start_local=False)
    if connected is None:
        return False
    connection, control = connected
    first = tick.next_asset % len(watched)
    seen = 0
    for item in [*watched[first:], *watched[:first]][:most_items]:
        if tick.is_over:
            break
        seen += 1
        tick.looks += 1
        key = item.asset_key.to_user_string()
        listing = partial(
            list_completions,
            control,
            fabric.notebook_name(item.item) if item.item_type == _NOTEBOOK else item.item,
            item.workspace or connection.workspace,
            item_type=item.item_type,
            job_type=item.job_type,
            workspace_configured_in=f"asset {key}" if item.workspace else connection.configured_in,
            asset=key,
        )
        try:
            completions = background_loop.call(listing)
        except (FabricError, TimeoutError) as error:
            tick.failed(key, error)
            continue
        news = tick.news(item.asset_key, completions.job_instances)
        for job_instance in news:
            table = table_told(tick, fabric, item, newest=job_instance is news[-1])
            tick.events.append(_materialization(control, item, completions, job_instance, table))
    tick.next_asset = (first + seen) % len(watched)
    return True


def table_told(
    tick: CompletionTick, fabric: FabricResource, item: WatchedItem, *, newest: bool
) -> Mapping[str, Any]:
    """What the Delta log of the asset's table tells now, if it names one and it can be read.

    Only for the newest completion: the log's end says nothing of those before.
    """
    if not newest or tick.is_over:
        return {}
    lines: list[tuple[int, str]] = []
    read = partial(
        table_metadata,
        fabric,
        item.definition,
        asset=item.asset_key.to_user_string(),
        workspace=item.workspace,
        log=lambda level, text: lines.append((level, text)),
    )
    told = background_loop.call(read)
    for level, text in lines:
        tick.context.log.log(level, text)
    return told


def _materialization(
    control: JobControl,
    item: WatchedItem,
    completions: Completions,
    job_instance: JobInstance,
    table: Mapping[str, Any],
) -> dg.AssetMaterialization:
    told = JobDetails()
    if item.item_type == _NOTEBOOK:
        told = background_loop.call(
            partial(details, control, completions.workspace.id, completions.item.id, job_instance.id)
        )
    known = completion_metadata(completions.workspace, completions.item, job_instance, told)
    return dg.AssetMaterialization(
        asset_key=item.asset_key,
        description=f"Started outside Dagster ({job_instance.invoke_type or 'unknown invoke type'}).",
        metadata={**known, **table},
    )
