"""Finds the notebooks and lakehouses of a workspace: a folder in Fabric's Git format, or item definitions."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from fabric_assets.lineage.config import LineageConfig
from fabric_assets.lineage.shortcuts import read_shortcuts
from fabric_assets.lineage.source import NotebookSource, parse_notebook
from fabric_assets.lineage.sql_routines import SqlFile
from fabric_assets.lineage.tables import HOME, NO_WORKSPACE, Catalog, Item, is_guid

_CONTENT_FILES = tuple(f"notebook-content.{suffix}" for suffix in ("py", "sql", "scala", "r", "ipynb"))
_STORES = {"Lakehouse": False, "Warehouse": True, "SQLDatabase": True, "MirroredDatabase": True}


@dataclass(frozen=True)
class NotebookFile:
    """A notebook's source before it is parsed."""

    name: str
    path: str
    data: bytes
    workspace: str = HOME


@dataclass(frozen=True)
class WorkspaceSource:
    """What a workspace holds for the lineage.

    Attributes:
        notebooks: sources of the notebooks, sorted by path.
        items: lakehouses and warehouses.
        names: names of the workspace, as they may occur in paths.
        sql: sources of what warehouses and SQL databases hold.
    """

    notebooks: tuple[NotebookFile, ...] = ()
    items: tuple[Item, ...] = ()
    names: tuple[str, ...] = ()
    sql: tuple[SqlFile, ...] = ()

    @staticmethod
    def from_definitions(
        notebooks: Mapping[str, Mapping[str, bytes]],
        items: Iterable[Item] = (),
        names: Iterable[str] = (),
    ) -> "WorkspaceSource":
        """The workspace from item definitions, as ``getDefinition`` gives them.

        Args:
            notebooks: for each notebook's display name its parts: path -> decoded content.
            items: lakehouses and warehouses of the workspace, their ids with them.
            names: display name and id of the workspace.
        """
        files = []
        for name, parts in notebooks.items():
            path = next((p for p in parts if PurePosixPath(p).name.lower() in _CONTENT_FILES), None)
            path = path or next((p for p in parts if p.endswith((".ipynb", ".py"))), None)
            if path is not None:
                files.append(NotebookFile(name, f"{name}.Notebook/{path}", parts[path]))
        return WorkspaceSource(tuple(files), tuple(items), tuple(names))


def read_folder(folder: Path) -> WorkspaceSource:
    """Read a folder in Fabric's Git format, nested folders with it.

    Args:
        folder: holds items such as ``Name.Notebook`` and ``Name.Lakehouse`` at any depth. A folder that holds
            the same item more than once is taken for several workspaces, one for each folder at its top.

    Raises:
        FileNotFoundError: there is no such folder.
        NotADirectoryError: it is no folder.
    """
    if not folder.is_dir():
        if folder.exists():
            raise NotADirectoryError(f"{folder} is not a folder")
        raise FileNotFoundError(f"there is no folder {folder}")
    notebooks: list[NotebookFile] = []
    items: list[tuple[str, Item]] = []
    sql: list[SqlFile] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
        place = Path(parent)
        relative = place.relative_to(folder).as_posix()
        kind = place.suffix.removeprefix(".")
        if kind == "Notebook" or any(name in _CONTENT_FILES for name in files):
            folders.clear()
            found = _notebook(place, relative, files)
            if found is not None:
                notebooks.append(found)
        elif kind in _STORES:
            folders.clear()
            item = _store(place, kind)
            items.append((relative, item))
            if item.is_warehouse:
                sql += _sql_files(folder, place, item.name)
        elif kind:
            if (place / ".platform").exists():
                folders.clear()
        else:
            loose = sorted(name for name in files if name.endswith(".ipynb"))
            notebooks += [_loose(place / name, relative) for name in loose]
    notebooks.sort(key=lambda notebook: notebook.path)
    return _separated(folder, notebooks, items, sql)


