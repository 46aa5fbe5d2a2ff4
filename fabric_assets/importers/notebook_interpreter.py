"""Follows an orchestrating notebook without guesses: where a value is not known, that is said.

Lineage takes the likely value and every way; here both ways of a condition that is not known are followed apart, and
merged into what is certain behind them.
"""

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from fabric_assets.importers.notebook_functions import (
    COUNTING,
    is_harmless,
    is_harmless_decorator,
    is_pool,
    is_unknown_name,
    is_worked_out,
    method_is_worked_out,
)
from fabric_assets.importers.notebook_state import State, merged, perhaps
from fabric_assets.importers.notebook_values import (
    LATER,
    ExitValue,
    Maybe,
    Plain,
    Pool,
    Undecided,
    gap_of,
    notebook_function,
    source,
)
from fabric_assets.lineage.calls import invoke
from fabric_assets.lineage.classes import member
from fabric_assets.lineage.config import LineageConfig
from fabric_assets.lineage.expressions import evaluate
from fabric_assets.lineage.interpreter import MAX_DEPTH, Flow, Interpreter
from fabric_assets.lineage.operations import described
from fabric_assets.lineage.session import Session
from fabric_assets.lineage.statements import STATEMENTS
from fabric_assets.lineage.tables import Catalog, NameResolver
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
    Scope,
    Text,
    Unknown,
)


class NotebookEndsError(Exception):
    """``notebook.exit`` was called: what stands behind it never runs."""


class Calls(Protocol):
    """Notes what the notebook starts, and in which order.

    Attributes:
        frontier: numbers of the calls that the next one follows.
        pool_sizes: sizes of the thread pools that start notebooks.
    """

    frontier: list[int]
    pool_sizes: set[int]

    def notebook_function(self, name: str, node: ast.AST, args: list[Any], options: dict[str, Any]) -> Any:
        """A function of ``notebookutils.notebook`` is called; gives what it returns."""
        ...

    def decided(self, taken: list[ast.stmt], other: list[ast.stmt], test: str) -> None:
        """Of two branches one is taken, as the test is decided."""
        ...

    def not_worked_out(self, statement: ast.AST, gap: Undecided) -> None:
        """A part is left out; what it starts is a gap."""
        ...


