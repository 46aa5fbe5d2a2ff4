"""Lakehouses as folders: their tables, and where OneLake paths lead."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import unquote

DEFAULT_SCHEMA = "dbo"
MOUNT_POINT = "/lakehouse/default"

_ONELAKE_HOST = r"[\w.-]*onelake[\w-]*\.(?:dfs|blob)\.fabric\.microsoft\.com"
_ABFSS = re.compile(rf"abfss?://([^@/]+)@{_ONELAKE_HOST}/([^/]+)(/.*)?", re.IGNORECASE)
_HTTPS = re.compile(rf"https://{_ONELAKE_HOST}/([^/]+)/([^/]+)(/.*)?", re.IGNORECASE)
_MOUNTED = re.compile(rf"(?:file:/*)?{MOUNT_POINT}(/.*)?")
_RELATIVE = re.compile(r"(?:\./)?((?:Files|Tables)(?:/.*)?)")


class LakehouseNotFoundError(Exception):
    """A lakehouse that no workspace of the local Fabric has."""


@dataclass(frozen=True)
class LakehouseTable:
    """One table: ``schema`` is empty in a lakehouse without schemas."""

    name: str
    schema: str
    folder: Path

    @property
    def is_delta(self) -> bool:
        """Whether the folder holds a Delta table (else it is a folder that Fabric lists as unidentified)."""
        return (self.folder / "_delta_log").is_dir()


@dataclass(frozen=True)
class Lakehouse:
    """A lakehouse: its display name, its workspace's, its item id, and the folder with ``Files`` and ``Tables``."""

    workspace: str
    name: str
    item_id: str
    folder: Path

    @property
    def tables_folder(self) -> Path:
        """The folder that holds one folder a table, or a schema."""
        return self.folder / "Tables"

    @property
    def has_schemas(self) -> bool:
        """Whether its tables lie in schemas: Fabric creates ``dbo`` with such a lakehouse."""
        schema = self.tables_folder / DEFAULT_SCHEMA
        return schema.is_dir() and not (schema / "_delta_log").exists()

    def schemas(self) -> list[str]:
        """Names of its schemas, empty if it has none."""
        if not self.has_schemas:
            return []
        return sorted(
            path.name for path in _folders(self.tables_folder) if not (path / "_delta_log").exists()
        )

    def tables(self) -> list[LakehouseTable]:
        """All tables, sorted by schema and name."""
        if not self.has_schemas:
            return [LakehouseTable(path.name, "", path) for path in _folders(self.tables_folder)]
        schemas = [(schema, self.tables_folder / schema) for schema in self.schemas()]
        return [
            LakehouseTable(path.name, schema, path) for schema, folder in schemas for path in _folders(folder)
        ]

    def create_folders(self) -> None:
        """Create ``Files`` and ``Tables`` if they are missing."""
        for name in ("Files", "Tables"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)


class OneLake:
    """All lakehouses of all workspaces, found by name (without case) or by id."""

    def __init__(self, lakehouses: Iterable[Lakehouse], workspace: str) -> None:
        """Take ``workspace`` as the one that names without a workspace mean."""
        self.lakehouses = tuple(lakehouses)
        self.workspace = workspace

    def find(self, name_or_id: str, workspace: str = "") -> Lakehouse | None:
        """The lakehouse of this name or id, ``None`` if there is none.

        Args:
            name_or_id: display name (without case, with or without ``.Lakehouse``) or item id.
            workspace: display name of its workspace; empty: the own one, then a unique one elsewhere.
        """
        name = name_or_id.lower().removesuffix(".lakehouse")
        for lakehouse in self.lakehouses:
            if lakehouse.item_id.lower() == name:
                return lakehouse
        named = [lakehouse for lakehouse in self.lakehouses if lakehouse.name.lower() == name]
        wanted = (workspace or self.workspace).lower()
        for lakehouse in named:
            if lakehouse.workspace.lower() == wanted:
                return lakehouse
        return named[0] if len(named) == 1 and not workspace else None

    def get(self, name_or_id: str, workspace: str = "") -> Lakehouse:
        """Like `find`.

        Raises:
            LakehouseNotFoundError: there is none; the message shows the nearest names.
        """
        lakehouse = self.find(name_or_id, workspace)
        if lakehouse is None:
            place = f" in workspace '{workspace}'" if workspace else ""
            names = sorted({lakehouse.name for lakehouse in self.lakehouses})
            raise LakehouseNotFoundError(
                f"lakehouse '{name_or_id}' was not found{place}; {nearest(name_or_id, names)}"
            )
        return lakehouse

    def local_path(self, path: str, default: Lakehouse | None) -> str:
        """Where a path of Fabric lies on this machine; a path that is none of Fabric's is returned as it is.

        Args:
            path: ``Files/...`` and ``Tables/...`` of the default lakehouse, ``/lakehouse/default/...``, or
                ``abfss://`` and ``https://`` addresses of OneLake with names or ids.
            default: the default lakehouse.

        Raises:
            LakehouseNotFoundError: the path names an unknown lakehouse, or needs a default lakehouse.
        """
        for pattern in (_ABFSS, _HTTPS):
            address = pattern.fullmatch(path)
            if address:
                workspace = self._workspace_name(unquote(address[1]))
                folder = self.get(unquote(address[2]), workspace).folder
                return str(folder) + unquote(address[3] or "")
        local = _MOUNTED.fullmatch(path) or _RELATIVE.fullmatch(path)
        if local is None:
            return path
        if default is None:
            raise LakehouseNotFoundError(
                f"'{path}' lies in the default lakehouse, but the notebook has none: attach one to the notebook "
                "(metadata of its source) or name one with %%configure"
            )
        return str(default.folder) + "/" + (local[1] or "").lstrip("/")

    def _workspace_name(self, name_or_id: str) -> str:
        names = {lakehouse.workspace.lower() for lakehouse in self.lakehouses} | {self.workspace.lower()}
        # An id of a workspace says nothing that the lakehouse's own id does not say.
        return name_or_id if name_or_id.lower() in names else ""


def nearest(name: str, names: Iterable[str]) -> str:
    """A clause for messages: the existing names that resemble ``name`` most, or all if they are few."""
    names = sorted(names)
    if not names:
        return "there is none"
    by_lower = {known.lower(): known for known in names}
    close = [by_lower[match] for match in get_close_matches(name.lower(), by_lower, n=5, cutoff=0.5)]
    shown = close or names[:10]
    more = "" if close or len(names) <= len(shown) else f" and {len(names) - len(shown)} more"
    label = "nearest" if close else "existing"
    return f"{label}: " + ", ".join(f"'{known}'" for known in shown) + more


def _folders(parent: Path) -> Iterator[Path]:
    if parent.is_dir():
        yield from sorted(path for path in parent.iterdir() if path.is_dir() and path.name[0] not in "._")
