"""How deep functions that call themselves are followed: as long as their arguments are new ones."""

import ast
from collections import Counter
from typing import TYPE_CHECKING, Any

from fabric_assets.lineage.values import Const, Function, Instance, Items, Mapping
from fabric_assets.lineage.work import spend

if TYPE_CHECKING:
    from fabric_assets.lineage.interpreter import Interpreter

_MAX_CALLS = 300  # of one function within itself
_MAX_PARTS = 50  # of an argument that is compared
_MAX_NESTING = 4


class Recursions:
    """The arguments of calls that are being followed within calls of the same function."""

    def __init__(self) -> None:
        self._arguments: list[Any] = []
        self._deep: Counter[ast.AST] = Counter()
        self._began: dict[ast.AST, int] = {}

    def enters(self, interpreter: "Interpreter", function: Function, names: dict[str, Any]) -> bool:
        """Whether a call is followed, which then lasts until ``leave``; that it is not may be reported.

        Args:
            interpreter: follows the others.
            function: that is called.
            names: its arguments.
        """
        node, session, deepest = function.node, interpreter.session, interpreter.max_recursion
        depth = interpreter.call_stack.count(node)
        if depth == 0:
            self._began[node] = session.notes
        kind = (node, *(_kind(value, 0) for value in names.values())) if depth else None
        if depth >= deepest:
            spend(len(self._arguments))
            if kind in self._arguments:
                return False
            self._deep[node] += 1
        if len(interpreter.call_stack) >= interpreter.max_depth or self._deep[node] > _MAX_CALLS:
            if session.notes > self._began[node]:
                session.gap(
                    f"not all calls of `{function.name}` within itself are followed: there are too many"
                )
            return False
        self._arguments.append(kind)
        return True

    def leave(self) -> None:
        """The last call that was entered is at its end."""
        self._arguments.pop()


def _kind(value: Any, nesting: int) -> Any:
    """Equal for arguments that lead to the same: a number that only counts is as good as another."""
    if isinstance(value, Const):
        is_counted = isinstance(value.value, int | float) and not isinstance(value.value, bool)
        return "number" if is_counted else value.value
    if isinstance(value, Instance):
        return id(value)
    if nesting < _MAX_NESTING and isinstance(value, Items) and len(value.items) <= _MAX_PARTS:
        return (value.kind, *(_kind(item, nesting + 1) for item in value.items))
    if nesting < _MAX_NESTING and isinstance(value, Mapping) and len(value.entries) <= _MAX_PARTS:
        return tuple((str(key), _kind(entry, nesting + 1)) for key, entry in value.entries.items())
    return type(value)
