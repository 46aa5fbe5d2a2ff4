"""Identity of tables, and how names and paths in a notebook's source lead to it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

HOME = ""
"""Identity of the analyzed workspace itself; other workspaces have their name or id, lower case."""

THIS_WORKSPACE = "zzthisworkspacezz"
"""Stands for the notebook's own workspace in computed paths and names."""

DEFAULT_LAKEHOUSE = "zzdefaultlakehousezz"
"""Stands for the notebook's default lakehouse in computed paths and names."""

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NO_WORKSPACE = "00000000-0000-0000-0000-000000000000"
"""The GUID that Fabric writes in place of that of the own workspace."""

_ONELAKE = re.compile(r"(?:abfss?|https?|onelake|wasbs?)://([^?#]*)", re.IGNORECASE)
_ITEM_TYPES = re.compile(
    r"\.(lakehouse|warehouse|datawarehouse|lakewarehouse|kqldatabase|sqldatabase|mirroreddatabase)$",
    re.IGNORECASE,
)
_NAME_PART = re.compile(r"`((?:[^`]|``)*)`|\[((?:[^\]]|\]\])*)\]|\"((?:[^\"]|\"\")*)\"|([^.`\[\]\"]+)")


class Table(NamedTuple):
    """A table, identified by all of its parts, each in lower case.

    Attributes:
        lakehouse: lakehouse (or warehouse) that holds it; empty if the notebook has no default lakehouse.
        schema: schema, empty if the source names none.
        name: name of the table.
        workspace: workspace of the lakehouse, empty for the analyzed one.
        within: ``lakehouse`` may as well be a schema of this lakehouse: decided when all notebooks are known.
    """

    lakehouse: str
    schema: str
    name: str
    workspace: str = HOME
    within: str = ""

    def __str__(self) -> str:
        parts = (self.lakehouse, self.schema, self.name)
        return ".".join(part for part in parts if part)


class Shortcut(NamedTuple):
    """A OneLake shortcut below ``Tables``; all in lower case.

    Attributes:
        schema: schema in which it lies; ``name``: its name, empty if it is a whole schema.
        item_id: GUID of the target's item; ``workspace_id``: of its workspace.
        target_schema: schema of the target; ``target_name``: its name.
    """

    schema: str
    name: str
    item_id: str
    workspace_id: str
    target_schema: str
    target_name: str


@dataclass(frozen=True)
class Item:
    """A lakehouse or warehouse of the analyzed folder or workspace.

    Attributes:
        name: display name.
        ids: GUIDs by which notebooks may name it (item id, logical id).
        workspace: identity of its workspace.
        has_schemas: it is schema-enabled; ``None``: not known.
        is_warehouse: it is a warehouse.
        shortcuts: to tables of other items.
    """

    name: str
    ids: tuple[str, ...] = ()
    workspace: str = HOME
    has_schemas: bool | None = None
    is_warehouse: bool = False
    shortcuts: tuple[Shortcut, ...] = ()


@dataclass(frozen=True)
class Catalog:
    """What is known about lakehouses and workspaces beyond one notebook.

    Attributes:
        items: lakehouses and warehouses.
        names_by_id: lakehouse names by GUID (lower case).
        home_names: names and ids of the analyzed workspace (lower case).
        workspace_names: names of other workspaces by GUID (lower case).
        lakehouse_names: all names of lakehouses that occur as items or default lakehouses (lower case).
    """

    items: tuple[Item, ...] = ()
    names_by_id: dict[str, str] = field(default_factory=dict)
    home_names: frozenset[str] = frozenset()
    workspace_names: dict[str, str] = field(default_factory=dict)
    lakehouse_names: frozenset[str] = frozenset()

    def workspace(self, name_or_id: str) -> str:
        """Identity of a workspace that a source names."""
        name = name_or_id.strip().lower()
        name = self.workspace_names.get(name, name)
        if name in ("", NO_WORKSPACE, THIS_WORKSPACE) or name in self.home_names:
            return HOME
        return name

    def lakehouse(self, name_or_id: str) -> str:
        """Name of a lakehouse that a source names or gives by its GUID (which stays if it is not known)."""
        name = name_or_id.strip().lower()
        return self.names_by_id.get(name, name)

    def has_schemas(self, workspace: str, lakehouse: str) -> bool | None:
        """Whether the lakehouse is schema-enabled, ``None`` if nothing here says so."""
        for item in self.items:
            if item.name.lower() == lakehouse and item.workspace == workspace:
                return item.has_schemas
        return None