def _notebook(place: Path, relative: str, files: list[str]) -> NotebookFile | None:
    content = next((name for name in _CONTENT_FILES if name in files), None)
    content = content or next((name for name in sorted(files) if name.endswith((".ipynb", ".py"))), None)
    name = _display_name(place) or place.name.removesuffix(".Notebook")
    if content is None:
        return NotebookFile(name, relative, b"")
    path = content if relative == "." else f"{relative}/{content}"
    return NotebookFile(name, path, _bytes(place / content))


def _loose(file: Path, relative: str) -> NotebookFile:
    path = file.name if relative == "." else f"{relative}/{file.name}"
    return NotebookFile(file.stem, path, _bytes(file))


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _platform(place: Path) -> dict[str, Any]:
    try:
        values = json.loads((place / ".platform").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _display_name(place: Path) -> str:
    metadata = _platform(place).get("metadata")
    return str(metadata.get("displayName") or "") if isinstance(metadata, dict) else ""


def _store(place: Path, kind: str) -> Item:
    name = _display_name(place) or place.name.removesuffix(f".{kind}")
    config = _platform(place).get("config")
    logical = config.get("logicalId") if isinstance(config, dict) else None
    ids = (str(logical).lower(),) if logical else ()
    has_schemas: bool | None = True if _STORES[kind] else None
    try:
        metadata = json.loads((place / "lakehouse.metadata.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        metadata = None
    if isinstance(metadata, dict):
        has_schemas = bool(metadata.get("defaultSchema"))
    return Item(name, ids, HOME, has_schemas, _STORES[kind], read_shortcuts(place, bool(has_schemas)))


def _sql_files(folder: Path, place: Path, store: str) -> list[SqlFile]:
    files = []
    for path in sorted(place.rglob("*.sql")):
        text = _bytes(path).decode("utf-8-sig", errors="replace")
        files.append(SqlFile(store, path.relative_to(folder).as_posix(), text))
    return files


def _separated(
    folder: Path, notebooks: list[NotebookFile], items: list[tuple[str, Item]], sql: list[SqlFile]
) -> WorkspaceSource:
    """One workspace, or several where the same item comes more than once."""
    counted = Counter(("notebook", notebook.name.lower()) for notebook in notebooks)
    counted.update((str(item.is_warehouse), item.name.lower()) for _, item in items)
    if all(count == 1 for count in counted.values()):
        names = {folder.resolve().name}
        tops = {path.path.partition("/")[0] for path in notebooks} | {
            path.partition("/")[0] for path, _ in items
        }
        if len(tops) == 1:
            names |= {top for top in tops if "." not in top}
        found = tuple(item for _, item in items)
        return WorkspaceSource(tuple(notebooks), found, tuple(sorted(names)), tuple(sql))

    def top(path: str) -> str:
        first, slash, _ = path.partition("/")
        return first.lower() if slash and "." not in first else HOME

    return WorkspaceSource(
        tuple(replace(notebook, workspace=top(notebook.path)) for notebook in notebooks),
        tuple(replace(item, workspace=top(path)) for path, item in items),
        (folder.resolve().name,),
        tuple(replace(file, workspace=top(file.path)) for file in sql),
    )


def parse_file(file: NotebookFile) -> NotebookSource:
    """The notebook in a file."""
    return parse_notebook(file.name, file.path, file.data, file.workspace)


def build_catalog(
    source: WorkspaceSource, attached: Iterable[tuple[str, str, str, str, str]], config: LineageConfig
) -> Catalog:
    """What is known about lakehouses and workspaces.

    Args:
        source: the workspace.
        attached: for each notebook with a default lakehouse: the notebook's workspace, the lakehouse's id, name
            and workspace id, and whether it is a ``lakehouse``, a ``warehouse`` or the SQL ``endpoint`` of a lakehouse.
        config: names that are declared.
    """
    names_by_id = {identifier: item.name.lower() for item in source.items for identifier in item.ids}
    stores = {item.name.lower() for item in source.items}
    lakehouses = set(stores)
    attached = list(attached)
    for _, identifier, name, *_ in attached:
        if name:
            lakehouses.add(name.lower())
            if identifier:
                names_by_id.setdefault(identifier.lower(), name.lower())
    names_by_id.update(config.lakehouses)
    names_by_id.update(_only_stores(source.items, attached, names_by_id))
    home = {name.lower() for name in (*source.names, *config.workspace)}
    names = {key.lower(): value.lower() for key, value in config.workspaces.items()}
    # T-SQL notebooks never name the workspace, so that they say nothing about it.
    named = [row[:4] for row in attached if row[4] == "lakehouse"]
    candidates = [
        row for row in named if names_by_id.get(row[1].lower(), row[2].lower()) in stores or not stores
    ]
    settled = any(is_guid(name) for name in home)
    workspaces = _named_workspaces([row for row in candidates if row[0] != HOME or not settled], source.items)
    for own, guid in _home_guids(workspaces).items():
        if guid in names:
            continue
        if own == HOME:
            home.add(guid)
        else:
            names[guid] = own
    return Catalog(source.items, names_by_id, frozenset(home), names, frozenset(lakehouses))


def _only_stores(
    items: Iterable[Item], attached: Iterable[tuple[str, str, str, str, str]], known: Mapping[str, str]
) -> dict[str, str]:
    """Names for the GUIDs that T-SQL notebooks give in place of a name, where only one item can be meant.

    The GUID of a SQL endpoint is that of no item in a folder, and that of a warehouse may not be either.
    """
    items, attached = list(items), list(attached)
    found: dict[str, str] = {}
    for workspace in {row[0] for row in attached}:
        for kind, is_warehouse in (("warehouse", True), ("endpoint", False)):
            rows = [row for row in attached if row[0] == workspace and row[4] == kind and row[1]]
            unknown = {row[1].lower() for row in rows if not row[2] and row[1].lower() not in known}
            stores = [i for i in items if i.workspace == workspace and i.is_warehouse == is_warehouse]
            if is_warehouse:
                named = {known.get(row[1].lower()) for row in rows}
                stores = [item for item in stores if item.name.lower() not in named]
            if len(unknown) == len(stores) == 1:
                found[unknown.pop()] = stores[0].name.lower()
    return found


def _named_workspaces(
    attached: list[tuple[str, str, str, str]], items: Iterable[Item]
) -> dict[str, Counter[str]]:
    """The workspaces of default lakehouses that may be the notebooks' own, by that: how many notebooks name each.

    Who leaves the workspace out means its own. Where some do, a workspace that is named counts only if it is named
    with the GUID of a lakehouse that is known to lie here: another may have lakehouses of the same names.
    """
    here: dict[str, set[str]] = {}
    for item in items:
        here.setdefault(item.workspace, set()).update(item.ids)
    for own, identifier, _, workspace in attached:
        if _is_own(workspace):
            here.setdefault(own, set()).update({identifier.lower()} - {""})
    found: dict[str, Counter[str]] = {}
    certain: dict[str, Counter[str]] = {}
    for own, identifier, _, workspace in attached:
        if not _is_own(workspace):
            found.setdefault(own, Counter())[workspace.lower()] += 1
            if identifier.lower() in here.get(own, ()):
                certain.setdefault(own, Counter())[workspace.lower()] += 1
    leave_it_out = {own for own, _, _, workspace in attached if _is_own(workspace)}
    return {own: counted for own, counted in found.items() if own not in leave_it_out} | certain


def _is_own(workspace: str) -> bool:
    return workspace.strip().lower() in ("", NO_WORKSPACE)


def _home_guids(workspaces: Mapping[str, Counter[str]]) -> dict[str, str]:
    """The GUID of each workspace: lakehouses mostly lie where their notebooks do, so the one named most."""
    found: dict[str, str] = {}
    for own, counted in workspaces.items():
        ranked = counted.most_common(2)
        if len(ranked) == 1 or ranked[0][1] > ranked[1][1]:
            found[own] = ranked[0][0]
    shared = Counter(found.values())
    return {own: guid for own, guid in found.items() if shared[guid] == 1}
