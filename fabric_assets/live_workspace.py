"""A workspace's notebooks, read over the API and kept as a file: what the lineage of a live workspace is made of."""

import asyncio
import base64
import binascii
import json
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fabric_assets.client.directory import Directory
from fabric_assets.client.errors import FabricAuthError, FabricError
from fabric_assets.client.fabric_client import FabricClient
from fabric_assets.client.models import Item as FabricItem
from fabric_assets.client.models import Workspace
from fabric_assets.client.quota import OpenGate
from fabric_assets.connection import Connection
from fabric_assets.jobs.call_budget import QUOTA_CALLS_PER_MINUTE, CallBudget
from fabric_assets.lineage import Item, NotebookLineage, Unresolved, WorkspaceSource

_log = logging.getLogger(__name__)

_VERSION = 1
_AT_ONCE = 8
_QUOTA_SHARE = 0.5  # the rest is for whoever runs notebooks as the same identity meanwhile
_STORES = {"Lakehouse": False, "Warehouse": True, "SQLDatabase": True, "MirroredDatabase": True}


class StateError(ValueError):
    """The file is not what ``LiveWorkspace.to_text`` wrote."""


@dataclass(frozen=True)
class LiveWorkspace:
    """What a workspace held when it was read.

    Attributes:
        id: id of the workspace; ``name``: its display name.
        notebooks: definition of each notebook by its name: path of a part -> content.
        failures: why the definition of a notebook could not be had, by its name.
        notebook_ids: ids of the notebooks by their names.
        items: lakehouses and warehouses.
        is_local: it is in the local Fabric.
    """

    id: str
    name: str
    notebooks: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    notebook_ids: Mapping[str, str] = field(default_factory=dict)
    items: tuple[Item, ...] = ()
    is_local: bool = False

    def source(self) -> WorkspaceSource:
        """The workspace for the lineage."""
        return WorkspaceSource.from_definitions(self.notebooks, self.items, (self.name, self.id))

    def unread(self) -> tuple[NotebookLineage, ...]:
        """The notebooks whose definition could not be had, each with its reason."""
        return tuple(
            NotebookLineage(name, f"{name}.Notebook", "", unresolved=(Unresolved(0, 1, reason),))
            for name, reason in sorted(self.failures.items())
        )

    def to_text(self, cache: Mapping[str, str] | None = None) -> str:
        """The workspace as text, to be kept.

        Args:
            cache: files with results of the analysis, to be kept with it.
        """
        return json.dumps(
            {
                "version": _VERSION,
                "id": self.id,
                "name": self.name,
                "is_local": self.is_local,
                "notebooks": {
                    name: {path: base64.b64encode(content).decode() for path, content in parts.items()}
                    for name, parts in self.notebooks.items()
                },
                "failures": dict(self.failures),
                "notebook_ids": dict(self.notebook_ids),
                "items": [[item.name, list(item.ids), item.is_warehouse] for item in self.items],
                "cache": dict(cache or {}),
            },
            separators=(",", ":"),
        )

    @staticmethod
    def from_text(text: str) -> "tuple[LiveWorkspace, dict[str, str]]":
        """The workspace and the cache files from ``to_text``.

        Raises:
            StateError: the text is something else, or of another version of this package.
        """
        try:
            values = json.loads(text)
            version = values["version"]
            workspace = LiveWorkspace(
                id=values["id"],
                name=values["name"],
                is_local=bool(values["is_local"]),
                notebooks={
                    name: {path: base64.b64decode(content) for path, content in parts.items()}
                    for name, parts in values["notebooks"].items()
                },
                failures=values["failures"],
                notebook_ids=values["notebook_ids"],
                items=tuple(
                    Item(name, tuple(ids), has_schemas=True if warehouse else None, is_warehouse=warehouse)
                    for name, ids, warehouse in values["items"]
                ),
            )
            cache = dict(values["cache"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StateError(f"it cannot be read ({type(error).__name__}: {error})") from error
        if version != _VERSION:
            raise StateError(f"it is of version {version}, not {_VERSION}")
        return workspace, cache


async def fetch_workspace(connection: Connection) -> LiveWorkspace:
    """Read the definitions of all notebooks of a workspace. One that cannot be read does not stop the others.

    Raises:
        FabricError: the workspace cannot be read at all.
    """
    budget = CallBudget(int(QUOTA_CALLS_PER_MINUTE * _QUOTA_SHARE))
    gate = OpenGate() if connection.is_local else budget
    async with FabricClient(connection.api_url, connection.token_source(), gate=gate) as client:
        workspace = await Directory(client).workspace(
            connection.workspace, configured_in=connection.configured_in
        )
        read = await _read(client, workspace, await client.list_items(workspace.id))
        return replace(read, is_local=connection.is_local)


async def _read(client: FabricClient, workspace: Workspace, items: list[FabricItem]) -> LiveWorkspace:
    notebooks = _named([item for item in items if item.type == "Notebook"])
    room = asyncio.Semaphore(_AT_ONCE)
    definitions: dict[str, dict[str, bytes]] = {}
    failures: dict[str, str] = {}
    refusals: list[FabricAuthError] = []

    async def read(name: str, item: FabricItem) -> None:
        async with room:
            try:
                definitions[name] = _decoded(await client.get_notebook_definition(workspace.id, item.id))
            except (FabricError, KeyError, TypeError, binascii.Error) as error:
                if isinstance(error, FabricAuthError):
                    refusals.append(error)
                failures[name] = " ".join(f"its definition could not be read: {error}".split())
                _log.warning("notebook %s: %s", name, failures[name])

    async with asyncio.TaskGroup() as group:
        for name, item in notebooks.items():
            group.create_task(read(name, item))
    if refusals and not definitions:
        raise refusals[0]
    stores = tuple(
        Item(
            item.display_name,
            (item.id.lower(),),
            has_schemas=True if _STORES[item.type] else None,
            is_warehouse=_STORES[item.type],
        )
        for item in items
        if item.type in _STORES
    )
    return LiveWorkspace(
        id=workspace.id,
        name=workspace.display_name,
        notebooks=dict(sorted(definitions.items())),
        failures=failures,
        notebook_ids={name: item.id for name, item in notebooks.items()},
        items=stores,
    )


def _named(notebooks: list[FabricItem]) -> dict[str, FabricItem]:
    """Notebooks by name; by id where a name comes twice (in two folders of the workspace)."""
    counted = Counter(item.display_name for item in notebooks)
    return {
        item.display_name if counted[item.display_name] == 1 else item.id: item
        for item in sorted(notebooks, key=lambda item: item.display_name)
    }


def _decoded(parts: list[dict[str, str]]) -> dict[str, bytes]:
    return {part["path"]: base64.b64decode(part["payload"]) for part in parts}