class NotATable(Exception):  # noqa: N818 - a path outside Tables/ is no error
    """The path is not below the Tables folder of a lakehouse."""


class UnresolvedNameError(Exception):
    """A name or path that does not lead to one table; the text is the reason."""


@dataclass
class NameResolver:
    """Resolves the names and paths of one notebook.

    Attributes:
        catalog: what is known beyond the notebook.
        home: identity of the notebook's own workspace.
        default_lakehouse: name of the default lakehouse (lower case), empty if there is none.
        default_workspace: workspace of the default lakehouse.
        default_is_warehouse: the default is a warehouse.
        current_schema: schema that ``USE`` made current.
        schema_evidence: (workspace, lakehouse, schema) that the source names.
    """

    catalog: Catalog
    home: str = HOME
    default_lakehouse: str = ""
    default_workspace: str = HOME
    default_is_warehouse: bool = False
    current_schema: str = ""
    schema_evidence: set[tuple[str, str, str]] = field(default_factory=set)

    @contextmanager
    def inside(self, workspace: str) -> Iterator[None]:
        """Take names for those of this workspace (``HOME``: the notebook's own) meanwhile."""
        former, self.default_workspace = self.default_workspace, workspace or self.home
        try:
            yield
        finally:
            self.default_workspace = former

    def _workspace(self, name: str) -> str:
        found = self.catalog.workspace(name)
        return self.home if found == HOME else found

    def _table(self, workspace: str, lakehouse: str, schema: str, name: str, weak: bool = False) -> Table:
        if not name or "/" in name:
            raise UnresolvedNameError("it names no table")
        lakehouse = self.catalog.lakehouse(lakehouse)
        if lakehouse == DEFAULT_LAKEHOUSE:
            lakehouse = self.default_lakehouse
        if schema and not weak:
            self.schema_evidence.add((workspace, lakehouse, schema.lower()))
        return Table(lakehouse, schema.lower(), name.lower(), workspace)

    def table(self, name: str) -> Table:
        """The table behind a Spark name of one to four parts.

        Raises:
            UnresolvedNameError: the name has more parts or an empty one.
        """
        parts = split_name(name)
        if not 1 <= len(parts) <= 4 or not all(parts):
            raise UnresolvedNameError("it is not a table name of one to four parts")
        if len(parts) == 2 and parts[0].lower() in ("delta", "parquet") and "/" in parts[1]:
            return self.path(parts[1])
        if parts[0].lower() == "spark_catalog" and len(parts) > 1:
            parts = parts[1:]
        if len(parts) == 1:
            return self._table(self.default_workspace, self.default_lakehouse, self.current_schema, parts[0])
        if len(parts) == 2:
            return self._two_parts(*parts)
        if len(parts) == 3:
            return self._table(self.default_workspace, parts[0], parts[1], parts[2])
        return self._table(self._workspace(parts[0]), parts[1], parts[2], parts[3])

    def _two_parts(self, first: str, name: str) -> Table:
        first, name = first.lower(), name.lower()
        catalog, lakehouse = self.catalog, self.default_lakehouse
        default_has_schemas = catalog.has_schemas(self.default_workspace, lakehouse)
        if first == "dbo" or (default_has_schemas and first not in catalog.lakehouse_names):
            return self._table(self.default_workspace, lakehouse, first, name, weak=not default_has_schemas)
        table = self._table(self.default_workspace, first, "", name)
        if default_has_schemas is None and lakehouse and first not in catalog.lakehouse_names:
            return Table(first, "", name, self.default_workspace, within=lakehouse)
        return table

    def tsql_table(self, name: str, database: str = "", is_warehouse: bool | None = None) -> Table:
        """The table behind a T-SQL name: ``table``, ``schema.table`` or ``database.schema.table``.

        Args:
            name: the name.
            database: the lakehouse or warehouse that the cell names, empty for the notebook's default.
            is_warehouse: whether ``database`` is a warehouse.

        Raises:
            UnresolvedNameError: the name has more parts.
        """
        parts = split_name(name)
        if not 1 <= len(parts) <= 4 or not parts[-1]:
            raise UnresolvedNameError("it is not a table name of one to three parts")
        parts = parts[-3:]
        if len(parts) == 3:
            database, is_warehouse = parts[0], None
        schema = (parts[-2] if len(parts) > 1 else "") or "dbo"
        workspace = self.default_workspace
        if not database:
            database, is_warehouse = self.default_lakehouse, self.default_is_warehouse
        store = self.catalog.lakehouse(database)
        is_lakehouse = is_warehouse is False or (
            store in self.catalog.lakehouse_names and not self.catalog.has_schemas(workspace, store)
        )
        # The SQL endpoint shows the tables of every lakehouse in `dbo`, also of those without schemas.
        weak = schema.lower() == "dbo" and not is_warehouse and is_lakehouse
        return self._table(workspace, database, schema, parts[-1], weak=weak)

    def path(self, path: str) -> Table:
        """The table whose folder, or a file of it, a path names.

        Raises:
            NotATable: the path is not below ``Tables`` of a lakehouse.
            UnresolvedNameError: it is the ``Tables`` folder itself.
        """
        text = path.strip().replace("\\", "/")
        match = _ONELAKE.match(text)
        workspace, lakehouse = self.default_workspace, self.default_lakehouse
        if match:
            workspace, lakehouse, rest = self._onelake(text, match[1])
        else:
            rest = re.sub(r"^(?:file|dbfs)?:?/{1,3}lakehouse/", "lakehouse/", text)
            if rest.startswith("lakehouse/"):
                _, _, rest = rest.partition("/")
                mount, _, rest = rest.partition("/")
                if mount.lower() != "default":
                    lakehouse = _ITEM_TYPES.sub("", mount)
            else:
                rest = re.sub(r"^(?:\./|/)+", "", rest)
        folder, _, rest = rest.partition("/")
        if folder.lower() != "tables":
            raise NotATable
        parts = []
        for part in rest.split("/"):
            if not part or part == ".":
                continue
            if "=" in part or "*" in part or part == "_delta_log" or part.lower().endswith(".parquet"):
                break
            parts.append(part)
        if not parts or len(parts) > 2:
            raise UnresolvedNameError(
                "it names the Tables folder, not one table" if not parts else "it is too deep"
            )
        schema = parts[0] if len(parts) == 2 else ""
        return self._table(workspace, lakehouse, schema, parts[-1])

    def _onelake(self, text: str, address: str) -> tuple[str, str, str]:
        if text.lower().startswith("http"):
            host, _, rest = address.partition("/")
            container, _, rest = rest.partition("/")
        else:
            container, at, rest = address.partition("@")
            if not at:  # onelake://workspace/...
                container, _, rest = address.partition("/")
                host = "onelake"
            else:
                host, _, rest = rest.partition("/")
        if "onelake" not in host.lower():
            raise NotATable
        item, _, rest = rest.partition("/")
        return self._workspace(container), _ITEM_TYPES.sub("", item), rest


