"""Follows the statements of Python cells in program order, with what is known about each name."""

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from enum import Enum, auto
from itertools import count
from typing import Any

from fabric_assets.lineage.plain import items_of
from fabric_assets.lineage.possibilities import one_of, options_of
from fabric_assets.lineage.recursion import Recursions
from fabric_assets.lineage.regular_expressions import Match
from fabric_assets.lineage.session import Session
from fabric_assets.lineage.surroundings import Surroundings
from fabric_assets.lineage.values import (
    ClassValue,
    Const,
    Function,
    Instance,
    Items,
    Mapping,
    OneOf,
    Partial,
    Scope,
    Text,
    Unknown,
)
from fabric_assets.lineage.work import spend, weight_of

MAX_DEPTH = 25
_CERTAIN = nullcontext()


class Flow(Enum):
    """How a block of statements ends."""

    NEXT = auto()
    BREAK = auto()
    CONTINUE = auto()
    RETURN = auto()
    RAISE = auto()
    EXIT = auto()


class Interpreter:
    """Runs statements on abstract values.

    Attributes:
        max_items: of a collection or a loop; what comes after them is not known.
        max_recursion: so often a function is followed within itself, more often only with new arguments.
        max_depth: calls of functions within each other that are followed.
        guesses: where a value is not certain, take the likely one.
        session: takes the notes.
        scope: the names that are visible now.
        run_notebook: follows ``%run``: takes name and parameters.
    """

    max_items = 300
    max_recursion = 2
    max_depth = MAX_DEPTH
    guesses = True

    def __init__(
        self,
        session: Session,
        evaluate: Callable[["Interpreter", ast.expr], Any],
        statements: dict[type, Callable[["Interpreter", Any], Flow]],
        invoke: Callable[["Interpreter", Any, list[Any], dict[str, Any]], Any],
        run_notebook: Callable[["Interpreter", str], None],
    ) -> None:
        self.session = session
        self.scope = Scope({})
        self.run_notebook = run_notebook
        self.returned: list[tuple[Any, Any]] = []
        self.yielded: list[Any] = []
        self.yielded_all = True  # none was left out or came from a branch that may not be taken
        self.yield_branches: dict[int, int] = {}
        self.at_yield: Surroundings | None = None  # when a function yielded first
        self.made_class: ClassValue | None = None  # by the metaclass that is followed
        self.exits: list[tuple[Surroundings, Surroundings]] = []  # of context managers: before and after
        self.call_stack: list[ast.AST] = []
        self.recursions = Recursions()
        self.followed: Counter[ast.AST] = Counter()
        self.owners: list[ClassValue | None] = []
        self.pinned = 0  # inside a function or a notebook that was included: the line of the call counts
        self.first_line = 1
        self._evaluate = evaluate
        self._invoke = invoke
        self._statements = statements
        self._branchings = count(1)
        self._conditions: dict[tuple[Any, ...], tuple[int, list[Any]]] = {}
        self.loop_depth = 0

    # -- names

    def evaluate(self, node: ast.expr) -> Any:
        """The value of an expression."""
        self.session.step()
        if not self.pinned:
            self.session.line = self.first_line + node.lineno - 1
        value = self._evaluate(self, node)
        spend(weight_of(value))
        return value

    def invoke(self, function: Any, arguments: list[Any], keywords: dict[str, Any] | None = None) -> Any:
        """The value of a call that a library makes, such as that of a callback."""
        return self._invoke(self, function, arguments, keywords or {})

    def called(self, function: Any, arguments: list[Any], keywords: dict[str, Any]) -> Any | None:
        """The value of a call; ``None``: it is followed as any other. For those who want to know of calls."""
        return None

    def in_doubt(self, value: Any) -> AbstractContextManager[None]:
        """What is followed in this context may happen any number of times, or never: that depends on the value."""
        return _CERTAIN

    def perhaps(self, item: Any, value: Any) -> Any:
        """An item of a collection that is in it or not, as the value decides."""
        return item

    def item_of(self, item: Any) -> tuple[Any, Any | None]:
        """An item of a collection, and the value that decides whether it is there (``None``: it is)."""
        return item, None

    def special(self, owner: Any, name: str, *arguments: Any) -> Any | None:
        """The value of a special method of an object of the notebook, ``None`` if its class has none of its own."""
        if not isinstance(owner, Instance) or owner.cls is None or owner.cls.is_enumeration:
            return None
        method = owner.cls.lookup(name)
        if not isinstance(method, Function | Partial):
            return None
        if isinstance(method, Function) and method.node in self.call_stack:
            return None  # such as a `__getattr__` that asks for an attribute of its own object
        return self.invoke(method, [owner, *arguments])

    def lookup(self, name: str) -> Any | None:
        """The value of a name, ``None`` if it has none."""
        scope: Scope | None = self.scope
        while scope is not None:
            if name in scope.names and not (name in scope.globals_declared and scope.outer is not None):
                return self._still_possible(scope.names[name])
            scope = scope.outer
        return None

    def _still_possible(self, value: Any) -> Any:
        if not isinstance(value, OneOf) or not self.session.branches:
            return value
        taken = self.session.branches
        options = [
            (guard, option)
            for guard, option in value.options
            if all(taken.get(branching, branch) == branch for branching, branch in guard)
        ]
        return one_of(options) if options else value

    def bind(self, name: str, value: Any) -> None:
        """Give a name a value."""
        if name in self.scope.globals_declared:
            self.scope.root().names[name] = value
            return
        scope = self.scope
        if name in scope.nonlocals_declared:
            while scope.outer is not None and (scope is self.scope or name not in scope.names):
                scope = scope.outer
        scope.names[name] = value

    # -- statements

    def run(self, statements: Iterable[ast.stmt]) -> Flow:
        """Run statements one after the other; the kind of end of the last one that was reached."""
        for statement in statements:
            self.session.step()
            if not self.pinned:
                self.session.line = self.first_line + statement.lineno - 1
            flow = self._statement(statement)
            if flow is not Flow.NEXT:
                return flow
        return Flow.NEXT

    def _statement(self, node: ast.stmt) -> Flow:
        handler = self._statements.get(type(node))
        return handler(self, node) if handler is not None else Flow.NEXT

    def make_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, name: str) -> Function:
        """The function as a value, its defaults evaluated now."""
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        defaults = {}
        if arguments.defaults:
            for argument, default in zip(
                positional[-len(arguments.defaults) :], arguments.defaults, strict=True
            ):
                defaults[argument.arg] = self.evaluate(default)
        for argument, keyword_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if keyword_default is not None:
                defaults[argument.arg] = self.evaluate(keyword_default)
        decorators = getattr(node, "decorator_list", [])
        names = tuple(
            ast.unparse(d.func if isinstance(d, ast.Call) else d).rpartition(".")[2] for d in decorators
        )
        return Function(node, self.scope, name, defaults, decorators=names)

    # -- branches

    def decided(self, value: Any) -> bool | None:
        """Whether a condition holds, ``None`` if that depends on the run."""
        results = set()
        for _, option in options_of(value):
            if isinstance(option, Const) and not option.overridable:
                results.add(bool(option.value))
            elif isinstance(option, Items | Mapping) and (option.complete or _size(option)):
                results.add(bool(_size(option)))
            elif isinstance(option, Instance) and option.cls is not None and _has_truth(option.cls):
                return None
            elif isinstance(option, Function | ClassValue | Instance | Match) or _has_text(option):
                results.add(True)
            else:
                return None
        return results.pop() if len(results) == 1 else None

    def branching(self, test: ast.expr) -> int:
        """One number for the same condition on the same values, so that two ``if`` agree."""
        names = sorted({n.id for n in ast.walk(test) if isinstance(n, ast.Name)})
        if any(isinstance(n, ast.Call) for n in ast.walk(test)):
            return next(self._branchings)
        values = [self.lookup(name) for name in names]
        key = (ast.dump(test), *(id(value) for value in values))
        # The values are kept, or their ids could come again for others.
        number, _ = self._conditions.setdefault(key, (next(self._branchings), values))
        return number

    def branch(self, bodies: Sequence[Callable[[], Flow]], branching: int | None = None) -> Flow:
        """Follow several ways from here and put together what they lead to."""
        number = next(self._branchings) if branching is None else branching
        taken = self.session.branches
        if number in taken:
            return bodies[min(taken[number], len(bodies) - 1)]()
        root = self.scope.root()
        spend((len(self.scope.names) + len(root.names)) * len(bodies) >> 4)
        before, before_root = dict(self.scope.names), dict(root.names)
        views = dict(self.session.views)
        ends: list[tuple[int, Flow, dict[str, Any], dict[str, Any]]] = []
        all_views = dict(views)
        for position, body in enumerate(bodies):
            self.scope.names, root.names = dict(before), dict(before_root)
            if root is self.scope:
                root.names = self.scope.names
            self.session.views = dict(views)
            self.session.branches = {**taken, number: position}
            try:
                flow = body()
            finally:
                self.session.branches = taken
            ends.append((position, flow, self.scope.names, root.names))
            all_views.update(self.session.views)
        self.session.views = all_views
        going = [end for end in ends if end[1] is Flow.NEXT] or ends
        self.scope.names = self._merged(number, before, [(p, names) for p, _, names, _ in going])
        if root is self.scope:
            root.names = self.scope.names
        else:
            root.names = self._merged(number, before_root, [(p, names) for p, _, _, names in going])
        flows = {flow for _, flow, _, _ in ends}
        if Flow.NEXT in flows:
            return Flow.NEXT
        for flow in (Flow.CONTINUE, Flow.BREAK, Flow.RETURN, Flow.RAISE):
            if flow in flows:
                return flow
        return Flow.EXIT

    def _merged(
        self, number: int, before: dict[str, Any], branches: list[tuple[int, dict[str, Any]]]
    ) -> dict[str, Any]:
        if len(branches) == 1:
            return branches[0][1]
        merged: dict[str, Any] = {}
        for _, names in branches:
            for name in names:
                if name in merged:
                    continue
                values = [(position, other[name]) for position, other in branches if name in other]
                first = values[0][1]
                if all(value is first for _, value in values):
                    merged[name] = first
                else:
                    merged[name] = one_of([(frozenset({(number, p)}), value) for p, value in values])
        return merged

    # -- loops

    def element(self, iterable: Any) -> Any:
        """What is known about an item of something whose items are not known."""
        if isinstance(iterable, Unknown):
            return Unknown(iterable.reason)
        return Unknown("an item of a collection that is only known when the notebook runs")

    def unknown_loop(
        self, body: Sequence[ast.stmt], orelse: Sequence[ast.stmt], prepare: Callable[[], None]
    ) -> Flow:
        """Follow the body of a loop whose iterations are not known; `prepare` sets its variable."""

        def once() -> Flow:
            prepare()
            flow = self.run(body)
            return Flow.NEXT if flow in (Flow.BREAK, Flow.CONTINUE) else flow

        # Twice, so that what one iteration leaves behind reaches the next; once where loops are nested deeply.
        self.loop_depth += 1
        try:
            for _ in range(2 if self.loop_depth <= 2 else 1):
                self.branch([once, lambda: Flow.NEXT])
        finally:
            self.loop_depth -= 1
        return self.run(orelse)

    def iterate(self, value: Any) -> tuple[list[Any], bool]:
        """The items of a value, and whether there are no more."""
        items: list[Any] = []
        complete = True
        for _, option in options_of(value):
            own = self.special(option, "__iter__")
            found, whole = items_of(option if own is None else own)
            items += found
            complete = complete and whole
        spend(len(items) >> 6)
        return items, complete

    def report_rest(self, notes: int, count: int, complete: bool) -> None:
        """Report that a collection has items that were not followed, if following the others noted anything.

        Args:
            notes: of the session before.
            count: of its items.
            complete: it has no more than these.
        """
        if self.session.notes == notes:
            return
        if count > self.max_items:
            self.session.gap(f"a loop over {count} items: only the first {self.max_items} are followed")
        elif not complete:
            self.session.gap(
                "a loop over a collection of which not all items are known: only those that are known are followed"
            )

    def enter(self, scope: Scope) -> Scope:
        """Make a scope current; the former one is returned."""
        former, self.scope = self.scope, scope
        return former


def _has_truth(cls: ClassValue) -> bool:
    """Whether the class says which of its objects are true."""
    return any(cls.lookup(name) is not None for name in ("__bool__", "__len__"))


def _has_text(value: Any) -> bool:
    return isinstance(value, Text) and any(isinstance(part, str) and part for part in value.parts)


def _size(value: Items | Mapping) -> int:
    return len(value.items) if isinstance(value, Items) else len(value.entries)
