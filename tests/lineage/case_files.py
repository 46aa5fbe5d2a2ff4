"""Reads the cases of this folder: a comment with what is expected, then the source, then a blank line."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from fabric_assets.lineage import Lineage, WorkspaceSource, analyze
from fabric_assets.lineage.results import NotebookLineage
from fabric_assets.lineage.tables import Item

CASES = Path(__file__).parent / "cases"
_HEADER = re.compile(r"(?:--|#)(?: (?P<text>(?:reads|writes|calls|unresolved|columns):.*))?$")


@dataclass(frozen=True)
class Case:
    reads: list[str]
    writes: list[str]
    calls: list[str]
    unresolved: int
    source: str


def load(name: str, separator: str = "") -> list[object]:
    """The cases of a file as pytest parameters; each begins after a blank line (or ``separator``)."""
    text = (CASES / name).read_text()
    blocks = re.split(rf"\n{re.escape(separator)}\n" if separator else r"\n\n+(?=--)", text.strip())
    params = []
    for block in blocks:
        block = block.strip()
        is_parameters = block.startswith("# parameters\n")
        first, _, source = block.removeprefix("# parameters\n").partition("\n")
        source = "# parameters\n" + source if is_parameters else source
        header = _HEADER.match(first)
        assert header, f"{name}: {first!r} says not what is expected"
        values: dict[str, list[str]] = {"reads": [], "writes": [], "calls": [], "unresolved": ["0"]}
        for part in filter(None, (header["text"] or "").split("|")):
            key, _, rest = part.strip().partition(":")
            if key == "unresolved":
                values[key] = [rest.strip()]
            else:
                values[key] = sorted(
                    re.findall(r"my lake\.my table|lake\.odd name|wh\.dbo\.odd name|\S+", rest)
                )
        case = Case(
            values["reads"],
            values["writes"],
            values["calls"],
            int(values["unresolved"][0]),
            source.strip("\n"),
        )
        params.append(pytest.param(case, id=" ".join(source.split())[:60]))
    return params


def git_text(
    cells: list[str], lakehouse: str = "Lake", kernel: str = "synapse_pyspark", workspace: str = ""
) -> bytes:
    """A notebook in Git's text format; a cell that begins with ``%%`` gets its ``# MAGIC``."""
    lines = [
        "# Fabric notebook source\n\n# METADATA ********************\n\n# META {",
        f'# META "kernel_info": {{"name": "{kernel}"}},',
        f'# META "dependencies": {{"lakehouse": {{"default_lakehouse_name": "{lakehouse}",',
        f'# META "default_lakehouse_workspace_id": "{workspace}"}}}}',
        "# META }\n",
    ]
    for cell in cells:
        kind = "PARAMETERS CELL" if cell.startswith("# parameters") else "CELL"
        body = "\n".join(f"# MAGIC {line}" for line in cell.split("\n")) if cell.startswith("%%") else cell
        lines.append(f"# {kind} ********************\n\n{body}\n")
    return "\n".join(lines).encode()


def analyzed(
    notebooks: dict[str, list[str]],
    config: dict[str, object] | None = None,
    items: tuple[Item, ...] = (),
    lakehouse: str = "Lake",
) -> Lineage:
    """The lineage of notebooks given by their cells."""
    parts = {name: {"notebook-content.py": git_text(cells, lakehouse)} for name, cells in notebooks.items()}
    return analyze(WorkspaceSource.from_definitions(parts, items), config)


def shown(notebook: NotebookLineage) -> dict[str, object]:
    """What a case compares: dropped tables among the written; a table of another workspace has that behind it."""

    def names(tables: object) -> list[str]:
        return sorted(f"{t}@{t.workspace}" if t.workspace else str(t) for t in tables)  # type: ignore[attr-defined]

    return {
        "reads": names(notebook.reads),
        "writes": names((*notebook.writes, *notebook.drops)),
        "calls": sorted(notebook.calls),
    }