def split_name(name: str) -> list[str]:
    """The parts of a dotted name, without backticks, brackets and quotes (empty list: not a name).

    Example:
        >>> split_name("`Sales Lake`.dbo.[Orders]")
        ['Sales Lake', 'dbo', 'Orders']
    """
    parts, position, text = [], 0, name.strip()
    while position < len(text):
        match = _NAME_PART.match(text, position)
        if match is None:
            return []
        quoted = next((group for group in match.groups()[:3] if group is not None), None)
        parts.append(quoted if quoted is not None else match[4].strip())
        position = match.end()
        if position < len(text):
            while position < len(text) and text[position] == " ":
                position += 1
            if position < len(text):
                if text[position] != ".":
                    return []
                position += 1
                if position == len(text):
                    return []
    return parts


def is_guid(text: str) -> bool:
    """Whether the text is a GUID (lower case)."""
    return _GUID.fullmatch(text) is not None


def canonical(table: Table, enabled: set[tuple[str, str]], schemas: set[tuple[str, str, str]]) -> Table:
    """One identity for all spellings of a table.

    Args:
        table: as resolved in one notebook.
        enabled: (workspace, lakehouse) of the lakehouses that are schema-enabled.
        schemas: (workspace, lakehouse, schema) that some notebook names.

    Returns:
        The table with its schema (``dbo`` if it names none) in a schema-enabled lakehouse, without ``dbo`` in
        another.
    """
    lakehouse, schema = table.lakehouse, table.schema
    if table.within and (table.workspace, table.within, table.lakehouse) in schemas:
        lakehouse, schema = table.within, table.lakehouse
    if (table.workspace, lakehouse) in enabled:
        schema = schema or "dbo"
    elif schema == "dbo":
        schema = ""
    return Table(lakehouse, schema, table.name, table.workspace)
