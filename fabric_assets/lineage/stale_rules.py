"""Rules of the configuration that fit nothing: slips of the pen, or left over from former notebooks."""

from collections.abc import Iterator, Sequence

from fabric_assets.lineage.config import LineageConfig
from fabric_assets.lineage.graph import build_graph, is_ignored
from fabric_assets.lineage.results import NotebookLineage


def stale_rules(
    notebooks: Sequence[NotebookLineage], config: LineageConfig
) -> Iterator[tuple[str, int, str]]:
    """Find rules that fit nothing.

    Args:
        notebooks: all notebooks of the workspace.
        config: has the rules.

    Yields:
        Key of the rule's list (``ignore`` or ``allow``), its position from 0, and what is wrong.
    """
    if not config.ignore and not config.allow:
        return
    graph = build_graph(notebooks)
    for number, rule in enumerate(config.ignore):
        if not any(is_ignored(edge, (rule,)) for edge in graph.edges):
            yield "ignore", number, "no dependency is as this rule says, so it leaves none out"
    names = set(graph.notebooks)
    tables = {
        str(table) for lineage in graph.notebooks.values() for table in (*lineage.writes, *lineage.drops)
    }
    for number, allowed in enumerate(config.allow):
        unknown = sorted(set(allowed.notebooks) - names)
        if unknown:
            yield "allow", number, f"there is no notebook {unknown[0]!r}, so it accepts no race"
        elif allowed.table and allowed.table.lower() not in tables:
            yield "allow", number, f"no notebook writes the table {allowed.table!r}, so it accepts no race"
