"""Draws a graph of notebooks as a Mermaid flowchart."""

from collections import defaultdict

from fabric_assets.lineage.graph import Graph


def to_mermaid(graph: Graph) -> str:
    """The notebooks with their dependencies; tables that no notebook writes stand at the left.

    Returns:
        Text of a flowchart, to be put into a ```mermaid block.
    """
    identifiers: dict[str, str] = {}

    def node(key: str) -> str:
        return identifiers.setdefault(key, f"n{len(identifiers)}")

    lines = ["flowchart LR"]
    assets = [name for name, lineage in graph.notebooks.items() if lineage.accesses]
    lines += [f'    {node(name)}["{_escaped(name)}"]' for name in assets]
    tables = {str(table): table for table in graph.external}
    lines += [f'    {node("table " + name)}[("{_escaped(name)}")]' for name in sorted(tables)]
    labels: dict[tuple[str, str], list[str]] = defaultdict(list)
    for edge in graph.edges:
        labels[(node(edge.upstream), node(edge.downstream))].append(str(edge.table))
    for (upstream, downstream), names in labels.items():
        lines.append(f'    {upstream} -->|"{_escaped(", ".join(sorted(set(names))))}"| {downstream}')
    external = set(graph.external)
    for name in assets:
        for table in graph.notebooks[name].reads:
            if table in external:
                lines.append(f"    {node('table ' + str(table))} --> {node(name)}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
