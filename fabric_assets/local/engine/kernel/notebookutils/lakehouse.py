"""``notebookutils.lakehouse``."""

from collections.abc import Sequence
from typing import Any

from fabric_assets.local.engine.kernel.notebookutils.item import Item
from fabric_assets.local.engine.kernel.notebookutils.missing import explain
from fabric_assets.local.engine.kernel.session import current_session
from fabric_assets.local.lakehouse import Lakehouse

__all__ = ["get", "getWithProperties", "list", "listTables"]

__getattr__ = explain("notebookutils.lakehouse", __all__)


def get(name: str = "", workspaceId: str = "") -> Item:  # noqa: N803 - Fabric's name
    """A lakehouse by name or id; without a name the default one."""
    return _item(_found(name, workspaceId))


def getWithProperties(name: str = "", workspaceId: str = "") -> Item:  # noqa: N802, N803 - Fabric's names
    """A lakehouse by name or id, with its paths."""
    return get(name, workspaceId)


def list(workspaceId: str = "", maxResults: int = 1000) -> Sequence[Item]:  # noqa: A001, N803 - Fabric's names
    """All lakehouses of the workspace."""
    workspace = _workspace(workspaceId)
    found = [
        each for each in current_session().onelake.lakehouses if each.workspace.lower() == workspace.lower()
    ]
    return [_item(each) for each in found[:maxResults]]


def listTables(lakehouse: str = "", workspaceId: str = "", maxResults: int = 1000) -> Any:  # noqa: N802, N803
    """The tables of a lakehouse: name, type, format, location."""
    found = _found(lakehouse, workspaceId)
    tables = [
        {
            "name": f"{table.schema}.{table.name}" if table.schema else table.name,
            "type": "Managed",
            "format": "delta",
            "location": current_session().onelake_address(table.folder),
        }
        for table in found.tables()
        if table.is_delta
    ]
    return tables[:maxResults]


def _found(name: str, workspace_id: str) -> Lakehouse:
    session = current_session()
    if not name and session.default_lakehouse:
        return session.default_lakehouse
    return session.onelake.get(name, _workspace(workspace_id))


def _workspace(workspace_id: str) -> str:
    context = current_session().context
    return context.workspace if workspace_id in ("", context.workspace_id) else workspace_id


def _item(lakehouse: Lakehouse) -> Item:
    session = current_session()
    context = session.context
    own = lakehouse.workspace.lower() == context.workspace.lower()
    address = session.onelake_address(lakehouse.folder)
    return Item(
        id=lakehouse.item_id,
        type="Lakehouse",
        displayName=lakehouse.name,
        workspaceId=context.workspace_id if own else "",
        properties={
            "abfsPath": address,
            "oneLakeFilesPath": f"{address}/Files",
            "oneLakeTablesPath": f"{address}/Tables",
        },
    )
