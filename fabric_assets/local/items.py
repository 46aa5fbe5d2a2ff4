"""Workspaces and items as they stand in the folders of the local Fabric's home."""

import json
import os
import time
import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from fabric_assets.local import errors
from fabric_assets.local.home import DEFAULT_WORKSPACE, LocalHome
from fabric_assets.local.notebook_source import NotebookSourceError, parse_notebook
from fabric_assets.local.script import SimulatedItem
from fabric_assets.local.state import State

PLATFORM_FILE = ".platform"
NOTEBOOK_CONTENT = tuple(f"notebook-content.{suffix}" for suffix in ("py", "ipynb", "sql", "scala", "r"))
FORBIDDEN_IN_NAMES = '"/:<>\\*?|'
MAX_NAME_BYTES = 200
NO_LOGICAL_ID = "00000000-0000-0000-0000-000000000000"
"""What Fabric writes into ``.platform`` where an item has no logical id."""

ITEM_TYPES = (
    "ApacheAirflowJob", "CopyJob", "Dashboard", "DataBuildToolJob", "DataPipeline", "Dataflow",
    "Datamart", "Environment", "Eventhouse", "Eventstream", "GraphQLApi", "KQLDashboard", "KQLDatabase",
    "KQLQueryset", "Lakehouse", "MLExperiment", "MLModel", "MirroredDatabase", "MirroredWarehouse",
    "MountedDataFactory", "Notebook", "PaginatedReport", "Reflex", "Report", "SQLDatabase",
    "SQLEndpoint", "SemanticModel", "SparkJobDefinition", "UserDataFunction", "VariableLibrary",
    "Warehouse", "WarehouseSnapshot",
)  # fmt: skip
_LINK = "is a link to a place outside of the local Fabric's folder"
_TYPE_BY_CASE = {name.casefold(): name for name in ITEM_TYPES}


@dataclass(frozen=True)
class Item:
    """One item of a workspace.

    Attributes:
        path: its folder, or its bare ``.ipynb``; ``None`` if it is simulated.
        source: a notebook's source file.
        compute: ``Spark``, ``Jupyter`` or ``DataWarehouse`` for a notebook.
        problem: why it cannot be used; ``None`` if it can.
    """

    id: str
    workspace_id: str
    type: str
    display_name: str
    description: str = ""
    path: Path | None = None
    source: Path | None = None
    logical_id: str | None = None
    compute: str | None = None
    problem: str | None = None

    def usable(self) -> "Item":
        """Itself.

        Raises:
            ApiError: its files cannot be read.
        """
        if self.problem is not None:
            raise errors.item_broken(self.display_name, self.problem)
        return self


@dataclass(frozen=True)
class BrokenItem:
    """Something in a workspace folder that is no good item; ``path`` is relative to the home."""

    workspace: str
    path: str
    reason: str
    item_id: str | None = None


@dataclass(frozen=True)
class Workspace:
    """One workspace folder."""

    id: str
    display_name: str
    path: Path
    items: Mapping[str, Item] = field(default_factory=dict)
    broken: tuple[BrokenItem, ...] = ()

    def item(self, item_id: str, item_type: str | None = None) -> Item:
        """An item by its id.

        Raises:
            ApiError: there is none, or it has another type.
        """
        item = self.items.get(item_id)
        if item is None or item_type not in (None, item.type):
            raise errors.item_not_found(item_id, self.display_name)
        return item

    def items_of_type(self, item_type: str) -> list[Item]:
        """All items of a type that can be used."""
        return self._usable.get(item_type, [])

    @cached_property
    def _usable(self) -> dict[str, list[Item]]:
        usable: defaultdict[str, list[Item]] = defaultdict(list)
        for item in self.items.values():
            if item.problem is None:
                usable[item.type].append(item)
        return dict(usable)


