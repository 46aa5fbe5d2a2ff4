"""OneLake shortcuts of lakehouses to tables of others: two names of one table."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from fabric_assets.lineage.tables import HOME, Catalog, Shortcut, Table, is_guid

SHORTCUTS_FILE = "shortcuts.metadata.json"
_MAX_CHAIN = 10


def read_shortcuts(place: Path, has_schemas: bool) -> tuple[Shortcut, ...]:
    """The shortcuts below ``Tables`` that the folder of a lakehouse holds.

    Args:
        place: the folder.
        has_schemas: the lakehouse is schema-enabled: a shortcut right below ``Tables`` is a whole schema.
    """
    try:
        entries = json.loads((place / SHORTCUTS_FILE).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return ()
    found = (_shortcut(entry, has_schemas) for entry in entries) if isinstance(entries, list) else ()
    return tuple(shortcut for shortcut in found if shortcut is not None)


def _shortcut(entry: Any, has_schemas: bool) -> Shortcut | None:
    target = entry.get("target") if isinstance(entry, dict) else None
    lake = target.get("oneLake") if isinstance(target, dict) else None
    if not isinstance(lake, dict):
        return None
    folders = [part for part in str(entry.get("path") or "").split("/") if part]
    parts = [part for part in str(lake.get("path") or "").split("/") if part]
    if [part.lower() for part in (*folders[:1], *parts[:1])] != ["tables", "tables"] or len(folders) > 2:
        return None
    own = (*folders[1:], str(entry.get("name") or ""))
    is_schema = has_schemas and len(own) == 1
    if not own[-1] or len(parts) > 3 or (not is_schema and len(parts) == 1):
        return None
    schema, name = (own[0], "") if is_schema else (own[0] if len(own) == 2 else "", own[-1])
    if is_schema:
        target_schema, target_name = parts[1] if len(parts) == 2 else "", ""
    else:
        target_schema, target_name = parts[1] if len(parts) == 3 else "", parts[-1]
    texts = (schema, name, str(lake.get("itemId") or ""), str(lake.get("workspaceId") or ""))
    return Shortcut(*(text.lower() for text in (*texts, target_schema, target_name)))


class _Place(NamedTuple):
    lakehouse: str
    schema: str
    name: str
    workspace: str


class Aliases:
    """The tables behind shortcuts.

    Args:
        catalog: lakehouses with their shortcuts.
        canonical: gives one identity to all spellings of a table.
    """

    def __init__(self, catalog: Catalog, canonical: Callable[[Table], Table]) -> None:
        self._tables: dict[Table, Table] = {}
        self._schemas: dict[tuple[str, str, str], _Place] = {}
        self._canonical = canonical
        for item in catalog.items:
            for shortcut in item.shortcuts:
                lakehouse = catalog.lakehouse(shortcut.item_id)
                if not lakehouse or is_guid(lakehouse):
                    continue
                named = catalog.workspace(shortcut.workspace_id)
                workspace = item.workspace if named == HOME else named
                own = item.name.lower()
                if shortcut.name:
                    target = Table(lakehouse, shortcut.target_schema, shortcut.target_name, workspace)
                    alias = canonical(Table(own, shortcut.schema, shortcut.name, item.workspace))
                    self._tables[alias] = canonical(target)
                else:
                    place = _Place(lakehouse, shortcut.target_schema, "", workspace)
                    self._schemas[item.workspace, own, shortcut.schema] = place

    def behind(self, table: Table) -> Table:
        """The table itself, or that which it is a shortcut to."""
        for _ in range(_MAX_CHAIN):
            found = self._tables.get(table)
            if found is None:
                place = self._schemas.get((table.workspace, table.lakehouse, table.schema))
                if place is None:
                    return table
                found = self._canonical(Table(place.lakehouse, place.schema, table.name, place.workspace))
            if found == table:
                return table
            table = found
        return table
