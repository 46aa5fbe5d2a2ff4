"""Finds what an orchestrating notebook starts: ``notebook.run`` and ``runMultiple``, worked out without running it."""

import ast
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from fabric_assets.importers.dag_project import DagCall, RunCall
from fabric_assets.importers.errors import ImportFileError
from fabric_assets.importers.git_folder import GitFolder
from fabric_assets.importers.json_source import read_text
from fabric_assets.importers.notebook_cells import read_cells
from fabric_assets.importers.notebook_interpreter import NotebookInterpreter
from fabric_assets.importers.notebook_values import ExitValue, Undecided, notebook_function, source
from fabric_assets.importers.notebook_ways import NotebookEndsError
from fabric_assets.importers.report import ImportReport, Remark
from fabric_assets.importers.run_multiple import read_dag
from fabric_assets.lineage.magics import CellSyntaxError, parse_cell, run_target
from fabric_assets.lineage.plain import from_python
from fabric_assets.lineage.session import BudgetExceededError
from fabric_assets.lineage.source import Cell
from fabric_assets.lineage.values import Const, Function, Mapping, Unknown

_MAX_CALLS = 5_000
_BUDGET = 150_000
_MAX_STOPS = 3
_MAX_INCLUDED = 20
_OTHER_LANGUAGES = ("scala", "r", "csharp")
_STARTS = re.compile(r"notebook\s*\.\s*run(Multiple)?\s*\(")


