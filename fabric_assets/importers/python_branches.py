"""Ways through a notebook that its source does not decide: both are worked out, and merged into what is known."""

import ast
from collections.abc import Callable
from typing import Any, Protocol, TypeGuard

from fabric_assets.importers.python_calls import CallExpressions
from fabric_assets.importers.python_expressions import Caller
from fabric_assets.importers.python_values import Function, Scope, Undecided, copied, merged

_CHANGES = frozenset(
    ("add", "append", "clear", "extend", "insert", "pop", "remove", "reverse", "setdefault", "sort", "update")
)


class NotebookEndsError(Exception):
    """``notebook.exit`` was called: what stands behind it never runs."""


class Calls(Caller, Protocol):
    """Notes what the notebook starts, and in which order."""

    frontier: list[int]

    pool_sizes: set[int]

    def condition(self, reason: str | None) -> str | None:
        """From now on calls are made only under this condition; gives the one before."""
        ...

    def decided(self, taken: list[ast.stmt], other: list[ast.stmt], test: str) -> None:
        """Of two branches one is taken, as the test is decided."""
        ...

    def not_worked_out(self, statement: ast.AST, gap: Undecided) -> None:
        """A statement is left out; what it starts is a gap."""
        ...


class ReturnSignal(Exception):  # noqa: N818 -- no error, the way out of a function
    """The way out of a function."""

    def __init__(self, value: Any) -> None:
        self.value = value


class LeaveSignal(Exception):  # noqa: N818 -- no error, the way out of a loop
    """The way out of a loop, or by an error; ``node`` says which."""

    def __init__(self, node: ast.stmt) -> None:
        self.node = node


class LoopInDoubtSignal(Exception):  # noqa: N818 -- no error, the loop is left out
    """It is not known whether a loop ends here."""

    def __init__(self, gap: Undecided) -> None:
        self.gap = gap


Way = ReturnSignal | LeaveSignal | None


class Branches(CallExpressions):
    """Keeps the variables of all functions that are under way, and merges them after two branches.

    Args:
        calls: notes what the notebook starts.
        budget: how much is worked out, in steps of about a microsecond to ten.
    """

    def __init__(self, calls: Calls, budget: int) -> None:
        super().__init__(calls, budget)
        self.calls = calls
        self.scope.names["__name__"] = "__main__"
        self.frames: list[Scope] = [self.scope]
        self.doubts: list[Undecided | None] = [None]

    def either(
        self, gap: Undecided, one: Callable[[], None], other: Callable[[], None], *, keep_one: bool = False
    ) -> None:
        """Execute two branches of which the notebook takes one, and keep what is known after either.

        Args:
            gap: why it is not known which one.
            one: a branch.
            other: the other branch.
            keep_one: keep what is known after ``one``; of ``other`` only its calls count.
        """
        memo: dict[int, Any] = {}
        saved = [copied(frame.names, memo) for frame in self.frames]
        self.spend(len(memo) + sum(len(part) for part in memo.values()) // 10)
        condition, start = self.calls.condition(gap.reason), list(self.calls.frontier)
        left = self._branch(one)
        names, frontier = [frame.names for frame in self.frames], self.calls.frontier
        self._set_names(saved)
        self.calls.frontier = list(start)
        other_left = self._branch(other)
        self.calls.condition(condition)
        if _stops(left):  # what follows is reached by the other branch only
            if other_left is not None:
                raise other_left
            return
        if keep_one or _stops(other_left):
            self._set_names(names)
            self.calls.frontier = frontier
            if left is not None:
                raise left
            return
        self.calls.frontier = list(dict.fromkeys([*frontier, *self.calls.frontier]))
        pairs: dict[tuple[int, int], Any] = {}
        for frame, kept in zip(self.frames, names, strict=True):
            every = dict.fromkeys([*kept, *frame.names])
            frame.names = {
                name: merged(kept.get(name, gap), frame.names.get(name, gap), gap, pairs) for name in every
            }
        self._leave_either(gap, left, other_left, pairs)

    def _leave_either(self, gap: Undecided, left: Way, other: Way, pairs: dict[tuple[int, int], Any]) -> None:
        if isinstance(left, ReturnSignal) and isinstance(other, ReturnSignal):
            raise ReturnSignal(merged(left.value, other.value, gap, pairs))
        if isinstance(left, ReturnSignal) or isinstance(other, ReturnSignal):
            self.doubts[-1] = gap  # the function may have ended here
            self.calls.condition(gap.reason)
            return
        nodes = [way.node for way in (left, other) if isinstance(way, LeaveSignal)]
        if any(isinstance(node, ast.Break) for node in nodes) and len(nodes) < 2:
            raise LoopInDoubtSignal(gap)
        if len(nodes) == 2:
            raise LeaveSignal(nodes[0])

    def _set_names(self, names: list[dict[str, Any]]) -> None:
        for frame, kept in zip(self.frames, names, strict=True):
            frame.names = kept

    def _branch(self, branch: Callable[[], None]) -> Way:
        try:
            branch()
        except (ReturnSignal, LeaveSignal) as left:
            return left
        except LoopInDoubtSignal:
            return LeaveSignal(ast.Break())
        except NotebookEndsError:
            return LeaveSignal(ast.Raise())
        return None

    def give_up(self, node: ast.AST, gap: Undecided) -> None:
        """Leave a statement out: what it sets or changes is not known any more."""
        self.calls.not_worked_out(node, gap)
        self._forget(node, gap, set())

    def forget(self, node: ast.AST, gap: Undecided, budget: int) -> None:
        """After a cell that was not worked out to its end: what it sets or changes is not known; start anew.

        Args:
            node: the cell.
            gap: why it is not known.
            budget: how much may be worked out behind it.
        """
        self._budget = budget
        self._forget(node, gap, set())

    def _forget(self, node: ast.AST, gap: Undecided, seen: set[int]) -> None:
        for part in ast.walk(node):
            self.spend()
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store | ast.Del):
                self.scope.names[part.id] = gap
            elif _changes(part):
                self._spoil_value(part.value, gap)
            elif isinstance(part, ast.Name):
                function = self.evaluate(part)
                if isinstance(function, Function) and id(function) not in seen:
                    seen.add(id(function))
                    inside, self.scope = self.scope, Scope(outer=function.closure)
                    self._forget(function.node, gap, seen)
                    self.scope = inside

    def _spoil_value(self, node: ast.expr, gap: Undecided) -> None:
        """Mark what a method or an assignment may have changed, such as ``DAG["activities"].append``."""
        value = self.evaluate(node)
        if isinstance(value, list | dict) and not any(entry is gap for entry in value):
            self.spoil([value], gap)


def _stops(way: Way) -> bool:
    return isinstance(way, LeaveSignal) and isinstance(way.node, ast.Raise)


def _changes(node: ast.AST) -> TypeGuard[ast.Subscript | ast.Attribute]:
    """Whether it changes what it belongs to: ``x[...] = ``, ``x.append``."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.ctx, ast.Store | ast.Del)
    return isinstance(node, ast.Attribute) and node.attr in _CHANGES
