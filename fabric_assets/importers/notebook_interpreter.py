"""Follows an orchestrating notebook without guesses: where a value is not known, that is said.

Lineage takes the likely value; what is imported must be certain.
"""

import ast
from typing import Any

from fabric_assets.importers.notebook_functions import (
    COUNTING,
    is_harmless,
    is_magic,
    is_pool,
    is_unknown_name,
    is_worked_out,
    method_is_worked_out,
)
from fabric_assets.importers.notebook_state import merged
from fabric_assets.importers.notebook_statements import STATEMENTS
from fabric_assets.importers.notebook_values import (
    LATER,
    ExitValue,
    Maybe,
    Pool,
    Undecided,
    gap_of,
    notebook_function,
    parts_of,
    size_of,
    source,
)
from fabric_assets.importers.notebook_ways import Calls, Ways
from fabric_assets.lineage.classes import member
from fabric_assets.lineage.interpreter import MAX_DEPTH, Flow, Interpreter
from fabric_assets.lineage.operations import described
from fabric_assets.lineage.values import (
    Bound,
    ClassValue,
    Const,
    Decorated,
    Function,
    Instance,
    Items,
    Lib,
    Mapping,
    OneOf,
    Partial,
    Text,
    Unknown,
)

_POOL_METHODS = frozenset(
    {"submit", "map", "map_async", "imap", "imap_unordered", "starmap", "starmap_async", "apply_async"}
)


