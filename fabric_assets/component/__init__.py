"""The component that makes a workspace's notebooks assets."""

from fabric_assets.component.component import FabricWorkspaceComponent

__all__ = ["FabricWorkspaceComponent"]
