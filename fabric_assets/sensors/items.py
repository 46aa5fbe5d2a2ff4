"""Completed job instances of Fabric's items, as materializations of the assets that stand for them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import dagster as dg

from fabric_assets.client.errors import FabricError
from fabric_assets.client.models import JobDetails, JobInstance
from fabric_assets.connection import Connection
from fabric_assets.job_asset import ARGUMENTS_METADATA, WORKSPACE_METADATA
from fabric_assets.jobs import background_loop
from fabric_assets.jobs.completions import Completions, details, list_completions
from fabric_assets.jobs.control import JobControl
from fabric_assets.materialization import completion_metadata
from fabric_assets.resource import FabricResource
from fabric_assets.sensors.tick import CompletionTick
from fabric_assets.tables.metadata import table_metadata

_NOTEBOOK = "Notebook"
_TABLE_SECONDS = 10.0
"""A tick that is too slow is ended by Dagster, and would find the same again in the next one."""


@dataclass(frozen=True)
class WatchedItem:
    """An asset whose item's completions are looked at.

    Attributes:
        item: display name or GUID.
        item_type: Fabric's type of the item.
        job_type: only job instances of this type; ``None``: of any.
        workspace: display name or GUID; ``None``: the resource's.
        definition: metadata of the asset's definition.
        shared: whether other assets load with other arguments from the item: then a job instance is the asset's only if
            it ran with the asset's own.
    """

    asset_key: dg.AssetKey
    item: str
    item_type: str
    job_type: str | None
    workspace: str | None
    definition: Mapping[str, Any]
    shared: bool = False

    @property
    def place(self) -> tuple[str | None, ...]:
        """What is the same for all assets of one item."""
        return self.workspace, self.item_type, self.item, self.job_type

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The asset's arguments, as its definition tells them."""
        told = self.definition.get(ARGUMENTS_METADATA)
        return dict(cast("Any", told.value)) if isinstance(told, dg.JsonMetadataValue) else {}


Named = Callable[[Mapping[str, Any]], tuple[str, str, str | None] | None]
"""Item, item type and job type from an asset's definition metadata; ``None``: it is not to be watched."""


def watched_items(assets: Iterable[object], named: Named, resource_key: str) -> list[WatchedItem]:
    """The assets to look after: unpartitioned, as Fabric does not tell with which parameters a job instance ran.

    Those of another resource are left out: in its workspace, the same name is another item.
    """
    found = [
        (spec, WatchedItem(spec.key, *names, spec.metadata.get(WORKSPACE_METADATA), spec.metadata))
        for definition in assets
        if isinstance(definition, dg.AssetsDefinition) and resource_key in definition.required_resource_keys
        for spec in definition.specs
        if (names := named(spec.metadata)) is not None
    ]
    arguments: dict[tuple[str | None, ...], list[Mapping[str, Any]]] = {}
    for _, one in found:
        arguments.setdefault(one.place, []).append(one.arguments)
    return [
        replace(one, shared=any(other != one.arguments for other in arguments[one.place]))
        for spec, one in found
        if spec.partitions_def is None
    ]


def look_at_items(
    tick: CompletionTick, fabric: FabricResource, watched: Sequence[WatchedItem], most_items: int
) -> bool:
    """Add what is news of the items to the tick; ticks take turns where there are many.

    Returns:
        Whether there was a Fabric to ask: ``False`` if the local one is meant and does not run.
    """
    lone = [one for one in watched if not one.shared]
    if untold := [one.asset_key.to_user_string() for one in watched if one.shared]:
        tick.context.log.info(
            f"{', '.join(untold)}: not looked after, as other assets load with other arguments from the same item, and "
            "Fabric does not tell with which ones a job instance ran"
        )
    if not lone:
        return True
    try:
        connected = fabric.control(start_local=False)
    except FabricError as error:
        tick.looks += 1
        tick.failed("Fabric", error)
        return True
    if connected is None:
        return False
    connection, control = connected
    items = _by_item(lone)
    first = tick.next_item % len(items)
    seen = 0
    for item in [*items[first:], *items[:first]][:most_items]:
        if tick.is_over:
            break
        seen += 1
        _look_at_item(tick, fabric, connection, control, item)
    tick.next_item = (first + seen) % len(items)
    tick.left_out += len(items) - seen
    return True


def _by_item(watched: Sequence[WatchedItem]) -> list[list[WatchedItem]]:
    """The assets of one item together: one call shows its job instances to all of them."""
    items: dict[tuple[str | None, ...], list[WatchedItem]] = {}
    for one in watched:
        items.setdefault(one.place, []).append(one)
    return list(items.values())


def _look_at_item(
    tick: CompletionTick,
    fabric: FabricResource,
    connection: Connection,
    control: JobControl,
    assets: Sequence[WatchedItem],
) -> None:
    item = assets[0]
    names = ", ".join(asset.asset_key.to_user_string() for asset in assets)
    listing = partial(
        list_completions,
        control,
        fabric.notebook_name(item.item) if item.item_type == _NOTEBOOK else item.item,
        item.workspace or connection.workspace,
        item_type=item.item_type,
        job_type=item.job_type,
        workspace_configured_in=f"asset {names}" if item.workspace else connection.configured_in,
        asset=names,
    )
    tick.looks += 1
    try:
        completions = background_loop.call(listing)
    except (FabricError, TimeoutError) as error:
        tick.failed(names, error)
        return
    details_of = _Details(tick, control, completions)
    for asset in assets:
        news = tick.news(asset.asset_key, completions.job_instances)
        for job_instance in news:
            told = details_of(job_instance) if item.item_type == _NOTEBOOK else JobDetails()
            table = table_told(tick, fabric, asset, newest=job_instance is news[-1])
            tick.events.append(_materialization(asset, completions, job_instance, told, table))


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
    try:
        return background_loop.call(partial(_within, _TABLE_SECONDS, read))
    except TimeoutError:
        key = item.asset_key.to_user_string()
        tick.context.log.warning(
            f"{key}: reported without metadata of its table, whose Delta log was not read within {_TABLE_SECONDS:g} s"
        )
        return {}
    finally:
        for level, text in lines:
            tick.context.log.log(level, text)


async def _within(seconds: float, read: Callable[[], Awaitable[Mapping[str, Any]]]) -> Mapping[str, Any]:
    async with asyncio.timeout(seconds):
        return await read()


class _Details:
    """What a notebook's job instances tell beside their status, read once for all assets while there is time."""

    def __init__(self, tick: CompletionTick, control: JobControl, completions: Completions) -> None:
        self._tick = tick
        self._control = control
        self._completions = completions
        self._known: dict[str, JobDetails] = {}

    def __call__(self, job_instance: JobInstance) -> JobDetails:
        if job_instance.id not in self._known:
            if self._tick.is_over:
                return JobDetails()
            where = self._completions
            read = partial(details, self._control, where.workspace.id, where.item.id, job_instance.id)
            self._known[job_instance.id] = background_loop.call(read)
        return self._known[job_instance.id]


def _materialization(
    asset: WatchedItem,
    completions: Completions,
    job_instance: JobInstance,
    told: JobDetails,
    table: Mapping[str, Any],
) -> dg.AssetMaterialization:
    known = completion_metadata(completions.workspace, completions.item, job_instance, told)
    return dg.AssetMaterialization(
        asset_key=asset.asset_key,
        description=f"Started outside Dagster ({job_instance.invoke_type or 'unknown invoke type'}).",
        metadata={**known, **table},
    )
