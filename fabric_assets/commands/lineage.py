"""``fabric-assets lineage`` and ``fabric-assets check``."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from fabric_assets.commands.output import CommandError, UsageError, note, say

if TYPE_CHECKING:
    from rich.table import Table

    from fabric_assets.commands.config_file import CheckConfig
    from fabric_assets.lineage import Graph, Lineage, NotebookLineage

_CONFIGURED = ""


def add_lineage(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``lineage``."""
    parser = commands.add_parser(
        "lineage",
        help="show which tables the notebooks of a workspace read and write, and the order that follows",
        description="Shows which tables notebooks read and write, by their source; nothing is executed.",
    )
    _add_source(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--mermaid", action="store_true", help="print a Mermaid flowchart")
    parser.set_defaults(run=show_lineage)


def add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``check``."""
    parser = commands.add_parser(
        "check",
        help="look for races, cycles, unresolved names and broken notebooks",
        description="Prints one line for each race, cycle, unresolved name and broken notebook, and for a name in the "
        "component's file that loading it would refuse. Exit code 1 if there is any, else 0.",
    )
    _add_source(parser)
    parser.set_defaults(run=check)


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path",
        type=Path,
        nargs="?",
        metavar="PATH",
        help="a folder in Fabric's Git format, nested at any depth",
    )
    parser.add_argument(
        "--workspace",
        nargs="?",
        const=_CONFIGURED,
        metavar="NAME",
        help="read a workspace over the API instead (name or GUID; default: the configured one, else the local Fabric)",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="YAML of the FabricWorkspaceComponent, or its `lineage` section",
    )


def show_lineage(options: argparse.Namespace) -> int:
    """Print the lineage."""
    read, config = _read(options)
    lineage = config.chosen(read)
    if options.json:
        say(json.dumps(lineage.to_json(), indent=2))
    elif options.mermaid:
        say(lineage.mermaid().rstrip())
    else:
        _print(lineage)
    return 0


def check(options: argparse.Namespace) -> int:
    """Print what is wrong."""
    from fabric_assets.lineage.stale_rules import stale_rules

    read, config = _read(options)
    lineage = config.chosen(read)
    for section, number, problem in stale_rules(lineage.notebooks, config.lineage):
        note(f"--config {options.config}: lineage.{section}.{number}: {problem}")
    graph = config.graph(lineage)
    problems = [f"{cycle}" for cycle in graph.cycles] or _refusals(config, read)
    problems += [_explained(str(race)) for race in graph.races]
    problems += [line for notebook in lineage.notebooks for line in _gaps(notebook)]
    for problem in problems:
        say(problem)
    summary = _summary(lineage, graph)
    if problems:
        note(f"{len(problems)} problem{'s' if len(problems) > 1 else ''} in {summary}")
        return 1
    say(f"no race, no cycle, nothing unresolved in {summary}")
    return 0


def _refusals(config: "CheckConfig", lineage: "Lineage") -> list[str]:
    if config.component is None:
        return []
    from fabric_assets.commands.component_names import refusal

    found = refusal(config.component, lineage)
    return [found] if found else []


def _explained(race: str) -> str:
    return f"{race}. Give them an order (`deps`), or accept it with a reason (`lineage: {{allow: ...}}`)"


def _gaps(notebook: "NotebookLineage") -> list[str]:
    return [
        f"{notebook.path}:{gap.line}: "
        + (f"unresolved in cell {gap.cell}: {gap.reason}" if gap.cell else f"broken: {gap.reason}")
        for gap in notebook.unresolved
    ]


def _summary(lineage: "Lineage", graph: "Graph") -> str:
    tables = {table for notebook in lineage.notebooks for table in (*notebook.reads, *notebook.writes)}
    text = f"{len(lineage.notebooks)} notebooks, {len(tables)} tables, {len(graph.edges)} dependencies"
    return text + (f"; {len(graph.allowed_races)} races are allowed" if graph.allowed_races else "")


def _read(options: argparse.Namespace) -> "tuple[Lineage, CheckConfig]":
    from fabric_assets.commands.config_file import CheckConfig, read_config
    from fabric_assets.notebook_lineage import lineage_of_folder

    config = read_config(options.config) if options.config else CheckConfig()
    folder: Path | None = options.path
    if folder is not None and options.workspace is not None:
        raise UsageError("give PATH or --workspace, not both")
    if options.workspace is not None:
        return _live(options.workspace, config), config
    folder = folder or config.source
    if folder is None:
        raise UsageError("what should be read? Give PATH, --workspace, or --config with a `source`")
    try:
        lineage = lineage_of_folder(folder, config.lineage)
    except OSError as error:
        raise UsageError(str(error)) from error
    if not lineage.notebooks:
        raise UsageError(
            f"there is no notebook in {folder}: it should hold folders such as `Load_Sales.Notebook`, at any depth, "
            "as Fabric's Git integration writes them"
        )
    return lineage, config


def _live(name: str, config: "CheckConfig") -> "Lineage":
    import asyncio

    from fabric_assets.client.errors import FabricError
    from fabric_assets.connection import resolve_connection
    from fabric_assets.live_workspace import fetch_workspace
    from fabric_assets.notebook_lineage import lineage_of_live

    try:
        connection = resolve_connection(workspace=name or None, api_url=None, access_token=None, home=None)
        assert connection is not None  # noqa: S101 -- with start_local it is never None
        live = asyncio.run(fetch_workspace(connection))
    except FabricError as error:
        raise CommandError(str(error)) from error
    return lineage_of_live(live, config.lineage)


def _print(lineage: "Lineage") -> None:
    """A table in a terminal; else a line for each fact, for who searches in them."""
    from rich.console import Console

    graph = lineage.graph
    console = Console()
    if console.is_terminal:
        console.print(_table(graph))
    else:
        for name in sorted(graph.notebooks):
            facts = [f"{title} {text}" for title, texts in _facts(graph, name).items() for text in texts]
            for fact in facts or ["nothing is read or written"]:
                say(f"{name}: {fact}")
    say(f"{_summary(lineage, graph)}; {len(graph.races)} races, {len(graph.cycles)} cycles")


def _table(graph: "Graph") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(show_lines=True)
    for title in ("notebook", "reads", "writes", "after", "unresolved"):
        table.add_column(title, overflow="fold")
    for name in sorted(graph.notebooks):
        facts = _facts(graph, name)
        calls = "calls " + ", ".join(facts["calls"]) if facts["calls"] else ""
        cells = [name, *("\n".join(facts[title]) for title in ("reads", "writes", "after", "unresolved"))]
        cells[3] = cells[3] or calls
        table.add_row(*map(Text, cells))
    return table


def _facts(graph: "Graph", name: str) -> dict[str, list[str]]:
    notebook = graph.notebooks[name]
    return {
        "reads": [str(found) for found in notebook.reads],
        "writes": [str(found) for found in notebook.writes],
        "after": list(graph.upstream_of(name)),
        "calls": list(notebook.calls),
        "unresolved": [f"cell {gap.cell}, line {gap.line}: {gap.reason}" for gap in notebook.unresolved],
    }
