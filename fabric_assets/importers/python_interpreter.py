"""Works through the statements of a notebook, cell by cell, without running it."""

import ast
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from fabric_assets.importers.python_branches import (
    Branches,
    Calls,
    LeaveSignal,
    LoopInDoubtSignal,
    ReturnSignal,
)
from fabric_assets.importers.python_expressions import source
from fabric_assets.importers.python_functions import NotWorkedOutError, limited, operate
from fabric_assets.importers.python_values import (
    Function,
    Maybe,
    Pool,
    Reference,
    Scope,
    Undecided,
    bind,
    truth,
)

_MAX_CALL_DEPTH = 25


class Interpreter(Branches):
    """Executes statements over known values; where a value is not known, says so instead of guessing.

    Args:
        calls: notes what the notebook starts.
        budget: how much is worked out, in steps of about a microsecond to ten.

    Attributes:
        called: ids of the nodes of the functions that were called.
    """

    def __init__(self, calls: Calls, budget: int) -> None:
        super().__init__(calls, budget)
        self.called: set[int] = set()

    def run(self, tree: ast.Module, place: str, first_line: int) -> None:
        """Execute a cell.

        Args:
            tree: its syntax tree.
            place: the cell, for messages.
            first_line: what to add to its line numbers, for messages.

        Raises:
            NotebookEndsError: the notebook ends in this cell.
            OutOfBudgetError: it computes too much.
        """
        self._place, self._first_line = place, first_line
        try:
            self._block(tree.body)
        except (ReturnSignal, LeaveSignal, LoopInDoubtSignal):
            return

    def _block(self, body: list[ast.stmt]) -> None:
        for index, statement in enumerate(body):
            if isinstance(statement, ast.If) and _leaves(statement.body) != _leaves(statement.orelse):
                known = self._condition(statement.test)
                if isinstance(known, Undecided):  # what follows belongs to the branch that goes on
                    self._one_leaves(known, statement, body[index + 1 :])
                    return
                self._take(statement, known)
            else:
                self._statement(statement)

    def _condition(self, test: ast.expr) -> bool | Undecided:
        known = truth(self.evaluate(test), self.where(test))
        if isinstance(known, Undecided):
            return self.undecided(test, f"it depends on 'if {source(test)}': {known.reason}")
        return known

    def _one_leaves(self, gap: Undecided, node: ast.If, rest: list[ast.stmt]) -> None:
        body, orelse = node.body, node.orelse
        if _leaves(body):
            orelse = [*orelse, *rest]
        else:
            body = [*body, *rest]
        self.either(gap, lambda: self._block(body), lambda: self._block(orelse))

    def _statement(self, node: ast.stmt) -> None:
        self.spend()
        method: Callable[[Any], None] | None = getattr(self, f"_do_{type(node).__name__.lower()}", None)
        if method is None:
            self.give_up(node, self.undecided(node, f"a {type(node).__name__} statement is not worked out"))
            return
        try:
            method(node)
        except NotWorkedOutError as error:
            self.give_up(node, self.undecided(node, str(error)))

    def _do_expr(self, node: ast.Expr) -> None:
        self.evaluate(node.value)

    def _do_assign(self, node: ast.Assign) -> None:
        value = self.evaluate(node.value)
        for target in node.targets:
            self.assign(target, value)

    def _do_annassign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.assign(node.target, self.evaluate(node.value))

    def _do_augassign(self, node: ast.AugAssign) -> None:
        load = ast.copy_location(_loaded(node.target), node.target)
        old, value = self.evaluate(load), self.evaluate(node.value)
        if isinstance(old, list) and isinstance(node.op, ast.Add) and not isinstance(value, Undecided):
            parts = self.iterate(node.value, value)  # in place: other names of the list see it
            old.extend([parts] if isinstance(parts, Undecided) else parts)
            limited(lambda: old)
            self.spend(len(old) // 10)
            return
        if isinstance(old, list | dict) and isinstance(value, Undecided):
            self.spoil([old], value)
            return
        gap = next((part for part in (old, value) if isinstance(part, Undecided)), None)
        self.assign(node.target, gap if gap is not None else self._operated(node, old, value))

    def _operated(self, node: ast.AugAssign, old: Any, value: Any) -> Any:
        gap = None if isinstance(old, list | dict | set) else self.gap(old, node) or self.gap(value, node)
        return gap if gap is not None else operate(node.op, old, value)

    def assign(self, target: ast.expr, value: Any) -> None:
        """Bind the names of a target."""
        if isinstance(target, ast.Name):
            self.scope.names[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            starred = any(isinstance(part, ast.Starred) for part in target.elts)
            values = self.iterate(target, value)
            if isinstance(values, Undecided) or starred or len(values) != len(target.elts):
                gap = values if isinstance(values, Undecided) else self.undecided(target, "it is unpacked")
                values = [gap] * len(target.elts)
            for part, entry in zip(target.elts, values, strict=True):
                self.assign(part.value if isinstance(part, ast.Starred) else part, entry)
        elif isinstance(target, ast.Subscript):
            owner, key = self.evaluate(target.value), self.evaluate(target.slice)
            lost = (
                self.undecided(target, "a slice is set") if isinstance(key, slice) else self.gap(key, target)
            )
            if isinstance(owner, list | dict) and lost is not None:
                self.spoil([owner], lost)
            elif isinstance(owner, list | dict):
                limited(partial(owner.__setitem__, key, value))
        elif isinstance(target, ast.Attribute):
            self.evaluate(target.value)

    def _do_delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.scope.names.pop(target.id, None)
            elif isinstance(target, ast.Subscript):
                owner, key = self.evaluate(target.value), self.evaluate(target.slice)
                if isinstance(owner, list | dict):
                    limited(partial(owner.__delitem__, key))

    def _do_import(self, node: ast.Import) -> None:
        for alias in node.names:
            name = alias.name if alias.asname else alias.name.partition(".")[0]
            self.scope.names[alias.asname or name] = Reference(name)

    def _do_importfrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name != "*":
                self.scope.names[alias.asname or alias.name] = Reference(f"{node.module}.{alias.name}")

    def _do_pass(self, node: ast.Pass) -> None:
        pass

    _do_global = _do_nonlocal = _do_pass

    def _do_assert(self, node: ast.Assert) -> None:
        self.evaluate(node.test)

    def _do_raise(self, node: ast.Raise) -> None:
        raise LeaveSignal(node)

    def _do_break(self, node: ast.Break) -> None:
        raise LeaveSignal(node)

    _do_continue = _do_break

    def _do_return(self, node: ast.Return) -> None:
        raise ReturnSignal(self.evaluate(node.value))

    def _do_functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if node.decorator_list:
            gap = self.undecided(node, f"the function {node.name} is decorated")
            self.calls.not_worked_out(node, gap)
            self.scope.names[node.name] = gap
        else:
            self.scope.names[node.name] = Function(node, self.scope, self.parameter_defaults(node.args))

    _do_asyncfunctiondef = _do_functiondef

    def _do_classdef(self, node: ast.ClassDef) -> None:
        gap = self.undecided(node, f"the class {node.name} is not worked out")
        self.calls.not_worked_out(node, gap)
        self.scope.names[node.name] = gap

    def _do_if(self, node: ast.If) -> None:
        known = self._condition(node.test)
        if isinstance(known, Undecided):
            self.either(known, lambda: self._block(node.body), lambda: self._block(node.orelse))
        else:
            self._take(node, known)

    def _take(self, node: ast.If, known: bool) -> None:
        taken, other = (node.body, node.orelse) if known else (node.orelse, node.body)
        self.calls.decided(taken, other, f"'{source(node.test)}' is {known}")
        self._block(taken)

    def _do_for(self, node: ast.For) -> None:
        values = self.iterate(node.iter, self.evaluate(node.iter))
        if isinstance(values, Undecided):
            reason = f"it comes from a loop over values that are not in the notebook: {values.reason}"
            self.give_up(node, Undecided(reason, values.where))
            return
        for value in values:
            self.spend()
            try:
                if isinstance(value, Maybe):
                    self.assign(node.target, value.value)
                    gap = Undecided(value.reason, self.where(node))
                    self.either(gap, lambda: self._block(node.body), lambda: None)
                else:
                    self.assign(node.target, value)
                    self._block(node.body)
            except LeaveSignal as leave:
                if isinstance(leave.node, ast.Break):
                    return
                if not isinstance(leave.node, ast.Continue):
                    raise
            except LoopInDoubtSignal as doubt:
                self.give_up(node, doubt.gap)
                return
        self._block(node.orelse)

    def _do_while(self, node: ast.While) -> None:
        while True:
            self.spend()
            known = truth(self.evaluate(node.test), self.where(node.test))
            if isinstance(known, Undecided):
                reason = f"it comes from a loop that ends under a condition that is not known: {known.reason}"
                self.give_up(node, Undecided(reason, known.where))
                return
            if not known:
                self._block(node.orelse)
                return
            try:
                self._block(node.body)
            except LeaveSignal as leave:
                if isinstance(leave.node, ast.Break):
                    return
                if not isinstance(leave.node, ast.Continue):
                    raise
            except LoopInDoubtSignal as doubt:
                self.give_up(node, doubt.gap)
                return

    def _do_with(self, node: ast.With | ast.AsyncWith) -> None:
        pools = []
        for item in node.items:
            value = self.evaluate(item.context_expr)
            if isinstance(value, Pool):
                value.frontier = list(self.calls.frontier)
                pools.append(value)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value)
        self._block(node.body)
        for pool in pools:
            if pool.calls:
                self.calls.frontier = list(pool.calls)

    _do_asyncwith = _do_with

    def in_pool(self, node: ast.Call, pool: Pool, name: str, args: list[Any], options: dict[str, Any]) -> Any:
        """Call what a thread pool is given; its calls wait for nothing but what came before the pool."""
        function, *rest = args
        if pool.max_workers:
            self.calls.pool_sizes.add(pool.max_workers)
        rows: list[list[Any]] = [rest]
        if name != "submit":
            columns = [self.iterate(node, value) for value in rest]
            gap = next((column for column in columns if isinstance(column, Undecided)), None)
            if gap is not None:
                if isinstance(function, Function | Reference):
                    to = f".{name}() over values that are not known ({gap.reason})"
                    self.caller.handed_over(node, function, to)
                return gap
            rows = [list(row) for row in zip(*columns, strict=False)]
        results = []
        for row in rows:
            before, self.calls.frontier = self.calls.frontier, list(pool.frontier)
            started = self.calls.frontier
            if isinstance(function, Function):
                results.append(self.call_function(node, function, row, {}))
            elif isinstance(function, Reference) and function.notebook_function:
                results.append(self.caller.notebook_function(function.notebook_function, node, row, options))
            else:
                results.append(self.undecided(node, "it is not worked out"))
            if self.calls.frontier != started:
                pool.calls += self.calls.frontier
                before = pool.calls
            self.calls.frontier = before
        return self.undecided(node, "it is a future") if name == "submit" else results

    def _do_try(self, node: ast.Try | ast.TryStar) -> None:
        started = list(self.calls.frontier)
        self._block(node.body)
        for handler in node.handlers:
            gap = self.undecided(handler, "it depends on whether something fails")
            self.either(
                gap,
                lambda: None,
                lambda handler=handler: self._handler(handler),  # type: ignore[misc]
                keep_one=self.calls.frontier != started,  # what follows a call follows its success
            )
        self._block(node.orelse)
        self._block(node.finalbody)

    _do_trystar = _do_try

    def _handler(self, handler: ast.ExceptHandler) -> None:
        if handler.name:
            self.scope.names[handler.name] = self.undecided(handler, "it is an error")
        self._block(handler.body)

    def _do_match(self, node: ast.Match) -> None:
        self.give_up(node, self.undecided(node, "a match statement is not worked out"))

    def call_function(
        self, node: ast.AST, function: Function, args: Sequence[Any], options: dict[str, Any]
    ) -> Any:
        """What a function of the notebook returns."""
        scope = Scope(outer=function.closure)
        problem = bind(function, scope.names, args, options)
        if len(self.frames) > _MAX_CALL_DEPTH:
            problem = "functions call each other too deeply"
        elif isinstance(function.node, ast.AsyncFunctionDef) or _yields(function.node):
            problem = "an asynchronous function or a generator is not worked out"
        if problem is not None:
            gap = self.undecided(node, problem)
            self.calls.not_worked_out(function.node, gap)
            return gap
        self.called.add(id(function.node))
        outer, self.scope = self.scope, scope
        condition = self.calls.condition(None)
        self.calls.condition(condition)
        self.frames.append(scope)
        self.doubts.append(None)
        value: Any = None
        try:
            if isinstance(function.node, ast.Lambda):
                return self.evaluate(function.node.body)
            self._block(function.node.body)
        except ReturnSignal as done:
            value = done.value
        except (LeaveSignal, LoopInDoubtSignal):
            value = self.undecided(node, "the function ends with an error")
        finally:
            doubt = self.doubts.pop()
            self.frames.pop()
            self.scope = outer
            self.calls.condition(condition)
        return value if doubt is None else doubt


def _leaves(body: list[ast.stmt]) -> bool:
    """Whether a block ends by leaving the function or the loop around it."""
    return bool(body) and isinstance(body[-1], ast.Return | ast.Break | ast.Continue)


def _yields(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Yield | ast.YieldFrom) for part in ast.walk(node))


def _loaded(target: ast.expr) -> ast.expr:
    """The target of ``+=`` as an expression that reads it."""
    if isinstance(target, ast.Name):
        return ast.Name(target.id, ast.Load())
    if isinstance(target, ast.Subscript):
        return ast.Subscript(target.value, target.slice, ast.Load())
    return target
