"""What notebooks read and write, by their source: lineage, dependencies, races.

``analyze_folder`` reads a folder in Fabric's Git format, ``analyze`` what ``getDefinition`` gave. What is named
here is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fabric_assets.lineage.analysis import Lineage as Lineage
    from fabric_assets.lineage.analysis import analyze as analyze
    from fabric_assets.lineage.analysis import analyze_folder as analyze_folder
    from fabric_assets.lineage.config import AllowRule as AllowRule
    from fabric_assets.lineage.config import IgnoreRule as IgnoreRule
    from fabric_assets.lineage.config import LineageConfig as LineageConfig
    from fabric_assets.lineage.config import LineageConfigError as LineageConfigError
    from fabric_assets.lineage.config import LookupRule as LookupRule
    from fabric_assets.lineage.config import WriterRule as WriterRule
    from fabric_assets.lineage.graph import Cycle as Cycle
    from fabric_assets.lineage.graph import Edge as Edge
    from fabric_assets.lineage.graph import Graph as Graph
    from fabric_assets.lineage.graph import Race as Race
    from fabric_assets.lineage.graph import build_graph as build_graph
    from fabric_assets.lineage.results import Access as Access
    from fabric_assets.lineage.results import NotebookLineage as NotebookLineage
    from fabric_assets.lineage.results import Unresolved as Unresolved
    from fabric_assets.lineage.tables import Item as Item
    from fabric_assets.lineage.tables import Table as Table
    from fabric_assets.lineage.workspace import WorkspaceSource as WorkspaceSource

_MODULES = {
    "Access": "results",
    "AllowRule": "config",
    "Cycle": "graph",
    "Edge": "graph",
    "Graph": "graph",
    "IgnoreRule": "config",
    "Item": "tables",
    "Lineage": "analysis",
    "LineageConfig": "config",
    "LineageConfigError": "config",
    "LookupRule": "config",
    "NotebookLineage": "results",
    "Race": "graph",
    "Table": "tables",
    "Unresolved": "results",
    "WorkspaceSource": "workspace",
    "WriterRule": "config",
    "analyze": "analysis",
    "analyze_folder": "analysis",
    "build_graph": "graph",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