class NotebookInterpreter(Interpreter):
    """Lineage's interpreter without its guesses, for those who want to know what is started.

    Args:
        calls: notes what the notebook starts.
        budget: how much is worked out, in steps of about ten microseconds.

    Attributes:
        read_names: names that were read from the notebook's outermost scope.
        doubt: why it is not known how often what is followed now happens.
        reasons: why there may be more in a list or dictionary.
    """

    max_items = 50_000
    max_recursion = MAX_DEPTH
    guesses = False

    def __init__(self, calls: Calls, budget: int) -> None:
        session = Session(NameResolver(Catalog()), LineageConfig(), max_steps=budget)
        super().__init__(session, evaluate, {**STATEMENTS, **_STATEMENTS}, invoke, lambda *_: None)
        self.calls = calls
        self.read_names: set[str] = set()
        self.reasons: dict[Any, Undecided] = {}
        self.doubt: Undecided | None = None
        self.scope.names["__name__"] = Const("__main__")
        self._frames = [self.scope]
        self._condition: str | None = None
        self._late: list[tuple[Scope, str]] = []
        self._loop_in_doubt: Undecided | None = None
        self._gaps: list[Undecided | None] = []
        self._nodes: list[ast.Call] = []
        self._place, self._first_line = "", 0
        self._homes: dict[ast.AST, tuple[str, int]] = {}

    def run_cell(self, tree: ast.Module, place: str, first_line: int) -> None:
        """Execute a cell.

        Args:
            tree: its syntax tree.
            place: the cell, for messages.
            first_line: what to add to its line numbers, for messages.

        Raises:
            NotebookEndsError: the notebook ends in this cell.
            BudgetExceededError: it computes too much.
        """
        self._place, self._first_line = place, first_line
        self._condition = self.doubt = self._loop_in_doubt = None
        self._late, self._gaps, self._nodes = [], [], []
        if self.run(tree.body) is Flow.EXIT:
            raise NotebookEndsError

    def forget(self, tree: ast.AST, gap: Undecided, budget: int) -> None:
        """After a cell that was not worked out to its end: what it sets or changes is not known; start anew.

        Args:
            tree: the cell.
            gap: why it is not known.
            budget: how much may be worked out behind it.
        """
        self.session.steps = self.session.max_steps - budget
        for part in ast.walk(tree):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store | ast.Del):
                self.scope.names[part.id] = gap
            elif isinstance(part, ast.Name):
                self._may_have_more([self.scope.names.get(part.id)], gap)

    # -- for messages

    def where(self, node: ast.AST) -> str:
        """The place of a node for a person."""
        place, first_line = self._home()
        line = getattr(node, "lineno", 0) + first_line
        return f"{place}, line {line}" if place else f"line {line}"

    def _home(self) -> tuple[str, int]:
        inner = self._homes.get(self.call_stack[-1]) if self.call_stack else None
        return inner or (self._place, self._first_line)

    def make_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, name: str) -> Function:
        """The function as a value; its place is kept."""
        self._homes[node] = self._home()
        return super().make_function(node, name)

    def undecided(self, node: ast.AST, reason: str) -> Undecided:
        """A value that is not known, with its place."""
        return Undecided(reason, where=self.where(node))

    def plain(self, value: Any, node: ast.AST) -> Any:
        """Plain Python of a value, with an ``Undecided`` for what is not known."""
        return Plain(self.where(node), self.reasons).of(value)

    # -- conditions and doubts

    @property
    def condition(self) -> str | None:
        """Why what is followed now may not happen at all, ``None`` if it does happen."""
        late = [reason for scope, reason in self._late if any(scope is frame for frame in self._frames)]
        return self._condition or (late[-1] if late else None)

    def enter(self, scope: Scope) -> Scope:
        """Make a scope current; the former one is returned."""
        if len(self._frames) > 1 and scope is self._frames[-2]:
            self._frames.pop()
        else:
            self._frames.append(scope)
        return super().enter(scope)

    def spend(self, steps: int) -> None:
        """Count work.

        Raises:
            BudgetExceededError: it was too much.
        """
        self.session.steps += steps
        self.session.step()

    def _state(self) -> State:
        state = State([*self._frames, self.scope])
        self.spend(state.size // 10)
        return state

    def _may_have_more(self, values: Iterable[Any], gap: Undecided) -> None:
        for value in values:
            if isinstance(value, Items | Mapping):
                value.complete = False
                self.reasons.setdefault(value, gap)

    def branch(self, bodies: Sequence[Callable[[], Flow]], branching: int | None = None) -> Flow:
        """Follow several ways of which it is not known which one is taken."""
        return self.either(Undecided(f"it depends on a value that is {LATER}", where=self._place), bodies)

    def either(
        self, gap: Undecided, bodies: Sequence[Callable[[], Flow]], *, keep_first: bool = False
    ) -> Flow:
        """Follow several ways of which the notebook takes one, and keep what is known behind all of them.

        Args:
            gap: why it is not known which one.
            bodies: the ways.
            keep_first: keep what is known behind the first; of the others only their calls count.
        """
        state = self._state()
        condition, start = self._condition, list(self.calls.frontier)
        returned, yielded = len(self.returned), len(self.yielded)
        self._condition = gap.reason
        ends = []
        for body in bodies:
            self.calls.frontier = list(start)
            flow = self._followed(body)
            values = [value for _, value in self.returned[returned:]]
            ends.append((flow, state.changes(), self.calls.frontier, values))
            del self.returned[returned:]
            state.restore()
        self._condition = condition
        self.yielded[yielded:] = [perhaps(value, gap) for value in self.yielded[yielded:]]
        going = [end for end in ends if end[0] not in (Flow.RAISE, Flow.EXIT)]
        if not going:
            if all(flow is Flow.EXIT for flow, *_ in ends):
                raise NotebookEndsError
            return Flow.RAISE
        if keep_first and going[0] is ends[0]:
            going = going[:1]
        state.apply([changes for _, changes, _, _ in going], gap)
        self.calls.frontier = list(dict.fromkeys(number for _, _, last, _ in going for number in last))
        return self._left(
            gap, [flow for flow, *_ in going], [value for *_, values in going for value in values]
        )

    def _followed(self, body: Callable[[], Flow]) -> Flow:
        try:
            return body()
        except NotebookEndsError:
            return Flow.EXIT

    def _left(self, gap: Undecided, flows: list[Flow], values: list[Any]) -> Flow:
        """How the ways go on that were followed side by side."""
        if len(set(flows)) == 1:
            if values:
                result = values[0]
                for value in values[1:]:
                    result = merged(result, value, gap)
                self.returned.append((frozenset(), result))
            return flows[0]
        if values:
            self.returned.append((frozenset(), gap))
        if Flow.BREAK in flows:
            self._loop_in_doubt = gap
            return Flow.BREAK
        self._late.append((self.scope, gap.reason))  # the function, or this round of the loop, may have ended
        return Flow.NEXT if Flow.NEXT in flows else Flow.CONTINUE

    @contextmanager
    def in_doubt(self, value: Any) -> Iterator[None]:
        """What is followed in this context may happen any number of times, or never: that depends on the value."""
        reason = gap_of(value, "").reason
        with self._often(Undecided(f"how often it happens is {LATER}: {reason}", where=self._place)):
            yield

    @contextmanager
    def _often(self, gap: Undecided) -> Iterator[None]:
        state = self._state()
        doubt, start = self.doubt, list(self.calls.frontier)
        returned, yielded = len(self.returned), len(self.yielded)
        self.doubt = doubt or gap
        try:
            yield
        except NotebookEndsError:
            pass
        finally:
            self.doubt = doubt
        changes = state.changes()
        state.restore()
        self._may_have_more(state.spoil(changes, gap), gap)
        self.calls.frontier = start
        if len(self.returned) > returned:
            self.returned[returned:] = [(frozenset(), gap)]
            self._late.append((self.scope, gap.reason))
        if len(self.yielded) > yielded:
            self.yielded[yielded:] = []
            self.yielded_all = False

    def perhaps(self, item: Any, value: Any) -> Any:
        """An item of a collection that is in it or not, as the value decides."""
        return perhaps(item, gap_of(value, self._place))

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
        with self._often(self.undecided(node, text)):
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
        known = self._known(node.test)
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
        return gap_of(self.reasons.get(iterable, iterable) if _holds(iterable) else iterable, self._place)

    def decided(self, value: Any) -> bool | None:
        """Whether a condition holds, ``None`` if that depends on the run."""
        if isinstance(value, Items) and value.items and all(isinstance(i, Maybe) for i in value.items):
            return None
        return super().decided(value)

    # -- calls

    def called(self, function: Any, arguments: list[Any], keywords: dict[str, Any]) -> Any | None:
        """The value of a call that starts a notebook or that is not worked out, ``None`` for all others."""
        node: ast.AST = self._nodes[-1] if self._nodes else ast.Pass(lineno=0)
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
            gap = next((a for a in arguments[:1] if isinstance(a, Unknown)), None)
            if gap is None or not isinstance(function.owner, Mapping):
                return None
            if function.name in ("pop", "setdefault"):
                self._may_have_more([function.owner], gap_of(gap, self.where(node)))
            return gap_of(gap, self.where(node)) if function.name in ("get", "pop", "setdefault") else None
        if isinstance(function, Instance) and member(self, function, "__call__") is not None:
            return None
        return self._stranger(node, function, arguments, keywords)

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
        if is_harmless(function.name):
            return self.undecided(node, f"{source(node)} is not worked out")
        if not is_worked_out(function.name, keywords):
            return self._stranger(node, function, arguments, keywords)
        items = [item for value in arguments if isinstance(value, Items) for item in value.items]
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
            self._may_have_more(given, self.undecided(node, f"{called.id}() may change it"))
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

    # -- statements

    def run(self, statements: Iterable[ast.stmt]) -> Flow:
        """Run statements one after the other; how they end."""
        body = list(statements)
        for index, statement in enumerate(body):
            self.session.step()
            self._gaps.append(None)
            try:
                if isinstance(statement, ast.If):
                    flow, is_last = self._if(statement, body[index + 1 :])
                    if is_last:
                        return flow
                else:
                    flow = self._statement(statement)
            finally:
                self._gaps.pop()
            if flow is not Flow.NEXT:
                return flow
        return Flow.NEXT

    def _known(self, test: ast.expr) -> bool | Undecided:
        value = self.evaluate(test)
        known = self.decided(value)
        if known is not None:
            return known
        reason = value.reason if isinstance(value, Unknown) else f"{source(test)} is {LATER}"
        return self.undecided(test, f"it depends on 'if {source(test)}': {reason}")

    def _if(self, node: ast.If, rest: list[ast.stmt]) -> tuple[Flow, bool]:
        """How an ``if`` ends, and whether the rest of the block was followed with it."""
        known = self._known(node.test)
        body, orelse = node.body, node.orelse
        if not isinstance(known, Undecided):
            taken, other = (body, orelse) if known else (orelse, body)
            self.calls.decided(taken, other, f"'{source(node.test)}' is {known}")
            return self.run(taken), False
        is_last = _leaves(body) != _leaves(orelse)
        if is_last and _leaves(body):
            orelse = [*orelse, *rest]  # what follows belongs to the branch that goes on
        elif is_last:
            body = [*body, *rest]
        return self.either(known, [lambda: self.run(body), lambda: self.run(orelse)]), is_last

    def round(self, body: list[ast.stmt]) -> Flow:
        """Follow the body of a loop once; ``Flow.NEXT`` if the loop goes on."""
        late = len(self._late)
        flow = self.run(body)
        if flow is Flow.CONTINUE:
            flow = Flow.NEXT
        if flow is Flow.NEXT:
            del self._late[late:]
        return flow

    def ends_in_doubt(self, again: Callable[[], Any]) -> None:
        """Behind a ``break`` that may have been taken or not: the rest of the loop may have happened."""
        gap, self._loop_in_doubt = self._loop_in_doubt, None
        if gap is not None:
            with self._often(gap):
                again()

    def often(self, gap: Undecided, body: Callable[[], Any]) -> None:
        """Follow the body of a loop of which it is not known how often it runs."""
        with self._often(gap):
            body()
        self._loop_in_doubt = None


_POOL_METHODS = frozenset(
    {"submit", "map", "map_async", "imap", "imap_unordered", "starmap", "starmap_async", "apply_async"}
)


def _holds(value: Any) -> bool:
    return isinstance(value, Items | Mapping)


def _leaves(body: list[ast.stmt]) -> bool:
    """Whether a block ends by leaving the function or the loop around it."""
    return bool(body) and isinstance(body[-1], ast.Return | ast.Break | ast.Continue)


def _for(interpreter: NotebookInterpreter, node: ast.For) -> Flow:
    iterable = interpreter.evaluate(node.iter)
    items, complete = interpreter.iterate(iterable)

    def once(item: Any) -> Flow:
        interpreter.assign(node.target, item)
        return interpreter.round(node.body)

    for item in items:
        interpreter.spend(1)
        if isinstance(item, Maybe):
            gap, value = interpreter.undecided(node, item.reason), item.value
            flow = interpreter.either(gap, [lambda value=value: once(value), lambda: Flow.NEXT])  # type: ignore[misc]
        else:
            flow = once(item)
        if flow is Flow.BREAK:
            interpreter.ends_in_doubt(lambda: once(interpreter.element(iterable)))
            return Flow.NEXT
        if flow is not Flow.NEXT:
            return flow
    if not complete:
        gap = gap_of(interpreter.element(iterable), interpreter.where(node.iter))
        reason = f"it comes from a loop over values that are not in the notebook: {gap.reason}"
        rest = Undecided(reason, where=gap.where)
        interpreter.often(rest, lambda: once(interpreter.element(iterable)))
    return interpreter.run(node.orelse)


def _while(interpreter: NotebookInterpreter, node: ast.While) -> Flow:
    while True:
        interpreter.spend(1)
        value = interpreter.evaluate(node.test)
        known = interpreter.decided(value)
        if known is False:
            return interpreter.run(node.orelse)
        if known is None:
            gap = gap_of(value, interpreter.where(node.test))
            reason = f"it comes from a loop that ends under a condition that is not known: {gap.reason}"
            interpreter.often(Undecided(reason, where=gap.where), lambda: interpreter.round(node.body))
            return interpreter.run(node.orelse)
        flow = interpreter.round(node.body)
        if flow is Flow.BREAK:
            interpreter.ends_in_doubt(lambda: interpreter.round(node.body))
            return Flow.NEXT
        if flow is not Flow.NEXT:
            return flow


def _with(interpreter: NotebookInterpreter, node: ast.With | ast.AsyncWith) -> Flow:
    flow = STATEMENTS[ast.With](interpreter, node)
    named = [part for item in node.items for part in (item.context_expr, item.optional_vars)]
    for pool in [interpreter.lookup(part.id) for part in named if isinstance(part, ast.Name)]:
        if isinstance(pool, Pool) and pool.calls:
            interpreter.calls.frontier = list(pool.calls)
    return flow


def _try(interpreter: NotebookInterpreter, node: ast.Try) -> Flow:
    started = list(interpreter.calls.frontier)
    flow = interpreter.run(node.body)
    if flow is Flow.RAISE and len(node.handlers) == 1:
        flow = _handler(interpreter, node.handlers[0])
    else:
        for handler in node.handlers:
            gap = interpreter.undecided(handler, "it depends on whether something fails")
            left = interpreter.either(
                gap,
                [lambda: Flow.NEXT, lambda handler=handler: _handler(interpreter, handler)],  # type: ignore[misc]
                keep_first=interpreter.calls.frontier != started,  # what follows a call follows its success
            )
            flow = left if flow is Flow.NEXT or (flow is Flow.RAISE and left is Flow.NEXT) else flow
    if flow is Flow.NEXT:
        flow = interpreter.run(node.orelse)
    final = interpreter.run(node.finalbody)
    return final if final is not Flow.NEXT else flow


def _handler(interpreter: NotebookInterpreter, handler: ast.ExceptHandler) -> Flow:
    if handler.name:
        interpreter.bind(handler.name, interpreter.undecided(handler, "it is an error"))
    return interpreter.run(handler.body)


def _function(interpreter: NotebookInterpreter, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Flow:
    for decorator in node.decorator_list:
        root: ast.expr = decorator
        while isinstance(root, ast.Attribute | ast.Call):
            root = root.func if isinstance(root, ast.Call) else root.value
        known = interpreter.lookup(root.id) if isinstance(root, ast.Name) else None
        is_own = isinstance(known, Function | ClassValue | Partial | Instance)
        if not is_own and not is_harmless_decorator(decorator):
            gap = interpreter.undecided(node, f"the function {node.name} is decorated")
            interpreter.calls.not_worked_out(node, gap)
            interpreter.bind(node.name, gap)
            return Flow.NEXT
    return STATEMENTS[ast.FunctionDef](interpreter, node)


_STATEMENTS: dict[type, Callable[[Any, Any], Flow]] = {
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
}
