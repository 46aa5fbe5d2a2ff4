"""Analyzes one notebook: its cells in order, each in its language."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fabric_assets.lineage.calls import invoke
from fabric_assets.lineage.config import LineageConfig
from fabric_assets.lineage.expressions import evaluate
from fabric_assets.lineage.interpreter import Flow, Interpreter
from fabric_assets.lineage.magics import CellSyntaxError, assigned_names, parse_cell, run_target
from fabric_assets.lineage.plain import from_python, text_of
from fabric_assets.lineage.possibilities import map_options
from fabric_assets.lineage.results import NotebookLineage, Unresolved
from fabric_assets.lineage.session import BudgetExceededError, Session
from fabric_assets.lineage.source import Attached, Cell, NotebookSource
from fabric_assets.lineage.sql import run_routine, run_sql
from fabric_assets.lineage.sql_routines import Routines
from fabric_assets.lineage.sql_tables import SqlContext
from fabric_assets.lineage.statements import STATEMENTS
from fabric_assets.lineage.tables import Catalog, NameResolver, is_guid
from fabric_assets.lineage.tsql_magics import magic_options, run_tsql
from fabric_assets.lineage.values import Const, OneOf, Unknown, concatenate

FindNotebook = Callable[[str], NotebookSource | None]
MAX_INCLUDES = 12

_VARIABLE = re.compile(r"\{([A-Za-z_]\w*)\}")
_COMMENTS = re.compile(r"(?m)^\s*(?://|#|--).*$")


def analyze_notebook(
    notebook: NotebookSource,
    find: FindNotebook,
    catalog: Catalog,
    config: LineageConfig,
    routines: Routines | None = None,
) -> tuple[NotebookLineage, frozenset[tuple[str, str, str]]]:
    """What a notebook reads, writes and calls.

    Args:
        notebook: its source.
        find: gives the notebook of a name, for ``%run``.
        catalog: what is known about lakehouses and workspaces.
        config: what the source does not say itself.
        routines: procedures, functions and views of the workspace's warehouses.

    Returns:
        The lineage, and the (workspace, lakehouse, schema) that the notebook names.
    """
    analysis = _Analysis(notebook, find, catalog, config, routines or Routines())
    analysis.run()
    return analysis.result(), frozenset(analysis.session.resolver.schema_evidence)


class _Analysis:
    def __init__(
        self,
        notebook: NotebookSource,
        find: FindNotebook,
        catalog: Catalog,
        config: LineageConfig,
        routines: Routines,
    ) -> None:
        self._notebook = notebook
        self._find = find
        self._catalog = catalog
        resolver = NameResolver(catalog, home=notebook.workspace, default_workspace=notebook.workspace)
        self.session = Session(resolver, config, routines, run_routine)
        self._interpreter = Interpreter(self.session, evaluate, STATEMENTS, invoke, self._include)
        self._including: list[str] = [notebook.name.lower()]
        default = notebook.default
        if default is None and config.default_lakehouse:
            default = Attached(name=config.default_lakehouse)
        if default is not None:
            self._attach(default)

    def _attach(self, attached: Attached) -> None:
        resolver = self.session.resolver
        name = attached.name or self._catalog.lakehouse(attached.id)
        resolver.default_lakehouse = name.strip().lower()
        workspace = self._catalog.workspace(attached.workspace_id)
        resolver.default_workspace = workspace or self._notebook.workspace
        resolver.default_is_warehouse = attached.is_warehouse
        if attached.is_warehouse:
            resolver.schema_evidence.add((resolver.default_workspace, resolver.default_lakehouse, "dbo"))

    def run(self) -> None:
        for problem in self._notebook.problems:
            self.session.gaps.setdefault(Unresolved(problem.cell, problem.line, problem.reason))
        try:
            self._cells(self._notebook, {})
        except BudgetExceededError as error:
            self.session.inside.clear()
            self.session.gap(f"{error}; what comes after this place is not known")

    def _cells(self, notebook: NotebookSource, parameters: dict[str, Any]) -> Flow:
        has_parameters_cell = any(cell.is_parameters for cell in notebook.cells)
        if parameters and not has_parameters_cell:
            self._override(parameters)
        for cell in notebook.cells:
            if cell.is_frozen or cell.language in ("markdown", "other"):
                continue
            if not self._interpreter.pinned:
                self.session.cell, self.session.line = cell.number, cell.first_line
            try:
                flow = self._cell(cell)
            except RecursionError:
                self.session.gap("the cell is nested too deeply to be followed")
                flow = Flow.NEXT
            if flow is Flow.EXIT:
                return flow
            if cell.is_parameters:
                self._override(parameters)
        return Flow.NEXT

    def _override(self, parameters: dict[str, Any]) -> None:
        for name, value in parameters.items():
            self._interpreter.bind(name, from_python(value))

    def _cell(self, cell: Cell) -> Flow:
        if not cell.source.strip() and cell.language != "configure":
            return Flow.NEXT
        if cell.language == "python":
            return self._python(cell)
        if cell.language == "sparksql":
            line = cell.first_line if not self._interpreter.pinned else None
            frame = run_sql(self.session, Const(cell.source), SqlContext(), line)
            self._interpreter.bind("_sqldf", frame)
        elif cell.language == "tsql":
            self._tsql(cell)
        elif cell.language == "configure":
            self._configure(cell)
        elif cell.language in ("scala", "r", "csharp") and _COMMENTS.sub("", cell.source).strip():
            names = {"scala": "Scala", "r": "R", "csharp": "C#"}
            self.session.gap(
                f"{names[cell.language]} is not read: what this cell reads and writes is not known"
            )
        return Flow.NEXT

    def _python(self, cell: Cell) -> Flow:
        interpreter = self._interpreter
        try:
            tree = parse_cell(cell.source)
        except CellSyntaxError as error:
            if not interpreter.pinned:
                self.session.line = cell.first_line + error.line - 1
            self.session.gap(f"the cell is not valid Python: {error}")
            for name in assigned_names(cell.source):
                interpreter.bind(name, Unknown(f"`{name}`, which a cell that does not parse assigns"))
            return Flow.NEXT
        former, interpreter.first_line = interpreter.first_line, cell.first_line
        before = dict(interpreter.scope.names) if cell.is_parameters else {}
        try:
            flow = interpreter.run(tree.body)
        finally:
            interpreter.first_line = former
        if cell.is_parameters:
            for name, value in interpreter.scope.names.items():
                if before.get(name) is not value:
                    interpreter.scope.names[name] = _overridable(value)
        return flow

    def _tsql(self, cell: Cell) -> None:
        options, _ = magic_options(cell.magic.partition(" ")[2])
        line = cell.first_line if not self._interpreter.pinned else None
        text = self._with_variables(cell.source) if cell.magic else Const(cell.source)
        frame = run_tsql(self.session, options, text, line)
        if options.get("bind"):
            self._interpreter.bind(options["bind"], frame)

    def _with_variables(self, source: str) -> Any:
        """The text of a ``%%tsql`` cell with the values of the Python variables that it names as ``{name}``."""
        parts = _VARIABLE.split(source)
        if len(parts) == 1:
            return Const(source)
        texts: list[Any] = []
        for position, part in enumerate(parts):
            value = self._interpreter.lookup(part) if position % 2 else None
            texts.append(Const(f"{{{part}}}" if position % 2 else part) if value is None else value)
        return map_options(
            lambda *values: concatenate(text_of(value) for value in values),
            texts,
            self.session.branches,
        )

    def _configure(self, cell: Cell) -> None:
        if self._interpreter.pinned:
            return
        try:
            values = json.loads(cell.source)
        except (ValueError, RecursionError):
            self.session.gap(
                "the %%configure cell is not valid JSON; if it names a default lakehouse, that is not known"
            )
            return
        lakehouse = values.get("defaultLakehouse") if isinstance(values, dict) else None
        if not isinstance(lakehouse, dict):
            return
        attached = Attached(
            id=_configured(lakehouse.get("id")),
            name=_configured(lakehouse.get("name")),
            workspace_id=_configured(lakehouse.get("workspaceId")),
        )
        if attached.id or attached.name:
            self._attach(attached)

    # -- %run

    def _include(self, interpreter: Interpreter, text: str) -> None:
        name, parameters = run_target(text)
        session = self.session
        if re.match(r"-\w", name) or name.endswith((".py", ".ipynb")):
            session.gap(f"%run {name}: files of the notebook's resources are not read")
            return
        session.call(name)
        session.includes.setdefault(name.rpartition("/")[2])
        notebook = self._find(name)
        if notebook is None:
            session.gap(
                f"%run {name}: there is no notebook of that name here, so what it does and defines is not known"
            )
            return
        if parameters is None:
            session.gap(f"%run {name}: its parameters are not plain JSON")
        key = notebook.name.lower()
        if key in self._including or len(self._including) > MAX_INCLUDES:
            return
        self._including.append(key)
        scope = interpreter.enter(interpreter.scope.root())
        interpreter.pinned += 1
        session.inside.append(notebook.name)
        try:
            for problem in notebook.problems:
                session.gap(problem.reason)
            self._cells(notebook, parameters or {})
        finally:
            session.inside.pop()
            interpreter.pinned -= 1
            interpreter.enter(scope)
            self._including.pop()

    def _note_nameless_stores(self) -> None:
        """A store of the own workspace that has only a GUID counts as another than one that others name."""
        default, session = self._notebook.default, self.session
        nameless = self._catalog.lakehouse(default.id) if default is not None and not default.name else ""
        noted: set[str] = set()
        for access in list(session.accesses.values()):
            name = access.table.lakehouse
            is_here = name == nameless or access.table.workspace == self._notebook.workspace
            if is_here and is_guid(name) and name not in noted and self._catalog.items:
                noted.add(name)
                reason = (
                    f"the lakehouse or warehouse {name} has no name here, so that its tables are not those that other "
                    "notebooks name; name it under `lakehouses` in the configuration"
                )
                session.gaps.setdefault(Unresolved(access.cell, access.line, reason))

    def result(self) -> NotebookLineage:
        notebook, session = self._notebook, self.session
        self._note_nameless_stores()
        lineage = {
            table: {name: tuple(sorted(sources)) for name, sources in columns.items() if sources}
            for table, columns in session.column_lineage.items()
        }
        return NotebookLineage(
            name=notebook.name,
            path=notebook.path,
            kernel=notebook.kernel,
            workspace=notebook.workspace,
            accesses=tuple(session.accesses.values()),
            calls=tuple(session.calls),
            includes=tuple(session.includes),
            unresolved=tuple(sorted(session.gaps)),
            column_lineage={table: columns for table, columns in lineage.items() if columns},
        )


def _overridable(value: Any) -> Any:
    if isinstance(value, Const):
        return replace(value, overridable=True)
    if isinstance(value, OneOf):
        return OneOf(tuple((guard, _overridable(option)) for guard, option in value.options))
    return value


def _configured(value: Any) -> str:
    if isinstance(value, dict):  # {"parameterName": ..., "defaultValue": ...}
        value = value.get("defaultValue")
    return str(value) if isinstance(value, str) else ""


def with_room_for_recursion() -> None:
    """Let deeply nested code be followed: each level of it takes several frames."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 3000))
