"""Where a notebook's messages go: the lakehouse's folder, as Dagster reaches it and as the notebook sees it."""

from dataclasses import dataclass
from pathlib import Path

from fabric_assets.client.compute import ComputeSettings
from fabric_assets.client.errors import FabricConfigError
from fabric_assets.client.fabric_client import is_guid
from fabric_assets.connection import LOCAL_HOME_VARIABLE, Connection, local_home
from fabric_assets.jobs.control import JobControl
from fabric_assets.pipes.files import Files, LocalFiles
from fabric_assets.pipes.onelake_files import OneLakeFiles
from fabric_assets.pipes.settings import PipesFiles


@dataclass(frozen=True)
class Place:
    """The folder for messages.

    Attributes:
        files: the folder as Dagster reaches it.
        path: the folder as the notebook sees it.
    """

    files: Files
    path: str


async def find_place(
    control: JobControl,
    connection: Connection,
    home: str | None,
    pipes: PipesFiles,
    *,
    asset: str,
    workspace: str | None,
    compute: ComputeSettings | None,
) -> Place:
    """The folder for an asset's messages. To be awaited on the background loop.

    Args:
        control: finds workspaces and items.
        connection: the Fabric that is meant.
        home: the resource's ``local_home``.
        pipes: what the user configured.
        asset: name of the asset, for messages.
        workspace: workspace of the asset's notebook; ``None``: the resource's.
        compute: compute settings of the asset.

    Raises:
        FabricError: there is no such lakehouse, or Fabric cannot be asked.
    """
    compute = compute or ComputeSettings()
    lakehouse = pipes.lakehouse or compute.default_lakehouse or ""
    own_workspace = (
        pipes.workspace or (None if pipes.lakehouse else compute.default_lakehouse_workspace) or workspace
    )
    configured_in = f"`pipes` of asset {asset}"
    found = await control.directory.workspace(
        own_workspace or connection.workspace,
        configured_in=configured_in if own_workspace else connection.configured_in,
    )
    if connection.is_local:
        item = await control.directory.item(found, lakehouse, "Lakehouse", configured_in=configured_in)
        folder = _local_lakehouse(connection, home, asset, found.display_name, item.display_name)
        path = folder / "Files" / pipes.folder
        return Place(LocalFiles(path), str(path))
    lakehouse_id = lakehouse
    if not is_guid(lakehouse):
        lakehouse_id = (
            await control.directory.item(found, lakehouse, "Lakehouse", configured_in=configured_in)
        ).id
    return Place(
        OneLakeFiles(found.id, lakehouse_id, f"Files/{pipes.folder}"),
        f"{pipes.mount.rstrip('/')}/Files/{pipes.folder}",
    )


def _local_lakehouse(
    connection: Connection, home: str | None, asset: str, workspace: str, lakehouse: str
) -> Path:
    from fabric_assets.local.home import LocalHome
    from fabric_assets.local.server_file import read_server_file

    folder = LocalHome(local_home(home))
    running = read_server_file(folder)
    if running is None or running.url.rstrip("/") != connection.api_url.rstrip("/"):
        raise FabricConfigError(
            f"`pipes` of asset {asset}: the lakehouses of the local Fabric at {connection.api_url} are not in "
            f"{folder.root}, so the notebook's messages could not be read. Set {LOCAL_HOME_VARIABLE} (or the "
            "resource's field `local_home`) to that local Fabric's folder."
        )
    return folder.lakehouse(workspace, lakehouse)
