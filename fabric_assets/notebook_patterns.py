"""Which notebooks a pattern means, and where they lie."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from fabric_assets.lineage import NotebookLineage


def matches(lineage: NotebookLineage, pattern: str) -> bool:
    """Whether a pattern such as ``Load_*`` or ``Dimensions/*`` fits a notebook's name, or its path."""
    path = "/".join((*folders(lineage), lineage.name))
    return any(fnmatchcase(text.lower(), pattern.lower()) for text in (lineage.name, path))


def folders(lineage: NotebookLineage) -> tuple[str, ...]:
    """The folders that the notebook lies in, outermost first."""
    parts = lineage.path.split("/")
    for number, part in enumerate(parts):
        if part.endswith(".Notebook"):
            return tuple(parts[:number])
    return tuple(parts[:-1])


def find_node(name: str, nodes: Mapping[str, NotebookLineage]) -> str | None:
    """The notebook of that name in a graph; case counts only if it must, as in Fabric."""
    if name in nodes:
        return name
    found = [node for node, lineage in nodes.items() if name.lower() in (node.lower(), lineage.name.lower())]
    return found[0] if len(found) == 1 else None
