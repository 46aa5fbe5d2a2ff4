"""Works out the calls of a notebook: of its own functions, of Python's, and those that start notebooks."""

import ast
from collections.abc import Sequence
from typing import Any

from fabric_assets.importers.python_expressions import Expressions, size_of, source
from fabric_assets.importers.python_functions import (
    BUILTINS,
    HARMLESS,
    MODULE_FUNCTIONS,
    call_method,
    limited,
)
from fabric_assets.importers.python_values import (
    ExitValue,
    Function,
    Maybe,
    Pool,
    Reference,
    Results,
    Undecided,
)

# They look at the elements of what they are given; the others only pass them on.
_LOOK_INSIDE = frozenset(
    {"all", "any", "max", "min", "sorted", "sum", "str", "repr", "json.dumps", "join", "format"}
)
_POOLS = ("ThreadPoolExecutor", "ThreadPool", "Pool", "ProcessPoolExecutor")


class CallExpressions(Expressions):
    """Evaluates calls."""

    def call_function(
        self, node: ast.AST, function: Function, args: Sequence[Any], options: dict[str, Any]
    ) -> Any:
        """What a function of the notebook returns."""
        raise NotImplementedError

    def _call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Attribute):
            owner = self.evaluate(node.func.value)
            if not isinstance(owner, Reference):
                args, options = self._arguments(node)
                return self._method(node, owner, node.func.attr, args, options)
            function: Any = Reference(f"{owner.name}.{node.func.attr}")
        else:
            function = self.evaluate(node.func)
        args, options = self._arguments(node)
        if isinstance(function, Function):
            return self.call_function(node, function, args, options)
        if isinstance(function, Reference):
            return self._referenced(node, function, args, options)
        self._handed_over(node, args, options)
        if isinstance(function, Undecided) and isinstance(node.func, ast.Name):
            self.spoil([*args, *options.values()], self.undecided(node, f"{node.func.id}() may change it"))
        gap = self.gap(function, node)
        return gap if gap is not None else self.undecided(node, f"{source(node)} is not worked out")

    def _referenced(
        self, node: ast.Call, function: Reference, args: list[Any], options: dict[str, Any]
    ) -> Any:
        if function.notebook_function is not None:
            return self.caller.notebook_function(function.notebook_function, node, args, options)
        if function.name.rpartition(".")[2] in _POOLS:
            size = options.get("max_workers", args[0] if args else None)
            return Pool([], max_workers=size if type(size) is int else None)
        if function.name in HARMLESS:
            return self.undecided(node, f"{source(node)} is not worked out")
        known = BUILTINS.get(function.name) or MODULE_FUNCTIONS.get(function.name)
        if known is None:
            self._handed_over(node, args, options)
            return self.undecided(node, f"{source(node)} is known only when the notebook runs")
        if function.name in ("map", "filter") and args:
            args = [self._callable(node, args[0]), *args[1:]]
        gap = self._gap_of_arguments(node, function.name, args, options)
        if gap is not None:
            return gap
        options = {name: self._callable(node, value) for name, value in options.items()}
        value = limited(lambda: known(*args, **options))
        self.spend(size_of(value) // 10)
        return value

    def _method(self, node: ast.Call, owner: Any, name: str, args: list[Any], options: dict[str, Any]) -> Any:
        if isinstance(owner, Pool) and name in ("submit", "map", "apply_async", "starmap") and args:
            return self.in_pool(node, owner, name, args, options)
        if isinstance(owner, Results) and name == "get" and args and isinstance(args[0], str):
            if owner.activity is None:
                return Results(owner.call, args[0])
            return ExitValue(owner.call, owner.activity) if args[0] == "exitVal" else None
        if not isinstance(owner, str | list | dict | set | tuple):
            self._handed_over(node, args, options)
            gap = self.gap(owner, node)
            return gap if gap is not None else self.undecided(node, f"{source(node)} is not worked out")
        gap = self._gap_of_arguments(node, name, args, options)
        if gap is not None and (
            isinstance(owner, str) or name not in ("append", "add", "insert", "setdefault")
        ):
            if not isinstance(owner, str):
                self.spoil([owner], gap)
            return gap
        options = {name: self._callable(node, value) for name, value in options.items()}
        value = call_method(owner, name, args, options)
        self.spend(size_of(value) // 10)
        return Undecided(value.reason, self.where(node)) if isinstance(value, Maybe) else value

    def _gap_of_arguments(
        self, node: ast.Call, name: str, args: list[Any], options: dict[str, Any]
    ) -> Undecided | None:
        for value in [*args, *(value for key, value in options.items() if key != "key")]:
            inside = name in _LOOK_INSIDE or not isinstance(value, list | dict | set | tuple)
            gap = self.gap(value, node) if inside else None
            if gap is not None:
                return gap
        return None

    def _callable(self, node: ast.Call, value: Any) -> Any:
        if isinstance(value, Reference) and value.name in BUILTINS:
            return BUILTINS[value.name]
        if not isinstance(value, Function):
            return value
        return lambda *args: self.call_function(node, value, args, {})

    def _arguments(self, node: ast.Call) -> tuple[list[Any], dict[str, Any]]:
        options: dict[str, Any] = {}
        for keyword in node.keywords:
            value = self.evaluate(keyword.value)
            if keyword.arg is not None:
                options[keyword.arg] = value
            elif isinstance(value, dict):
                options.update({str(key): entry for key, entry in value.items()})
        return self.elements(node.args), options

    def _handed_over(self, node: ast.Call, args: list[Any], options: dict[str, Any]) -> None:
        for value in [*args, *options.values()]:
            if isinstance(value, Function | Reference):
                self.caller.handed_over(node, value, source(node.func))

    def in_pool(self, node: ast.Call, pool: Pool, name: str, args: list[Any], options: dict[str, Any]) -> Any:
        """A thread pool is given work."""
        raise NotImplementedError

    def spoil(self, values: list[Any], gap: Undecided) -> None:
        """Note in lists and dictionaries themselves that there may be more in them."""
        for value in values:
            if isinstance(value, list):
                value.append(gap)
            elif isinstance(value, dict):
                value[gap] = gap
