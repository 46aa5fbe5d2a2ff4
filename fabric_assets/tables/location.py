"""Where a table lies: below the folder of the local Fabric, or in OneLake."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from fabric_assets.client.auth import AzureIdentityToken
from fabric_assets.client.errors import FabricError
from fabric_assets.client.fabric_client import is_guid
from fabric_assets.connection import LOCAL_HOME_VARIABLE, Connection, local_home
from fabric_assets.jobs import background_loop
from fabric_assets.jobs.control import JobControl
from fabric_assets.resource import FabricResource
from fabric_assets.tables.errors import TableError, TableMissingError
from fabric_assets.tables.names import LakehouseTable
from fabric_assets.tables.table_location import TableLocation

DEFAULT_SCHEMA = "dbo"
ONELAKE_HOST = "onelake.dfs.fabric.microsoft.com"
STORAGE_SCOPE = "https://storage.azure.com/.default"

# Longest waits for OneLake; deltalake has no limit of its own for a service that does not answer.
_ONELAKE_OPTIONS = {"connect_timeout": "10s", "timeout": "60s", "max_retries": "3", "retry_timeout": "90s"}

T = TypeVar("T")


def locate(
    fabric: FabricResource, table: LakehouseTable, *, asset: str, workspace: str | None
) -> list[TableLocation]:
    """The places where a table can lie, the likeliest first: without a schema, or in the default one.

    Blocks; calls Fabric unless the names have been looked up before.

    Args:
        fabric: the resource.
        table: the table.
        asset: name of the asset, for messages.
        workspace: workspace of the asset's notebook; ``None``: the resource's.

    Raises:
        TableError: its workspace or lakehouse cannot be found, or there is no token for OneLake.
    """
    try:
        connected = fabric.control()
        assert connected is not None  # noqa: S101 -- with start_local it is never None
        connection, control = connected
        wanted = table.workspace or workspace or connection.workspace
        configured_in = f"asset {asset}" if table.workspace or workspace else connection.configured_in
        find = partial(_folder, control, connection, table, wanted, configured_in, f"asset {asset}")
        if connection.is_local:
            folder = _local_folder(_local_root(fabric, connection), *background_loop.call(find))
            paths = [_same_name(folder, path) for path in _paths(table)]
            return [TableLocation(str(folder.joinpath(*path))) for path in paths]
        workspace_id, lakehouse_id = background_loop.call(find)
        token = background_loop.call(_storage_token.get_token)
    except FabricError as error:
        raise TableError(str(error)) from error
    base = f"abfss://{workspace_id}@{ONELAKE_HOST}/{lakehouse_id}"
    options = {"bearer_token": token, **_ONELAKE_OPTIONS}
    return [TableLocation("/".join((base, *path)), options) for path in _paths(table)]


def first_of(locations: Sequence[TableLocation], read: Callable[[TableLocation], T]) -> T:
    """What ``read`` returns for the first place that holds a table.

    Raises:
        TableMissingError: no place does.
        TableError: ``read`` raised it.
    """
    for location in locations:
        try:
            return read(location)
        except TableMissingError:
            continue
    places = " or ".join(location.uri for location in locations)
    raise TableMissingError(
        f"there is no Delta table in {places}. Check the name (lakehouse, schema, table; OneLake tells upper from "
        "lower case, and Spark writes lower case), and that the notebook has written it."
    )


async def _folder(
    control: JobControl,
    connection: Connection,
    table: LakehouseTable,
    workspace: str,
    configured_in: str,
    asset: str,
) -> tuple[str, str]:
    """Workspace and lakehouse: their display names in the local Fabric, their ids elsewhere."""
    found = await control.directory.workspace(workspace, configured_in=configured_in)
    if not connection.is_local and is_guid(table.lakehouse):
        return found.id, table.lakehouse
    lakehouse = await control.directory.item(found, table.lakehouse, "Lakehouse", configured_in=asset)
    if connection.is_local:
        return found.display_name, lakehouse.display_name
    return found.id, lakehouse.id


def _local_root(fabric: FabricResource, connection: Connection) -> Path:
    from fabric_assets.local.home import LocalHome
    from fabric_assets.local.server_file import read_server_file

    root = local_home(fabric.local_home)
    running = read_server_file(LocalHome(root))
    if running is None or running.url.rstrip("/") != connection.api_url.rstrip("/"):
        raise TableError(
            f"the tables of the local Fabric at {connection.api_url} are not in {root}. Set {LOCAL_HOME_VARIABLE} "
            "(or the resource's field `local_home`) to that local Fabric's folder."
        )
    return root


def _local_folder(root: Path, workspace: str, lakehouse: str) -> Path:
    from fabric_assets.local.home import LocalHome

    return LocalHome(root).lakehouse(workspace, lakehouse)


def _paths(table: LakehouseTable) -> list[tuple[str, ...]]:
    if table.schema is not None and table.schema.lower() != DEFAULT_SCHEMA:
        return [("Tables", table.schema, table.table)]
    plain, in_schema = ("Tables", table.table), ("Tables", DEFAULT_SCHEMA, table.table)
    return [plain, in_schema] if table.schema is None else [in_schema, plain]


def _same_name(folder: Path, path: tuple[str, ...]) -> tuple[str, ...]:
    """The path as it is written on disk: Spark takes names in any case."""
    found: list[str] = []
    for part in path:
        parent = folder.joinpath(*found)
        names = [entry.name for entry in parent.iterdir()] if parent.is_dir() else []
        same = [name for name in names if name.lower() == part.lower()]
        found.append(part if part in names or not same else same[0])
    return tuple(found)


_storage_token = AzureIdentityToken(STORAGE_SCOPE)
