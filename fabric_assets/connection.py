"""Which Fabric is meant: settings and environment variables to an address, a workspace and a token."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from fabric_assets.client.auth import (
    AzureIdentityToken,
    StaticToken,
    TokenSource,
    checked_api_url,
    is_loopback,
)
from fabric_assets.client.errors import FabricConfigError
from fabric_assets.client.fabric_client import DEFAULT_API_URL

WORKSPACE_VARIABLE = "FABRIC_WORKSPACE_ID"
API_URL_VARIABLE = "FABRIC_API_URL"
ACCESS_TOKEN_VARIABLE = "FABRIC_ACCESS_TOKEN"  # noqa: S105 -- the name of the variable
LOCAL_HOME_VARIABLE = "FABRIC_LOCAL_HOME"
NOTEBOOK_PREFIX_VARIABLE = "FABRIC_NOTEBOOK_PREFIX"

DEFAULT_LOCAL_HOME = ".fabric_local"
DEFAULT_NOTEBOOK_PREFIX = "AquaVilla_Load"
PORTAL_URL = "https://app.fabric.microsoft.com"


@dataclass(frozen=True)
class Connection:
    """One Fabric as one identity.

    Attributes:
        api_url: base URL of its API.
        workspace: display name or GUID of the workspace to use by default.
        configured_in: where that workspace was written, for messages.
        access_token: a ready token; ``None``: azure-identity fetches them.
    """

    api_url: str
    workspace: str
    configured_in: str
    access_token: str | None = field(repr=False)

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine: no portal, no quota."""
        return is_loopback(checked_api_url(self.api_url).host)

    def token_source(self) -> TokenSource:
        """Where its tokens come from."""
        return StaticToken(self.access_token) if self.access_token else AzureIdentityToken()


def setting(value: str | None, variable: str) -> str | None:
    """A setting: the field if it is set, else the environment variable, else ``None``. Empty is not set."""
    return value or os.environ.get(variable) or None


def local_home(value: str | None) -> Path:
    """The folder of the local Fabric, absolute."""
    return Path(setting(value, LOCAL_HOME_VARIABLE) or DEFAULT_LOCAL_HOME).expanduser().absolute()


def resolve_connection(
    *,
    workspace: str | None,
    api_url: str | None,
    access_token: str | None,
    home: str | None,
    start_local: bool = True,
) -> Connection | None:
    """The Fabric that is configured; without a workspace the embedded local one, which is started if need be.

    Args:
        workspace: field ``workspace`` of the resource; as all of these, the environment stands in if it is unset.
        api_url: field ``api_url``.
        access_token: field ``access_token``.
        home: field ``local_home``.
        start_local: whether to start the local Fabric if it does not run.

    Returns:
        The connection; ``None`` only if the local Fabric is meant, does not run, and must not be started.

    Raises:
        FabricConfigError: the settings contradict each other, or the local Fabric cannot be started.
    """
    configured = setting(workspace, WORKSPACE_VARIABLE)
    url = setting(api_url, API_URL_VARIABLE)
    if configured is not None:
        where = (
            "the resource's field `workspace`" if workspace else f"environment variable {WORKSPACE_VARIABLE}"
        )
        return Connection(
            api_url=url or DEFAULT_API_URL,
            workspace=configured,
            configured_in=where,
            access_token=setting(access_token, ACCESS_TOKEN_VARIABLE),
        )
    if url is not None:
        raise FabricConfigError(
            f"the Fabric API URL is set ({url}), but no workspace is. Set {WORKSPACE_VARIABLE} (or the resource's "
            f"field `workspace`) to a workspace's name or id, or unset {API_URL_VARIABLE} to use the local Fabric."
        )
    # Imported late: with a real workspace, nothing of the local Fabric is needed.
    from fabric_assets import local

    folder = local_home(home)
    try:
        server = local.connect(folder) if start_local else local.find_running(folder)
    except local.LocalFabricError as error:
        raise FabricConfigError(str(error)) from error
    if server is None:
        return None
    return Connection(
        api_url=server.url,
        workspace=server.workspace_id,
        configured_in=f"the local Fabric in {folder}",
        access_token=server.token,
    )
