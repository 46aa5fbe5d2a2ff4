"""Names of tables in Spark: which table of which lakehouse they mean, and what the embedded Spark calls it.

The embedded Spark tells upper from lower case, Fabric does not. Here every table has one name, in lower case.
"""

from dataclasses import dataclass
from pathlib import Path

from fabric_assets.local.engine.kernel.session import KernelSession
from fabric_assets.local.engine.kernel.sql_text import quoted
from fabric_assets.local.lakehouse import DEFAULT_SCHEMA, Lakehouse


@dataclass(frozen=True)
class Namespace:
    """A lakehouse, or a schema of one: what Spark calls a database."""

    parts: tuple[str, ...]
    folder: Path

    @property
    def sql(self) -> str:
        """The name as SQL."""
        return ".".join(map(quoted, self.parts))


@dataclass(frozen=True)
class TableName:
    """A table's one name, and the folder that holds it or would hold it."""

    namespace: Namespace
    name: str
    folder: Path
    exists: bool

    @property
    def sql(self) -> str:
        """The full name as SQL."""
        return f"{self.namespace.sql}.{quoted(self.name)}"


class TableNames:
    """Resolves names as the notebook writes them."""

    def __init__(self, session: KernelSession) -> None:
        self._session = session
        self._current: Namespace | None = None
        self.views: set[str] = set()
        """Views of this session in lower case: ``name`` of a temporary one, else its full name."""
        self.created: set[str] = set()
        """Full names of tables that this session created: they may lie outside of ``Tables``."""

    @property
    def current(self) -> Namespace | None:
        """Where names without a lakehouse lie: the default lakehouse, or what ``USE`` named."""
        if self._current:
            return self._current
        default = self._session.default_lakehouse
        return self.namespace_of(default) if default else None

    def use(self, namespace: Namespace | None) -> None:
        """Change where names without a lakehouse lie; ``None``: the default lakehouse."""
        self._current = namespace

    def namespace_of(self, lakehouse: Lakehouse, schema: str = "") -> Namespace:
        """The namespace of a lakehouse; in one with schemas, of the schema (``dbo`` if none is named)."""
        parts: tuple[str, ...] = (lakehouse.name.lower(),)
        if lakehouse.workspace.lower() != self._session.context.workspace.lower():
            parts = (lakehouse.workspace.lower(), *parts)
        if not lakehouse.has_schemas:
            return Namespace(parts, lakehouse.tables_folder)
        wanted = (schema or DEFAULT_SCHEMA).lower()
        known = next((name for name in lakehouse.schemas() if name.lower() == wanted), wanted)
        return Namespace((*parts, wanted), lakehouse.tables_folder / known)

    def namespace(self, parts: tuple[str, ...]) -> Namespace | None:
        """The namespace that these parts name: ``[workspace.]lakehouse[.schema]``, or a schema of the default one."""
        find = self._session.onelake.find
        if len(parts) == 3:
            lakehouse = find(parts[1], parts[0])
            return self.namespace_of(lakehouse, parts[2]) if lakehouse and lakehouse.has_schemas else None
        if len(parts) == 2:
            lakehouse = find(parts[0])
            if lakehouse and lakehouse.has_schemas:
                return self.namespace_of(lakehouse, parts[1])
            lakehouse = find(parts[1], parts[0])
            return self.namespace_of(lakehouse) if lakehouse else None
        if len(parts) != 1:
            return None
        default = self._session.default_lakehouse
        if default and default.has_schemas and parts[0].lower() in map(str.lower, default.schemas()):
            return self.namespace_of(default, parts[0])
        lakehouse = find(parts[0])
        return self.namespace_of(lakehouse) if lakehouse else None

    def namespaces(self) -> list[Namespace]:
        """The namespaces of the own workspace's lakehouses."""
        own = self._session.context.workspace.lower()
        lakehouses = [each for each in self._session.onelake.lakehouses if each.workspace.lower() == own]
        return [self.namespace_of(each, schema) for each in lakehouses for schema in each.schemas() or [""]]

    def table(self, parts: tuple[str, ...]) -> TableName | None:
        """The table that these parts name, whether it exists or not; ``None`` if they name no lakehouse."""
        namespace = self.namespace(parts[:-1]) if len(parts) > 1 else self.current
        if namespace is None:
            return None
        name = parts[-1].lower()
        folder = _folder_of(namespace.folder, name)
        return TableName(namespace, name, folder or namespace.folder / name, folder is not None)

    def tables(self, namespace: Namespace) -> list[TableName]:
        """All Delta tables of a namespace."""
        if not namespace.folder.is_dir():
            return []
        folders = sorted(folder for folder in namespace.folder.iterdir() if (folder / "_delta_log").is_dir())
        return [TableName(namespace, folder.name.lower(), folder, True) for folder in folders]


def _folder_of(parent: Path, name: str) -> Path | None:
    exact = parent / name
    if (exact / "_delta_log").is_dir():
        return exact
    if not parent.is_dir():
        return None
    for folder in parent.iterdir():
        if folder.name.lower() == name and (folder / "_delta_log").is_dir():
            return folder
    return None