class NotebookReader:
    """Works through a notebook and notes its calls.

    Args:
        path: the notebook's file.
        report: where gaps go.
        folder: notebooks that ``%run`` may include.

    Attributes:
        calls: in program order.
        frontier: numbers of the calls that the next one follows.
        pool_sizes: sizes of the thread pools that start notebooks.
    """

    def __init__(self, path: Path, report: ImportReport, folder: GitFolder) -> None:
        self.calls: list[RunCall | DagCall] = []
        self.frontier: list[int] = []
        self.pool_sizes: set[int] = set()
        self._path = path
        self._report = report
        self._folder = folder
        self._interpreter = NotebookInterpreter(self, _BUDGET)
        self._parameters: set[str] = set()
        self._included: list[str] = []
        self._stops = 0
        self._taken: set[int] = set()
        self._skipped: dict[int, list[Remark]] = {}
        self._trees: list[tuple[str, int, ast.Module]] = []

    def read(self, text: str) -> None:
        """Work through the text of the notebook.

        Raises:
            ImportFileError: it is no notebook.
        """
        cells = read_cells(self._path, text)
        with suppress(NotebookEndsError):
            for cell in cells:
                self._cell(cell)
        for number, remarks in self._skipped.items():
            self._report.unsupported += remarks if number not in self._taken else []
        self._tell_of_uncalled_functions()
        if not self.calls:
            self._take_unused_dag()
        used = sorted(self._parameters & self._interpreter.read_names)
        if used and self.calls:
            text = f"its own parameters {', '.join(used)} are taken with the values of its parameters cell"
            self._report.change("notebook", text)

    def _cell(self, cell: Cell, prefix: str = "") -> None:
        place = f"{prefix}cell {cell.number}" if cell.number else prefix.removesuffix(", ")
        if cell.is_frozen or cell.language in _OTHER_LANGUAGES:
            if _STARTS.search(cell.source):
                why = "a frozen cell does not run, its calls are left out"
                other = f"calls in {cell.language} are not read, only those in Python"
                self._report.miss("notebook", why if cell.is_frozen else other, place)
            return
        if cell.language != "python":
            return
        first_line = cell.first_line - 1
        try:
            tree = parse_cell(cell.source)
        except CellSyntaxError as error:
            where = f"{place}, line {first_line + error.line}".removeprefix(", ")
            self._report.miss("notebook", f"the cell is no valid Python and is left out: {error}", where)
            return
        self._trees.append((place, first_line, tree))
        try:
            self._interpreter.run_cell(tree, place, first_line)
        except (BudgetExceededError, RecursionError) as error:
            self._stop(tree, place, too_much=isinstance(error, BudgetExceededError))
        if cell.is_parameters and not prefix:
            self._parameters = {
                part.id
                for part in ast.walk(tree)
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
            }
            self._interpreter.read_names.clear()

    def _stop(self, tree: ast.Module, place: str, *, too_much: bool) -> None:
        """Leave the rest of a cell out; a few times, so that each notebook comes to an end."""
        self._stops += 1
        why = "computes more than is worked out for an import" if too_much else "is nested too deeply"
        gap = Undecided("it is set in a cell that is left out", where=place)
        self._report.miss("notebook", f"the cell {why}; the rest of it is left out", place)
        self.not_worked_out(tree, Undecided(f"the cell {why}", where=place))
        if self._stops > _MAX_STOPS or len(self.calls) >= _MAX_CALLS:
            self._report.miss("notebook", "all cells behind it are left out, too", place)
            raise NotebookEndsError
        self._interpreter.forget(tree, gap, _BUDGET // 3)

    def include(self, target: str, where: str) -> None:
        """Work through the notebook that ``%run`` names, with the parameters that it is given."""
        path, given = run_target(target)
        name = path.rpartition("/")[2]
        item = self._folder.by_name("Notebook", name)
        content = item.content() if item is not None else None
        if content is None:
            text = f"%run {name}: the notebook is not beside this one, so what it defines is not known"
            self._report.miss("notebook", text, where)
            return
        if given is None:
            self._report.miss("notebook", f"%run {name}: its parameters are no plain values", where)
        if name in self._included or len(self._included) > _MAX_INCLUDED:
            return
        self._included.append(name)
        try:
            cells = read_cells(content, read_text(content))
            is_set = not any(cell.is_parameters for cell in cells)
            values = {key: from_python(value) for key, value in (given or {}).items()}
            with self._interpreter.included():
                self._interpreter.scope.names.update(values if is_set else {})
                for cell in cells:
                    self._cell(cell, f"{name}, ")
                    if cell.is_parameters and not is_set:
                        self._interpreter.scope.names.update(values)
                        is_set = True
        except (ImportFileError, RecursionError, MemoryError) as error:
            self._report.miss("notebook", f"%run {name}: {error}", where)
        except NotebookEndsError:
            pass

    def _tell_of_uncalled_functions(self) -> None:
        for place, first_line, tree in self._trees:
            for node in ast.walk(tree):
                if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                if node in self._interpreter.followed or not any(
                    self._starts(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)
                ):
                    continue
                where = f"{place}, line {node.lineno + first_line}".removeprefix(", ")
                text = f"nothing here calls the function {node.name}, so what it starts is left out"
                if where not in {remark.where for remark in self._report.unsupported}:
                    self._report.miss("notebook", text, where)

    def _take_unused_dag(self) -> None:
        """A DAG that is only defined here, for another notebook to run."""
        for name, known in self._interpreter.scope.names.items():
            value = self._interpreter.plain(known, ast.Pass()) if isinstance(known, Mapping) else None
            if isinstance(value, dict) and isinstance(value.get("activities"), list):
                self._report.change("DAG", f"nothing here calls runMultiple; {name} was taken as its DAG")
                self.calls.append(DagCall(read_dag(value, name), name))
                return

    def decided(self, taken: list[ast.stmt], other: list[ast.stmt], test: str) -> None:
        """Of two branches one is taken; what the other one starts is left out, unless it is taken another time."""
        self._taken |= {id(statement) for statement in taken}
        for statement in other:
            if id(statement) not in self._skipped:
                self._skipped[id(statement)] = [
                    Remark(
                        "notebook",
                        f"{source(node, 120)} is left out, as {test}",
                        self._interpreter.where(node),
                    )
                    for node in ast.walk(statement)
                    if (isinstance(node, ast.Call) and self._starts(node.func))
                    or (isinstance(node, ast.Dict) and _is_activity(node))
                ]

    def not_worked_out(self, statement: ast.AST, gap: Undecided) -> None:
        """A statement is left out; what it starts is a gap."""
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and self._starts(node.func):
                self._leave_out(node, gap)

    def _starts(self, node: ast.AST, seen: frozenset[str] = frozenset()) -> bool:
        """Whether a function, by the expression for it, starts notebooks."""
        if isinstance(node, ast.Attribute):
            return _STARTS.search(f"{source(node)}(") is not None
        name = node.id if isinstance(node, ast.Name) and node.id not in seen else ""
        value = self._interpreter.scope.root().names.get(name)
        if isinstance(value, Function):
            calls = (part.func for part in ast.walk(value.node) if isinstance(part, ast.Call))
            return any(self._starts(call, seen | {name}) for call in calls)
        return notebook_function(value) in ("run", "runMultiple")

    def _leave_out(self, node: ast.AST, gap: Undecided) -> None:
        where = self._interpreter.where(node)
        what = "may be made more often" if any(call.where == where for call in self.calls) else "is left out"
        self._report.miss("notebook", f"the call {source(node, 120)} {what}: {gap.reason}", where)

    def notebook_function(self, name: str, node: ast.AST, args: list[Any], options: dict[str, Any]) -> Any:
        """A function of ``notebookutils.notebook`` is called; gives what it returns."""
        where, doubt = self._interpreter.where(node), self._interpreter.doubt
        if name == "validateDAG":
            return Const(True)
        if name not in ("exit", "run", "runMultiple"):
            return Undecided(f"notebook.{name} is not worked out", where=where)
        if doubt is not None:
            if name == "exit":
                raise NotebookEndsError
            self._leave_out(node, doubt)
            return doubt
        condition = self._interpreter.condition
        if name == "exit":
            if condition is not None:
                text = f"it ends here under a condition that is not known; what follows is kept: {condition}"
                self._report.miss("notebook", text, where)
            raise NotebookEndsError
        if len(self.calls) >= _MAX_CALLS:
            raise BudgetExceededError("too many calls")
        if name == "run":
            return self._run(node, where, args, options)
        plain = self._interpreter.plain(_argument(args, options, 0, "dag"), node)
        dag = read_dag(plain, f"{where}: ")
        number = self._started(DagCall(dag, where, tuple(self.frontier), condition))
        failed = Undecided("it tells whether a notebook failed", where=where)
        results = {
            activity.name: Mapping(
                {"exitVal": ExitValue(call=number, activity=activity.name), "exception": failed}
            )
            for activity in dag.activities
        }
        return Mapping(dict(results), complete=not dag.gaps)

    def _run(self, node: ast.AST, where: str, args: list[Any], options: dict[str, Any]) -> Any:
        path = self._plain(node, args, options, 0, "path")
        if not isinstance(path, str) or not path.strip():
            reason = path.reason if isinstance(path, Unknown) else f"{path!r} is no name"
            text = f"the call {source(node, 120)} is left out, its notebook is not known: {reason}"
            self._report.miss("notebook", text, where)
            return Undecided("the call is left out", where=where)
        name = path.strip()
        timeout = self._plain(node, args, options, 1, "timeout_seconds", "timeoutSeconds", "timeout")
        if timeout is not None and (type(timeout) not in (int, float) or not 0 < timeout < 1e12):
            self._report.miss(name, "its time-out is not known, the default is taken", where)
            timeout = None
        arguments = self._plain(node, args, options, 2, "arguments")
        workspace = self._plain(node, args, options, 3, "workspace")
        if isinstance(workspace, Unknown):
            self._report.miss(
                name, f"its workspace is not known, the project's is taken: {workspace.reason}", where
            )
        known: dict[str, Any] = {}
        if isinstance(arguments, dict):
            for key, value in arguments.items():
                if not isinstance(key, str):
                    self._report.miss(name, "it may have more arguments", where)
                elif key != "useRootDefaultLakehouse":
                    known[key] = value
                else:
                    self._report.miss(
                        name, f"{key} is left out: a job instance has its own default lakehouse", where
                    )
        elif arguments is not None:
            reason = arguments.reason if isinstance(arguments, Unknown) else f"{arguments!r:.80}"
            self._report.miss(name, f"its arguments are not known: {reason}", where)
        call = RunCall(
            notebook=path,
            timeout=timeout,
            args=known,
            workspace=workspace if isinstance(workspace, str) and workspace else None,
            where=where,
            after=tuple(self.frontier),
            condition=self._interpreter.condition,
        )
        return ExitValue(call=self._started(call))

    def _plain(
        self, node: ast.AST, args: list[Any], options: dict[str, Any], position: int, *names: str
    ) -> Any:
        return self._interpreter.plain(_argument(args, options, position, *names), node)

    def _started(self, call: RunCall | DagCall) -> int:
        number = len(self.calls)
        self._interpreter.spend(len(call.after))
        self.calls.append(call)
        self.frontier = [number]
        return number


def _argument(args: list[Any], options: dict[str, Any], position: int, *names: str) -> Any:
    if position < len(args):
        return args[position]
    return next((options[name] for name in names if name in options), Const(None))


def _is_activity(node: ast.Dict) -> bool:
    keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
    return {"name", "path"} <= keys