class Workspaces:
    """All workspaces. The folders are the truth: they are looked at again whenever somebody asks.

    Args:
        home: the local Fabric's folder.
        state: gives workspaces their ids.
        simulated: items of the default workspace that exist without files.
    """

    def __init__(self, home: LocalHome, state: State, simulated: tuple[SimulatedItem, ...] = ()) -> None:
        self._home = home
        self._state = state
        self._simulated = simulated
        self._simulated_known: list[Item] = []
        self._workspaces: dict[str, Workspace] = {}
        self._read: dict[Path, tuple[tuple[int, int], Any]] = {}
        self._next_look = 0.0

    def all(self) -> list[Workspace]:
        """All workspaces by name."""
        self._look()
        return sorted(self._workspaces.values(), key=lambda workspace: workspace.display_name.casefold())

    def get(self, workspace_id: str) -> Workspace:
        """A workspace by its id.

        Raises:
            ApiError: there is none.
        """
        self._look()
        workspace = self._workspaces.get(workspace_id)
        if workspace is None:
            known = [f"'{known.display_name}' ({known.id})" for known in self.all()]
            raise errors.workspace_not_found(workspace_id, known)
        return workspace

    def default(self) -> Workspace:
        """The workspace that is used when none is configured."""
        return self.get(self._state.workspace_id(DEFAULT_WORKSPACE))

    def look_again(self) -> None:
        """Read the folders at the next question, however short ago they were read."""
        self._next_look = 0.0

    def _look(self) -> None:
        if time.monotonic() < self._next_look:
            return
        began = time.thread_time()
        (self._home.workspaces / DEFAULT_WORKSPACE).mkdir(parents=True, exist_ok=True)
        found = {}
        for entry in sorted(os.scandir(self._home.workspaces), key=lambda entry: entry.name):
            if entry.is_dir() and not entry.name.startswith("."):
                workspace = self._read_workspace(Path(entry.path))
                found[workspace.id] = workspace
        self._workspaces = found
        # Small workspaces are read at every question; of thousands of items, reading takes at most a tenth of the time.
        took = time.thread_time() - began
        self._next_look = time.monotonic() + (10 * took if took > 0.005 else 0.0)

    def _read_workspace(self, path: Path) -> Workspace:
        workspace = Workspace(self._state.workspace_id(path.name), path.name, path)
        items: list[Item] = []
        broken: list[BrokenItem] = []
        if self._leaves_home(path):
            broken.append(self._broken(workspace, path, f"it {_LINK}"))
        else:
            self._read_folder(workspace, path, items, broken)
        if path.name == DEFAULT_WORKSPACE:
            items += self._simulated_items(workspace)
        items = _refuse_duplicates(items)
        items += _sql_endpoints(items)
        broken += [
            self._broken(workspace, item.path or path, item.problem, item.id)
            for item in items
            if item.problem is not None
        ]
        return replace(workspace, items={item.id: item for item in items}, broken=tuple(broken))

    def _read_folder(
        self, workspace: Workspace, folder: Path, items: list[Item], broken: list[BrokenItem]
    ) -> None:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            broken.append(self._broken(workspace, folder, f"the folder cannot be read: {error.strerror}"))
            return
        for entry in entries:
            path = Path(entry.path)
            if entry.name.startswith(".") or entry.name == "__pycache__":
                continue
            if self._leaves_home(path):
                reason = f"it {_LINK}"
                broken.append(self._broken(workspace, path, reason))
            elif entry.is_dir():
                stem, _, suffix = entry.name.rpartition(".")
                item_type = _TYPE_BY_CASE.get(suffix.casefold())
                if (path / PLATFORM_FILE).exists() or (stem and item_type):
                    self._read_item(workspace, path, items, broken)
                else:
                    self._read_folder(workspace, path, items, broken)
            elif entry.name.endswith(".ipynb"):
                items.append(self._with_notebook(self._item(workspace, path, "Notebook", path.stem), path))

    def _read_item(
        self, workspace: Workspace, path: Path, items: list[Item], broken: list[BrokenItem]
    ) -> None:
        stem, _, suffix = path.name.rpartition(".")
        item_type = _TYPE_BY_CASE.get(suffix.casefold())
        platform = self._cached(path / PLATFORM_FILE, _read_platform)
        if self._leaves_home(path / PLATFORM_FILE):
            platform = f".platform {_LINK}"
        if isinstance(platform, str):
            if item_type is None:
                broken.append(self._broken(workspace, path, platform))
            else:
                items.append(replace(self._item(workspace, path, item_type, stem), problem=platform))
            return
        item = self._item(workspace, path, platform["type"], platform["name"], platform["logical_id"])
        item = replace(item, description=platform["description"])
        if item.type == "Notebook":
            sources = [path / name for name in NOTEBOOK_CONTENT if (path / name).exists()]
            if len(sources) != 1:
                what = f"more than one: {', '.join(p.name for p in sources)}" if sources else "none"
                reason = f"its folder must have one notebook-content.py (.sql, .scala, .r or .ipynb), but has {what}"
                item = replace(item, problem=reason)
            elif self._leaves_home(sources[0]):
                item = replace(
                    item,
                    problem=f"{sources[0].name} {_LINK}",
                )
            else:
                item = self._with_notebook(item, sources[0])
        items.append(item)

    def _with_notebook(self, item: Item, source: Path) -> Item:
        compute, problem = self._cached(source, _read_compute)
        return replace(item, source=source, compute=compute, problem=problem)

    def _item(
        self, workspace: Workspace, path: Path, item_type: str, name: str, logical_id: str | None = None
    ) -> Item:
        identity = logical_id or path.relative_to(workspace.path).as_posix()
        item_id = _item_id(workspace.id, identity)
        return Item(item_id, workspace.id, item_type, name, path=path, logical_id=logical_id)

    def _simulated_items(self, workspace: Workspace) -> list[Item]:
        if not self._simulated_known:
            self._simulated_known = [
                Item(
                    _item_id(workspace.id, _simulated_identity(simulated)),
                    workspace.id,
                    simulated.type,
                    simulated.name,
                    compute="Spark" if simulated.type == "Notebook" else None,
                )
                for simulated in self._simulated
            ]
        return self._simulated_known

    def _broken(
        self, workspace: Workspace, path: Path, reason: str, item_id: str | None = None
    ) -> BrokenItem:
        return BrokenItem(
            workspace.display_name, path.relative_to(self._home.root).as_posix(), reason, item_id
        )

    def _leaves_home(self, path: Path) -> bool:
        return path.is_symlink() and not path.resolve().is_relative_to(self._home.root.resolve())

    def _cached(self, path: Path, read: Any) -> Any:
        """What ``read`` makes of a file, read again only when the file changed."""
        try:
            found = path.stat()
        except OSError:
            return read(path)
        signature = (found.st_mtime_ns, found.st_size)
        known = self._read.get(path)
        if known is None or known[0] != signature:
            known = (signature, read(path))
            self._read[path] = known
        return known[1]


