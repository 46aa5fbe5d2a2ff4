"""An item as ``notebookutils`` describes it."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Item:
    """An item of the workspace, with the attribute names of Fabric."""

    id: str
    type: str
    displayName: str  # noqa: N815 - Fabric's name
    workspaceId: str = ""  # noqa: N815 - Fabric's name
    description: str = ""
    properties: dict[str, Any] = field(default_factory=dict)
