"""What a cell is to a kernel: the code to execute, and the parameters put before it."""

import ast
import math
from collections.abc import Iterable, Mapping
from typing import Any

from fabric_assets.local.notebook_source import NotebookCell, NotebookSource

_MAGIC_OF_LANGUAGE = {
    "sparksql": "%%sql",
    "sql": "%%tsql",
    "tsql": "%%tsql",
    "scala": "%%spark",
    "r": "%%sparkr",
    "csharp": "%%csharp",
    "html": "%%html",
}


def code_of(cell: NotebookCell) -> str:
    """The code of a cell for the kernel: a cell in another language gets the magic that its editor hides."""
    magic = _MAGIC_OF_LANGUAGE.get(cell.language)
    if magic is None or not cell.source.strip() or cell.source.lstrip().startswith(("%", "!")):
        return cell.source
    return f"{magic}\n{cell.source}"


def parameters_code(source: NotebookSource, parameters: Mapping[str, Any]) -> str:
    """The code of the cell that sets the parameters, with the names as the parameters cell spells them."""
    cell = source.parameters_cell
    spelled = {name.lower(): name for name in assigned_names(cell.source if cell else "")}
    lines = [f"{spelled.get(name.lower(), name)} = {_literal(value)}" for name, value in parameters.items()]
    return "\n".join(["# Parameters of the job instance", *lines])


def injection_index(source: NotebookSource) -> int:
    """Before which cell the parameters go: after the parameters cell, or at the top."""
    cell = source.parameters_cell
    return cell.index + 1 if cell else 0


def assigned_names(code: str) -> list[str]:
    """Names that the code assigns at its top level, also if parts of it are no Python."""
    try:
        statements: Iterable[ast.stmt] = ast.parse(code).body
    except SyntaxError:
        lines = (line for line in code.splitlines() if not line.startswith((" ", "\t")))
        statements = [statement for line in lines for statement in _parsed_line(line)]
    names: list[str] = []
    for statement in statements:
        if isinstance(statement, ast.Assign):
            targets: list[ast.expr] = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        else:
            continue
        names += [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
    return names


def _parsed_line(line: str) -> list[ast.stmt]:
    try:
        return ast.parse(line).body
    except SyntaxError:
        return []


def _literal(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)