def is_folder_name(name: str) -> bool:
    """Whether a display name can be the name of a folder, on every system."""
    if not name or name != name.strip() or name.startswith(".") or len(name.encode()) > MAX_NAME_BYTES:
        return False
    return name.isprintable() and not set(name) & set(FORBIDDEN_IN_NAMES)


def item_id(workspace_id: str, logical_id: str) -> str:
    """The id of the item with a logical id."""
    return _item_id(workspace_id, logical_id)


def _item_id(workspace_id: str, identity: str) -> str:
    return str(uuid.uuid5(uuid.UUID(workspace_id), identity))


def sql_endpoint_id(lakehouse_id: str) -> str:
    """The id of the SQL endpoint that comes with a lakehouse."""
    return str(uuid.uuid5(uuid.UUID(lakehouse_id), "SQLEndpoint"))


def _sql_endpoints(items: list[Item]) -> list[Item]:
    """Each good lakehouse's SQL endpoint, which has the lakehouse's name."""
    return [
        Item(sql_endpoint_id(item.id), item.workspace_id, "SQLEndpoint", item.display_name)
        for item in items
        if item.type == "Lakehouse" and item.problem is None
    ]


def _simulated_identity(item: SimulatedItem) -> str:
    return f"simulated/{item.name}" if item.type == "Notebook" else f"simulated/{item.type}/{item.name}"


def _read_platform(path: Path) -> dict[str, Any] | str:
    """What a ``.platform`` says, or why it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return "its folder has no .platform file (metadata.type, metadata.displayName, config.logicalId)"
    except (OSError, ValueError) as error:
        return f".platform cannot be read: {error}"
    metadata = content.get("metadata") if isinstance(content, dict) else None
    config = content.get("config", {}) if isinstance(content, dict) else None
    if not isinstance(metadata, dict) or not isinstance(config, dict):
        return ".platform needs the objects 'metadata' and 'config'"
    for name in ("type", "displayName"):
        if not isinstance(metadata.get(name), str) or not metadata[name].strip():
            return f".platform needs the text metadata.{name}"
    logical_id = config.get("logicalId")
    if logical_id is not None:
        try:
            logical_id = str(uuid.UUID(logical_id))
        except (ValueError, AttributeError, TypeError):
            return f".platform has config.logicalId {logical_id!r}, which is no GUID"
    if metadata["type"] == "Lakehouse" and not is_folder_name(metadata["displayName"]):
        return (
            f".platform has metadata.displayName {metadata['displayName']!r}, which cannot be a folder's name"
        )
    return {
        "type": _TYPE_BY_CASE.get(metadata["type"].casefold(), metadata["type"]),
        "name": metadata["displayName"],
        "description": str(metadata.get("description") or ""),
        "logical_id": None if logical_id == NO_LOGICAL_ID else logical_id,
    }


def _read_compute(source: Path) -> tuple[str | None, str | None]:
    """A notebook's compute type, and why the source cannot be read, if it can't."""
    try:
        notebook = parse_notebook(source)
    except NotebookSourceError as error:
        where = f"{source.name}, line {error.line}" if error.line else source.name
        return None, f"{where}: {error.reason}"
    if "sql" in notebook.kernel.casefold():
        return "DataWarehouse", None
    return ("Jupyter" if notebook.kernel.casefold() == "jupyter" else "Spark"), None


def _refuse_duplicates(items: list[Item]) -> list[Item]:
    """Mark items that share a logical id or a type and name; ids stay apart."""
    by_id: defaultdict[str, list[Item]] = defaultdict(list)
    by_name: defaultdict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in items:
        by_id[item.id].append(item)
        by_name[item.type, item.display_name.casefold()].append(item)
    checked = []
    for item in items:
        same_id, same_name = by_id[item.id], by_name[item.type, item.display_name.casefold()]
        if len(same_id) == len(same_name) == 1:
            checked.append(item)
            continue
        reasons = [item.problem] if item.problem else []
        if len(same_id) > 1:
            reasons.append(f"it has the same logicalId {item.logical_id} as {_others(item, same_id)}")
        if len(same_name) > 1:
            reasons.append(f"it has the same type and name as {_others(item, same_name)}")
        own_id = item.id if len(same_id) == 1 else _item_id(item.id, str(item.path and item.path.name))
        checked.append(replace(item, id=own_id, problem="; ".join(reasons)))
    return checked


def _others(item: Item, items: list[Item]) -> str:
    return ", ".join(
        str(other.path.name if other.path else other.display_name) for other in items if other is not item
    )
