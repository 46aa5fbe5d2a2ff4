"""The component's own Fabric resource."""

import hashlib
import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, create_model

from fabric_assets.connection import PORTAL_URL
from fabric_assets.resource import FabricResource

_ELSEWHERE = {"workspace"}


def _settings_model() -> type[BaseModel]:
    fields: dict[str, Any] = {
        name: (info.rebuild_annotation(), info)
        for name, info in FabricResource.model_fields.items()
        if name not in _ELSEWHERE
    }
    return create_model(
        "ConnectionSettings",
        __config__=ConfigDict(extra="forbid", frozen=True),
        __doc__="Fields of FabricResource.",
        **fields,
    )


if TYPE_CHECKING:
    ConnectionSettings = BaseModel
else:
    ConnectionSettings = _settings_model()

# Components of one code location that mean the same share one resource: two with one key would be a conflict.
_resources: dict[str, FabricResource] = {}


def component_resource(workspace: str | None, connection: BaseModel) -> tuple[str, FabricResource]:
    """The resource of a component and its key.

    Args:
        workspace: display name or GUID; ``None``: by the environment.
        connection: what else is set.
    """
    values = connection.model_dump(exclude_unset=True)
    meant = json.dumps([workspace, values], sort_keys=True)
    key = f"fabric_{hashlib.sha256(meant.encode()).hexdigest()[:8]}"
    if key not in _resources:
        _resources[key] = FabricResource(workspace=workspace, **values)
    return key, _resources[key]


def notebook_url(workspace_id: str, notebook_id: str, connection: BaseModel) -> str:
    """Where a notebook opens in Fabric."""
    portal: str = getattr(connection, "portal_url", None) or PORTAL_URL
    return f"{portal.rstrip('/')}/groups/{workspace_id}/synapsenotebooks/{notebook_id}"