class NotebookInterpreter(Ways):
    """Lineage's interpreter without its guesses, for those who want to know what is started.

    Args:
        calls: notes what the notebook starts.
        budget: how much is worked out, in steps of about ten microseconds.

    Attributes:
        read_names: names that were read from the notebook's outermost scope.
    """

    max_items = 50_000
    max_recursion = MAX_DEPTH
    guesses = False

    def __init__(self, calls: Calls, budget: int) -> None:
        super().__init__(calls, STATEMENTS, budget)
        self.read_names: set[str] = set()
        self.scope.names["__name__"] = Const("__main__")
        self._nodes: list[ast.Call] = []

    def forget(self, tree: ast.AST, gap: Undecided, budget: int) -> None:
        """After a cell that was not worked out to its end: what it sets or changes is not known; start anew.

        Args:
            tree: the cell.
            gap: why it is not known.
            budget: how much may be worked out behind it.
        """
        self.session.steps = self.session.max_steps - budget
        self._late = []
        for part in ast.walk(tree):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store | ast.Del):
                self.scope.names[part.id] = gap
            elif isinstance(part, ast.Name):
                self.may_have_more([self.scope.names.get(part.id)], gap)

    def hand_over(self, node: ast.AST, function: Any, to: str) -> None:
        """Follow a function that something unknown may call."""
        inner = function
        while isinstance(inner, Partial):
            inner = inner.function
        is_function = isinstance(inner, Function)
        if (is_function and inner.node in self.call_stack) or not (is_function or notebook_function(inner)):
            return
        name = inner.name if isinstance(inner, Function | Lib) else "a method"
        text = f"{name} is handed to {to}: how often it is called, and with what, is not worked out"
        with self.often(self.undecided(node, text)):
            self.invoke(function, [])

    # -- expressions

    def evaluate(self, node: ast.expr) -> Any:
        """The value of an expression, an ``Undecided`` if the source alone does not tell."""
        self._gaps.append(None)
        is_call = isinstance(node, ast.Call)
        if isinstance(node, ast.Call):
            self._nodes.append(node)
        try:
            value = self._chosen(node) if isinstance(node, ast.IfExp) else super().evaluate(node)
        finally:
            inner = self._gaps.pop()
            if is_call:
                self._nodes.pop()
        if not isinstance(value, Const):
            value = self._settled(node, value, inner)
            if isinstance(value, Unknown) and self._gaps and self._gaps[-1] is None:
                self._gaps[-1] = gap_of(value, self.where(node))
        return value

    def _settled(self, node: ast.expr, value: Any, inner: Undecided | None) -> Any:
        if isinstance(node, ast.Subscript) and inner is not None:
            return inner
        if isinstance(value, Undecided | ExitValue | Items | Mapping):
            return value
        if isinstance(value, Unknown):
            if value.reason in (Unknown().reason, described(node)):
                return inner or self.undecided(node, f"{source(node)} is {LATER}")
            return self.undecided(node, value.reason)
        if isinstance(value, Text) and len(value.parts) == 1 and isinstance(value.parts[0], ExitValue):
            return value.parts[0]
        if isinstance(value, Text | OneOf):
            return gap_of(value, self.where(node))
        if isinstance(value, Bound) and isinstance(value.owner, Unknown):
            return gap_of(value.owner, self.where(node))
        if isinstance(node, ast.Name) and isinstance(value, Lib) and is_unknown_name(value.name):
            reason = f"{node.id} is not set in this notebook (it may come by %run or from the session)"
            return self.undecided(node, reason)
        return value

    def _chosen(self, node: ast.IfExp) -> Any:
        known = self.known(node.test)
        if not isinstance(known, Undecided):
            return self.evaluate(node.body if known else node.orelse)
        values: list[Any] = []

        def way(expression: ast.expr) -> Flow:
            values.append(self.evaluate(expression))
            return Flow.NEXT

        self.either(known, [lambda: way(node.body), lambda: way(node.orelse)])
        return merged(values[0], values[1], known) if len(values) == 2 else known

    def lookup(self, name: str) -> Any | None:
        """The value of a name, ``None`` if it has none."""
        value = super().lookup(name)
        if value is not None and name in self.scope.root().names:
            self.read_names.add(name)
        return value

    def element(self, iterable: Any) -> Any:
        """What is known about an item of something whose items are not known."""
        known = self.reasons.get(iterable) if isinstance(iterable, Items | Mapping) else None
        return known or gap_of(iterable, self._place)

    # -- calls

    def _include(self, _: Interpreter, target: str) -> None:
        self.calls.include(target, self.where(self._nodes[-1]))

    def called(self, function: Any, arguments: list[Any], keywords: dict[str, Any]) -> Any | None:
        """The value of a call that starts a notebook or that is not worked out, ``None`` for all others."""
        node: ast.AST = self._nodes[-1] if self._nodes else ast.Pass(lineno=0)
        self.spend(sum(size_of(value) for value in arguments) // 5)
        if isinstance(function, Decorated):
            return self.invoke(function.function, arguments, keywords)
        if isinstance(function, Function):
            return self._unfollowed(node, function)
        if isinstance(function, Partial | ClassValue):
            return None
        if isinstance(function, Lib):
            return self._library(node, function, arguments, keywords)
        if isinstance(function, Bound) and isinstance(function.owner, Pool):
            return self._in_pool(node, function.owner, function.name, arguments, keywords)
        if isinstance(function, Bound) and method_is_worked_out(function):
            owner = function.owner
            return (
                self._of_mapping(node, owner, function.name, arguments)
                if isinstance(owner, Mapping)
                else None
            )
        if isinstance(function, Instance) and member(self, function, "__call__") is not None:
            return None
        return self._stranger(node, function, arguments, keywords)

    def _of_mapping(self, node: ast.AST, owner: Mapping, name: str, arguments: list[Any]) -> Any | None:
        """A method of a dictionary, if there is something in it or in the call that is not known."""
        key = next((value for value in arguments[:1] if isinstance(value, Unknown)), None)
        if key is not None and name in ("get", "pop", "setdefault"):
            if name != "get":
                self.may_have_more([owner], gap_of(key, self.where(node)))
            return gap_of(key, self.where(node))
        keys, complete = self.iterate(owner)
        if name not in ("items", "keys", "values") or not any(isinstance(key, Maybe) for key in keys):
            return None
        items = []
        for key, held in zip(keys, parts_of(owner), strict=True):
            there, value = isinstance(held, Maybe), held.value if isinstance(held, Maybe) else held
            plain = key.value if there else key
            part = {"items": Items([plain, value], kind="tuple"), "keys": plain, "values": value}[name]
            items.append(Maybe(held.reason, value=part) if there else part)
        return Items(items, complete)

    def _unfollowed(self, node: ast.AST, function: Function) -> Undecided | None:
        """Why a function of the notebook is not followed, ``None`` if it is."""
        if isinstance(function.node, ast.AsyncFunctionDef):
            reason = f"the asynchronous function {function.name} is not worked out"
        elif len(self.call_stack) >= MAX_DEPTH:
            reason = "functions call each other too deeply"
        else:
            return None
        gap = self.undecided(node, reason)
        self.calls.not_worked_out(function.node, gap)
        return gap

    def _library(
        self, node: ast.AST, function: Lib, arguments: list[Any], keywords: dict[str, Any]
    ) -> Any | None:
        started = notebook_function(function)
        if started is not None:
            return self.calls.notebook_function(started, node, arguments, keywords)
        if is_pool(function.name):
            size = keywords.get("max_workers", arguments[0] if arguments else None)
            workers = size.value if isinstance(size, Const) and type(size.value) is int else None
            return Pool(list(self.calls.frontier), [], workers)
        if is_magic(function.name):
            return self.undecided(node, "it comes from a magic")
        if is_harmless(function.name):
            return self.undecided(node, f"{source(node)} is not worked out")
        if not is_worked_out(function.name, keywords):
            return self._stranger(node, function, arguments, keywords)
        items = [item for value in arguments for item in parts_of(value)]
        perhaps_there = next((item for item in items if isinstance(item, Maybe)), None)
        if perhaps_there is not None and function.name in COUNTING:
            return self.undecided(node, perhaps_there.reason)
        return None

    def _stranger(
        self, node: ast.AST, function: Any, arguments: list[Any], keywords: dict[str, Any]
    ) -> Undecided:
        """A function that is not known is called: it may call what it is given, and change it."""
        given = [*arguments, *keywords.values()]
        called = node.func if isinstance(node, ast.Call) else node
        for value in given:
            self.hand_over(node, value, source(called))
        if isinstance(function, Unknown) and isinstance(called, ast.Name):
            self.may_have_more(given, self.undecided(node, f"{called.id}() may change it"))
        if isinstance(function, Unknown):
            return gap_of(function, self.where(node))
        return self.undecided(node, f"{source(node)} is {LATER}")

    def _in_pool(
        self, node: ast.AST, pool: Pool, name: str, arguments: list[Any], keywords: dict[str, Any]
    ) -> Any:
        """Call what a thread pool is given; its calls wait for nothing but what came before the pool."""
        if not arguments or name not in _POOL_METHODS:
            return self._stranger(node, pool, arguments, keywords)
        function, *rest = arguments
        if pool.max_workers:
            self.calls.pool_sizes.add(pool.max_workers)
        rows = [rest]
        if name == "apply_async":
            rows = [self.iterate(rest[0])[0] if rest else []]
        elif name != "submit":
            columns = [self.iterate(value) for value in rest]
            unknown = [value for value, (_, whole) in zip(rest, columns, strict=True) if not whole]
            if unknown:
                reason = gap_of(self.element(unknown[0]), "").reason
                self.hand_over(node, function, f".{name}() over values that are not known ({reason})")
                return self.undecided(node, reason)
            rows = [list(row) for row in zip(*(items for items, _ in columns), strict=False)]
            if name.startswith("starmap"):
                rows = [self.iterate(row[0])[0] for row in rows]
        results = []
        for row in rows:
            before, self.calls.frontier = self.calls.frontier, list(pool.frontier)
            started = self.calls.frontier
            results.append(self.invoke(function, row, keywords if name == "submit" else {}))
            if self.calls.frontier != started:
                pool.calls += self.calls.frontier
                before = list(pool.calls)
            self.calls.frontier = before
        return Items(results) if name != "submit" else self.undecided(node, "it is a future")
