"""Which Fabric a command talks to: the code location's resources, or what the environment says."""

from dataclasses import dataclass, replace

import dagster as dg

from fabric_assets import secret
from fabric_assets.client.errors import FabricConfigError
from fabric_assets.commands.code_location import CodeLocation, NoCodeLocationError, load_code_location
from fabric_assets.connection import (
    ACCESS_TOKEN_VARIABLE,
    API_URL_VARIABLE,
    WORKSPACE_VARIABLE,
    Connection,
    resolve_connection,
    setting,
)
from fabric_assets.resource import FabricResource


@dataclass(frozen=True)
class ChosenFabric:
    """One Fabric, as it is configured.

    Attributes:
        key: key of the resource in the code location; ``None``: only the environment counts.
        resource: the settings.
        workspace: the workspace of ``--workspace``, which counts more than the settings.
    """

    key: str | None
    resource: FabricResource
    workspace: str | None = None

    def connection(self, *, start_local: bool = True) -> Connection | None:
        """The connection; see ``fabric_assets.connection.resolve_connection``."""
        connection = resolve_connection(
            workspace=self.workspace or self.resource.workspace,
            api_url=self.resource.api_url,
            access_token=secret.reveal(self.resource.access_token),
            home=self.resource.local_home,
            start_local=start_local,
        )
        if connection is not None and self.workspace:
            return replace(connection, configured_in="--workspace")
        return connection

    @property
    def is_embedded(self) -> bool:
        """Whether the embedded local Fabric is meant: no workspace and no address is configured."""
        return not (
            self.workspace
            or setting(self.resource.workspace, WORKSPACE_VARIABLE)
            or setting(self.resource.api_url, API_URL_VARIABLE)
        )

    def source_of(self, field: str, variable: str) -> str:
        """What a setting comes from, for messages."""
        if getattr(self.resource, field):
            return f"field `{field}` of the resource {self.key!r}" if self.key else f"field `{field}`"
        return f"environment variable {variable}" if setting(None, variable) else "the default"

    @property
    def credentials_from(self) -> str:
        """Where tokens come from."""
        if setting(secret.reveal(self.resource.access_token), ACCESS_TOKEN_VARIABLE):
            return f"a ready token ({self.source_of('access_token', ACCESS_TOKEN_VARIABLE)})"
        return "azure-identity's default chain"


def optional_code_location(module: str | None) -> CodeLocation | None:
    """The code location; ``None`` if none is named, and none is here.

    Raises:
        UsageError: as ``load_code_location``.
        CodeLocationError: its code fails.
    """
    try:
        return load_code_location(module)
    except NoCodeLocationError:
        return None


def chosen_fabrics(location: CodeLocation | None, workspace: str | None) -> list[ChosenFabric]:
    """The Fabric of each of the code location's resources; what the environment says if it has none.

    Raises:
        FabricConfigError: a resource cannot be used.
    """
    keys = location.resource_keys(FabricResource) if location else []
    if location is None or not keys:
        return [ChosenFabric(None, FabricResource(), workspace)]
    chosen = []
    for key in keys:
        try:
            chosen.append(ChosenFabric(key, location.resource(key, FabricResource), workspace))
        except dg.DagsterError as error:
            while error.__cause__ is not None and isinstance(error.__cause__, dg.DagsterError):
                error = error.__cause__
            detail = " ".join(str(error).split())
            raise FabricConfigError(f"the resource {key!r} cannot be used: {detail}") from error
    return chosen
